/* A certificate's page: holders of the root keys, copies of what these wrapped, what only people can destroy. */
#include "report/certificate.h"

#include <string.h>

static void draw_fate(struct page *page, const json_t *row)
{
    static const struct {
        const char *word;
        enum page_state state;
        struct page_text text;
    } fates[] = {{"destroyed", PAGE_GOOD, {"destroyed", "破棄"}},
                 {"absent", PAGE_GOOD, {"was gone before", "以前に消失"}},
                 {"declared", PAGE_GOOD, {"destroyed, as people declare", "廃棄の申告あり"}},
                 {"scheduled", PAGE_WARN, {"disabled, its end is scheduled", "無効化済み・削除予約"}},
                 {"people", PAGE_WARN, {"for people to destroy", "人による廃棄が必要"}},
                 {"refused", PAGE_BAD, {"still in use", "使用中"}}};
    const char *fate = certificate_text(row, "fate");
    for (size_t i = 0; fate != NULL && i < sizeof(fates) / sizeof(fates[0]); i++)
        if (strcmp(fates[i].word, fate) == 0) {
            page_badge(page, fates[i].state, fates[i].text);
            return;
        }
    page_badge(page, PAGE_UNKNOWN, PAGE_TEXT("unknown", "不明"));
}

/* Whose word it is, and who signed that. */
static void draw_declared(struct page *page, const json_t *declared)
{
    const char *signer = certificate_text(declared, "operator");
    page_plain(page, certificate_text(declared, "who"));
    page_plain(page, ": ");
    page_plain(page, certificate_text(declared, "how"));
    page_aside(page);
    page_time(page, certificate_time(declared, "at"));
    page_plain(page, " ");
    if (signer != NULL)
        page_say(page, PAGE_TEXT("(declaration signed by operator {1})", "（運用者 {1} の署名による申告）"), signer);
    else
        page_say(page, PAGE_TEXT("(declared by name, unsigned)", "（記名による申告、署名なし）"));
    page_aside_end(page);
}

static void draw_states(struct page *page, const json_t *row)
{
    const char *before = certificate_text(row, "before");
    /* What was here then was another key: this one was somewhere else, with people. */
    bool elsewhere = before != NULL && strcmp(before, "wrong") == 0;
    certificate_say_code(page, "state-", elsewhere ? "not-here" : before, NULL);
    page_plain(page, " → ");
    certificate_say_code(page, "state-", certificate_text(row, "after"), NULL);
}

static void draw_holder(struct page *page, const json_t *row)
{
    const json_t *declared = json_object_get(row, "declared");
    page_row(page);
    page_cell(page);
    page_plain(page, certificate_text(row, "group"));
    page_plain(page, " / ");
    page_plain(page, certificate_text(row, "name"));
    page_aside(page);
    page_say(page, PAGE_TEXT("epoch ", "世代 "));
    page_count(page, certificate_number(row, "epoch"));
    page_plain(page, ", ");
    certificate_say_code(page, "kind-", certificate_text(row, "kind"), NULL);
    page_aside_end(page);
    page_cell(page);
    draw_fate(page, row);
    page_cell(page);
    if (certificate_time(row, "at") != 0)
        page_time(page, certificate_time(row, "at"));
    else if (json_is_object(declared))
        page_time(page, certificate_time(declared, "at"));
    else
        page_plain(page, NULL);
    if (certificate_time(row, "final") != 0) {
        page_aside(page);
        page_say(page, PAGE_TEXT("final on ", "確定 "));
        page_time(page, certificate_time(row, "final"));
        page_aside_end(page);
    }
    page_cell(page);
    draw_states(page, row);
    page_cell(page);
    certificate_say_code(page, "worth-", certificate_text(row, "kind"), certificate_text(row, "worth"));
}

static void draw_holders(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Holder", "保持者"}, false},
                                                 {{"Its key", "鍵の結末"}, false},
                                                 {{"When", "日時"}, false},
                                                 {{"Opened before → after", "前 → 後の開錠"}, false},
                                                 {{"What this is worth", "破棄の効力"}, false}};
    const json_t *holders = json_object_get(c->predicate, "holders"), *row;
    page_table(page,
               PAGE_TEXT("Holders of the root keys that wrapped this tenant's keys",
                         "当該テナントの鍵を包んだルート鍵の保持者"),
               columns, 5);
    for (size_t i = 0; (row = json_array_get(holders, i)) != NULL; i++)
        draw_holder(page, row);
    page_table_end(page);
}

/* ---- Copies ---- */

