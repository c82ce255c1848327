/*
 * What the files of the manifest share: leaves, extents and the small tools
 * to write and read them. Exposed for tests and fuzzing; nobody else includes
 * it.
 */
#ifndef HIKAE_REPO_MANIFEST_INTERNAL_H
#define HIKAE_REPO_MANIFEST_INTERNAL_H

#include "repo/manifest.h"

enum {
    MANIFEST_MEAN_MAX = 1024, /* of leaf_mean and fan_out                          */
    MANIFEST_LEAF_ENTRIES_MAX = 8 * MANIFEST_MEAN_MAX,
    MANIFEST_CHILDREN_MAX = 8 * MANIFEST_MEAN_MAX,
    MANIFEST_SOFT_SIZE = 1 << 20,          /* a leaf or node that reaches it ends               */
    MANIFEST_XATTR_SPILL_SIZE = 256 << 10, /* more inline xattr bytes than this go to blobs     */
    EXTENT_LEAF_MEAN = 128,
    EXTENT_LEAF_MIN = 16,
    EXTENT_FAN_OUT = 64,
    EXTENT_FAN_OUT_MIN = 2,
    EXTENT_DEPTH_MAX = 16,
    ENTRY_NS_MAX = 999999999,
    ENTRY_MODE_MAX = 07777,
    VARINT_SIZE_MAX = 10,
    EXTENT_ENCODED_MAX = VARINT_SIZE_MAX + BLOB_ID_SIZE
};

/* The longest extent that the format can hold: its length shares 64 bits with two bits of kind. */
#define EXTENT_SIZE_MAX (UINT64_MAX >> 2)
/* The longest file: what off_t can count. */
#define FILE_SIZE_MAX ((uint64_t)INT64_MAX)

/* ---- Small tools ---- */

/* ERROR_DAMAGED: "the manifest is damaged: <what>". Returns -1. */
int manifest_damaged(struct error *err, const char *what);
#define manifest_damaged(err, what) ((void)(manifest_damaged)(err, what), -1)
/* Fetch a blob and check that its size is one that a blob can have. */
MUST_USE int manifest_fetch(blob_fetch *fetch, void *context, enum blob_type type, const struct blob_id *id,
                            struct buf *out, struct error *err);

/* The number of bytes that a and b share at their start. */
size_t entry_common_prefix(const struct bytes *a, const struct bytes *b);
/* Names as bytes, a shorter one first: negative, 0, positive. */
int entry_name_compare(const struct bytes *a, const struct bytes *b);
/* The number of names in a folder's path; 0 of the empty one. */
uint64_t entry_components(const uint8_t *path, size_t size);
/*
 * Drop `drops` components from the end of *dir. What will be pushed then must come after what was dropped, so that
 * folders ascend and there is one way to tell each of them. Whether `push` is a name or a path is the caller's to
 * check.
 */
MUST_USE int manifest_leave_dir(struct bytes *dir, uint64_t drops, const struct bytes *push, struct error *err);

static inline struct bytes bytes_of_buf(const struct buf *buf)
{
    return (struct bytes){buf->data, buf->size};
}

/* Replace what buf holds. */
MUST_USE static inline int buf_assign(struct buf *buf, const void *bytes, size_t size, struct error *err)
{
    buf->size = 0;
    return buf_append(buf, bytes, size, err);
}

