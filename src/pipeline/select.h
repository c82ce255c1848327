/*
 * Which entries of a snapshot are meant: by paths, and by patterns in the
 * language of exclusions (pipeline/exclude.h). What lies below a folder that is
 * meant is meant too.
 *
 *   home/docs       a text without wildcards is a path from the top of the snapshot, source name first
 *   home/a?.txt     a pattern with a '/' is matched from there too; "**" is any number of folders
 *   *.txt           one without is matched against the names of entries, wherever they lie; cache?/ only of folders
 *   !home/docs/old  takes away what those before it select; if the first one does, all the rest is meant
 *
 * What is no pattern (an open "[") is a path, and a path that is there is found whatever it is made of.
 */
#ifndef HIKAE_PIPELINE_SELECT_H
#define HIKAE_PIPELINE_SELECT_H

#include "repo/entry.h"

enum selection_kind {
    SELECTION_PATTERNS,
    SELECTION_ERASED, /* patterns of which none takes back what another says: a '!' is a character like others */
    SELECTION_PATHS   /* plain paths, sorted as strcmp sorts: however many, each entry is looked up in no time */
};

struct selection;

/* Texts are copied, but for SELECTION_PATHS, where they must outlive it. Without texts *ret is NULL. */
MUST_USE int selection_new(const char *const *texts, size_t count, enum selection_kind kind, struct selection **ret,
                           struct error *err);
void selection_free(struct selection *selection);
static inline void cleanup_selection_free(struct selection **selection)
{
    selection_free(*selection);
}
/* Is the entry of this folder and name meant, or a folder above it? Several threads may ask. NULL: yes. */
bool selection_has(const struct selection *selection, const struct bytes *dir, const struct bytes *name,
                   bool is_directory);
/* Is an entry left out: it, a folder above it, or what it is a hard link to? NULL: no. */
bool selection_omits(const struct selection *selection, const struct entry *entry);
/* If it is one path and nothing else: that path, as the snapshot has it; else NULL. */
const char *selection_path(const struct selection *selection);
/* The first text, to tell people of. NULL: "". */
const char *selection_text(const struct selection *selection);

#endif
