#include "pipeline/objects.h"

#include "base/hex.h"
#include "base/mem.h"
#include "base/names.h"

#include <stdio.h>

void objects_init(struct objects *objects, const struct id *tid, const struct keyring *keyring, struct index *index,
                  struct run_target *targets, size_t count, const struct cancel *cancel)
{
    *objects = (struct objects){.tid = *tid,
                                .keyring = keyring,
                                .index = index,
                                .targets = targets,
                                .count = count,
                                .cancel = cancel,
                                .repair = true};
    (void)pthread_mutex_init(&objects->repair_mutex, NULL);
}

void objects_destroy(struct objects *objects)
{
    (void)pthread_mutex_destroy(&objects->repair_mutex);
}

static void warn(struct objects *objects, const char *message)
{
    if (objects->warn != NULL)
        objects->warn(message, objects->warn_context);
}

int objects_list(struct objects *objects, struct error *err)
{
    size_t up = 0;
    for (size_t i = 0; i < objects->count; i++) {
        struct run_target *t = &objects->targets[i];
        if (t->target == NULL || t->excluded)
            continue;
        presence_clear(&t->present);
        t->up = presence_list(&t->present, t->target, &objects->tid, &t->why) == 0;
        up += t->up;
        if (!t->up) {
            char message[800];
            (void)snprintf(message, sizeof(message), "target %s is left out of this run: %s", t->name, t->why.what);
            warn(objects, message);
        }
        if (cancel_check(objects->cancel, err) != 0)
            return -1;
    }
    if (up > 0)
        return 0;
    if (objects->count == 0)
        return error_set(err, ERROR_CONFIG, "no target is configured");
    *err = objects->targets[0].why;
    return error_wrap(err, "no target answers; the first");
}

/* Of two failures to get the same object, the one that says more about the object. */
static int weight(const struct error *err)
{
    switch (err->class) {
    case ERROR_INTERRUPTED:
    case ERROR_NO_MEMORY:
    case ERROR_INTERNAL:
    case ERROR_KEYS:
        return 4;
    case ERROR_UNREACHABLE: /* it may be sound where nobody can look now */
    case ERROR_DENIED:
        return 3;
    case ERROR_DAMAGED:
        return 2;
    default:
        return 1;
    }
}

static bool is_final(const struct error *err)
{
    return weight(err) == 4;
}

/* *ret_older: it lay below something else. */
static int get_sound(struct objects *objects, struct run_target *t, const char *name, const struct hash *hash,
                     struct buf *out, bool *ret_older, struct error *err)
{
    size_t start = out->size;
    for (unsigned version = 0;; version++) {
        *ret_older = version > 0;
        out->size = start;
        int rc = version == 0 ? target_get(t->target, name, CONTAINER_OBJECT_MAX, out, err)
                              : target_get_version(t->target, name, version, CONTAINER_OBJECT_MAX, out, NULL);
        if (rc == 0) {
            struct hash found;
            atomic_fetch_add(&t->bytes_fetched, out->size - start);
            if (sha256(out->data + start, out->size - start, found.bytes, err) != 0)
                return -1;
            if (hash_equal(&found, hash))
                return 0;
            (void)error_set(err, ERROR_DAMAGED, "%s on %s does not match its name", name, t->name);
        } else if (version > 0 || (err->class != ERROR_NOT_FOUND && err->class != ERROR_DAMAGED)) {
            out->size = start;
            return -1; /* version > 0: err still says what was wrong with the current one */
        }
        if (!target_traits(t->target)->versions) {
            out->size = start;
            return -1;
        }
        if (cancel_check(objects->cancel, err) != 0)
            return -1;
    }
}

/* Put sound bytes back on a target that lost them. Never the reason for a failure: the reader has what it wanted. */
static void put_back(struct objects *objects, struct run_target *t, enum object_class class, const struct hash *hash,
                     const struct buf *object)
{
    char name[OBJECT_NAME_SIZE], message[512], text[ERROR_WHAT_SIZE + ERROR_CHAIN_SIZE + ERROR_HINT_SIZE];
    struct error err = {0};
    (void)name_object(&objects->tid, object_class_letter(class), hash, name);
    if (target_put(t->target, name, object->data, object->size, TARGET_PUT_REPAIR, &err) == 0) {
        atomic_fetch_add(&objects->repaired, 1);
        (void)snprintf(message, sizeof(message), "%s was damaged or missing on %s; mended from a sound copy", name,
                       t->name);
    } else {
        (void)snprintf(message, sizeof(message), "%s is damaged or missing on %s and could not be mended: %.200s", name,
                       t->name, error_format(&err, text, sizeof(text)));
    }
    warn(objects, message);
}

