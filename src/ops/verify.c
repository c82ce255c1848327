/* hikae_verify: tenant after tenant, then the outcome. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/verify_internal.h"

#include <stdio.h>
#include <unistd.h>

static void read_progress(struct hikae_progress *progress, void *context)
{
    struct verify *verify = context;
    progress->phase = HIKAE_PHASE_CHECK;
    progress->entries_done = atomic_load(&verify->checked);
    progress->entries_total = atomic_load(&verify->total);
    progress->bytes_done = atomic_load(&verify->bytes);
    progress->bytes_stored = progress->bytes_done;
}

/* ---- Marks: what was found sound is said in the history ---- */

static int mark_snapshot(struct verify *verify, struct session *session, const struct history_snapshot *snapshot,
                         uint64_t copies, struct error *err)
{
    struct hikae *hikae = verify->hikae;
    struct history *history = &session->chain.history;
    struct record record = {.type = RECORD_VERIFIED};
    /* A target's name is of letters, digits, '.', '_' and '-' only: nothing in it needs escaping. */
    record.body =
        mem_printf("{\"v\":1,\"snapshot\":\"%s\",\"level\":\"data\",\"target\":%s%s%s,\"checked\":%llu,"
                   "\"sound\":%llu,\"damaged\":0,\"unknown\":0}",
                   snapshot->name, verify->options->target != NULL ? "\"" : "",
                   verify->options->target != NULL ? verify->options->target : "null",
                   verify->options->target != NULL ? "\"" : "", (unsigned long long)copies, (unsigned long long)copies);
    int rc = record.body != NULL ? 0 : error_no_memory(err);
    if (rc == 0)
        rc = chain_append(hikae, session->keyring, &session->chain, &record, engine_up_mask(hikae),
                          hikae->config->min_copies, err);
    if (rc == 0 && history->head_count > 0) {
        /* The next mark goes behind this one. */
        history->heads[0] = record.name;
        history->head_count = 1;
        history->sequence = record.sequence;
    }
    record_clear(&record);
    return rc;
}

/* Only what this run looked at is marked; what was committed meanwhile was not. */
static bool was_seen(const struct verify_scope *scope, const struct history_snapshot *snapshot)
{
    const struct history *history = &scope->chain->history;
    for (size_t i = 0; i < history->snapshot_count; i++)
        if (hash_equal(&history->snapshots[i].record, &snapshot->record))
            return !history->snapshots[i].retired;
    return false;
}

static void mark(struct verify_scope *scope, uint64_t copies)
{
    struct session session;
    struct error why = {0};
    struct hikae *hikae = scope->verify->hikae;
    if (session_open(hikae, scope->tenant, SESSION_LOCK, &session, &why) != 0) {
        engine_warn(hikae, "that %s was checked could not be noted in its history: %s", scope->tenant, why.what);
        return;
    }
    const struct history *history = &session.chain.history;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < history->snapshot_count; i++)
        if (!history->snapshots[i].retired && was_seen(scope, &history->snapshots[i]))
            rc = mark_snapshot(scope->verify, &session, &history->snapshots[i], copies, &why);
    if (rc != 0)
        engine_warn(hikae, "that %s was checked could not be noted in its history: %s", scope->tenant, why.what);
    session_close(&session);
}

/* ---- One scope ---- */

