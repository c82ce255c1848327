/* Extents: where a file's bytes are. Up to 16 stand in the entry; more become a tree of blobs (FORMAT.md §5). */
#include "base/mem.h"
#include "repo/manifest_internal.h"

enum { KIND_MASK = 3, CHILD_ENCODED_MAX = 2 * VARINT_SIZE_MAX + BLOB_ID_SIZE };

uint8_t *extent_store(uint8_t *p, const struct extent *extent)
{
    p = store_varint(p, extent->size << 2 | (uint64_t)extent->kind);
    return extent->kind == EXTENT_DATA ? store_bytes(p, extent->id.bytes, BLOB_ID_SIZE) : p;
}

void extent_load(struct cursor *c, struct extent *ret)
{
    uint64_t value = load_varint(c);
    uint64_t kind = value & KIND_MASK;
    *ret = (struct extent){.kind = kind <= EXTENT_ZERO ? (enum extent_kind)kind : EXTENT_ZERO, .size = value >> 2};
    if (kind == EXTENT_DATA)
        cursor_copy(c, ret->id.bytes, BLOB_ID_SIZE);
    if (kind > EXTENT_ZERO || !extent_is_valid(ret))
        c->failed = true;
}

bool extent_is_valid(const struct extent *extent)
{
    if (extent->size == 0)
        return false;
    switch (extent->kind) {
    case EXTENT_DATA:
        return extent->size <= BLOB_SIZE_MAX;
    case EXTENT_HOLE:
    case EXTENT_ZERO:
        return extent->size <= EXTENT_SIZE_MAX;
    }
    return false;
}

/* ---- Building ---- */

/* A leaf (level 0) or node that is being filled. */
struct extent_level {
    struct buf body;
    uint32_t count; /* extents or children in it */
    uint64_t extents;
    uint64_t bytes;
    struct blob_id last; /* of the last child */
};

struct extent_builder {
    blob_sink *sink;
    void *context;
    struct extent items[ENTRY_EXTENTS_INLINE_MAX]; /* what is not in the tree yet */
    size_t item_count;
    bool in_tree;
    bool failed;
    unsigned height; /* highest level that holds anything */
    struct extent_level levels[EXTENT_DEPTH_MAX + 1];
};

struct extent_builder *extent_builder_new(blob_sink *sink, void *context)
{
    struct extent_builder *builder = mem_calloc(1, sizeof(*builder));
    if (builder == NULL)
        return NULL;
    builder->sink = sink;
    builder->context = context;
    return builder;
}

void extent_builder_free(struct extent_builder *builder)
{
    if (builder == NULL)
        return;
    for (size_t i = 0; i <= EXTENT_DEPTH_MAX; i++)
        buf_free(&builder->levels[i].body);
    mem_free(builder);
}

static void level_reset(struct extent_level *level)
{
    level->body.size = 0;
    level->count = 0;
    level->extents = 0;
    level->bytes = 0;
}

void extent_builder_reset(struct extent_builder *builder)
{
    builder->item_count = 0;
    builder->failed = false;
    if (!builder->in_tree)
        return;
    for (size_t i = 0; i <= EXTENT_DEPTH_MAX; i++)
        level_reset(&builder->levels[i]);
    builder->in_tree = false;
    builder->height = 0;
}

static int level_store(struct extent_builder *builder, unsigned level, struct blob_id *ret, struct error *err)
{
    const struct buf *body = &builder->levels[level].body;
    enum blob_type type = level == 0 ? BLOB_EXTENTS : BLOB_EXTENT_TREE;
    return builder->sink(type, body->data, body->size, ret, builder->context, err);
}

/*
 * Ids are keyed MACs, and so decide where to cut without another one. The minimum keeps a file that repeats one blob,
 * all of whose ids cut, from becoming leaves of one extent.
 */
static bool id_cuts(const struct blob_id *id, uint32_t count, uint32_t mean, uint32_t least)
{
    return (count >= least && get_u32(id->bytes) % mean == 0) || count >= 8 * mean;
}

/* Store what was filled at `level` and add it to the level above, and so on as long as levels are full. */
static int push_up(struct extent_builder *builder, unsigned level, struct error *err)
{
    for (;; level++) {
        struct extent_level *done = &builder->levels[level];
        struct blob_id id;
        if (level_store(builder, level, &id, err) != 0)
            return -1;
        if (level == EXTENT_DEPTH_MAX)
            return error_set(err, ERROR_INTERNAL, "a list of extents is too long for a tree of %d levels",
                             EXTENT_DEPTH_MAX);
        struct extent_level *above = &builder->levels[level + 1];
        if (buf_reserve(&above->body, CHILD_ENCODED_MAX, err) != 0)
            return -1;
        uint8_t *p = above->body.data + above->body.size;
        p = store_varint(store_varint(p, done->extents), done->bytes);
        p = store_bytes(p, id.bytes, BLOB_ID_SIZE);
        above->body.size = (size_t)(p - above->body.data);
        above->count++;
        above->extents += done->extents;
        above->bytes += done->bytes;
        above->last = id;
        level_reset(done);
        if (builder->height < level + 1)
            builder->height = level + 1;
        if (!id_cuts(&id, above->count, EXTENT_FAN_OUT, EXTENT_FAN_OUT_MIN))
            return 0;
    }
}

