/* Evidence as one page: what came of each promise, every gap by day and name, the proof, the controls. */
#include "base/mem.h"
#include "ops/engine.h"
#include "report/page.h"

#include <stdio.h>
#include <string.h>

enum { PROOFS_SHOWN = 60, GAPS_SHOWN = 5000 };

static const enum page_state result_states[HIKAE_RESULTS] = {
    [HIKAE_NOT_YET_DUE] = PAGE_PLAIN,   [HIKAE_KEPT] = PAGE_GOOD,   [HIKAE_ATTESTED] = PAGE_GOOD,
    [HIKAE_NOT_OBSERVABLE] = PAGE_WARN, [HIKAE_MISSED] = PAGE_WARN, [HIKAE_BROKEN] = PAGE_BAD,
};

static struct page_text result_text(enum hikae_result result)
{
    return (struct page_text){hikae_result_text(result, false), hikae_result_text(result, true)};
}

static void badge(struct page *page, enum hikae_result result)
{
    page_badge(page, result_states[result], result_text(result));
}

static const char *sentence(const struct page *page, const struct hikae_evidence_item *item)
{
    return hikae_evidence_sentence(item->kind, page_lang(page) == PAGE_JA);
}

static const char *promise_words(const struct page *page, const struct hikae_evidence_promise *promise)
{
    return page_lang(page) == PAGE_JA ? promise->ja : promise->en;
}

/* ---- Summary ---- */

static void draw_summary(struct page *page, const struct hikae_evidence *evidence)
{
    static const enum hikae_result order[] = {HIKAE_KEPT,   HIKAE_ATTESTED,       HIKAE_BROKEN,
                                              HIKAE_MISSED, HIKAE_NOT_OBSERVABLE, HIKAE_NOT_YET_DUE};
    page_section(page, "summary", PAGE_TEXT("Summary", "概要"));
    page_tiles(page);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        bool none = evidence->counts[order[i]] == 0;
        page_tile(page, none ? PAGE_PLAIN : result_states[order[i]], result_text(order[i]));
        page_count(page, evidence->counts[order[i]]);
    }
    page_tiles_end(page);
    page_terms(page);
    page_term(page, PAGE_TEXT("Period", "期間"));
    page_time(page, evidence->from_ns);
    page_plain(page, " – ");
    page_time(page, evidence->to_ns);
    page_term(page, PAGE_TEXT("Zone", "タイムゾーン"));
    page_plain(page, evidence->zone);
    page_term(page, PAGE_TEXT("Tenants", "テナント"));
    page_count(page, evidence->tenants);
    page_terms_end(page);
    page_sentence(
        page, PAGE_TEXT("The worst that happened to a promise is what stands beside it. \"Not observable\" means "
                        "that nobody can say: there is no record, or its time is over, and no document.",
                        "約束ごとに、期間中で最も悪い結果を示します。「確認不能」は、記録がないか保存期間を過ぎており、"
                        "文書もないことを表します。"));
    page_section_end(page);
}

static void draw_promises(struct page *page, const struct hikae_evidence *evidence)
{
    static const struct page_column columns[] = {{{"Promise", "約束"}, false},
                                                 {{"Result", "結果"}, false},
                                                 {{"Words", "文言"}, false},
                                                 {{"Policy", "ポリシー"}, false}};
    page_section(page, "promises", PAGE_TEXT("Promises", "約束"));
    page_table(page, PAGE_TEXT("Every promise and what came of it", "約束の一覧と結果"), columns, 4);
    for (size_t i = 0; i < evidence->promise_count; i++) {
        const struct hikae_evidence_promise *promise = &evidence->promises[i];
        char id[PAGE_SMALL];
        (void)snprintf(id, sizeof(id), "promise-%zu", i);
        page_row(page);
        page_cell(page);
        page_link(page, id, promise->id);
        page_cell(page);
        badge(page, promise->result);
        page_cell(page);
        page_plain(page, promise_words(page, promise));
        page_cell(page);
        page_plain(page, promise->policy);
    }
    page_table_end(page);
    page_section_end(page);
}

