/*
 * The keys that an `init` makes inside devices, as its state folder notes them
 * until the store is there: an init that is cut short is begun again in the
 * same folder, and that one destroys them first. `<state>/init.json`:
 * {"v":1, "targets":[URL, …], "made":[{"kind", "epoch", "params"}, …]}.
 */
#ifndef HIKAE_OPS_INIT_MADE_H
#define HIKAE_OPS_INIT_MADE_H

#include "keys/keystore.h"
#include "policy/config.h"

struct init_made {
    const char *state; /* the folder */
    const struct config_target *targets;
    size_t target_count;
};

/* A keystore_made with a struct init_made as context. */
int init_made_note(enum holder_kind kind, uint32_t epoch, const json_t *params, void *context, struct error *err);
/*
 * Destroy what an earlier init noted, through these holders. Call it when all targets were found empty: the notes are
 * of keys that nothing was sealed with only if it wrote to the same ones. ERROR_REFUSED if it wrote to others.
 */
MUST_USE int init_made_discard(const struct init_made *made, const struct holder_group *groups, size_t group_count,
                               struct error *err);
/* The store is there, and the keys are its. */
void init_made_forget(const char *state);

#endif
