/* Building a manifest: leaves are cut by the names of entries, inner nodes by those of children (FORMAT.md §5). */
#include "base/mem.h"
#include "crypto/crypto.h"
#include "repo/manifest_internal.h"

/* An inner node that is being filled. */
struct node_writer {
    struct buf children; /* encoded */
    struct buf first;    /* key of the first child: the node's own, which its parent tells */
    struct buf key;      /* key of the last child  */
    uint64_t depth;      /* of the gap in front of the first child */
    uint32_t count;
    uint64_t entries;
    uint64_t bytes;
};

/* What a node says about a child. */
struct child {
    struct bytes key;
    uint64_t depth; /* of the gap in front of it */
    uint64_t entries;
    uint64_t bytes;
    struct blob_id id;
    struct blob_id times; /* at level 1 */
};

/* A child that waits until it is known where the node ends. */
struct waiting_child {
    struct child child;
    struct buf key;
};

/* One level of nodes. All-zero until its first child comes. */
struct level {
    struct manifest_cutter cutter;
    struct waiting_child *waiting; /* by number modulo the cutter's lag */
    struct node_writer node;
    bool more_than_one; /* a node was sealed */
};

struct manifest_builder {
    blob_sink *sink;
    void *context;
    struct hmac *cut;
    uint32_t leaf_mean;
    uint32_t fan_out;
    bool failed;
    struct manifest_place place; /* of the last entry that came */
    struct manifest_cutter cutter;
    struct entry **waiting; /* entries until it is known where the leaf ends, by number modulo the cutter's lag */
    struct manifest_leaf_writer leaf;
    uint64_t leaf_depth;   /* of the gap in front of its first entry */
    struct xattr *spilled; /* room for the xattrs of an entry that has too many bytes of them */
    struct buf blob;
    struct buf input;                            /* of a keyed hash */
    struct level levels[MANIFEST_DEPTH_MAX + 1]; /* 0 is not used */
};

static void free_level(struct level *level)
{
    size_t lag = level->waiting != NULL ? manifest_cutter_lag(&level->cutter) : 0;
    for (size_t i = 0; i < lag; i++)
        buf_free(&level->waiting[i].key);
    mem_free(level->waiting);
    manifest_cutter_release(&level->cutter);
    buf_free(&level->node.children);
    buf_free(&level->node.first);
    buf_free(&level->node.key);
}

int manifest_builder_new(const struct keyring *keyring, unsigned leaf_mean, unsigned fan_out, blob_sink *sink,
                         void *context, struct manifest_builder **ret, struct error *err)
{
    if (leaf_mean > MANIFEST_MEAN_MAX || fan_out > MANIFEST_MEAN_MAX || fan_out == 1)
        return error_set(err, ERROR_INTERNAL, "a manifest of leaf mean %u and fan-out %u cannot be built", leaf_mean,
                         fan_out);
    uint8_t key[KEY_SIZE];
    if (keyring_derive(keyring, "hikae1 manifest cut", key, sizeof(key), err) != 0)
        return -1;
    struct manifest_builder *builder = mem_calloc(1, sizeof(*builder));
    struct hmac *cut = hmac_new(key, sizeof(key));
    mem_wipe(key, sizeof(key));
    if (builder == NULL || cut == NULL) {
        mem_free(builder);
        hmac_free(cut);
        return error_no_memory(err);
    }
    builder->sink = sink;
    builder->context = context;
    builder->cut = cut;
    builder->leaf_mean = leaf_mean > 0 ? leaf_mean : MANIFEST_LEAF_MEAN;
    builder->fan_out = fan_out > 0 ? fan_out : MANIFEST_FAN_OUT;
    if (manifest_cutter_init(&builder->cutter, builder->leaf_mean, err) != 0) {
        manifest_builder_free(builder);
        return -1;
    }
    builder->waiting = mem_calloc(manifest_cutter_lag(&builder->cutter), sizeof(*builder->waiting));
    if (builder->waiting == NULL) {
        manifest_builder_free(builder);
        return error_no_memory(err);
    }
    *ret = builder;
    return 0;
}

void manifest_builder_free(struct manifest_builder *builder)
{
    if (builder == NULL)
        return;
    for (size_t i = 0; i <= MANIFEST_DEPTH_MAX; i++)
        free_level(&builder->levels[i]);
    size_t lag = builder->waiting != NULL ? manifest_cutter_lag(&builder->cutter) : 0;
    for (size_t i = 0; i < lag; i++)
        entry_free(builder->waiting[i]);
    mem_free(builder->waiting);
    manifest_cutter_release(&builder->cutter);
    manifest_place_release(&builder->place);
    manifest_leaf_writer_release(&builder->leaf);
    buf_free(&builder->blob);
    buf_free(&builder->input);
    mem_free(builder->spilled);
    hmac_free(builder->cut);
    mem_free(builder);
}

