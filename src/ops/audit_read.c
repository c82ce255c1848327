#include "ops/audit_read.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Zones and periods ---- */

int audit_open_zone(const char *name, struct zone **ret, struct error *err)
{
    if (name == NULL)
        name = "UTC";
    return zone_open(strcmp(name, "JST") == 0 ? "Asia/Tokyo" : name, ret, err);
}

/* Digits that are known to be digits. */
static int number_at(const char *text, size_t count)
{
    int number = 0;
    for (size_t i = 0; i < count; i++)
        number = 10 * number + (text[i] - '0');
    return number;
}

/* "2026", "2026-10", "2026-10-31": its first instant, and the first one after it. */
static bool parse_calendar(const char *text, const struct zone *zone, int64_t *ret_from, int64_t *ret_to)
{
    static const struct {
        const char *form, *rest;
        int64_t months, days;
    } forms[] = {{"####", "-01-01", 12, 0}, {"####-##", "-01", 1, 0}, {"####-##-##", "", 0, 1}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        bool fits = strlen(text) == strlen(forms[i].form);
        for (size_t j = 0; fits && text[j] != '\0'; j++)
            fits = forms[i].form[j] == '#' ? text[j] >= '0' && text[j] <= '9' : text[j] == '-';
        char whole[CLOCK_TEXT_SIZE];
        int64_t utc;
        if (!fits)
            continue;
        (void)snprintf(whole, sizeof(whole), "%s%s", text, forms[i].rest);
        if (clock_parse(whole, &utc, NULL) != 0)
            return false;
        struct zone_time time = {.date = {number_at(whole, 4), number_at(whole + 5, 2), number_at(whole + 8, 2)}};
        *ret_from = zone_instant(zone, &time, NULL);
        *ret_to = zone_add(zone, *ret_from, forms[i].months, forms[i].days);
        return true;
    }
    return false;
}

int audit_parse_period(const char *text, const struct zone *zone, int64_t *ret_from, int64_t *ret_to, struct error *err)
{
    *ret_from = INT64_MIN;
    *ret_to = INT64_MAX;
    if (text == NULL || parse_calendar(text, zone, ret_from, ret_to))
        return 0;
    const char *slash = strchr(text, '/');
    CLEANUP_FREE char *first = slash != NULL ? mem_printf("%.*s", (int)(slash - text), text) : NULL;
    int64_t other;
    if (slash != NULL && first == NULL)
        return error_no_memory(err);
    /* A day as the end is part of the period; an instant is not. */
    if (slash != NULL && (parse_calendar(first, zone, ret_from, &other) || clock_parse(first, ret_from, NULL) == 0) &&
        (parse_calendar(slash + 1, zone, &other, ret_to) || clock_parse(slash + 1, ret_to, NULL) == 0) &&
        *ret_from < *ret_to)
        return 0;
    (void)error_set(err, ERROR_USAGE, "'%.60s' is no period", text);
    return error_hint(err, "write 2026, 2026-10, 2026-10-31, 2026-10-01/2026-10-15, or two instants with '/'");
}

/* ---- Reading ---- */

static int read_logs(struct audit_view *view, const char *wanted, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    for (size_t first = 0, end = 0; audit_objects_next_log(&view->objects, &first, &end);) {
        (void)hex_encode(view->objects.items[first].name.log.bytes, ID_SIZE, hex);
        if (wanted != NULL && strcmp(wanted, hex) != 0)
            continue;
        struct audit_log *grown = mem_realloc(view->logs, (view->log_count + 1) * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        view->logs = grown;
        if (audit_log_read(&view->store.store, &view->objects, first, end, NULL, &grown[view->log_count], NULL, err) !=
            0)
            return -1;
        view->log_count++;
    }
    if (wanted == NULL || view->log_count > 0)
        return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "there is no audit log %.64s", wanted);
    return error_hint(err, "`hikae audit verify` shows the logs");
}

int audit_view_open(struct hikae *hikae, const struct hikae_audit_filter *filter, struct audit_view *ret,
                    struct error *err)
{
    static const struct hikae_audit_filter all;
    struct audit_uploaded uploaded;
    struct error why = {0};
    if (filter == NULL)
        filter = &all;
    *ret = (struct audit_view){.hikae = hikae};
    int rc = audit_open_zone(filter->zone, &ret->zone, err);
    if (rc == 0)
        rc = audit_parse_period(filter->period, ret->zone, &ret->from_ns, &ret->to_ns, err);
    if (rc == 0 && engine_audit_upload(hikae, &uploaded, &why) != 0)
        engine_warn(hikae, "entries that wait here are not shown: %s", why.what);
    if (rc == 0)
        rc = engine_audit_store_open(hikae, &ret->store, err);
    if (rc == 0)
        rc = audit_objects_list(&ret->store.store, NULL, &ret->objects, err);
    if (rc == 0)
        rc = read_logs(ret, filter->log, err);
    if (rc != 0)
        audit_view_close(ret);
    return rc;
}

