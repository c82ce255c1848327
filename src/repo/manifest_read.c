/*
 * Reading a manifest: a way from the root down to a leaf, one node a level. A
 * node does not tell the key of its first child: that is its own, known from
 * the level above.
 */
#include "base/mem.h"
#include "repo/manifest_internal.h"

struct manifest_reader {
    struct manifest_root root;
    bool with_times;
    blob_fetch *fetch;
    void *context;
    bool started;
    bool failed; /* reading on could leave entries out: only a seek begins anew */
    const struct entry *pending;
    struct manifest_leaf_reader leaf;
    struct buf names;
    struct buf times;
    struct blob_id names_id;
    struct blob_id times_id;
    bool leaf_loaded;
    struct manifest_node_reader nodes[MANIFEST_DEPTH_MAX + 1]; /* by level; 0 is not used */
};

/* ---- The way down ---- */

int manifest_reader_new(const struct manifest_root *root, bool with_times, blob_fetch *fetch, void *context,
                        struct manifest_reader **ret, struct error *err)
{
    if (root->depth == 0 || root->depth > MANIFEST_DEPTH_MAX || root->entries == 0)
        return manifest_damaged(err, "its depth or number of entries is out of range");
    struct manifest_reader *reader = mem_calloc(1, sizeof(*reader));
    if (reader == NULL)
        return error_no_memory(err);
    reader->root = *root;
    reader->with_times = with_times;
    reader->fetch = fetch;
    reader->context = context;
    *ret = reader;
    return 0;
}

void manifest_reader_free(struct manifest_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i <= MANIFEST_DEPTH_MAX; i++)
        manifest_node_release(&reader->nodes[i]);
    manifest_leaf_reader_release(&reader->leaf);
    buf_free(&reader->names);
    buf_free(&reader->times);
    mem_free(reader);
}

/* Make `id` the node at `level`, check it against what the level above claims (the root's key is empty), begin it. */
static int load_node(struct manifest_reader *reader, uint8_t level, const struct blob_id *id, const struct bytes *key,
                     uint64_t entries, uint64_t bytes, struct error *err)
{
    struct manifest_node_reader *node = &reader->nodes[level];
    if (!node->loaded || !blob_id_equal(&node->id, id)) {
        node->loaded = false;
        if (manifest_fetch(reader->fetch, reader->context, BLOB_INNER, id, &node->blob, err) != 0)
            return -1;
        node->id = *id;
        node->loaded = true;
    }
    uint64_t own_entries = 0, own_bytes = 0;
    if (manifest_node_check(node, level, key, &own_entries, &own_bytes, err) != 0)
        return -1;
    if (own_entries != entries || own_bytes != bytes)
        return manifest_damaged(err, "the sums of a node are not those that the level above has");
    return manifest_node_begin(node, level, err);
}

/* Fetch the leaf that level 1 stands at, unless it is the one that is there. */
static int fetch_leaf(struct manifest_reader *reader, const struct manifest_child *child, struct error *err)
{
    bool same = reader->leaf_loaded && blob_id_equal(&reader->names_id, &child->id) &&
                (!reader->with_times || blob_id_equal(&reader->times_id, &child->times));
    if (same)
        return 0;
    reader->leaf_loaded = false;
    if (manifest_fetch(reader->fetch, reader->context, BLOB_NAMES, &child->id, &reader->names, err) != 0)
        return -1;
    if (reader->with_times &&
        manifest_fetch(reader->fetch, reader->context, BLOB_TIMES, &child->times, &reader->times, err) != 0)
        return -1;
    reader->names_id = child->id;
    reader->times_id = child->times;
    reader->leaf_loaded = true;
    return 0;
}

static int load_leaf(struct manifest_reader *reader, struct error *err)
{
    const struct manifest_node_reader *node = &reader->nodes[1];
    const struct manifest_child *child = &node->place.child;
    if (fetch_leaf(reader, child, err) != 0)
        return -1;
    struct bytes key = bytes_of_buf(&node->key), names = bytes_of_buf(&reader->names);
    struct bytes times = bytes_of_buf(&reader->times);
    if (manifest_leaf_open(&reader->leaf, &key, &names, reader->with_times ? &times : NULL, err) != 0)
        return -1;
    if (reader->leaf.count != child->entries)
        return manifest_damaged(err, "a leaf does not have the number of entries that the level above has");
    return 0;
}

/* Stand at the last child whose key is not after the target, or at the first child, whose key counts as the lowest. */
static int choose_child(struct manifest_node_reader *node, const struct bytes *dir, const struct bytes *name,
                        struct error *err)
{
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        if (manifest_node_next(node, err) != 0)
            return -1;
        struct bytes key = bytes_of_buf(&node->key), key_dir, key_name;
        entry_path_split(&key, &key_dir, &key_name);
        if (i > 0 && entry_path_compare(&key_dir, &key_name, dir, name) > 0)
            break;
        chosen = i;
    }
    /* A key cannot be taken back to the one before: read up to the chosen one again. */
    if (manifest_node_begin(node, node->level, err) != 0)
        return -1;
    for (uint32_t i = 0; i <= chosen; i++) {
        if (manifest_node_next(node, err) != 0)
            return -1;
    }
    return 0;
}

