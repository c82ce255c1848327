/* inventory: the asset register as a table, JSON or CSV. */
#include "cli/command_tenant.h"
#include "cli/text.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

static bool is_provider(const struct hikae_asset *asset)
{
    return strcmp(asset->tenant.class_name, "provider") == 0;
}

/* ---- JSON ---- */

static void json_asset(struct run *run, json_t *item, const struct hikae_asset *asset)
{
    json_tenant(run, item, &asset->tenant);
    out_text(&run->out, item, "responsible", asset->responsible);
    out_number(&run->out, item, "bytes_latest", asset->bytes_latest);
    out_time(&run->out, item, "oldest", asset->oldest_ns);
    out_time(&run->out, item, "newest", asset->newest_ns);
    out_number(&run->out, item, "holds", asset->holds);
    out_number(&run->out, item, "key_generation", asset->key_generation);
    json_t *places = out_array(&run->out, item, "targets");
    for (size_t i = 0; i < asset->place_count; i++) {
        const struct hikae_asset_place *place = &asset->places[i];
        json_t *at = out_item(&run->out, places);
        if (at == NULL)
            return;
        out_text(&run->out, at, "name", place->target);
        out_text(&run->out, at, "country", place->country);
        out_text(&run->out, at, "site", place->site);
        out_bool(&run->out, at, "up", place->up);
        if (place->up) {
            out_number(&run->out, at, "objects", place->objects);
            out_number(&run->out, at, "bytes", place->bytes);
        }
    }
}

static void json_class(struct run *run, const struct hikae_inventory *inventory, const char *key, bool provider)
{
    json_t *array = out_array(&run->out, NULL, key);
    for (size_t i = 0; i < inventory->count; i++) {
        json_t *item = is_provider(&inventory->assets[i]) == provider ? out_item(&run->out, array) : NULL;
        if (item != NULL)
            json_asset(run, item, &inventory->assets[i]);
    }
}

/* ---- CSV, RFC 4180 ---- */

