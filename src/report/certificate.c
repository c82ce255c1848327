/* The certificate of an erasure as a page for people (消去実施報告書), from nothing but the signed statement. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "crypto/dsse.h"
#include "crypto/pem.h"
#include "hikae.h"
#include "ops/engine.h"
#include "report/page.h"

#include <stdio.h>
#include <string.h>

struct certificate {
    const json_t *predicate;
    const struct dsse *envelope;
    const char *file;
    char store_key[PEM_PUBLIC_SIZE];
};

static const char *text_in(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int64_t time_in(const json_t *object, const char *key)
{
    int64_t ns = 0;
    const char *text = text_in(object, key);
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

static uint64_t number_in(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void term(struct page *page, struct page_text name, const char *text)
{
    page_term(page, name);
    page_plain(page, text);
}

static void term_time(struct page *page, struct page_text name, int64_t ns)
{
    page_term(page, name);
    page_time(page, ns);
}

/* ---- What is claimed ---- */

static void draw_claims(struct page *page, const struct certificate *c)
{
    static const struct {
        const char *claim;
        struct page_text name, means;
    } claims[] = {
        {"unreadable",
         {"Unreadable (T0)", "復号不能 (T0)"},
         {"Every key that this installation and its devices held is destroyed. No stored copy can be opened, except "
          "with "
          "what people keep, which is listed under holders.",
          "本システムおよび鍵装置が保持していた鍵はすべて破棄済み。人が保管するもの（鍵の保持者の欄に列挙）を除き、"
          "いかなる複製も復号できません。"}},
        {"irrevocable",
         {"Irrevocable (T1)", "取消不能 (T1)"},
         {"Of every group of holders one key has come to its end for good.",
          "すべての保持者グループで鍵の廃棄が確定し、取り消せません。"}},
        {"gone",
         {"Deleted from every target (T2)", "全保存先から削除 (T2)"},
         {"Every target lists no object, version, delete marker or unfinished upload of the tenant.",
          "全保存先の一覧に、当該テナントのオブジェクト・旧版・削除マーカー・未完了アップロードがないことを確認。"}},
    };
    const json_t *list = json_object_get(c->predicate, "claims");
    page_tiles(page);
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        const json_t *found = NULL, *claim;
        for (size_t k = 0; (claim = json_array_get(list, k)) != NULL; k++)
            if (text_in(claim, "claim") != NULL && strcmp(text_in(claim, "claim"), claims[i].claim) == 0)
                found = claim;
        page_tile(page, found != NULL ? PAGE_GOOD : PAGE_WARN, claims[i].name);
        if (found != NULL)
            page_time(page, time_in(found, "since"));
        else
            page_say(page, PAGE_TEXT("not claimed yet", "未確定"));
        page_aside(page);
        page_say(page, claims[i].means);
        page_aside_end(page);
    }
    page_tiles_end(page);
}

static void draw_who(struct page *page, const struct certificate *c)
{
    const json_t *tenant = json_object_get(c->predicate, "tenant"),
                 *approvers = json_object_get(c->predicate, "approvers");
    const json_t *contract = json_object_get(c->predicate, "contract"), *tool = json_object_get(c->predicate, "tool");
    const json_t *approver;
    page_terms(page);
    term(page, PAGE_TEXT("Tenant", "対象テナント"), text_in(tenant, "name"));
    page_term(page, PAGE_TEXT("Pseudonym", "仮名"));
    page_code(page, text_in(tenant, "pseudonym"));
    term(page, PAGE_TEXT("Requested by", "依頼者"), text_in(c->predicate, "requester"));
    for (size_t i = 0; (approver = json_array_get(approvers, i)) != NULL; i++) {
        page_term(page, PAGE_TEXT("Approved by", "承認者"));
        page_plain(page, text_in(approver, "operator"));
        page_aside(page);
        page_time(page, time_in(approver, "time"));
        page_aside_end(page);
    }
    if (json_is_object(contract)) {
        term(page, PAGE_TEXT("Contract ended on", "契約終了日"), text_in(contract, "on"));
        term(page, PAGE_TEXT("Deadline", "消去期限"), text_in(contract, "deadline"));
    } else {
        term(page, PAGE_TEXT("Reason, no contract having ended", "契約終了によらない理由"),
             text_in(c->predicate, "without_contract"));
    }
    term(page, PAGE_TEXT("Made with", "作成ソフトウェア"), text_in(tool, "name"));
    term(page, PAGE_TEXT("Version", "版"), text_in(tool, "version"));
    term(page, PAGE_TEXT("Host", "ホスト"), text_in(tool, "host"));
    page_terms_end(page);
}