/* The order in which targets are asked: those that hold it by their listing, and have not failed, first. */
static size_t order_targets(struct objects *objects, enum object_class class, const struct hash *name, uint64_t size,
                            struct run_target **out)
{
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < objects->count; i++) {
            struct run_target *t = &objects->targets[i];
            bool first = presence_has(&t->present, class, name, size) && !atomic_load(&t->read_failed);
            if (t->up && first == (pass == 0))
                out[count++] = t;
        }
    return count;
}

enum { TARGETS_MAX = 64 };

int objects_get(struct objects *objects, enum object_class class, const struct hash *hash, uint64_t size,
                struct buf *out, struct error *err)
{
    char name[OBJECT_NAME_SIZE];
    (void)name_object(&objects->tid, object_class_letter(class), hash, name);
    struct run_target *order[TARGETS_MAX], *lost[TARGETS_MAX];
    size_t count = order_targets(objects, class, hash, size, order), lost_count = 0;
    struct error worst = {0};
    size_t start = out->size;
    for (size_t i = 0; i < count; i++) {
        struct error why = {0};
        bool older;
        if (get_sound(objects, order[i], name, hash, out, &older, &why) == 0) {
            if (older)
                lost[lost_count++] = order[i];
            struct buf object = {.data = out->data + start, .size = out->size - start};
            for (size_t j = 0; objects->repair && j < lost_count; j++)
                put_back(objects, lost[j], class, hash, &object);
            return 0;
        }
        if (why.class == ERROR_DAMAGED || why.class == ERROR_NOT_FOUND)
            lost[lost_count++] = order[i];
        else
            atomic_store(&order[i]->read_failed, true);
        if (worst.class == ERROR_NONE || weight(&why) > weight(&worst))
            worst = why;
        if (is_final(&why))
            break;
    }
    if (worst.class == ERROR_NONE)
        return error_set(err, ERROR_UNREACHABLE, "no target that holds %s can be reached", name);
    *err = worst;
    if (err->class == ERROR_NOT_FOUND) /* a reference to it exists: its absence is a loss, not a question */
        err->class = ERROR_DAMAGED;
    if (err->hint[0] == '\0' && err->class == ERROR_DAMAGED)
        (void)error_hint(err, "no reachable target has it sound; `hikae verify` names what it costs");
    return -1;
}

/* ---- Keeping the index in step with what lies on the targets ---- */

static bool is_present(struct objects *objects, enum object_class class, const struct hash *name)
{
    for (size_t i = 0; i < objects->count; i++)
        if (objects->targets[i].up && presence_has(&objects->targets[i].present, class, name, 0))
            return true;
    return false;
}

static bool is_known(struct objects *objects, const struct hash *pack)
{
    uint32_t number;
    return index_pack_number(objects->index, pack, &number);
}

struct sync {
    struct objects *objects;
    const struct roster *only;
    const struct roster *condemned;
};

static bool wanted(const struct hash *name, void *context)
{
    const struct sync *sync = context;
    return (sync->only == NULL || roster_has(sync->only, OBJECT_PACK, name)) &&
           (sync->condemned == NULL || !roster_has(sync->condemned, OBJECT_PACK, name)) &&
           is_present(sync->objects, OBJECT_PACK, name);
}

static int forget_lost_packs(struct sync *sync, struct error *err)
{
    struct index *index = sync->objects->index;
    uint32_t limit = index_pack_limit(index);
    for (uint32_t i = 0; i < limit; i++) {
        struct hash name;
        uint64_t size;
        if (!index_pack_name(index, i, &name, &size))
            continue;
        bool gone = !is_present(sync->objects, OBJECT_PACK, &name) ||
                    (sync->condemned != NULL && roster_has(sync->condemned, OBJECT_PACK, &name));
        if (gone && index_drop_pack(index, &name, err) != 0)
            return -1;
    }
    return 0;
}

/* Is there a listed pack that the index does not know? */
static bool lacks_packs(struct sync *sync)
{
    for (size_t i = 0; i < sync->objects->count; i++) {
        const struct run_target *t = &sync->objects->targets[i];
        for (size_t j = 0; t->up && j < t->present.listed.count; j++) {
            const struct roster_row *row = &t->present.listed.rows[j];
            if (row->class == OBJECT_PACK && !is_known(sync->objects, &row->name) && wanted(&row->name, sync))
                return true;
        }
    }
    return false;
}

