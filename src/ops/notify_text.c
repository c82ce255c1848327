/* The causes of a night, and the text that tells them: pure functions of the state. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/notify.h"

#include <stdio.h>
#include <string.h>

#define DEADLINE_NEAR_NS (INT64_C(7) * 86400 * NS_PER_S)

enum { CAUSES_TOLD = 9, TODO_TOLD = 5, DETAIL_SIZE = 100 };

/* ---- Causes ---- */

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* One more of a cause that is known, or a new one. The oldest time counts: a deadline that is next, a success that is
 * the longest ago. */
static void add_cause(struct notice_causes *causes, const struct notice_cause *cause)
{
    for (size_t i = 0; i < causes->count; i++) {
        struct notice_cause *known = &causes->items[i];
        if (known->kind != cause->kind || !same(known->key, cause->key) || !same(known->error, cause->error) ||
            (cause->kind == NOTICE_WARNING && !same(known->detail, cause->detail)))
            continue;
        known->count += cause->count;
        if (cause->time_ns < known->time_ns)
            known->time_ns = cause->time_ns;
        return;
    }
    if (causes->count < NOTICE_CAUSES_MAX)
        causes->items[causes->count++] = *cause;
}

/* Messages name targets as "target NAME …", "…; NAME does not answer" and "… on NAME: …": a name can be a plain word.
 */
static bool names_target(const char *text, const char *name)
{
    static const struct {
        const char *before, *behind; /* any of these bytes, or the end */
    } forms[] = {{"target ", " :;,."}, {"; ", " "}, {"on ", ":;,."}};
    size_t size = strlen(name);
    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
            size_t before = strlen(forms[i].before);
            if ((size_t)(at - text) >= before && strncmp(at - before, forms[i].before, before) == 0 &&
                (at[size] == '\0' || strchr(forms[i].behind, at[size]) != NULL))
                return true;
        }
    }
    return false;
}

/* A failure or warning that names a target which is down anyway is no cause of its own. */
static bool is_of_target_down(const struct notice_state *state, const char *text)
{
    for (size_t i = 0; i < state->target_count; i++)
        if (!state->targets[i].up && names_target(text, state->targets[i].name))
            return true;
    return false;
}

static void find_in_status(const struct notice_state *state, struct notice_causes *ret)
{
    for (size_t i = 0; state->status != NULL && i < state->status->count; i++) {
        const struct hikae_tenant_status *tenant = &state->status->tenants[i];
        size_t copies = state->target_count - tenant->behind_count;
        struct notice_cause cause = {.subject = tenant->name, .count = 1, .time_ns = tenant->last_success_ns};
        if (tenant->last_success_ns != 0 && (copies == 0 || copies < state->min_copies)) {
            cause.kind = copies == 0 ? NOTICE_BROKEN : NOTICE_QUORUM;
            add_cause(ret, &cause);
        }
        if (tenant->overdue) {
            cause.kind = NOTICE_OVERDUE;
            add_cause(ret, &cause);
        }
        if (tenant->deadline_ns != 0 && tenant->deadline_ns - state->now_ns < DEADLINE_NEAR_NS) {
            cause.kind = NOTICE_DEADLINE;
            cause.time_ns = tenant->deadline_ns;
            add_cause(ret, &cause);
        }
    }
}

/* Notices of incidents, looks, reminders; erasures are found with their tenants. */
static void find_in_deadlines(const struct notice_state *state, struct notice_causes *ret)
{
    static const struct {
        const char *kind;
        enum notice_kind notice;
    } kinds_of[] = {
        {"notice", NOTICE_INCIDENT}, {"copy", NOTICE_COPY}, {"review", NOTICE_REVIEW}, {"reminder", NOTICE_REMINDER}};
    for (size_t i = 0; state->status != NULL && i < state->status->deadline_count; i++) {
        const struct hikae_deadline *deadline = &state->status->deadlines[i];
        for (size_t k = 0; k < sizeof(kinds_of) / sizeof(kinds_of[0]); k++) {
            const struct notice_cause cause = {.kind = kinds_of[k].notice,
                                               .key = deadline->subject,
                                               .detail = deadline->subject,
                                               .detail_ja = deadline->subject_ja,
                                               .count = 1,
                                               .time_ns = deadline->due_ns};
            if (strcmp(deadline->kind, kinds_of[k].kind) == 0)
                add_cause(ret, &cause);
        }
    }
    const struct notice_cause open = {.kind = NOTICE_OPEN,
                                      .count = state->status != NULL ? state->status->nonconformities : 0};
    if (open.count > 0)
        add_cause(ret, &open);
}

static size_t count_behind(const struct notice_state *state, const char *target)
{
    size_t count = 0;
    for (size_t i = 0; state->status != NULL && i < state->status->count; i++)
        for (size_t k = 0; k < state->status->tenants[i].behind_count; k++)
            count += strcmp(state->status->tenants[i].behind[k], target) == 0;
    return count;
}