void audit_view_close(struct audit_view *view)
{
    for (size_t i = 0; i < view->log_count; i++)
        audit_log_clear(&view->logs[i]);
    mem_free(view->logs);
    audit_objects_free(&view->objects);
    engine_audit_store_close(&view->store);
    zone_free(view->zone);
    *view = (struct audit_view){0};
}

int audit_view_log(const struct audit_view *view, const char *log, const struct audit_log **ret, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    struct id own;
    if (engine_audit_own_log(view->hikae, &own, err) != 0)
        return -1;
    if (log == NULL)
        log = hex_encode(own.bytes, ID_SIZE, hex);
    for (size_t i = 0; i < view->log_count; i++) {
        char found[2 * ID_SIZE + 1];
        if (strcmp(hex_encode(view->logs[i].log.bytes, ID_SIZE, found), log) == 0) {
            *ret = &view->logs[i];
            return 0;
        }
    }
    (void)error_set(err, ERROR_NOT_FOUND, "there is no audit log %.64s", log);
    return error_hint(err, "`hikae audit verify` shows the logs");
}

char *audit_view_heads(const struct audit_view *view)
{
    char *text = mem_strdup("");
    for (size_t i = 0; text != NULL && i < view->log_count; i++) {
        const struct audit_log *log = &view->logs[i];
        char origin[AUDIT_ORIGIN_SIZE];
        CLEANUP_FREE char *root = base64_encode(log->head.root.bytes, HASH_SIZE);
        char *more = root != NULL ? mem_printf("%slog %s %llu %s\n", text,
                                               audit_origin(&view->store.store.store, &log->log, origin),
                                               (unsigned long long)log->head.size, root)
                                  : NULL;
        mem_free(text);
        text = more;
    }
    return text;
}

/* ---- Choosing and sorting ---- */

struct chosen {
    struct audit_entry entry;
    uint64_t sequence;
};
struct selection {
    struct chosen *items;
    size_t count, capacity;
};

static void selection_clear(struct selection *selection)
{
    for (size_t i = 0; i < selection->count; i++)
        audit_entry_clear(&selection->items[i].entry);
    mem_free(selection->items);
}

