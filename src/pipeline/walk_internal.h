/*
 * What the walker's files share: the core (what outlives a walk because
 * entries refer to it), folders with their descriptors, batches of entries,
 * and the reading of one folder (a listing).
 *
 * References go upwards only: an entry belongs to a batch, a batch to a
 * folder, a folder to its parent and to the core. What loses its last
 * reference is freed, whichever thread drops it.
 */
#ifndef HIKAE_PIPELINE_WALK_INTERNAL_H
#define HIKAE_PIPELINE_WALK_INTERNAL_H

#include "pipeline/exclude.h"
#include "pipeline/walk.h"

#include <pthread.h>

enum {
    WALK_BATCH = 256,       /* entries handed over at once: one lock for all of them */
    WALK_FOLDER_FDS = 256,  /* folders kept open at most; others are opened again when needed */
    WALK_NAME_SLOTS = 1024, /* user and group names remembered */
    WALK_NAME_MAX = 255     /* bytes of a user's or group's name */
};

/* ---- The core ---- */

struct name_slot {
    bool known;
    uint32_t id;
    uint8_t size; /* 0: there is no such user or group */
    char name[WALK_NAME_MAX];
};

/* A direct-mapped cache of the names of users, or of groups: its size does not depend on how many there are. */
struct name_cache {
    pthread_mutex_t mutex;
    struct name_slot *slots; /* WALK_NAME_SLOTS */
};

struct walk_core {
    atomic_size_t references;
    struct exclude *exclude;
    bool one_file_system;
    bool exclude_caches;
    const struct cancel *cancel;
    void (*warn)(const struct bytes *path, const struct error *why, void *context);
    void *warn_context;
    pthread_mutex_t warn_mutex; /* warn is called by several threads, one at a time */
    atomic_bool proc_missing;   /* and said so */
    size_t source_size;         /* length of the source's name, the first component of every path */
    struct name_cache users;
    struct name_cache groups;

    pthread_mutex_t folder_mutex;
    struct walk_folder *idle_oldest; /* open folders that nobody uses at the moment, by their last use */
    struct walk_folder *idle_newest;
    size_t open_count;
    size_t open_limit;
};

MUST_USE int walk_core_new(const struct walk_options *options, struct walk_core **ret, struct error *err);
void walk_core_release(struct walk_core *core);

/* ---- Folders ---- */

struct walk_folder {
    atomic_size_t references;
    struct walk_core *core;
    struct walk_folder *parent; /* NULL: the root of the source */
    uint64_t device;
    uint64_t inode;
    size_t path_size; /* bytes of "source/a/b" */
    /* Under the core's folder_mutex: */
    int fd;
    size_t pins;
    struct walk_folder *idle_prev;
    struct walk_folder *idle_next;

    size_t name_size;
    char name[]; /* with a NUL */
};

/* A child of parent (NULL: a root; it takes over the reference to core that the caller holds), not open yet. NULL: no
 * memory. */
struct walk_folder *walk_folder_new(struct walk_core *core, struct walk_folder *parent, const char *name,
                                    size_t name_size, uint64_t device, uint64_t inode);
struct walk_folder *walk_folder_reference(struct walk_folder *folder);
void walk_folder_release(struct walk_folder *folder);
/* Give a root the descriptor that it is reached by, for as long as it lives. */
void walk_folder_set_root_fd(struct walk_folder *folder, int fd);
/*
 * A descriptor of the folder that stays open until walk_folder_unpin; -1 with errno: ESTALE if there is something else
 * now. A folder that had to be closed meanwhile is opened again from the nearest one above that is open.
 */
MUST_USE int walk_folder_pin(struct walk_folder *folder);
void walk_folder_unpin(struct walk_folder *folder);
/* Open the folder `name` of at if it is still this one; -1 with errno as above. */
MUST_USE int walk_folder_open_at(struct walk_core *core, int at, const char *name, uint64_t device, uint64_t inode);
/* Close half of the folders that are open and idle. False if there are none. */
bool walk_folder_make_room(struct walk_core *core);
/* Write the folder's path ("source/a/b", path_size bytes). */
void walk_folder_path(const struct walk_folder *folder, uint8_t *out);

