/* status: each tenant's last success, and the targets that are behind it. */
#include "ops/status.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ops/deadlines.h"
#include "ops/drill_due.h"
#include "ops/each.h"
#include "ops/facts.h"
#include "ops/restore.h"
#include "ops/run.h"

#include <string.h>

static void clear_row(struct hikae_tenant_status *row)
{
    for (size_t i = 0; i < row->behind_count; i++)
        mem_free(row->behind[i]);
    mem_free(row->behind);
    mem_free(row->last_drill);
    mem_free(row->name);
}

void hikae_status_free(struct hikae_status_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        clear_row(&report->tenants[i]);
    mem_free(report->tenants);
    for (size_t i = 0; i < report->target_count; i++)
        mem_free(report->targets[i].name);
    mem_free(report->targets);
    for (size_t i = 0; i < report->deadline_count; i++) {
        mem_free(report->deadlines[i].subject);
        mem_free(report->deadlines[i].subject_ja);
        mem_free(report->deadlines[i].policy);
    }
    mem_free(report->deadlines);
    *report = (struct hikae_status_report){0};
}

static int note_behind(struct hikae_tenant_status *status, const struct hikae *hikae, uint64_t mask, struct error *err)
{
    status->behind = mem_calloc(hikae->target_count, sizeof(char *));
    if (status->behind == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < hikae->target_count; i++) {
        if ((mask >> i & 1) != 0)
            continue;
        char *name = mem_strdup(hikae->targets[i].name);
        if (name == NULL)
            return error_no_memory(err);
        status->behind[status->behind_count++] = name;
    }
    return 0;
}

/* The end of a contract sets a deadline, its cancellation lifts it. */
static int note_deadline(const struct session *session, struct hikae_tenant_status *status, struct error *err)
{
    const struct history_fact *fact = facts_find(session, RECORD_CONTRACT, "");
    json_t *json CLEANUP_JSON = NULL;
    struct error ignored = {0};
    if (fact == NULL)
        return 0;
    if (json_parse(fact->body, strlen(fact->body), &json, err) != 0)
        return -1;
    const char *event = json_string_value(json_object_get(json, "event"));
    const char *deadline = json_string_value(json_object_get(json, "deadline"));
    if (event != NULL && deadline != NULL && strcmp(event, "end") == 0 &&
        clock_parse(deadline, &status->deadline_ns, &ignored) != 0)
        status->deadline_ns = clock_now_ns(); /* one that cannot be read is not one that never comes */
    status->missed = status->deadline_ns != 0 && status->deadline_ns < clock_now_ns();
    return 0;
}

/* The latest drill, and the copies that are out there. */
static int note_restores(const struct session *session, const char *name, struct hikae_tenant_status *status,
                         struct error *err)
{
    const struct history *history = &session->chain.history;
    struct hikae_copies copies = {0};
    const struct history_fact *latest = NULL;
    for (size_t i = 0; i < history->fact_count; i++)
        if (history->facts[i].type == RECORD_DRILL && (latest == NULL || history->facts[i].time_ns >= latest->time_ns))
            latest = &history->facts[i];
    if (latest != NULL) {
        json_t *json CLEANUP_JSON = NULL;
        if (json_parse(latest->body, strlen(latest->body), &json, err) != 0)
            return -1;
        const char *result = json_string_value(json_object_get(json, "result"));
        status->last_drill_ns = latest->time_ns;
        status->last_drill = mem_strdup(result != NULL ? result : "unknown");
        if (status->last_drill == NULL)
            return error_no_memory(err);
    }
    int rc = restore_copies_of(history, name, false, &copies, err);
    status->copies_out = copies.out;
    status->copies_overdue = copies.overdue;
    for (size_t i = 0; i < copies.count; i++) {
        const struct hikae_copy *copy = &copies.copies[i];
        bool first = status->copies_until_ns == 0 || copy->until_ns < status->copies_until_ns;
        if (copy->wiped_ns == 0 && copy->until_ns != 0 && first)
            status->copies_until_ns = copy->until_ns;
    }
    hikae_copies_free(&copies);
    return rc;
}

