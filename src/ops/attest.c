/* attest add, list: documents by which somebody answers for what hikae cannot see (record 22). */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/audit_read.h"
#include "ops/policies.h"

#include <stdlib.h>
#include <string.h>

enum { DOCUMENT_MAX = 256 << 20 };

struct attesting {
    struct hikae *hikae;
    const struct hikae_attest_options *options;
    struct session store;
    struct policies policies;
    struct zone *zone;
    struct hikae_attestation made;
};

static void attestation_clear(struct hikae_attestation *attestation)
{
    mem_free(attestation->policy);
    mem_free(attestation->promise);
    mem_free(attestation->document);
    mem_free(attestation->by);
    mem_free(attestation->note);
    *attestation = (struct hikae_attestation){.sha256 = ""};
}

void hikae_attestations_free(struct hikae_attestations *attestations)
{
    for (size_t i = 0; i < attestations->count; i++)
        attestation_clear(&attestations->attestations[i]);
    mem_free(attestations->attestations);
    *attestations = (struct hikae_attestations){0};
}

static void attesting_clear(struct attesting *a)
{
    attestation_clear(&a->made);
    policies_clear(&a->policies);
    zone_free(a->zone);
    session_close(&a->store);
}

/* ---- What is attested ---- */

static int check_promise(struct attesting *a, struct error *err)
{
    const struct policy *policy;
    if (policies_read(&a->store, &a->policies, err) != 0 ||
        policies_get(&a->policies, a->options->policy, &policy, err) != 0)
        return -1;
    if (policy_find_promise(policy, a->options->promise) != NULL)
        return zone_open(policy->zone, &a->zone, err);
    (void)error_set(err, ERROR_NOT_FOUND, "policy %.100s makes no promise '%.100s'", a->options->policy,
                    a->options->promise);
    return error_hint(err, "`hikae policy show %.60s` lists its promises", a->options->policy);
}

/* The first instant of a day in the policy's zone. */
static int read_day(const struct attesting *a, const char *name, const char *text, int64_t *ret, struct error *err)
{
    int64_t end;
    struct error why = {0};
    if (strlen(text) == strlen("2026-11-21") && audit_parse_period(text, a->zone, ret, &end, &why) == 0)
        return 0;
    (void)error_set(err, ERROR_USAGE, "%s: '%.60s' is no day", name, text);
    return error_hint(err, "write a day: 2027-03-31");
}

static int read_span(struct attesting *a, struct error *err)
{
    const struct hikae_attest_options *options = a->options;
    int64_t now = clock_now_ns();
    a->made.recorded_ns = now;
    a->made.from_ns = zone_period_start(a->zone, ZONE_DAY, zone_period(a->zone, ZONE_DAY, now));
    if ((options->from != NULL && read_day(a, "from", options->from, &a->made.from_ns, err) != 0) ||
        read_day(a, "expires", options->expires, &a->made.expires_ns, err) != 0)
        return -1;
    if (a->made.expires_ns <= now && !options->revoke) {
        (void)error_set(err, ERROR_REFUSED, "the document has expired already: %.40s", options->expires);
        return error_hint(err, "ask for one that is still good; --expires is the first day on which it is not");
    }
    if (a->made.from_ns < a->made.expires_ns)
        return 0;
    return error_set(err, ERROR_USAGE, "the document would expire before it begins");
}

static int read_document(struct attesting *a, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    uint8_t hash[SHA256_SIZE];
    const char *slash = strrchr(a->options->file, '/');
    if (file_read(a->options->file, DOCUMENT_MAX, &text, err) != 0)
        return -1;
    if (text.size == 0)
        return error_set(err, ERROR_USAGE, "%s is empty: it answers for nothing", a->options->file);
    if (sha256(text.data, text.size, hash, err) != 0)
        return -1;
    (void)hex_encode(hash, SHA256_SIZE, a->made.sha256);
    a->made.document = mem_strdup(slash != NULL ? slash + 1 : a->options->file);
    return a->made.document != NULL ? 0 : error_no_memory(err);
}

static int take_texts(struct attesting *a, struct error *err)
{
    a->made.policy = mem_strdup(a->options->policy);
    a->made.promise = mem_strdup(a->options->promise);
    a->made.by = mem_strdup(a->options->by);
    a->made.note = a->options->note != NULL ? mem_strdup(a->options->note) : NULL;
    a->made.revoked = a->options->revoke;
    bool whole = a->made.policy != NULL && a->made.promise != NULL && a->made.by != NULL &&
                 (a->made.note != NULL || a->options->note == NULL);
    return whole ? 0 : error_no_memory(err);
}

/* ---- The record ---- */

static int append(struct attesting *a, struct error *err)
{
    const struct hikae_attestation *made = &a->made;
    char from[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
    CLEANUP_JSON json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?}", "event", made->revoked ? "revoke" : "add", "policy",
                  made->policy, "promise", made->promise, "sha256", made->sha256, "document", made->document, "by",
                  made->by, "from", clock_format(made->from_ns, from), "expires",
                  clock_format(made->expires_ns, expires), "note", made->note);
    if (body != NULL)
        return facts_append(&a->store, RECORD_ATTESTATION, body, err);
    (void)error_set(err, ERROR_USAGE, "the name of the document, who answers, or the note is no UTF-8");
    return error_hint(err, "write them in UTF-8");
}

