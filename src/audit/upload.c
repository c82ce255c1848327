#include "audit/upload.h"

#include "audit/checkpoint.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>

enum { UPLOAD_FILE_MAX = AUDIT_SEGMENT_MAX + (1 << 20), BATCH_BYTES = 16 << 20 };

int (*audit_upload_step)(const char *step);

static int step(const char *name, struct error *err)
{
    if (audit_upload_step == NULL || audit_upload_step(name) == 0)
        return 0;
    return error_set(err, ERROR_INTERRUPTED, "stopped after %s", name);
}

/* A segment and its checkpoint on their way, and the tree when they are stored. */
struct upload {
    struct audit_journal *journal;
    const struct audit_store *store;
    struct audit_uploaded *ret;
    struct audit_tree tree; /* now; afterwards when `ready` */
    struct buf segment;
    struct audit_name segment_name;
    struct buf checkpoint;
    struct audit_name checkpoint_name;
    bool ready;
    bool more; /* other entries may wait behind it */
    struct audit_objects objects;
};

static void upload_clear(struct upload *upload)
{
    audit_tree_clear(&upload->tree);
    buf_free(&upload->segment);
    buf_free(&upload->checkpoint);
    audit_objects_free(&upload->objects);
}

/* ---- Making a segment of what waits ---- */

struct batch {
    const struct audit_tree *tree;
    struct buf leaves; /* one behind the other */
    size_t sizes[AUDIT_SEGMENT_LEAVES];
    uint32_t count;
    uint64_t next; /* number of the entry after the last one taken */
    bool full;
};

static int take_entry(uint64_t number, const struct bytes *text, void *context, struct error *err)
{
    struct batch *batch = context;
    CLEANUP_JSON json_t *entry = NULL;
    batch->full = batch->full || batch->count == AUDIT_SEGMENT_LEAVES || batch->leaves.size > BATCH_BYTES;
    if (batch->full)
        return 0;
    if (json_parse(text->data, text->size, &entry, err) != 0)
        return -1;
    if (!json_is_object(entry))
        return error_set(err, ERROR_DAMAGED, "an entry of the audit journal is no JSON");
    size_t before = batch->leaves.size;
    if (audit_leaf_write(entry, &batch->tree->log, batch->tree->frontier.size + batch->count, &batch->leaves, err) != 0)
        return -1;
    batch->sizes[batch->count++] = batch->leaves.size - before;
    batch->next = number + 1;
    return 0;
}

/* Point the segment's leaves at the batch, and add their hashes to the tree. */
static int grow(const struct batch *batch, struct audit_segment *segment, struct tree_frontier *frontier,
                struct error *err)
{
    const uint8_t *data = batch->leaves.data;
    segment->leaves = mem_calloc(batch->count, sizeof(*segment->leaves));
    if (segment->leaves == NULL)
        return error_no_memory(err);
    segment->count = batch->count;
    for (uint32_t i = 0; i < batch->count; data += batch->sizes[i], i++) {
        struct audit_leaf *leaf = &segment->leaves[i];
        leaf->data = (struct bytes){data, batch->sizes[i]};
        if (tree_leaf_hash(data, batch->sizes[i], &leaf->hash, err) != 0 ||
            tree_frontier_add(frontier, &leaf->hash, err) != 0)
            return -1;
    }
    return 0;
}

static int name_of(enum audit_object_kind kind, const struct id *log, uint64_t first, uint64_t size,
                   const struct buf *object, struct audit_name *ret, struct error *err)
{
    *ret = (struct audit_name){.kind = kind, .log = *log, .first = first, .size = size};
    return sha256(object->data, object->size, ret->hash.bytes, err);
}

/* Sign the tree as it is now. */
static int make_checkpoint(struct upload *upload, struct error *err)
{
    struct audit_tree *tree = &upload->tree;
    struct audit_checkpoint checkpoint = {.log = tree->log, .size = tree->frontier.size, .time_ns = clock_now_ns()};
    char *note;
    if (tree_frontier_root(&tree->frontier, &checkpoint.root, err) != 0 ||
        audit_checkpoint_sign(&checkpoint, &upload->store->store, upload->store->signing, &note, err) != 0)
        return -1;
    mem_free(tree->checkpoint);
    tree->checkpoint = note;
    return buf_append(&upload->checkpoint, note, strlen(note), err);
}

