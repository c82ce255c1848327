/* tenant add, list, show, set, suspend, resume. */
#include "cli/command_tenant.h"
#include "cli/heads.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

void json_tenant(struct run *run, json_t *object, const struct hikae_tenant *tenant)
{
    out_text(&run->out, object, "name", tenant->name);
    out_text(&run->out, object, "id", tenant->id);
    out_text(&run->out, object, "policy", tenant->policy);
    out_text(&run->out, object, "state", tenant->state);
    out_text(&run->out, object, "class", tenant->class_name);
    out_number(&run->out, object, "snapshots", tenant->snapshots);
    out_time(&run->out, object, "last_snapshot", tenant->last_snapshot_ns);
    json_t *array = out_array(&run->out, object, "sources");
    for (size_t i = 0; i < tenant->source_count; i++) {
        json_t *item = out_item(&run->out, array);
        if (item == NULL)
            return;
        out_text(&run->out, item, "name", tenant->sources[i].name);
        out_text(&run->out, item, "spec", tenant->sources[i].spec);
    }
    out_number(&run->out, object, "priority", tenant->priority);
    json_t *labels = json_object();
    for (size_t i = 0; i < tenant->label_count; i++) {
        const char *equals = strchr(tenant->labels[i], '=');
        char CLEANUP_FREE *key = mem_printf("%.*s", (int)(equals - tenant->labels[i]), tenant->labels[i]);
        if (key != NULL)
            out_text(&run->out, labels, key, equals + 1);
    }
    out_set(&run->out, object, "labels", labels);
    json_t *checks = json_object();
    for (size_t i = 0; i < tenant->check_count; i++) {
        const char *equals = strchr(tenant->checks[i], '=');
        char CLEANUP_FREE *key = mem_printf("%.*s", (int)(equals - tenant->checks[i]), tenant->checks[i]);
        if (key != NULL)
            out_text(&run->out, checks, key, equals + 1);
    }
    out_set(&run->out, object, "checks", checks);
    json_t *limits = json_object();
    out_number(&run->out, limits, "seconds", tenant->limits.seconds);
    out_number(&run->out, limits, "bytes", tenant->limits.bytes);
    out_number(&run->out, limits, "threads", tenant->limits.threads);
    out_set(&run->out, object, "limits", limits);
    out_time(&run->out, object, "not_before", tenant->not_before_ns);
}

static void print_row(const struct run *run, struct columns *columns, const char *name, const char *value)
{
    columns_add(columns, run->lang == LANG_JA ? head_ja(name) : name);
    columns_add(columns, value);
}

