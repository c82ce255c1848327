/* Facts of erasures: what became of tenants whose contract ended. */
#include "base/hex.h"
#include "ops/evidence_gather.h"

#include <string.h>

/* The contract whose end the erasure answers: the last that was not cancelled; of an erased tenant one is made up. */
static struct evidence_contract *contract_of(struct evidence_gathering *g, struct evidence_dossier *dossier,
                                             const struct hikae_purge *purge)
{
    for (size_t i = dossier->tenant.contract_count; i > 0; i--)
        if (dossier->contracts[i - 1].cancelled_ns == 0)
            return &dossier->contracts[i - 1];
    if (purge->deadline_ns == 0)
        return NULL; /* erased without the end of a contract: nothing was promised of it */
    struct evidence_contract *made =
        arena_add(g->arena, &dossier->contracts, &dossier->tenant.contract_count, sizeof(*dossier->contracts));
    dossier->tenant.contracts = dossier->contracts;
    if (made != NULL)
        *made = (struct evidence_contract){.ends_ns = purge->tombstone_ns, .deadline_ns = purge->deadline_ns};
    return made;
}

static void take_purge(struct evidence_gathering *g, const struct hikae_purge *purge)
{
    struct id tid;
    struct evidence_dossier *dossier =
        strlen(purge->tenant) == 2 * ID_SIZE && hex_decode(purge->tenant, ID_SIZE, tid.bytes)
            ? evidence_find_dossier(g, &tid)
            : NULL;
    struct evidence_contract *contract = dossier != NULL ? contract_of(g, dossier, purge) : NULL;
    if (contract == NULL || purge->met_ns == 0)
        return;
    contract->erased_ns = purge->met_ns;
    contract->keys = purge->unreadable_ns != 0;
    contract->detail =
        arena_printf(g->arena, "plan %s, %llu objects", purge->plan_hash != NULL ? purge->plan_hash : "-",
                     (unsigned long long)purge->objects);
}

int evidence_gather_purges(struct evidence_gathering *g, struct error *err)
{
    struct hikae_purges purges = {0};
    struct hikae_error why;
    if (hikae_purge_status(g->hikae, NULL, &purges, &why) > HIKAE_WARNINGS)
        return api_failure(&why, err);
    for (size_t i = 0; i < purges.count; i++)
        take_purge(g, &purges.purges[i]);
    hikae_purges_free(&purges);
    return g->arena->failed ? error_no_memory(err) : 0;
}
