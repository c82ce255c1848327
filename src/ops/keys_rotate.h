/*
 * Changing the root epoch of this installation: keystore and configuration
 * together, so that a crash at any point leaves one that opens. Rotation does
 * it for its own sake, a purge to leave tenants' keys behind, and every change
 * of holders needs one, since a root key is never copied.
 */
#ifndef HIKAE_OPS_KEYS_ROTATE_H
#define HIKAE_OPS_KEYS_ROTATE_H

#include "ops/engine.h"

/* An all-zero struct is a plain rotation. */
struct keys_change {
    const struct id *without; /* tenants that are left behind */
    size_t without_count;
    uint32_t at_least; /* the new epoch's number is this or a higher one */
    /* Targets may be away, as long as every key that was ever confirmed must lie on one that is not. */
    bool some_targets;
    /* Asked right before the new epoch comes into force. Not 0: it is given up. */
    int (*commit)(uint32_t before, uint32_t epoch, void *context, struct error *err);
    /*
     * The new epoch is in force, these groups open it; the old one's holders are still there, and the configuration
     * names them. Not 0: they stay, and keys_resume_epoch asks again. NULL: they are destroyed, as far as they can be.
     */
    int (*leave)(const struct holder_group *groups, size_t count, void *context, struct error *err);
    void *context;
    const char *added_group; /* a holder that the new epoch has more … */
    const struct config_member *added;
    const char *removed_group, *removed_name; /* … or that it has no more */
    bool dry_run;
};
struct keys_changed {
    uint32_t before, epoch;
    char *sheet; /* where the new recovery sheet was written (mem_free); NULL: there is none */
    bool left;   /* something of the old epoch could not be destroyed, of which the observer was told */
    struct keystore_destruction old; /* what became of it; empty with `leave` */
};
void keys_changed_clear(struct keys_changed *changed);

/* Finish, or undo, a change that was cut short. *ret_in_force: there was one, and its epoch is in force. */
MUST_USE int keys_resume_epoch(struct hikae *hikae, const struct keys_change *change, bool *ret_in_force,
                               struct error *err);
/*
 * Change it. What was cut short is finished or undone first. Every target must answer, or with `some_targets` most.
 * ERROR_BUSY while another change is under way. Its failure leaves the old epoch in force unless the message says
 * otherwise.
 */
MUST_USE int keys_change_epoch(struct hikae *hikae, const struct keys_change *change, struct keys_changed *ret,
                               struct error *err);

#endif
