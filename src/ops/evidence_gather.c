#include "ops/evidence_gather.h"

#include "base/hex.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const char *evidence_body_text(struct arena *arena, const json_t *body, const char *name)
{
    return arena_text(arena, json_string_value(json_object_get(body, name)));
}

int64_t evidence_body_time(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    int64_t ns = 0;
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

/* ---- Tenants ---- */

static int compare_dossiers(const void *a, const void *b)
{
    const struct evidence_dossier *x = a, *y = b;
    return memcmp(x->tid.bytes, y->tid.bytes, ID_SIZE);
}

struct evidence_dossier *evidence_find_dossier(const struct evidence_gathering *gathering, const struct id *tid)
{
    const struct evidence_dossier key = {.tid = *tid};
    return gathering->dossier_count > 0 ? bsearch(&key, gathering->dossiers, gathering->dossier_count,
                                                  sizeof(*gathering->dossiers), compare_dossiers)
                                        : NULL;
}

struct evidence_dossier *evidence_add_dossier(struct evidence_gathering *g, const struct id *tid, const char *name)
{
    struct evidence_dossier *dossier = arena_add(g->arena, &g->dossiers, &g->dossier_count, sizeof(*g->dossiers));
    char hex[2 * ID_SIZE + 1];
    if (dossier == NULL)
        return NULL;
    *dossier = (struct evidence_dossier){.tid = *tid, .tenant.name = name};
    dossier->tenant.id = arena_text(g->arena, hex_encode(tid->bytes, ID_SIZE, hex));
    return dossier;
}

void evidence_sort_dossiers(struct evidence_gathering *g)
{
    if (g->dossier_count > 0)
        qsort(g->dossiers, g->dossier_count, sizeof(*g->dossiers), compare_dossiers);
}

static int add_known(const struct catalog_tenant *row, void *context, struct error *err)
{
    struct evidence_gathering *g = context;
    if (g->options->tenant != NULL && strcmp(g->options->tenant, row->name) != 0)
        return 0;
    struct evidence_dossier *dossier = evidence_add_dossier(g, &row->tid, arena_text(g->arena, row->name));
    if (dossier == NULL)
        return error_no_memory(err);
    dossier->tenant.erased = strcmp(row->state, "erased") == 0;
    dossier->customer = strcmp(row->class, "customer") == 0;
    /* Whose history is read has its policies from there. */
    dossier->policy = arena_text(g->arena, row->policy);
    return g->arena->failed ? error_no_memory(err) : 0;
}

static int list_tenants(struct evidence_gathering *g, struct error *err)
{
    if (engine_tenants(g->hikae, err) != 0)
        return -1;
    if (catalog_tenant_each(g->hikae->catalog, add_known, g, err) != 0)
        return -1;
    evidence_sort_dossiers(g);
    if (evidence_gather_erased(g, err) != 0)
        return -1;
    if (g->dossier_count == 0 && g->options->tenant != NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no tenant %.200s", g->options->tenant);
        return error_hint(err, "`hikae tenant list` shows the tenants");
    }
    return 0;
}

static int compare_tenants(const void *a, const void *b)
{
    const struct evidence_tenant *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int take_tenants(struct evidence_gathering *g, struct error *err)
{
    struct evidence_tenant *tenants = arena_alloc(g->arena, g->dossier_count * sizeof(*tenants));
    if (tenants == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < g->dossier_count; i++) {
        if (cancel_check(&g->hikae->cancel, err) != 0 || evidence_gather_tenant(g, &g->dossiers[i], err) != 0)
            return -1;
    }
    if (evidence_gather_purges(g, err) != 0)
        return -1;
    for (size_t i = 0; i < g->dossier_count; i++)
        tenants[i] = g->dossiers[i].tenant;
    if (g->dossier_count > 0)
        qsort(tenants, g->dossier_count, sizeof(*tenants), compare_tenants);
    g->facts->tenants = tenants;
    g->facts->tenant_count = g->dossier_count;
    return 0;
}

/* ---- All of it ---- */

static void take_arrays(struct evidence_gathering *g)
{
    struct evidence_facts *facts = g->facts;
    facts->versions = g->versions;
    facts->targets = g->targets;
    facts->attestations = g->attestations;
    facts->incidents = g->incidents;
    facts->reviews = g->reviews;
    facts->unmet = g->unmet;
    facts->expiries = g->expiries;
    facts->audits = g->audits;
    g->ret->logs = g->logs;
    g->ret->nonconformities = g->nonconformities;
}

int evidence_gather(struct evidence_gathering *g, struct error *err)
{
    g->store.lock_fd = -1;
    g->facts->now_ns = clock_now_ns();
    if (session_open_store(g->hikae, 0, &g->store, err) != 0 || evidence_gather_store(g, err) != 0 ||
        list_tenants(g, err) != 0 || evidence_gather_audit(g, err) != 0 || evidence_gather_people(g, err) != 0 ||
        take_tenants(g, err) != 0)
        return -1;
    take_arrays(g);
    return g->arena->failed ? error_no_memory(err) : 0;
}

void evidence_gathering_close(struct evidence_gathering *g)
{
    session_close(&g->store);
    hikae_purges_free(&g->purges);
    for (size_t i = 0; i < g->zone_count; i++)
        zone_free(g->zones[i]);
    for (size_t i = 0; i < g->calendar_count; i++)
        calendar_free(g->calendars[i]);
}
