/*
 * The end of older root epochs of an installation, and what its state folder
 * knows of them. The keystore (keys/keystore.h) destroys; the configuration
 * names what held an epoch until its keys are destroyed.
 *
 * The state folder keeps a floor: an epoch below the highest one that was ever
 * opened here is refused, and so is a number that was begun once. It stops
 * accidents (a target, a keystore, a key file put back from a backup); whoever
 * puts the state folder back too is stopped by the destroyed key only.
 */
#ifndef HIKAE_OPS_EPOCH_H
#define HIKAE_OPS_EPOCH_H

#include "ops/engine.h"

/* ---- epoch.c ---- */

/*
 * Destroy every holder of an older epoch that can be reached from here (keystore_destroy_epoch with all holders of the
 * configuration, those of older epochs among them). May be called again, until epoch_forget.
 */
MUST_USE int epoch_destroy(struct hikae *hikae, uint32_t epoch, struct keystore_destruction *ret, struct error *err);
/* The same questions, and nothing is destroyed. */
MUST_USE int epoch_attest(struct hikae *hikae, uint32_t epoch, struct keystore_destruction *ret, struct error *err);
/* What became of its holders is on record: the configuration and the state folder need not name them any more. */
MUST_USE int epoch_forget(struct hikae *hikae, uint32_t epoch, struct error *err);
/*
 * Warn of each member of an epoch that is not destroyed; true if one is that people cannot end either. With `again`,
 * what people have to destroy has been told before.
 */
bool epoch_tell(struct hikae *hikae, const struct keystore_destruction *destruction, bool again);
/* Are all of its keys gone for good, or for people to destroy? What is only scheduled can be cancelled: ask again. */
bool epoch_is_done(const struct keystore_destruction *destruction);

/* ---- epoch_state.c: what the state folder remembers ---- */

/*
 * The keystore was opened at epoch `live`. ERROR_KEYS if this state folder has seen a later one: a target or a key was
 * put back from a backup. Epochs that ended meanwhile are noted as to be destroyed.
 */
MUST_USE int epoch_state_opened(struct hikae *hikae, uint32_t live, struct error *err);
/* A number that no epoch has had here; noted before the epoch is begun. `highest`: of the targets. */
MUST_USE int epoch_state_begin(struct hikae *hikae, uint32_t highest, bool dry_run, uint32_t *ret, struct error *err);
/* A key is about to be made inside a device for an epoch: noted until the epoch is in force, or the key destroyed. */
MUST_USE int epoch_state_made(struct hikae *hikae, enum holder_kind kind, uint32_t epoch, const json_t *params,
                              struct error *err);
/* Keys that were made for an epoch that a crash kept from coming into force are destroyed. Tells of those that are not.
 */
MUST_USE int epoch_discard_made(struct hikae *hikae, struct error *err);
/* Older epochs whose keys are not known to be destroyed, ascending: *ret (mem_free). */
MUST_USE int epoch_state_ending(struct hikae *hikae, uint32_t **ret, size_t *ret_count, struct error *err);
MUST_USE int epoch_state_ended(struct hikae *hikae, uint32_t epoch, struct error *err);

#endif
