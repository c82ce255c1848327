/*
 * The way of the data, from a tenant's sources to its targets:
 *
 *   walk.c      a folder's entries, in the manifest's order     reading threads
 *   merge.c     against the parent's manifest: unchanged?       scan thread
 *   read.c      bytes into batches, cut into chunks             scan thread
 *   identify.c  blob ids                                        workers
 *   gather.c    look up, gather new blobs into blocks, manifest gather thread
 *   compress.c  blocks, and the check that they open            workers
 *   pack.c      seal blocks into packs, index, segments         pack thread
 *   upload.c    to all targets at once                          a thread a target
 *
 * Between the stages stand bounded queues (batch.h); a buffer belongs to one
 * stage at a time. backup.c starts them, waits, and tells what came of it. It
 * writes packs and segments only: the snapshot record, which commits, is
 * ops/backup.c's.
 */
#ifndef HIKAE_PIPELINE_BACKUP_H
#define HIKAE_PIPELINE_BACKUP_H

#include "pipeline/objects.h"
#include "repo/manifest.h"

enum source_kind { SOURCE_DIRECTORY, SOURCE_IMAGE, SOURCE_COMMAND, SOURCE_ARCHIVE };

struct backup_source {
    const char *name;
    enum source_kind kind;
    const char *path; /* or the command; "-" for an archive on standard input */
    const char *const *exclude;
    size_t exclude_count;
    bool one_file_system;
    bool exclude_caches;
};

/* Parse "dir:PATH", "image:PATH", "archive:PATH", "cmd:COMMAND". ERROR_CONFIG says what is allowed. */
MUST_USE int source_parse(const char *spec, enum source_kind *ret_kind, const char **ret_path, struct error *err);

/* Looked at by a progress display while the run goes on. */
struct backup_counters {
    _Atomic uint64_t entries;
    _Atomic uint64_t files_new, files_changed, files_unchanged;
    _Atomic uint64_t bytes_source;
    _Atomic uint64_t bytes_read;
    _Atomic uint64_t bytes_new;      /* plain bytes of content blobs not known before */
    _Atomic uint64_t bytes_metadata; /* compressed bytes of metadata blocks           */
    _Atomic uint64_t bytes_stored;   /* of objects                                    */
    _Atomic uint64_t objects_stored;
    _Atomic uint64_t errors;
};

struct backup_options {
    struct objects *objects;             /* listed, and its index in step */
    const struct backup_source *sources; /* sorted by name, as bytes */
    size_t source_count;
    const struct manifest_root *parent; /* NULL: none */
    unsigned leaf_mean, fan_out;
    unsigned threads; /* workers; 0: as many as there are cores */
    int level;        /* of zstd */
    size_t pack_size;
    bool verify_writes;
    bool dry_run; /* scan and compare; nothing is read or stored */
    const char *spool_folder;
    uint64_t spool_limit;
    const struct cancel *cancel;
    struct backup_counters *counters;
    /* Told of each entry that could not be read whole, by the scan thread and the walker's, also at the same time. */
    void (*warn)(const struct bytes *path, const struct error *why, void *context);
    void *warn_context;
};

struct backup_outcome {
    struct manifest_root root;
    struct roster roster;        /* sorted: packs and segments that the snapshot needs */
    struct error *target_errors; /* per target: why it was given up (class ERROR_NONE: it was not) */
};

/*
 * Carry it out. On 0, every target that was not given up has acknowledged all new objects (objects->targets[i].present
 * holds them). On -1 everything finished was stored all the same, so that the next run finds it.
 */
MUST_USE int backup_run(const struct backup_options *options, struct backup_outcome *ret, struct error *err);
void backup_outcome_clear(struct backup_outcome *outcome);

#endif