static void draw_copies(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Epoch", "世代"}, false},
                                                 {{"Target", "保存先"}, false},
                                                 {{"Entries", "件数"}, true},
                                                 {{"Versions", "版数"}, true},
                                                 {{"Delete markers", "削除マーカー"}, true}};
    const json_t *epochs = json_object_get(c->predicate, "key_copies"), *epoch, *entry;
    page_table(page,
               PAGE_TEXT("Every stored copy of the wrapped keys, as found before: unreadable since the root key's end",
                         "包まれた鍵の保存された複製（実施前）。ルート鍵の破棄により復号不能"),
               columns, 5);
    for (size_t i = 0; (epoch = json_array_get(epochs, i)) != NULL; i++) {
        const json_t *entries = json_object_get(epoch, "entries");
        for (size_t k = 0; (entry = json_array_get(entries, k)) != NULL; k++) {
            page_row(page);
            page_cell(page);
            page_count(page, certificate_number(epoch, "epoch"));
            page_cell(page);
            page_plain(page, certificate_text(entry, "target"));
            page_cell(page);
            page_count(page, certificate_number(entry, "objects"));
            page_cell(page);
            page_count(page, certificate_number(entry, "versions"));
            page_cell(page);
            page_count(page, certificate_number(entry, "markers"));
        }
    }
    page_table_end(page);
}

static void draw_copies_end(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Target", "保存先"}, false},
                                                 {{"Deleted", "削除数"}, true},
                                                 {{"Left", "残存"}, true},
                                                 {{"Locked until", "ロック期限"}, false},
                                                 {{"Why", "理由"}, false}};
    const json_t *entries = json_object_get(c->predicate, "key_entries_deleted"), *entry;
    if (json_array_size(entries) == 0)
        return;
    page_table(page, PAGE_TEXT("The end of these copies", "これら複製の削除"), columns, 5);
    for (size_t i = 0; (entry = json_array_get(entries, i)) != NULL; i++) {
        page_row(page);
        page_cell(page);
        page_plain(page, certificate_text(entry, "target"));
        page_cell(page);
        page_count(page, certificate_number(entry, "deleted"));
        page_cell(page);
        page_count(page, certificate_number(entry, "left"));
        page_cell(page);
        if (certificate_time(entry, "locked_until") != 0)
            page_time(page, certificate_time(entry, "locked_until"));
        else
            page_plain(page, NULL);
        page_cell(page);
        page_plain(page, certificate_text(entry, "why"));
    }
    page_table_end(page);
    page_sentence(
        page,
        PAGE_TEXT("An epoch's slots, which say who held it and hold no key of a tenant, are deleted once the "
                  "end of all its holders is final.",
                  "保持者を記した「スロット」はテナントの鍵を含まず、全保持者の鍵の結末が確定した後に削除します。"));
}

/* ---- People ---- */

static const json_t *holder_of(const struct certificate *c, const json_t *item)
{
    static const char *const keys[] = {"epoch", "group", "name"};
    const json_t *holders = json_object_get(c->predicate, "holders"), *row;
    for (size_t i = 0; (row = json_array_get(holders, i)) != NULL; i++) {
        size_t same = 0;
        for (size_t k = 0; k < 3; k++)
            same += json_equal(json_object_get(row, keys[k]), json_object_get(item, keys[k])) != 0;
        if (same == 3)
            return row;
    }
    return NULL;
}

static void draw_people(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Holder", "保持者"}, false},
                                                 {{"What", "対象"}, false},
                                                 {{"Who destroyed it, and how", "廃棄した者と方法"}, false}};
    const json_t *people = json_object_get(c->predicate, "people"), *row;
    page_table(page,
               PAGE_TEXT("What only people can destroy: recovery sheets and backups of holders",
                         "人でなければ廃棄できないもの（復旧シート、保持者のバックアップ）"),
               columns, 3);
    for (size_t i = 0; (row = json_array_get(people, i)) != NULL; i++) {
        const json_t *declared = json_object_get(holder_of(c, row), "declared");
        page_row(page);
        page_cell(page);
        page_plain(page, certificate_text(row, "group"));
        page_plain(page, " / ");
        page_plain(page, certificate_text(row, "name"));
        page_cell(page);
        certificate_say(page, json_object_get(row, "what"));
        page_cell(page);
        if (json_is_object(declared))
            draw_declared(page, declared);
        else
            page_badge(page, PAGE_WARN, PAGE_TEXT("nothing declared", "申告なし"));
    }
    page_table_end(page);
}

void certificate_keys(struct page *page, const struct certificate *c)
{
    draw_holders(page, c);
    draw_people(page, c);
    draw_copies(page, c);
    draw_copies_end(page, c);
}