static int look_at(struct session *session, const char *name, struct hikae_tenant_status *status, struct error *err)
{
    const struct history_snapshot *latest = history_latest(&session->chain.history);
    uint64_t mask = 0;
    for (size_t i = 0; i < session->chain.history.snapshot_count; i++)
        status->snapshots += !session->chain.history.snapshots[i].retired;
    if (note_deadline(session, status, err) != 0 || note_restores(session, name, status, err) != 0)
        return -1;
    if (latest == NULL)
        return 0;
    status->last_success_ns = latest->time_ns;
    status->age_ns = clock_now_ns() - latest->time_ns;
    status->bytes = latest->root.bytes;
    if (session_list(session, err) != 0 || session_counting(session, latest, &mask, err) != 0)
        return -1;
    return note_behind(status, session->hikae, mask, err);
}

struct overview {
    struct hikae *hikae;
    struct hikae_status_report *report;
    size_t room;
    struct engine_rows rows;
    struct run_plan plan; /* the tenants with their policies, for what is due when */
    bool warnings;
    status_visit *visit; /* or NULL */
    void *context;
};

/* The tenant with its policy; NULL if nothing is done for it any more. */
static const struct run_tenant *find_planned(const struct overview *overview, const struct id *tid)
{
    for (size_t i = 0; i < overview->plan.tenant_count; i++)
        if (id_equal(&overview->plan.tenants[i].tid, tid))
            return &overview->plan.tenants[i];
    return NULL;
}

/* When its next backup is due, and whether one that was due did not come. */
static void note_due(const struct overview *overview, const struct id *tid, struct hikae_tenant_status *status)
{
    const struct run_tenant *tenant = find_planned(overview, tid);
    struct schedule_due due;
    if (tenant == NULL)
        return;
    run_plan_backup_due(tenant, status->last_success_ns, clock_now_ns(), &due);
    status->next_due_ns = due.at_ns;
    status->overdue = schedule_is_due(&due) && due.is_late;
}

static void add_stored(const struct roster *listed, struct hikae_target_stored *stored)
{
    stored->objects += listed->count;
    for (size_t i = 0; i < listed->count; i++)
        stored->bytes += listed->rows[i].size;
}

static int add_targets(struct hikae *hikae, struct hikae_status_report *report, struct error *err)
{
    report->targets = mem_calloc(hikae->target_count, sizeof(*report->targets));
    if (report->targets == NULL)
        return error_no_memory(err);
    for (; report->target_count < hikae->target_count; report->target_count++) {
        char *name = mem_strdup(hikae->targets[report->target_count].name);
        if (name == NULL)
            return error_no_memory(err);
        report->targets[report->target_count].name = name;
    }
    return 0;
}

/* A tenant while it is looked at. */
struct looked {
    struct session session;
    bool is_open;
    struct hikae_tenant_status status;
};

static int look_at_tenant(struct hikae *fork, size_t number, void *item, void *context, struct error *err)
{
    const struct overview *overview = context;
    const struct catalog_tenant *row = &overview->rows.items[number];
    const struct run_tenant *planned = find_planned(overview, &row->tid);
    struct looked *looked = item;
    struct hikae_tenant_status *status = &looked->status;
    if (session_open(fork, row->name, 0, &looked->session, err) != 0)
        return -1;
    looked->is_open = true;
    if (look_at(&looked->session, row->name, status, err) != 0)
        return -1;
    if (planned != NULL)
        status->drill_due_ns = drill_elsewhere_due(&looked->session.chain.history, planned->policy);
    return 0;
}

static void clear_looked(void *item)
{
    struct looked *looked = item;
    if (looked->is_open)
        session_close(&looked->session);
    clear_row(&looked->status);
}

static bool is_fatal(const struct error *why)
{
    return why->class == ERROR_NO_MEMORY || why->class == ERROR_INTERRUPTED || why->class == ERROR_INTERNAL;
}

/* The row goes into the report: it is the report's from then on. */
static int add_row(struct overview *overview, const char *name, struct hikae_tenant_status *status, struct error *err)
{
    struct hikae_status_report *report = overview->report;
    struct hikae_tenant_status *grown = mem_more(report->tenants, report->count, &overview->room, sizeof(*grown));
    if (grown == NULL || (status->name = mem_strdup(name)) == NULL)
        return error_no_memory(err);
    report->tenants = grown;
    grown[report->count++] = *status;
    *status = (struct hikae_tenant_status){0};
    return 0;
}