/*
 * Fill *err with "<what> <path below the source>", as ERROR_SOURCE; name NULL: the folder itself, errnum 0: none.
 * Returns -1.
 */
int walk_fail(const struct walk_folder *folder, const struct bytes *name, int errnum, const char *what,
              struct error *err);
#define WALK_REPLACED_HINT "it changed while the source was read; the next run takes what is there then"
/* The same, told to the caller of the walk. */
void walk_warn(const struct walk_folder *folder, const struct bytes *name, int errnum, const char *what);

/* ---- Entries ---- */

struct walk_batch;

struct walk_entry {
    struct entry entry; /* its name is followed by a NUL */
    struct walk_batch *batch;
    void *metadata; /* what walk_read_metadata found */
    uint64_t device;
    uint32_t links;
    bool is_root;
};

/* Entries of one folder, with their names and their folder's path, in one piece of memory. */
struct walk_batch {
    atomic_size_t references; /* one an entry that is not released, one of the walk */
    struct walk_batch *next;
    struct walk_folder *folder;
    size_t memory_size;
    size_t count;
    struct walk_entry entries[];
};

/* An empty batch with room for `entries`, all zero, and `more` bytes behind them (*ret_more). It refers to folder once.
 */
struct walk_batch *walk_batch_new(struct walk_folder *folder, size_t entries, size_t more, uint8_t **ret_more);
/* Give `count` references back. */
void walk_batch_release(struct walk_batch *batch, size_t count);

struct statx;
/* Fill in what statx said. False if it is nothing that a snapshot can hold. */
bool walk_entry_fill(struct walk_entry *entry, const struct statx *st);
/* The name by which the kernel finds it in its batch's folder. */
const char *walk_entry_kernel_name(const struct walk_entry *entry);

/* ---- The reading of one folder ---- */

/* A folder below a listed one that is to be read. */
struct walk_sub {
    uint64_t device;
    uint64_t inode;
    size_t name_at; /* in names, with a NUL */
    size_t name_size;
};

/* The folders below one folder, by name. */
struct walk_subs {
    struct walk_folder *parent;
    size_t count;
    size_t next; /* the first not taken */
    const char *names;
    struct walk_sub list[];
};

void walk_subs_free(struct walk_subs *subs);

struct listed_name {
    uint64_t prefix; /* the first 8 bytes, big-endian, so that one comparison orders most names */
    const char *name;
    size_t size;
    uint8_t type; /* DT_* */
};

/* One folder being read; its buffers are used again for the next. All zero: none. */
struct walk_listing {
    struct walk_folder *folder;
    int fd; /* pinned; -1: it could not be opened, and is taken for empty */
    struct buf raw;
    struct listed_name *names;
    size_t capacity;
    size_t count;
    size_t position;
    struct buf path; /* of the folder below the source, with a '/': for exclusions */
    struct buf subs; /* struct walk_sub */
    struct buf sub_names;
};

/* Read and sort the names of folder. What cannot be read is warned of; -1 only without memory. */
MUST_USE int walk_listing_start(struct walk_listing *listing, struct walk_folder *folder, struct error *err);
/* The next entries, NULL for none; at the end (walk_listing_at_end) there are no more. */
MUST_USE int walk_listing_batch(struct walk_listing *listing, struct walk_batch **ret, struct error *err);
static inline bool walk_listing_at_end(const struct walk_listing *listing)
{
    return listing->position == listing->count;
}
/* Close it, and say which folders are below (NULL: none). */
MUST_USE int walk_listing_finish(struct walk_listing *listing, struct walk_subs **ret, struct error *err);
/* Close it if one is open, and release its buffers. */
void walk_listing_free(struct walk_listing *listing);

#endif
