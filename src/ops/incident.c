/* Incidents and nonconformities as the fold of their records; listing them; what they keep in the audit log. */
#include "ops/incident.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Reading a body ---- */

static const char *text_of(const json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

/* RFC 3339; 0 where there is none, or what is there is no time. */
static int64_t time_of(const json_t *body, const char *name)
{
    int64_t ns = 0;
    struct error ignored = {0};
    const char *text = text_of(body, name);
    return text != NULL && clock_parse(text, &ns, &ignored) == 0 ? ns : 0;
}

static void set_text(const char **to, const json_t *body, const char *name)
{
    const char *text = text_of(body, name);
    if (text != NULL)
        *to = text;
}

static void set_time(int64_t *to, const json_t *body, const char *name)
{
    int64_t ns = time_of(body, name);
    if (ns != 0)
        *to = ns;
}

/* ---- The fold ---- */

static void incident_clear(struct hikae_incident *item)
{
    for (size_t i = 0; i < item->deadline_count; i++)
        mem_free(item->deadlines[i].channels);
    mem_free(item->deadlines);
    mem_free(item->tenants);
    mem_free(item->events);
    json_decref(item->memory);
    *item = (struct hikae_incident){0};
}

void hikae_incidents_free(struct hikae_incidents *incidents)
{
    for (size_t i = 0; i < incidents->count; i++)
        incident_clear(&incidents->items[i]);
    mem_free(incidents->items);
    *incidents = (struct hikae_incidents){0};
}

static int add_tenants(struct hikae_incident *item, const json_t *tenants, struct error *err)
{
    struct hikae_incident_tenant *grown =
        mem_realloc(item->tenants, (item->tenant_count + json_array_size(tenants) + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    item->tenants = grown;
    for (size_t i = 0; i < json_array_size(tenants); i++) {
        const json_t *tenant = json_array_get(tenants, i);
        const char *name = text_of(tenant, "name"), *id = text_of(tenant, "id");
        bool known = name == NULL || id == NULL;
        for (size_t k = 0; !known && k < item->tenant_count; k++)
            known = strcmp(item->tenants[k].id, id) == 0;
        if (!known)
            item->tenants[item->tenant_count++] = (struct hikae_incident_tenant){name, id};
    }
    return 0;
}

static int read_deadline(const json_t *row, struct hikae_incident_deadline *ret, struct error *err)
{
    const json_t *channels = json_object_get(row, "channels");
    *ret = (struct hikae_incident_deadline){.policy = text_of(row, "policy"),
                                            .from = text_of(row, "from"),
                                            .within = text_of(row, "within"),
                                            .strength = text_of(row, "strength"),
                                            .zone = text_of(row, "zone"),
                                            .due_ns = time_of(row, "due"),
                                            .by_rule = json_is_true(json_object_get(row, "by_rule"))};
    ret->channels = mem_calloc(json_array_size(channels) + 1, sizeof(*ret->channels));
    if (ret->channels == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < json_array_size(channels); i++)
        if (json_is_string(json_array_get(channels, i)))
            ret->channels[ret->channel_count++] = json_string_value(json_array_get(channels, i));
    return 0;
}

/* A record states all of them anew, or none. */
static int set_deadlines(struct hikae_incident *item, const json_t *rows, struct error *err)
{
    if (!json_is_array(rows))
        return 0;
    for (size_t i = 0; i < item->deadline_count; i++)
        mem_free(item->deadlines[i].channels);
    mem_free(item->deadlines);
    item->deadline_count = 0;
    item->deadlines = mem_calloc(json_array_size(rows) + 1, sizeof(*item->deadlines));
    if (item->deadlines == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        bool whole = text_of(row, "policy") != NULL && text_of(row, "from") != NULL && text_of(row, "within") != NULL &&
                     text_of(row, "strength") != NULL;
        if (whole && read_deadline(row, &item->deadlines[item->deadline_count++], err) != 0)
            return -1;
    }
    return 0;
}

static int add_event(struct hikae_incident *item, const json_t *body, int64_t time_ns, struct error *err)
{
    struct hikae_incident_event *grown = mem_realloc(item->events, (item->event_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    item->events = grown;
    grown[item->event_count++] = (struct hikae_incident_event){.event = text_of(body, "event"),
                                                               .time_ns = time_ns,
                                                               .who = text_of(body, "who"),
                                                               .text = text_of(body, "text"),
                                                               .stage = text_of(body, "stage"),
                                                               .channel = text_of(body, "channel"),
                                                               .at_ns = time_of(body, "at")};
    return 0;
}

/* What a record adds. The body is kept in the item: texts are borrowed from it. */
static int apply(struct hikae_incident *item, json_t *body, int64_t time_ns, struct error *err)
{
    const char *event = text_of(body, "event");
    if (json_array_append(item->memory, body) != 0)
        return error_no_memory(err);
    if (item->event_count == 0) {
        item->opened_ns = time_ns;
        item->open = true;
    }
    if (strcmp(event, "close") == 0) {
        item->open = false;
        item->closed_ns = time_ns;
    }
    set_text(&item->title, body, "title");
    set_text(&item->severity, body, "severity");
    set_text(&item->about, body, "about");
    set_text(&item->policy, body, "policy");
    set_text(&item->subject, body, "subject");
    set_text(&item->cause, body, "cause");
    set_text(&item->correction, body, "correction");
    set_time(&item->occurred_ns, body, "occurred");
    set_time(&item->aware_ns, body, "aware");
    set_time(&item->confirmed_ns, body, "confirmed");
    set_time(&item->logs_from_ns, body, "logs_from");
    return add_tenants(item, json_object_get(body, "tenants"), err) != 0 ||
                   set_deadlines(item, json_object_get(body, "deadlines"), err) != 0
               ? -1
               : add_event(item, body, time_ns, err);
}

/* When the first notice had been given by a channel (NULL: by any); 0: it was not. */
static int64_t told_ns(const struct hikae_incident *item, const char *channel)
{
    int64_t first_ns = 0;
    for (size_t i = 0; i < item->event_count; i++) {
        const struct hikae_incident_event *event = &item->events[i];
        if (event->stage == NULL || strcmp(event->stage, "first") != 0 || event->at_ns == 0 ||
            (channel != NULL && (event->channel == NULL || strcmp(event->channel, channel) != 0)))
            continue;
        if (first_ns == 0 || event->at_ns < first_ns)
            first_ns = event->at_ns;
    }
    return first_ns;
}

static void judge(const struct hikae_incident *item, struct hikae_incident_deadline *deadline, int64_t now_ns)
{
    deadline->met_ns = deadline->channel_count == 0 ? told_ns(item, NULL) : 0;
    for (size_t i = 0; i < deadline->channel_count; i++) {
        int64_t ns = told_ns(item, deadline->channels[i]);
        if (ns == 0) {
            deadline->met_ns = 0;
            break;
        }
        deadline->met_ns = ns > deadline->met_ns ? ns : deadline->met_ns;
    }
    if (deadline->met_ns != 0)
        deadline->state = deadline->due_ns == 0 || deadline->met_ns < deadline->due_ns ? "met" : "late";
    else if (deadline->due_ns == 0)
        deadline->state = "waiting";
    else
        deadline->state = now_ns < deadline->due_ns ? "open" : "missed";
}

/* ---- Reading all ---- */

static int find_or_add(struct hikae_incidents *incidents, const json_t *body, struct hikae_incident **ret,
                       struct error *err)
{
    const char *kind = text_of(body, "kind"), *id = text_of(body, "id");
    for (size_t i = 0; i < incidents->count; i++)
        if (strcmp(incidents->items[i].id, id) == 0 && strcmp(incidents->items[i].kind, kind) == 0) {
            *ret = &incidents->items[i];
            return 0;
        }
    struct hikae_incident *grown = mem_realloc(incidents->items, (incidents->count + 1) * sizeof(*grown));
    json_t *memory = json_array();
    if (grown == NULL || memory == NULL) {
        incidents->items = grown != NULL ? grown : incidents->items;
        json_decref(memory);
        return error_no_memory(err);
    }
    incidents->items = grown;
    *ret = &grown[incidents->count++];
    **ret =
        (struct hikae_incident){.id = id,
                                .kind = strcmp(kind, HIKAE_NONCONFORMITY) == 0 ? HIKAE_NONCONFORMITY : HIKAE_INCIDENT,
                                .title = "",
                                .about = "",
                                .memory = memory};
    return 0;
}

static int read_body(json_t *body, int64_t time_ns, struct hikae_incidents *ret, struct error *err)
{
    struct hikae_incident *item;
    if (text_of(body, "kind") == NULL || text_of(body, "id") == NULL || text_of(body, "event") == NULL)
        return 0;
    return find_or_add(ret, body, &item, err) != 0 ? -1 : apply(item, body, time_ns, err);
}

static int compare_items(const void *a, const void *b)
{
    const struct hikae_incident *x = a, *y = b;
    if (x->open != y->open)
        return x->open ? -1 : 1;
    if (x->opened_ns != y->opened_ns)
        return x->opened_ns > y->opened_ns ? -1 : 1;
    return strcmp(x->id, y->id);
}

static int read_facts(const struct history *history, struct hikae_incidents *ret, struct error *err)
{
    CLEANUP_FREE const struct history_fact **list = NULL;
    size_t count;
    if (facts_in_order(history, RECORD_INCIDENT, &list, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        json_t *body CLEANUP_JSON = NULL;
        if (json_parse(list[i]->body, strlen(list[i]->body), &body, err) != 0 ||
            read_body(body, list[i]->time_ns, ret, err) != 0)
            return -1;
    }
    return 0;
}

int incidents_read(const struct session *facts, json_t *also, int64_t now_ns, struct hikae_incidents *ret,
                   struct error *err)
{
    *ret = (struct hikae_incidents){0};
    if (read_facts(&facts->chain.history, ret, err) != 0 || (also != NULL && read_body(also, now_ns, ret, err) != 0)) {
        hikae_incidents_free(ret);
        return -1;
    }
    for (size_t i = 0; i < ret->count; i++)
        for (size_t k = 0; k < ret->items[i].deadline_count; k++)
            judge(&ret->items[i], &ret->items[i].deadlines[k], now_ns);
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof(*ret->items), compare_items);
    return 0;
}

int incidents_take(struct hikae_incidents *from, const struct hikae_incident *one, struct hikae_incidents *ret,
                   struct error *err)
{
    ret->items = mem_calloc(1, sizeof(*ret->items));
    if (ret->items == NULL)
        return error_no_memory(err);
    ret->items[ret->count++] = *one;
    from->items[one - from->items] = (struct hikae_incident){0};
    return 0;
}

int incidents_find(const struct hikae_incidents *incidents, const char *kind, const char *id,
                   const struct hikae_incident **ret, struct error *err)
{
    *ret = NULL;
    for (size_t i = 0; i < incidents->count; i++) {
        const struct hikae_incident *item = &incidents->items[i];
        if (id[0] == '\0' || strncmp(item->id, id, strlen(id)) != 0 || (kind != NULL && strcmp(item->kind, kind) != 0))
            continue;
        if (*ret != NULL && strcmp((*ret)->id, id) != 0 && strcmp(item->id, id) != 0)
            return error_set(err, ERROR_USAGE, "several begin with '%.40s'", id);
        if (*ret == NULL || strcmp(item->id, id) == 0)
            *ret = item;
    }
    if (*ret != NULL)
        return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "there is no %s '%.40s'", kind != NULL ? kind : HIKAE_INCIDENT, id);
    return error_hint(err, "`hikae incident list --all` and `hikae nonconformity list --all` show them with their ids");
}

bool incidents_keep(const struct hikae_incidents *incidents, const struct id *tenant, int64_t time_ns)
{
    for (size_t i = 0; i < incidents->count; i++) {
        const struct hikae_incident *item = &incidents->items[i];
        if (!item->open || strcmp(item->kind, HIKAE_INCIDENT) != 0 || time_ns < item->logs_from_ns)
            continue;
        /* What belongs to no tenant (who logged in, which target was added) may tell of any. */
        bool of_it = item->tenant_count == 0 || tenant == NULL;
        for (size_t k = 0; !of_it && k < item->tenant_count; k++) {
            struct id id;
            of_it = !hex_decode(item->tenants[k].id, ID_SIZE, id.bytes) || id_equal(&id, tenant);
        }
        if (of_it)
            return true;
    }
    return false;
}

const struct hikae_incident *incidents_freezing(const struct hikae_incidents *incidents, int64_t logs_to_ns)
{
    for (size_t i = 0; i < incidents->count; i++) {
        const struct hikae_incident *item = &incidents->items[i];
        if (item->open && strcmp(item->kind, HIKAE_INCIDENT) == 0 && item->logs_from_ns < logs_to_ns)
            return item;
    }
    return NULL;
}

/* ---- Listing ---- */

static bool is_wanted(const struct hikae_incident *item, const char *kind, bool all)
{
    return (all || item->open) && (kind == NULL || strcmp(item->kind, kind) == 0);
}

static int list(struct hikae *hikae, const char *kind, const char *id, bool all, struct hikae_incidents *ret,
                struct error *err)
{
    struct session facts;
    struct hikae_incidents known CLEANUP(hikae_incidents_free) = {0};
    const struct hikae_incident *one;
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = incidents_read(&facts, NULL, clock_now_ns(), &known, err);
    session_close(&facts);
    if (rc != 0)
        return -1;
    if (id != NULL)
        return incidents_find(&known, kind, id, &one, err) == 0 ? incidents_take(&known, one, ret, err) : -1;
    ret->items = mem_calloc(known.count + 1, sizeof(*ret->items));
    if (ret->items == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < known.count; i++) {
        if (!is_wanted(&known.items[i], kind, all))
            continue;
        ret->items[ret->count++] = known.items[i];
        known.items[i] = (struct hikae_incident){0};
    }
    return 0;
}

enum hikae_status hikae_incident_list(struct hikae *hikae, const char *kind, const char *id, bool all,
                                      struct hikae_incidents *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_incidents){0};
    int rc = list(hikae, kind, id, all, ret, &err);
    if (rc != 0)
        hikae_incidents_free(ret);
    return api_result(rc, false, &err, error);
}
