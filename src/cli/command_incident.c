/* incident open, list, show, note, notice, template, close; nonconformity list, close. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Showing ---- */

static enum colour colour_of(const char *state)
{
    if (strcmp(state, "met") == 0)
        return COLOUR_GREEN;
    return strcmp(state, "late") == 0 || strcmp(state, "missed") == 0 ? COLOUR_RED : COLOUR_YELLOW;
}

static void json_deadlines(struct out *out, json_t *object, const struct hikae_incident *item)
{
    json_t *array = out_array(out, object, "deadlines");
    for (size_t i = 0; i < item->deadline_count; i++) {
        const struct hikae_incident_deadline *deadline = &item->deadlines[i];
        json_t *row = out_item(out, array);
        if (row == NULL)
            return;
        out_text(out, row, "policy", deadline->policy);
        out_text(out, row, "from", deadline->from);
        out_text(out, row, "within", deadline->within);
        out_text(out, row, "strength", deadline->strength);
        out_time(out, row, "due", deadline->due_ns);
        out_bool(out, row, "reckoned", deadline->by_rule);
        out_time(out, row, "met", deadline->met_ns);
        out_text(out, row, "state", deadline->state);
        json_t *channels = out_array(out, row, "channels");
        for (size_t k = 0; k < deadline->channel_count; k++)
            out_item_text(out, channels, deadline->channels[k]);
    }
}

static void json_events(struct out *out, json_t *object, const struct hikae_incident *item)
{
    json_t *array = out_array(out, object, "events");
    for (size_t i = 0; i < item->event_count; i++) {
        const struct hikae_incident_event *event = &item->events[i];
        json_t *row = out_item(out, array);
        if (row == NULL)
            return;
        out_text(out, row, "event", event->event);
        out_time(out, row, "time", event->time_ns);
        out_text(out, row, "who", event->who);
        out_text(out, row, "text", event->text);
        out_text(out, row, "stage", event->stage);
        out_text(out, row, "channel", event->channel);
        out_time(out, row, "at", event->at_ns);
    }
}

static void json_incident(struct out *out, json_t *object, const struct hikae_incident *item)
{
    out_text(out, object, "id", item->id);
    out_text(out, object, "kind", item->kind);
    out_text(out, object, "state", item->open ? "open" : "closed");
    out_text(out, object, "title", item->title);
    out_text(out, object, "severity", item->severity);
    out_text(out, object, "about", item->about);
    out_text(out, object, "policy", item->policy);
    out_text(out, object, "subject", item->subject);
    out_time(out, object, "occurred", item->occurred_ns);
    out_time(out, object, "aware", item->aware_ns);
    out_time(out, object, "confirmed", item->confirmed_ns);
    out_time(out, object, "opened", item->opened_ns);
    out_time(out, object, "closed", item->closed_ns);
    out_time(out, object, "logs_from", item->logs_from_ns);
    out_text(out, object, "cause", item->cause);
    out_text(out, object, "correction", item->correction);
    json_t *tenants = out_array(out, object, "tenants");
    for (size_t i = 0; i < item->tenant_count; i++)
        out_item_text(out, tenants, item->tenants[i].name);
    json_deadlines(out, object, item);
    json_events(out, object, item);
}

static void json_incidents(struct run *run, const struct hikae_incidents *incidents)
{
    json_t *array = out_array(&run->out, NULL, "incidents");
    for (size_t i = 0; i < incidents->count; i++) {
        json_t *object = out_item(&run->out, array);
        if (object == NULL)
            return;
        json_incident(&run->out, object, &incidents->items[i]);
    }
}

/* "acme, and 3 more" (fresh memory); NULL: of none. */
static char *some_tenants(const struct hikae_incident *item)
{
    if (item->tenant_count == 0)
        return NULL;
    return item->tenant_count == 1 ? mem_strdup(item->tenants[0].name)
                                   : mem_printf("%s, +%zu", item->tenants[0].name, item->tenant_count - 1);
}

