/*
 * A rotation of the root epoch, while it is under way: shared by its plan (keys_rotate_plan.c) and what carries it out
 * (keys_rotate.c).
 */
#ifndef HIKAE_OPS_KEYS_ROTATE_INTERNAL_H
#define HIKAE_OPS_KEYS_ROTATE_INTERNAL_H

#include "ops/keys_rotate.h"

/* A holder that lies in a file made anew for each epoch. */
struct move {
    struct config_member *member; /* of the configuration in memory; its path is the old one */
    char *to;
};

struct rotation {
    struct hikae *hikae;
    const struct keys_change *change;
    struct keys_changed *ret;
    uint32_t before, epoch;
    struct move *moves;
    size_t count;
    bool maybe; /* it failed, but the new epoch may be in force */
    int lock_fd;
};

/* Is it the holder that the new epoch has no more? */
bool rotation_removes(const struct rotation *rotation, const struct config_group *group,
                      const struct config_member *member);
/* Fill in the moves: which files are made anew, under which names. */
MUST_USE int rotation_collect_moves(struct rotation *rotation, struct error *err);
/* Choose the number of the epoch, which is noted as begun but for a dry run, and the names of new files. */
MUST_USE int rotation_plan(struct rotation *rotation, struct error *err);
/* The groups of the new epoch as the keystore wants them: *ret goes to engine_groups_free. */
MUST_USE int rotation_new_groups(struct rotation *rotation, struct holder_group **ret, size_t *ret_count,
                                 struct error *err);

#endif