/* ---- Scope and method ---- */

static void draw_method(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Algorithm", "アルゴリズム"}, false},
                                                 {{"Strength, bits", "強度（ビット）"}, true},
                                                 {{"Standard", "規格"}, false},
                                                 {{"For", "用途"}, false}};
    const json_t *scope = json_object_get(c->predicate, "scope"), *what = json_object_get(scope, "what"), *row;
    const json_t *algorithms = json_object_get(c->predicate, "algorithms");
    char count[PAGE_SMALL];
    page_sentence(page,
                  PAGE_TEXT("Scope: {1|snapshot|snapshots}, and:", "範囲: スナップショット {1} 件、および次のもの。"),
                  page_format_count(number_in(scope, "snapshots") + number_in(scope, "retired_snapshots"), count));
    page_list(page);
    for (size_t i = 0; (row = json_array_get(what, i)) != NULL; i++) {
        page_item(page);
        page_plain(page, json_string_value(row));
    }
    page_list_end(page);
    page_sentence(
        page, PAGE_TEXT("Method: the keys of all other tenants are wrapped under a new root key; the old root key "
                        "is destroyed at every holder, so that no wrapped copy of this tenant's keys can be "
                        "opened; then everything stored is deleted.",
                        "方法: 他テナントの鍵を新しいルート鍵で包み直し、旧ルート鍵を全保持者で破棄します。これにより"
                        "当該テナントの鍵のいかなる複製も開けなくなります。その後、保存物をすべて削除します。"));
    page_table(page, PAGE_TEXT("Algorithms", "暗号方式"), columns, 4);
    for (size_t i = 0; (row = json_array_get(algorithms, i)) != NULL; i++) {
        page_row(page);
        page_cell(page);
        page_plain(page, text_in(row, "name"));
        page_cell(page);
        page_count(page, number_in(row, "bits"));
        page_cell(page);
        page_plain(page, text_in(row, "standard"));
        page_cell(page);
        page_plain(page, text_in(row, "for"));
    }
    page_table_end(page);
}

/* ---- Keys ---- */

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
    const char *fate = text_in(row, "fate");
    for (size_t i = 0; fate != NULL && i < sizeof(fates) / sizeof(fates[0]); i++)
        if (strcmp(fates[i].word, fate) == 0) {
            page_badge(page, fates[i].state, fates[i].text);
            return;
        }
    page_badge(page, PAGE_UNKNOWN, PAGE_TEXT("unknown", "不明"));
}

static void draw_holders(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Holder", "保持者"}, false},
                                                 {{"Epoch", "世代"}, true},
                                                 {{"Kind", "種別"}, false},
                                                 {{"Its key", "鍵の結末"}, false},
                                                 {{"When", "日時"}, false},
                                                 {{"Opened before / after", "前／後の開錠"}, false},
                                                 {{"What this is worth", "破棄の効力"}, false}};
    const json_t *holders = json_object_get(c->predicate, "holders"), *row;
    page_table(page,
               PAGE_TEXT("Holders of the root keys that wrapped this tenant's keys",
                         "当該テナントの鍵を包んだルート鍵の保持者"),
               columns, 7);
    for (size_t i = 0; (row = json_array_get(holders, i)) != NULL; i++) {
        const json_t *declared = json_object_get(row, "declared");
        char number[PAGE_SMALL];
        page_row(page);
        page_cell(page);
        page_plain(page, text_in(row, "group"));
        page_plain(page, " / ");
        page_plain(page, text_in(row, "name"));
        page_cell(page);
        page_plain(page, page_format_count(number_in(row, "epoch"), number));
        page_cell(page);
        page_plain(page, text_in(row, "kind"));
        page_cell(page);
        draw_fate(page, row);
        if (json_is_object(declared)) {
            page_aside(page);
            page_plain(page, text_in(declared, "who"));
            page_plain(page, ": ");
            page_plain(page, text_in(declared, "how"));
            page_aside_end(page);
        }
        page_cell(page);
        page_time(page, time_in(json_is_object(declared) ? declared : row, "at"));
        page_cell(page);
        page_plain(page, text_in(row, "before"));
        page_plain(page, " / ");
        page_plain(page, text_in(row, "after"));
        page_cell(page);
        page_plain(page, text_in(row, "worth"));
    }
    page_table_end(page);
}

