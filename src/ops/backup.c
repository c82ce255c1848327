/*
 * A backup: the pipeline stores what is new, then, if enough targets hold the
 * whole roster, the snapshot record commits it (DESIGN: order of writes).
 */
#include "pipeline/backup.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/engine.h"
#include "ops/policies.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct run {
    struct hikae *hikae;
    struct session session;
    const struct hikae_backup_options *options;
    struct backup_counters counters;
    struct backup_outcome outcome;
    struct problems problems;
    struct backup_source *sources;
    size_t source_count;
    const struct history_snapshot *parent;
    int64_t started_ns;
    uint64_t counting; /* targets that hold the whole roster */
    struct roster_row *parts;
    size_t part_count;
    bool outdated; /* what it builds on was condemned too long ago: begin again */
};

static void read_progress(struct hikae_progress *progress, void *context)
{
    const struct run *run = context;
    const struct backup_counters *counters = &run->counters;
    uint64_t finished = atomic_load(&counters->bytes_source), read = atomic_load(&counters->bytes_read);
    progress->phase = HIKAE_PHASE_TRANSFER;
    progress->entries_done = atomic_load(&counters->entries);
    /* A long file counts while it is read, not only when it is finished. */
    progress->bytes_done = finished > read ? finished : read;
    /* Nobody knows what the sources hold before they were walked: last time is the best guess. */
    if (run->parent != NULL && progress->bytes_done <= run->parent->root.bytes &&
        progress->entries_done <= run->parent->root.entries) {
        progress->entries_total = run->parent->root.entries;
        progress->bytes_total = run->parent->root.bytes;
    }
    progress->bytes_stored = atomic_load(&counters->bytes_stored);
}

static int compare_sources(const void *a, const void *b)
{
    return strcmp(((const struct backup_source *)a)->name, ((const struct backup_source *)b)->name);
}

/* The tenant's sources, sorted as the manifest wants them. */
static int take_sources(struct run *run, struct error *err)
{
    const struct history_tenant *tenant = &run->session.chain.history.tenant;
    run->sources = mem_calloc(tenant->source_count, sizeof(struct backup_source));
    if (run->sources == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < tenant->source_count; i++) {
        const struct history_source *from = &tenant->sources[i];
        struct backup_source *to = &run->sources[i];
        if (source_parse(from->spec, &to->kind, &to->path, err) != 0)
            return -1;
        to->name = from->name;
        to->exclude = (const char *const *)from->exclude;
        to->exclude_count = from->exclude_count;
        to->one_file_system = from->one_file_system;
        to->exclude_caches = from->exclude_caches;
    }
    run->source_count = tenant->source_count;
    qsort(run->sources, run->source_count, sizeof(struct backup_source), compare_sources);
    return 0;
}

/* The sources as JSON, for the record: name and specification of each. */
static int source_list(const struct run *run, char **ret, struct error *err)
{
    static const char *const kinds[] = {"dir", "image", "cmd", "archive"};
    json_t *list CLEANUP_JSON = json_array();
    for (size_t i = 0; list != NULL && i < run->source_count; i++) {
        const struct backup_source *source = &run->sources[i];
        CLEANUP_FREE char *spec = mem_printf("%s:%s", kinds[source->kind], source->path);
        /* A path that is not UTF-8 has no place in JSON: it is told by its name alone. */
        json_t *text = spec != NULL ? json_string(spec) : NULL;
        if (text == NULL)
            text = json_string(kinds[source->kind]);
        json_t *item = json_pack("{s:s, s:o}", "name", source->name, "spec", text);
        if (json_array_append_new(list, item) != 0)
            return error_no_memory(err);
    }
    return list != NULL ? json_print(list, ret, err) : error_no_memory(err);
}

/*
 * A parent that stands on what is condemned (its run was under way when that was decided) cannot be read through an
 * index that leaves such packs out: everything is read again, and what is still there is found by its content.
 */
static int check_parent(struct run *run, struct error *err)
{
    const struct roster *condemned = &run->session.chain.condemned;
    CLEANUP(roster_free) struct roster roster = {0};
    struct error why = {0};
    if (condemned->count == 0)
        return 0;
    if (session_roster(&run->session, run->parent, false, &roster, &why) != 0) {
        if (why.class != ERROR_NO_MEMORY)
            return 0; /* reading it will tell */
        *err = why;
        return -1;
    }
    for (size_t i = 0; i < roster.count; i++)
        if (roster.rows[i].class == OBJECT_PACK && roster_has(condemned, OBJECT_PACK, &roster.rows[i].name)) {
            run->parent = NULL;
            return 0;
        }
    return 0;
}