/* What is condemned, and named by no roster, may go at any time: what is found there says nothing. */
static int sync_index(struct session *session, struct error *err)
{
    CLEANUP(roster_free) struct roster condemned = {0};
    struct error why = {0};
    if (session_condemned(session, &condemned, &why) == 0)
        return objects_sync_index(&session->objects, NULL, &condemned, err);
    if (copy_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    /* A roster that cannot be read is told with what it costs. */
    return objects_sync_index(&session->objects, NULL, &session->chain.condemned, err);
}

static int check_scope(struct verify_scope *scope, struct error *err)
{
    struct verify *verify = scope->verify;
    const struct hikae_verify_options *options = verify->options;
    uint64_t sound = atomic_load(&verify->sound), damaged = verify->damaged, unknown = verify->unknown;
    uint64_t repaired = verify->repaired, behind = verify->behind;
    if (scope_plan(scope, err) != 0)
        return -1;
    int rc = check_run(scope, err);
    /* What was found sound before it was stopped was found sound all the same. */
    struct error why = {0};
    if (scope_remember(scope, &why) != 0)
        engine_warn(verify->hikae, "when objects were checked could not be noted: %s", why.what);
    bool learned = false;
    if (rc != 0 || mend_all(scope, &learned, err) != 0 || scope_note_lost(scope, err) != 0)
        return -1;
    /* Copies on targets that do not answer, of which nothing can be said. */
    for (size_t t = 0; t < verify->hikae->target_count; t++)
        for (size_t i = 0; i < scope->count && (verify->selected >> t & 1) != 0; i++)
            if (!verify->hikae->targets[t].up && verify->hikae->targets[t].why.class != ERROR_NOT_FOUND)
                verify->unknown += scope->items[i].expected >> t & 1;
    if (scope->session == NULL || options->level != HIKAE_VERIFY_DATA || options->sample > 0)
        return 0;
    /* The index, which had to do without what was put back, learns it again. */
    if ((learned && sync_index(scope->session, err) != 0) || walk_manifests(scope, err) != 0)
        return -1;
    sound = atomic_load(&verify->sound) - sound;
    bool all_sound = verify->damaged - damaged == (verify->repaired - repaired) + (verify->behind - behind) &&
                     verify->unknown == unknown && sound > 0;
    if (all_sound && !options->dry_run)
        mark(scope, sound);
    return 0;
}

static int prepare_scope(struct verify_scope *scope, struct verify *verify, struct error *err)
{
    *scope = (struct verify_scope){.verify = verify, .started_ns = clock_now_ns()};
    (void)pthread_mutex_init(&scope->mutex, NULL);
    return cancel_check(&verify->hikae->cancel, err);
}

static void end_scope(struct verify_scope *scope)
{
    scope_clear(scope);
    (void)pthread_mutex_destroy(&scope->mutex);
}

static int verify_tenant(struct verify *verify, const char *tenant, struct error *err)
{
    struct hikae *hikae = verify->hikae;
    struct verify_scope scope;
    struct session session;
    if (prepare_scope(&scope, verify, err) != 0)
        return -1;
    if (session_open(hikae, tenant, SESSION_INDEX, &session, err) != 0) {
        end_scope(&scope);
        return -1;
    }
    CLEANUP_FREE char *cache = engine_tenant_path(hikae, &session.tid, "h/", err);
    int rc = cache != NULL ? 0 : -1;
    /* Nothing is mended in passing: what is bad is to be found, and told. */
    session.objects.repair = false;
    scope.tenant = tenant;
    scope.session = &session;
    scope.tid = session.tid;
    scope.keyring = session.keyring;
    scope.chain = &session.chain;
    scope.place = (struct copy_place){hikae, &scope.tid, cache};
    if (rc == 0)
        rc = scope_tenant(&scope, err);
    if (rc == 0)
        rc = sync_index(&session, err);
    if (rc == 0)
        rc = check_scope(&scope, err);
    end_scope(&scope);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "verify %s", tenant);
}

/* Store object, keystore, the store's own history, and audit logs. */
static int verify_store(struct verify *verify, struct error *err)
{
    struct hikae *hikae = verify->hikae;
    struct keyring *keyring CLEANUP(cleanup_keyring_free) = NULL;
    struct verify_scope scope;
    struct chain chain;
    if (prepare_scope(&scope, verify, err) != 0)
        return -1;
    scope.tid = hikae->store.store_tid;
    CLEANUP_FREE char *cache = engine_tenant_path(hikae, &scope.tid, "h/", err);
    if (cache == NULL || keystore_keyring(hikae->keystore, &scope.tid, &keyring, err) != 0 ||
        chain_load(hikae, &scope.tid, keyring, &chain, err) != 0) {
        end_scope(&scope);
        return -1;
    }
    scope.keyring = keyring;
    scope.chain = &chain;
    scope.place = (struct copy_place){hikae, &scope.tid, cache};
    int rc = scope_store(&scope, err);
    if (rc == 0)
        rc = check_scope(&scope, err);
    end_scope(&scope);
    chain_clear(&chain);
    return rc == 0 ? 0 : error_wrap(err, "verify the store's own objects");
}