/* A cell that a spreadsheet would take for a formula gets an apostrophe, as they themselves write it. */
static void csv_cell(struct run *run, const char *text, const char *end)
{
    (void)out_puts(&run->out, "\"");
    if (text != NULL && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
        (void)out_puts(&run->out, "'");
    for (const char *p = text != NULL ? text : ""; *p != '\0'; p++) {
        if (*p == '"')
            (void)out_puts(&run->out, "\"");
        (void)out_bytes(&run->out, p, 1);
    }
    (void)out_puts(&run->out, "\"");
    (void)out_puts(&run->out, end);
}

static void csv_number(struct run *run, uint64_t number, const char *end)
{
    char CLEANUP_FREE *text = mem_printf("%llu%s", (unsigned long long)number, end);
    if (text == NULL)
        run->out.no_memory = true;
    else
        (void)out_puts(&run->out, text);
}

static void csv_time(struct run *run, int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    (void)out_puts(&run->out, ns != 0 ? clock_format(ns, text) : "");
    (void)out_puts(&run->out, ",");
}

static char *join_sources(const struct hikae_tenant *tenant)
{
    char *joined = mem_strdup("");
    for (size_t i = 0; joined != NULL && i < tenant->source_count; i++) {
        char *longer =
            mem_printf("%s%s%s=%s", joined, i > 0 ? "; " : "", tenant->sources[i].name, tenant->sources[i].spec);
        mem_free(joined);
        joined = longer;
    }
    return joined;
}

static void csv_place(struct run *run, const struct hikae_asset *asset, const struct hikae_asset_place *place,
                      uint32_t epoch)
{
    const struct hikae_tenant *tenant = &asset->tenant;
    char CLEANUP_FREE *sources = join_sources(tenant);
    const char *const texts[] = {tenant->class_name, tenant->name, tenant->id,    tenant->state,  tenant->policy,
                                 asset->responsible, sources,      place->target, place->country, place->site};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        csv_cell(run, texts[i], ",");
    csv_number(run, tenant->snapshots, ",");
    csv_time(run, asset->oldest_ns);
    csv_time(run, asset->newest_ns);
    csv_number(run, asset->bytes_latest, ",");
    if (place->up) {
        csv_number(run, place->objects, ",");
        csv_number(run, place->bytes, ",");
    } else {
        (void)out_puts(&run->out, ",,");
    }
    csv_number(run, asset->holds, ",");
    csv_number(run, asset->key_generation, ",");
    csv_number(run, epoch, "\r\n");
}

static void print_csv(struct run *run, const struct hikae_inventory *inventory)
{
    (void)out_puts(&run->out, run_has(run, "bom") ? BYTE_ORDER_MARK : "");
    (void)out_puts(&run->out, "class,tenant,id,state,policy,responsible,sources,target,country,site,snapshots,oldest,"
                              "newest,bytes_latest,objects,bytes_stored,holds,key_generation,key_epoch\r\n");
    for (size_t i = 0; i < inventory->count; i++)
        for (size_t j = 0; j < inventory->assets[i].place_count; j++)
            csv_place(run, &inventory->assets[i], &inventory->assets[i].places[j], inventory->key_epoch);
}

/* ---- For people ---- */

static char *describe_places(const struct hikae_asset *asset)
{
    char *joined = mem_strdup(""), text[TEXT_SMALL];
    for (size_t i = 0; joined != NULL && i < asset->place_count; i++) {
        const struct hikae_asset_place *place = &asset->places[i];
        char *longer =
            mem_printf("%s%s%s (%s%s%s): %s", joined, i > 0 ? ", " : "", place->target,
                       place->country != NULL ? place->country : "??", place->site != NULL ? " " : "",
                       place->site != NULL ? place->site : "", place->up ? text_size(place->bytes, text) : "?");
        mem_free(joined);
        joined = longer;
    }
    return joined;
}

static size_t print_class(struct run *run, const struct hikae_inventory *inventory, const char *head, bool provider)
{
    const char *const heads[] = {head,    "STATE",  "POLICY", ">SNAPSHOTS",  "OLDEST",  "NEWEST",
                                 ">DATA", ">HOLDS", "KEY",    "RESPONSIBLE", "TARGETS", NULL};
    char text[TEXT_SMALL];
    size_t count = 0;
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < inventory->count; i++) {
        const struct hikae_asset *asset = &inventory->assets[i];
        if (is_provider(asset) != provider)
            continue;
        char CLEANUP_FREE *places = describe_places(asset);
        columns_add(&columns, asset->tenant.name);
        columns_add(&columns, asset->tenant.state);
        columns_add(&columns, asset->tenant.policy);
        columns_add(&columns, text_count(asset->tenant.snapshots, text));
        columns_add(&columns, text_time(asset->oldest_ns, text));
        columns_add(&columns, text_time(asset->newest_ns, text));
        columns_add(&columns, text_size(asset->bytes_latest, text));
        columns_add(&columns, text_count(asset->holds, text));
        columns_add(&columns, text_count(asset->key_generation, text));
        columns_add(&columns, asset->responsible);
        columns_add(&columns, places);
        columns.failed = columns.failed || places == NULL;
        count++;
    }
    if (count > 0)
        run_table(run, &columns);
    return count;
}

enum hikae_status command_inventory(struct run *run)
{
    struct hikae_inventory inventory = {0};
    bool csv = run_has(run, "csv");
    enum hikae_status status = hikae_inventory(run->hikae, &inventory, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    char customers[TEXT_SMALL], own[TEXT_SMALL], epoch[TEXT_SMALL];
    if (csv) {
        print_csv(run, &inventory);
    } else if (run->out.json) {
        out_number(&run->out, NULL, "key_epoch", inventory.key_epoch);
        json_class(run, &inventory, "customers", false);
        json_class(run, &inventory, "provider", true);
    } else {
        (void)text_count(print_class(run, &inventory, "CUSTOMER", false), customers);
        (void)text_count(print_class(run, &inventory, "PROVIDER", true), own);
        run_say(run, MSG_INVENTORY, customers, own, text_count(inventory.key_epoch, epoch));
    }
    hikae_inventory_free(&inventory);
    return status;
}