/* ---- Items ---- */

static void draw_items_head(struct page *page, struct page_text caption)
{
    static const struct page_column columns[] = {{{"Day", "日"}, false},
                                                 {{"Tenant", "テナント"}, false},
                                                 {{"Result", "結果"}, false},
                                                 {{"What", "内容"}, false},
                                                 {{"Due", "期限"}, false},
                                                 {{"Done", "実施"}, false},
                                                 {{"Entry of the audit log", "監査ログの記録"}, false}};
    page_table(page, caption, columns, 7);
}

/* Of a tenant that is erased the pseudonym is left, which is as long as a line: in code it can be broken. */
static void draw_tenant(struct page *page, const char *tenant)
{
    enum { PSEUDONYM_SIZE = 32 };
    if (tenant != NULL && strlen(tenant) == PSEUDONYM_SIZE && strspn(tenant, "0123456789abcdef") == PSEUDONYM_SIZE)
        page_code(page, tenant);
    else
        page_plain(page, tenant);
}

static void draw_item(struct page *page, const struct hikae_evidence_item *item)
{
    char entry[PAGE_SMALL];
    page_row(page);
    page_cell(page);
    page_date(page, item->date);
    page_cell(page);
    draw_tenant(page, item->tenant);
    page_cell(page);
    badge(page, item->result);
    page_cell(page);
    page_plain(page, sentence(page, item));
    if (item->about != NULL) {
        page_plain(page, " ");
        page_code(page, item->about);
    }
    if (item->detail != NULL) {
        page_aside(page);
        page_english(page, item->detail);
        page_aside_end(page);
    }
    page_cell(page);
    if (item->due_ns != 0)
        page_time(page, item->due_ns);
    page_cell(page);
    if (item->done_ns != 0)
        page_time(page, item->done_ns);
    page_cell(page);
    if (item->log == NULL)
        return;
    (void)snprintf(entry, sizeof(entry), "%.8s %llu", item->log, (unsigned long long)item->sequence);
    page_code(page, entry);
}

static void draw_gaps(struct page *page, const struct hikae_evidence *evidence)
{
    size_t shown = 0, all = 0;
    page_section(page, "gaps", PAGE_TEXT("Gaps", "不備"));
    for (size_t i = 0; i < evidence->promise_count; i++)
        for (size_t k = 0; k < evidence->promises[i].rule_count; k++)
            for (size_t n = 0; n < evidence->promises[i].rules[k]->item_count; n++)
                all += evidence->promises[i].rules[k]->items[n].result > HIKAE_ATTESTED;
    if (all == 0) {
        page_sentence(page, PAGE_TEXT("There is none.", "ありません。"));
        page_section_end(page);
        return;
    }
    for (size_t i = 0; i < evidence->promise_count; i++) {
        const struct hikae_evidence_promise *promise = &evidence->promises[i];
        bool begun = false;
        for (size_t k = 0; k < promise->rule_count; k++)
            for (size_t n = 0; n < promise->rules[k]->item_count && shown < GAPS_SHOWN; n++) {
                const struct hikae_evidence_item *item = &promise->rules[k]->items[n];
                if (item->result <= HIKAE_ATTESTED)
                    continue;
                if (!begun) {
                    page_heading(page, (struct page_text){promise->id, promise->id});
                    draw_items_head(page, (struct page_text){promise->en, promise->ja});
                }
                begun = true;
                shown++;
                draw_item(page, item);
            }
        if (begun)
            page_table_end(page);
    }
    char count[PAGE_SMALL];
    if (shown < all)
        page_sentence(page, PAGE_TEXT("{1} more are in the CSV.", "ほか {1} 件は CSV にあります。"),
                      page_format_count(all - shown, count));
    page_section_end(page);
}