/* ---- All of it ---- */

/* Copies that are damaged or missing, and were not mended. */
static uint64_t count_bad(const struct verify *verify)
{
    uint64_t bad = verify->damaged - verify->repaired;
    return bad > verify->behind ? bad - verify->behind : 0;
}

/* One tenant's damage is no other's: evidence asks whose it was. */
static int verify_named(const char *tenant, void *context, struct error *err)
{
    struct verify *verify = context;
    const uint64_t before = count_bad(verify);
    struct id tid;
    char hex[2 * ID_SIZE + 2];
    if (verify_tenant(verify, tenant, err) != 0)
        return -1;
    if (count_bad(verify) == before)
        return 0;
    verify->damaged_tenants++;
    if (engine_tenant_id(verify->hikae, tenant, &tid, err) != 0)
        return -1;
    (void)hex_encode(tid.bytes, ID_SIZE, hex);
    hex[sizeof(hex) - 2] = ' ';
    return buf_append(&verify->damaged_among, hex, sizeof(hex) - 1, err);
}

/* Of a check of all tenants: which of them had damage. As many as an entry has room for, or else none is named. */
static void record_damaged(struct engine_audit *audit, struct verify *verify)
{
    enum { TENANTS_MAX = 1500 };
    if (verify->store_damaged || verify->damaged_tenants == 0 || verify->damaged_tenants > TENANTS_MAX)
        return;
    if (buf_u8(&verify->damaged_among, '\0', NULL) != 0)
        audit->failed = true;
    else
        engine_audit_detail(audit, "damaged_tenants", (const char *)verify->damaged_among.data);
}

/* Targets of which nothing can be said, once each. */
static int tell_targets(struct verify *verify, struct error *err)
{
    struct hikae *hikae = verify->hikae;
    for (size_t i = 0; i < hikae->target_count; i++) {
        const struct run_target *t = &hikae->targets[i];
        if (t->up || (verify->selected >> i & 1) == 0)
            continue;
        bool empty = t->why.class == ERROR_NOT_FOUND;
        verify->has_empty = verify->has_empty || empty;
        CLEANUP_FREE char *why =
            empty ? mem_printf("%s: `hikae replicate --to %s` makes it a copy again", t->why.what, t->name)
                  : mem_strdup(t->why.what);
        if (why == NULL)
            return error_no_memory(err);
        if (mend_tell(verify, t->name, empty ? NAME_STORE : "hikae1/",
                      empty ? HIKAE_FINDING_MISSING : HIKAE_FINDING_UNKNOWN, false, why, NULL, err) != 0)
            return -1;
    }
    return 0;
}

static int check_options(const struct hikae_verify_options *options, struct error *err)
{
    if (options->sample != 0 && !(options->sample > 0 && options->sample <= 1))
        return error_set(err, ERROR_USAGE, "a sample is a part of the objects: more than 0, at most 1");
    if (options->level < HIKAE_VERIFY_INVENTORY || options->level > HIKAE_VERIFY_DATA)
        return error_set(err, ERROR_USAGE, "there is no such level of verification");
    return 0;
}

