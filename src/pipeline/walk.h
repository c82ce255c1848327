/*
 * The walker: a directory tree as a stream of entries in the manifest's order
 * (every folder's children by name, then its subfolders in that order).
 *
 * It uses openat, getdents64 and statx only, never follows a link, never
 * crosses a path by name twice, and holds one sorted folder at a time per
 * reading thread, so that memory does not grow with the number of files. What
 * is read ahead is bounded, and walk_next reads too when nothing is ready.
 * Extended attributes, ACLs and file flags are read only when asked for an
 * entry (walk_read_metadata), because an unchanged entry needs none.
 */
#ifndef HIKAE_PIPELINE_WALK_H
#define HIKAE_PIPELINE_WALK_H

#include "base/cancel.h"
#include "repo/entry.h"

struct walk;
struct walk_entry;

struct walk_options {
    const char *source;         /* the source's name: first component of every entry's folder */
    const char *path;           /* the folder */
    const char *const *exclude; /* patterns in gitignore syntax, relative to path */
    size_t exclude_count;
    bool one_file_system; /* folders on other file systems are entries, and left empty */
    bool exclude_caches;  /* folders with a valid CACHEDIR.TAG (https://bford.info/cachedir/): the folder and its tag
                             only */
    const struct cancel *cancel;
    /*
     * Told of everything that could not be read; the walk goes on. The path is below the source ("dir/name"). It is
     * called by the reading thread and by those that call functions of this header, never by two at the same time.
     */
    void (*warn)(const struct bytes *path, const struct error *why, void *context);
    void *warn_context;
};

/* ERROR_SOURCE if the folder itself cannot be read. Starts the reading thread. */
MUST_USE int walk_open(const struct walk_options *options, struct walk **ret, struct error *err);
/* Stops the threads. Entries taken before stay valid until released. NULL is fine. */
void walk_close(struct walk *walk);
/*
 * The next entry: 1 and *ret (walk_entry_release it), 0 at the end, -1. The first is the root of the source, with
 * an empty folder and the source's name. An entry that disappears meanwhile is left out without a word.
 * For one thread at a time; entries themselves may be used and released by others, also at the same time.
 */
MUST_USE int walk_next(struct walk *walk, struct walk_entry **ret, struct error *err);

/*
 * What statx said, and fstat once it was opened: all of struct entry but user, group, link, xattrs, file_flags and
 * content. Hard links are reported as files with links > 1: finding the first name is the caller's work. Borrowed.
 */
const struct entry *walk_entry_stat(const struct walk_entry *entry);
uint32_t walk_entry_links(const struct walk_entry *entry);
/* Device and inode number: what makes two names the same file. */
void walk_entry_identity(const struct walk_entry *entry, uint64_t *ret_device, uint64_t *ret_inode);
struct stat;
/*
 * Open for reading (O_NOFOLLOW, O_NOATIME where allowed): 0, *ret_fd (the caller's) and what fstat says of it (of the
 * type that the entry has). Where another file took the place of the one that was listed, the entry becomes that one,
 * its identity with it. ERROR_SOURCE.
 */
MUST_USE int walk_entry_open(struct walk_entry *entry, int *ret_fd, struct stat *ret_stat, struct error *err);
/*
 * Fill in what walk_entry_stat leaves out: user and group (cached look-ups), the link of a symlink, xattrs (ACLs
 * among them) and file flags. `fd` is the open file or -1. The result is walk_entry_stat's entry, completed; what it
 * points to lives as long as the entry. What cannot be read (xattrs without permission) is left out and told through
 * warn. ERROR_SOURCE if the entry itself is no longer there: ENOENT, or something else took its place.
 */
MUST_USE int walk_read_metadata(struct walk *walk, struct walk_entry *entry, int fd, struct error *err);
/* Release; NULL is fine. */
void walk_entry_release(struct walk_entry *entry);

#endif