/* The policy and what it is about, as far as they are known. */
static void draw_whose(struct page *page, const char *policy, const char *subject)
{
    bool has_policy = policy != NULL && policy[0] != '\0', has_subject = subject != NULL && subject[0] != '\0';
    if (!has_policy && !has_subject)
        return;
    page_aside(page);
    if (has_policy)
        page_plain(page, policy);
    if (has_policy && has_subject)
        page_plain(page, " ");
    if (has_subject)
        page_plain(page, subject);
    page_aside_end(page);
}

/* What was missed, and what people made of it: what is closed has a cause and a correction. */
static void draw_nonconformities(struct page *page, const struct hikae_evidence *evidence)
{
    static const struct page_column columns[] = {{{"Id", "番号"}, false},    {{"Since", "発生"}, false},
                                                 {{"What", "内容"}, false},  {{"State", "状態"}, false},
                                                 {{"Cause", "原因"}, false}, {{"Correction", "是正"}, false}};
    if (evidence->nonconformity_count == 0)
        return;
    page_section(page, "nonconformities", PAGE_TEXT("Nonconformities", "不適合"));
    page_table(page, PAGE_TEXT("What was missed, and what was done about it", "起きた不適合とその是正"), columns, 6);
    for (size_t i = 0; i < evidence->nonconformity_count; i++) {
        const struct hikae_evidence_nonconformity *item = &evidence->nonconformities[i];
        bool open = item->closed_ns == 0;
        page_row(page);
        page_cell(page);
        page_code(page, item->id);
        page_cell(page);
        page_time(page, item->since_ns);
        page_cell(page);
        page_plain(page, page_lang(page) == PAGE_JA ? item->ja : item->en);
        draw_whose(page, item->policy, item->subject);
        page_cell(page);
        page_badge(page, open ? PAGE_WARN : PAGE_GOOD,
                   open ? PAGE_TEXT("open", "未処理") : PAGE_TEXT("closed", "処理済み"));
        if (!open) {
            page_aside(page);
            page_time(page, item->closed_ns);
            page_plain(page, " ");
            page_plain(page, item->closed_by);
            page_aside_end(page);
        }
        page_cell(page);
        page_plain(page, item->cause);
        page_cell(page);
        page_plain(page, item->correction);
    }
    page_table_end(page);
    page_section_end(page);
}

/* ---- One promise ---- */

static void draw_rule(struct page *page, const struct hikae_evidence_rule *rule)
{
    char count[PAGE_SMALL];
    size_t shown = 0, kept = 0;
    page_paragraph(page);
    page_code(page, rule->rule);
    page_plain(page, " ");
    badge(page, rule->result);
    for (unsigned i = 0; i < HIKAE_RESULTS; i++) {
        if (rule->counts[i] == 0)
            continue;
        page_plain(page, " ");
        page_plain(page, hikae_result_text((enum hikae_result)i, page_lang(page) == PAGE_JA));
        page_plain(page, ": ");
        page_count(page, rule->counts[i]);
    }
    page_aside(page);
    page_time(page, rule->from_ns);
    page_plain(page, " – ");
    page_time(page, rule->to_ns);
    page_aside_end(page);
    page_paragraph_end(page);
    for (size_t i = 0; i < rule->item_count; i++) {
        if (rule->items[i].result > HIKAE_ATTESTED)
            continue; /* among the gaps */
        if (kept++ >= PROOFS_SHOWN)
            continue;
        if (shown++ == 0)
            draw_items_head(page, PAGE_TEXT("Proof", "証拠"));
        draw_item(page, &rule->items[i]);
    }
    if (shown > 0)
        page_table_end(page);
    if (kept > shown)
        page_sentence(page, PAGE_TEXT("{1} more are in the CSV.", "ほか {1} 件は CSV にあります。"),
                      page_format_count(kept - shown, count));
}

