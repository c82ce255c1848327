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

struct figures {
    uint64_t tenants, in_time, safe, up, looked;
    int64_t oldest_ns;
    const char *oldest;
    const struct hikae_review *look; /* the last one at backups of this day */
};

static void count_figures(const struct morning *morning, const char *day, struct figures *ret)
{
    *ret = (struct figures){.tenants = morning->status.count};
    for (size_t i = 0; i < morning->status.count; i++) {
        const struct hikae_tenant_status *tenant = &morning->status.tenants[i];
        bool safe = morning_is_safe(morning, tenant);
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
    page_tile(page, part == all ? PAGE_GOOD : otherwise, name);
    page_say(page, PAGE_TEXT("{1} of {2}", "{1} / {2}"), page_format_count(part, count), page_format_count(all, total));
}

static void tile_aside(struct page *page, struct page_text text, const char *a, const char *b)
{
    page_aside(page);
    page_say(page, text, a, b);
    page_aside_end(page);
}

static void draw_tiles(struct page *page, const struct morning *morning, const struct figures *figures)
{
    char text[PAGE_SMALL];
    uint64_t open = morning->status.incidents + morning->status.nonconformities;
    page_tiles(page);
    tile_part(page, PAGE_TEXT("Backed up in time", "予定どおり取得"), figures->in_time, figures->tenants, PAGE_BAD);
    tile_part(page, PAGE_TEXT("Can be restored", "復元可能"), figures->safe, figures->tenants, PAGE_BAD);
    if (figures->oldest != NULL)
        tile_aside(page, PAGE_TEXT("oldest latest: {2}, {1}", "最も古い最新: {2}、{1}"),
                   page_format_time(page, figures->oldest_ns, text), figures->oldest);
    tile_part(page, PAGE_TEXT("Targets answer", "応答する保存先"), figures->up, morning->status.target_count, PAGE_BAD);
    page_tile(page,
              morning->run.failed > 0 ? PAGE_BAD
              : morning->run.ended    ? PAGE_GOOD
                                      : PAGE_WARN,
              PAGE_TEXT("Jobs failed", "失敗したジョブ"));
    page_plain(page, morning->run.ended ? page_format_count(morning->run.failed, text) : NULL);
    page_tile(page, open > 0 ? PAGE_WARN : PAGE_GOOD,
              PAGE_TEXT("Incidents and nonconformities", "インシデント・不適合"));
    page_count(page, open);
    page_tile(page, figures->look != NULL ? PAGE_GOOD : PAGE_UNKNOWN, PAGE_TEXT("Looked at by", "確認者"));
    page_plain(page, figures->look != NULL ? figures->look->who : NULL);
    if (figures->look == NULL) {
        page_aside(page);
        page_say(page, PAGE_TEXT("nobody yet", "まだ確認されていません"));
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
    if (todo != NULL) {
        page_aside(page);
        page_say(page, PAGE_TEXT("Do: ", "対応: "));
        page_code(page, todo);
        page_aside_end(page);
    }
    page_note_end(page);
}

static void draw_now(struct page *page, const struct morning *morning, const struct figures *figures)
{
    char count[PAGE_SMALL];
    page_section(page, "now", PAGE_TEXT("What to do", "対応すること"));
    if (!morning->is_today) {
        page_note(page, PAGE_WARN);
        page_say(
            page,
            PAGE_TEXT("A page of a past day: what ran is of that day; tenants, targets and what to do are as "
                      "they are now.",
                      "過去の日のページです。実行結果はその日のもの、テナント・保存先・対応事項は現在のものです。"));
        page_note_end(page);
    }
    draw_tiles(page, morning, figures);
    if (morning->causes.count == 0) {
        page_note(page, PAGE_GOOD);
        page_say(page, PAGE_TEXT("Nothing failed, nothing is late.", "失敗・遅れはありません。"));
        page_note_end(page);
    } else {
        page_sentence(page,
                      PAGE_TEXT("{1|thing|things} to look at, worst first.", "確認事項は {1} 件です（重要な順）。"),
                      page_format_count(morning->causes.count, count));
    }
    for (size_t i = 0; i < morning->causes.count; i++)
        draw_cause(page, morning, &morning->causes.items[i]);
    page_paragraph(page);
    page_say(page, PAGE_TEXT("When you have looked: ", "確認したら: "));
    page_code(page, "hikae review ack --who NAME --comment TEXT");
    page_paragraph_end(page);
    page_section_end(page);
}

/* ---- What is safe ---- */

static void draw_targets(struct page *page, const struct morning *morning)
{
    static const struct page_column columns[] = {
        {.title = {"Target", "保存先"}},
        {.title = {"State", "状態"}},
        {.title = {"Objects", "オブジェクト"}, .number = true},
        {.title = {"Stored", "保存量"}, .number = true},
        {.title = {"Tenants behind", "遅れているテナント"}, .number = true},
    };
    char text[PAGE_SMALL];
    page_table(page, PAGE_TEXT("Targets", "保存先"), columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < morning->status.target_count; i++) {
        const struct hikae_target_stored *target = &morning->status.targets[i];
        size_t behind = 0;
        for (size_t k = 0; k < morning->status.count; k++)
            for (size_t b = 0; b < morning->status.tenants[k].behind_count; b++)
                behind += strcmp(morning->status.tenants[k].behind[b], target->name) == 0;
        page_row(page);
        page_cell(page);
        page_plain(page, target->name);
        page_cell(page);
        page_badge(page, target->up ? PAGE_GOOD : PAGE_BAD,
                   target->up ? PAGE_TEXT("answers", "応答あり") : PAGE_TEXT("does not answer", "応答なし"));
        page_cell(page);
        page_plain(page, target->up ? page_format_count(target->objects, text) : NULL);
        page_cell(page);
        page_plain(page, target->up ? page_format_bytes(target->bytes, text) : NULL);
        page_cell(page);
        page_count(page, behind);
    }
    page_table_end(page);
}

static void draw_safe(struct page *page, const struct morning *morning, const struct figures *figures)
{
    char safe[PAGE_SMALL], all[PAGE_SMALL], when[PAGE_SMALL];
    page_section(page, "safe", PAGE_TEXT("What is safe all the same", "それでも安全なもの"));
    (void)page_format_count(figures->safe, safe);
    (void)page_format_count(figures->tenants, all);
    if (figures->safe == figures->tenants)
        page_sentence(
            page,
            PAGE_TEXT("Of all {1|tenant|tenants} the latest snapshot lies whole on a target, and can be restored.",
                      "全 {1} テナントの最新スナップショットが保存先に揃っており、復元できます。"),
            all);
    else
        page_sentence(
            page,
            PAGE_TEXT("Of {1} of {2} tenants the latest snapshot lies whole on a target, and can be restored.",
                      "{2} テナント中 {1} の最新スナップショットが保存先に揃っており、復元できます。"),
            safe, all);
    if (figures->oldest != NULL)
        page_sentence(page, PAGE_TEXT("The oldest of these is of {1}: {2}.", "最も古いのは {1} の {2} です。"),
                      figures->oldest, page_format_time(page, figures->oldest_ns, when));
    draw_targets(page, morning);
    page_section_end(page);
}

/* ---- What ran ---- */

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
        page_plain(page, job->job);
        page_cell(page);
        page_badge(page, PAGE_BAD, (struct page_text){job->error.kind, job->error.kind});
        page_cell(page);
        page_plain(page, job->error.message);
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
        page_plain(page, warning->message);
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
        page_badge(page, PAGE_BAD, PAGE_TEXT("did not come to its end", "完了していません"));
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
        page_term(page, PAGE_TEXT("Tenants looked at", "確認したテナント"));
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
    struct figures figures;
    char day[ZONE_TEXT_SIZE];
    count_figures(morning, zone_period_format(morning->zone, ZONE_DAY, morning->day, day), &figures);
    draw_now(page, morning, &figures);
    draw_safe(page, morning, &figures);
    draw_run(page, morning);
    morning_draw_tenants(page, morning);
    morning_draw_calendar(page, morning);
    morning_draw_growth(page, morning);
    morning_draw_duties(page, morning);
}
