/*
 * A rotation of the root epoch, while it is under way: shared by its plan (keys_rotate_plan.c), what carries it out
 * (keys_rotate.c), and what follows when the new epoch is in force, or was cut short (keys_rotate_finish.c).
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

/* ---- keys_rotate_finish.c ---- */

/* The groups of the file, as it is now, become those in memory. */
MUST_USE int rotation_reload_groups(struct hikae *hikae, struct error *err);
/* Whoever wants to bring the old epoch to its end does so while its holders are still named. */
MUST_USE int rotation_leave(const struct rotation *rotation, const struct holder_group *groups, size_t count,
                            struct error *err);
/* Configuration first, then the old keys: whatever is named can be opened at every step. */
MUST_USE int rotation_finish(struct rotation *rotation, struct error *err);
/* Of one that was cut short: *ret_done: the epoch that was begun is in force now, and nothing is left to do. */
MUST_USE int rotation_resume(struct rotation *rotation, bool *ret_done, struct error *err);
/* Keys of older epochs that could not be destroyed when they ended: the holder did not answer, or there was a crash. */
MUST_USE int rotation_end_older(struct rotation *rotation, struct error *err);

#endif
