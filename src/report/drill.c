/* The page of one drill: everything that its signed statement says, for people who read it months later. */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/engine.h"
#include "report/page.h"

#include <stdio.h>
#include <string.h>

struct drill_page {
    const struct hikae_drill *drill;
    json_t *statement;
};

struct word {
    const char *word;
    enum page_state state;
    struct page_text text;
};

static const struct word words[] = {
    {"passed", PAGE_GOOD, {"passed", "成功"}},
    {"failed", PAGE_BAD, {"failed", "失敗"}},
    {"cut", PAGE_BAD, {"cut short by its budget", "予算により中断"}},
    {"unknown", PAGE_UNKNOWN, {"unknown: a target could not be read", "不明（保存先を読めず）"}},
    {"left", PAGE_PLAIN, {"not done", "未実施"}},
    {"sample", PAGE_PLAIN, {"sample", "標本"}},
    {"full", PAGE_PLAIN, {"whole snapshot", "全体"}},
    {"bare", PAGE_PLAIN, {"from nothing but a target and a holder", "保存先と鍵のみから"}},
    {"latest", PAGE_PLAIN, {"latest", "最新"}},
    {"week", PAGE_PLAIN, {"of the last week", "1 週間以内"}},
    {"month", PAGE_PLAIN, {"of the last month", "1 か月以内"}},
    {"year", PAGE_PLAIN, {"of the last year", "1 年以内"}},
    {"older", PAGE_PLAIN, {"older", "それ以前"}},
    {"chosen", PAGE_PLAIN, {"asked for", "指定"}},
};

static const struct word *find_word(const char *text)
{
    static const struct word none = {"", PAGE_UNKNOWN, {"unknown", "不明"}};
    for (size_t i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].word, text) == 0)
            return &words[i];
    return &none;
}

static void badge(struct page *page, const char *text)
{
    const struct word *found = find_word(text);
    page_badge(page, found->state, found->text);
}

static void term(struct page *page, const char *en, const char *ja, const char *text)
{
    page_term(page, PAGE_TEXT(en, ja));
    page_plain(page, text);
}

