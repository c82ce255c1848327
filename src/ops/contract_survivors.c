/*
 * contract survivors: what survives a contract by promise goes into a tenant of the provider's own, under that one's
 * keys, with an expiry of its own. It is exactly what the policy names: one field too many would survive unpromised.
 */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/contract.h"
#include "ops/policies.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <sys/mman.h>

enum { FILE_MAX = 1 << 20, FIELD_MAX = 64 << 10 };
#define SOURCE_NAME "survivors"

struct surviving {
    struct hikae *hikae;
    const struct hikae_survivors_options *options;
    struct session session;
    json_t *end;    /* the record of the contract's end */
    json_t *given;  /* the file */
    json_t *kept;   /* {what: {snapshot, keep_until, sha256}} */
    json_t *before; /* the same of the last time, with "into"; NULL: there was none */
    struct zone *zone;
};

static void surviving_clear(struct surviving *s)
{
    json_decref(s->end);
    json_decref(s->given);
    json_decref(s->kept);
    json_decref(s->before);
    zone_free(s->zone);
    session_close(&s->session);
}

/* ---- What is given: exactly what was promised ---- */

static bool names_field(const json_t *fields, const char *name)
{
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *field = json_string_value(json_array_get(fields, i));
        if (field != NULL && strcmp(field, name) == 0)
            return true;
    }
    return false;
}

static int check_fields(const char *what, const json_t *fields, const json_t *values, struct error *err)
{
    const char *name;
    const json_t *value;
    if (!json_is_object(values))
        return error_set(err, ERROR_REFUSED, "'%.60s' survives, and is missing", what);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *field = json_string_value(json_array_get(fields, i));
        const json_t *there = json_object_get(values, field);
        if (!json_is_string(there) || json_string_length(there) == 0 || json_string_length(there) > FIELD_MAX)
            return error_set(err, ERROR_REFUSED, "'%.60s' of '%.60s' survives, and is no text of 1 to %d bytes", field,
                             what, FIELD_MAX);
    }
    json_object_foreach((json_t *)values, name, value)
    {
        if (!names_field(fields, name))
            return error_set(err, ERROR_REFUSED, "'%.60s' of '%.60s' does not survive: the policy does not name it",
                             name, what);
    }
    return 0;
}

static const json_t *find_promise(const json_t *promised, const char *what)
{
    for (size_t i = 0; i < json_array_size(promised); i++) {
        const json_t *row = json_array_get(promised, i);
        const char *name = json_string_value(json_object_get(row, "what"));
        if (name != NULL && strcmp(name, what) == 0)
            return row;
    }
    return NULL;
}

static int check_given(const struct surviving *s, struct error *err)
{
    const json_t *promised = json_object_get(s->end, "survives");
    const char *what;
    const json_t *value;
    if (json_array_size(promised) == 0)
        return error_set(err, ERROR_REFUSED, "nothing survives this contract: its policy names nothing");
    json_object_foreach(s->given, what, value)
    {
        if (find_promise(promised, what) == NULL)
            return error_set(err, ERROR_REFUSED, "'%.60s' does not survive: the policy does not name it", what);
    }
    for (size_t i = 0; i < json_array_size(promised); i++) {
        const json_t *row = json_array_get(promised, i);
        const char *name = json_string_value(json_object_get(row, "what"));
        if (name == NULL)
            return error_set(err, ERROR_DAMAGED, "the record of the contract's end cannot be read");
        if (check_fields(name, json_object_get(row, "fields"), json_object_get(s->given, name), err) != 0)
            return error_hint(err, "the file has one object a promise, with all of its fields and no other");
    }
    return 0;
}

static int read_given(struct surviving *s, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    if (s->options->from == NULL || s->options->into == NULL)
        return error_set(err, ERROR_USAGE, "name the file (--from) and the provider's tenant that keeps it (--into)");
    if (file_read(s->options->from, FILE_MAX, &text, err) != 0 || json_parse(text.data, text.size, &s->given, err) != 0)
        return -1;
    buf_wipe_free(&text);
    text = (struct buf){0};
    return json_is_object(s->given) ? check_given(s, err)
                                    : error_set(err, ERROR_USAGE, "%s is no JSON object", s->options->from);
}

/* ---- Where it goes ---- */