/* The deadline that wants most attention: one that is missed, else the next one that is open, else any. */
static const struct hikae_incident_deadline *next_deadline(const struct hikae_incident *item)
{
    const struct hikae_incident_deadline *next = NULL;
    for (size_t i = 0; i < item->deadline_count; i++) {
        const struct hikae_incident_deadline *deadline = &item->deadlines[i];
        bool wants = strcmp(deadline->state, "open") == 0 || strcmp(deadline->state, "missed") == 0;
        bool had = next != NULL && (strcmp(next->state, "open") == 0 || strcmp(next->state, "missed") == 0);
        if (next == NULL || (wants && (!had || deadline->due_ns < next->due_ns)))
            next = deadline;
    }
    return next;
}

static void print_incidents(struct run *run, const struct hikae_incidents *incidents)
{
    static const char *const heads[] = {"ID", "STATE", "SEVERITY", "OPENED", "TENANTS", "NOTICE DUE", "", "WHAT", NULL};
    struct columns columns CLEANUP(columns_free);
    char text[TEXT_SMALL];
    columns_start(&columns, heads);
    for (size_t i = 0; i < incidents->count; i++) {
        const struct hikae_incident *item = &incidents->items[i];
        const struct hikae_incident_deadline *next = next_deadline(item);
        char CLEANUP_FREE *tenants = some_tenants(item);
        columns_add(&columns, item->id);
        columns_add_colour(&columns, item->open ? "open" : "closed", item->open ? COLOUR_YELLOW : COLOUR_GREEN);
        columns_add(&columns, item->severity);
        columns_add(&columns, text_time(item->opened_ns, text));
        columns_add(&columns, tenants);
        columns_add(&columns, next != NULL && next->due_ns != 0 ? text_time(next->due_ns, text) : NULL);
        columns_add_colour(&columns, next != NULL ? next->state : NULL,
                           next != NULL ? colour_of(next->state) : COLOUR_NONE);
        columns_add(&columns, hikae_incident_title(item, run->lang == LANG_JA));
    }
    run_table(run, &columns);
}

/* Nobody is told of a nonconformity by a certain day; whose promise it was, and since when, is what matters. */
static void print_nonconformities(struct run *run, const struct hikae_incidents *incidents)
{
    static const char *const heads[] = {"ID", "STATE", "SINCE", "OPENED", "POLICY", "TENANTS", "WHAT", NULL};
    struct columns columns CLEANUP(columns_free);
    char text[TEXT_SMALL];
    columns_start(&columns, heads);
    for (size_t i = 0; i < incidents->count; i++) {
        const struct hikae_incident *item = &incidents->items[i];
        char CLEANUP_FREE *tenants = some_tenants(item);
        char CLEANUP_FREE *what =
            mem_printf("%s%s%s", hikae_incident_title(item, run->lang == LANG_JA), item->subject != NULL ? ": " : "",
                       item->subject != NULL ? item->subject : "");
        columns_add(&columns, item->id);
        columns_add_colour(&columns, item->open ? "open" : "closed", item->open ? COLOUR_YELLOW : COLOUR_GREEN);
        columns_add(&columns, text_time(item->occurred_ns, text));
        columns_add(&columns, text_time(item->opened_ns, text));
        columns_add(&columns, item->policy);
        columns_add(&columns, tenants);
        columns_add(&columns, what);
    }
    run_table(run, &columns);
}

static void print_all(struct run *run, const struct hikae_incidents *incidents)
{
    bool is_nonconformity = incidents->count > 0 && strcmp(incidents->items[0].kind, HIKAE_NONCONFORMITY) == 0;
    if (is_nonconformity)
        print_nonconformities(run, incidents);
    else
        print_incidents(run, incidents);
}