/* From the child at `level` down to a leaf: towards the target, or (dir NULL) to the first one. */
static int descend(struct manifest_reader *reader, uint8_t level, const struct bytes *dir, const struct bytes *name,
                   struct error *err)
{
    for (; level > 1; level--) {
        const struct manifest_node_reader *above = &reader->nodes[level];
        const struct manifest_child *child = &above->place.child;
        struct bytes key = bytes_of_buf(&above->key);
        struct manifest_node_reader *below = &reader->nodes[level - 1];
        if (load_node(reader, (uint8_t)(level - 1), &child->id, &key, child->entries, child->bytes, err) != 0)
            return -1;
        if ((dir != NULL ? choose_child(below, dir, name, err) : manifest_node_next(below, err)) != 0)
            return -1;
    }
    return load_leaf(reader, err);
}

static int load_root(struct manifest_reader *reader, struct error *err)
{
    const struct manifest_root *root = &reader->root;
    const struct bytes none = {NULL, 0};
    reader->started = true;
    return load_node(reader, root->depth, &root->id, &none, root->entries, root->bytes, err);
}

/* The leaf has been read: is it what the node above claims? */
static int end_leaf(struct manifest_reader *reader, struct error *err)
{
    if (reader->leaf.bytes != reader->nodes[1].place.child.bytes)
        return manifest_damaged(err, "the files of a leaf do not have the size that the level above has");
    return 0;
}

/* Within leaves and within nodes the order is checked there; here, from the last entry of a leaf to the next leaf. */
static int check_order(const struct manifest_reader *reader, const struct manifest_node_reader *node, struct error *err)
{
    struct bytes key = bytes_of_buf(&node->key), dir, name;
    struct bytes last_dir = bytes_of_buf(&reader->leaf.dir);
    entry_path_split(&key, &dir, &name);
    if (entry_path_compare(&last_dir, &reader->leaf.name, &dir, &name) >= 0)
        return manifest_damaged(err, "its leaves are not in order");
    return 0;
}

/* Go on to the next leaf: 1, 0 when there is none, -1. */
static int next_leaf(struct manifest_reader *reader, struct error *err)
{
    bool had_leaf = reader->started;
    if (!reader->started && load_root(reader, err) != 0)
        return -1;
    uint8_t level = 1;
    if (!had_leaf)
        level = reader->root.depth;
    while (reader->nodes[level].place.left == 0) {
        if (level == reader->root.depth)
            return 0;
        level++;
    }
    struct manifest_node_reader *node = &reader->nodes[level];
    if (manifest_node_next(node, err) != 0)
        return -1;
    if (had_leaf && check_order(reader, node, err) != 0)
        return -1;
    return descend(reader, level, NULL, NULL, err) == 0 ? 1 : -1;
}

static int next_entry(struct manifest_reader *reader, const struct entry **ret, struct error *err)
{
    for (;;) {
        if (reader->started) {
            int rc = manifest_leaf_next(&reader->leaf, ret, err);
            if (rc != 0)
                return rc;
            if (end_leaf(reader, err) != 0)
                return -1;
        }
        int rc = next_leaf(reader, err);
        if (rc <= 0)
            return rc;
    }
}

int manifest_reader_next(struct manifest_reader *reader, const struct entry **ret, struct error *err)
{
    if (reader->failed)
        return error_set(err, ERROR_INTERNAL, "a manifest was read on after an error");
    if (reader->pending != NULL) {
        *ret = reader->pending;
        reader->pending = NULL;
        return 1;
    }
    int rc = next_entry(reader, ret, err);
    reader->failed = rc < 0;
    return rc;
}

static int seek(struct manifest_reader *reader, const struct bytes *dir, const struct bytes *name, struct error *err)
{
    if (load_root(reader, err) != 0 || choose_child(&reader->nodes[reader->root.depth], dir, name, err) != 0 ||
        descend(reader, reader->root.depth, dir, name, err) != 0)
        return -1;
    const struct entry *entry;
    int rc;
    while ((rc = next_entry(reader, &entry, err)) == 1) {
        if (entry_path_compare(&entry->dir, &entry->name, dir, name) >= 0) {
            reader->pending = entry;
            return 0;
        }
    }
    return rc;
}

int manifest_reader_seek(struct manifest_reader *reader, const struct bytes *dir, const struct bytes *name,
                         struct error *err)
{
    reader->pending = NULL;
    reader->failed = seek(reader, dir, name, err) != 0;
    return reader->failed ? -1 : 0;
}