static void draw_details(struct page *page, const struct hikae_evidence *evidence)
{
    page_section(page, "proof", PAGE_TEXT("Proof", "証拠"));
    for (size_t i = 0; i < evidence->promise_count; i++) {
        const struct hikae_evidence_promise *promise = &evidence->promises[i];
        char id[PAGE_SMALL];
        (void)snprintf(id, sizeof(id), "promise-%zu", i);
        page_fold(page, false);
        page_strong(page, promise->id);
        page_plain(page, " ");
        badge(page, promise->result);
        page_fold_body(page);
        page_paragraph(page);
        page_anchor(page, id);
        page_plain(page, promise_words(page, promise));
        page_aside(page);
        page_plain(page, promise->published ? page_pick(page, PAGE_TEXT("published", "公開"))
                                            : page_pick(page, PAGE_TEXT("internal", "社内")));
        if (promise->published_at != NULL && promise->published_at[0] != '\0') {
            page_plain(page, ": ");
            page_plain(page, promise->published_at);
        }
        page_aside_end(page);
        page_paragraph_end(page);
        for (size_t k = 0; k < promise->rule_count; k++)
            draw_rule(page, promise->rules[k]);
        if (promise->attestation_count > 0) {
            draw_items_head(page, PAGE_TEXT("Documents", "文書"));
            for (size_t k = 0; k < promise->attestation_count; k++)
                draw_item(page, &promise->attestations[k]);
            page_table_end(page);
        }
        page_fold_end(page);
    }
    page_section_end(page);
}

/* ---- Controls, versions, the audit log ---- */

static bool has_control(const struct hikae_evidence_promise *promise, const struct hikae_evidence_control *control)
{
    for (size_t i = 0; i < promise->control_count; i++)
        if (promise->controls[i] == control)
            return true;
    return false;
}

/* Is it the first promise with this control? Then its row is drawn there. */
static bool is_first(const struct hikae_evidence *evidence, size_t promise,
                     const struct hikae_evidence_control *control)
{
    for (size_t i = 0; i < promise; i++)
        if (has_control(&evidence->promises[i], control))
            return false;
    return true;
}

static void draw_control(struct page *page, const struct hikae_evidence *evidence, size_t first,
                         const struct hikae_evidence_control *control)
{
    page_row(page);
    page_cell(page);
    page_plain(page, control->control);
    page_cell(page);
    page_plain(page, control->standard);
    page_cell(page);
    page_plain(page, page_lang(page) == PAGE_JA ? control->ja : control->en);
    page_cell(page);
    for (size_t i = first; i < evidence->promise_count; i++) {
        if (!has_control(&evidence->promises[i], control))
            continue;
        page_plain(page, evidence->promises[i].id);
        page_plain(page, " ");
        badge(page, evidence->promises[i].result);
        page_plain(page, " ");
    }
}

static void draw_controls(struct page *page, const struct hikae_evidence *evidence)
{
    static const struct page_column columns[] = {{{"Control", "管理策"}, false},
                                                 {{"Standard", "規格"}, false},
                                                 {{"What it asks for, in our words", "要求事項（当方の要約）"}, false},
                                                 {{"Promises", "約束"}, false}};
    page_section(page, "controls", PAGE_TEXT("Controls of standards", "規格の管理策"));
    page_table(page, PAGE_TEXT("Which promises help to meet which control", "管理策と約束の対応"), columns, 4);
    for (size_t i = 0; i < evidence->promise_count; i++)
        for (size_t k = 0; k < evidence->promises[i].control_count; k++)
            if (is_first(evidence, i, evidence->promises[i].controls[k]))
                draw_control(page, evidence, i, evidence->promises[i].controls[k]);
    page_table_end(page);
    page_section_end(page);
}