/* The latest snapshot of these sources: an import between two nights must not make the next one read everything. */
static int choose_parent(struct run *run, struct error *err)
{
    const struct history *history = &run->session.chain.history;
    CLEANUP_FREE char *sources = NULL;
    if (source_list(run, &sources, err) != 0)
        return -1;
    run->parent = history_latest(history);
    for (size_t i = history->snapshot_count; i > 0; i--) {
        const struct history_snapshot *snapshot = &history->snapshots[i - 1];
        if (!snapshot->retired && snapshot->sources != NULL && strcmp(snapshot->sources, sources) == 0) {
            run->parent = snapshot;
            break;
        }
    }
    return run->parent != NULL ? check_parent(run, err) : 0;
}

static int check_tenant(const struct run *run, struct error *err)
{
    const struct history *history = &run->session.chain.history;
    if (!history->has_tenant)
        return error_set(err, ERROR_DAMAGED, "the history has no tenant record");
    if (strcmp(history->tenant.state, "active") == 0 || strcmp(history->tenant.state, "new") == 0)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the tenant is %s", history->tenant.state);
    return error_hint(err, "`hikae tenant resume` makes a suspended tenant active again");
}

static int run_pipeline(struct run *run, struct error *err)
{
    const struct config *config = run->hikae->config;
    CLEANUP_FREE char *spool = engine_tenant_path(run->hikae, &run->session.tid, "", err);
    if (spool == NULL)
        return -1;
    struct backup_options options = {.objects = &run->session.objects,
                                     .sources = run->sources,
                                     .source_count = run->source_count,
                                     .parent = run->parent != NULL ? &run->parent->root : NULL,
                                     .threads = config->threads,
                                     .level = (int)config->compression,
                                     .pack_size = (size_t)config->pack_mib << 20,
                                     .verify_writes = config->verify_writes && !run->options->no_verify_writes,
                                     .dry_run = run->options->dry_run,
                                     .spool_folder = spool,
                                     .spool_limit = UINT64_C(4) << 30,
                                     .cancel = &run->hikae->cancel,
                                     .counters = &run->counters,
                                     .warn = problems_note,
                                     .warn_context = &run->problems};
    struct ticker *ticker = ticker_start(run->hikae, read_progress, run);
    int rc = backup_run(&options, &run->outcome, err);
    ticker_stop(ticker);
    return rc;
}

/* ---- Commit ---- */

/* A part of the parent's roster that holds just these rows, so that it need not be written again. */
static bool reuse_part(const struct run *run, const struct roster *roster, size_t first, size_t end,
                       const struct roster *parents, struct roster_row *ret)
{
    for (size_t i = 0; i < run->parent->part_count; i++) {
        const struct roster *part = &parents[i];
        bool same = part->count == end - first &&
                    !roster_has(&run->session.chain.condemned, OBJECT_ROSTER, &run->parent->parts[i].name);
        for (size_t j = 0; same && j < part->count; j++)
            same = part->rows[j].class == roster->rows[first + j].class &&
                   hash_equal(&part->rows[j].name, &roster->rows[first + j].name);
        if (same) {
            *ret = run->parent->parts[i];
            return true;
        }
    }
    return false;
}

static int store_object(struct run *run, enum object_class class, const struct hash *name, const struct buf *object,
                        struct error *err)
{
    char full[OBJECT_NAME_SIZE];
    (void)name_object(&run->session.tid, object_class_letter(class), name, full);
    CLEANUP(roster_free) struct roster one = {0};
    if (roster_add(&one, class, name, object->size, err) != 0)
        return -1;
    for (size_t i = 0; i < run->hikae->target_count; i++) {
        struct run_target *t = &run->hikae->targets[i];
        if ((run->counting >> i & 1) == 0)
            continue;
        struct error why = {0};
        if (target_put(t->target, full, object->data, object->size, TARGET_PUT_CREATE, &why) != 0) {
            run->counting &= ~(UINT64_C(1) << i);
            engine_warn(run->hikae, "target %s falls behind: %s", t->name, why.what);
        } else if (presence_add(&t->present, &one, err) != 0) {
            return -1;
        }
    }
    atomic_fetch_add(&run->counters.objects_stored, 1);
    atomic_fetch_add(&run->counters.bytes_stored, object->size);
    return 0;
}