/* Writers reserve room for a whole entry once, then store without further checks. */
static inline uint8_t *store_varint(uint8_t *p, uint64_t value)
{
    while (value >= 0x80) {
        *p++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *p++ = (uint8_t)value;
    return p;
}

/* The difference a - b modulo 2^64 as a signed number, so that no pair of times overflows. */
static inline uint8_t *store_difference(uint8_t *p, uint64_t a, uint64_t b)
{
    uint64_t difference = a - b;
    return store_varint(p, difference << 1 ^ (0 - (difference >> 63)));
}

static inline uint8_t *store_bytes(uint8_t *p, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(p, bytes, size);
    return p + size;
}

static inline uint8_t *store_string(uint8_t *p, const struct bytes *bytes)
{
    return store_bytes(store_varint(p, bytes->size), bytes->data, bytes->size);
}

/* As cursor_varint; nearly all numbers of a leaf take one byte, and need no call. */
static inline uint64_t load_varint(struct cursor *c)
{
    if (!c->failed && c->left > 0 && c->p[0] < 0x80) {
        c->left--;
        return *c->p++;
    }
    return cursor_varint(c);
}

static inline uint64_t load_difference(struct cursor *c, uint64_t base)
{
    uint64_t zigzag = load_varint(c);
    return base + (zigzag >> 1 ^ (0 - (zigzag & 1)));
}

static inline uint8_t load_u8(struct cursor *c)
{
    if (c->failed || c->left == 0) {
        c->failed = true;
        return 0;
    }
    c->left--;
    return *c->p++;
}

/* A varint that must be at most max: otherwise the cursor fails. */
static inline uint64_t load_capped(struct cursor *c, uint64_t max)
{
    uint64_t value = load_varint(c);
    if (value > max) {
        c->failed = true;
        return 0;
    }
    return value;
}

/* A length of at most max, then that many bytes (borrowed); empty when the cursor fails. */
static inline struct bytes load_string(struct cursor *c, size_t max)
{
    uint64_t size = load_varint(c);
    if (c->failed || size > max || size > c->left) {
        c->failed = true;
        return (struct bytes){NULL, 0};
    }
    struct bytes bytes = {c->p, (size_t)size};
    c->p += size;
    c->left -= (size_t)size;
    return bytes;
}

/* ---- Extents ---- */

/* Store an extent (at most EXTENT_ENCODED_MAX bytes); returns the end. */
uint8_t *extent_store(uint8_t *p, const struct extent *extent);
/* Load one; the cursor fails if it is none that the format allows. */
void extent_load(struct cursor *c, struct extent *ret);
/* May this extent be written? */
bool extent_is_valid(const struct extent *extent);
/* Told of every blob of an extent tree when a walk asks for them; NULL otherwise. Used by manifest_walk_blobs. */
void extent_reader_set_callback(struct extent_reader *reader, manifest_blob_callback *callback, void *context);

/* ---- What a manifest takes ---- */

/* The last entry that was taken. All-zero: none was. */
struct manifest_place {
    bool any;
    struct buf dir;
    struct buf name;
    uint64_t bytes; /* of the files so far */
};
void manifest_place_release(struct manifest_place *place);
/*
 * Is this an entry that may come next? ERROR_INTERNAL if it may not follow the one before or cannot be told in the
 * format, ERROR_SOURCE if a part of it is longer than a snapshot can hold; then the place is what it was.
 */
MUST_USE int manifest_place_take(struct manifest_place *place, const struct entry *entry, struct error *err);

/* ---- Where leaves and nodes end ---- */

/* In front of an entry of the same folder as the one before. */
#define MANIFEST_SAME_FOLDER UINT64_MAX

/* What lies in front of an entry, or child: how fit a place it is for a leaf, or node, to end. */
struct manifest_gap {
    uint64_t depth; /* of the folder that the neighbours are both below, or MANIFEST_SAME_FOLDER */
    bool leads;     /* no gap as shallow, or shallower, follows soon */
    uint32_t rank;  /* keyed hash of the name behind it */
};

/*
 * Decides for a row of entries, or children, in front of which ones it is cut, from the gaps within reach alone: what
 * is far from a change is cut as before. Decisions lag behind by up to two reaches.
 */
struct manifest_cutter {
    size_t reach;
    struct manifest_gap *gaps; /* of the latest, by number modulo room */
    size_t room;
    uint64_t pushed;
    uint64_t led;  /* gaps before this one know whether they lead */
    uint64_t next; /* the first that is not decided */
};
/* `mean`: how many shall lie between cuts. All-zero is a cutter that can be released. */
MUST_USE int manifest_cutter_init(struct manifest_cutter *cutter, unsigned mean, struct error *err);
void manifest_cutter_release(struct manifest_cutter *cutter);
/* How many can be undecided at once. */
size_t manifest_cutter_lag(const struct manifest_cutter *cutter);
/* The next one's gap. The first one's does not count. */
void manifest_cutter_push(struct manifest_cutter *cutter, uint64_t depth, uint32_t rank);
/*
 * Is the first undecided one decided now (with `at_end`: nothing follows)? Then *ret_cut and the depth of its gap, and
 * on to the next one.
 */
bool manifest_cutter_next(struct manifest_cutter *cutter, bool at_end, bool *ret_cut, uint64_t *ret_depth);

/* ---- Leaves ---- */

struct leaf_owner {
    uint32_t uid;
    uint32_t gid;
    struct bytes user;
    struct bytes group;
};

/* The same while it is written: places instead of pointers, because the rows move as they grow. */
struct leaf_owner_row {
    uint32_t uid;
    uint32_t gid;
    size_t user_at;
    size_t user_size;
    size_t group_at;
    size_t group_size;
};

/* One leaf as it is being written. All-zero is an empty one; manifest_leaf_writer_release frees it. */
struct manifest_leaf_writer {
    struct buf entries; /* the part of the names blob behind the owners */
    struct buf times;
    struct buf rows; /* the owners, as the leaf will hold them */
    struct buf blob; /* the sealed names blob */
    struct leaf_owner_row *owners;
    size_t owner_count;
    size_t owner_capacity;
    size_t owner_last; /* most entries have the owner of the one before */
    uint32_t count;
    uint64_t bytes;
    struct buf key; /* path of the first entry  */
    struct buf dir; /* folder of the last entry */
    uint64_t mtime_s;
    uint64_t inode;
};

void manifest_leaf_writer_release(struct manifest_leaf_writer *leaf);
/* Add an entry, which manifest_place_take has taken. Fails only for want of memory; then the leaf is spent. */
MUST_USE int manifest_leaf_add(struct manifest_leaf_writer *leaf, const struct entry *entry, struct error *err);
/* Bytes of the names blob, were it sealed now, give or take a few. */
size_t manifest_leaf_size(const struct manifest_leaf_writer *leaf);
/* Put the names blob together in leaf->blob; the times blob is leaf->times. */
MUST_USE int manifest_leaf_seal(struct manifest_leaf_writer *leaf, struct error *err);
/* Ready for the next leaf. */
void manifest_leaf_reset(struct manifest_leaf_writer *leaf);

/* One leaf as it is being read, entry by entry. All-zero is one without entries. */
struct manifest_leaf_reader {
    struct cursor names;
    struct cursor times;
    bool with_times;
    uint32_t count;
    uint32_t left;
    uint64_t bytes;
    struct bytes first; /* name of the first entry, as the key has it */
    struct buf dir;     /* folder of the last entry */
    struct bytes name;  /* name of the last entry   */
    struct leaf_owner *owners;
    size_t owner_count;
    size_t owner_capacity;
    struct xattr *xattrs;
    size_t xattr_capacity;
    struct extent extents[ENTRY_EXTENTS_INLINE_MAX];
    struct entry entry;
    uint64_t mtime_s;
    uint64_t inode;
};

void manifest_leaf_reader_release(struct manifest_leaf_reader *leaf);
/*
 * Begin a leaf. `key` is the path of its first entry, borrowed with the blobs until the leaf is read to its end; it is
 * empty for the first leaf of a manifest, whose first entry has the empty folder. `times` is NULL to leave times out.
 */
MUST_USE int manifest_leaf_open(struct manifest_leaf_reader *leaf, const struct bytes *key, const struct bytes *names,
                                const struct bytes *times, struct error *err);
/* 1 and *ret (borrowed until the next call), 0 at the end of a sound leaf, -1. */
MUST_USE int manifest_leaf_next(struct manifest_leaf_reader *leaf, const struct entry **ret, struct error *err);

/* ---- Inner nodes ---- */

/* What a node says about a child; its key is the node's. */
struct manifest_child {
    uint64_t entries;
    uint64_t bytes;
    struct blob_id id;
    struct blob_id times; /* at level 1 */
};

/* How far a node has been read. */
struct manifest_node_place {
    struct cursor cursor;
    uint32_t left;
    struct manifest_child child; /* the last child that was read */
};

struct manifest_node_reader {
    struct buf blob;
    struct blob_id id;
    bool loaded;
    uint8_t level;
    uint32_t count;
    struct manifest_node_place place;
    struct buf own; /* the node's key, as the level above has it; empty for the root and the first node of each level */
    struct buf key; /* of the last child; the node's own before the first one */
};

void manifest_node_release(struct manifest_node_reader *node);
/* Stand before the first child of the node in `blob`, whose key is in `own`. */
MUST_USE int manifest_node_begin(struct manifest_node_reader *node, uint8_t level, struct error *err);
/* The next child: there is one (left > 0). */
MUST_USE int manifest_node_next(struct manifest_node_reader *node, struct error *err);
/* Read all children once, so that order and sums are known to be sound before any of them is followed. */
MUST_USE int manifest_node_check(struct manifest_node_reader *node, uint8_t level, const struct bytes *key,
                                 uint64_t *ret_entries, uint64_t *ret_bytes, struct error *err);

/* ---- For fuzzing and tests ---- */

/*
 * Decode a whole leaf and count what it holds: for fuzzing and tests. `times` may be NULL. ERROR_DAMAGED for anything
 * that the format does not allow.
 */
MUST_USE int manifest_leaf_decode(const struct bytes *key, const struct bytes *names, const struct bytes *times,
                                  uint64_t *ret_entries, uint64_t *ret_bytes, struct error *err);
/* The same of an inner node. */
MUST_USE int manifest_node_decode(const struct bytes *key, const struct bytes *node, uint8_t level,
                                  uint64_t *ret_entries, uint64_t *ret_bytes, struct error *err);

#endif
