/*
 * A backup, in two files: backup.c runs the pipeline, which stores what is new, and tells what came of it;
 * backup_commit.c writes the snapshot record, if enough targets hold all that it names (DESIGN: order of writes).
 */
#ifndef HIKAE_OPS_BACKUP_INTERNAL_H
#define HIKAE_OPS_BACKUP_INTERNAL_H

#include "ops/engine.h"
#include "pipeline/backup.h"

struct backup_operation {
    struct hikae *hikae;
    struct session session;
    const struct hikae_backup_options *options;
    struct backup_counters counters;
    struct backup_outcome outcome;
    struct problems problems;
    struct backup_source *sources;
    size_t source_count;
    const struct history_snapshot *parent;
    int64_t started_ns;
    uint64_t counting; /* targets that hold the whole roster */
    struct roster_row *parts;
    size_t part_count;
    bool outdated; /* what it builds on was condemned too long ago: begin again */
};

/* The sources as JSON, for the record: name and specification of each. */
MUST_USE int backup_source_list(const struct backup_operation *run, char **ret, struct error *err);
/*
 * Commit what the pipeline stored: bring orphans to the targets that lack them, count the targets that hold the whole
 * roster, write the record. ERROR_REFUSED if fewer than `min_copies` count; ERROR_BUSY, with run->outdated, if what the
 * run builds on was condemned meanwhile.
 */
MUST_USE int backup_commit(struct backup_operation *run, struct hikae_backup_result *ret, struct error *err);

/*
 * What was condemned while this run went on, parts of the parent's roster that are used again included: lately, then
 * the collector finds it in this snapshot's roster and spares it; longer ago, then it may be gone before the record is
 * seen, and the run must do without it (ERROR_BUSY, with run->outdated: begin again, with a history that knows).
 * *ret_listed_ns: when this was asked, by the machine's clock.
 */
MUST_USE int backup_check_condemned(struct backup_operation *run, int64_t *ret_listed_ns, struct error *err);

/* As hikae_import, but of several files as they are: sources of the kind SOURCE_IMAGE, sorted by name. */
enum hikae_status backup_files(struct hikae *hikae, const char *tenant, const struct backup_source *files, size_t count,
                               const struct hikae_backup_options *options, struct hikae_backup_result *ret,
                               struct hikae_error *error);

#endif
