/*
 * An entry: one file, folder, link or device of a snapshot, as the manifest
 * holds it (FORMAT.md §5), the walker finds it and a restore makes it.
 */
#ifndef HIKAE_REPO_ENTRY_H
#define HIKAE_REPO_ENTRY_H

#include "base/buf.h"
#include "base/id.h"

enum entry_type {
    ENTRY_FILE = 1,
    ENTRY_DIRECTORY = 2,
    ENTRY_SYMLINK = 3,
    ENTRY_HARDLINK = 4, /* another name of a file that comes earlier */
    ENTRY_CHARACTER_DEVICE = 5,
    ENTRY_BLOCK_DEVICE = 6,
    ENTRY_FIFO = 7,
    ENTRY_SOCKET = 8
};

enum {
    ENTRY_NAME_MAX = 4096,         /* bytes of one component         */
    ENTRY_PATH_MAX = 1 << 20,      /* bytes of a whole path          */
    ENTRY_LINK_MAX = 1 << 20,      /* bytes of what a link holds     */
    ENTRY_XATTR_INLINE_MAX = 1024, /* longer values are blobs        */
    ENTRY_XATTR_MAX = 1 << 20,     /* bytes of a value               */
    ENTRY_XATTR_COUNT_MAX = 4096,
    ENTRY_XATTR_NAME_MAX = 255,   /* as XATTR_NAME_MAX of Linux     */
    ENTRY_OWNER_NAME_MAX = 1024,  /* bytes of a user or group name  */
    ENTRY_EXTENTS_INLINE_MAX = 16 /* longer lists are trees         */
};

enum extent_kind { EXTENT_DATA = 0, EXTENT_HOLE = 1, EXTENT_ZERO = 2 };

struct extent {
    enum extent_kind kind;
    uint64_t size;     /* bytes of the file that it covers */
    struct blob_id id; /* of EXTENT_DATA                   */
};

struct xattr {
    struct bytes name;
    bool in_blob;
    struct bytes value;  /* !in_blob: the value */
    struct blob_id blob; /* in_blob: the blob that holds it … */
    uint32_t blob_size;  /* … and its length                  */
};

/* Where a file's bytes are. */
struct content {
    /* Up to ENTRY_EXTENTS_INLINE_MAX extents … */
    const struct extent *extents;
    size_t extent_count;
    /* … or, when in_tree, an extent list's root. extent_count is then the number in the whole tree. */
    bool in_tree;
    uint8_t depth;
    struct blob_id root;
};

struct entry {
    struct bytes dir;  /* parent folder in the snapshot: "source/a/b", "" for the root of a source */
    struct bytes name; /* last component */
    enum entry_type type;
    uint16_t mode; /* 07777 */
    uint32_t uid;
    uint32_t gid;
    struct bytes user; /* empty: no name known */
    struct bytes group;
    uint32_t file_flags; /* as FS_IOC_GETFLAGS; 0 none */
    uint64_t size;       /* bytes; of files only */
    int64_t mtime_s;
    uint32_t mtime_ns;
    int64_t ctime_s;
    uint32_t ctime_ns;
    uint64_t inode;
    uint32_t device_major; /* of devices */
    uint32_t device_minor;
    struct bytes link; /* symlink: what it holds; hard link: path in the snapshot of the first name */
    const struct xattr *xattrs;
    size_t xattr_count;
    struct content content;
    bool racy;       /* its times lie so close to its reading that it must be read again next time */
    bool changed;    /* it changed while it was read */
    bool unreadable; /* its content could not be read: it has a name and metadata only */
};

/*
 * The order of the manifest: parent folders component by component, then the
 * name, all as bytes. Negative, 0 or positive.
 */
int entry_path_compare(const struct bytes *dir_a, const struct bytes *name_a, const struct bytes *dir_b,
                       const struct bytes *name_b);
/* The same of folders alone. */
int entry_dir_compare(const struct bytes *a, const struct bytes *b);

/*
 * A copy that owns everything it points to, in one piece of memory; free with entry_free. NULL when out of memory.
 */
struct entry *entry_dup(const struct entry *entry);
void entry_free(struct entry *entry);
/* How much memory such a copy takes; SIZE_MAX if more than there can be. */
size_t entry_size(const struct entry *entry);
/* Such a copy was moved, as bytes, to this memory (aligned as mem_alloc's is): point at what it owns there. */
void entry_settle(struct entry *entry);

/* A name is a component that a snapshot may hold: 1 … ENTRY_NAME_MAX bytes, no '/', no NUL, not "." or "..". */
bool entry_name_is_valid(const struct bytes *name);
/* A path in a snapshot: valid names with a '/' between each two, at most ENTRY_PATH_MAX bytes, at least one name. */
bool entry_path_is_valid(const struct bytes *path);
/* Cut "source/dir/name" into "source/dir" and "name"; without a '/', the folder is empty. Both borrow from path. */
void entry_path_split(const struct bytes *path, struct bytes *ret_dir, struct bytes *ret_name);

#endif
