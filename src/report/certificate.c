/* The certificate of an erasure as a page for people (消去実施報告書), from nothing but the signed statement. */
#include "report/certificate.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "hikae.h"
#include "ops/engine.h"

#include <stdio.h>
#include <string.h>

const char *certificate_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t certificate_time(const json_t *object, const char *key)
{
    int64_t ns = 0;
    const char *text = certificate_text(object, key);
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

uint64_t certificate_number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* ---- Fixed words ---- */

void certificate_say_code(struct page *page, const char *prefix, const char *word, const char *says)
{
    CLEANUP_FREE char *code = word != NULL ? mem_printf("%s%s", prefix, word) : NULL;
    const char *ja = code != NULL && page_lang(page) == PAGE_JA ? hikae_purge_phrase(code, "ja") : NULL;
    const char *en = code != NULL ? hikae_purge_phrase(code, "en") : NULL;
    page_plain(page, ja != NULL ? ja : says != NULL ? says : en != NULL ? en : word);
}

void certificate_say(struct page *page, const json_t *value)
{
    if (json_is_object(value))
        certificate_say_code(page, "", certificate_text(value, "code"), certificate_text(value, "says"));
    else
        page_plain(page, json_string_value(value));
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
          "what people keep, which is listed under keys.",
          "本システムおよび鍵装置が保持していた鍵はすべて破棄済み。人が保管するもの（「鍵」の欄に列挙）を除き、"
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
            if (certificate_text(claim, "claim") != NULL &&
                strcmp(certificate_text(claim, "claim"), claims[i].claim) == 0)
                found = claim;
        page_tile(page, found != NULL ? PAGE_GOOD : PAGE_WARN, claims[i].name);
        if (found != NULL)
            page_time(page, certificate_time(found, "since"));
        else
            page_say(page, PAGE_TEXT("not claimed yet", "未確定"));
        page_aside(page);
        if (found == NULL)
            page_say(page, PAGE_TEXT("It will mean: ", "確定時の意味: "));
        page_say(page, claims[i].means);
        page_aside_end(page);
    }
    page_tiles_end(page);
}

static int64_t claimed_since(const struct certificate *c, const char *name)
{
    const json_t *list = json_object_get(c->predicate, "claims"), *claim;
    for (size_t i = 0; (claim = json_array_get(list, i)) != NULL; i++)
        if (certificate_text(claim, "claim") != NULL && strcmp(certificate_text(claim, "claim"), name) == 0)
            return certificate_time(claim, "since");
    return 0;
}

/* What was promised is met by the end of the keys, or, where complete deletion was, only when nothing is listed. */
static void draw_in_time(struct page *page, const struct certificate *c, int64_t deadline_ns)
{
    const char *met_by = certificate_text(json_object_get(c->predicate, "method"), "met_by");
    bool by_keys = met_by != NULL && strcmp(met_by, "keys") == 0;
    int64_t met_ns = claimed_since(c, by_keys ? "unreadable" : "gone");
    page_term(page, by_keys ? PAGE_TEXT("Met by T0, as promised", "期限内の達成（約束: T0）")
                            : PAGE_TEXT("Met by T2, as promised", "期限内の達成（約束: T2）"));
    if (met_ns != 0 && met_ns <= deadline_ns)
        page_badge(page, PAGE_GOOD, PAGE_TEXT("in time", "期限内"));
    else if (met_ns != 0 || certificate_time(c->predicate, "made") > deadline_ns)
        page_badge(page, PAGE_BAD, PAGE_TEXT("too late", "期限超過"));
    else
        page_badge(page, PAGE_WARN, PAGE_TEXT("not yet", "未達"));
}

static void draw_who(struct page *page, const struct certificate *c)
{
    const json_t *tenant = json_object_get(c->predicate, "tenant"),
                 *approvers = json_object_get(c->predicate, "approvers");
    const json_t *contract = json_object_get(c->predicate, "contract"), *tool = json_object_get(c->predicate, "tool");
    const json_t *approver;
    page_terms(page);
    term(page, PAGE_TEXT("Tenant", "対象テナント"), certificate_text(tenant, "name"));
    page_term(page, PAGE_TEXT("Pseudonym", "仮名"));
    page_code(page, certificate_text(tenant, "pseudonym"));
    term(page, PAGE_TEXT("Requested by", "依頼者"), certificate_text(c->predicate, "requester"));
    for (size_t i = 0; (approver = json_array_get(approvers, i)) != NULL; i++) {
        page_term(page, PAGE_TEXT("Approved by", "承認者"));
        page_plain(page, certificate_text(approver, "operator"));
        page_aside(page);
        page_time(page, certificate_time(approver, "time"));
        page_aside_end(page);
    }
    if (json_is_object(contract)) {
        term(page, PAGE_TEXT("Contract ended on", "契約終了日"), certificate_text(contract, "on"));
        term_time(page, PAGE_TEXT("Deadline", "消去期限"), certificate_time(contract, "deadline"));
        draw_in_time(page, c, certificate_time(contract, "deadline"));
    } else {
        term(page, PAGE_TEXT("Reason, no contract having ended", "契約終了によらない理由"),
             certificate_text(c->predicate, "without_contract"));
    }
    term(page, PAGE_TEXT("Made with", "作成ソフトウェア"), certificate_text(tool, "name"));
    term(page, PAGE_TEXT("Version", "版"), certificate_text(tool, "version"));
    term(page, PAGE_TEXT("Host", "ホスト"), certificate_text(tool, "host"));
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
                  page_format_count(
                      certificate_number(scope, "snapshots") + certificate_number(scope, "retired_snapshots"), count));
    page_list(page);
    for (size_t i = 0; (row = json_array_get(what, i)) != NULL; i++) {
        page_item(page);
        certificate_say(page, row);
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
        page_plain(page, certificate_text(row, "name"));
        page_cell(page);
        page_count(page, certificate_number(row, "bits"));
        page_cell(page);
        page_plain(page, certificate_text(row, "standard"));
        page_cell(page);
        certificate_say(page, json_object_get(row, "for"));
    }
    page_table_end(page);
}

