/* The text that tells the causes of a night: pure functions of the state. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CAUSES_TOLD = 9, TODO_TOLD = 5, DETAIL_SIZE = 100, TIME_SIZE = 64 };
_Static_assert((int)TIME_SIZE >= (int)CLOCK_TEXT_SIZE, "both fit");

/* ---- Words ---- */

enum word {
    WORD_OTHERS, /* {s} with others */
    WORD_DIGEST_GOOD,
    WORD_DIGEST_BAD,
    WORD_ALERT,
    WORD_COUNTS,
    WORD_ALL_WELL,
    WORD_MORE,
    WORD_SAFE,
    WORD_SAFE_ALL,
    WORD_SAFE_UNKNOWN,
    WORD_TODO,
    WORD_MUTED,
    WORD_TEST_CLOCK,
    WORD_NEVER,
    WORDS
};

/* {s} tenant, with how many others; {k} target or job; {d} detail; {n} count; {t} time; {a} {b} {c} numbers. */
static const char *const words[WORDS][2] = {
    [WORD_OTHERS] = {"{s} and {n} more", "{s} ほか {n} 件"},
    [WORD_DIGEST_GOOD] = {"hikae {s}: all is well", "hikae {s}: 異常なし"},
    [WORD_DIGEST_BAD] = {"hikae {s}: {n} to look at", "hikae {s}: 確認事項 {n} 件"},
    [WORD_ALERT] = {"hikae {s}: ALERT", "hikae {s}: 警報"},
    [WORD_COUNTS] = {"Tenants {a}, jobs done {b}, failed {c}.", "テナント {a}、完了 {b}、失敗 {c}"},
    [WORD_ALL_WELL] = {"Nothing failed, nothing is late.", "失敗・遅れはありません。"},
    [WORD_MORE] = {"… and {n} more causes.", "… ほか {n} 件の原因"},
    [WORD_SAFE] = {"Safe: {a} of {b} tenants; the oldest latest is {s}'s, {t}.",
                   "復元可能: {b} 中 {a} テナント。最新世代が最も古いのは {s}（{t}）"},
    [WORD_SAFE_ALL] = {"Safe: all {b} tenants; the oldest latest is {s}'s, {t}.",
                       "復元可能: 全 {b} テナント。最新世代が最も古いのは {s}（{t}）"},
    [WORD_SAFE_UNKNOWN] = {"What is still safe could not be found out.", "復元できる範囲は確認できませんでした。"},
    [WORD_TODO] = {"To do:", "対応:"},
    [WORD_MUTED] = {"Muted until {t}; damage and deadlines are told all the same.",
                    "{t} まで通知を停止中（破損と期限は通知します）"},
    [WORD_TEST_CLOCK] = {"This store has a test clock.", "テスト用の時計を使うストアです。"},
    [WORD_NEVER] = {"never", "なし"},
};