static int make_objects(struct upload *upload, const struct batch *batch, struct error *err)
{
    struct audit_tree *tree = &upload->tree;
    struct audit_segment segment CLEANUP(audit_segment_clear) = {.log = tree->log, .first = tree->frontier.size};
    struct hash hash;
    if (grow(batch, &segment, &tree->frontier, err) != 0 ||
        audit_segment_seal(&segment, upload->store->keyring, &upload->segment, &hash, err) != 0 ||
        make_checkpoint(upload, err) != 0)
        return -1;
    tree->done = batch->next;
    upload->ready = true;
    upload->more = batch->full;
    return 0;
}

/* ---- The file of what is on its way ---- */

/* SHA-256 of the rest, number of the next entry (u64), then segment and checkpoint as strings. */
static int save(struct upload *upload, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(upload->journal, "upload");
    CLEANUP(buf_free) struct buf rest = {0};
    CLEANUP(buf_free) struct buf all = {0};
    uint8_t hash[HASH_SIZE];
    if (path == NULL)
        return error_no_memory(err);
    if (buf_u64(&rest, upload->tree.done, err) != 0 ||
        buf_string(&rest, upload->segment.data, upload->segment.size, err) != 0 ||
        buf_string(&rest, upload->checkpoint.data, upload->checkpoint.size, err) != 0 ||
        sha256(rest.data, rest.size, hash, err) != 0 || buf_append(&all, hash, sizeof(hash), err) != 0 ||
        buf_append(&all, rest.data, rest.size, err) != 0)
        return -1;
    return file_write_atomic(path, all.data, all.size, 0600, err);
}

static int drop_file(const struct upload *upload, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(upload->journal, "upload");
    if (path == NULL)
        return error_no_memory(err);
    return unlink(path) == 0 || errno == ENOENT ? 0 : error_set_errno(err, ERROR_LOCAL, errno, "remove %s", path);
}

/* Take the leaves of a saved segment into the tree, if it continues it. */
static int adopt(struct upload *upload, uint64_t done, struct error *err)
{
    struct audit_tree *tree = &upload->tree;
    struct audit_segment segment CLEANUP(audit_segment_clear) = {0};
    if (audit_segment_parse(upload->segment.data, upload->segment.size, NULL, &segment, err) != 0)
        return -1;
    /* What was stored wholly before the crash, or belongs to a log that was given up, is over. */
    if (!id_equal(&segment.log, &tree->log) || segment.first != tree->frontier.size || done <= tree->done)
        return 0;
    for (uint32_t i = 0; i < segment.count; i++)
        if (tree_frontier_add(&tree->frontier, &segment.leaves[i].hash, err) != 0)
            return -1;
    mem_free(tree->checkpoint);
    tree->checkpoint = mem_printf("%.*s", (int)upload->checkpoint.size, (const char *)upload->checkpoint.data);
    tree->done = done;
    upload->ready = upload->more = true;
    return tree->checkpoint != NULL ? 0 : error_no_memory(err);
}

/* Its entries wait in the journal still; if it was stored somewhere, the log is forked, and another one begun. */
static int refuse_file(const char *path, struct error *err)
{
    (void)error_set(err, ERROR_DAMAGED, "%s is not what hikae writes", path);
    return error_hint(err, "move it away, then run again: no entry is lost by that");
}

