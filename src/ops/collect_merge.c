/*
 * Segments: small ones are merged, as in an LSM tree, and what they say of packs that went is left out. A new segment
 * names those whose packs it took over; the new rosters name it instead of them, and they are condemned.
 */
#include "base/mem.h"
#include "base/names.h"
#include "ops/collect.h"

/* A merged segment is built in memory: 2^19 entries are 16 MiB, three times while it is sealed. */
enum { MERGED_ENTRIES = 1 << 19 };

/* ---- What each segment covers ---- */

static struct collect_object *segment_of(const struct collect *collect, uint32_t pack)
{
    struct hash name;
    uint64_t size;
    if (!index_segment_of_pack(collect->session.index, pack, &name, &size))
        return NULL;
    struct collect_object *object = collect_find(&collect->state, OBJECT_SEGMENT, &name);
    return object != NULL && object->on != 0 ? object : NULL;
}

/* Bytes of the rows that a pack has in a segment. */
static uint64_t rows_of(const struct pack_info *info)
{
    uint64_t size = SEGMENT_PACK_ROW + (uint64_t)info->block_count * CONTAINER_BLOCK_ROW;
    for (uint32_t i = 0; i < info->block_count; i++)
        size += (uint64_t)info->blocks[i].blob_count * SEGMENT_ENTRY_ROW;
    return size;
}

static int fill_segments(struct collect *collect, struct error *err)
{
    for (size_t i = 0; i < collect->state.count; i++)
        if (collect->state.objects[i].class == OBJECT_SEGMENT)
            collect->state.objects[i].live = 0;
    for (uint32_t i = 0; i < collect->pack_count; i++) {
        struct pack_info info = {.size = 0};
        struct collect_object *segment = collect->packs[i].named ? segment_of(collect, i) : NULL;
        if (segment == NULL)
            continue;
        if (index_pack(collect->session.index, i, &info, err) != 0)
            return -1;
        segment->live += rows_of(&info);
        pack_info_free(&info);
    }
    return 0;
}

/* A segment of which the index knows nothing: it came after its packs' directories had been read. */
static int learn_segment(struct collect *collect, const struct collect_object *object, struct error *err)
{
    CLEANUP(buf_free) struct buf body = {0};
    struct segment segment;
    uint32_t count = 0, number;
    int rc = objects_segment(&collect->session.objects, &object->name, object->size, &body, &segment, err);
    if (rc <= 0)
        return rc;
    struct hash *names = mem_calloc(segment.pack_count, sizeof(*names));
    for (uint32_t i = 0; names != NULL && i < segment.pack_count; i++)
        if (index_pack_number(collect->session.index, &segment.packs[i].name, &number) &&
            segment_of(collect, number) == NULL)
            names[count++] = segment.packs[i].name;
    if (names == NULL)
        rc = error_no_memory(err);
    else if (count > 0)
        rc = index_note_segment(collect->session.index, &object->name, object->size, names, count, err) == 0 ? 1 : -1;
    else
        rc = 0;
    mem_free(names);
    segment_clear(&segment);
    return rc;
}

int collect_cover(struct collect *collect, struct error *err)
{
    bool learned = false;
    if (fill_segments(collect, err) != 0)
        return -1;
    for (size_t i = 0; i < collect->state.count; i++) {
        const struct collect_object *object = &collect->state.objects[i];
        if (object->class != OBJECT_SEGMENT || !object->needed || object->live > 0 || object->on == 0)
            continue;
        int rc = learn_segment(collect, object, err);
        if (rc < 0 || cancel_check(&collect->hikae->cancel, err) != 0)
            return -1;
        learned |= rc > 0;
    }
    return learned ? fill_segments(collect, err) : 0;
}

/* ---- Merging ---- */

struct merge {
    struct collect *collect;
    struct roster *made;
    struct segment_builder *builder;
    bool *taken;           /* packs that stand in a new segment, by number in the index */
    struct buf packs;      /* names of those in the one being built */
    struct buf superseded; /* names of the segments that they come from */
};

/* A pack that stays: what goes, or moves, is left out. */
static bool is_wanted(const struct hash *name, void *context)
{
    const struct merge *merge = context;
    const struct collect_object *object = collect_find(&merge->collect->state, OBJECT_PACK, name);
    uint32_t number;
    return object != NULL && object->needed && object->action != COLLECT_MOVE &&
           index_pack_number(merge->collect->session.index, name, &number) && number < merge->collect->pack_count &&
           !merge->taken[number];
}

static int note_taken(struct merge *merge, const struct segment *segment, struct error *err)
{
    for (uint32_t i = 0; i < segment->pack_count; i++) {
        uint32_t number;
        const struct hash *name = &segment->packs[i].name;
        if (!is_wanted(name, merge))
            continue;
        if (buf_append(&merge->packs, name->bytes, HASH_SIZE, err) != 0)
            return -1;
        if (index_pack_number(merge->collect->session.index, name, &number))
            merge->taken[number] = true;
    }
    return 0;
}