/* What happened, and what to do about it. */
static const struct {
    const char *line[2];
    const char *todo[2];
} kinds[NOTICE_KINDS] = {
    [NOTICE_DAMAGED] = {{"Damaged data: {s} ({k}). {d}", "データ破損: {s}（{k}）。{d}"},
                        {"`hikae verify --repair`", "`hikae verify --repair`"}},
    [NOTICE_DEADLINE] = {{"Must be erased by {t}: {s}.", "消去期限 {t}: {s}"},
                         {"`hikae contract show`, then `hikae purge plan`",
                          "`hikae contract show` で確認し、`hikae purge plan`"}},
    [NOTICE_INCIDENT] = {{"First notice of incident {k} by {t}.", "インシデント {k} の第一報期限: {t}"},
                         {"`hikae incident list`", "`hikae incident list`"}},
    [NOTICE_BROKEN] = {{"No target holds all of the latest: {s}.", "最新世代が揃った保存先がありません: {s}"},
                       {"`hikae verify --level objects --repair`", "`hikae verify --level objects --repair`"}},
    [NOTICE_QUORUM] = {{"Fewer copies than promised: {s}.", "コピー数が約束に足りません: {s}"},
                       {"`hikae replicate`", "`hikae replicate`"}},
    [NOTICE_RUN] = {{"The run could not do its work: {d}", "実行できませんでした: {d}"},
                    {"`hikae doctor`", "`hikae doctor`"}},
    [NOTICE_TARGET] = {{"Target {k} does not answer; tenants behind: {n}.",
                        "保存先 {k} が応答しません（未反映 {n} テナント）"},
                       {"`hikae target check`", "`hikae target check`"}},
    [NOTICE_FAILED] = {{"{k} failed: {s}. {d}", "{k}に失敗: {s}。{d}"},
                       {"`hikae run` tries again", "`hikae run` で再実行"}},
    [NOTICE_OVERDUE] = {{"Not backed up in time: {s}; last {t}.",
                         "予定どおりバックアップされていません: {s}（最終 {t}）"},
                        {"`hikae status`; is the timer on?", "`hikae status`（タイマーが動いているか確認）"}},
    [NOTICE_BEHIND] = {{"Target {k} lacks the latest; tenants behind: {n}.",
                        "保存先 {k} に最新世代がないテナント: {n} 件"},
                       {"`hikae replicate`", "`hikae replicate`"}},
    [NOTICE_DRILL] = {{"A restore drill of {k} on a server of its own is due by {t}.",
                       "専用サーバーでの復元試験の期限 {t}: {k}"},
                      {"`hikae drill kit`, `hikae drill away`", "`hikae drill kit`、`hikae drill away`"}},
    [NOTICE_COPY] = {{"The restored copy of {k} must be wiped by {t}.", "復元したデータの消去期限 {t}: {k}"},
                     {"`hikae restores list`, then `hikae restores wiped`",
                      "`hikae restores list` で確認し、消去後に `hikae restores wiped`"}},
    [NOTICE_REVIEW] = {{"Not looked at yet: {d}; {n} due, the first by {t}.",
                        "{d}の確認が未実施: {n} 件（最初の期限 {t}）"},
                       {"`hikae report`, then `hikae review ack`",
                        "`hikae report` を確認し、`hikae review ack` で記録"}},
    [NOTICE_OPEN] = {{"Nonconformities open: {n}.", "未処理の不適合: {n} 件"},
                     {"`hikae nonconformity list`", "`hikae nonconformity list`"}},
    [NOTICE_REMINDER] = {{"Reminder for {t}: {d}", "予定 {t}: {d}"}, {NULL, NULL}},
    [NOTICE_WARNING] = {{"Warning, {n} times: {d}", "警告（{n} 回）: {d}"}, {NULL, NULL}},
};

/* Jobs of the nightly run in Japanese; in English their names are words. */
const char *notice_job(const char *job, enum config_language language)
{
    static const struct {
        const char *job, *ja;
    } rows[] = {{"backup", "バックアップ"}, {"replicate", "複製"},  {"verify", "検証"}, {"drill", "復元試験"},
                {"retain", "世代整理"},     {"gc", "不要物の回収"}, {"purge", "消去"},  {"locks", "ロック延長"},
                {"logs", "ログ管理"},       {"trial", "試験"}};
    for (size_t i = 0; language == CONFIG_LANGUAGE_JA && job != NULL && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].job, job) == 0)
            return rows[i].ja;
    return job;
}

/* ---- Writing ---- */

struct values {
    const char *s, *k, *d;
    uint64_t n, a, b, c;
    int64_t t;
    const struct zone *zone; /* of t; NULL: UTC */
};

/* One line of at most DETAIL_SIZE bytes, cut where a character begins. */
static int add_clipped(struct buf *out, const char *text, struct error *err)
{
    size_t size = strlen(text), from = out->size;
    bool cut = size > DETAIL_SIZE;
    if (cut)
        for (size = DETAIL_SIZE; size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80;)
            size--;
    if (buf_append(out, text, size, err) != 0 || (cut && buf_append(out, "…", strlen("…"), err) != 0))
        return -1;
    for (size_t i = from; i < out->size; i++)
        if (out->data[i] < 0x20 || out->data[i] == 0x7f)
            out->data[i] = ' ';
    return 0;
}

static int add_text(struct buf *out, const char *text, struct error *err)
{
    return buf_append(out, text, strlen(text), err);
}

/* "2026-11-21 18:12 JST"; without a zone RFC 3339 in UTC. */
static const char *format_time(const struct values *values, char text[TIME_SIZE])
{
    struct zone_time time;
    if (values->zone == NULL)
        return clock_format(values->t, text);
    zone_civil(values->zone, values->t, &time);
    (void)snprintf(text, TIME_SIZE, "%04" PRId64 "-%02d-%02d %02d:%02d %s", time.date.year, time.date.month,
                   time.date.day, time.hour, time.minute, time.abbreviation);
    return text;
}