static void print_deadlines(struct run *run, const struct hikae_incident *item)
{
    static const char *const heads[] = {"POLICY", "WITHIN", "FROM", "", "DUE", "STATE", "GIVEN", NULL};
    struct columns columns CLEANUP(columns_free);
    char text[TEXT_SMALL];
    columns_start(&columns, heads);
    for (size_t i = 0; i < item->deadline_count; i++) {
        const struct hikae_incident_deadline *deadline = &item->deadlines[i];
        columns_add(&columns, deadline->policy);
        columns_add(&columns, deadline->within);
        columns_add(&columns, deadline->from);
        columns_add(&columns, deadline->strength);
        columns_add(&columns, deadline->due_ns != 0 ? text_time(deadline->due_ns, text) : NULL);
        columns_add_colour(&columns, deadline->state, colour_of(deadline->state));
        columns_add(&columns, deadline->met_ns != 0 ? text_time(deadline->met_ns, text) : NULL);
    }
    run_table(run, &columns);
}

static void print_events(struct run *run, const struct hikae_incident *item)
{
    static const char *const heads[] = {"RECORDED", "WHO", "WHAT", "CHANNEL", "TEXT", NULL};
    struct columns columns CLEANUP(columns_free);
    char text[TEXT_SMALL];
    columns_start(&columns, heads);
    for (size_t i = 0; i < item->event_count; i++) {
        const struct hikae_incident_event *event = &item->events[i];
        columns_add(&columns, text_time(event->time_ns, text));
        columns_add(&columns, event->who);
        columns_add(&columns, event->stage != NULL ? event->stage : event->event);
        columns_add(&columns, event->channel);
        columns_add(&columns, event->text);
    }
    run_table(run, &columns);
}

/* One of them, after an act or to be shown. */
static void show(struct run *run, const struct hikae_incidents *found)
{
    if (run->out.json) {
        if (found->count > 0)
            json_incident(&run->out, NULL, &found->items[0]);
        if ((run->command->flags & COMMAND_DRY) != 0)
            out_bool(&run->out, NULL, "dry_run", run_has(run, DRY_RUN));
        return;
    }
    print_all(run, found);
    if (found->count == 0)
        return;
    if (found->items[0].deadline_count > 0)
        print_deadlines(run, &found->items[0]);
    print_events(run, &found->items[0]);
}

static enum hikae_status shown(struct run *run, enum hikae_status status, struct hikae_incidents *found)
{
    if (status <= HIKAE_WARNINGS) {
        show(run, found);
        if (run_has(run, DRY_RUN))
            run_say(run, MSG_DRY_RUN, NULL);
    }
    hikae_incidents_free(found);
    return status;
}

static enum hikae_status list(struct run *run, const char *kind, enum message some, enum message none)
{
    struct hikae_incidents incidents = {0};
    char text[TEXT_SMALL];
    enum hikae_status status =
        hikae_incident_list(run->hikae, kind, NULL, run_has(run, "all"), &incidents, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json)
        json_incidents(run, &incidents);
    else if (incidents.count > 0)
        print_all(run, &incidents);
    run_say(run, incidents.count > 0 ? some : none, text_count(incidents.count, text));
    hikae_incidents_free(&incidents);
    return status;
}

enum hikae_status command_incident_list(struct run *run)
{
    return list(run, HIKAE_INCIDENT, MSG_INCIDENTS, MSG_INCIDENTS_NONE);
}

enum hikae_status command_nonconformity_list(struct run *run)
{
    return list(run, HIKAE_NONCONFORMITY, MSG_NONCONFORMITIES, MSG_NONCONFORMITIES_NONE);
}

enum hikae_status command_incident_show(struct run *run)
{
    struct hikae_incidents found = {0};
    enum hikae_status status = hikae_incident_list(run->hikae, NULL, run->args[0], true, &found, &run->error);
    return shown(run, status, &found);
}

/* ---- Acts ---- */

/* An option that is a time; 0 where it is not given. */
static enum hikae_status take_time(struct run *run, const char *option, int64_t *ret_ns)
{
    const char *text = run_option(run, option);
    *ret_ns = 0;
    return text != NULL ? value_time(run, option, text, ret_ns) : HIKAE_OK;
}