/* ---- Proof ---- */

/* Each target by itself gave everybody else's keys back. */
static void draw_read_back(struct page *page, const json_t *rows)
{
    const json_t *row;
    bool elsewhere = false;
    if (json_array_size(rows) == 0)
        return;
    page_term(page, PAGE_TEXT("Keys of the others, read back from", "他テナントの鍵の読み戻し元"));
    for (size_t i = 0; (row = json_array_get(rows, i)) != NULL; i++) {
        elsewhere = elsewhere || json_is_true(json_object_get(row, "elsewhere"));
        if (i > 0)
            page_plain(page, ", ");
        page_plain(page, certificate_text(row, "target"));
        page_plain(page, " ");
        if (!json_is_true(json_object_get(row, "sound")))
            page_badge(page, PAGE_WARN, PAGE_TEXT("not read", "未確認"));
        else
            page_badge(page, PAGE_GOOD,
                       json_is_true(json_object_get(row, "elsewhere")) ? PAGE_TEXT("off this host", "別ホスト")
                                                                       : PAGE_TEXT("on this host", "同一ホスト"));
    }
    if (!elsewhere) {
        page_aside(page);
        page_say(page,
                 PAGE_TEXT("No target is known to lie off this host.", "別ホスト上と確認できる保存先はありません。"));
        page_aside_end(page);
    }
}

static void draw_verified(struct page *page, const struct certificate *c)
{
    const json_t *verified = json_object_get(c->predicate, "verified"), *times = json_object_get(c->predicate, "times");
    char number[PAGE_SMALL];
    page_heading(page, PAGE_TEXT("Verification: it was carried out", "検証（実施の確認）"));
    page_paragraph(page);
    certificate_say(page, json_object_get(verified, "verification"));
    page_paragraph_end(page);
    page_heading(page, PAGE_TEXT("Validation: it was sufficient", "妥当性（十分性の確認）"));
    page_paragraph(page);
    certificate_say(page, json_object_get(verified, "validation"));
    page_paragraph_end(page);
    page_terms(page);
    page_term(page, PAGE_TEXT("The control: the old root key opened before", "対照: 実施前は旧ルート鍵で開錠できた"));
    page_badge(page, json_is_true(json_object_get(verified, "opened_before")) ? PAGE_GOOD : PAGE_BAD,
               json_is_true(json_object_get(verified, "opened_before")) ? PAGE_TEXT("yes", "はい")
                                                                        : PAGE_TEXT("no", "いいえ"));
    term(page,
         PAGE_TEXT("Other tenants whose keys opened afterwards",
                   "実施後に鍵が開いた他のテナント（本システム自身を含む）"),
         page_format_count(certificate_number(verified, "other_tenants_open"), number));
    draw_read_back(page, json_object_get(verified, "read_back"));
    term_time(page, PAGE_TEXT("Writers stopped", "書込み停止"), certificate_time(times, "tombstone"));
    term_time(page, PAGE_TEXT("Committed", "確定"), certificate_time(times, "commit"));
    term_time(page, PAGE_TEXT("New root key in force and proved", "新ルート鍵の発効・確認"),
              certificate_time(times, "changed"));
    term_time(page, PAGE_TEXT("Old root key destroyed", "旧ルート鍵の破棄"), certificate_time(times, "destroyed"));
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
    const char *note = certificate_text(log, "checkpoint");
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
        page_format_count(certificate_number(log, "index"), number));
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
    certificate_keys(page, c);
    page_section_end(page);
    page_section(page, "targets", PAGE_TEXT("Targets", "保存先"));
    certificate_targets(page, c);
    page_section_end(page);
    page_section(page, "remains", PAGE_TEXT("What remains by promise or lock", "約束またはロックにより残るもの"));
    certificate_remains(page, c);
    page_section_end(page);
    page_section(page, "proof", PAGE_TEXT("Verification and validation", "検証と妥当性"));
    draw_verified(page, c);
    page_section_end(page);
    page_section(page, "check", PAGE_TEXT("How to check this certificate", "本証明書の検証方法"));
    draw_check(page, c);
    page_section_end(page);
}

static void certificate_zone_free(struct zone **zone)
{
    zone_free(*zone);
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
    const char *sign = certificate_text(json_object_get(c.predicate, "store"), "sign");
    if (sign == NULL || !base64_decode(sign, store, sizeof(store)))
        return error_set(err, ERROR_DAMAGED, "the certificate names no key of the store");
    if (pem_print_public(store, c.store_key, err) != 0)
        return -1;
    const char *zone = certificate_text(c.predicate, "zone");
    struct error unknown = {0};
    CLEANUP(certificate_zone_free) struct zone *known = NULL;
    if (zone != NULL && zone_open(zone, &known, &unknown) != 0 && unknown.class == ERROR_NO_MEMORY)
        return error_no_memory(err);
    const struct page_head head = {
        .zone = known,
        .title = {"Report on the execution of an erasure", "消去実施報告書"},
        .about = certificate_text(json_object_get(c.predicate, "tenant"), "name"),
        .made_ns = certificate_time(c.predicate, "made"),
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