int manifest_reader_find(struct manifest_reader *reader, const struct bytes *path, const struct entry **ret,
                         struct error *err)
{
    struct bytes dir, name;
    entry_path_split(path, &dir, &name);
    if (manifest_reader_seek(reader, &dir, &name, err) != 0)
        return -1;
    const struct entry *entry = reader->pending;
    if (entry == NULL || entry_path_compare(&entry->dir, &entry->name, &dir, &name) != 0)
        return 0;
    reader->pending = NULL;
    *ret = entry;
    return 1;
}

/* ---- All blobs ---- */

struct blob_walk {
    struct manifest_reader *reader;
    manifest_blob_callback *callback;
    void *context;
    bool in_order; /* the leaf before this one was read: its last entry is known */
};

/* 0: go on; 1: what is below is known; -1. */
static int tell(const struct blob_walk *walk, enum blob_type type, const struct blob_id *id, struct error *err)
{
    return walk->callback(type, id, walk->context, err);
}

static int walk_extent_tree(const struct blob_walk *walk, const struct entry *entry, struct error *err)
{
    struct extent_reader *extents = NULL;
    struct extent extent;
    int rc = tell(walk, entry->content.depth == 0 ? BLOB_EXTENTS : BLOB_EXTENT_TREE, &entry->content.root, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (extent_reader_new(&entry->content, entry->size, walk->reader->fetch, walk->reader->context, &extents, err) != 0)
        return -1;
    extent_reader_set_callback(extents, walk->callback, walk->context);
    while ((rc = extent_reader_next(extents, &extent, err)) == 1) {
        if (extent.kind == EXTENT_DATA && tell(walk, BLOB_CONTENT, &extent.id, err) < 0) {
            rc = -1;
            break;
        }
    }
    extent_reader_free(extents);
    return rc;
}

static int walk_entry(const struct blob_walk *walk, const struct entry *entry, struct error *err)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        if (entry->xattrs[i].in_blob && tell(walk, BLOB_XATTR, &entry->xattrs[i].blob, err) < 0)
            return -1;
    }
    if (entry->content.in_tree)
        return walk_extent_tree(walk, entry, err);
    for (size_t i = 0; i < entry->content.extent_count; i++) {
        const struct extent *extent = &entry->content.extents[i];
        if (extent->kind == EXTENT_DATA && tell(walk, BLOB_CONTENT, &extent->id, err) < 0)
            return -1;
    }
    return 0;
}

/* Below the child that level 1 stands at. */
static int walk_leaf(struct blob_walk *walk, struct error *err)
{
    struct manifest_reader *reader = walk->reader;
    const struct manifest_node_reader *node = &reader->nodes[1];
    const struct manifest_child *child = &node->place.child;
    if (tell(walk, BLOB_TIMES, &child->times, err) < 0)
        return -1;
    int rc = tell(walk, BLOB_NAMES, &child->id, err);
    if (rc != 0) {
        walk->in_order = false;
        return rc < 0 ? -1 : 0;
    }
    if (walk->in_order && check_order(reader, node, err) != 0)
        return -1;
    if (load_leaf(reader, err) != 0)
        return -1;
    const struct entry *entry;
    while ((rc = manifest_leaf_next(&reader->leaf, &entry, err)) == 1)
        if (walk_entry(walk, entry, err) != 0)
            return -1;
    walk->in_order = true;
    return rc == 0 ? end_leaf(reader, err) : -1;
}

/* Below the node at `level`, which is loaded. At most MANIFEST_DEPTH_MAX calls deep. */
static int walk_node(struct blob_walk *walk, uint8_t level, struct error *err)
{
    struct manifest_reader *reader = walk->reader;
    struct manifest_node_reader *node = &reader->nodes[level];
    while (node->place.left > 0) {
        if (manifest_node_next(node, err) != 0)
            return -1;
        if (level == 1) {
            if (walk_leaf(walk, err) != 0)
                return -1;
            continue;
        }
        const struct manifest_child *child = &node->place.child;
        struct bytes key = bytes_of_buf(&node->key);
        int rc = tell(walk, BLOB_INNER, &child->id, err);
        if (rc < 0)
            return -1;
        walk->in_order = walk->in_order && rc == 0;
        if (rc == 0 &&
            (load_node(reader, (uint8_t)(level - 1), &child->id, &key, child->entries, child->bytes, err) != 0 ||
             walk_node(walk, (uint8_t)(level - 1), err) != 0))
            return -1;
    }
    return 0;
}

int manifest_walk_blobs(const struct manifest_root *root, blob_fetch *fetch, void *fetch_context,
                        manifest_blob_callback *callback, void *context, struct error *err)
{
    struct blob_walk walk = {.callback = callback, .context = context};
    if (manifest_reader_new(root, false, fetch, fetch_context, &walk.reader, err) != 0)
        return -1;
    int rc = tell(&walk, BLOB_INNER, &root->id, err);
    if (rc == 0)
        rc = load_root(walk.reader, err) == 0 ? walk_node(&walk, root->depth, err) : -1;
    manifest_reader_free(walk.reader);
    return rc < 0 ? -1 : 0;
}