enum hikae_status command_incident_open(struct run *run)
{
    struct hikae_incidents found = {0};
    struct hikae_incident_options options = {.title = run_option(run, "title"),
                                             .severity = run_option(run, "severity"),
                                             .about = run_option(run, "event"),
                                             .who = run_option(run, "who"),
                                             .text = run_option(run, "text"),
                                             .dry_run = run_has(run, DRY_RUN)};
    if (take_time(run, "occurred", &options.occurred_ns) != HIKAE_OK ||
        take_time(run, "aware", &options.aware_ns) != HIKAE_OK ||
        take_time(run, "confirmed", &options.confirmed_ns) != HIKAE_OK ||
        take_time(run, "logs-from", &options.logs_from_ns) != HIKAE_OK)
        return HIKAE_USAGE;
    CLEANUP_FREE const char **tenants = run_all(run, "tenant", &options.tenant_count);
    CLEANUP_FREE const char **policies = run_all(run, "policy", &options.policy_count);
    if (tenants == NULL || policies == NULL)
        return HIKAE_INTERNAL;
    options.tenants = tenants;
    options.policies = policies;
    return shown(run, hikae_incident_open(run->hikae, &options, &found, &run->error), &found);
}

enum hikae_status command_incident_note(struct run *run)
{
    struct hikae_incidents found = {0};
    struct hikae_incident_note note = {.who = run_option(run, "who"),
                                       .text = run_option(run, "text"),
                                       .severity = run_option(run, "severity"),
                                       .dry_run = run_has(run, DRY_RUN)};
    if (take_time(run, "confirmed", &note.confirmed_ns) != HIKAE_OK)
        return HIKAE_USAGE;
    CLEANUP_FREE const char **tenants = run_all(run, "tenant", &note.tenant_count);
    if (tenants == NULL)
        return HIKAE_INTERNAL;
    note.tenants = tenants;
    return shown(run, hikae_incident_note(run->hikae, run->args[0], &note, &found, &run->error), &found);
}

enum hikae_status command_incident_notice(struct run *run)
{
    struct hikae_incidents found = {0};
    struct hikae_incident_notice notice = {.who = run_option(run, "who"),
                                           .stage = run_option(run, "stage"),
                                           .channel = run_option(run, "channel"),
                                           .text = run_option(run, "text"),
                                           .dry_run = run_has(run, DRY_RUN)};
    if (take_time(run, "at", &notice.at_ns) != HIKAE_OK)
        return HIKAE_USAGE;
    return shown(run, hikae_incident_notice(run->hikae, run->args[0], &notice, &found, &run->error), &found);
}

static enum hikae_status close_one(struct run *run, const char *kind)
{
    struct hikae_incidents found = {0};
    const struct hikae_incident_closing closing = {.who = run_option(run, "who"),
                                                   .text = run_option(run, "text"),
                                                   .cause = run_option(run, "cause"),
                                                   .correction = run_option(run, "correction"),
                                                   .no_notice = run_option(run, "no-notice"),
                                                   .dry_run = run_has(run, DRY_RUN)};
    return shown(run, hikae_incident_close(run->hikae, kind, run->args[0], &closing, &found, &run->error), &found);
}

enum hikae_status command_incident_close(struct run *run)
{
    return close_one(run, HIKAE_INCIDENT);
}

enum hikae_status command_nonconformity_close(struct run *run)
{
    return close_one(run, HIKAE_NONCONFORMITY);
}

enum hikae_status command_incident_template(struct run *run)
{
    char *text = NULL;
    const struct hikae_incident_text wanted = {.stage = run_option(run, "stage"),
                                               .language = run->lang == LANG_JA ? "ja" : "en",
                                               .tenant = run_option(run, "tenant")};
    enum hikae_status status = hikae_incident_template(run->hikae, run->args[0], &wanted, &text, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json)
        out_text(&run->out, NULL, "text", text);
    else
        (void)out_puts(&run->out, text);
    free(text);
    return status;
}
