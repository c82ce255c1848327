/*
 * Moving: what is needed of the packs that go is written into new ones; then every snapshot that named an old pack, or
 * a segment that was merged, gets a roster that names the new ones instead, whole, in a record. Only then are the old
 * ones condemned.
 */
#include "base/mem.h"
#include "base/names.h"
#include "crypto/crypto.h"
#include "ops/collect.h"
#include "pipeline/repack.h"

#include <stdlib.h>

/* ---- New packs ---- */

struct wanted {
    const uint32_t *rows; /* block, offset */
    size_t count;
};

static int compare_rows(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    if (x[0] != y[0])
        return x[0] < y[0] ? -1 : 1;
    return (x[1] > y[1]) - (x[1] < y[1]);
}

static bool is_wanted(uint32_t block, uint32_t offset, void *context)
{
    const struct wanted *wanted = context;
    const uint32_t key[2] = {block, offset};
    return wanted->count > 0 && bsearch(key, wanted->rows, wanted->count, sizeof(key), compare_rows) != NULL;
}

static int move_pack(struct collect *collect, struct repack *repack, const struct collect_object *object,
                     struct error *err)
{
    uint32_t number;
    CLEANUP_FREE uint32_t *rows = NULL;
    struct wanted wanted = {.rows = NULL};
    if (!index_pack_number(collect->session.index, &object->name, &number) || number >= collect->pack_count)
        return error_set(err, ERROR_INTERNAL, "a pack that was to be moved left the index");
    if (collect_places(collect, number, &rows, &wanted.count, err) != 0)
        return -1;
    wanted.rows = rows;
    if (repack_pack(repack, &object->name, object->size, is_wanted, &wanted, err) != 0) {
        char name[OBJECT_NAME_SIZE];
        return error_wrap(err, "move what is needed of %s",
                          name_object(&collect->session.tid, 'p', &object->name, name));
    }
    collect->ret->moved_bytes += object->live;
    return 0;
}

static bool is_moved_pack(const struct collect_object *object)
{
    return object->class == OBJECT_PACK && object->action == COLLECT_MOVE && object->live > 0;
}

static int move_packs(struct collect *collect, struct roster *made, struct error *err)
{
    const struct config *config = collect->hikae->config;
    CLEANUP_FREE char *spool = engine_tenant_path(collect->hikae, &collect->session.tid, "", err);
    struct repack_options options = {.objects = &collect->session.objects,
                                     .pack_size = (size_t)collect->rules.pack_size,
                                     .level = (int)config->compression,
                                     .verify_writes = config->verify_writes,
                                     .spool_folder = spool,
                                     .spool_limit = UINT64_C(4) << 30,
                                     .cancel = &collect->hikae->cancel};
    struct repack *repack;
    bool any = false;
    for (size_t i = 0; i < collect->state.count; i++)
        any |= is_moved_pack(&collect->state.objects[i]);
    if (spool == NULL)
        return -1;
    if (!any)
        return 0;
    if (repack_new(&options, &repack, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < collect->state.count; i++)
        if (is_moved_pack(&collect->state.objects[i]))
            rc = move_pack(collect, repack, &collect->state.objects[i], err);
    if (rc == 0)
        rc = repack_finish(repack, made, err);
    repack_free(repack);
    return rc;
}

/* ---- New rosters ---- */

struct mover {
    struct collect *collect;
    struct roster made;       /* new packs and their segments */
    struct roster merged;     /* segments that were made of others */
    struct hash *digests;     /* of each snapshot's new roster; by number in the history */
    bool *changed;            /* it has one */
    struct roster_row *parts; /* of the roster being written */
    size_t part_count;
    uint64_t counting; /* targets that hold all of it */
};

static bool goes(const struct collect *collect, enum object_class class, const struct hash *name)
{
    const struct collect_object *object = collect_find(&collect->state, class, name);
    return object != NULL && object->action == COLLECT_MOVE;
}

/* Packs that hold blobs for which this pack was named, although they are taken from there. */
static int add_stand_ins(const struct mover *mover, const struct hash *pack, struct roster *to, struct error *err)
{
    const struct collect *collect = mover->collect;
    uint32_t number;
    if (!index_pack_number(collect->session.index, pack, &number))
        return 0;
    for (size_t i = 0; i < collect->stand_in_count; i++) {
        struct hash name;
        uint64_t size;
        if (collect->stand_ins[i].from != number)
            continue;
        if (!index_pack_name(collect->session.index, collect->stand_ins[i].to, &name, &size))
            return error_set(err, ERROR_INTERNAL, "a pack that is needed left the index");
        if (goes(collect, OBJECT_PACK, &name) ? roster_append(to, &mover->made, err) != 0
                                              : roster_add(to, OBJECT_PACK, &name, size, err) != 0)
            return -1;
    }
    return 0;
}

/* The segments that tell of these packs. */
static int add_segments(const struct mover *mover, struct roster *to, struct error *err)
{
    struct index *index = mover->collect->session.index;
    size_t packs = to->count;
    for (size_t i = 0; i < packs; i++) {
        struct hash segment;
        uint64_t size;
        uint32_t number;
        if (to->rows[i].class != OBJECT_PACK || !index_pack_number(index, &to->rows[i].name, &number) ||
            !index_segment_of_pack(index, number, &segment, &size))
            continue;
        bool condemned = roster_has(&mover->collect->session.chain.condemned, OBJECT_SEGMENT, &segment);
        const struct collect_object *object = collect_find(&mover->collect->state, OBJECT_SEGMENT, &segment);
        bool there = object != NULL ? object->on != 0 && object->action != COLLECT_MOVE
                                    : roster_has(&mover->made, OBJECT_SEGMENT, &segment) ||
                                          roster_has(&mover->merged, OBJECT_SEGMENT, &segment);
        if (!condemned && there && roster_add(to, OBJECT_SEGMENT, &segment, size, err) != 0)
            return -1;
    }
    return 0;
}

/* What a snapshot needs from now on: *ret_changed false and *ret empty if that is what it needed before. */
static int new_roster(struct mover *mover, const struct history_snapshot *snapshot, struct roster *ret,
                      bool *ret_changed, struct error *err)
{
    CLEANUP(roster_free) struct roster old = {0};
    bool moved = false;
    *ret_changed = false;
    if (session_roster(&mover->collect->session, snapshot, false, &old, err) != 0)
        return -1;
    for (size_t i = 0; i < old.count; i++) {
        const struct roster_row *row = &old.rows[i];
        *ret_changed |= goes(mover->collect, row->class, &row->name);
        if (row->class != OBJECT_PACK)
            continue;
        const struct collect_object *object = collect_find(&mover->collect->state, OBJECT_PACK, &row->name);
        if (object == NULL || object->action != COLLECT_MOVE) {
            if (roster_add(ret, row->class, &row->name, row->size, err) != 0)
                return -1;
            continue;
        }
        moved |= object->live > 0;
        if (add_stand_ins(mover, &row->name, ret, err) != 0)
            return -1;
    }
    if (!*ret_changed) {
        roster_free(ret);
        return 0;
    }
    if (moved && roster_append(ret, &mover->made, err) != 0)
        return -1;
    roster_sort(ret);
    if (add_segments(mover, ret, err) != 0)
        return -1;
    roster_sort(ret);
    return 0;
}

static int digest(const struct roster *roster, struct hash *ret, struct error *err)
{
    struct sha256 *sha = sha256_new();
    int rc = sha != NULL ? sha256_start(sha, err) : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < roster->count; i++) {
        uint8_t class = (uint8_t)roster->rows[i].class;
        rc = sha256_update(sha, &class, 1, err) == 0 ? sha256_update(sha, roster->rows[i].name.bytes, HASH_SIZE, err)
                                                     : -1;
    }
    if (rc == 0)
        rc = sha256_finish(sha, ret->bytes, err);
    sha256_free(sha);
    return rc;
}