static void draw_copies(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Epoch", "世代"}, true},
                                                 {{"Target", "保存先"}, false},
                                                 {{"Entries", "件数"}, true},
                                                 {{"Versions", "版数"}, true}};
    const json_t *epochs = json_object_get(c->predicate, "key_copies"), *epoch, *entry;
    page_table(page,
               PAGE_TEXT("Every stored copy of the wrapped keys, before: unreadable with the root key, then deleted",
                         "包まれた鍵の保存された複製（実施前）。ルート鍵の破棄により復号不能、その後削除"),
               columns, 4);
    for (size_t i = 0; (epoch = json_array_get(epochs, i)) != NULL; i++) {
        const json_t *entries = json_object_get(epoch, "entries");
        for (size_t k = 0; (entry = json_array_get(entries, k)) != NULL; k++) {
            page_row(page);
            page_cell(page);
            page_count(page, number_in(epoch, "epoch"));
            page_cell(page);
            page_plain(page, text_in(entry, "target"));
            page_cell(page);
            page_count(page, number_in(entry, "objects"));
            page_cell(page);
            page_count(page, number_in(entry, "versions"));
        }
    }
    page_table_end(page);
}

static void draw_people(struct page *page, const struct certificate *c)
{
    const json_t *people = json_object_get(c->predicate, "people"), *row;
    page_sentence(page, PAGE_TEXT("What only people can destroy, beyond what is said of each holder above:",
                                  "人でなければ廃棄できないもの:"));
    page_list(page);
    for (size_t i = 0; (row = json_array_get(people, i)) != NULL; i++) {
        page_item(page);
        page_plain(page, text_in(row, "group"));
        page_plain(page, " / ");
        page_plain(page, text_in(row, "name"));
        page_plain(page, ": ");
        page_plain(page, text_in(row, "what"));
    }
    page_list_end(page);
}

/* ---- Targets, and what remains ---- */

static const json_t *found_on(const struct certificate *c, const char *target)
{
    const json_t *found = json_object_get(c->predicate, "found"), *row;
    for (size_t i = 0; target != NULL && (row = json_array_get(found, i)) != NULL; i++)
        if (text_in(row, "target") != NULL && strcmp(text_in(row, "target"), target) == 0)
            return row;
    return NULL;
}

static void draw_targets(struct page *page, const struct certificate *c)
{
    static const struct page_column columns[] = {{{"Target", "保存先"}, false},
                                                 {{"Objects before", "実施前の件数"}, true},
                                                 {{"Size before", "実施前の容量"}, true},
                                                 {{"Deleted", "削除数"}, true},
                                                 {{"Left", "残存"}, true},
                                                 {{"Nothing listed since", "一覧が空になった日時"}, false},
                                                 {{"Locked until", "ロック期限"}, false},
                                                 {{"Why", "理由"}, false}};
    const json_t *targets = json_object_get(c->predicate, "targets"), *row;
    page_table(page, PAGE_TEXT("Targets", "保存先ごとの結果"), columns, 8);
    for (size_t i = 0; (row = json_array_get(targets, i)) != NULL; i++) {
        const json_t *before = found_on(c, text_in(row, "target"));
        page_row(page);
        page_cell(page);
        page_plain(page, text_in(row, "target"));
        page_cell(page);
        page_count(page, number_in(before, "versions") + number_in(before, "markers") + number_in(before, "uploads"));
        page_cell(page);
        page_bytes(page, number_in(before, "bytes"));
        page_cell(page);
        page_count(page, number_in(row, "deleted"));
        page_cell(page);
        if (time_in(row, "gone") == 0 && number_in(row, "versions") == 0)
            page_badge(page, PAGE_UNKNOWN, PAGE_TEXT("unknown", "不明"));
        else
            page_count(page, number_in(row, "versions") + number_in(row, "markers") + number_in(row, "uploads"));
        page_cell(page);
        page_time(page, time_in(row, "gone"));
        page_cell(page);
        if (time_in(row, "locked_until") != 0)
            page_time(page, time_in(row, "locked_until"));
        else
            page_plain(page, NULL);
        page_cell(page);
        page_plain(page, text_in(row, "why"));
    }
    page_table_end(page);
}