static int flush_items(struct extent_builder *builder, struct error *err)
{
    struct extent_level *leaf = &builder->levels[0];
    builder->in_tree = true;
    for (size_t i = 0; i < builder->item_count; i++) {
        const struct extent *extent = &builder->items[i];
        if (buf_reserve(&leaf->body, EXTENT_ENCODED_MAX, err) != 0)
            return -1;
        uint8_t *end = extent_store(leaf->body.data + leaf->body.size, extent);
        leaf->body.size = (size_t)(end - leaf->body.data);
        leaf->count++;
        leaf->extents++;
        if (__builtin_add_overflow(leaf->bytes, extent->size, &leaf->bytes))
            return error_set(err, ERROR_INTERNAL, "the extents of a file add up to more than 2^64 bytes");
        /* Holes have no id: they never cut, except where a leaf is full. */
        struct blob_id never = {{1}};
        const struct blob_id *id = extent->kind == EXTENT_DATA ? &extent->id : &never;
        if (id_cuts(id, leaf->count, EXTENT_LEAF_MEAN, EXTENT_LEAF_MIN) && push_up(builder, 0, err) != 0)
            return -1;
    }
    builder->item_count = 0;
    return 0;
}

static int append_item(struct extent_builder *builder, const struct extent *extent, struct error *err)
{
    if (builder->item_count == ENTRY_EXTENTS_INLINE_MAX && flush_items(builder, err) != 0) {
        builder->failed = true;
        return -1;
    }
    struct extent *item = &builder->items[builder->item_count++];
    *item = *extent;
    if (item->kind != EXTENT_DATA)
        item->id = (struct blob_id){{0}};
    return 0;
}

int extent_builder_add(struct extent_builder *builder, const struct extent *extent, struct error *err)
{
    struct extent rest = *extent;
    if (builder->failed)
        return error_set(err, ERROR_INTERNAL, "an extent list was added to after it had failed");
    if (rest.kind != EXTENT_DATA && rest.size > FILE_SIZE_MAX)
        return error_set(err, ERROR_INTERNAL, "a hole is longer than a file can be");
    struct extent *last = builder->item_count > 0 ? &builder->items[builder->item_count - 1] : NULL;
    if (last != NULL && rest.kind != EXTENT_DATA && last->kind == rest.kind && rest.size > 0) {
        uint64_t room = EXTENT_SIZE_MAX - last->size;
        uint64_t part = rest.size < room ? rest.size : room;
        last->size += part;
        rest.size -= part;
        if (rest.size == 0)
            return 0;
    }
    /* A hole in a file of exabytes may be longer than one extent can tell. */
    while (rest.kind != EXTENT_DATA && rest.size > EXTENT_SIZE_MAX) {
        struct extent piece = {.kind = rest.kind, .size = EXTENT_SIZE_MAX};
        if (append_item(builder, &piece, err) != 0)
            return -1;
        rest.size -= EXTENT_SIZE_MAX;
    }
    if (!extent_is_valid(&rest))
        return error_set(err, ERROR_INTERNAL, "an extent of kind %d and %llu bytes", (int)rest.kind,
                         (unsigned long long)rest.size);
    return append_item(builder, &rest, err);
}

/* The root is the lowest node that covers all: the top level's node, or its only child. */
static int finish_tree(struct extent_builder *builder, struct content *ret, struct error *err)
{
    if (flush_items(builder, err) != 0)
        return -1;
    for (unsigned level = 0; level < builder->height; level++) {
        if (builder->levels[level].count > 0 && push_up(builder, level, err) != 0)
            return -1;
    }
    struct extent_level *top = &builder->levels[builder->height];
    *ret = (struct content){.in_tree = true, .extent_count = (size_t)top->extents};
    if (builder->height > 0 && top->count == 1) {
        ret->root = top->last;
        ret->depth = (uint8_t)(builder->height - 1);
        return 0;
    }
    ret->depth = (uint8_t)builder->height;
    return level_store(builder, builder->height, &ret->root, err);
}

int extent_builder_finish(struct extent_builder *builder, struct content *ret, struct error *err)
{
    if (builder->failed)
        return error_set(err, ERROR_INTERNAL, "an extent list was finished after it had failed");
    if (!builder->in_tree) {
        *ret = (struct content){.extents = builder->items, .extent_count = builder->item_count};
        return 0;
    }
    builder->failed = true; /* until the next reset: nothing may be added behind the root */
    return finish_tree(builder, ret, err);
}

/* ---- Reading ---- */

struct extent_cursor {
    struct buf blob;
    struct cursor cursor;
    uint64_t extents_left; /* of what the level above claims */
    uint64_t bytes_left;
};