static void print_tenant(struct run *run, const struct hikae_tenant *tenant)
{
    static const char *const heads[] = {"TENANT", "", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    columns.heads[1] = tenant->name;
    print_row(run, &columns, "id", tenant->id);
    print_row(run, &columns, "class", tenant->class_name);
    print_row(run, &columns, "policy", tenant->policy);
    print_row(run, &columns, "state", tenant->state);
    print_row(run, &columns, "snapshots", text_count(tenant->snapshots, text));
    print_row(run, &columns, "latest", text_time(tenant->last_snapshot_ns, text));
    for (size_t i = 0; i < tenant->source_count; i++) {
        char CLEANUP_FREE *source = mem_printf("%s = %s", tenant->sources[i].name, tenant->sources[i].spec);
        columns.failed = columns.failed || source == NULL;
        print_row(run, &columns, i == 0 ? "sources" : " ", source);
    }
    print_row(run, &columns, "priority", text_count(tenant->priority, text));
    for (size_t i = 0; i < tenant->label_count; i++)
        print_row(run, &columns, i == 0 ? "labels" : " ", tenant->labels[i]);
    for (size_t i = 0; i < tenant->check_count; i++)
        print_row(run, &columns, i == 0 ? "checks" : " ", tenant->checks[i]);
    if (tenant->limits.seconds > 0)
        print_row(run, &columns, "time limit", text_duration((int64_t)tenant->limits.seconds * NS_PER_S, text));
    if (tenant->limits.bytes > 0)
        print_row(run, &columns, "size limit", text_size(tenant->limits.bytes, text));
    if (tenant->limits.threads > 0)
        print_row(run, &columns, "threads", text_count(tenant->limits.threads, text));
    if (tenant->not_before_ns > 0)
        print_row(run, &columns, "first backup", text_time(tenant->not_before_ns, text));
    run_table(run, &columns);
}

static void show_one(struct run *run, const struct hikae_tenants *tenants)
{
    if (tenants->count == 0)
        return;
    if (run->out.json)
        json_tenant(run, NULL, &tenants->tenants[0]);
    else
        print_tenant(run, &tenants->tenants[0]);
}

/* The sources of --source, each with the excludes and switches given; *ret_names owns their names. */
static enum hikae_status read_sources(struct run *run, const char *const *specs, size_t count,
                                      const char *const *exclude, size_t exclude_count, struct hikae_source *sources,
                                      char **names)
{
    for (size_t i = 0; i < count; i++) {
        const char *spec;
        enum hikae_status status = value_pair(run, "source", specs[i], &names[i], &spec);
        if (status != HIKAE_OK)
            return status == HIKAE_USAGE ? run_hint(run, "for example --source home=dir:/srv/acme") : status;
        sources[i] = (struct hikae_source){
            .name = names[i],
            .spec = spec,
            .exclude = exclude,
            .exclude_count = exclude_count,
            .one_file_system = run_has(run, "one-file-system"),
            .exclude_caches = run_has(run, "exclude-caches"),
        };
    }
    return HIKAE_OK;
}

typedef enum hikae_status change_tenant(struct hikae *, const struct hikae_tenant_options *, struct hikae_tenants *,
                                        struct hikae_error *);

static enum hikae_status change(struct run *run, struct hikae_tenant_options *options, change_tenant *call,
                                enum message message)
{
    struct hikae_tenants tenants = {0};
    enum hikae_status status = call(run->hikae, options, &tenants, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    char sources[TEXT_SMALL];
    show_one(run, &tenants);
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", options->dry_run);
    (void)text_count(options->source_count, sources);
    if (options->dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, message, options->name, sources);
    hikae_tenants_free(&tenants);
    return status;
}

/* --priority and --limit-…. */
static enum hikae_status read_traits(struct run *run, struct hikae_tenant_options *options, struct hikae_limits *limits)
{
    const char *priority = run_option(run, "priority"), *time = run_option(run, "limit-time"),
               *size = run_option(run, "limit-size"), *threads = run_option(run, "limit-threads");
    enum hikae_status status = HIKAE_OK;
    int64_t ns = 0;
    if (priority != NULL)
        status = value_number(run, "priority", priority, 9, &options->priority);
    if (status == HIKAE_OK && time != NULL)
        status = value_duration(run, "limit-time", time, &ns);
    if (status == HIKAE_OK && size != NULL)
        status = value_size(run, "limit-size", size, &limits->bytes);
    if (status == HIKAE_OK && threads != NULL)
        status = value_number(run, "limit-threads", threads, 256, &limits->threads);
    limits->seconds = (uint64_t)(ns / NS_PER_S);
    if (time != NULL || size != NULL || threads != NULL)
        options->limits = limits;
    return status;
}

static enum hikae_status add_or_set(struct run *run, change_tenant *call, enum message message)
{
    size_t count;
    size_t exclude_count;
    size_t label_count;
    struct hikae_limits limits = {0};
    const char **specs CLEANUP_FREE = run_all(run, "source", &count);
    const char **exclude CLEANUP_FREE = run_all(run, "exclude", &exclude_count);
    size_t check_count;
    const char **labels CLEANUP_FREE = run_all(run, "label", &label_count);
    const char **checks CLEANUP_FREE = run_all(run, "check", &check_count);
    struct hikae_source CLEANUP_FREE *sources = mem_calloc(count + 1, sizeof *sources);
    char **names CLEANUP_FREE = mem_calloc(count + 1, sizeof *names);
    if (specs == NULL || exclude == NULL || labels == NULL || checks == NULL || sources == NULL || names == NULL)
        return run_no_memory(run);
    if (count == 0 && (exclude_count > 0 || run_has(run, "one-file-system") || run_has(run, "exclude-caches")))
        return run_usage(run, "what is left out belongs to sources: give them again with --source");
    enum hikae_status status = read_sources(run, specs, count, exclude, exclude_count, sources, names);
    struct hikae_tenant_options options = {
        .name = run->args[0],
        .policy = run_option(run, "policy"),
        .provider = run_has(run, "provider"),
        .sources = sources,
        .source_count = count,
        .dry_run = run_has(run, DRY_RUN),
        .labels = labels,
        .label_count = label_count,
        .checks = checks,
        .check_count = check_count,
        .trial = run_has(run, "trial"),
    };
    if (status == HIKAE_OK)
        status = read_traits(run, &options, &limits);
    if (status == HIKAE_OK)
        status = change(run, &options, call, message);
    for (size_t i = 0; i < count; i++)
        mem_free(names[i]);
    return status;
}

enum hikae_status command_tenant_add(struct run *run)
{
    return add_or_set(run, hikae_tenant_add, MSG_TENANT_ADDED);
}

enum hikae_status command_tenant_set(struct run *run)
{
    static const char *const changes[] = {"source",     "policy",     "label",         "priority",
                                          "limit-time", "limit-size", "limit-threads", "check"};
    bool some = false;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        some = some || run_has(run, changes[i]);
    if (!some)
        return run_usage(run, "nothing to change: give --source, --policy, --label, --check, --priority or a limit");
    return add_or_set(run, hikae_tenant_set, MSG_TENANT_CHANGED);
}

static void print_tenants(struct run *run, const struct hikae_tenants *tenants)
{
    static const char *const heads[] = {"NAME", "POLICY", "STATE", "CLASS", ">SNAPSHOTS", "LATEST", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < tenants->count; i++) {
        const struct hikae_tenant *tenant = &tenants->tenants[i];
        bool active = tenant->state != NULL && strcmp(tenant->state, "active") == 0;
        columns_add(&columns, tenant->name);
        columns_add(&columns, tenant->policy);
        columns_add_colour(&columns, tenant->state, active ? COLOUR_GREEN : COLOUR_YELLOW);
        columns_add(&columns, tenant->class_name);
        columns_add(&columns, text_count(tenant->snapshots, text));
        columns_add(&columns, text_time(tenant->last_snapshot_ns, text));
    }
    run_table(run, &columns);
    run_say(run, tenants->count == 0 ? MSG_TENANTS_NONE : MSG_TENANTS, text_count(tenants->count, text));
}

enum hikae_status command_tenant_list(struct run *run)
{
    struct hikae_tenants tenants = {0};
    const struct hikae_tenant_filter filter = {.state = run_option(run, "state"),
                                               .class_name = run_option(run, "class"),
                                               .policy = run_option(run, "policy"),
                                               .label = run_option(run, "label")};
    enum hikae_status status = hikae_tenant_select(run->hikae, &filter, &tenants, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_t *array = out_array(&run->out, NULL, "tenants");
        for (size_t i = 0; i < tenants.count; i++) {
            json_t *item = out_item(&run->out, array);
            if (item != NULL)
                json_tenant(run, item, &tenants.tenants[i]);
        }
    } else {
        print_tenants(run, &tenants);
    }
    hikae_tenants_free(&tenants);
    return status;
}

enum hikae_status command_tenant_show(struct run *run)
{
    struct hikae_tenants tenants = {0};
    enum hikae_status status = hikae_tenant_list(run->hikae, run->args[0], &tenants, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_one(run, &tenants);
    hikae_tenants_free(&tenants);
    return status;
}

/* With --json: the tenant as it is now. */
static void show_result(struct run *run)
{
    struct hikae_tenants tenants = {0};
    struct hikae_error ignored = {0};
    if (run->out.json && hikae_tenant_list(run->hikae, run->args[0], &tenants, &ignored) <= HIKAE_WARNINGS) {
        show_one(run, &tenants);
        hikae_tenants_free(&tenants);
    }
}

static enum hikae_status set_state(struct run *run, const char *state, enum message message)
{
    bool dry_run = run_has(run, DRY_RUN);
    enum hikae_status status = hikae_tenant_state(run->hikae, run->args[0], state, dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_result(run);
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", dry_run);
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, message, run->args[0]);
    return status;
}

enum hikae_status command_tenant_trial(struct run *run)
{
    enum hikae_status status = hikae_tenant_trial(run->hikae, run->args[0], run_has(run, DRY_RUN), &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_result(run);
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", run_has(run, DRY_RUN));
    if (run_has(run, DRY_RUN))
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_TENANT_TRIED, run->args[0]);
    return status;
}

enum hikae_status command_tenant_suspend(struct run *run)
{
    return set_state(run, "suspended", MSG_TENANT_SUSPENDED);
}

enum hikae_status command_tenant_resume(struct run *run)
{
    return set_state(run, "active", MSG_TENANT_RESUMED);
}
