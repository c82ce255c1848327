/* Building a manifest: leaves are cut by the names of entries, inner nodes by those of children (FORMAT.md §5). */
#include "base/mem.h"
#include "crypto/crypto.h"
#include "repo/manifest_internal.h"

/*
 * Between two neighbouring entries of different folders lies a boundary, as deep as the folder that both are below: the
 * shallower it is, the larger is what ends there.
 */
#define NO_BOUNDARY UINT64_MAX

/* The boundaries of a leaf or node that is being filled. */
struct boundaries {
    uint64_t before; /* in front of its first entry */
    uint64_t inside; /* the shallowest between its entries, or children */
};

/* An inner node that is being filled. */
struct node_writer {
    struct buf children; /* encoded */
    struct buf first;    /* key of the first child: the node's own, which its parent tells */
    struct buf key;      /* key of the last child  */
    struct boundaries boundaries;
    uint32_t count;
    uint64_t entries;
    uint64_t bytes;
    struct blob_id last; /* of the last child */
};

/* What a node says about a child. */
struct child {
    struct bytes key;
    uint64_t boundary; /* in front of it */
    uint64_t entries;
    uint64_t bytes;
    struct blob_id id;
    struct blob_id times; /* at level 1 */
};

struct manifest_builder {
    blob_sink *sink;
    void *context;
    struct hmac *cut;
    uint32_t leaf_mean;
    uint32_t fan_out;
    bool failed;
    struct manifest_leaf_writer leaf;
    struct boundaries leaf_boundaries;
    struct xattr *spilled; /* room for the xattrs of an entry that has too many bytes of them */
    unsigned height;       /* highest level that holds a child; 0 before the first leaf is done */
    struct buf blob;
    struct node_writer nodes[MANIFEST_DEPTH_MAX + 1]; /* by level; 0 is not used */
};

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
    *ret = builder;
    return 0;
}

