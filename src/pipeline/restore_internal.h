/* What the files of a restore share; for pipeline/restore*.c only. */
#ifndef HIKAE_PIPELINE_RESTORE_INTERNAL_H
#define HIKAE_PIPELINE_RESTORE_INTERNAL_H

#include "base/extsort.h"
#include "pipeline/restore.h"

/* ---- restore_place.c ---- */

/* The destination. */
struct place_root {
    int fd;
    bool is_new;    /* this restore made it */
    bool was_empty; /* nothing can be in the way */
    bool walk;      /* the kernel lacks openat2(2) */
};
MUST_USE int place_open(const char *path, bool create, struct place_root *ret, struct error *err);
void place_close(struct place_root *root);
/* A thread's way into the folders of the destination: remembers the last one. */
struct place_cursor {
    const struct place_root *root;
    struct buf path;
    int fd; /* -1: none */
};
void place_cursor_close(struct place_cursor *cursor);
/* A descriptor (borrowed) of the folder `dir`; with `create`, what is missing is made (0700). Never follows a link. */
MUST_USE int place_folder(struct place_cursor *cursor, const struct bytes *dir, bool create, int *ret_fd,
                          struct error *err);
/*
 * The folder of `dir` as above, and `name` as a string for the kernel (out_name has ENTRY_NAME_MAX + 1 bytes).
 * ERROR_DAMAGED for a path that no snapshot may hold, whatever the manifest's reader said of it.
 */
MUST_USE int place_entry(struct place_cursor *cursor, const struct bytes *dir, const struct bytes *name, bool create,
                         int *ret_fd, char *out_name, struct error *err);

/* ---- restore_plan.c, restore_spool.c ---- */

/* A blob that a file wants. Sorted by the first 12 bytes: pack, block, offset, big-endian. */
struct want {
    uint8_t pack[4];
    uint8_t block[4];
    uint8_t offset[4];
    uint32_t size;
    uint64_t entry; /* offset in the spool */
    uint64_t at;    /* offset in the file */
    struct blob_id id;
    uint32_t whole; /* 1: the blob is the whole file */
};

/* Entries on disk, one after the other; read back by offset from any thread. */
struct entry_spool {
    int fd;
    uint64_t size;
    struct buf pending;
};
/* An entry read back: borrows from its own buffers. */
struct spooled {
    struct buf bytes;
    struct xattr *xattrs;
    struct entry entry;
    uint64_t wants; /* blobs that the file waits for */
    bool in_place;  /* the file that is there already holds the rest: only differences are written */
    bool broken;    /* a blob of it is nowhere: it is not restored, and was reported */
};
MUST_USE int spool_read(const struct entry_spool *spool, uint64_t offset, struct spooled *ret, struct error *err);
void spooled_free(struct spooled *spooled);

struct restore_plan {
    struct entry_spool entries;
    struct entry_spool folders; /* 8-byte offsets into entries, in the manifest's order */
    struct entry_spool links;   /* the same of everything that is neither folder nor file */
    struct entry_spool plain;   /* the same of files that wait for no blob */
    struct extsort *wants;
    struct buf encoded; /* used again for each entry */
};
MUST_USE int plan_open(const struct restore_options *options, struct restore_plan *plan, struct error *err);
/* Everything was added: it can be read. */
MUST_USE int plan_close(struct restore_plan *plan, struct error *err);
enum { PLAN_IN_PLACE = 1, PLAN_BROKEN = 2 };
MUST_USE int plan_add_entry(struct restore_plan *plan, const struct entry *entry, uint64_t wants, uint8_t flags,
                            struct error *err);
MUST_USE int plan_list_add(struct entry_spool *list, uint64_t offset, struct error *err);
MUST_USE int plan_make(const struct restore_options *options, const struct place_root *root,
                       struct block_reader *reader, struct restore_plan *ret, struct error *err);
void plan_free(struct restore_plan *plan);
/* The number-th offset of a list. */
MUST_USE int plan_offset(const struct entry_spool *list, uint64_t number, uint64_t *ret, struct error *err);

/* Count an error and tell options->warn. Takes no lock: see meta_warn. */
void restore_warn(const struct restore_options *options, const struct entry *entry, const struct error *why);
/* Does this failure end the run, rather than cost one entry? */
bool restore_is_fatal(const struct error *err);

/* ---- restore_meta.c ---- */

/* Sets owners, modes, extended attributes, times and flags; several threads. */
struct restore_meta;
MUST_USE int meta_new(const struct restore_options *options, const struct place_root *root,
                      struct block_reader *xattr_reader, struct restore_meta **ret, struct error *err);