static void draw_survivors(struct page *page, const struct certificate *c)
{
    const json_t *survivors = json_object_get(c->predicate, "survivors"), *row;
    page_list(page);
    for (size_t i = 0; (row = json_array_get(survivors, i)) != NULL; i++) {
        page_item(page);
        page_plain(page, text_in(row, "what"));
        page_aside(page);
        page_plain(page, text_in(row, "how"));
        page_plain(page, "; ");
        page_plain(page, text_in(row, "until"));
        page_aside_end(page);
    }
    page_list_end(page);
}

/* ---- Proof ---- */

static void draw_verified(struct page *page, const struct certificate *c)
{
    const json_t *verified = json_object_get(c->predicate, "verified"), *times = json_object_get(c->predicate, "times");
    char number[PAGE_SMALL];
    page_terms(page);
    term(page, PAGE_TEXT("Verification (it was carried out)", "検証（実施の確認）"), text_in(verified, "verification"));
    term(page, PAGE_TEXT("Validation (it was sufficient)", "妥当性（十分性の確認）"), text_in(verified, "validation"));
    page_term(page, PAGE_TEXT("The control: the old root key opened before", "対照: 実施前は旧ルート鍵で開錠できた"));
    page_badge(page, json_is_true(json_object_get(verified, "opened_before")) ? PAGE_GOOD : PAGE_BAD,
               json_is_true(json_object_get(verified, "opened_before")) ? PAGE_TEXT("yes", "はい")
                                                                        : PAGE_TEXT("no", "いいえ"));
    term(page,
         PAGE_TEXT("Other tenants whose keys opened afterwards",
                   "実施後に鍵が開いた他のテナント（本システム自身を含む）"),
         page_format_count(number_in(verified, "other_tenants_open"), number));
    term_time(page, PAGE_TEXT("Writers stopped", "書込み停止"), time_in(times, "tombstone"));
    term_time(page, PAGE_TEXT("Committed", "確定"), time_in(times, "commit"));
    term_time(page, PAGE_TEXT("New root key in force and proved", "新ルート鍵の発効・確認"), time_in(times, "changed"));
    term_time(page, PAGE_TEXT("Old root key destroyed", "旧ルート鍵の破棄"), time_in(times, "destroyed"));
    page_terms_end(page);
}

/* The same that `hikae audit verify` does with the envelope, with openssl and the shell alone. */
static char *openssl_commands(const struct certificate *c)
{
    return mem_printf("file=%s; operator=operator.pem   # the operator's public key, which you have from elsewhere\n"
                      "cat >store.pem <<'END'\n%sEND\n"
                      "sed 's/.*\"payload\":\"\\([^\"]*\\)\".*/\\1/' \"$file\" | base64 -d >statement.json\n"
                      "{ printf 'DSSEv1 %zu %s %%d ' \"$(wc -c <statement.json)\"; cat statement.json; } >signed\n"
                      "for key in \"$operator\" store.pem; do\n"
                      "  found=no\n"
                      "  for signature in $(grep -o '\"sig\":\"[^\"]*\"' \"$file\" | cut -d'\"' -f4); do\n"
                      "    echo \"$signature\" | base64 -d >signature\n"
                      "    openssl pkeyutl -verify -pubin -inkey \"$key\" -rawin -in signed -sigfile signature >result "
                      "2>&1 && found=yes\n"
                      "  done\n"
                      "  echo \"$key: signed: $found\"\n"
                      "  [ $found = yes ] || exit 1\n"
                      "done\n",
                      c->file, c->store_key, strlen(c->envelope->type), c->envelope->type);
}