static int check_into(struct surviving *s, struct error *err)
{
    struct session into;
    const struct policy *rules = NULL;
    CLEANUP(cleanup_policy_free) struct policy *policy = NULL;
    if (session_open(s->hikae, s->options->into, 0, &into, err) != 0)
        return -1;
    const struct history_tenant *tenant = &into.chain.history.tenant;
    int rc = 0;
    if (!into.chain.history.has_tenant || strcmp(tenant->class_, "provider") != 0)
        rc = error_set(err, ERROR_REFUSED, "tenant %s is not the provider's own", s->options->into);
    else if (contract_is_frozen(tenant, clock_now_ns()) || strcmp(tenant->state, "active") != 0)
        rc = error_set(err, ERROR_REFUSED, "tenant %s is not active", s->options->into);
    if (rc == 0)
        rc = policies_open(s->hikae, tenant->policy, &policy, err);
    rules = policy;
    if (rc == 0 && (!rules->generations.rule.present || rules->generations.keep_all))
        engine_warn(s->hikae, "policy %s of tenant %s drops nothing: what survives would stay beyond its time",
                    tenant->policy, s->options->into);
    session_close(&into);
    return rc == 0 ? 0 : error_hint(err, "`hikae tenant add NAME --provider …` makes one of the provider's own");
}

/* One promise's fields as a small archive in memory: it touches no disk in the clear. */
static int write_archive(const struct surviving *s, const char *what, const char *text, int *ret_fd, struct error *err)
{
    char tid[2 * ID_SIZE + 1];
    CLEANUP_FREE char *path = mem_printf("%s/%s.json", hex_encode(s->session.tid.bytes, ID_SIZE, tid), what);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    int fd = memfd_create("survivors", MFD_CLOEXEC);
    bool made = path != NULL && archive != NULL && entry != NULL && fd >= 0;
    if (made) {
        archive_entry_set_pathname_utf8(entry, path);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0600);
        archive_entry_set_size(entry, (la_int64_t)strlen(text));
        archive_entry_set_mtime(entry, clock_now_ns() / NS_PER_S, 0);
        made = archive_write_set_format_pax_restricted(archive) == ARCHIVE_OK &&
               archive_write_open_fd(archive, fd) == ARCHIVE_OK && archive_write_header(archive, entry) == ARCHIVE_OK &&
               archive_write_data(archive, text, strlen(text)) == (la_ssize_t)strlen(text) &&
               archive_write_close(archive) == ARCHIVE_OK;
    }
    archive_entry_free(entry);
    (void)archive_write_free(archive);
    if (made) {
        *ret_fd = fd;
        return 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return error_set(err, ERROR_LOCAL, "what survives could not be put into an archive");
}

/* When it goes: so long after the end of the contract; 0 if the promise sets no end. */
static int keep_until(const struct surviving *s, const json_t *row, int64_t *ret, struct error *err)
{
    struct span span;
    int64_t ends_ns;
    const char *keep = json_string_value(json_object_get(row, "keep"));
    const char *ends = json_string_value(json_object_get(s->end, "ends"));
    *ret = 0;
    if (keep == NULL)
        return 0;
    if (span_parse(keep, &span, err) != 0 || ends == NULL || clock_parse(ends, &ends_ns, err) != 0)
        return error_set(err, ERROR_DAMAGED, "the record of the contract's end cannot be read");
    *ret = span_add(span, s->zone, ends_ns, 1);
    return 0;
}

int contract_survivor_is_there(struct hikae *hikae, const char *into, const char *snapshot, bool *ret,
                               struct error *err)
{
    struct session session;
    *ret = false;
    if (into == NULL || snapshot == NULL)
        return 0;
    struct error why = {0};
    if (session_open(hikae, into, 0, &session, &why) != 0)
        return why.class == ERROR_NOT_FOUND ? 0 : (*err = why, -1);
    const struct history *history = &session.chain.history;
    for (size_t i = 0; i < history->snapshot_count && !*ret; i++)
        *ret = !history->snapshots[i].retired &&
               strncmp(history->snapshots[i].name, snapshot, sizeof(history->snapshots[i].name)) == 0;
    session_close(&session);
    return 0;
}

/* Stored before: the same again needs no second copy; another text leaves the first where it is, which is said. */
static int look_before(struct surviving *s, const char *what, const char *sha256, bool *ret_same, struct error *err)
{
    const json_t *row = json_object_get(json_object_get(s->before, "what"), what);
    const char *into = json_string_value(json_object_get(s->before, "into"));
    const char *snapshot = json_string_value(json_object_get(row, "snapshot"));
    const char *known = json_string_value(json_object_get(row, "sha256"));
    bool there = false;
    *ret_same = false;
    if (contract_survivor_is_there(s->hikae, into, snapshot, &there, err) != 0)
        return -1;
    if (!there)
        return 0;
    *ret_same = known != NULL && strcmp(known, sha256) == 0 && strcmp(into, s->options->into) == 0;
    if (*ret_same)
        return json_object_set(s->kept, what, (json_t *)row) == 0 ? 0 : error_no_memory(err);
    engine_warn(s->hikae,
                "what was stored of '%s' before stays in snapshot %s of %s: `hikae snapshot forget %s %s` takes it out",
                what, snapshot, into, into, snapshot);
    return 0;
}