/* What a crash left on its way. */
static int load(struct upload *upload, struct error *err)
{
    CLEANUP_FREE char *path = audit_journal_path(upload->journal, "upload");
    CLEANUP(buf_free) struct buf all = {0};
    struct error why = {0};
    uint8_t hash[HASH_SIZE];
    if (path == NULL)
        return error_no_memory(err);
    if (file_read(path, UPLOAD_FILE_MAX, &all, &why) != 0) {
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    struct cursor c = cursor_of(all.data, all.size);
    const uint8_t *given = cursor_bytes(&c, HASH_SIZE);
    if (given == NULL || sha256(c.p, c.left, hash, err) != 0 || memcmp(hash, given, HASH_SIZE) != 0)
        return refuse_file(path, err);
    uint64_t done = cursor_u64(&c);
    size_t segment_size, checkpoint_size;
    const uint8_t *segment = cursor_string(&c, AUDIT_SEGMENT_MAX, &segment_size);
    const uint8_t *checkpoint = cursor_string(&c, AUDIT_CHECKPOINT_MAX, &checkpoint_size);
    if (!cursor_done(&c))
        return refuse_file(path, err);
    if (buf_append(&upload->segment, segment, segment_size, err) != 0 ||
        buf_append(&upload->checkpoint, checkpoint, checkpoint_size, err) != 0 || adopt(upload, done, err) != 0)
        return -1;
    if (upload->ready)
        return 0;
    upload->segment.size = upload->checkpoint.size = 0;
    return drop_file(upload, err);
}

/* The tree as it is, and the next segment: one that was on its way, or a new one; or none if nothing waits. */
static int prepare(struct upload *upload, struct error *err)
{
    if (audit_journal_tree(upload->journal, &upload->tree, err) != 0 || load(upload, err) != 0)
        return -1;
    uint64_t first = upload->tree.frontier.size;
    if (!upload->ready) {
        struct batch *batch CLEANUP_FREE = mem_calloc(1, sizeof(*batch));
        if (batch == NULL)
            return error_no_memory(err);
        batch->tree = &upload->tree;
        int rc = audit_journal_each(upload->journal, take_entry, batch, err);
        if (rc == 0 && batch->count > 0)
            rc = make_objects(upload, batch, err) != 0 || save(upload, err) != 0 ? -1 : 0;
        buf_free(&batch->leaves);
        if (rc != 0 || !upload->ready)
            return rc;
    } else {
        struct audit_segment segment CLEANUP(audit_segment_clear) = {0};
        if (audit_segment_parse(upload->segment.data, upload->segment.size, NULL, &segment, err) != 0)
            return -1;
        first = segment.first;
    }
    const struct id *log = &upload->tree.log;
    uint64_t size = upload->tree.frontier.size;
    if (name_of(AUDIT_OBJECT_SEGMENT, log, first, size - first, &upload->segment, &upload->segment_name, err) != 0)
        return -1;
    return name_of(AUDIT_OBJECT_CHECKPOINT, log, 0, size, &upload->checkpoint, &upload->checkpoint_name, err);
}

/* ---- Does somebody else write this log? ---- */

static bool is_own(const struct upload *upload, const struct audit_name *name)
{
    return upload->ready && (hash_equal(&name->hash, &upload->segment_name.hash) ||
                             hash_equal(&name->hash, &upload->checkpoint_name.hash));
}

/* An object that only someone with the store's keys can have made. Junk under such a name proves nothing. */
static int is_genuine(const struct upload *upload, const struct audit_object *object, bool *ret, struct error *err)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    struct audit_segment segment CLEANUP(audit_segment_clear) = {0};
    struct audit_checkpoint checkpoint;
    struct error why = {0};
    int rc = audit_object_find(upload->store, object, &bytes, &why);
    if (rc == 0 && object->name.kind == AUDIT_OBJECT_CHECKPOINT)
        rc = audit_checkpoint_check((const char *)bytes.data, bytes.size, &upload->store->store,
                                    upload->store->public_key, &checkpoint, &why);
    else if (rc == 0)
        rc = audit_segment_parse(bytes.data, bytes.size, upload->store->keyring, &segment, &why);
    *ret = rc == 0;
    if (rc == 0 || (why.class != ERROR_NO_MEMORY && why.class != ERROR_INTERNAL))
        return 0;
    *err = why;
    return -1;
}

static int look_for_fork(struct upload *upload, uint64_t known, struct error *err)
{
    for (size_t i = 0; i < upload->objects.count; i++) {
        const struct audit_object *object = &upload->objects.items[i];
        uint64_t end = object->name.first + object->name.size;
        bool genuine;
        if (end <= known || end <= upload->ret->found_size || is_own(upload, &object->name))
            continue;
        if (is_genuine(upload, object, &genuine, err) != 0)
            return -1;
        if (genuine) {
            upload->ret->forked = true;
            upload->ret->found_size = end;
        }
    }
    return 0;
}

/* Leave the old log to whoever goes on with it, and begin another. What waits will be its first entries. */
static int begin_another(struct upload *upload, struct error *err)
{
    struct audit_tree old, next = {.targets = json_object()};
    if (next.targets == NULL)
        return error_no_memory(err);
    int rc = audit_journal_lock(upload->journal, err);
    if (rc == 0)
        rc = audit_journal_tree(upload->journal, &old, err);
    if (rc == 0) {
        upload->ret->old_log = next.previous = old.log;
        upload->ret->old_size = next.previous_size = old.frontier.size;
        next.done = old.done;
        audit_tree_clear(&old);
        rc = crypto_random(next.log.bytes, ID_SIZE, err);
    }
    if (rc == 0)
        rc = audit_journal_set_tree(upload->journal, &next, err);
    audit_journal_unlock(upload->journal);
    audit_tree_clear(&next);
    return rc == 0 ? drop_file(upload, err) : -1;
}

/* ---- Storing ---- */

