/* A log as its objects are found on the targets: leaves in their places, heads above them, and what does not fit. */
#include "audit/leaf.h"
#include "audit/log.h"
#include "audit/tree.h"
#include "base/mem.h"

#include <stdio.h>

enum { ENTRIES_TEXT_SIZE = 64 };

/* A log on its way in. */
struct reading {
    const struct audit_store *store;
    struct audit_log *log;
    struct audit_findings *findings;
    const struct audit_visitor *visitor; /* or NULL */
    uint64_t capacity; /* leaves that there is room for: one more than the last that any name speaks of */
    uint64_t checked;  /* entries that were looked at, and shown, already */
    struct {
        struct audit_checkpoint checkpoint;
        char *note;
    } * checkpoints;
    size_t checkpoint_count;
};

/* ---- Objects ---- */

/* Read one object from each place that holds it; *out has it from the first that is sound, and is empty if none is. */
static int read_everywhere(const struct reading *reading, const struct audit_object *object, struct buf *out,
                           struct error *err)
{
    const struct audit_store *store = reading->store;
    CLEANUP(buf_free) struct buf bytes = {0};
    struct error why = {0};
    out->size = 0;
    for (size_t i = 0; i < store->place_count; i++) {
        if ((object->places >> i & 1) == 0)
            continue;
        if (cancel_check(store->cancel, err) != 0)
            return -1;
        if (audit_object_get(store, i, &object->name, &bytes, &why) == 0) {
            if (out->size == 0 && buf_append(out, bytes.data, bytes.size, err) != 0)
                return -1;
            continue;
        }
        if (audit_is_fatal(&why)) {
            *err = why;
            return -1;
        }
        if (audit_find(reading->findings, why.class == ERROR_DAMAGED ? AUDIT_CHANGED : AUDIT_UNKNOWN, &object->name.log,
                       store->places[i].name, err, "%s", why.what) != 0)
            return -1;
    }
    return 0;
}