/* What is taken back must have been said. */
static int check_known(const struct attesting *a, struct error *err)
{
    CLEANUP_FREE char *key = mem_printf("%s/%s/%s", a->made.policy, a->made.promise, a->made.sha256);
    if (key == NULL)
        return error_no_memory(err);
    if (!a->options->revoke || facts_find(&a->store, RECORD_ATTESTATION, key) != NULL)
        return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "this document was never recorded for that promise");
    return error_hint(err, "`hikae attest list` shows what was");
}

static int attest(struct attesting *a, struct hikae_attestations *ret, struct error *err)
{
    bool dry_run = a->options->dry_run;
    if (session_open_store(a->hikae, dry_run ? 0 : SESSION_LOCK, &a->store, err) != 0 || check_promise(a, err) != 0 ||
        read_span(a, err) != 0 || read_document(a, err) != 0 || take_texts(a, err) != 0 || check_known(a, err) != 0)
        return -1;
    if (!dry_run && append(a, err) != 0)
        return -1;
    ret->attestations = mem_alloc(sizeof(*ret->attestations));
    if (ret->attestations == NULL)
        return error_no_memory(err);
    ret->attestations[ret->count++] = a->made;
    a->made = (struct hikae_attestation){.sha256 = ""};
    return 0;
}

enum hikae_status hikae_attest(struct hikae *hikae, const struct hikae_attest_options *options,
                               struct hikae_attestations *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct attesting a = {.hikae = hikae, .options = options, .store.lock_fd = -1, .made.sha256 = ""};
    *ret = (struct hikae_attestations){0};
    if (engine_audit_begin(hikae, OPERATION_ATTEST, NULL, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = attest(&a, ret, &err);
    engine_audit_detail(&audit, "policy", options->policy);
    engine_audit_detail(&audit, "promise", options->promise);
    if (rc == 0) {
        engine_audit_detail(&audit, "event", options->revoke ? "revoke" : "add");
        engine_audit_detail(&audit, "sha256", ret->attestations[0].sha256);
    }
    attesting_clear(&a);
    if (rc != 0)
        hikae_attestations_free(ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- list ---- */

static char *text_of(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    return mem_strdup(text != NULL ? text : "");
}

static int64_t time_of(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    int64_t ns = 0;
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

static int take_fact(const struct history_fact *fact, const char *policy, struct hikae_attestations *ret,
                     struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
        return -1;
    const char *name = json_string_value(json_object_get(body, "policy"));
    const char *sha256 = json_string_value(json_object_get(body, "sha256"));
    const char *event = json_string_value(json_object_get(body, "event"));
    if (policy != NULL && (name == NULL || strcmp(policy, name) != 0))
        return 0;
    struct hikae_attestation *made = &ret->attestations[ret->count++];
    *made = (struct hikae_attestation){.policy = text_of(body, "policy"),
                                       .promise = text_of(body, "promise"),
                                       .document = text_of(body, "document"),
                                       .by = text_of(body, "by"),
                                       .note = text_of(body, "note"),
                                       .from_ns = time_of(body, "from"),
                                       .expires_ns = time_of(body, "expires"),
                                       .recorded_ns = fact->time_ns,
                                       .revoked = event != NULL && strcmp(event, "revoke") == 0};
    if (sha256 != NULL && strlen(sha256) < sizeof(made->sha256))
        memcpy(made->sha256, sha256, strlen(sha256) + 1);
    bool whole = made->policy != NULL && made->promise != NULL && made->document != NULL && made->by != NULL &&
                 made->note != NULL;
    return whole ? 0 : error_no_memory(err);
}

static int compare_attestations(const void *a, const void *b)
{
    const struct hikae_attestation *x = a, *y = b;
    int order = strcmp(x->policy, y->policy);
    if (order == 0)
        order = strcmp(x->promise, y->promise);
    return order != 0 ? order : (x->recorded_ns > y->recorded_ns) - (x->recorded_ns < y->recorded_ns);
}

static int list(struct hikae *hikae, const char *policy, struct hikae_attestations *ret, struct error *err)
{
    struct session store;
    if (session_open_store(hikae, 0, &store, err) != 0)
        return -1;
    const struct history *history = &store.chain.history;
    ret->attestations = mem_calloc(history->fact_count, sizeof(*ret->attestations));
    int rc = ret->attestations != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < history->fact_count; i++)
        if (history->facts[i].type == RECORD_ATTESTATION)
            rc = take_fact(&history->facts[i], policy, ret, err);
    session_close(&store);
    if (rc == 0 && ret->count > 0)
        qsort(ret->attestations, ret->count, sizeof(*ret->attestations), compare_attestations);
    return rc;
}

enum hikae_status hikae_attestation_list(struct hikae *hikae, const char *policy, struct hikae_attestations *ret,
                                         struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_attestations){0};
    int rc = list(hikae, policy, ret, &err);
    if (rc != 0)
        hikae_attestations_free(ret);
    return api_result(rc, false, &err, error);
}