/* Put an object on the places of *mask; those that took it stay in it. */
static int put_everywhere(const struct upload *upload, const struct audit_name *name, const struct buf *object,
                          uint64_t *mask, struct error *err)
{
    const struct audit_store *store = upload->store;
    size_t stored = 0;
    struct error why = {0};
    (void)error_set(&why, ERROR_UNREACHABLE, "too few targets are up to date");
    for (size_t i = 0; i < store->place_count; i++) {
        if ((*mask >> i & 1) == 0)
            continue;
        if (audit_object_put(store, i, name, object, &why) == 0) {
            stored++;
            continue;
        }
        *mask &= ~(UINT64_C(1) << i);
        audit_warn(store, "the audit log is not on %s: %s", store->places[i].name, why.what);
    }
    if (stored >= store->min_copies)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the audit log is on %zu targets, %zu are needed; last: %.300s", stored,
                    store->min_copies, why.what);
    return error_hint(err, "its entries wait here and are uploaded the next time: nothing is lost");
}

/* Remember up to where each target has said that it has everything: what it shows less of later, it has lost. */
static int note_places(struct upload *upload, uint64_t complete, struct error *err)
{
    for (size_t i = 0; i < upload->store->place_count; i++)
        if ((complete >> i & 1) != 0 && json_object_set_new(upload->tree.targets, upload->store->places[i].name,
                                                            json_integer((json_int_t)upload->tree.frontier.size)) != 0)
            return error_no_memory(err);
    return 0;
}

static int finish(struct upload *upload, uint64_t complete, struct error *err)
{
    if (note_places(upload, complete, err) != 0 || audit_journal_lock(upload->journal, err) != 0)
        return -1;
    int rc = audit_journal_set_tree(upload->journal, &upload->tree, err);
    audit_journal_unlock(upload->journal);
    return rc;
}

static int put_new(struct upload *upload, uint64_t *complete, struct error *err)
{
    if (put_everywhere(upload, &upload->segment_name, &upload->segment, complete, err) != 0 ||
        step("segment", err) != 0 ||
        put_everywhere(upload, &upload->checkpoint_name, &upload->checkpoint, complete, err) != 0 ||
        step("checkpoint", err) != 0)
        return -1;
    audit_cache_put(upload->store, &upload->segment_name.hash, &upload->segment);
    audit_cache_put(upload->store, &upload->checkpoint_name.hash, &upload->checkpoint);
    upload->ret->entries += upload->segment_name.size;
    return 0;
}

static int store_all(struct upload *upload, struct error *err)
{
    uint64_t complete, copied, known = upload->tree.frontier.size - upload->segment_name.size;
    if (audit_objects_list(upload->store, &upload->tree.log, &upload->objects, err) != 0 ||
        look_for_fork(upload, known, err) != 0)
        return -1;
    if (upload->ret->forked)
        return begin_another(upload, err);
    if (audit_objects_catch_up(upload->store, &upload->objects, &complete, &copied, err) != 0)
        return -1;
    upload->ret->copied += copied;
    if (upload->ready && put_new(upload, &complete, err) != 0)
        return -1;
    if (finish(upload, complete, err) != 0 || step("tree", err) != 0)
        return -1;
    return drop_file(upload, err);
}

/* One segment; *ret_more: it may not have been all. */
static int upload_one(struct audit_journal *journal, const struct audit_store *store, struct audit_uploaded *ret,
                      bool *ret_more, struct error *err)
{
    struct upload upload = {.journal = journal, .store = store, .ret = ret};
    size_t interrupted = 0;
    int rc = audit_journal_lock(journal, err);
    if (rc == 0) {
        rc = audit_journal_recover(journal, &interrupted, err);
        if (rc == 0)
            rc = prepare(&upload, err);
        audit_journal_unlock(journal);
    }
    ret->interrupted += interrupted;
    *ret_more = upload.more;
    if (rc == 0 && upload.ready)
        rc = step("saved", err);
    if (rc == 0)
        rc = store_all(&upload, err);
    upload_clear(&upload);
    return rc;
}

int audit_upload(struct audit_journal *journal, const struct audit_store *store, struct audit_uploaded *ret,
                 struct error *err)
{
    bool mine, more = true;
    *ret = (struct audit_uploaded){0};
    if (audit_journal_upload_lock(journal, &mine, err) != 0)
        return -1;
    ret->busy = !mine;
    int rc = 0;
    while (mine && rc == 0 && more && !ret->forked)
        rc = upload_one(journal, store, ret, &more, err);
    audit_journal_upload_unlock(journal);
    return rc == 0 ? 0 : error_wrap(err, "store the audit log");
}
