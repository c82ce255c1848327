/* The page of the morning: the verdict, what to do, what is safe, what ran. */
#include "report/morning.h"

#include "base/mem.h"

#include <string.h>

enum { FAILURES_OPEN = 10 };

static enum config_language language_of(const struct page *page)
{
    return page_lang(page) == PAGE_JA ? CONFIG_LANGUAGE_JA : CONFIG_LANGUAGE_EN;
}

static enum page_state state_of(const struct notice_cause *cause)
{
    return cause->kind <= NOTICE_OVERDUE ? PAGE_BAD : cause->kind == NOTICE_REMINDER ? PAGE_UNKNOWN : PAGE_WARN;
}

/* ---- Figures at the top ---- */

static void count_figures(const struct morning *morning, const char *day, struct morning_figures *ret)
{
    *ret = (struct morning_figures){.tenants = morning->status.count};
    for (size_t i = 0; i < morning->status.count; i++) {
        const struct hikae_tenant_status *tenant = &morning->status.tenants[i];
        bool safe = morning->why == NULL && morning_is_safe(morning, tenant);
        ret->in_time += !tenant->overdue && (tenant->last_success_ns != 0 || tenant->next_due_ns == 0);
        ret->safe += safe;
        if (safe && (ret->oldest_ns == 0 || tenant->last_success_ns < ret->oldest_ns)) {
            ret->oldest_ns = tenant->last_success_ns;
            ret->oldest = tenant->name;
        }
    }
    for (size_t i = 0; i < morning->status.target_count; i++)
        ret->up += morning->status.targets[i].up;
    for (size_t i = 0; i < morning->reviews.count; i++)
        if (strcmp(morning->reviews.reviews[i].period, day) == 0 &&
            strcmp(morning->reviews.reviews[i].of, "backups") == 0)
            ret->look = &morning->reviews.reviews[i];
}

/* "998 of 1,000", good only if it is all of them. */
static void tile_part(struct page *page, struct page_text name, uint64_t part, uint64_t all, enum page_state otherwise)
{
    char count[PAGE_SMALL], total[PAGE_SMALL];
    page_tile(page, all == 0 ? PAGE_PLAIN : part == all ? PAGE_GOOD : otherwise, name);
    page_say(page, PAGE_TEXT("{1} of {2}", "{1} / {2}"), page_format_count(part, count), page_format_count(all, total));
}

/* "all 4", "3 of 4", "unknown". */
static void tile_tenants(struct page *page, const struct morning *morning, struct page_text name, uint64_t part)
{
    if (morning->why == NULL) {
        tile_part(page, name, part, morning->status.count, PAGE_BAD);
        return;
    }
    page_tile(page, PAGE_UNKNOWN, name);
    page_say(page, PAGE_TEXT("unknown", "不明"));
}

static void draw_tiles(struct page *page, const struct morning *morning, const struct morning_figures *figures)
{
    char text[PAGE_SMALL];
    uint64_t open = morning->status.incidents + morning->status.nonconformities;
    page_tiles(page);
    tile_tenants(page, morning, PAGE_TEXT("Backed up in time", "予定どおり取得"), figures->in_time);
    tile_tenants(page, morning, PAGE_TEXT("Can be restored", "復元可能"), figures->safe);
    tile_part(page, PAGE_TEXT("Targets answer", "応答中の保存先"), figures->up, morning->status.target_count, PAGE_BAD);
    page_tile(page,
              morning->run.failed > 0 ? PAGE_BAD
              : morning->run.ended    ? PAGE_GOOD
                                      : PAGE_WARN,
              PAGE_TEXT("Jobs failed", "失敗したジョブ"));
    page_plain(page, morning->run.ended ? page_format_count(morning->run.failed, text) : NULL);
    page_tile(page,
              morning->why != NULL ? PAGE_UNKNOWN
              : open > 0           ? PAGE_WARN
                                   : PAGE_GOOD,
              PAGE_TEXT("Incidents and nonconformities", "インシデント・不適合"));
    page_plain(page, morning->why == NULL ? page_format_count(open, text) : NULL);
    page_tile(page, figures->look != NULL ? PAGE_GOOD : PAGE_UNKNOWN, PAGE_TEXT("Looked at by", "確認者"));
    page_plain(page, figures->look != NULL ? figures->look->who : NULL);
    if (figures->look == NULL && morning->why == NULL) {
        page_aside(page);
        page_say(page, PAGE_TEXT("nobody yet", "未確認"));
        page_aside_end(page);
    }
    page_tiles_end(page);
}

/* ---- What to do ---- */

