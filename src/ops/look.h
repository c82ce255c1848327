/* A view of one snapshot: what looking into it and exporting it share. */
#ifndef HIKAE_OPS_LOOK_H
#define HIKAE_OPS_LOOK_H

#include "ops/engine.h"

struct view {
    struct session session;
    const struct history_snapshot *snapshot;
    struct block_reader *blocks;
    struct buf path;
    struct buf texts;
};
MUST_USE int view_open(struct hikae *hikae, const char *tenant, const struct hikae_which *which, struct view *ret,
                       struct error *err);
void view_close(struct view *view);
MUST_USE int view_manifest(struct view *view, const struct history_snapshot *snapshot, struct manifest_reader **ret,
                           struct error *err);
/* "source/dir/name", terminated, into out. */
MUST_USE int view_path(const struct entry *entry, struct buf *out, struct error *err);
/* Hand an entry to a listing's callback. */
MUST_USE int view_show(struct view *view, const struct entry *entry, char change, hikae_entry_callback *callback,
                       void *context, struct error *err);
MUST_USE int view_cancelled(const struct view *view, struct error *err);
/* A file's bytes, holes as zeros, in order. */
typedef int view_write(const void *bytes, size_t size, void *context, struct error *err);
MUST_USE int view_content(struct view *view, const struct entry *entry, view_write *write, void *context,
                          struct error *err);

#endif