static int digest_all(struct mover *mover, struct error *err)
{
    const struct history *history = &mover->collect->session.chain.history;
    mover->digests = mem_calloc(history->snapshot_count, sizeof(*mover->digests));
    mover->changed = mem_calloc(history->snapshot_count, sizeof(*mover->changed));
    if (mover->digests == NULL || mover->changed == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < history->snapshot_count; i++) {
        CLEANUP(roster_free) struct roster roster = {0};
        if (history->snapshots[i].retired)
            continue;
        if (new_roster(mover, &history->snapshots[i], &roster, &mover->changed[i], err) != 0 ||
            digest(&roster, &mover->digests[i], err) != 0)
            return -1;
    }
    return 0;
}

/* ---- Writing them ---- */

static void count_targets(struct mover *mover, const struct roster *roster)
{
    mover->counting = 0;
    for (size_t i = 0; i < mover->collect->hikae->target_count; i++)
        if (session_holds(&mover->collect->session, i, roster, NULL))
            mover->counting |= UINT64_C(1) << i;
}

static int check_quorum(const struct mover *mover, struct error *err)
{
    unsigned need = mover->collect->hikae->config->min_copies, have = 0;
    for (uint64_t mask = mover->counting; mask != 0; mask &= mask - 1)
        have++;
    if (have >= need)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "%u of %u needed targets hold all that a snapshot would need", have, need);
    return error_hint(err, "`hikae replicate` first: what was written is used by the next collection");
}