int objects_segment(struct objects *objects, const struct hash *name, uint64_t size, struct buf *body,
                    struct segment *ret, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    struct error why = {0};
    struct container_header header;
    struct bytes clear;
    if (objects_get(objects, OBJECT_SEGMENT, name, size, &object, &why) != 0) {
        if (is_final(&why)) {
            *err = why;
            return -1;
        }
        return 0;
    }
    if (container_clear(object.data, object.size, &header, &clear, &why) != 0)
        return 0;
    const struct secret *key = keyring_find(objects->keyring, &header.key_id);
    if (key == NULL || !id_equal(&header.tid, &objects->tid) ||
        container_open_body(CONTAINER_SEGMENT, object.data, object.size, key, CONTAINER_OBJECT_MAX, body, &clear,
                            &why) != 0)
        return 0;
    return segment_parse(body->data, body->size, ret, &why) == 0;
}

static int add_segment(struct sync *sync, const struct roster_row *row, struct error *err)
{
    struct objects *objects = sync->objects;
    CLEANUP(buf_free) struct buf body = {0};
    struct segment segment;
    int rc = objects_segment(objects, &row->name, row->size, &body, &segment, err);
    if (rc <= 0)
        return rc;
    rc = index_add_segment(objects->index, &segment, wanted, sync, err);
    struct hash *names = mem_calloc(segment.pack_count, sizeof(*names));
    if (names == NULL && rc == 0)
        rc = error_no_memory(err);
    for (uint32_t i = 0; rc == 0 && i < segment.pack_count; i++)
        names[i] = segment.packs[i].name;
    if (rc == 0)
        rc = index_note_segment(objects->index, &row->name, row->size, names, segment.pack_count, err);
    mem_free(names);
    segment_clear(&segment);
    return rc;
}

/* With `all` each that is listed and wanted, else those that the index has never heard of. */
static int add_segments(struct sync *sync, bool all, struct error *err)
{
    for (size_t i = 0; i < sync->objects->count; i++) {
        const struct run_target *t = &sync->objects->targets[i];
        for (size_t j = 0; t->up && j < t->present.listed.count; j++) {
            const struct roster_row *row = &t->present.listed.rows[j];
            if (row->class != OBJECT_SEGMENT ||
                (sync->condemned != NULL && roster_has(sync->condemned, OBJECT_SEGMENT, &row->name)) ||
                (sync->only != NULL && !roster_has(sync->only, OBJECT_SEGMENT, &row->name)))
                continue;
            /* The same segment lies on the other targets too. */
            bool seen = false;
            for (size_t k = 0; k < i && !seen; k++)
                seen = sync->objects->targets[k].up &&
                       presence_has(&sync->objects->targets[k].present, OBJECT_SEGMENT, &row->name, 0);
            if (!seen && (all || !index_knows_segment(sync->objects->index, &row->name)) &&
                add_segment(sync, row, err) != 0)
                return -1;
            if (cancel_check(sync->objects->cancel, err) != 0)
                return -1;
        }
    }
    return 0;
}

enum { TAIL_GUESS = 64 << 10 };

/* Read the directory of a pack from one target: header first, then as much of the tail as is needed. */
static int read_directory(struct objects *objects, struct run_target *t, const char *name, uint64_t size,
                          struct pack_info *info, struct container_directory *directory, struct error *err)
{
    CLEANUP(buf_free) struct buf head = {0};
    CLEANUP(buf_free) struct buf tail = {0};
    struct container_header header;
    if (size < CONTAINER_HEADER_SIZE + CONTAINER_TRAILER_SEALED || size > CONTAINER_OBJECT_MAX)
        return error_set(err, ERROR_DAMAGED, "%s on %s has an impossible size", name, t->name);
    if (target_get_range(t->target, name, 0, CONTAINER_HEADER_SIZE, &head, err) != 0 ||
        container_header_parse(head.data, &header, err) != 0)
        return -1;
    if (!id_equal(&header.tid, &objects->tid) || header.kind > CONTAINER_PACK_MIXED || header.clear_size != 0)
        return error_set(err, ERROR_DAMAGED, "%s on %s is no pack of this tenant", name, t->name);
    const struct secret *key = keyring_find(objects->keyring, &header.key_id);
    if (key == NULL)
        return error_set(err, ERROR_KEYS, "no key for %s", name);
    struct container_opener *opener = NULL;
    if (container_opener_new(head.data, NULL, 0, key, &opener, err) != 0)
        return -1;
    size_t want = size < TAIL_GUESS ? (size_t)size : TAIL_GUESS;
    int rc;
    for (;;) {
        size_t missing = 0;
        tail.size = 0;
        rc = target_get_range(t->target, name, size - want, want, &tail, err);
        if (rc == 0)
            rc = container_directory_read(opener, 0, size, tail.data, tail.size, directory, &missing, err);
        atomic_fetch_add(&t->bytes_fetched, want);
        if (rc != 0 || missing == 0)
            break;
        want = missing;
    }
    container_opener_free(opener);
    if (rc != 0)
        return -1;
    info->size = size;
    memcpy(info->header, head.data, CONTAINER_HEADER_SIZE);
    info->blocks = directory->blocks;
    info->block_count = directory->block_count;
    return 0;
}