static int add_value(struct buf *out, char which, const struct values *values, enum config_language language,
                     struct error *err)
{
    char text[TIME_SIZE];
    const uint64_t number = which == 'a' ? values->a : which == 'b' ? values->b : which == 'c' ? values->c : values->n;
    if (which == 's' || which == 'k' || which == 'd') {
        const char *value = which == 's' ? values->s : which == 'k' ? notice_job(values->k, language) : values->d;
        return add_clipped(out, value != NULL ? value : "", err);
    }
    if (which == 't' && values->t == 0)
        return add_text(out, words[WORD_NEVER][language], err);
    if (which == 't')
        return add_text(out, format_time(values, text), err);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    return add_text(out, text, err);
}

static int add_line(struct buf *out, const char *pattern, const struct values *values, enum config_language language,
                    struct error *err)
{
    for (const char *p = pattern; *p != '\0';) {
        if (p[0] == '{') {
            if (add_value(out, p[1], values, language, err) != 0)
                return -1;
            p += 3;
            continue;
        }
        size_t size = strcspn(p, "{");
        if (buf_append(out, p, size, err) != 0)
            return -1;
        p += size;
    }
    return 0;
}

static int add_cause_line(struct buf *out, const char *pattern, const struct notice_cause *cause,
                          enum config_language language, const struct zone *zone, struct error *err)
{
    bool in_japanese = language == CONFIG_LANGUAGE_JA && cause->detail_ja != NULL;
    struct values values = {.s = cause->subject,
                            .k = cause->key,
                            .d = in_japanese ? cause->detail_ja : cause->detail,
                            .n = cause->count,
                            .t = cause->time_ns,
                            .zone = zone};
    struct buf others = {0};
    int rc = 0;
    if (cause->subject != NULL && cause->count > 1 && cause->kind != NOTICE_WARNING) {
        const struct values rest = {.s = cause->subject, .n = cause->count - 1};
        rc = add_line(&others, words[WORD_OTHERS][language], &rest, language, err);
        if (rc == 0)
            rc = buf_u8(&others, 0, err);
        values.s = (const char *)others.data;
    }
    if (rc == 0)
        rc = add_line(out, pattern, &values, language, err);
    buf_free(&others);
    return rc;
}

bool notice_cause_has_message(const struct notice_cause *cause)
{
    return cause->detail != NULL && cause->detail_ja == NULL;
}

/* A message stands at the end of its line, behind a stop or a colon. */
int notice_cause_write(const struct notice_cause *cause, enum config_language language, const struct zone *zone,
                       char **ret, struct error *err)
{
    static const char *const stops[] = {" ", ":", "。"};
    struct buf out = {0};
    char pattern[128];
    size_t size = (size_t)snprintf(pattern, sizeof(pattern), "%s", kinds[cause->kind].line[language]);
    if (notice_cause_has_message(cause) && size > 3 && strcmp(pattern + size - 3, "{d}") == 0) {
        pattern[size -= 3] = '\0';
        for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
            size_t stop = strlen(stops[i]);
            if (size > stop && strcmp(pattern + size - stop, stops[i]) == 0)
                pattern[size -= stop] = '\0';
        }
    }
    if (add_cause_line(&out, pattern, cause, language, zone, err) != 0 || buf_u8(&out, 0, err) != 0) {
        buf_free(&out);
        return -1;
    }
    *ret = (char *)out.data;
    return 0;
}

const char *notice_cause_todo(const struct notice_cause *cause, enum config_language language)
{
    return kinds[cause->kind].todo[language];
}

static int add_causes(struct buf *out, const struct notice_state *state, const struct notice_causes *causes, bool alert,
                      enum config_language language, struct error *err)
{
    size_t told = 0;
    struct values more = {0};
    for (size_t i = 0; i < causes->count; i++) {
        if (!notice_is_told(&causes->items[i], alert, state->muted_until_ns != 0))
            continue;
        if (told++ >= CAUSES_TOLD)
            more.n++;
        else if (add_text(out, "- ", err) != 0 ||
                 add_cause_line(out, kinds[causes->items[i].kind].line[language], &causes->items[i], language,
                                state->zone, err) != 0 ||
                 add_text(out, "\n", err) != 0)
            return -1;
    }
    if (told == 0)
        return add_text(out, words[WORD_ALL_WELL][language], err) != 0 ? -1 : add_text(out, "\n", err);
    if (more.n == 0)
        return 0;
    return add_line(out, words[WORD_MORE][language], &more, language, err) != 0 ? -1 : add_text(out, "\n", err);
}