static void draw_check(struct page *page, const struct certificate *c)
{
    const json_t *log = json_object_get(c->predicate, "log");
    CLEANUP_FREE char *commands = openssl_commands(c);
    char number[PAGE_SMALL];
    const char *note = text_in(log, "checkpoint");
    page_sentence(page, PAGE_TEXT("Without hikae, in a shell with openssl (3.0 or later):",
                                  "hikae なしでの検証（openssl 3.0 以降）:"));
    if (commands != NULL)
        page_verbatim(page, commands, strlen(commands));
    page_sentence(page, PAGE_TEXT("With hikae, offline; it checks the entry in the log too:",
                                  "hikae による検証（オフライン、ログの証明を含む）:"));
    page_paragraph(page);
    page_code(page, "hikae audit verify CERTIFICATE --key operator.pem");
    page_paragraph_end(page);
    page_sentence(
        page,
        PAGE_TEXT(
            "The commit is entry {1} of the operator's audit log, a Merkle tree (RFC 6962), under this "
            "checkpoint:",
            "確定操作は監査ログ（RFC 6962 のマークル木）の {1} 番の記録であり、次のチェックポイントに含まれます。"),
        page_format_count(number_in(log, "index"), number));
    if (note != NULL)
        page_verbatim(page, note, strlen(note));
}

/* ---- The page ---- */

static void draw(struct page *page, void *context)
{
    const struct certificate *c = context;
    page_section(page, "result", PAGE_TEXT("Result", "結果"));
    draw_claims(page, c);
    page_sentence(page, PAGE_TEXT("This is the operator's own declaration, made from the journal of the erasure.",
                                  "本書は、消去の作業記録から作成した運用者自身による報告です。"));
    page_section_end(page);
    page_section(page, "who", PAGE_TEXT("Who and what", "関係者と対象"));
    draw_who(page, c);
    page_section_end(page);
    page_section(page, "method", PAGE_TEXT("Scope and method", "範囲と方法"));
    draw_method(page, c);
    page_section_end(page);
    page_section(page, "keys", PAGE_TEXT("Keys", "鍵"));
    draw_holders(page, c);
    draw_copies(page, c);
    draw_people(page, c);
    page_section_end(page);
    page_section(page, "targets", PAGE_TEXT("Targets", "保存先"));
    draw_targets(page, c);
    page_section_end(page);
    page_section(page, "remains", PAGE_TEXT("What remains by promise", "約束により残るもの"));
    draw_survivors(page, c);
    page_section_end(page);
    page_section(page, "proof", PAGE_TEXT("Verification and validation", "検証と妥当性"));
    draw_verified(page, c);
    page_section_end(page);
    page_section(page, "check", PAGE_TEXT("How to check this certificate", "本証明書の検証方法"));
    draw_check(page, c);
    page_section_end(page);
}

static int make_page(const char *text, const char *file_name, char **ret, struct error *err)
{
    CLEANUP(dsse_free) struct dsse envelope = {0};
    CLEANUP_JSON json_t *statement = NULL;
    CLEANUP(buf_free) struct buf html = {0};
    uint8_t store[ED25519_PUBLIC_SIZE];
    if (dsse_parse(text, strlen(text), &envelope, err) != 0 ||
        json_parse(envelope.payload.data, envelope.payload.size, &statement, err) != 0)
        return -1;
    struct certificate c = {json_object_get(statement, "predicate"), &envelope, file_name, ""};
    const char *sign = text_in(json_object_get(c.predicate, "store"), "sign");
    if (sign == NULL || !base64_decode(sign, store, sizeof(store)))
        return error_set(err, ERROR_DAMAGED, "the certificate names no key of the store");
    if (pem_print_public(store, c.store_key, err) != 0)
        return -1;
    const struct page_head head = {
        .title = {"Report on the execution of an erasure", "消去実施報告書"},
        .about = text_in(json_object_get(c.predicate, "tenant"), "name"),
        .made_ns = time_in(c.predicate, "made"),
        .test_clock = json_is_true(json_object_get(json_object_get(c.predicate, "tool"), "test_clock")),
        .langs = PAGE_JA_EN};
    if (page_write(&head, draw, &c, &html, err) != 0 || buf_u8(&html, 0, err) != 0)
        return -1;
    *ret = (char *)html.data;
    html = (struct buf){0};
    return 0;
}

enum hikae_status hikae_certificate_page(const char *envelope, const char *file_name, char **ret_html,
                                         struct hikae_error *error)
{
    struct error err = {0};
    *ret_html = NULL;
    return api_result(make_page(envelope, file_name, ret_html, &err), false, &err, error);
}