/* What hikae itself says of a file, in both languages; what a program says stays as it is. */
static void reason(struct page *page, const char *why)
{
    static const struct page_text texts[] = {
        {"it is not there after the restore", "復元後に存在しません"},
        {"it is no file after the restore", "復元後に通常のファイルではありません"},
        {"it is no folder after the restore", "復元後にフォルダではありません"},
        {"it is not that link after the restore", "復元後にリンクの内容が異なります"},
        {"its size is not that of the snapshot", "サイズがスナップショットと異なります"},
        {"the target has not its record", "保存先にこのスナップショットの記録がありません"},
    };
    for (size_t i = 0; why != NULL && i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(texts[i].en, why) == 0) {
            page_say(page, texts[i]);
            return;
        }
    page_plain(page, why);
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void percent(double value, char out[PAGE_SMALL])
{
    (void)snprintf(out, PAGE_SMALL, "%.4g %%", 100 * value);
}

/* ---- Sections ---- */

static void promised(struct page *page, int64_t promised_ns, bool kept)
{
    char text[PAGE_SMALL];
    page_aside(page);
    if (promised_ns == 0)
        page_say(page, PAGE_TEXT("none promised", "約束なし"));
    else if (kept)
        page_say(page, PAGE_TEXT("promised: {1}", "約束: {1}"), page_format_duration(page, promised_ns, text));
    else
        page_say(page, PAGE_TEXT("exceeds the promised {1}", "約束 {1} を超過"),
                 page_format_duration(page, promised_ns, text));
    page_aside_end(page);
}

/* Nothing came back: there is no time to tell. */
static void known_duration(struct page *page, int64_t ns)
{
    if (ns > 0)
        page_duration(page, ns);
    else
        page_say(page, PAGE_TEXT("none: not restored", "なし（未復元）"));
}

static void draw_tiles(struct page *page, const struct hikae_drill *drill)
{
    const struct word *result = find_word(drill->result);
    page_tiles(page);
    page_tile(page, result->state, PAGE_TEXT("Result", "結果"));
    page_say(page, result->text);
    page_tile(page, drill->checked > 0 ? PAGE_PLAIN : PAGE_BAD, PAGE_TEXT("Checked", "検査した件数"));
    page_count(page, drill->checked);
    page_tile(page, drill->rto_kept ? PAGE_PLAIN : PAGE_BAD, PAGE_TEXT("Time to restore", "復元時間"));
    known_duration(page, drill->rto_ns);
    promised(page, drill->rto_promised_ns, drill->rto_kept);
    page_tile(page, drill->rpo_kept ? PAGE_PLAIN : PAGE_BAD, PAGE_TEXT("Age of the data", "データの経過時間"));
    known_duration(page, drill->rpo_ns);
    promised(page, drill->rpo_promised_ns, drill->rpo_kept);
    page_tiles_end(page);
    page_sentence(page, PAGE_TEXT("Times are of what was drilled here: one tenant's time is not the service's.",
                                  "時間は今回の試験対象のものであり、サービス全体の復元時間ではありません。"));
}

static void draw_sample(struct page *page, const struct hikae_drill *drill)
{
    char sample[PAGE_SMALL], population[PAGE_SMALL], damage[PAGE_SMALL], reached[PAGE_SMALL];
    if (strcmp(drill->mode, "sample") != 0)
        return;
    percent(drill->damage, damage);
    percent(drill->reached, reached);
    page_sentence(
        page,
        PAGE_TEXT("From each target {1} of {2} files were drawn. If {3} of them or more had been damaged, at "
                  "least one of these would have shown it with a probability of {4}, wherever the damage lay.",
                  "各保存先で {2} 件のうち {1} 件を抽出しました。{3} "
                  "以上が損傷していた場合、損傷の分布によらず {4} の確率で検出されます。"),
        page_format_count(drill->sample, sample), page_format_count(drill->population, population), damage, reached);
}

/* Which snapshots were drawn, of what age, from how many. */
static void draw_snapshots(struct page *page, const struct drill_page *context)
{
    static const struct page_column columns[] = {{{"Age", "世代"}, false},
                                                 {{"Snapshot", "スナップショット"}, false},
                                                 {{"Time", "時点"}, false},
                                                 {{"Drawn from", "抽出元"}, true},
                                                 {{"Entries", "件数"}, true}};
    const json_t *snapshots = json_object_get(context->statement, "snapshots");
    page_table(page, PAGE_TEXT("Snapshots that were restored from", "復元したスナップショット"), columns,
               sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < json_array_size(snapshots); i++) {
        const json_t *item = json_array_get(snapshots, i);
        int64_t time_ns = 0;
        struct error ignored = {0};
        const char *time = member(item, "time");
        page_row(page);
        page_cell(page);
        page_say(page, find_word(member(item, "age"))->text);
        page_cell(page);
        page_code(page, member(item, "snapshot"));
        page_cell(page);
        if (time != NULL && clock_parse(time, &time_ns, &ignored) == 0)
            page_time(page, time_ns);
        page_cell(page);
        page_count(page, (uint64_t)json_integer_value(json_object_get(item, "drawn_from")));
        page_cell(page);
        page_count(page, (uint64_t)json_integer_value(json_object_get(item, "entries")));
    }
    page_table_end(page);
}

/* A drill from a kit: where it was made, and until when it was good. */
/* "SIZE ROOT TIME" (hikae/drill.h): the time reads as all others do. */
static void draw_checkpoint(struct page *page, const char *checkpoint)
{
    char head[128];
    int64_t time_ns;
    const char *time = checkpoint != NULL ? strrchr(checkpoint, ' ') : NULL;
    size_t size = time != NULL ? (size_t)(time - checkpoint) : 0;
    if (time == NULL || size >= sizeof(head) || clock_parse(time + 1, &time_ns, NULL) != 0) {
        page_code(page, checkpoint);
        return;
    }
    memcpy(head, checkpoint, size);
    head[size] = '\0';
    page_code(page, head);
    page_plain(page, " ");
    page_time(page, time_ns);
}

static void draw_kit(struct page *page, const json_t *kit)
{
    if (kit == NULL)
        return;
    page_term(page, PAGE_TEXT("Kit made on", "キットを作成した機械"));
    page_code(page, member(kit, "machine"));
    term(page, "Kit good until", "キットの有効期限", member(kit, "expires"));
}

/* Of what the checks were done with. */
static void draw_versions(struct page *page, const json_t *versions)
{
    const char *name;
    json_t *version;
    json_object_foreach((json_t *)(uintptr_t)versions, name, version)
    {
        page_plain(page, ", ");
        page_plain(page, name);
        page_plain(page, " ");
        page_plain(page, json_string_value(version));
    }
}

static void draw_head(struct page *page, const struct drill_page *context)
{
    const struct hikae_drill *drill = context->drill;
    page_terms(page);
    page_term(page, PAGE_TEXT("Drill", "試験番号"));
    page_code(page, drill->drill);
    term(page, "Tenant", "テナント", drill->tenant);
    if (member(context->statement, "policy") != NULL)
        term(page, "Policy", "ポリシー", member(context->statement, "policy"));
    page_term(page, PAGE_TEXT("Mode", "方法"));
    page_say(page, find_word(drill->mode)->text);
    page_term(page, PAGE_TEXT("Began", "開始"));
    page_time(page, drill->started_ns);
    page_term(page, PAGE_TEXT("Ended", "終了"));
    page_time(page, drill->finished_ns);
    page_term(page, PAGE_TEXT("Snapshot", "スナップショット"));
    page_code(page, drill->snapshot);
    page_plain(page, " ");
    page_time(page, drill->snapshot_ns);
    page_term(page, PAGE_TEXT("Asked for by", "契機"));
    if (drill->plan != NULL)
        page_say(page, PAGE_TEXT("the policy's rule {1}", "ポリシーの規則 {1}"), drill->plan);
    else
        page_say(page, PAGE_TEXT("a person", "担当者の操作"));
    if (member(context->statement, "reason") != NULL)
        term(page, "Reason", "理由", member(context->statement, "reason"));
    term(page, "Run by", "実行者", drill->operator_name);
    page_term(page, PAGE_TEXT("Machine", "実行機"));
    page_code(page, member(context->statement, "machine"));
    draw_kit(page, json_object_get(context->statement, "kit"));
    page_term(page, PAGE_TEXT("Seed", "抽出の種"));
    page_code(page, drill->seed);
    page_term(page, PAGE_TEXT("Drawn from checkpoint", "種の由来（監査ログの署名済み時点）"));
    draw_checkpoint(page, drill->checkpoint);
    page_term(page, PAGE_TEXT("Wiped afterwards", "復元データの消去"));
    page_badge(page, drill->cleaned ? PAGE_GOOD : PAGE_BAD,
               drill->cleaned ? PAGE_TEXT("yes, all of it", "すべて消去済み")
                              : PAGE_TEXT("something is left", "残存あり"));
    page_term(page, PAGE_TEXT("Versions", "版"));
    page_say(page, PAGE_TEXT("hikae {1}", "hikae {1}"), member(context->statement, "version"));
    draw_versions(page, json_object_get(context->statement, "versions"));
    page_terms_end(page);
}

static void draw_targets(struct page *page, const struct hikae_drill *drill)
{
    static const struct page_column columns[] = {
        {{"Target", "保存先"}, false}, {{"Result", "結果"}, false},    {{"Key", "鍵"}, false},
        {{"Checked", "検査"}, true},   {{"Restored", "復元量"}, true}, {{"Fetched", "取得量"}, true},
        {{"Recover", "復旧"}, true},   {{"Draw", "抽出"}, true},       {{"Restore", "復元"}, true},
        {{"Checks", "確認"}, true},    {{"Wipe", "消去"}, true},
    };
    char checked[PAGE_SMALL], sample[PAGE_SMALL], epoch[PAGE_SMALL];
    page_table(page, PAGE_TEXT("Each target alone, with the time of each phase", "保存先ごとの結果と各段階の時間"),
               columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < drill->target_count; i++) {
        const struct hikae_drill_target *target = &drill->targets[i];
        const int64_t phases[] = {target->recover_ns, target->choose_ns, target->restore_ns, target->check_ns,
                                  target->wipe_ns};
        page_row(page);
        page_cell(page);
        page_plain(page, target->name);
        page_cell(page);
        badge(page, target->result);
        page_cell(page);
        page_say(page, PAGE_TEXT("epoch {1}, {2}", "エポック {1}、{2}"), page_format_count(target->epoch, epoch),
                 target->holder);
        page_cell(page);
        page_say(page, PAGE_TEXT("{1} of {2}", "{2} 件中 {1} 件"), page_format_count(target->checked, checked),
                 page_format_count(target->sample, sample));
        page_cell(page);
        page_bytes(page, target->bytes);
        page_cell(page);
        page_bytes(page, target->bytes_fetched);
        for (size_t k = 0; k < sizeof(phases) / sizeof(phases[0]); k++) {
            page_cell(page);
            page_duration(page, phases[k]);
        }
    }
    page_table_end(page);
    /* As long as they must be: no column would hold them. */
    for (size_t i = 0; i < drill->target_count; i++)
        if (drill->targets[i].why != NULL) {
            page_sentence(page, PAGE_TEXT("Why {1} did not pass:", "{1} が成功しなかった理由:"),
                          drill->targets[i].name);
            page_verbatim(page, drill->targets[i].why, strlen(drill->targets[i].why));
        }
}

/* The comparison with the manifest is hikae's own: it is told in both languages. */
static void draw_output(struct page *page, const struct hikae_drill *drill, const struct hikae_drill_check *check)
{
    char checked[PAGE_SMALL], sample[PAGE_SMALL], failed[PAGE_SMALL];
    for (size_t i = 0; strcmp(check->kind, "manifest") == 0 && i < drill->target_count; i++) {
        const struct hikae_drill_target *target = &drill->targets[i];
        if (strcmp(target->name, check->target) != 0)
            continue;
        page_sentence(page,
                      PAGE_TEXT("{1} of {2} are there with their type and size, {3} are not.",
                                "{2} 件中 {1} 件は種類とサイズが一致、{3} 件は不一致です。"),
                      page_format_count(target->checked, checked), page_format_count(target->sample, sample),
                      page_format_count(target->failed, failed));
        return;
    }
    page_verbatim(page, check->output, check->output != NULL ? strlen(check->output) : 0);
}

static void draw_checks(struct page *page, const struct hikae_drill *drill)
{
    for (size_t i = 0; i < drill->check_count; i++) {
        const struct hikae_drill_check *check = &drill->checks[i];
        page_fold(page, strcmp(check->state, "failed") == 0);
        badge(page, check->state);
        page_plain(page, " ");
        page_strong(page, check->name);
        page_say(page, PAGE_TEXT(" ({1}) from {2}", "（{1}、保存先 {2}）"), check->kind, check->target);
        page_fold_body(page);
        draw_output(page, drill, check);
        page_fold_end(page);
    }
}

static void draw_failures(struct page *page, const struct hikae_drill *drill)
{
    static const struct page_column columns[] = {{{"Path", "パス"}, false},
                                                 {{"Target", "保存先"}, false},
                                                 {{"Snapshot", "スナップショット"}, false},
                                                 {{"Why", "理由"}, false}};
    if (drill->failure_count == 0) {
        page_sentence(page, PAGE_TEXT("None.", "ありません。"));
        return;
    }
    page_table(page, PAGE_TEXT("What could not be restored", "復元できなかったもの"), columns,
               sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < drill->failure_count; i++) {
        const struct hikae_drill_failure *failure = &drill->failures[i];
        const char *const cells[] = {failure->path, failure->target, failure->snapshot};
        page_row(page);
        for (size_t k = 0; k < sizeof(cells) / sizeof(cells[0]); k++) {
            page_cell(page);
            page_plain(page, cells[k]);
        }
        page_cell(page);
        reason(page, failure->why);
    }
    page_table_end(page);
}

static void draw(struct page *page, void *context)
{
    const struct drill_page *of = context;
    page_section(page, "result", PAGE_TEXT("Result", "結果"));
    draw_tiles(page, of->drill);
    draw_sample(page, of->drill);
    draw_head(page, of);
    page_section_end(page);
    page_section(page, "targets", PAGE_TEXT("Targets", "保存先"));
    draw_targets(page, of->drill);
    draw_snapshots(page, of);
    page_section_end(page);
    page_section(page, "checks", PAGE_TEXT("Checks", "確認"));
    draw_checks(page, of->drill);
    page_section_end(page);
    page_section(page, "failures", PAGE_TEXT("Failures", "失敗の一覧"));
    draw_failures(page, of->drill);
    page_section_end(page);
    page_section(page, "statement", PAGE_TEXT("Signed statement", "署名済みの記録"));
    page_sentence(page,
                  PAGE_TEXT("This envelope (DSSE) is signed by the store; everything above is read from it.",
                            "この封筒（DSSE）にはストアの署名があり、上記の内容はすべてここから読み取ったものです。"));
    page_verbatim(page, of->drill->envelope, of->drill->envelope != NULL ? strlen(of->drill->envelope) : 0);
    page_section_end(page);
}

static int write_page(struct drill_page *context, const char *file, struct error *err)
{
    CLEANUP(buf_free) struct buf out = {0};
    const struct hikae_drill *drill = context->drill;
    const struct page_head head = {.title = PAGE_TEXT("Restore drill", "復元試験"),
                                   .about = drill->tenant,
                                   .made_ns = drill->finished_ns,
                                   .test_clock = json_is_true(json_object_get(context->statement, "test_clock")),
                                   .langs = PAGE_EN_JA};
    if (page_write(&head, draw, context, &out, err) != 0)
        return -1;
    return file_write_atomic(file, out.data, out.size, 0644, err);
}

enum hikae_status hikae_drill_page(const struct hikae_drill *drill, const char *file, struct hikae_error *error)
{
    struct drill_page context = {.drill = drill};
    struct error err = {0};
    int rc = json_parse(drill->statement, strlen(drill->statement), &context.statement, &err);
    if (rc == 0)
        rc = write_page(&context, file, &err);
    json_decref(context.statement);
    return api_result(rc, false, &err, error);
}