void meta_free(struct restore_meta *meta);
/*
 * Give the entry's metadata to what lies at `name` in `dir`; `fd` is it opened, or -1 for what is not opened (links,
 * devices). What cannot be set is reported; -1 only for what ends the run.
 */
MUST_USE int meta_apply(struct restore_meta *meta, int fd, int dir, const char *name, const struct entry *entry,
                        struct error *err);
/* Must the flags of a file wait until every hard link to it is made? meta_apply leaves them out then. */
bool meta_flags_wait(const struct entry *entry);
void meta_set_flags(struct restore_meta *meta, int fd, const struct entry *entry);
/* restore_warn, one thread at a time. */
void meta_warn(struct restore_meta *meta, const struct entry *entry, const struct error *why);
/* Report, once, what could not be set for want of privilege or of a capable file system. */
void meta_end(struct restore_meta *meta);

/* ---- restore_file.c ---- */

enum { TEMPORARY_SIZE = 40 };

struct open_file;
struct file_filler {
    const struct restore_options *options;
    const struct place_root *root;
    const struct restore_plan *plan;
    struct restore_meta *meta;
    bool may_replace;                /* something can be in the way, and is to be replaced */
    struct place_cursor link_cursor; /* the way to the first names of hard links */
    pthread_mutex_t mutex;           /* of what follows */
    struct open_file *files;         /* incomplete ones, by their place in the spool */
    struct open_file *idle;          /* of these, open ones that nobody uses now, by their last use */
    size_t open_count;
    int late_fd; /* 8-byte offsets of files whose flags wait; -1: none */
    uint64_t late_count;
};
MUST_USE int file_filler_new(const struct restore_options *options, const struct place_root *root,
                             const struct restore_plan *plan, struct block_reader *xattr_reader,
                             struct file_filler **ret, struct error *err);
void file_filler_free(struct file_filler *filler);
/* Write a checked blob where it belongs; completes the file when it was the last. Several threads; a cursor each. */
MUST_USE int file_fill(struct file_filler *filler, struct place_cursor *cursor, const struct want *want,
                       const uint8_t *bytes, struct error *err);
/* A blob could not be had: the file stays incomplete and is reported once. */
void file_give_up(struct file_filler *filler, const struct want *want, const struct error *why);
/* Create a file that waits for no blob. */
MUST_USE int file_make_plain(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset,
                             struct error *err);
/* After all links: the flags that forbid changes. */
MUST_USE int file_finish_flags(struct file_filler *filler, struct place_cursor *cursor, struct error *err);
/* Files that never got all their blobs are reported here. */
void file_filler_end(struct file_filler *filler);
/* Report what happened to one entry and go on (0), or -1 if it ends the run. */
MUST_USE int file_failed(struct file_filler *filler, const struct entry *entry, const struct error *why,
                         struct error *err);

/* ---- restore_making.c ---- */

/* Where a file is being made, and its entry. */
struct making {
    struct spooled spooled;
    int dir;
    char name[ENTRY_NAME_MAX + 1];
};
/* Under which name to make an entry: its own, or a temporary one (*out) if something is to be replaced by it. */
MUST_USE int file_making_name(struct file_filler *filler, int dir, const char *name, char out[TEMPORARY_SIZE],
                              struct error *err);
/* Read the entry at `offset` of the plan. making_clear when it is no longer needed. */
MUST_USE int making_open(struct file_filler *filler, uint64_t offset, struct making *making, struct error *err);
void making_clear(struct making *making);
/* Find the folder that it goes to. Where a failure is told of already, what this one says may be passed over. */
int making_locate(struct place_cursor *cursor, struct making *making, struct error *err);
/* Create it, perhaps under a temporary name (else ""). */
MUST_USE int making_create(struct file_filler *filler, const struct making *making, char temporary[TEMPORARY_SIZE],
                           int *ret_fd, struct error *err);
/* The file that was there when the plan was made, if it is still the same kind of thing. */
MUST_USE int making_open_in_place(const struct making *making, int *ret_fd, struct error *err);
/* All bytes are there: metadata, and its name. Closes *fd. */
MUST_USE int making_finish(struct file_filler *filler, const struct making *making, uint64_t offset, int *fd,
                           const char *temporary, struct error *err);
/* Remove what was created. */
void making_discard(const struct making *making, const char *temporary);

/* ---- restore_node.c ---- */

/* Create a link, device or fifo. */
MUST_USE int file_make_special(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset,
                               struct error *err);
/* Create a folder; later, its metadata. */
MUST_USE int file_make_folder(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset,
                              struct error *err);
MUST_USE int file_finish_folder(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset,
                                struct error *err);

#endif