static void draw_versions(struct page *page, const struct hikae_evidence *evidence)
{
    static const struct page_column columns[] = {{{"Policy", "ポリシー"}, false},
                                                 {{"From", "開始"}, false},
                                                 {{"To", "終了"}, false},
                                                 {{"Approved by", "承認"}, false},
                                                 {{"Accepted", "受け入れた規則"}, false},
                                                 {{"SHA-256", "SHA-256"}, false}};
    page_section(page, "versions", PAGE_TEXT("Versions in force", "有効だった版"));
    page_table(page, PAGE_TEXT("Each version and its part of the period", "版ごとの期間"), columns, 6);
    for (size_t i = 0; i < evidence->version_count; i++) {
        const struct hikae_evidence_version *version = &evidence->versions[i];
        page_row(page);
        page_cell(page);
        page_plain(page, version->policy);
        page_cell(page);
        page_time(page, version->from_ns);
        page_cell(page);
        page_time(page, version->to_ns);
        page_cell(page);
        page_plain(page, version->approved_by);
        page_cell(page);
        page_plain(page, version->accepted);
        page_cell(page);
        page_code(page, version->sha256);
    }
    page_table_end(page);
    page_section_end(page);
}

static void draw_logs(struct page *page, const struct hikae_evidence *evidence)
{
    page_section(page, "logs", PAGE_TEXT("The audit log", "監査ログ"));
    page_sentence(
        page,
        PAGE_TEXT("An entry is proved by `hikae audit prove --log LOG NUMBER`: whoever gets that needs "
                  "neither hikae nor a key. These are the heads of the logs.",
                  "記録は `hikae audit prove --log LOG NUMBER` で証明できます。受け取る人に hikae も鍵も要りません。"
                  "ログの先頭は次のとおりです。"));
    for (size_t i = 0; i < evidence->log_count; i++) {
        const struct hikae_evidence_log *log = &evidence->logs[i];
        page_terms(page);
        page_term(page, PAGE_TEXT("Log", "ログ"));
        page_code(page, log->log);
        page_term(page, PAGE_TEXT("Entries", "記録数"));
        page_count(page, log->size);
        page_term(page, PAGE_TEXT("Expired", "期限切れ"));
        page_count(page, log->expired);
        page_term(page, PAGE_TEXT("Root", "ルート"));
        page_code(page, log->root);
        page_terms_end(page);
        if (log->checkpoint != NULL)
            page_verbatim(page, log->checkpoint, strlen(log->checkpoint));
    }
    page_section_end(page);
}

static void draw(struct page *page, void *context)
{
    const struct hikae_evidence *evidence = context;
    draw_summary(page, evidence);
    draw_promises(page, evidence);
    draw_gaps(page, evidence);
    draw_nonconformities(page, evidence);
    draw_details(page, evidence);
    draw_controls(page, evidence);
    draw_versions(page, evidence);
    draw_logs(page, evidence);
}

static int make(const struct hikae_evidence *evidence, bool japanese_first, struct buf *out, struct error *err)
{
    struct zone *zone = NULL;
    struct error ignored = {0};
    /* Policies of several zones have none together: then times are UTC. */
    if (zone_open(evidence->zone, &zone, &ignored) != 0)
        zone = NULL;
    struct hikae_evidence copy = *evidence;
    const struct page_head head = {.title = PAGE_TEXT("Evidence", "証拠"),
                                   .about = evidence->period,
                                   .zone = zone,
                                   .made_ns = evidence->now_ns,
                                   .test_clock = evidence->test_clock,
                                   .langs = japanese_first ? PAGE_JA_EN : PAGE_EN_JA};
    int rc = page_write(&head, draw, &copy, out, err);
    zone_free(zone);
    return rc;
}

enum hikae_status hikae_evidence_page(const struct hikae_evidence *evidence, bool japanese_first,
                                      hikae_write_callback *callback, void *context, struct hikae_error *error)
{
    struct error err = {0};
    CLEANUP(buf_free) struct buf out = {0};
    int rc = make(evidence, japanese_first, &out, &err);
    if (rc == 0 && callback(out.data, out.size, context) != 0)
        rc = error_set(&err, ERROR_INTERRUPTED, "writing was stopped");
    return api_result(rc, false, &err, error);
}