int collect_put(struct collect *collect, const struct roster_row *row, const struct buf *object, uint64_t *targets,
                struct error *err)
{
    struct hikae *hikae = collect->hikae;
    CLEANUP(roster_free) struct roster one = {0};
    char name[OBJECT_NAME_SIZE];
    (void)name_object(&collect->session.tid, object_class_letter(row->class), &row->name, name);
    if (roster_add(&one, row->class, &row->name, row->size, err) != 0)
        return -1;
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct error why = {0};
        if ((*targets >> i & 1) == 0)
            continue;
        if (target_put(hikae->targets[i].target, name, object->data, object->size, TARGET_PUT_CREATE, &why) != 0) {
            *targets &= ~(UINT64_C(1) << i);
            engine_warn(hikae, "target %s falls behind: %s", hikae->targets[i].name, why.what);
        } else if (presence_add(&hikae->targets[i].present, &one, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int put_part(struct mover *mover, const struct buf *object, struct roster_row *part, struct error *err)
{
    part->class = OBJECT_ROSTER;
    part->size = object->size;
    return collect_put(mover->collect, part, object, &mover->counting, err);
}

static int put_parts(struct mover *mover, const struct roster *roster, struct error *err)
{
    CLEANUP_FREE size_t *ends = NULL;
    CLEANUP(buf_free) struct buf object = {0};
    size_t count = 0;
    mem_free(mover->parts);
    mover->parts = NULL;
    mover->part_count = 0;
    if (roster->count <= RECORD_ROSTER_INLINE_MAX)
        return 0;
    if (roster_cut(roster, &ends, &count, err) != 0)
        return -1;
    mover->parts = mem_calloc(count, sizeof(*mover->parts));
    if (mover->parts == NULL)
        return error_no_memory(err);
    for (size_t first = 0; mover->part_count < count; first = ends[mover->part_count++])
        if (roster_part_seal(roster, first, ends[mover->part_count], mover->collect->session.keyring, &object,
                             &mover->parts[mover->part_count].name, err) != 0 ||
            put_part(mover, &object, &mover->parts[mover->part_count], err) != 0)
            return -1;
    return 0;
}

/* What another collector condemned meanwhile is no ground to build on. */
static int check_condemned(const struct mover *mover, const struct roster *roster, struct error *err)
{
    const struct session *session = &mover->collect->session;
    CLEANUP(roster_free) struct roster lately = {0};
    CLEANUP(roster_free) struct roster late = {0};
    if (chain_condemned_since(mover->collect->hikae, session->keyring, &session->chain, &lately, &late, err) != 0)
        return -1;
    for (size_t i = 0; i < roster->count; i++)
        if (roster_has(&lately, roster->rows[i].class, &roster->rows[i].name) ||
            roster_has(&late, roster->rows[i].class, &roster->rows[i].name))
            return error_set(err, ERROR_BUSY, "another collection of this tenant is under way");
    return 0;
}

/* One record for all snapshots that have the same new roster as number `first`. */
static int write_roster(struct mover *mover, size_t first, struct error *err)
{
    struct collect *collect = mover->collect;
    const struct history *history = &collect->session.chain.history;
    CLEANUP(roster_free) struct roster roster = {0};
    CLEANUP(record_clear) struct record record = {.type = RECORD_ROSTER};
    bool changed;
    if (new_roster(mover, &history->snapshots[first], &roster, &changed, err) != 0)
        return -1;
    count_targets(mover, &roster);
    if (check_quorum(mover, err) != 0 || put_parts(mover, &roster, err) != 0 || check_quorum(mover, err) != 0 ||
        check_condemned(mover, &roster, err) != 0)
        return -1;
    record.body = mem_strdup("{\"v\":1}");
    record.snapshots = mem_calloc(history->snapshot_count, sizeof(*record.snapshots));
    if (record.body == NULL || record.snapshots == NULL)
        return error_no_memory(err);
    for (size_t i = first; i < history->snapshot_count; i++)
        if (mover->changed[i] && hash_equal(&mover->digests[i], &mover->digests[first])) {
            record.snapshots[record.snapshot_count++] = history->snapshots[i].record;
            mover->changed[i] = i == first; /* the others are done with it */
        }
    if (mover->part_count > 0) {
        record.parts = mover->parts;
        record.part_count = mover->part_count;
        mover->parts = NULL;
        mover->part_count = 0;
    } else {
        record.has_roster = true;
        record.roster = roster;
        roster = (struct roster){0};
    }
    if (chain_append(collect->hikae, collect->session.keyring, &collect->session.chain, &record, mover->counting,
                     collect->hikae->config->min_copies, err) != 0)
        return -1;
    collect_follow(collect, &record);
    return 0;
}

static int write_rosters(struct mover *mover, struct error *err)
{
    const struct history *history = &mover->collect->session.chain.history;
    if (digest_all(mover, err) != 0)
        return -1;
    for (size_t i = 0; i < history->snapshot_count; i++)
        if (mover->changed[i] &&
            (cancel_check(&mover->collect->hikae->cancel, err) != 0 || write_roster(mover, i, err) != 0))
            return -1;
    return 0;
}

int collect_move(struct collect *collect, struct error *err)
{
    struct mover mover = {.collect = collect};
    bool any = false;
    for (size_t i = 0; i < collect->state.count; i++)
        any |= collect->state.objects[i].action == COLLECT_MOVE;
    if (!any)
        return 0;
    int rc = move_packs(collect, &mover.made, err);
    if (rc == 0)
        rc = collect_merge(collect, &mover.merged, err);
    if (rc == 0)
        rc = write_rosters(&mover, err);
    roster_free(&mover.made);
    roster_free(&mover.merged);
    mem_free(mover.digests);
    mem_free(mover.changed);
    mem_free(mover.parts);
    return rc;
}