/* A roster that is too long for the record goes into parts, shared with the parent where they are the same. */
static int write_parts(struct run *run, struct error *err)
{
    const struct roster *roster = &run->outcome.roster;
    size_t *ends = NULL, count = 0, parent_parts = run->parent != NULL ? run->parent->part_count : 0;
    struct roster *parents = mem_calloc(parent_parts, sizeof(struct roster));
    CLEANUP(buf_free) struct buf object = {0};
    int rc = parents != NULL ? roster_cut(roster, &ends, &count, err) : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < parent_parts; i++) {
        const struct roster_row *part = &run->parent->parts[i];
        struct error why = {0};
        object.size = 0;
        /* One that cannot be read is not reused. */
        if (objects_get(&run->session.objects, OBJECT_ROSTER, &part->name, part->size, &object, &why) != 0 ||
            roster_part_parse(object.data, object.size, &parents[i], &why) != 0)
            roster_free(&parents[i]);
    }
    if (rc == 0 && (run->parts = mem_calloc(count, sizeof(struct roster_row))) == NULL)
        rc = error_no_memory(err);
    for (size_t i = 0, first = 0; rc == 0 && i < count; first = ends[i++]) {
        struct roster_row *part = &run->parts[run->part_count++];
        if (parent_parts > 0 && reuse_part(run, roster, first, ends[i], parents, part))
            continue;
        part->class = OBJECT_ROSTER;
        rc = roster_part_seal(roster, first, ends[i], run->session.keyring, &object, &part->name, err);
        part->size = object.size;
        if (rc == 0)
            rc = store_object(run, OBJECT_ROSTER, &part->name, &object, err);
    }
    for (size_t i = 0; parents != NULL && i < parent_parts; i++)
        roster_free(&parents[i]);
    mem_free(parents);
    mem_free(ends);
    return rc;
}