/* Encode, read back what was encoded, seal. */
static int seal(struct merge *merge, struct buf *object, struct roster_row *row, struct error *err)
{
    CLEANUP(buf_free) struct buf body = {0};
    const struct keyring *keyring = merge->collect->session.keyring;
    struct container_key key = {.kind = CONTAINER_KEY_TENANT, .tid = merge->collect->session.tid};
    struct segment check;
    if (segment_builder_encode(merge->builder, (const struct hash *)(const void *)merge->superseded.data,
                               (uint32_t)(merge->superseded.size / HASH_SIZE), &body, err) != 0 ||
        segment_parse(body.data, body.size, &check, err) != 0)
        return -1;
    segment_clear(&check);
    if (keyring_newest(keyring, &key.key, &key.id, err) != 0 ||
        container_seal_body(CONTAINER_SEGMENT, &key, NULL, 0, body.data, body.size, object, &row->name, err) != 0)
        return -1;
    row->class = OBJECT_SEGMENT;
    row->size = object->size;
    return 0;
}

/* The index goes by a new segment only if rosters can: on too few targets it would stand in the way of each commit. */
static int store(struct merge *merge, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    struct collect *collect = merge->collect;
    struct roster_row row;
    uint64_t targets = engine_up_mask(collect->hikae);
    unsigned count = 0;
    if (seal(merge, &object, &row, err) != 0 || collect_put(collect, &row, &object, &targets, err) != 0)
        return -1;
    for (; targets != 0; targets &= targets - 1)
        count++;
    if (count < collect->hikae->config->min_copies)
        return error_set(err, ERROR_REFUSED, "%u of %u needed targets took a segment", count,
                         collect->hikae->config->min_copies);
    if (roster_add(merge->made, OBJECT_SEGMENT, &row.name, row.size, err) != 0)
        return -1;
    return index_note_segment(collect->session.index, &row.name, row.size,
                              (const struct hash *)(const void *)merge->packs.data,
                              (uint32_t)(merge->packs.size / HASH_SIZE), err);
}

/* Store what was gathered, as one segment. */
static int flush(struct merge *merge, struct error *err)
{
    if (merge->packs.size > 0 && store(merge, err) != 0)
        return error_wrap(err, "merge segments");
    merge->packs.size = 0;
    merge->superseded.size = 0;
    return 0;
}

static uint64_t entries_of(const struct segment *segment, struct merge *merge)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < segment->pack_count; i++)
        for (uint32_t j = 0; is_wanted(&segment->packs[i].name, merge) && j < segment->packs[i].block_count; j++)
            count += segment->packs[i].blocks[j].blob_count;
    return count;
}

/* One that cannot be read, or says what its packs do not, is left where it is. */
static int merge_segment(struct merge *merge, struct collect_object *object, struct error *err)
{
    CLEANUP(buf_free) struct buf body = {0};
    struct segment segment;
    struct error why = {0};
    int rc = objects_segment(&merge->collect->session.objects, &object->name, object->size, &body, &segment, err);
    if (rc <= 0) {
        object->action = rc == 0 ? COLLECT_KEEP : object->action;
        return rc;
    }
    rc = 0;
    if (segment_builder_entries(merge->builder) + entries_of(&segment, merge) > MERGED_ENTRIES)
        rc = flush(merge, err);
    if (rc == 0 && segment_builder_add_segment(merge->builder, &segment, is_wanted, merge, &why) != 0) {
        if (why.class == ERROR_DAMAGED)
            object->action = COLLECT_KEEP;
        else
            rc = -1;
        if (rc != 0)
            *err = why;
    } else if (rc == 0) {
        rc = note_taken(merge, &segment, err) == 0 ? buf_append(&merge->superseded, object->name.bytes, HASH_SIZE, err)
                                                   : -1;
    }
    segment_clear(&segment);
    return rc;
}

int collect_merge(struct collect *collect, struct roster *made, struct error *err)
{
    struct merge merge = {.collect = collect,
                          .made = made,
                          .builder = segment_builder_new(),
                          .taken = mem_calloc(collect->pack_count, sizeof(bool))};
    int rc = merge.builder != NULL && merge.taken != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < collect->state.count; i++) {
        struct collect_object *object = &collect->state.objects[i];
        if (object->class != OBJECT_SEGMENT || object->action != COLLECT_MOVE || object->live == 0)
            continue;
        rc = cancel_check(&collect->hikae->cancel, err);
        if (rc == 0)
            rc = merge_segment(&merge, object, err);
    }
    if (rc == 0)
        rc = flush(&merge, err);
    segment_builder_free(merge.builder);
    mem_free(merge.taken);
    buf_free(&merge.packs);
    buf_free(&merge.superseded);
    return rc;
}