static int add_pack(struct sync *sync, const struct roster_row *row, struct error *err)
{
    struct objects *objects = sync->objects;
    char name[OBJECT_NAME_SIZE], message[800], text[600];
    (void)name_object(&objects->tid, 'p', &row->name, name);
    struct run_target *order[TARGETS_MAX];
    size_t count = order_targets(objects, OBJECT_PACK, &row->name, 0, order);
    struct error why = {0};
    for (size_t i = 0; i < count; i++) {
        if (!presence_has(&order[i]->present, OBJECT_PACK, &row->name, 0))
            continue;
        struct pack_info info = {.name = row->name};
        struct container_directory directory = {0};
        if (read_directory(objects, order[i], name, row->size, &info, &directory, &why) == 0) {
            uint32_t number;
            int rc = index_add_pack(objects->index, &info, directory.blobs, directory.blob_count, &number, err);
            container_directory_free(&directory);
            return rc;
        }
        container_directory_free(&directory);
        if (is_final(&why) && why.class != ERROR_KEYS) {
            *err = why;
            return -1;
        }
    }
    (void)snprintf(message, sizeof(message), "%s is not used: %.500s", name, error_format(&why, text, sizeof(text)));
    warn(objects, message);
    return 0;
}

static int add_packs(struct sync *sync, struct error *err)
{
    for (size_t i = 0; i < sync->objects->count; i++) {
        const struct run_target *t = &sync->objects->targets[i];
        for (size_t j = 0; t->up && j < t->present.listed.count; j++) {
            const struct roster_row *row = &t->present.listed.rows[j];
            if (row->class == OBJECT_PACK && !is_known(sync->objects, &row->name) && wanted(&row->name, sync) &&
                add_pack(sync, row, err) != 0)
                return -1;
            if (cancel_check(sync->objects->cancel, err) != 0)
                return -1;
        }
    }
    return 0;
}

/*
 * Packs that are needed and that no listing shows: on a target that keeps versions, a sound one may lie below a delete
 * marker. It is put on top again, and counts as being there even if it may not be put.
 */
static int unearth_packs(struct sync *sync, struct error *err)
{
    struct objects *objects = sync->objects;
    CLEANUP(roster_free) struct roster found = {0};
    struct run_target *keeper = NULL;
    for (size_t i = 0; i < objects->count && keeper == NULL; i++)
        if (objects->targets[i].up && target_traits(objects->targets[i].target)->versions)
            keeper = &objects->targets[i];
    for (size_t i = 0; keeper != NULL && i < sync->only->count; i++) {
        const struct roster_row *row = &sync->only->rows[i];
        CLEANUP(buf_free) struct buf object = {0};
        struct error why = {0};
        if (row->class != OBJECT_PACK || is_present(objects, OBJECT_PACK, &row->name))
            continue;
        if (objects_get(objects, OBJECT_PACK, &row->name, row->size, &object, &why) == 0) {
            if (roster_add(&found, OBJECT_PACK, &row->name, row->size, err) != 0)
                return -1;
        } else if (is_final(&why)) {
            *err = why;
            return -1;
        }
    }
    for (size_t i = 0; i < found.count; i++)
        if (roster_add(&keeper->present.listed, OBJECT_PACK, &found.rows[i].name, found.rows[i].size, err) != 0)
            return -1;
    if (found.count > 0)
        roster_sort(&keeper->present.listed);
    return 0;
}

int objects_sync_index(struct objects *objects, const struct roster *only, const struct roster *condemned,
                       struct error *err)
{
    struct sync sync = {objects, only, condemned};
    if (only != NULL && objects->repair && unearth_packs(&sync, err) != 0)
        return error_wrap(err, "look for packs that no listing shows");
    if (forget_lost_packs(&sync, err) != 0)
        return error_wrap(err, "bring the index up to date");
    /* New segments of packs that are known, too: the collector merges them, and what they supersede goes away. */
    bool lacks = lacks_packs(&sync);
    if (add_segments(&sync, lacks, err) != 0 || (lacks && add_packs(&sync, err) != 0))
        return error_wrap(err, "bring the index up to date");
    return 0;
}
