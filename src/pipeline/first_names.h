/*
 * The first names of files that have several, of one run: every later name of
 * such a file becomes a hard link to it. One thread at a time. Its memory grows
 * with the number of these files.
 */
#ifndef HIKAE_PIPELINE_FIRST_NAMES_H
#define HIKAE_PIPELINE_FIRST_NAMES_H

#include "repo/entry.h"

/* What makes two names the same file. */
struct file_identity {
    uint64_t device;
    uint64_t inode;
};

/* All zero: empty. */
struct first_names {
    struct first_name *table;
};

/* The path of the file's first name ("source/a/b", lives as long as it is remembered): false if there is none yet. */
bool first_names_find(const struct first_names *names, const struct file_identity *file, struct bytes *ret_path);
/* This entry is the first name of a file that has none yet. */
MUST_USE int first_names_add(struct first_names *names, const struct file_identity *file, const struct entry *entry,
                             struct error *err);
/*
 * The name was removed, or given to another file, before it could be read: the next name of the file, if there is one,
 * is its first.
 */
void first_names_forget(struct first_names *names, const struct file_identity *file);
void first_names_free(struct first_names *names);

#endif