/*
 * Nodes are narrow because a change writes one of each level again. High above, where only the largest trees reach,
 * they are wide: the format has MANIFEST_DEPTH_MAX levels, whatever the folders look like that cut the lower ones.
 */
enum { NARROW_LEVELS = 9, WIDE_TIMES = 8 };

static uint32_t fan_out_at(const struct manifest_builder *builder, unsigned level)
{
    uint32_t wide = builder->fan_out * WIDE_TIMES;
    return level <= NARROW_LEVELS ? builder->fan_out : wide < MANIFEST_MEAN_MAX ? wide : MANIFEST_MEAN_MAX;
}

/* ---- Inner nodes ---- */

/* Where in `dir` the names begin that it does not share with `last`, a folder before it in the order. */
static size_t parting(const struct bytes *last, const struct bytes *dir)
{
    size_t same = entry_common_prefix(last, dir);
    if (same == 0)
        return 0;
    if (same == last->size && dir->data[same] == '/')
        return same + 1;
    const uint8_t *slash = memrchr(dir->data, '/', same);
    return slash != NULL ? (size_t)(slash - dir->data) + 1 : 0;
}

/* The depth of the folder that two folders, one after the other in the order, are both below. */
static uint64_t depth_between(const struct bytes *last, const struct bytes *dir)
{
    if (bytes_equal(last, dir))
        return MANIFEST_SAME_FOLDER;
    size_t at = parting(last, dir);
    return at > 0 ? entry_components(dir->data, at) - 1 : 0;
}

/*
 * The rank of the gap in front of an entry (level 0), or child: by its name, so that what is moved is cut as before;
 * where a folder begins, by the folder's too, because the first names of many folders are the same.
 */
static int rank_of(struct manifest_builder *builder, unsigned level, uint64_t depth, const struct bytes *dir,
                   const struct bytes *name, uint32_t *ret, struct error *err)
{
    struct buf *input = &builder->input;
    uint8_t mac[SHA256_SIZE], prefix = (uint8_t)level;
    struct bytes above, own = {0};
    if (depth != MANIFEST_SAME_FOLDER)
        entry_path_split(dir, &above, &own);
    input->size = 0;
    if ((own.size > 0 && (buf_append(input, own.data, own.size, err) != 0 || buf_u8(input, '/', err) != 0)) ||
        buf_append(input, name->data, name->size, err) != 0 ||
        hmac_sha256(builder->cut, &prefix, 1, input->data, input->size, mac, err) != 0)
        return -1;
    *ret = get_u32(mac);
    return 0;
}

/* A child's key, told by the way from the key of the child before: nothing above the folder they share is named. */
static uint8_t *store_key(uint8_t *p, const struct bytes *last, const struct bytes *key)
{
    struct bytes last_dir, last_name, dir, name;
    entry_path_split(last, &last_dir, &last_name);
    entry_path_split(key, &dir, &name);
    if (bytes_equal(&last_dir, &dir))
        return store_string(store_varint(p, 0), &name);
    size_t at = parting(&last_dir, &dir);
    uint64_t drops = at < last_dir.size ? entry_components(last_dir.data + at, last_dir.size - at) : 0;
    struct bytes push = {dir.data + at, dir.size - at};
    return store_string(store_string(store_varint(p, 1 + drops), &push), &name);
}

static int node_add(struct node_writer *node, unsigned level, const struct child *child, struct error *err)
{
    struct bytes last = bytes_of_buf(&node->key);
    if (buf_reserve(&node->children, 5 * VARINT_SIZE_MAX + child->key.size + 2 * BLOB_ID_SIZE, err) != 0)
        return -1;
    uint8_t *p = node->children.data + node->children.size;
    if (node->count > 0)
        p = store_key(p, &last, &child->key);
    p = store_varint(store_varint(p, child->entries), child->bytes);
    p = store_bytes(p, child->id.bytes, BLOB_ID_SIZE);
    if (level == 1)
        p = store_bytes(p, child->times.bytes, BLOB_ID_SIZE);
    node->children.size = (size_t)(p - node->children.data);

    if (node->count == 0 && buf_assign(&node->first, child->key.data, child->key.size, err) != 0)
        return -1;
    if (buf_assign(&node->key, child->key.data, child->key.size, err) != 0)
        return -1;
    if (node->count == 0)
        node->depth = child->depth;
    node->count++;
    node->entries += child->entries;
    node->bytes += child->bytes; /* fits: so do those of all entries together */
    return 0;
}