static int read_object(const struct reading *reading, const struct audit_object *object, struct buf *out,
                       struct error *err)
{
    struct error why = {0};
    if (reading->findings != NULL)
        return read_everywhere(reading, object, out, err);
    if (audit_object_find(reading->store, object, out, &why) == 0)
        return 0;
    out->size = 0;
    if (audit_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    audit_warn(reading->store, "an object of the audit log cannot be read: %s", why.what);
    return 0;
}

/* ---- Segments ---- */

/* Put one leaf in its place. A later revision of the same leaf replaces an earlier one. */
static int place_leaf(struct reading *reading, uint64_t number, const struct audit_segment *segment, uint32_t i,
                      bool *forked, struct error *err)
{
    struct audit_read_leaf *leaf = &reading->log->leaves[number];
    const struct audit_leaf *from = &segment->leaves[i];
    if (leaf->known && !hash_equal(&leaf->hash, &from->hash)) {
        *forked = true;
        return 0;
    }
    if (leaf->known && leaf->revision >= segment->revision)
        return 0;
    leaf->known = true;
    leaf->hash = from->hash;
    leaf->revision = segment->revision;
    leaf->data.size = 0;
    return from->data.size > 0 ? buf_append(&leaf->data, from->data.data, from->data.size, err) : 0;
}

/* "entry 11", "entries 11 to 12". */
static const char *entries_text(uint64_t first, uint64_t count, char out[ENTRIES_TEXT_SIZE])
{
    if (count == 1)
        (void)snprintf(out, ENTRIES_TEXT_SIZE, "entry %llu", (unsigned long long)first);
    else
        (void)snprintf(out, ENTRIES_TEXT_SIZE, "entries %llu to %llu", (unsigned long long)first,
                       (unsigned long long)(first + count - 1));
    return out;
}

/* The name of the only place that holds an object; NULL: there are several. */
static const char *only_place(const struct audit_store *store, const struct audit_object *object)
{
    for (size_t i = 0; i < store->place_count; i++)
        if (object->places == UINT64_C(1) << i)
            return store->places[i].name;
    return NULL;
}

static int place_segment(struct reading *reading, const struct audit_object *object,
                         const struct audit_segment *segment, struct error *err)
{
    const struct audit_name *name = &object->name;
    char named[ENTRIES_TEXT_SIZE], held[ENTRIES_TEXT_SIZE], path[OBJECT_NAME_SIZE];
    bool forked = false;
    if (!id_equal(&segment->log, &name->log) || segment->first != name->first || segment->count != name->size)
        return audit_find(reading->findings, AUDIT_REORDERED, &name->log, NULL, err,
                          "the segment named as that of %s holds %s, perhaps of another log",
                          entries_text(name->first, name->size, named),
                          entries_text(segment->first, segment->count, held));
    for (uint32_t i = 0; i < segment->count; i++)
        if (place_leaf(reading, segment->first + i, segment, i, &forked, err) != 0)
            return -1;
    if (!forked)
        return 0;
    return audit_find(reading->findings, AUDIT_FORKED, &name->log, only_place(reading->store, object), err,
                      "there are two versions of %s; one is %s", entries_text(segment->first, segment->count, held),
                      audit_name_format(name, path));
}

static int take_segment(struct reading *reading, const struct audit_object *object, struct error *err)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    struct audit_segment segment CLEANUP(audit_segment_clear) = {0};
    struct error why = {0};
    char named[ENTRIES_TEXT_SIZE];
    if (read_object(reading, object, &bytes, err) != 0)
        return -1;
    if (bytes.size == 0)
        return 0;
    if (audit_segment_parse(bytes.data, bytes.size, reading->store->keyring, &segment, &why) == 0)
        return place_segment(reading, object, &segment, err);
    if (audit_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    return audit_find(reading->findings, why.class == ERROR_DAMAGED ? AUDIT_CHANGED : AUDIT_UNKNOWN, &object->name.log,
                      NULL, err, "the segment of %s cannot be used: %s",
                      entries_text(object->name.first, object->name.size, named), why.what);
}

/* Leaves without a gap are the log; what lies behind a gap is told, and left out. */
static int close_gaps(struct reading *reading, struct error *err)
{
    struct audit_log *log = reading->log;
    while (log->size < reading->capacity && log->leaves[log->size].known)
        log->size++;
    for (uint64_t i = log->size; i < reading->capacity;) {
        uint64_t start = i;
        char missing[ENTRIES_TEXT_SIZE];
        while (i < reading->capacity && log->leaves[i].known == log->leaves[start].known) {
            buf_free(&log->leaves[i].data);
            i++;
        }
        if (!log->leaves[start].known && i < reading->capacity &&
            audit_find(reading->findings, AUDIT_REMOVED, &log->log, NULL, err, "%s %s missing",
                       entries_text(start, i - start, missing), i - start == 1 ? "is" : "are") != 0)
            return -1;
    }
    log->hashes = mem_calloc(log->size + 1, sizeof(*log->hashes));
    if (log->hashes == NULL)
        return error_no_memory(err);
    for (uint64_t i = 0; i < log->size; i++)
        log->hashes[i] = log->leaves[i].hash;
    return 0;
}

/* Segments of which a later revision is here. */
static int note_superseded(struct reading *reading, const struct audit_name *name, uint32_t revision, struct error *err)
{
    struct audit_log *log = reading->log;
    if (name->first >= log->size || log->leaves[name->first].revision <= revision)
        return 0;
    struct audit_name *grown = mem_realloc(log->superseded, (log->superseded_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    log->superseded = grown;
    grown[log->superseded_count++] = *name;
    return 0;
}

/* What an entry says of its own place; then it goes to whoever wants to see it. */
static int check_entry(const struct reading *reading, uint64_t number, struct error *err)
{
    const struct audit_log *log = reading->log;
    const struct buf *data = &log->leaves[number].data;
    struct audit_entry entry CLEANUP(audit_entry_clear) = {0};
    struct error why = {0};
    int rc = audit_leaf_parse(data->data, data->size, &entry, &why);
    if (rc != 0 && audit_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    if (rc != 0)
        return audit_find(reading->findings, AUDIT_CHANGED, &log->log, NULL, err, "entry %llu: %s",
                          (unsigned long long)number, why.what);
    if ((entry.sequence != number || !id_equal(&entry.log, &log->log)) &&
        audit_find(reading->findings, AUDIT_REORDERED, &log->log, NULL, err,
                   "entry %llu says that it is entry %llu, or of another log", (unsigned long long)number,
                   (unsigned long long)entry.sequence) != 0)
        return -1;
    return reading->visitor != NULL ? reading->visitor->visit(&log->log, &entry, reading->visitor->context, err) : 0;
}

/*
 * Entries before `until`, as far as no leaf is missing: no object that is still to come holds them. Whoever wants to
 * see them sees them now, so that a log of many years needs no memory for what was said in it.
 */
static int check_entries(struct reading *reading, uint64_t until, struct error *err)
{
    struct audit_log *log = reading->log;
    for (; reading->checked < until && log->leaves[reading->checked].known; reading->checked++) {
        uint64_t i = reading->checked;
        if (log->leaves[i].data.size > 0) {
            if (check_entry(reading, i, err) != 0 || cancel_check(reading->store->cancel, err) != 0)
                return -1;
            if (reading->visitor != NULL)
                buf_free(&log->leaves[i].data);
            continue;
        }
        log->expired++;
        if (log->leaves[i].revision == 0 &&
            audit_find(reading->findings, AUDIT_CHANGED, &log->log, NULL, err,
                       "entry %llu is gone from a segment that was never rewritten", (unsigned long long)i) != 0)
            return -1;
    }
    return 0;
}

/* ---- Checkpoints ---- */

static int take_checkpoint(struct reading *reading, const struct audit_object *object, struct error *err)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    struct audit_checkpoint checkpoint;
    struct error why = {0};
    if (read_object(reading, object, &bytes, err) != 0)
        return -1;
    if (bytes.size == 0)
        return 0;
    int rc = audit_checkpoint_check((const char *)bytes.data, bytes.size, &reading->store->store,
                                    reading->store->public_key, &checkpoint, &why);
    if (rc != 0 && audit_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    if (rc != 0)
        return audit_find(reading->findings, AUDIT_CHANGED, &object->name.log, NULL, err,
                          "the checkpoint of size %llu: %s", (unsigned long long)object->name.size, why.what);
    if (checkpoint.size != object->name.size || !id_equal(&checkpoint.log, &object->name.log))
        return audit_find(reading->findings, AUDIT_REORDERED, &object->name.log, NULL, err,
                          "the checkpoint named %llu is one of size %llu, perhaps of another log",
                          (unsigned long long)object->name.size, (unsigned long long)checkpoint.size);
    size_t count = reading->checkpoint_count;
    void *grown = mem_realloc(reading->checkpoints, (count + 1) * sizeof(*reading->checkpoints));
    if (grown == NULL)
        return error_no_memory(err);
    reading->checkpoints = grown;
    reading->checkpoints[count].checkpoint = checkpoint;
    reading->checkpoints[count].note = mem_printf("%.*s", (int)bytes.size, (const char *)bytes.data);
    if (reading->checkpoints[count].note == NULL)
        return error_no_memory(err);
    reading->checkpoint_count++;
    return 0;
}

/* Signed heads that the leaves do not lead to: a long log has many, of which one finding is enough. */
struct bad_heads {
    size_t other;         /* with another root */
    uint64_t other_first; /* the smallest of them: up to the one before it, all is one log */
    size_t beyond;        /* of more entries than follow each other */
};

/* One signed head against the leaves: the largest that fits is the log's. */
static int take_head(struct reading *reading, size_t i, const struct hash *root, struct bad_heads *bad,
                     struct error *err)
{
    struct audit_log *log = reading->log;
    const struct audit_checkpoint *checkpoint = &reading->checkpoints[i].checkpoint;
    if (!hash_equal(root, &checkpoint->root)) {
        bad->other_first = bad->other++ == 0 ? checkpoint->size : bad->other_first;
        return 0;
    }
    if (checkpoint->size < log->head.size)
        return 0;
    char *note = mem_strdup(reading->checkpoints[i].note);
    if (note == NULL)
        return error_no_memory(err);
    mem_free(log->head_note);
    log->head_note = note;
    log->head = *checkpoint;
    return 0;
}

static int tell_bad_heads(struct reading *reading, const struct bad_heads *bad, struct error *err)
{
    const struct audit_log *log = reading->log;
    if (bad->other > 0 &&
        audit_find(reading->findings, AUDIT_FORKED, &log->log, NULL, err,
                   "the first %llu entries do not lead to the root that was signed for them (%zu such checkpoint%s)",
                   (unsigned long long)bad->other_first, bad->other, bad->other == 1 ? "" : "s") != 0)
        return -1;
    if (bad->beyond == 0)
        return 0;
    return audit_find(reading->findings, AUDIT_TRUNCATED, &log->log, NULL, err,
                      "%zu signed checkpoint%s up to %llu entries, but only %llu follow each other", bad->beyond,
                      bad->beyond == 1 ? " goes" : "s go",
                      (unsigned long long)reading->checkpoints[reading->checkpoint_count - 1].checkpoint.size,
                      (unsigned long long)log->size);
}

/* Checkpoints stand in order of their sizes: one way through the leaves gives all their roots. */
static int check_roots(struct reading *reading, struct error *err)
{
    struct audit_log *log = reading->log;
    struct tree_frontier frontier = {0};
    struct bad_heads bad = {0};
    struct hash root;
    for (size_t i = 0; i < reading->checkpoint_count; i++) {
        uint64_t size = reading->checkpoints[i].checkpoint.size;
        while (frontier.size < size && frontier.size < log->size)
            if (tree_frontier_add(&frontier, &log->hashes[frontier.size], err) != 0)
                return -1;
        if (frontier.size != size)
            bad.beyond++;
        else if (tree_frontier_root(&frontier, &root, err) != 0 || take_head(reading, i, &root, &bad, err) != 0)
            return -1;
    }
    while (frontier.size < log->size)
        if (tree_frontier_add(&frontier, &log->hashes[frontier.size], err) != 0)
            return -1;
    return tree_frontier_root(&frontier, &log->root, err) == 0 ? tell_bad_heads(reading, &bad, err) : -1;
}

/* ---- Places ---- */

/* Segments are stored before their checkpoint: a place that has the one and lacks the other has lost it. */
static int check_place(struct reading *reading, const struct audit_object *items, size_t count, size_t place,
                       struct error *err)
{
    const char *name = reading->store->places[place].name;
    uint64_t covered = 0, head = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        const struct audit_name *object = &items[i].name;
        bool here = (items[i].places >> place & 1) != 0;
        if (object->kind == AUDIT_OBJECT_CHECKPOINT) {
            head = here && object->size > head ? object->size : head;
            most = object->size > most ? object->size : most;
        } else if (here && object->first <= covered && object->first + object->size > covered) {
            covered = object->first + object->size;
        }
    }
    if (covered < head)
        return audit_find(reading->findings, AUDIT_REMOVED, &reading->log->log, name, err,
                          "it has a checkpoint of %llu entries, but lacks entry %llu", (unsigned long long)head,
                          (unsigned long long)covered);
    if (head < most)
        return audit_find(reading->findings, AUDIT_BEHIND, &reading->log->log, name, err,
                          "it ends at %llu entries, others at %llu: the next upload brings them",
                          (unsigned long long)head, (unsigned long long)most);
    return 0;
}

/* ---- All of it ---- */

static int make_room(struct reading *reading, const struct audit_object *items, size_t count, struct error *err)
{
    /* A name may claim any number: an object counts only if it continues what others begin. */
    uint64_t end = 0, slack = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i].name.kind == AUDIT_OBJECT_SEGMENT)
            slack += items[i].name.size;
    /* Gaps that together are as long as all segments have room; what lies further off is told when it is read. */
    for (size_t i = 0; i < count; i++) {
        const struct audit_name *name = &items[i].name;
        uint64_t gap = name->first > end ? name->first - end : 0;
        if (name->kind != AUDIT_OBJECT_SEGMENT || gap > slack || name->first + name->size <= end)
            continue;
        slack -= gap;
        end = name->first + name->size;
    }
    reading->capacity = end;
    reading->log->leaves = mem_calloc(end + 1, sizeof(*reading->log->leaves));
    return reading->log->leaves != NULL ? 0 : error_no_memory(err);
}

/* Objects come in the order of their first leaves: then entries can be shown, and let go, on the way. */
static bool streams(const struct reading *reading)
{
    return reading->visitor != NULL && reading->store->keyring != NULL;
}

static int read_all(struct reading *reading, const struct audit_object *items, size_t count, struct error *err)
{
    if (make_room(reading, items, count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct audit_name *name = &items[i].name;
        int rc = 0;
        if (name->kind == AUDIT_OBJECT_SEGMENT && streams(reading) &&
            check_entries(reading, name->first < reading->capacity ? name->first : reading->capacity, err) != 0)
            return -1;
        if (name->kind == AUDIT_OBJECT_CHECKPOINT)
            rc = take_checkpoint(reading, &items[i], err);
        else if (name->first + name->size <= reading->capacity)
            rc = take_segment(reading, &items[i], err);
        else
            rc = audit_find(reading->findings, AUDIT_REMOVED, &name->log, NULL, err,
                            "a segment begins at entry %llu, far behind all others", (unsigned long long)name->first);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int note_all_superseded(struct reading *reading, const struct audit_object *items, size_t count,
                               struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_free) struct buf bytes = {0};
        struct audit_segment segment CLEANUP(audit_segment_clear) = {0};
        const struct audit_name *name = &items[i].name;
        if (name->kind != AUDIT_OBJECT_SEGMENT || name->first >= reading->log->size ||
            reading->log->leaves[name->first].revision == 0)
            continue;
        if (audit_object_find(reading->store, &items[i], &bytes, NULL) != 0 ||
            audit_segment_parse(bytes.data, bytes.size, NULL, &segment, NULL) != 0)
            continue;
        if (note_superseded(reading, name, segment.revision, err) != 0)
            return -1;
    }
    return 0;
}

int audit_log_read(const struct audit_store *store, const struct audit_objects *objects, size_t first, size_t end,
                   const struct audit_visitor *visitor, struct audit_log *ret, struct audit_findings *findings,
                   struct error *err)
{
    const struct audit_object *items = &objects->items[first];
    size_t count = end - first;
    *ret = (struct audit_log){.log = items[0].name.log};
    struct reading reading = {.store = store, .log = ret, .findings = findings, .visitor = visitor};
    int rc = read_all(&reading, items, count, err);
    if (rc == 0)
        rc = close_gaps(&reading, err);
    if (rc == 0 && store->keyring != NULL)
        rc = check_entries(&reading, ret->size, err);
    if (rc == 0)
        rc = check_roots(&reading, err);
    if (rc == 0)
        rc = note_all_superseded(&reading, items, count, err);
    for (size_t i = 0; rc == 0 && findings != NULL && i < store->place_count; i++)
        if (!store->places[i].failed)
            rc = check_place(&reading, items, count, i, err);
    for (size_t i = 0; i < reading.checkpoint_count; i++)
        mem_free(reading.checkpoints[i].note);
    mem_free(reading.checkpoints);
    if (rc != 0) {
        ret->size = reading.capacity; /* whatever was put in its place by then */
        audit_log_clear(ret);
    }
    return rc;
}