static void find_in_targets(const struct notice_state *state, struct notice_causes *ret)
{
    for (size_t i = 0; i < state->target_count; i++) {
        const struct notice_target *target = &state->targets[i];
        struct notice_cause cause = {.kind = target->up ? NOTICE_BEHIND : NOTICE_TARGET,
                                     .key = target->name,
                                     .count = count_behind(state, target->name)};
        if (!target->up || cause.count > 0)
            add_cause(ret, &cause);
    }
}

static void find_in_run(const struct notice_state *state, struct notice_causes *ret)
{
    for (size_t i = 0; state->run != NULL && i < state->run->count; i++) {
        const struct hikae_run_job *job = &state->run->jobs[i];
        if (strcmp(job->state, "failed") != 0)
            continue;
        bool damaged = job->error.status == HIKAE_DAMAGED;
        const struct notice_cause cause = {.kind = damaged ? NOTICE_DAMAGED : NOTICE_FAILED,
                                           .subject = job->tenant != NULL ? job->tenant : job->job,
                                           .key = job->job,
                                           .error = job->error.kind,
                                           .detail = job->error.message,
                                           .count = 1};
        if (damaged || !is_of_target_down(state, job->error.message))
            add_cause(ret, &cause);
    }
    for (size_t i = 0; state->run != NULL && i < state->run->warning_count; i++) {
        const struct hikae_run_warning *warning = &state->run->warnings[i];
        const struct notice_cause cause = {.kind = NOTICE_WARNING,
                                           .subject = warning->tenant,
                                           .detail = warning->message,
                                           .count = (size_t)warning->count};
        if (!is_of_target_down(state, warning->message))
            add_cause(ret, &cause);
    }
}

void notice_find(const struct notice_state *state, struct notice_causes *ret)
{
    struct notice_causes found = {.count = 0};
    *ret = (struct notice_causes){.count = 0};
    if (state->run_error != NULL)
        add_cause(&found, &(const struct notice_cause){.kind = NOTICE_RUN, .detail = state->run_error, .count = 1});
    find_in_targets(state, &found);
    find_in_status(state, &found);
    find_in_deadlines(state, &found);
    find_in_run(state, &found);
    for (int kind = 0; kind < NOTICE_KINDS; kind++)
        for (size_t i = 0; i < found.count; i++)
            if (found.items[i].kind == (enum notice_kind)kind)
                ret->items[ret->count++] = found.items[i];
}

static bool is_told(const struct notice_cause *cause, bool alert, bool muted)
{
    return !alert || cause->kind <= (muted ? NOTICE_NEVER_MUTED_LAST : NOTICE_ALERT_LAST);
}

bool notice_has_alert(const struct notice_causes *causes, bool muted)
{
    for (size_t i = 0; i < causes->count; i++)
        if (is_told(&causes->items[i], true, muted))
            return true;
    return false;
}

int notice_fingerprint(const struct notice_causes *causes, bool alert, char **ret, struct error *err)
{
    struct buf out = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < causes->count; i++) {
        const struct notice_cause *cause = &causes->items[i];
        char line[256];
        if (cause->kind == NOTICE_WARNING || !is_told(cause, alert, false))
            continue;
        (void)snprintf(line, sizeof(line), "%d %s %s\n", (int)cause->kind, cause->key != NULL ? cause->key : "",
                       cause->error != NULL ? cause->error : "");
        rc = buf_append(&out, line, strlen(line), err);
    }
    if (rc == 0)
        rc = buf_u8(&out, 0, err);
    *ret = rc == 0 ? (char *)out.data : NULL;
    if (rc != 0)
        buf_free(&out);
    return rc;
}

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
                   "復元可能: {b} 中 {a} テナント。最も古い最新は {s} の {t}"},
    [WORD_SAFE_ALL] = {"Safe: all {b} tenants; the oldest latest is {s}'s, {t}.",
                       "復元可能: 全 {b} テナント。最も古い最新は {s} の {t}"},
    [WORD_SAFE_UNKNOWN] = {"What is still safe could not be found out.", "復元できる範囲は確認できませんでした。"},
    [WORD_TODO] = {"To do:", "対応:"},
    [WORD_MUTED] = {"Muted until {t}; damage and deadlines are told all the same.",
                    "{t} まで通知を停止中 (破損と期限は通知します)"},
    [WORD_TEST_CLOCK] = {"This store has a test clock.", "テスト用の時計を使うストアです。"},
    [WORD_NEVER] = {"never", "なし"},
};