static int node_store(struct manifest_builder *builder, unsigned level, struct blob_id *ret, struct error *err)
{
    const struct node_writer *node = &builder->levels[level].node;
    struct buf *blob = &builder->blob;
    blob->size = 0;
    if (buf_u8(blob, (uint8_t)level, err) != 0 || buf_varint(blob, node->count, err) != 0 ||
        buf_append(blob, node->children.data, node->children.size, err) != 0)
        return -1;
    return builder->sink(BLOB_INNER, blob->data, blob->size, ret, builder->context, err);
}

static int add_child(struct manifest_builder *builder, unsigned number, const struct child *child, struct error *err);

/* Seal the node at a level: it is a child of the level above. */
static int end_node(struct manifest_builder *builder, unsigned number, struct error *err)
{
    struct level *level = &builder->levels[number];
    struct node_writer *node = &level->node;
    struct child child = {
        .key = bytes_of_buf(&node->first), .depth = node->depth, .entries = node->entries, .bytes = node->bytes};
    if (node_store(builder, number, &child.id, err) != 0 || add_child(builder, number + 1, &child, err) != 0)
        return -1;
    level->more_than_one = true;
    node->children.size = 0;
    node->count = 0;
    node->entries = 0;
    node->bytes = 0;
    return 0;
}

/* Must the node end, wherever that is? Not with one child: the tree narrows. */
static bool node_is_full(const struct manifest_builder *builder, unsigned number)
{
    const struct node_writer *node = &builder->levels[number].node;
    return node->count >= 8 * fan_out_at(builder, number) ||
           (node->count >= 2 && node->children.size >= MANIFEST_SOFT_SIZE);
}

/* Put the children into nodes of which it is known where nodes end; `at_end`: all of them. */
static int place_children(struct manifest_builder *builder, unsigned number, bool at_end, struct error *err)
{
    struct level *level = &builder->levels[number];
    for (;;) {
        uint64_t next = level->cutter.next;
        uint64_t depth; /* the child's own */
        bool cut;
        if (!manifest_cutter_next(&level->cutter, at_end, &cut, &depth))
            return 0;
        struct waiting_child *waiting = &level->waiting[next % manifest_cutter_lag(&level->cutter)];
        waiting->child.key = bytes_of_buf(&waiting->key);
        if (((cut || node_is_full(builder, number)) && end_node(builder, number, err) != 0) ||
            node_add(&level->node, number, &waiting->child, err) != 0)
            return -1;
    }
}

static int begin_level(struct manifest_builder *builder, unsigned number, struct error *err)
{
    struct level *level = &builder->levels[number];
    if (manifest_cutter_init(&level->cutter, fan_out_at(builder, number), err) != 0)
        return -1;
    level->waiting = mem_calloc(manifest_cutter_lag(&level->cutter), sizeof(*level->waiting));
    return level->waiting != NULL ? 0 : error_no_memory(err);
}

/* Add a child at a level. Its key is copied. */
static int add_child(struct manifest_builder *builder, unsigned number, const struct child *child, struct error *err)
{
    if (number > MANIFEST_DEPTH_MAX)
        return error_set(err, ERROR_INTERNAL, "a manifest needs more than %d levels", MANIFEST_DEPTH_MAX);
    struct level *level = &builder->levels[number];
    if (level->waiting == NULL && begin_level(builder, number, err) != 0)
        return -1;
    struct bytes dir, name;
    uint32_t rank;
    entry_path_split(&child->key, &dir, &name);
    struct waiting_child *waiting = &level->waiting[level->cutter.pushed % manifest_cutter_lag(&level->cutter)];
    waiting->child = *child;
    if (buf_assign(&waiting->key, child->key.data, child->key.size, err) != 0 ||
        rank_of(builder, number, child->depth, &dir, &name, &rank, err) != 0)
        return -1;
    manifest_cutter_push(&level->cutter, child->depth, rank);
    return place_children(builder, number, false, err);
}

/* ---- Leaves ---- */

static int end_leaf(struct manifest_builder *builder, struct error *err)
{
    struct manifest_leaf_writer *leaf = &builder->leaf;
    struct child child = {
        .key = bytes_of_buf(&leaf->key), .depth = builder->leaf_depth, .entries = leaf->count, .bytes = leaf->bytes};
    if (manifest_leaf_seal(leaf, err) != 0 ||
        builder->sink(BLOB_NAMES, leaf->blob.data, leaf->blob.size, &child.id, builder->context, err) != 0 ||
        builder->sink(BLOB_TIMES, leaf->times.data, leaf->times.size, &child.times, builder->context, err) != 0 ||
        add_child(builder, 1, &child, err) != 0)
        return -1;
    manifest_leaf_reset(leaf);
    return 0;
}

static bool must_spill(const struct entry *entry)
{
    size_t size = 0;
    for (size_t i = 0; i < entry->xattr_count; i++)
        size += entry->xattrs[i].in_blob ? 0 : entry->xattrs[i].value.size;
    return size > MANIFEST_XATTR_SPILL_SIZE;
}

