/* inventory: the asset register, customers' data apart from the provider's own. */
#include "base/mem.h"
#include "ops/each.h"
#include "ops/tenant.h"

#include <stdlib.h>
#include <string.h>

static int take_text(const char *from, char **ret, struct error *err)
{
    *ret = from != NULL ? mem_strdup(from) : NULL;
    return from == NULL || *ret != NULL ? 0 : error_no_memory(err);
}

static int take_place(const struct run_target *from, struct hikae_asset_place *to, struct error *err)
{
    const struct target_traits *traits = from->target != NULL ? target_traits(from->target) : NULL;
    to->up = from->up;
    for (size_t i = 0; from->up && i < from->present.listed.count; i++)
        to->bytes += from->present.listed.rows[i].size;
    to->objects = from->up ? from->present.listed.count : 0;
    if (take_text(from->name, &to->target, err) != 0)
        return -1;
    if (traits == NULL)
        return 0;
    return take_text(traits->country, &to->country, err) == 0 ? take_text(traits->site, &to->site, err) : -1;
}

static void take_snapshots(const struct history *history, struct hikae_asset *to)
{
    const struct history_snapshot *latest = history_latest(history);
    to->bytes_latest = latest != NULL ? latest->root.bytes : 0;
    to->newest_ns = latest != NULL ? latest->time_ns : 0;
    for (size_t i = 0; to->oldest_ns == 0 && i < history->snapshot_count; i++)
        if (!history->snapshots[i].retired)
            to->oldest_ns = history->snapshots[i].time_ns;
    to->holds = history->hold_count;
}

static int take_responsible(struct hikae_asset *to, struct error *err)
{
    static const char key[] = "responsible=";
    for (size_t i = 0; i < to->tenant.label_count; i++)
        if (strncmp(to->tenant.labels[i], key, strlen(key)) == 0)
            return take_text(to->tenant.labels[i] + strlen(key), &to->responsible, err);
    return 0;
}

static int take_asset(struct session *session, const struct catalog_tenant *row, struct hikae_asset *to,
                      struct error *err)
{
    struct hikae *hikae = session->hikae;
    if (session_list(session, err) != 0 || tenant_describe(session, row, &to->tenant, err) != 0 ||
        take_responsible(to, err) != 0)
        return -1;
    take_snapshots(&session->chain.history, to);
    to->key_generation = keyring_generation(session->keyring);
    to->places = mem_calloc(hikae->target_count, sizeof(*to->places));
    if (to->places == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < hikae->target_count; i++)
        if (take_place(&hikae->targets[i], &to->places[to->place_count++], err) != 0)
            return -1;
    return 0;
}

struct taking {
    struct engine_rows rows;
    struct hikae_inventory *ret;
    size_t room;
};

static void free_asset(struct hikae_asset *asset)
{
    for (size_t i = 0; i < asset->place_count; i++) {
        mem_free(asset->places[i].target);
        mem_free(asset->places[i].country);
        mem_free(asset->places[i].site);
    }
    mem_free(asset->places);
    mem_free(asset->responsible);
    tenant_free(&asset->tenant);
}

static int look_at_tenant(struct hikae *fork, size_t number, void *item, void *context, struct error *err)
{
    const struct taking *taking = context;
    const struct catalog_tenant *row = &taking->rows.items[number];
    struct session session;
    if (session_open(fork, row->name, 0, &session, err) != 0)
        return -1;
    int rc = take_asset(&session, row, item, err);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "tenant %s", row->name);
}

static int take_tenant(struct hikae *fork, size_t number, void *item, const struct error *why, void *context,
                       struct error *err)
{
    struct taking *taking = context;
    struct hikae_inventory *ret = taking->ret;
    struct hikae_asset *found = item;
    (void)fork;
    (void)number;
    if (why != NULL) {
        *err = *why;
        return -1;
    }
    struct hikae_asset *grown = mem_more(ret->assets, ret->count, &taking->room, sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->assets = grown;
    grown[ret->count++] = *found;
    *found = (struct hikae_asset){0};
    return 0;
}

static void clear_taken(void *item)
{
    free_asset(item);
}

static int compare_assets(const void *a, const void *b)
{
    const struct hikae_asset *x = a, *y = b;
    int order = strcmp(x->tenant.class_name, y->tenant.class_name); /* "customer" comes before "provider" */
    return order != 0 ? order : strcmp(x->tenant.name, y->tenant.name);
}

static int take_inventory(struct hikae *hikae, struct hikae_inventory *ret, struct error *err)
{
    static const struct engine_each work = {sizeof(struct hikae_asset), look_at_tenant, take_tenant, clear_taken};
    struct taking taking = {.ret = ret};
    if (engine_keystore(hikae, err) != 0 || engine_tenants(hikae, err) != 0)
        return -1;
    int rc = engine_rows_living(hikae, &taking.rows, err);
    if (rc == 0)
        rc = engine_each(hikae, &work, taking.rows.count, &taking, err);
    engine_rows_clear(&taking.rows);
    if (rc != 0)
        return -1;
    ret->key_epoch = keystore_epoch(hikae->keystore);
    if (ret->count > 0)
        qsort(ret->assets, ret->count, sizeof(*ret->assets), compare_assets);
    return 0;
}

enum hikae_status hikae_inventory(struct hikae *hikae, struct hikae_inventory *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_inventory){0};
    int rc = take_inventory(hikae, ret, &err);
    bool warnings = false;
    for (size_t i = 0; rc == 0 && i < hikae->target_count; i++)
        warnings = warnings || !hikae->targets[i].up;
    if (rc != 0)
        hikae_inventory_free(ret);
    return api_result(rc, warnings, &err, error);
}

void hikae_inventory_free(struct hikae_inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++)
        free_asset(&inventory->assets[i]);
    mem_free(inventory->assets);
    *inventory = (struct hikae_inventory){0};
}