void manifest_builder_free(struct manifest_builder *builder)
{
    if (builder == NULL)
        return;
    for (size_t i = 0; i <= MANIFEST_DEPTH_MAX; i++) {
        buf_free(&builder->nodes[i].children);
        buf_free(&builder->nodes[i].first);
        buf_free(&builder->nodes[i].key);
    }
    manifest_leaf_writer_release(&builder->leaf);
    buf_free(&builder->blob);
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

/*
 * Does the name end a leaf (level 0) or a node that has `count` with it? Seldom while it is short, soon from then on:
 * so lengths lie near the mean. Were every name as likely as the other, a change would meet those of twice the mean.
 */
static int name_cuts(struct manifest_builder *builder, unsigned level, const struct bytes *name, uint32_t count,
                     bool *ret, struct error *err)
{
    uint8_t mac[SHA256_SIZE], prefix = (uint8_t)level;
    uint32_t mean = level == 0 ? builder->leaf_mean : fan_out_at(builder, level);
    uint32_t often = mean / 4 > 2 ? mean / 4 : 2;
    if (hmac_sha256(builder->cut, &prefix, 1, name->data, name->size, mac, err) != 0)
        return -1;
    *ret = get_u32(mac) % (count < mean * 3 / 4 ? 4 * mean : often) == 0;
    return 0;
}

/* Count a boundary into a leaf or node that had `count` entries or children before it. */
static void note_boundary(struct boundaries *boundaries, uint32_t count, uint64_t depth)
{
    if (count == 0)
        *boundaries = (struct boundaries){.before = depth, .inside = NO_BOUNDARY};
    else if (depth < boundaries->inside)
        boundaries->inside = depth;
}

/*
 * Does a boundary behind the last of `count` end the leaf or node? Yes if nothing shallower lies inside, so that leaves
 * and nodes tend to begin and end where folders do: renaming, moving or deleting a folder then leaves all that was
 * beside it as it was.
 */
static bool boundary_cuts(const struct boundaries *boundaries, uint32_t count, uint32_t mean, uint64_t depth)
{
    if (depth == NO_BOUNDARY || depth > boundaries->inside)
        return false;
    uint32_t enough = depth < boundaries->inside ? mean / 2 : mean * 3 / 4;
    return count >= (enough > 2 ? enough : 2);
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
static uint64_t boundary_between(const struct bytes *last, const struct bytes *dir)
{
    if (bytes_equal(last, dir))
        return NO_BOUNDARY;
    size_t at = parting(last, dir);
    return at > 0 ? entry_components(dir->data, at) - 1 : 0;
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
    note_boundary(&node->boundaries, node->count, child->boundary);
    node->count++;
    node->entries += child->entries;
    node->last = child->id;
    if (__builtin_add_overflow(node->bytes, child->bytes, &node->bytes))
        return error_set(err, ERROR_SOURCE, "the sizes of the files add up to more than 2^64 bytes");
    return 0;
}

static int node_store(struct manifest_builder *builder, unsigned level, struct blob_id *ret, struct error *err)
{
    const struct node_writer *node = &builder->nodes[level];
    struct buf *blob = &builder->blob;
    blob->size = 0;
    if (buf_u8(blob, (uint8_t)level, err) != 0 || buf_varint(blob, node->count, err) != 0 ||
        buf_append(blob, node->children.data, node->children.size, err) != 0)
        return -1;
    return builder->sink(BLOB_INNER, blob->data, blob->size, ret, builder->context, err);
}

static void node_reset(struct node_writer *node)
{
    node->children.size = 0;
    node->count = 0;
    node->entries = 0;
    node->bytes = 0;
}

/* Store the node at `level` and tell what the level above has to know; its key lives until the node is used again. */
static int node_seal(struct manifest_builder *builder, unsigned level, struct child *ret, struct error *err)
{
    struct node_writer *node = &builder->nodes[level];
    *ret = (struct child){.key = bytes_of_buf(&node->first),
                          .boundary = node->boundaries.before,
                          .entries = node->entries,
                          .bytes = node->bytes};
    if (node_store(builder, level, &ret->id, err) != 0)
        return -1;
    node_reset(node);
    return 0;
}

/* Does the node end behind this child? By name, by number, or (two children at least, so that the tree narrows) by
 * size. */
static int node_ends(struct manifest_builder *builder, unsigned level, const struct child *child, bool *ret,
                     struct error *err)
{
    const struct node_writer *node = &builder->nodes[level];
    if (node->count >= 8 * fan_out_at(builder, level) ||
        (node->count >= 2 && node->children.size >= MANIFEST_SOFT_SIZE)) {
        *ret = true;
        return 0;
    }
    struct bytes dir, name;
    entry_path_split(&child->key, &dir, &name);
    return name_cuts(builder, level, &name, node->count, ret, err);
}

static int add_child(struct manifest_builder *builder, unsigned level, struct child child, struct error *err);

/* Seal the node at `level`: it is a child of the level above. */
static int end_node(struct manifest_builder *builder, unsigned level, struct error *err)
{
    struct child child;
    return node_seal(builder, level, &child, err) == 0 ? add_child(builder, level + 1, child, err) : -1;
}

/* Add a child at `level`; nodes end in front of it or with it. */
static int add_child(struct manifest_builder *builder, unsigned level, struct child child, struct error *err)
{
    for (;; level++) {
        if (level > MANIFEST_DEPTH_MAX)
            return error_set(err, ERROR_INTERNAL, "a manifest needs more than %d levels", MANIFEST_DEPTH_MAX);
        const struct node_writer *node = &builder->nodes[level];
        if (boundary_cuts(&node->boundaries, node->count, fan_out_at(builder, level), child.boundary) &&
            end_node(builder, level, err) != 0)
            return -1;
        bool ends;
        if (node_add(&builder->nodes[level], level, &child, err) != 0 ||
            node_ends(builder, level, &child, &ends, err) != 0)
            return -1;
        if (builder->height < level)
            builder->height = level;
        if (!ends)
            return 0;
        if (node_seal(builder, level, &child, err) != 0)
            return -1;
    }
}

/* ---- Leaves ---- */

static int end_leaf(struct manifest_builder *builder, struct error *err)
{
    struct manifest_leaf_writer *leaf = &builder->leaf;
    struct child child = {.key = bytes_of_buf(&leaf->key),
                          .boundary = builder->leaf_boundaries.before,
                          .entries = leaf->count,
                          .bytes = leaf->bytes};
    if (manifest_leaf_seal(leaf, err) != 0 ||
        builder->sink(BLOB_NAMES, leaf->blob.data, leaf->blob.size, &child.id, builder->context, err) != 0 ||
        builder->sink(BLOB_TIMES, leaf->times.data, leaf->times.size, &child.times, builder->context, err) != 0 ||
        add_child(builder, 1, child, err) != 0)
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
    if (entry->xattr_count == 0 || entry->xattr_count > ENTRY_XATTR_COUNT_MAX || !must_spill(entry))
        return manifest_leaf_add(&builder->leaf, entry, err);
    if (spill_xattrs(builder, entry, err) != 0)
        return -1;
    struct entry changed = *entry;
    changed.xattrs = builder->spilled;
    return manifest_leaf_add(&builder->leaf, &changed, err);
}

int manifest_builder_add(struct manifest_builder *builder, const struct entry *entry, struct error *err)
{
    struct manifest_leaf_writer *leaf = &builder->leaf;
    if (builder->failed)
        return error_set(err, ERROR_INTERNAL, "a manifest was added to after it had failed or was finished");
    /* No node tells the key of the first entry: it must lie in the empty folder. */
    if (!leaf->any && entry->dir.size > 0)
        return error_set(err, ERROR_INTERNAL, "the first entry of a manifest is not a source");
    struct bytes last_dir = bytes_of_buf(&leaf->dir);
    uint64_t boundary = leaf->any ? boundary_between(&last_dir, &entry->dir) : NO_BOUNDARY;
    if (boundary_cuts(&builder->leaf_boundaries, leaf->count, builder->leaf_mean, boundary) &&
        end_leaf(builder, err) != 0) {
        builder->failed = true;
        return -1;
    }
    /* A refused entry is not there: the caller may go on with the next one. */
    if (add_entry(builder, entry, err) != 0)
        return -1;
    note_boundary(&builder->leaf_boundaries, leaf->count - 1, boundary);
    bool ends = leaf->count >= 8 * builder->leaf_mean || manifest_leaf_size(leaf) >= MANIFEST_SOFT_SIZE;
    if ((!ends && name_cuts(builder, 0, &entry->name, leaf->count, &ends, err) != 0) ||
        (ends && end_leaf(builder, err) != 0)) {
        builder->failed = true;
        return -1;
    }
    return 0;
}

/* End what is open, from the leaf upwards. The root is the lowest node above level 0 that covers everything. */
static int finish(struct manifest_builder *builder, struct manifest_root *ret, struct error *err)
{
    if (builder->leaf.count > 0 && end_leaf(builder, err) != 0)
        return -1;
    for (unsigned level = 1; level < builder->height; level++)
        if (builder->nodes[level].count > 0 && end_node(builder, level, err) != 0)
            return -1;
    const struct node_writer *top = &builder->nodes[builder->height];
    *ret = (struct manifest_root){.depth = (uint8_t)builder->height, .entries = top->entries, .bytes = top->bytes};
    if (builder->height > 1 && top->count == 1) {
        ret->depth--;
        ret->id = top->last;
        return 0;
    }
    return node_store(builder, builder->height, &ret->id, err);
}

int manifest_builder_finish(struct manifest_builder *builder, struct manifest_root *ret, struct error *err)
{
    if (builder->failed)
        return error_set(err, ERROR_INTERNAL, "a manifest was finished after it had failed or was finished");
    if (!builder->leaf.any)
        return error_set(err, ERROR_INTERNAL, "a manifest without entries");
    builder->failed = true;
    return finish(builder, ret, err);
}