/* Thousands of short values would not fit into one leaf: they become blobs, as long values do. */
static int spill_xattrs(struct manifest_builder *builder, const struct entry *entry, struct error *err)
{
    if (builder->spilled == NULL)
        builder->spilled = mem_calloc(ENTRY_XATTR_COUNT_MAX, sizeof(*builder->spilled));
    if (builder->spilled == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        struct xattr *x = &builder->spilled[i];
        *x = entry->xattrs[i];
        if (x->in_blob || x->value.size == 0 || x->value.size > ENTRY_XATTR_INLINE_MAX)
            continue;
        x->in_blob = true;
        x->blob_size = (uint32_t)x->value.size;
        if (builder->sink(BLOB_XATTR, x->value.data, x->value.size, &x->blob, builder->context, err) != 0)
            return -1;
    }
    return 0;
}

static int add_entry(struct manifest_builder *builder, const struct entry *entry, struct error *err)
{
    if (entry->xattr_count == 0 || !must_spill(entry))
        return manifest_leaf_add(&builder->leaf, entry, err);
    if (spill_xattrs(builder, entry, err) != 0)
        return -1;
    struct entry changed = *entry;
    changed.xattrs = builder->spilled;
    return manifest_leaf_add(&builder->leaf, &changed, err);
}

static bool leaf_is_full(const struct manifest_builder *builder)
{
    return builder->leaf.count >= 8 * builder->leaf_mean || manifest_leaf_size(&builder->leaf) >= MANIFEST_SOFT_SIZE;
}

/* Put the entries into leaves of which it is known where leaves end; `at_end`: all of them. */
static int place_entries(struct manifest_builder *builder, bool at_end, struct error *err)
{
    for (;;) {
        uint64_t next = builder->cutter.next;
        uint64_t depth;
        bool cut;
        if (!manifest_cutter_next(&builder->cutter, at_end, &cut, &depth))
            return 0;
        struct entry **slot = &builder->waiting[next % manifest_cutter_lag(&builder->cutter)];
        if ((cut || leaf_is_full(builder)) && end_leaf(builder, err) != 0)
            return -1;
        if (builder->leaf.count == 0)
            builder->leaf_depth = depth;
        int rc = add_entry(builder, *slot, err);
        entry_free(*slot);
        *slot = NULL;
        if (rc != 0)
            return -1;
    }
}

int manifest_builder_add(struct manifest_builder *builder, const struct entry *entry, struct error *err)
{
    if (builder->failed)
        return error_set(err, ERROR_INTERNAL, "a manifest was added to after it had failed or was finished");
    struct bytes last_dir = bytes_of_buf(&builder->place.dir);
    uint64_t depth = builder->place.any ? depth_between(&last_dir, &entry->dir) : MANIFEST_SAME_FOLDER;
    /* A refused entry is not there: the caller may go on with the next one. */
    if (manifest_place_take(&builder->place, entry, err) != 0)
        return -1;
    uint32_t rank;
    struct entry *copy = entry_dup(entry);
    if (copy == NULL || rank_of(builder, 0, depth, &entry->dir, &entry->name, &rank, err) != 0) {
        if (copy == NULL)
            (void)error_no_memory(err);
        entry_free(copy);
        builder->failed = true;
        return -1;
    }
    builder->waiting[builder->cutter.pushed % manifest_cutter_lag(&builder->cutter)] = copy;
    manifest_cutter_push(&builder->cutter, depth, rank);
    if (place_entries(builder, false, err) != 0) {
        builder->failed = true;
        return -1;
    }
    return 0;
}

/* End what is open, from the leaf upwards. The root is the node that is alone on its level. */
static int finish(struct manifest_builder *builder, struct manifest_root *ret, struct error *err)
{
    if (place_entries(builder, true, err) != 0 || end_leaf(builder, err) != 0)
        return -1;
    for (unsigned number = 1;; number++) {
        if (place_children(builder, number, true, err) != 0)
            return -1;
        const struct level *level = &builder->levels[number];
        if (level->more_than_one) {
            if (end_node(builder, number, err) != 0)
                return -1;
            continue;
        }
        *ret = (struct manifest_root){
            .depth = (uint8_t)number, .entries = level->node.entries, .bytes = level->node.bytes};
        return node_store(builder, number, &ret->id, err);
    }
}

int manifest_builder_finish(struct manifest_builder *builder, struct manifest_root *ret, struct error *err)
{
    if (builder->failed)
        return error_set(err, ERROR_INTERNAL, "a manifest was finished after it had failed or was finished");
    if (!builder->place.any)
        return error_set(err, ERROR_INTERNAL, "a manifest without entries");
    builder->failed = true;
    return finish(builder, ret, err);
}
