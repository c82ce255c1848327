/* libhikae: snapshots. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_SNAPSHOT_H
#define HIKAE_PUBLIC_SNAPSHOT_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_snapshot {
    char *id;
    int64_t time_ns;
    uint64_t entries;
    uint64_t bytes;
    uint64_t errors;
    char **targets; /* that count for it: record and whole roster */
    size_t target_count;
    int64_t verified_ns; /* 0: never */
    int64_t keep_until_ns;
    char *tag;
    char *host;
    char **kept_by; /* why retention keeps it: "daily 3 of 7: 2026-11-19"; none: the next `retain` drops it */
    size_t kept_by_count;
    bool on_demand;
};
struct hikae_snapshots {
    struct hikae_snapshot *snapshots;
    size_t count;
    size_t heads; /* more than 1: a fork, which the next record merges */
    bool planned; /* kept_by says what retention would do; false: no plan can be made now, nothing would be dropped */
};
enum hikae_status hikae_snapshots(struct hikae *hikae, const char *tenant, struct hikae_snapshots *ret,
                                  struct hikae_error *error);
void hikae_snapshots_free(struct hikae_snapshots *snapshots);
/* tag NULL removes it. */
enum hikae_status hikae_snapshot_tag(struct hikae *hikae, const char *tenant, const char *snapshot, const char *tag,
                                     bool dry_run, struct hikae_error *error);

/*
 * Take a mistaken capture out. HIKAE_REFUSED while a hold is in force, if no complete snapshot would be left, or if
 * nobody answers for it.
 */
enum hikae_status hikae_snapshot_forget(struct hikae *hikae, const char *tenant, const char *snapshot, const char *who,
                                        const char *why, bool dry_run, struct hikae_error *error);

/* Which snapshot: by name (or a unique start of it), or the latest at an instant. All zero: the latest. */
struct hikae_which {
    const char *snapshot;
    bool by_time;
    int64_t at_ns;
};

struct hikae_entry {
    const char *path; /* "source/dir/name", bytes, terminated */
    char type;        /* f d l h c b p s, as in find(1) -type; h a hard link */
    unsigned mode;
    uint32_t uid, gid;
    const char *user, *group; /* "" unknown */
    uint64_t size;
    int64_t mtime_ns;
    const char *link; /* symlinks and hard links; else NULL */
    bool unreadable;
    char change; /* hikae_diff: '+', '-', 'M' (content), 'm' (metadata), 'T' (type); else 0 */
};
/* Not 0 ends the listing with HIKAE_INTERRUPTED. */
typedef int hikae_entry_callback(const struct hikae_entry *entry, void *context);

/* Entries directly in `path` (NULL or "": the sources), or the entry itself if it is no folder; recursive: everything
 * below. */
enum hikae_status hikae_ls(struct hikae *hikae, const char *tenant, const struct hikae_which *which, const char *path,
                           bool recursive, hikae_entry_callback *callback, void *context, struct hikae_error *error);
/* Entries whose name (pattern without '/') or path matches a glob; which NULL fields as above. */
enum hikae_status hikae_find(struct hikae *hikae, const char *tenant, const struct hikae_which *which,
                             const char *pattern, hikae_entry_callback *callback, void *context,
                             struct hikae_error *error);
/* What changed from one snapshot to another. */
enum hikae_status hikae_diff(struct hikae *hikae, const char *tenant, const struct hikae_which *from,
                             const struct hikae_which *to, hikae_entry_callback *callback, void *context,
                             struct hikae_error *error);
/* Not 0 ends it. */
typedef int hikae_write_callback(const void *bytes, size_t size, void *context);
enum hikae_status hikae_cat(struct hikae *hikae, const char *tenant, const struct hikae_which *which, const char *path,
                            hikae_write_callback *callback, void *context, struct hikae_error *error);
/* format: "pax" (default, NULL), "zip", "cpio", "7zip": libarchive's names. */
enum hikae_status hikae_export(struct hikae *hikae, const char *tenant, const struct hikae_which *which,
                               const char *const *paths, size_t path_count, const char *format,
                               hikae_write_callback *callback, void *context, uint64_t *ret_entries,
                               struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