/* What happened, and what to do about it. */
static const struct {
    const char *line[2];
    const char *todo[2];
} kinds[NOTICE_KINDS] = {
    [NOTICE_DAMAGED] = {{"Damaged data: {s} ({k}). {d}", "データ破損: {s} ({k})。{d}"},
                        {"hikae verify --repair", "hikae verify --repair"}},
    [NOTICE_DEADLINE] = {{"Must be erased by {t}: {s}.", "消去期限 {t}: {s}"},
                         {"hikae status: whose contract ends", "hikae status: 契約終了のテナント"}},
    [NOTICE_INCIDENT] = {{"First notice of incident {k} by {t}.", "インシデント {k} の第一報の期限 {t}"},
                         {"hikae incident list", "hikae incident list"}},
    [NOTICE_BROKEN] = {{"No target holds all of the latest: {s}.", "最新の世代が揃った保存先がありません: {s}"},
                       {"hikae verify --level objects --repair", "hikae verify --level objects --repair"}},
    [NOTICE_QUORUM] = {{"Fewer copies than promised: {s}.", "コピー数が約束に足りません: {s}"},
                       {"hikae replicate", "hikae replicate"}},
    [NOTICE_RUN] = {{"The run could not do its work: {d}", "実行できませんでした: {d}"},
                    {"hikae doctor", "hikae doctor"}},
    [NOTICE_TARGET] = {{"Target {k} does not answer; tenants behind: {n}.", "保存先 {k} が応答しません (遅れ {n} 件)"},
                       {"hikae target check", "hikae target check"}},
    [NOTICE_FAILED] = {{"{k} failed: {s}. {d}", "{k} 失敗: {s}。{d}"}, {"hikae run: tries again", "hikae run: 再実行"}},
    [NOTICE_OVERDUE] = {{"Not backed up in time: {s}; last {t}.",
                         "予定どおりバックアップされていません: {s} (最終 {t})"},
                        {"hikae status; is the timer on?", "hikae status (タイマーは動いていますか)"}},
    [NOTICE_BEHIND] = {{"Target {k} lacks the latest; tenants behind: {n}.", "保存先 {k} に最新が無いテナント: {n} 件"},
                       {"hikae replicate", "hikae replicate"}},
    [NOTICE_COPY] = {{"The restored copy of {k} must be wiped by {t}.", "復元したデータの消去期限 {t}: {k}"},
                     {"hikae restores list; hikae restores wiped", "hikae restores list、hikae restores wiped"}},
    [NOTICE_REVIEW] = {{"To be looked at by {t}: {k}.", "確認の期限 {t}: {k}"},
                       {"hikae report; hikae review ack", "hikae report、hikae review ack"}},
    [NOTICE_OPEN] = {{"Nonconformities open: {n}.", "未処理の不適合: {n} 件"},
                     {"hikae nonconformity list", "hikae nonconformity list"}},
    [NOTICE_REMINDER] = {{"Reminder for {t}: {d}", "予定 {t}: {d}"}, {NULL, NULL}},
    [NOTICE_WARNING] = {{"Warning, {n} times: {d}", "警告 {n} 回: {d}"}, {NULL, NULL}},
};

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

static const char *format_time(const struct values *values, char text[CLOCK_TEXT_SIZE])
{
    _Static_assert((int)ZONE_TEXT_SIZE <= (int)CLOCK_TEXT_SIZE, "both fit");
    return values->zone != NULL ? zone_format(values->zone, values->t, text) : clock_format(values->t, text);
}

static int add_value(struct buf *out, char which, const struct values *values, enum config_language language,
                     struct error *err)
{
    char text[CLOCK_TEXT_SIZE];
    const uint64_t number = which == 'a' ? values->a : which == 'b' ? values->b : which == 'c' ? values->c : values->n;
    if (which == 's' || which == 'k' || which == 'd') {
        const char *value = which == 's' ? values->s : which == 'k' ? values->k : values->d;
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

static int add_cause_line(struct buf *out, const struct notice_cause *cause, enum config_language language,
                          const struct zone *zone, struct error *err)
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
        rc = add_line(out, kinds[cause->kind].line[language], &values, language, err);
    buf_free(&others);
    return rc;
}

int notice_cause_write(const struct notice_cause *cause, enum config_language language, const struct zone *zone,
                       char **ret, struct error *err)
{
    struct buf out = {0};
    if (add_cause_line(&out, cause, language, zone, err) != 0 || buf_u8(&out, 0, err) != 0) {
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
        if (!is_told(&causes->items[i], alert, state->muted_until_ns != 0))
            continue;
        if (told++ >= CAUSES_TOLD)
            more.n++;
        else if (add_text(out, "- ", err) != 0 || add_cause_line(out, &causes->items[i], language, NULL, err) != 0 ||
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
    struct values values = {.b = state->status != NULL ? state->status->count : 0};
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
        bool known = todo == NULL || !is_told(&causes->items[i], alert, state->muted_until_ns != 0);
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
    char text[CLOCK_TEXT_SIZE];
    struct values values = {.a = state->run != NULL ? state->run->tenants : 0};
    if (add_text(out, clock_format(state->now_ns, text), err) != 0 || add_text(out, "\n", err) != 0)
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
    const struct values values = {.t = state->muted_until_ns};
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
