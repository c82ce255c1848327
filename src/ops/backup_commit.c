/* The commit of a backup: the whole roster on enough targets, then the snapshot record. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/names.h"
#include "ops/backup_internal.h"

#include <stdio.h>
#include <unistd.h>

/* A part of the parent's roster that holds just these rows, so that it need not be written again. */
static bool reuse_part(const struct backup_operation *run, const struct roster *roster, size_t first, size_t end,
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

static int store_object(struct backup_operation *run, enum object_class class, const struct hash *name,
                        const struct buf *object, struct error *err)
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
static int write_parts(struct backup_operation *run, struct error *err)
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
static int spread(struct backup_operation *run, const struct roster_row *row, uint64_t lacking, struct error *err)
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
static int spread_orphans(struct backup_operation *run, struct error *err)
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
static void count_targets(struct backup_operation *run)
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

static int check_quorum(const struct backup_operation *run, struct error *err)
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

static bool lies_anywhere(const struct backup_operation *run, const struct roster_row *row)
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
static void leave_out_segments(const struct backup_operation *run, struct roster *roster)
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

static bool names_any(const struct roster_row *rows, size_t count, const struct roster *of)
{
    for (size_t i = 0; i < count; i++)
        if (roster_has(of, rows[i].class, &rows[i].name))
            return true;
    return false;
}

int backup_check_condemned(struct backup_operation *run, int64_t *ret_listed_ns, struct error *err)
{
    CLEANUP(roster_free) struct roster lately = {0};
    CLEANUP(roster_free) struct roster late = {0};
    *ret_listed_ns = clock_machine_ns();
    if (chain_condemned_since(run->hikae, run->session.keyring, &run->session.chain, &lately, &late, err) != 0)
        return -1;
    run->outdated = names_any(run->outcome.roster.rows, run->outcome.roster.count, &late) ||
                    names_any(run->parts, run->part_count, &late);
    return !run->outdated ? 0
                          : error_set(err, ERROR_BUSY, "what this run builds on was condemned more than %d hours ago",
                                      (int)(CONDEMN_WAIT_NS / 2 / 3600 / NS_PER_S));
}

/* The machine's clock goes on while it sleeps: a record that comes too late must not be written. */
static int check_in_time(int64_t listed_ns, struct error *err)
{
    int64_t elapsed = clock_machine_ns() - listed_ns;
    if (elapsed >= 0 && elapsed < CONDEMN_WAIT_NS / 4)
        return 0;
    return error_set(err, ERROR_BUSY, "the commit took so long that what it builds on may have been deleted");
}

int backup_commit(struct backup_operation *run, struct hikae_backup_result *ret, struct error *err)
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
    if (backup_check_condemned(run, &listed_ns, err) != 0)
        return -1;
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    CLEANUP_FREE char *sources = NULL;
    if (backup_source_list(run, &sources, err) != 0)
        return -1;
    int64_t now = clock_now_ns();
    const struct hikae_backup_options *options = run->options;
    int64_t keep_until_ns = options->keep_until_ns != 0 ? options->keep_until_ns
                            : options->keep_ns > 0      ? now + options->keep_ns
                                                        : 0;
    struct history_snapshot snapshot = {.started_ns = run->started_ns,
                                        .finished_ns = now,
                                        .root = run->outcome.root,
                                        .leaf_mean = MANIFEST_LEAF_MEAN,
                                        .fan_out = MANIFEST_FAN_OUT,
                                        .errors = atomic_load(&run->counters.errors),
                                        .tag = (char *)(uintptr_t)run->options->tag,
                                        .keep_until_ns = keep_until_ns,
                                        .on_demand = options->on_demand || keep_until_ns != 0,
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
        ret->time_ns = record.time_ns;
        ret->snapshot = mem_strdup(hex_encode(record.name.bytes, 8, name));
        rc = ret->snapshot != NULL ? 0 : error_no_memory(err);
    }
    record_clear(&record);
    return rc;
}