/* What can still be restored: the tenants whose latest snapshot lies whole on a target. */
static int add_safe(struct buf *out, const struct notice_state *state, enum config_language language, struct error *err)
{
    struct values values = {.b = state->status != NULL ? state->status->count : 0, .zone = state->zone};
    for (size_t i = 0; i < values.b; i++) {
        const struct hikae_tenant_status *tenant = &state->status->tenants[i];
        if (tenant->last_success_ns == 0 || tenant->behind_count >= state->target_count)
            continue;
        values.a++;
        if (values.t == 0 || tenant->last_success_ns < values.t) {
            values.t = tenant->last_success_ns;
            values.s = tenant->name;
        }
    }
    if (state->status != NULL && values.b == 0)
        return 0;
    if (values.s == NULL)
        values.s = "-";
    enum word word = state->status == NULL ? WORD_SAFE_UNKNOWN : values.a == values.b ? WORD_SAFE_ALL : WORD_SAFE;
    return add_line(out, words[word][language], &values, language, err) != 0 ? -1 : add_text(out, "\n", err);
}

static int add_todo(struct buf *out, const struct notice_state *state, const struct notice_causes *causes, bool alert,
                    enum config_language language, struct error *err)
{
    const char *told[TODO_TOLD];
    size_t count = 0;
    for (size_t i = 0; i < causes->count && count < TODO_TOLD; i++) {
        const char *todo = kinds[causes->items[i].kind].todo[language];
        bool known = todo == NULL || !notice_is_told(&causes->items[i], alert, state->muted_until_ns != 0);
        for (size_t k = 0; k < count; k++)
            known = known || strcmp(told[k], todo) == 0;
        if (known)
            continue;
        if ((count == 0 && (add_text(out, words[WORD_TODO][language], err) != 0 || add_text(out, "\n", err) != 0)) ||
            add_text(out, "- ", err) != 0 || add_text(out, todo, err) != 0 || add_text(out, "\n", err) != 0)
            return -1;
        told[count++] = todo;
    }
    return 0;
}

static int add_head(struct buf *out, const struct notice_state *state, enum config_language language, struct error *err)
{
    char text[TIME_SIZE];
    struct values values = {.a = state->run != NULL ? state->run->tenants : 0, .t = state->now_ns, .zone = state->zone};
    if (add_text(out, format_time(&values, text), err) != 0 || add_text(out, "\n", err) != 0)
        return -1;
    for (size_t i = 0; state->run != NULL && i < state->run->count; i++) {
        values.b += strcmp(state->run->jobs[i].state, "done") == 0;
        values.c += strcmp(state->run->jobs[i].state, "failed") == 0;
    }
    if (state->run != NULL &&
        (add_line(out, words[WORD_COUNTS][language], &values, language, err) != 0 || add_text(out, "\n", err) != 0))
        return -1;
    return 0;
}

static int add_foot(struct buf *out, const struct notice_state *state, enum config_language language, struct error *err)
{
    const struct values values = {.t = state->muted_until_ns, .zone = state->zone};
    if (state->muted_until_ns != 0 &&
        (add_line(out, words[WORD_MUTED][language], &values, language, err) != 0 || add_text(out, "\n", err) != 0))
        return -1;
    if (!state->test_clock)
        return 0;
    return add_text(out, words[WORD_TEST_CLOCK][language], err) != 0 ? -1 : add_text(out, "\n", err);
}

static int make_subject(const struct notice_state *state, const struct notice_causes *causes, bool alert,
                        enum config_language language, struct buf *out, struct error *err)
{
    const struct values values = {.s = state->host, .n = causes->count};
    enum word word = alert ? WORD_ALERT : causes->count > 0 ? WORD_DIGEST_BAD : WORD_DIGEST_GOOD;
    return add_line(out, words[word][language], &values, language, err) != 0 ? -1 : buf_u8(out, 0, err);
}

int notice_write(const struct notice_state *state, const struct notice_causes *causes, bool alert,
                 enum config_language language, char **ret_subject, char **ret_text, struct error *err)
{
    struct buf subject = {0}, text = {0};
    if (make_subject(state, causes, alert, language, &subject, err) != 0 ||
        add_head(&text, state, language, err) != 0 || add_causes(&text, state, causes, alert, language, err) != 0 ||
        add_safe(&text, state, language, err) != 0 || add_todo(&text, state, causes, alert, language, err) != 0 ||
        add_foot(&text, state, language, err) != 0 || buf_u8(&text, 0, err) != 0) {
        buf_free(&subject);
        buf_free(&text);
        return -1;
    }
    *ret_subject = (char *)subject.data;
    *ret_text = (char *)text.data;
    return 0;
}