static void draw_cause(struct page *page, const struct morning *morning, const struct notice_cause *cause)
{
    struct error ignored = {0};
    const char *todo = notice_cause_todo(cause, language_of(page));
    CLEANUP_FREE char *text = NULL;
    page_note(page, state_of(cause));
    page_paragraph(page);
    bool told = notice_cause_write(cause, language_of(page), morning->zone, &text, &ignored) == 0;
    page_plain(page, told ? text : cause->detail);
    page_paragraph_end(page);
    if (notice_cause_has_message(cause)) {
        page_aside(page);
        page_english(page, cause->detail);
        page_aside_end(page);
    }
    if (todo != NULL) {
        page_aside(page);
        page_say(page, PAGE_TEXT("Do: ", "対応: "));
        page_say(page, ((struct page_text){todo, todo}));
        page_aside_end(page);
    }
    page_note_end(page);
}

/* The first thing to be read: is anything wrong, and how much is safe all the same? */
static void draw_verdict(struct page *page, const struct morning *morning, const struct morning_figures *figures)
{
    char count[PAGE_SMALL], safe[PAGE_SMALL], all[PAGE_SMALL];
    bool all_safe = figures->safe == figures->tenants;
    enum page_state worst = PAGE_GOOD;
    for (size_t i = 0; i < morning->causes.count; i++)
        worst = state_of(&morning->causes.items[i]) == PAGE_BAD ? PAGE_BAD : worst == PAGE_BAD ? worst : PAGE_WARN;
    /* Where nothing ever ran, that nothing failed says nothing. */
    bool idle = morning->causes.count == 0 && (figures->tenants == 0 || !morning->run.found);
    page_note(page, idle ? PAGE_WARN : worst);
    page_paragraph(page);
    page_say(page,
             idle && figures->tenants == 0 ? PAGE_TEXT("There are no tenants yet: nothing is backed up.",
                                                       "テナントがまだないため、何もバックアップされていません。")
             : idle                        ? PAGE_TEXT("No nightly run is on record: is its timer on?",
                                                       "夜間実行の記録がありません。タイマーが有効か確認してください。")
             : morning->causes.count == 0
                 ? PAGE_TEXT("Nothing failed, nothing is late.", "失敗・遅れはありません。")
                 : PAGE_TEXT("{1|thing|things} to look at, worst first.", "確認事項が {1} 件あります（重要な順）。"),
             page_format_count(morning->causes.count, count));
    if (morning->why != NULL)
        page_say(page,
                 PAGE_TEXT(" The store cannot be reached: what is safe is not known. What stands here is what this "
                           "machine remembers.",
                           "ストアに接続できないため、復元可能な範囲は不明です。"
                           "以下はこのホストに残る記録です。"));
    else if (figures->tenants > 0)
        page_say(page,
                 all_safe ? PAGE_TEXT(" All {2|tenant|tenants} can be restored.", "全 {2} テナントを復元できます。")
                          : PAGE_TEXT(" {1} of {2|tenant|tenants} can be restored.",
                                      "{2} テナント中 {1} テナントを復元できます。"),
                 page_format_count(figures->safe, safe), page_format_count(figures->tenants, all));
    page_paragraph_end(page);
    page_note_end(page);
}

static void draw_now(struct page *page, const struct morning *morning, const struct morning_figures *figures)
{
    page_section(page, "now", PAGE_TEXT("What to do", "対応事項"));
    if (!morning->is_today) {
        page_note(page, PAGE_WARN);
        page_say(
            page,
            PAGE_TEXT("A page of a past day: what ran is of that day; tenants, targets and what to do are as "
                      "they are now.",
                      "過去の日のページです。実行結果はその日のもの、テナント・保存先・対応事項は現在のものです。"));
        page_note_end(page);
    }
    draw_verdict(page, morning, figures);
    draw_tiles(page, morning, figures);
    for (size_t i = 0; i < morning->causes.count; i++)
        draw_cause(page, morning, &morning->causes.items[i]);
    page_sentence(page, PAGE_TEXT("When you have looked: `hikae review ack --who NAME --comment TEXT`",
                                  "確認後の記録: `hikae review ack --who 氏名 --comment コメント`"));
    page_section_end(page);
}

/* ---- What ran ---- */

/* Classes of errors in Japanese; in English their names are words. */
static struct page_text error_kind(const char *kind)
{
    static const struct page_text rows[] = {
        {"usage", "誤った指定"},       {"config", "設定"},          {"busy", "実行中"},   {"not_found", "見つからない"},
        {"damaged", "破損"},           {"unreachable", "応答なし"}, {"keys", "鍵"},       {"denied", "権限"},
        {"refused", "拒否"},           {"interrupted", "中断"},     {"source", "取得元"}, {"local", "ローカル"},
        {"no_memory", "メモリー不足"}, {"internal", "内部エラー"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].en, kind) == 0)
            return rows[i];
    return (struct page_text){kind, kind};
}