/* Put one object on those targets that are up and lack it. */
static int spread(struct run *run, const struct roster_row *row, uint64_t lacking, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(roster_free) struct roster one = {0};
    char name[OBJECT_NAME_SIZE];
    (void)name_object(&run->session.tid, object_class_letter(row->class), &row->name, name);
    if (objects_get(&run->session.objects, row->class, &row->name, row->size, &object, err) != 0 ||
        roster_add(&one, row->class, &row->name, row->size, err) != 0)
        return -1;
    for (size_t i = 0; i < run->hikae->target_count; i++) {
        struct run_target *t = &run->hikae->targets[i];
        struct error why = {0};
        if ((lacking >> i & 1) == 0)
            continue;
        if (target_put(t->target, name, object.data, object.size, TARGET_PUT_CREATE, &why) != 0)
            run->outcome.target_errors[i] = why;
        else if (presence_add(&t->present, &one, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * A run that was killed leaves packs that reached some targets and not others. No snapshot names them, so replication
 * does not copy them: the run that uses them does. What the parent names already is replication's to bring.
 */
static int spread_orphans(struct run *run, struct error *err)
{
    CLEANUP(roster_free) struct roster parents = {0};
    struct error why = {0};
    if (run->parent != NULL && session_roster(&run->session, run->parent, false, &parents, &why) != 0)
        return 0; /* then nothing is known to be an orphan */
    for (size_t j = 0; j < run->outcome.roster.count; j++) {
        const struct roster_row *row = &run->outcome.roster.rows[j];
        uint64_t lacking = 0;
        if (roster_has(&parents, row->class, &row->name))
            continue;
        for (size_t i = 0; i < run->hikae->target_count; i++)
            if (run->hikae->targets[i].up && run->outcome.target_errors[i].class == ERROR_NONE &&
                !presence_has(&run->hikae->targets[i].present, row->class, &row->name, row->size))
                lacking |= UINT64_C(1) << i;
        if (lacking != 0 && spread(run, row, lacking, err) != 0)
            return -1;
    }
    return 0;
}

/* Which targets hold everything that the snapshot needs. */
static void count_targets(struct run *run)
{
    run->counting = 0;
    for (size_t i = 0; i < run->hikae->target_count; i++)
        if (run->outcome.target_errors[i].class == ERROR_NONE &&
            session_holds(&run->session, i, &run->outcome.roster, NULL))
            run->counting |= UINT64_C(1) << i;
}

static unsigned bits(uint64_t mask)
{
    unsigned count = 0;
    for (; mask != 0; mask &= mask - 1)
        count++;
    return count;
}

static int check_quorum(const struct run *run, struct error *err)
{
    unsigned need = run->hikae->config->min_copies, have = bits(run->counting);
    if (have >= need)
        return 0;
    char detail[300] = "";
    for (size_t i = 0; i < run->hikae->target_count; i++) {
        const struct run_target *t = &run->hikae->targets[i];
        const struct error *why = &run->outcome.target_errors[i];
        size_t missing = 0, used = strlen(detail);
        (void)session_holds(&run->session, i, &run->outcome.roster, &missing);
        if ((run->counting >> i & 1) == 0)
            (void)snprintf(detail + used, sizeof(detail) - used, "; %s %.240s", t->name,
                           !t->up                     ? "does not answer"
                           : why->class != ERROR_NONE ? why->what
                           : missing > 0              ? "lacks objects of older runs"
                                                      : "failed");
    }
    (void)error_set(err, ERROR_REFUSED, "nothing was committed: %u of %u needed targets hold all of it%s", have, need,
                    detail);
    return error_hint(err,
                      "repair the target or run `hikae replicate %s`, then back up again: what is stored is reused",
                      run->session.tenant);
}

static bool lies_anywhere(const struct run *run, const struct roster_row *row)
{
    for (size_t i = 0; i < run->hikae->target_count; i++)
        if (presence_has(&run->hikae->targets[i].present, row->class, &row->name, row->size))
            return true;
    return false;
}

/*
 * Segments that are gone or on their way out, as another host merged them, are not named any more: what they say stands
 * in the packs too.
 */
static void leave_out_segments(const struct run *run, struct roster *roster)
{
    const struct roster *condemned = &run->session.chain.condemned;
    size_t kept = 0;
    for (size_t i = 0; i < roster->count; i++) {
        const struct roster_row *row = &roster->rows[i];
        if (row->class != OBJECT_SEGMENT ||
            (!roster_has(condemned, OBJECT_SEGMENT, &row->name) && lies_anywhere(run, row)))
            roster->rows[kept++] = *row;
    }
    roster->count = kept;
}

/*
 * What was condemned while this run went on: lately, then the collector finds it in this snapshot's roster and spares
 * it; longer ago, then it may be gone before the record is seen, and the run must do without it (ERROR_BUSY: begin
 * again, with a history that knows). *ret_listed_ns: when this was asked.
 */
static int check_condemned(struct run *run, int64_t *ret_listed_ns, struct error *err)
{
    CLEANUP(roster_free) struct roster lately = {0};
    CLEANUP(roster_free) struct roster late = {0};
    *ret_listed_ns = clock_machine_ns();
    if (chain_condemned_since(run->hikae, run->session.keyring, &run->session.chain, &lately, &late, err) != 0)
        return -1;
    for (size_t i = 0; i < run->outcome.roster.count; i++) {
        const struct roster_row *row = &run->outcome.roster.rows[i];
        run->outdated = roster_has(&late, row->class, &row->name);
        if (run->outdated)
            return error_set(err, ERROR_BUSY, "what this run builds on was condemned more than %d hours ago",
                             (int)(CONDEMN_WAIT_NS / 2 / 3600 / NS_PER_S));
    }
    return 0;
}

/* The machine's clock goes on while it sleeps: a record that comes too late must not be written. */
static int check_in_time(int64_t listed_ns, struct error *err)
{
    int64_t elapsed = clock_machine_ns() - listed_ns;
    if (elapsed >= 0 && elapsed < CONDEMN_WAIT_NS / 4)
        return 0;
    return error_set(err, ERROR_BUSY, "the commit took so long that what it builds on may have been deleted");
}

static int commit(struct run *run, struct hikae_backup_result *ret, struct error *err)
{
    int64_t listed_ns;
    leave_out_segments(run, &run->outcome.roster);
    if (spread_orphans(run, err) != 0)
        return -1;
    count_targets(run);
    if (check_quorum(run, err) != 0)
        return -1;
    bool in_parts = run->outcome.roster.count > RECORD_ROSTER_INLINE_MAX;
    if (in_parts && (write_parts(run, err) != 0 || check_quorum(run, err) != 0))
        return -1;
    if (check_condemned(run, &listed_ns, err) != 0)
        return -1;
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    CLEANUP_FREE char *sources = NULL;
    if (source_list(run, &sources, err) != 0)
        return -1;
    int64_t now = clock_now_ns();
    struct history_snapshot snapshot = {.started_ns = run->started_ns,
                                        .finished_ns = now,
                                        .root = run->outcome.root,
                                        .leaf_mean = MANIFEST_LEAF_MEAN,
                                        .fan_out = MANIFEST_FAN_OUT,
                                        .errors = atomic_load(&run->counters.errors),
                                        .tag = (char *)(uintptr_t)run->options->tag,
                                        .keep_until_ns = run->options->keep_ns > 0 ? now + run->options->keep_ns : 0,
                                        .on_demand = run->options->on_demand || run->options->keep_ns > 0,
                                        .host = host,
                                        .version = (char *)(uintptr_t)HIKAE_VERSION,
                                        .sources = sources,
                                        .roster = run->outcome.roster};
    struct record record = {.type = RECORD_SNAPSHOT};
    record.body = history_snapshot_body(&snapshot, run->parent != NULL ? run->parent->name : NULL);
    int rc = record.body != NULL ? 0 : error_no_memory(err);
    if (in_parts) {
        record.parts = run->parts;
        record.part_count = run->part_count;
        run->parts = NULL;
    } else {
        record.has_roster = true;
        record.roster = run->outcome.roster;
        run->outcome.roster = (struct roster){0};
    }
    if (rc == 0)
        rc = check_in_time(listed_ns, err);
    if (rc == 0)
        rc = chain_append(run->hikae, run->session.keyring, &run->session.chain, &record, run->counting,
                          run->hikae->config->min_copies, err);
    if (rc == 0) {
        char name[2 * 8 + 1];
        ret->snapshot = mem_strdup(hex_encode(record.name.bytes, 8, name));
        rc = ret->snapshot != NULL ? 0 : error_no_memory(err);
    }
    record_clear(&record);
    return rc;
}

/* ---- Result ---- */

static int fill_targets(const struct run *run, struct hikae_backup_result *ret, struct error *err)
{
    size_t count = run->hikae->target_count;
    ret->targets = mem_calloc(count, sizeof(struct hikae_target_state));
    if (ret->targets == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct run_target *t = &run->hikae->targets[i];
        const struct error *why = &run->outcome.target_errors[i];
        struct hikae_target_state *state = &ret->targets[ret->target_count++];
        bool complete = (run->counting >> i & 1) != 0;
        state->name = mem_strdup(t->name);
        state->state = mem_strdup(complete ? "complete" : t->up ? "behind" : "unreachable");
        if (!complete)
            state->why =
                mem_strdup(!t->up                     ? t->why.what
                           : why->class != ERROR_NONE ? why->what
                                                      : "it lacks objects of older runs: run `hikae replicate`");
        if (state->name == NULL || state->state == NULL)
            return error_no_memory(err);
        if (!complete && t->up && !run->options->dry_run)
            engine_warn(run->hikae, "target %s is behind: %s", t->name, state->why != NULL ? state->why : "");
    }
    return 0;
}

static void fill_counters(struct run *run, struct hikae_backup_result *ret)
{
    const struct backup_counters *c = &run->counters;
    ret->entries = atomic_load(&c->entries);
    ret->files_new = atomic_load(&c->files_new);
    ret->files_changed = atomic_load(&c->files_changed);
    ret->files_unchanged = atomic_load(&c->files_unchanged);
    ret->bytes_source = atomic_load(&c->bytes_source);
    ret->bytes_read = atomic_load(&c->bytes_read);
    ret->bytes_new = atomic_load(&c->bytes_new);
    ret->bytes_stored = atomic_load(&c->bytes_stored);
    ret->bytes_metadata = atomic_load(&c->bytes_metadata);
    ret->objects_stored = atomic_load(&c->objects_stored);
    problems_take(&run->problems, &ret->errors, &ret->error_count, &ret->errors_total);
}

static int attempt(struct run *run, const char *tenant, struct hikae_backup_result *ret, struct error *err)
{
    run->started_ns = clock_now_ns();
    if (session_open(run->hikae, tenant, SESSION_LOCK | SESSION_SYNC, &run->session, err) != 0)
        return -1;
    int rc = check_tenant(run, err);
    if (rc == 0)
        rc = policies_check_residency(run->hikae, run->session.chain.history.tenant.policy, err);
    if (rc == 0 && run->sources == NULL)
        rc = take_sources(run, err);
    if (rc == 0)
        rc = choose_parent(run, err);
    if (rc == 0)
        rc = run_pipeline(run, err);
    if (rc == 0 && !run->options->dry_run)
        rc = commit(run, ret, err);
    if (rc == 0)
        rc = fill_targets(run, ret, err);
    backup_outcome_clear(&run->outcome);
    mem_free(run->parts);
    run->parts = NULL;
    run->part_count = 0;
    session_close(&run->session);
    return rc;
}

static int do_backup(struct run *run, const char *tenant, struct hikae_backup_result *ret, struct error *err)
{
    int64_t began = clock_monotonic_ns();
    bool own_sources = run->sources == NULL;
    int rc = attempt(run, tenant, ret, err);
    if (rc != 0 && run->outdated && own_sources) {
        engine_warn(run->hikae, "%s: it begins again, and stores what is no longer there", err->what);
        mem_free(run->sources); /* they stand in the history that was closed */
        run->sources = NULL;
        rc = attempt(run, tenant, ret, err);
    }
    fill_counters(run, ret);
    ret->duration_ns = clock_monotonic_ns() - began;
    return rc;
}

/* The targets that hold all of the snapshot: evidence asks for them when the snapshot is long gone. */
static void record_targets(struct engine_audit *audit, const struct hikae_backup_result *ret)
{
    CLEANUP(buf_free) struct buf names = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ret->target_count; i++) {
        const struct hikae_target_state *target = &ret->targets[i];
        if (strcmp(target->state, "complete") != 0)
            continue;
        if (names.size > 0)
            rc = buf_u8(&names, ' ', NULL);
        if (rc == 0)
            rc = buf_append(&names, target->name, strlen(target->name), NULL);
    }
    if (rc == 0)
        rc = buf_u8(&names, '\0', NULL);
    if (rc != 0)
        audit->failed = true;
    else
        engine_audit_detail(audit, "targets", (const char *)names.data);
}

static void record(struct engine_audit *audit, const struct hikae_backup_options *options,
                   const struct hikae_backup_result *ret)
{
    engine_audit_count(audit, "on_demand", options->on_demand || options->keep_ns > 0);
    engine_audit_detail(audit, "snapshot", ret->snapshot);
    record_targets(audit, ret);
    engine_audit_count(audit, "entries", ret->entries);
    engine_audit_count(audit, "bytes", ret->bytes_source);
    engine_audit_count(audit, "bytes_stored", ret->bytes_stored);
    engine_audit_count(audit, "errors", ret->errors_total);
}

static enum hikae_status finish(struct run *run, enum engine_operation operation, const char *tenant,
                                struct hikae_backup_result *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_backup_result){0};
    problems_init(&run->problems, run->hikae);
    int rc = engine_audit_begin(run->hikae, operation, tenant, run->options->dry_run, &audit, &err);
    if (rc == 0)
        rc = do_backup(run, tenant, ret, &err);
    mem_free(run->sources);
    record(&audit, run->options, ret);
    bool warnings = ret->errors_total > 0;
    for (size_t i = 0; rc == 0 && i < ret->target_count && !run->options->dry_run; i++)
        warnings = warnings || strcmp(ret->targets[i].state, "complete") != 0;
    if (rc != 0) {
        (void)error_wrap(&err, "back up %s", tenant);
        hikae_backup_result_free(ret);
    }
    return engine_audit_end(&audit, api_result(rc, warnings, &err, error));
}

enum hikae_status hikae_backup(struct hikae *hikae, const char *tenant, const struct hikae_backup_options *options,
                               struct hikae_backup_result *ret, struct hikae_error *error)
{
    struct run run = {.hikae = hikae, .options = options};
    return finish(&run, OPERATION_BACKUP, tenant, ret, error);
}

enum hikae_status hikae_import(struct hikae *hikae, const char *tenant, const char *path, const char *name,
                               const struct hikae_backup_options *options, struct hikae_backup_result *ret,
                               struct hikae_error *error)
{
    struct error err = {0};
    struct run run = {.hikae = hikae, .options = options, .source_count = 1};
    run.sources = mem_calloc(1, sizeof(struct backup_source));
    if (run.sources == NULL)
        return api_result(error_no_memory(&err), false, &err, error);
    run.sources[0] = (struct backup_source){.name = name, .kind = SOURCE_ARCHIVE, .path = path};
    return finish(&run, OPERATION_IMPORT, tenant, ret, error);
}

void hikae_backup_result_free(struct hikae_backup_result *result)
{
    mem_free(result->snapshot);
    for (size_t i = 0; i < result->target_count; i++) {
        mem_free(result->targets[i].name);
        mem_free(result->targets[i].state);
        mem_free(result->targets[i].why);
    }
    mem_free(result->targets);
    entry_errors_free(result->errors, result->error_count);
    *result = (struct hikae_backup_result){0};
}