static int store(struct surviving *s, const char *what, const char *text, int64_t until_ns, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    char sha[2 * SHA256_SIZE + 1];
    bool same = false;
    if (sha256(text, strlen(text), digest, err) != 0 ||
        look_before(s, what, hex_encode(digest, SHA256_SIZE, sha), &same, err) != 0)
        return -1;
    if (same)
        return 0;
    char source[64];
    int fd = -1;
    if (write_archive(s, what, text, &fd, err) != 0)
        return -1;
    (void)snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
    /* Without an end of its own it stays for the longest span there is, rather than as long as the rules say. */
    const int64_t longest = (int64_t)SPAN_YEARS_MAX * 365 * 24 * 3600 * NS_PER_S;
    const struct hikae_backup_options options = {
        .tag = SOURCE_NAME, .on_demand = true, .keep_ns = until_ns != 0 ? until_ns - clock_now_ns() : longest};
    struct hikae_backup_result result = {0};
    struct hikae_error error = {0};
    enum hikae_status status = hikae_import(s->hikae, s->options->into, source, SOURCE_NAME, &options, &result, &error);
    (void)close(fd);
    if (status > HIKAE_WARNINGS)
        return error_set(err, ERROR_REFUSED, "what survives could not be stored: %.300s", error.message);
    char time[CLOCK_TEXT_SIZE];
    json_t *row = json_pack("{s:s, s:s?, s:s}", "snapshot", result.snapshot, "keep_until",
                            until_ns != 0 ? clock_format(until_ns, time) : NULL, "sha256", sha);
    hikae_backup_result_free(&result);
    return json_object_set_new(s->kept, what, row) == 0 ? 0 : error_no_memory(err);
}

static int store_each(struct surviving *s, struct error *err)
{
    const json_t *promised = json_object_get(s->end, "survives");
    for (size_t i = 0; i < json_array_size(promised); i++) {
        const json_t *row = json_array_get(promised, i);
        const char *what = json_string_value(json_object_get(row, "what"));
        CLEANUP_FREE char *text = NULL;
        int64_t until_ns;
        CLEANUP_JSON json_t *json =
            json_pack("{s:i, s:s, s:s, s:O, s:O, s:O}", "v", 1, "tenant", s->session.tenant, "what", what, "policy",
                      json_object_get(s->end, "policy"), "contract_ended", json_object_get(s->end, "on"), "fields",
                      json_object_get(s->given, what));
        if (json == NULL)
            return error_no_memory(err);
        if (json_print(json, &text, err) != 0 || keep_until(s, row, &until_ns, err) != 0 ||
            (!s->options->dry_run && store(s, what, text, until_ns, err) != 0))
            return -1;
    }
    return 0;
}

static int record(struct surviving *s, struct error *err)
{
    CLEANUP_JSON json_t *body = json_pack("{s:s, s:s, s:s, s:O}", "event", "survivors", "about", "survivors", "into",
                                          s->options->into, "what", s->kept);
    return body != NULL ? facts_append(&s->session, RECORD_CONTRACT, body, err) : error_no_memory(err);
}

static int survive(struct surviving *s, const char *tenant, struct hikae_contract *ret, struct error *err)
{
    if (session_open(s->hikae, tenant, s->options->dry_run ? 0 : SESSION_LOCK, &s->session, err) != 0 ||
        contract_read(&s->session, &s->end, err) != 0 || contract_about(&s->session, "survivors", &s->before, err) != 0)
        return -1;
    if (s->end == NULL) {
        (void)error_set(err, ERROR_REFUSED, "the contract of %s does not end", tenant);
        return error_hint(err, "`hikae contract end %s --on DATE` first: it says what survives", tenant);
    }
    const char *zone = json_string_value(json_object_get(s->end, "zone"));
    s->kept = json_object();
    if (s->kept == NULL)
        return error_no_memory(err);
    if (strcmp(tenant, s->options->into != NULL ? s->options->into : "") == 0)
        return error_set(err, ERROR_REFUSED, "what survives cannot be kept in the tenant that is erased");
    if (zone_open(zone != NULL ? zone : "UTC", &s->zone, err) != 0 || read_given(s, err) != 0 ||
        check_into(s, err) != 0 || store_each(s, err) != 0 || (!s->options->dry_run && record(s, err) != 0))
        return -1;
    return contract_describe(s->hikae, &s->session, ret, err);
}

enum hikae_status hikae_contract_survivors(struct hikae *hikae, const char *tenant,
                                           const struct hikae_survivors_options *options, struct hikae_contract *ret,
                                           struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct surviving s = {.hikae = hikae, .options = options, .session.lock_fd = -1};
    *ret = (struct hikae_contract){0};
    if (engine_audit_begin(hikae, OPERATION_CONTRACT_SURVIVORS, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = survive(&s, tenant, ret, &err);
    engine_audit_count(&audit, "survivors", json_object_size(s.kept));
    surviving_clear(&s);
    if (rc != 0)
        hikae_contract_free(ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
