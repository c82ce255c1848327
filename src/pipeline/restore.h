/*
 * Restoring: from a manifest to a folder.
 *
 *   restore_plan.c    walks the manifest, selects, writes the plan to unnamed
 *                     temporary files, looks for what is in the way
 *   restore.c         folders first; then blocks in pack order, each once, by
 *                     several threads; links and devices; folders' metadata last
 *   restore_file.c    files that are being filled, and their metadata
 *   restore_place.c   the destination: no path of a snapshot leads out of it,
 *                     and no link in it is followed
 *
 * Nothing is written before its blob's id was checked. When it returns, files are written and closed; that they are on
 * the disk is left to the system, as tar and cp leave it. Memory does not grow
 * with the number of files. Temporary files lie in the destination, because
 * they hold paths in the clear, as it will.
 */
#ifndef HIKAE_PIPELINE_RESTORE_H
#define HIKAE_PIPELINE_RESTORE_H

#include "pipeline/objects.h"
#include "pipeline/select.h"
#include "repo/manifest.h"

struct restore_counters {
    _Atomic uint64_t entries_total, entries;
    _Atomic uint64_t bytes_total, bytes; /* of files' content */
    _Atomic uint64_t bytes_kept;         /* found in place by a delta restore */
    _Atomic uint64_t bytes_to_fetch;     /* of a dry run: sealed blocks of content */
    _Atomic uint64_t blobs;              /* checked and written */
    _Atomic uint64_t errors;
    _Atomic uint64_t omitted; /* entries that were selected, and left out */
};

struct restore_options {
    struct objects *objects;
    const struct manifest_root *root;
    const char *to;                /* folder; made if missing */
    const struct selection *paths; /* NULL: everything */
    const struct selection *omit;  /* is left out, and links to it; NULL: nothing is */
    bool overwrite;
    bool delta;
    bool no_owner;
    bool dry_run;
    unsigned threads; /* 0: as many as cores */
    const struct cancel *cancel;
    struct restore_counters *counters;
    /* Told of each entry that could not be restored whole; from any thread, one at a time. */
    void (*warn)(const struct bytes *path, const struct error *why, void *context);
    void *warn_context;
};

/* ERROR_NOT_FOUND if nothing matches; ERROR_REFUSED if something is in the way (nothing was written then). */
MUST_USE int restore_run(const struct restore_options *options, struct error *err);

#endif