/* A tenant that cannot be read must not hide the others: of it nothing is claimed. */
static int take_tenant(struct hikae *fork, size_t number, void *item, const struct error *why, void *context,
                       struct error *err)
{
    struct overview *overview = context;
    struct looked *looked = item;
    const struct catalog_tenant *row = &overview->rows.items[number];
    struct error wrong = why != NULL ? *why : (struct error){0};
    if (add_row(overview, row->name, &looked->status, err) != 0)
        return -1;
    struct hikae_tenant_status *status = &overview->report->tenants[overview->report->count - 1];
    for (size_t i = 0; why == NULL && i < fork->target_count; i++)
        add_stored(&fork->targets[i].present.listed, &overview->report->targets[i]);
    int rc = why == NULL ? 0 : -1;
    if (rc == 0 && overview->visit != NULL)
        rc = overview->visit(&looked->session, row, status, overview->report->count - 1, overview->context, &wrong);
    note_due(overview, &row->tid, status);
    status->unknown = rc != 0;
    overview->warnings = overview->warnings || rc != 0 || status->behind_count > 0 || status->overdue ||
                         status->missed || status->copies_overdue > 0;
    if (rc == 0)
        return 0;
    if (is_fatal(&wrong)) {
        *err = wrong;
        return -1;
    }
    engine_warn(overview->hikae, "tenant %s: %s%s%s", row->name, wrong.chain, wrong.chain[0] != '\0' ? ": " : "",
                wrong.what);
    return 0;
}

/* What the store's own history says must be done. That it cannot be read must not hide the tenants. */
static int add_deadlines(struct overview *overview, struct error *err)
{
    struct session facts;
    struct error why = {0};
    int rc = session_open_store(overview->hikae, 0, &facts, &why);
    if (rc == 0) {
        rc = deadlines_take(&facts, clock_now_ns(), overview->report, &why);
        session_close(&facts);
    }
    if (rc == 0)
        return 0;
    if (is_fatal(&why)) {
        *err = why;
        return -1;
    }
    overview->warnings = true;
    engine_warn(overview->hikae, "deadlines: %s%s%s", why.chain, why.chain[0] != '\0' ? ": " : "", why.what);
    return 0;
}

static int take_overview(struct overview *overview, struct error *err)
{
    struct hikae *hikae = overview->hikae;
    /* What fails for all tenants fails once. */
    if (engine_keystore(hikae, err) != 0 || engine_tenants(hikae, err) != 0)
        return -1;
    const struct hikae_run_options everything = {0};
    if (run_plan_tenants(hikae, &everything, &overview->plan, err) != 0)
        return -1;
    static const struct engine_each work = {sizeof(struct looked), look_at_tenant, take_tenant, clear_looked};
    if (add_targets(hikae, overview->report, err) != 0 || engine_rows_living(hikae, &overview->rows, err) != 0 ||
        engine_each(hikae, &work, overview->rows.count, overview, err) != 0)
        return -1;
    for (size_t i = 0; i < hikae->target_count; i++)
        overview->report->targets[i].up = hikae->targets[i].up;
    return add_deadlines(overview, err);
}

int status_take(struct hikae *hikae, status_visit *visit, void *context, struct hikae_status_report *ret,
                bool *ret_warnings, struct error *err)
{
    *ret = (struct hikae_status_report){0};
    struct overview overview = {.hikae = hikae, .report = ret, .visit = visit, .context = context};
    int rc = take_overview(&overview, err);
    run_plan_clear(&overview.plan);
    engine_rows_clear(&overview.rows);
    *ret_warnings = overview.warnings;
    return rc;
}

enum hikae_status hikae_overview(struct hikae *hikae, struct hikae_status_report *ret, struct hikae_error *error)
{
    struct error err = {0};
    bool warnings;
    int rc = status_take(hikae, NULL, NULL, ret, &warnings, &err);
    if (rc != 0)
        hikae_status_free(ret);
    return api_result(rc, warnings, &err, error);
}