struct extent_reader {
    blob_fetch *fetch;
    void *context;
    manifest_blob_callback *callback;
    void *callback_context;
    struct content content;
    uint64_t file_size;
    struct extent items[ENTRY_EXTENTS_INLINE_MAX];
    size_t next_item;
    uint64_t given; /* bytes */
    bool started;
    bool failed;
    unsigned level; /* where reading stands; content.depth is the root */
    struct extent_cursor levels[EXTENT_DEPTH_MAX + 1];
};

int extent_reader_new(const struct content *content, uint64_t file_size, blob_fetch *fetch, void *context,
                      struct extent_reader **ret, struct error *err)
{
    if (content->in_tree ? content->depth > EXTENT_DEPTH_MAX || content->extent_count == 0
                         : content->extent_count > ENTRY_EXTENTS_INLINE_MAX)
        return manifest_damaged(err, "the number or depth of a file's extents is out of range");
    struct extent_reader *reader = mem_calloc(1, sizeof(*reader));
    if (reader == NULL)
        return error_no_memory(err);
    reader->fetch = fetch;
    reader->context = context;
    reader->content = *content;
    reader->content.extents = NULL;
    reader->file_size = file_size;
    reader->level = content->depth;
    for (size_t i = 0; !content->in_tree && i < content->extent_count; i++)
        reader->items[i] = content->extents[i];
    *ret = reader;
    return 0;
}

void extent_reader_free(struct extent_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i <= EXTENT_DEPTH_MAX; i++)
        buf_free(&reader->levels[i].blob);
    mem_free(reader);
}

void extent_reader_set_callback(struct extent_reader *reader, manifest_blob_callback *callback, void *context)
{
    reader->callback = callback;
    reader->callback_context = context;
}

static int next_inline(struct extent_reader *reader, struct extent *ret, struct error *err)
{
    if (reader->next_item == reader->content.extent_count) {
        if (reader->given != reader->file_size)
            return manifest_damaged(err, "the extents of a file do not add up to its size");
        return 0;
    }
    *ret = reader->items[reader->next_item++];
    if (!extent_is_valid(ret) || ret->size > reader->file_size - reader->given)
        return manifest_damaged(err, "an extent goes beyond the end of its file");
    reader->given += ret->size;
    return 1;
}

static int load_level(struct extent_reader *reader, const struct blob_id *id, uint64_t extents, uint64_t bytes,
                      struct error *err)
{
    struct extent_cursor *level = &reader->levels[reader->level];
    enum blob_type type = reader->level == 0 ? BLOB_EXTENTS : BLOB_EXTENT_TREE;
    /* Whoever set the callback knows the root already. */
    if (reader->callback != NULL && reader->level < reader->content.depth &&
        reader->callback(type, id, reader->callback_context, err) < 0)
        return -1;
    if (manifest_fetch(reader->fetch, reader->context, type, id, &level->blob, err) != 0)
        return -1;
    level->cursor = cursor_of(level->blob.data, level->blob.size);
    level->extents_left = extents;
    level->bytes_left = bytes;
    return 0;
}

/* What a level holds is taken from what the level above claimed. */
static int take_claim(struct extent_cursor *level, uint64_t extents, uint64_t bytes, struct error *err)
{
    if (level->cursor.failed || extents == 0 || bytes == 0 || extents > level->extents_left ||
        bytes > level->bytes_left)
        return manifest_damaged(err, "an extent list holds more than it claims");
    level->extents_left -= extents;
    level->bytes_left -= bytes;
    return 0;
}

static int descend(struct extent_reader *reader, struct extent_cursor *level, struct error *err)
{
    struct blob_id id;
    uint64_t extents = load_varint(&level->cursor);
    uint64_t bytes = load_varint(&level->cursor);
    cursor_copy(&level->cursor, id.bytes, BLOB_ID_SIZE);
    if (take_claim(level, extents, bytes, err) != 0)
        return -1;
    reader->level--;
    return load_level(reader, &id, extents, bytes, err);
}

static int next_in_tree(struct extent_reader *reader, struct extent *ret, struct error *err)
{
    if (!reader->started) {
        reader->started = true;
        if (load_level(reader, &reader->content.root, reader->content.extent_count, reader->file_size, err) != 0)
            return -1;
    }
    for (;;) {
        struct extent_cursor *level = &reader->levels[reader->level];
        if (level->cursor.left == 0) {
            if (level->extents_left != 0 || level->bytes_left != 0)
                return manifest_damaged(err, "an extent list holds less than it claims");
            if (reader->level == reader->content.depth)
                return 0;
            reader->level++;
        } else if (reader->level > 0) {
            if (descend(reader, level, err) != 0)
                return -1;
        } else {
            extent_load(&level->cursor, ret);
            return take_claim(level, 1, ret->size, err) == 0 ? 1 : -1;
        }
    }
}

int extent_reader_next(struct extent_reader *reader, struct extent *ret, struct error *err)
{
    if (reader->failed)
        return error_set(err, ERROR_INTERNAL, "an extent list was read on after an error");
    int rc = reader->content.in_tree ? next_in_tree(reader, ret, err) : next_inline(reader, ret, err);
    reader->failed = rc < 0;
    return rc;
}