static int do_verify(struct verify *verify, const char *tenant, struct error *err)
{
    struct hikae *hikae = verify->hikae;
    const char *target = verify->options->target;
    size_t number;
    if (check_options(verify->options, err) != 0 || engine_keystore(hikae, err) != 0)
        return -1;
    verify->selected = hikae->target_count == 64 ? UINT64_MAX : (UINT64_C(1) << hikae->target_count) - 1;
    if (target != NULL) {
        if (copy_target(hikae, target, &number, err) != 0)
            return -1;
        verify->selected = UINT64_C(1) << number;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    verify->threads = hikae->config->threads > 0 ? hikae->config->threads : (unsigned)(cores > 0 ? cores : 1);
    verify->with_logs = tenant == NULL;
    struct ticker *ticker = ticker_start(hikae, read_progress, verify);
    int rc = verify_store(verify, err);
    verify->store_damaged = count_bad(verify) > 0;
    if (rc == 0)
        rc = engine_each_tenant(verify->hikae, tenant, verify_named, verify, err);
    if (rc == 0)
        rc = tell_targets(verify, err);
    ticker_stop(ticker);
    return rc;
}

/* 0, or what is to be reported as a failure although the check itself ran to its end. */
static int judge(const struct verify *verify, struct error *err)
{
    uint64_t bad = count_bad(verify);
    if (bad > 0) {
        (void)error_set(err, ERROR_DAMAGED, "%llu cop%s of objects %s damaged or missing", (unsigned long long)bad,
                        bad == 1 ? "y" : "ies", bad == 1 ? "is" : "are");
        return error_hint(err, verify->options->repair && !verify->options->dry_run
                                   ? "no target has them sound: what they cost is listed with them"
                                   : "`hikae verify --repair` mends what another target has sound");
    }
    if (verify->unknown > 0) {
        (void)error_set(err, ERROR_UNREACHABLE, "%llu copies of objects could not be looked at",
                        (unsigned long long)verify->unknown);
        err->retryable = true;
        return error_hint(err, "`hikae target check` says why a target does not answer");
    }
    if (verify->snapshots > 0 && atomic_load(&verify->checked) > 0)
        return 0;
    (void)error_set(err, ERROR_DAMAGED, "no snapshot was checked");
    return error_hint(err, "there is no snapshot yet: `hikae backup` makes one");
}

enum hikae_status hikae_verify(struct hikae *hikae, const char *tenant, const struct hikae_verify_options *options,
                               struct hikae_verify_result *ret, struct hikae_error *error)
{
    static const struct hikae_verify_options defaults = {.level = HIKAE_VERIFY_INVENTORY};
    struct verify verify = {.hikae = hikae, .options = options != NULL ? options : &defaults};
    struct error err = {0};
    struct engine_audit audit;
    int64_t started = clock_monotonic_ns();
    *ret = (struct hikae_verify_result){0};
    if (engine_audit_begin(hikae, OPERATION_VERIFY, tenant, verify.options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = do_verify(&verify, tenant, &err);
    *ret = (struct hikae_verify_result){.checked = atomic_load(&verify.checked),
                                        .sound = atomic_load(&verify.sound),
                                        .damaged = verify.damaged,
                                        .unknown = verify.unknown,
                                        .repaired = verify.repaired,
                                        .bytes = atomic_load(&verify.bytes),
                                        .duration_ns = clock_monotonic_ns() - started,
                                        .findings = verify.findings,
                                        .finding_count = verify.finding_count};
    if (rc == 0)
        rc = judge(&verify, &err);
    static const char *const levels[] = {
        [HIKAE_VERIFY_INVENTORY] = "inventory", [HIKAE_VERIFY_OBJECTS] = "objects", [HIKAE_VERIFY_DATA] = "data"};
    if (verify.options->level >= HIKAE_VERIFY_INVENTORY && verify.options->level <= HIKAE_VERIFY_DATA)
        engine_audit_detail(&audit, "level", levels[verify.options->level]);
    engine_audit_detail(&audit, "target", verify.options->target);
    /* In thousandths; 1000 is all. */
    engine_audit_count(&audit, "sample",
                       verify.options->sample > 0 ? (uint64_t)(verify.options->sample * 1000 + 0.5) : 1000);
    engine_audit_count(&audit, "checked", ret->checked);
    engine_audit_count(&audit, "sound", ret->sound);
    engine_audit_count(&audit, "damaged", ret->damaged);
    engine_audit_count(&audit, "unknown", ret->unknown);
    engine_audit_count(&audit, "repaired", ret->repaired);
    record_damaged(&audit, &verify);
    buf_free(&verify.damaged_among);
    bool warnings = verify.repaired > 0 || verify.behind > 0 || verify.has_empty;
    return engine_audit_end(&audit, api_result(rc, warnings, &err, error));
}

void hikae_verify_result_free(struct hikae_verify_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        struct hikae_verify_finding *finding = &result->findings[i];
        mem_free(finding->target);
        mem_free(finding->object);
        mem_free(finding->why);
        mem_free(finding->cost);
    }
    mem_free(result->findings);
    *result = (struct hikae_verify_result){0};
}
