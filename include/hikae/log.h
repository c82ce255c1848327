/* libhikae: logs of other systems that are kept as promised. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_LOG_H
#define HIKAE_PUBLIC_LOG_H

#include "hikae/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_log_file {
    char *name;
    char sha256[65]; /* of the file as it was taken in, hexadecimal */
    uint64_t bytes;
    uint64_t lines; /* rows of a CSV, without its head */
};
struct hikae_log {
    char *tenant; /* the provider's own, which holds it */
    char *policy; /* of that tenant */
    char *class_name;
    char *source; /* which system: "main" unless it was named */
    char *period; /* "2026-10" */
    /* "kept", "over" (its time is over, and it was dropped), "lost"; of what is due: "waiting", "missing" */
    const char *state;
    char *snapshot; /* NULL: not taken in */
    char *format;   /* "any", "csv", "json" */
    int64_t from_ns, to_ns;
    int64_t due_ns; /* 0: by no certain day */
    int64_t taken_ns;
    int64_t first_ns; /* when the period was taken in for the first time, if it was again; else taken_ns */
    int64_t keep_until_ns;
    bool late; /* the first time was after the due day */
    uint64_t lines, bytes;
    int64_t earliest_ns, latest_ns; /* of the times in it; 0: none could be read */
    struct hikae_log_file *files;
    size_t file_count;
};
struct hikae_logs {
    struct hikae_log *logs; /* by tenant, class, source, period */
    size_t count;
};
void hikae_logs_free(struct hikae_logs *logs);

struct hikae_log_ingest_options {
    const char *tenant;
    const char *class_name;
    const char *source; /* NULL: "main" */
    const char *period; /* "2026-10", in the zone that the policy has for the class */
    const char *const *files;
    size_t file_count;
    const char *time_column; /* of a CSV, or member of JSON; NULL: the first that holds RFC 3339 times */
    const char *again;       /* why a period is taken in once more; NULL: it is not */
    bool dry_run;            /* read and check the files only */
};
/*
 * Take files in as a snapshot with an expiry of its own, and say so in the tenant's history. HIKAE_REFUSED if the
 * tenant is no provider's, its policy keeps no such logs, the period is not over or was taken in already; HIKAE_USAGE
 * if a file is not in the format that the policy promises.
 */
enum hikae_status hikae_log_ingest(struct hikae *hikae, const struct hikae_log_ingest_options *options,
                                   struct hikae_logs *ret, struct hikae_error *error);
/*
 * What was taken in, and what the policies want to be taken in and was not. tenant, class_name NULL: all.
 * HIKAE_WARNINGS if something is missing or lost.
 */
enum hikae_status hikae_log_list(struct hikae *hikae, const char *tenant, const char *class_name,
                                 struct hikae_logs *ret, struct hikae_error *error);

struct hikae_log_export_options {
    const char *tenant; /* NULL: the one that has it */
    const char *class_name;
    const char *source; /* NULL: the only one */
    const char *period;
    const char *zone;        /* "JST", "UTC", "Asia/Tokyo"; NULL: as it is */
    const char *format;      /* "csv", "json"; NULL: as it is */
    const char *time_column; /* whose times are shown in the zone; NULL: the first that holds RFC 3339 times */
};
struct hikae_log_export_result {
    uint64_t files, lines, bytes;
    uint64_t converted; /* times that were shown in another zone */
    uint64_t left;      /* that were in the column and are no RFC 3339 times: they stayed as they are */
    char sha256[65];    /* of what was written */
};
enum hikae_status hikae_log_export(struct hikae *hikae, const struct hikae_log_export_options *options,
                                   hikae_write_callback *callback, void *context, struct hikae_log_export_result *ret,
                                   struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