static void draw_failures(struct page *page, const struct morning_run *run)
{
    static const struct page_column columns[] = {
        {.title = {"Tenant", "テナント"}},
        {.title = {"Job", "ジョブ"}},
        {.title = {"Kind", "種別"}},
        {.title = {"What failed", "内容"}},
    };
    char count[PAGE_SMALL];
    if (run->result.count == 0)
        return;
    page_fold(page, run->result.count <= FAILURES_OPEN);
    page_say(page, PAGE_TEXT("{1|failure|failures}", "失敗 {1} 件"), page_format_count(run->failed, count));
    page_fold_body(page);
    page_table(page, PAGE_TEXT("What failed", "失敗したもの"), columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < run->result.count; i++) {
        const struct hikae_run_job *job = &run->result.jobs[i];
        page_row(page);
        page_cell(page);
        page_plain(page, job->tenant);
        page_cell(page);
        page_plain(page, notice_job(job->job, language_of(page)));
        page_cell(page);
        page_badge(page, PAGE_BAD, error_kind(job->error.kind));
        page_cell(page);
        page_english(page, job->error.message);
    }
    page_table_end(page);
    page_fold_end(page);
}

static void draw_warnings(struct page *page, const struct morning_run *run)
{
    char count[PAGE_SMALL];
    if (run->result.warning_count == 0)
        return;
    page_heading(page, PAGE_TEXT("Warnings", "警告"));
    page_list(page);
    for (size_t i = 0; i < run->result.warning_count; i++) {
        const struct hikae_run_warning *warning = &run->result.warnings[i];
        page_item(page);
        page_english(page, warning->message);
        if (warning->tenant != NULL) {
            page_aside(page);
            page_say(page, PAGE_TEXT("{1}; {2|time|times}", "{1}、{2} 回"), warning->tenant,
                     page_format_count(warning->count, count));
            page_aside_end(page);
        }
    }
    page_list_end(page);
}

static void draw_run(struct page *page, const struct morning *morning)
{
    const struct morning_run *run = &morning->run;
    page_section(page, "ran", PAGE_TEXT("What ran", "実行結果"));
    if (!run->found) {
        page_sentence(page, PAGE_TEXT("No nightly run yet.", "夜間実行の記録はまだありません。"));
        page_section_end(page);
        return;
    }
    page_terms(page);
    page_term(page, PAGE_TEXT("Began", "開始"));
    page_time(page, run->started_ns);
    page_term(page, PAGE_TEXT("Ended", "終了"));
    if (!run->ended) {
        page_badge(page, PAGE_BAD, PAGE_TEXT("did not come to its end", "未完了"));
    } else {
        page_time(page, run->finished_ns);
        page_say(page, PAGE_TEXT(" after ", "　所要 "));
        page_duration(page, run->finished_ns - run->started_ns);
        page_term(page, PAGE_TEXT("Result", "結果"));
        page_badge(page,
                   run->exit == 0   ? PAGE_GOOD
                   : run->exit == 1 ? PAGE_WARN
                                    : PAGE_BAD,
                   run->exit == 0   ? PAGE_TEXT("done", "完了")
                   : run->exit == 1 ? PAGE_TEXT("done, with warnings", "完了（警告あり）")
                                    : PAGE_TEXT("failures", "失敗あり"));
        page_term(page, PAGE_TEXT("Tenants looked at", "対象テナント数"));
        page_count(page, run->tenants);
        page_term(page, PAGE_TEXT("Jobs done, failed, left", "ジョブ: 完了・失敗・未実行"));
        page_count(page, run->done);
        page_plain(page, " / ");
        page_count(page, run->failed);
        page_plain(page, " / ");
        page_count(page, run->left);
    }
    page_terms_end(page);
    draw_failures(page, run);
    draw_warnings(page, run);
    page_section_end(page);
}

void morning_draw(struct page *page, void *context)
{
    const struct morning *morning = context;
    struct morning_figures figures;
    char day[ZONE_TEXT_SIZE];
    count_figures(morning, zone_period_format(morning->zone, ZONE_DAY, morning->day, day), &figures);
    draw_now(page, morning, &figures);
    morning_draw_safe(page, morning, &figures);
    draw_run(page, morning);
    morning_draw_tenants(page, morning);
    morning_draw_calendar(page, morning);
    morning_draw_growth(page, morning);
    morning_draw_duties(page, morning);
}
