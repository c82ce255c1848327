/* A certificate's page: each target with its counts, and what remains by promise or by a lock. */
#include "report/certificate.h"

#include "base/clock.h"

#include <string.h>

static const json_t *found_on(const struct certificate *c, const char *target)
{
    const json_t *found = json_object_get(c->predicate, "found"), *row;
    for (size_t i = 0; target != NULL && (row = json_array_get(found, i)) != NULL; i++)
        if (certificate_text(row, "target") != NULL && strcmp(certificate_text(row, "target"), target) == 0)
            return row;
    return NULL;
}

/* Versions, delete markers and unfinished uploads: all of them are deleted one by one. */
static uint64_t things(const json_t *row)
{
    return certificate_number(row, "versions") + certificate_number(row, "markers") +
           certificate_number(row, "uploads");
}

static void draw_target(struct page *page, const struct certificate *c, const json_t *row)
{
    const json_t *before = found_on(c, certificate_text(row, "target"));
    const char *left = certificate_text(row, "left");
    page_row(page);
    page_cell(page);
    page_plain(page, certificate_text(row, "target"));
    if (certificate_text(before, "country") != NULL) {
        page_aside(page);
        page_plain(page, certificate_text(before, "provider"));
        page_plain(page, ", ");
        page_plain(page, certificate_text(before, "country"));
        page_aside_end(page);
    }
    page_cell(page);
    page_count(page, things(before));
    page_cell(page);
    page_bytes(page, certificate_number(before, "bytes"));
    page_cell(page);
    page_count(page, certificate_number(row, "deleted"));
    page_cell(page);
    if (certificate_time(row, "gone") == 0 && certificate_number(row, "versions") == 0)
        page_badge(page, PAGE_UNKNOWN, PAGE_TEXT("unknown", "不明"));
    else
        page_count(page, things(row));
    page_cell(page);
    if (certificate_time(row, "gone") != 0)
        page_time(page, certificate_time(row, "gone"));
    else
        page_plain(page, NULL);
    page_cell(page);
    if (certificate_time(row, "locked_until") != 0)
        page_time(page, certificate_time(row, "locked_until"));
    else
        page_plain(page, NULL);
    page_cell(page);
    certificate_say_code(page, "", left, NULL);
    if (certificate_text(row, "why") != NULL && (left == NULL || strcmp(left, "left-stale") != 0)) {
        page_aside(page);
        page_plain(page, certificate_text(row, "why"));
        page_aside_end(page);
    }
}

void certificate_targets(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Target", "保存先"}, false},
                                                 {{"Before", "実施前"}, true},
                                                 {{"Size before", "実施前の容量"}, true},
                                                 {{"Deleted", "削除数"}, true},
                                                 {{"Left", "残存"}, true},
                                                 {{"Nothing listed since", "一覧が空になった日時"}, false},
                                                 {{"Locked until", "ロック期限"}, false},
                                                 {{"Why it is left", "残存の理由"}, false}};
    const json_t *targets = json_object_get(c->predicate, "targets"), *row;
    page_sentence(page, PAGE_TEXT("Counted are versions, delete markers and unfinished uploads.",
                                  "件数は、旧版を含む全ての版、削除マーカー、未完了アップロードの合計です。"));
    page_table(page, PAGE_TEXT("Targets", "保存先"), columns, 8);
    for (size_t i = 0; (row = json_array_get(targets, i)) != NULL; i++)
        draw_target(page, c, row);
    page_table_end(page);
}

/* ---- What remains ---- */

static void draw_until(struct page *page, const json_t *until)
{
    int64_t ns = 0;
    if (json_is_string(until) && clock_parse(json_string_value(until), &ns, NULL) == 0)
        page_time(page, ns);
    else
        certificate_say(page, until);
}

static void draw_how(struct page *page, const json_t *row)
{
    const json_t *fields = json_object_get(row, "fields"), *field;
    const char *into = certificate_text(row, "into");
    if (json_object_get(row, "how") != NULL) {
        certificate_say(page, json_object_get(row, "how"));
        return;
    }
    for (size_t i = 0; (field = json_array_get(fields, i)) != NULL; i++) {
        if (i > 0)
            page_plain(page, ", ");
        page_code(page, json_string_value(field));
    }
    if (into != NULL) {
        page_aside(page);
        page_say(page, PAGE_TEXT("kept in {1}, under its own keys", "{1} に、専用の鍵で保存"), into);
        page_aside_end(page);
    }
}

static void draw_row(struct page *page, const json_t *row)
{
    page_row(page);
    page_cell(page);
    certificate_say(page, json_object_get(row, "what"));
    page_cell(page);
    draw_how(page, row);
    page_cell(page);
    draw_until(page, json_object_get(row, "until"));
    if (certificate_text(row, "keep") != NULL) {
        page_aside(page);
        page_code(page, certificate_text(row, "keep"));
        page_aside_end(page);
    }
}

/* What a lock or an absent target still keeps: unreadable, and not gone. */
static void draw_left(struct page *page, const json_t *row)
{
    if (certificate_time(row, "gone") != 0)
        return;
    page_row(page);
    page_cell(page);
    page_say(page,
             PAGE_TEXT("Objects on target {1}, which cannot be read any more", "保存先 {1} のオブジェクト（復号不能）"),
             certificate_text(row, "target"));
    page_cell(page);
    certificate_say_code(page, "", certificate_text(row, "left"), NULL);
    page_cell(page);
    if (certificate_time(row, "locked_until") != 0)
        page_time(page, certificate_time(row, "locked_until"));
    else
        page_say(page, PAGE_TEXT("each night's run tries again", "毎夜の実行で再試行"));
}

void certificate_remains(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {
        {{"What", "対象"}, false}, {{"How", "内容"}, false}, {{"Until", "期限"}, false}};
    const json_t *survivors = json_object_get(c->predicate, "survivors");
    const json_t *targets = json_object_get(c->predicate, "targets"), *row;
    page_table(page, PAGE_TEXT("What remains by promise or lock", "約束またはロックにより残るもの"), columns, 3);
    for (size_t i = 0; (row = json_array_get(survivors, i)) != NULL; i++)
        draw_row(page, row);
    for (size_t i = 0; (row = json_array_get(targets, i)) != NULL; i++)
        draw_left(page, row);
    page_table_end(page);
}
