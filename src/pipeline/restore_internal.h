/* What the files of a restore share; for pipeline/restore*.c only. */
#ifndef HIKAE_PIPELINE_RESTORE_INTERNAL_H
#define HIKAE_PIPELINE_RESTORE_INTERNAL_H

#include "base/extsort.h"
#include "pipeline/restore.h"

/* ---- restore_place.c ---- */

/* The destination. */
struct place_root {
    int fd;
    bool was_empty; /* nothing can be in the way */
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
/* `name` as a string for the kernel: out has ENTRY_NAME_MAX + 1 bytes. */
const char *place_name(const struct bytes *name, char *out);

/* ---- restore_plan.c ---- */

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
};
MUST_USE int spool_read(const struct entry_spool *spool, uint64_t offset, struct spooled *ret, struct error *err);
void spooled_free(struct spooled *spooled);

struct restore_plan {
    struct entry_spool entries;
    struct entry_spool folders; /* 8-byte offsets into entries, in the manifest's order */
    struct entry_spool links;   /* the same of everything that is neither folder nor file */
    struct entry_spool plain;   /* the same of files that wait for no blob */
    struct extsort *wants;
};
MUST_USE int plan_make(const struct restore_options *options, const struct place_root *root,
                       struct block_reader *reader, struct restore_plan *ret, struct error *err);
void plan_free(struct restore_plan *plan);
/* The number-th offset of a list. */
MUST_USE int plan_offset(const struct entry_spool *list, uint64_t number, uint64_t *ret, struct error *err);

/* ---- restore_file.c ---- */

struct file_filler;
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
/* Create a link, device or fifo. */
MUST_USE int file_make_special(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset,
                               struct error *err);
/* Create a folder; later, its metadata. */
MUST_USE int file_make_folder(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset,
                              struct error *err);
MUST_USE int file_finish_folder(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset,
                                struct error *err);
/* Files that never got all their blobs are reported here. */
void file_filler_end(struct file_filler *filler);

#endif