static int compare_chosen(const void *left, const void *right)
{
    const struct chosen *a = left, *b = right;
    if (a->entry.time_ns != b->entry.time_ns)
        return a->entry.time_ns < b->entry.time_ns ? -1 : 1;
    int order = memcmp(a->entry.log.bytes, b->entry.log.bytes, ID_SIZE);
    return order != 0 ? order : (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

/* What the filter means, looked up once. */
struct wanted {
    const struct audit_view *view;
    const struct hikae_audit_filter *filter;
    bool has_tenant, has_class;
    struct id tenant;
    enum audit_class class;
};

static int understand(const struct audit_view *view, const struct hikae_audit_filter *filter, struct wanted *ret,
                      struct error *err)
{
    *ret = (struct wanted){.view = view, .filter = filter};
    if (filter->class_name != NULL && !audit_class_parse(filter->class_name, &ret->class))
        return error_set(err, ERROR_USAGE, "there is no class '%.60s'", filter->class_name);
    if (filter->operation != NULL && !engine_audit_is_operation(filter->operation)) {
        (void)error_set(err, ERROR_USAGE, "there is no operation '%.60s'", filter->operation);
        return error_hint(err, "`hikae audit list` shows their names: restore, \"hold add\", \"keys rotate\", …");
    }
    ret->has_class = filter->class_name != NULL;
    ret->has_tenant = filter->tenant != NULL;
    if (filter->tenant == NULL)
        return 0;
    /* A tenant that is long gone is found by its pseudonym. */
    if (strlen(filter->tenant) == 2 * ID_SIZE && hex_decode(filter->tenant, ID_SIZE, ret->tenant.bytes))
        return 0;
    return engine_tenant_id(view->hikae, filter->tenant, &ret->tenant, err);
}

static bool is_wanted(const struct wanted *wanted, const struct audit_entry *entry)
{
    const struct hikae_audit_filter *filter = wanted->filter;
    if (entry->time_ns < wanted->view->from_ns || entry->time_ns >= wanted->view->to_ns)
        return false;
    if (wanted->has_tenant && (!entry->has_tenant || !id_equal(&entry->tenant, &wanted->tenant)))
        return false;
    if (wanted->has_class && entry->class != wanted->class)
        return false;
    if (filter->operation != NULL && strcmp(filter->operation, entry->operation) != 0)
        return false;
    return !filter->privileged || engine_audit_is_privileged(entry->operation);
}

static int choose(const struct wanted *wanted, const struct audit_log *log, struct selection *selection,
                  struct error *err)
{
    for (uint64_t i = 0; i < log->size; i++) {
        const struct buf *data = &log->leaves[i].data;
        struct audit_entry entry;
        struct error why = {0};
        if (data->size == 0)
            continue;
        if (audit_leaf_parse(data->data, data->size, &entry, &why) != 0) {
            if (why.class != ERROR_DAMAGED) {
                *err = why;
                return -1;
            }
            engine_warn(wanted->view->hikae, "entry %llu of an audit log cannot be read: %s", (unsigned long long)i,
                        why.what);
            continue;
        }
        if (!is_wanted(wanted, &entry)) {
            audit_entry_clear(&entry);
            continue;
        }
        if (selection->count == selection->capacity) {
            size_t capacity = selection->capacity < 64 ? 64 : 2 * selection->capacity;
            struct chosen *items = mem_realloc(selection->items, capacity * sizeof(*items));
            if (items == NULL) {
                audit_entry_clear(&entry);
                return error_no_memory(err);
            }
            selection->items = items;
            selection->capacity = capacity;
        }
        selection->items[selection->count++] = (struct chosen){entry, i};
    }
    return 0;
}

/* ---- Showing ---- */

static int show(const struct audit_view *view, const struct chosen *chosen, hikae_audit_callback *callback,
                void *context, struct error *err)
{
    const struct audit_entry *entry = &chosen->entry;
    char log[2 * ID_SIZE + 1], tenant[2 * ID_SIZE + 1], time[ZONE_TEXT_SIZE];
    CLEANUP_FREE char *counts = NULL;
    CLEANUP_FREE char *details = NULL;
    struct catalog_tenant row = {0};
    if (json_print(entry->counts, &counts, err) != 0 || json_print(entry->details, &details, err) != 0)
        return -1;
    bool named = entry->has_tenant && catalog_tenant_by_id(view->hikae->catalog, &entry->tenant, &row, NULL) == 0;
    const struct hikae_audit_entry shown = {
        .log = hex_encode(entry->log.bytes, ID_SIZE, log),
        .sequence = chosen->sequence,
        .time_ns = entry->time_ns,
        .time = zone_format(view->zone, entry->time_ns, time),
        .operation = entry->operation,
        .class_name = audit_class_name(entry->class),
        .tenant = entry->has_tenant ? hex_encode(entry->tenant.bytes, ID_SIZE, tenant) : NULL,
        .tenant_name = named ? row.name : NULL,
        .user = entry->user,
        .uid = entry->uid,
        .login = entry->login,
        .operator_name = entry->operator_name,
        .host = entry->host,
        .result = entry->result,
        .duration_ns = entry->duration_ns,
        .counts = counts,
        .details = details,
        .privileged = engine_audit_is_privileged(entry->operation),
    };
    int rc = callback(&shown, context);
    catalog_tenant_free(&row);
    return rc == 0 ? 0 : error_set(err, ERROR_INTERRUPTED, "the listing was stopped");
}

int audit_view_each(const struct audit_view *view, const struct hikae_audit_filter *filter,
                    hikae_audit_callback *callback, void *context, uint64_t *ret_count, struct error *err)
{
    struct selection selection CLEANUP(selection_clear) = {0};
    struct wanted wanted;
    *ret_count = 0;
    if (understand(view, filter, &wanted, err) != 0)
        return -1;
    for (size_t i = 0; i < view->log_count; i++)
        if (choose(&wanted, &view->logs[i], &selection, err) != 0)
            return -1;
    if (selection.count > 0)
        qsort(selection.items, selection.count, sizeof(*selection.items), compare_chosen);
    for (size_t i = 0; i < selection.count; i++) {
        if (cancel_check(&view->hikae->cancel, err) != 0 ||
            show(view, &selection.items[i], callback, context, err) != 0)
            return -1;
        ++*ret_count;
    }
    return 0;
}

enum hikae_status hikae_audit_list(struct hikae *hikae, const struct hikae_audit_filter *filter,
                                   hikae_audit_callback *callback, void *context, struct hikae_error *error)
{
    struct error err = {0};
    struct audit_view view;
    uint64_t count;
    int rc = audit_view_open(hikae, filter, &view, &err);
    if (rc == 0) {
        rc = audit_view_each(&view, filter, callback, context, &count, &err);
        audit_view_close(&view);
    }
    return api_result(rc, false, &err, error);
}
