/* report: what the page of the morning is made of. */
#include "report/morning.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "ops/forecast.h"
#include "ops/review.h"
#include "ops/status.h"
#include "policy/due.h"

#include <stdlib.h>
#include <string.h>

#define DAY_NS       (INT64_C(86400) * NS_PER_S)
#define NIGHT_NS     (DAY_NS * 3 / 4)
#define WEEK_NS      (7 * DAY_NS)
#define MORNING_RUNS 2000
#define LOOKS_NS     (31 * DAY_NS)
enum { FORECAST_MONTHS = 3 };

void morning_clear(struct morning *morning)
{
    for (size_t i = 0; i < morning->tenant_count; i++) {
        mem_free(morning->tenants[i].name);
        mem_free(morning->tenants[i].policy);
    }
    mem_free(morning->tenants);
    mem_free(morning->run.result.jobs);
    mem_free(morning->run.result.warnings);
    json_decref(morning->run.record);
    hikae_status_free(&morning->status);
    hikae_forecast_free(&morning->forecast);
    hikae_incidents_free(&morning->incidents);
    hikae_reviews_free(&morning->reviews);
    zone_free(morning->zone);
    *morning = (struct morning){0};
}

/* ---- Tenants ---- */

/* How many days before the page's day; negative: after it. */
static int64_t days_back(const struct morning *morning, int64_t ns)
{
    return morning->day - zone_period(morning->zone, ZONE_DAY, ns);
}

static void note_snapshot(struct morning *morning, struct morning_tenant *to, const struct history_snapshot *snapshot)
{
    int64_t back = days_back(morning, snapshot->time_ns);
    if (snapshot->time_ns >= morning->end_ns)
        return;
    to->generations += !snapshot->retired;
    to->existed = back >= MORNING_DAYS ? MORNING_DAYS : (size_t)back + 1 > to->existed ? (size_t)back + 1 : to->existed;
    if (back < MORNING_DAYS) {
        to->made |= UINT64_C(1) << back;
        to->kept |= (uint64_t)!snapshot->retired << back;
    }
    if (!snapshot->retired)
        morning->kept_bytes += (double)snapshot->root.bytes;
}

/* The snapshot a week before the latest, or the first one after that. */
static uint64_t bytes_before(const struct history *history)
{
    const struct history_snapshot *latest = history_latest(history);
    for (size_t i = 0; latest != NULL && i < history->snapshot_count; i++) {
        const struct history_snapshot *snapshot = &history->snapshots[i];
        if (snapshot != latest && latest->time_ns - snapshot->time_ns <= WEEK_NS && snapshot->time_ns < latest->time_ns)
            return snapshot->root.bytes;
    }
    return 0;
}

struct gathering {
    struct morning *morning;
    struct policies policies;
    struct catalog_job *jobs;
    size_t job_count;
};

static bool is_daily(const struct policies *policies, const char *name)
{
    const struct policies_item *item = policies_find(policies, name);
    return item != NULL && item->policy != NULL && item->policy->schedule.rule.present &&
           item->policy->schedule.every <= POLICY_DAILY;
}

static int take_tenant(const struct session *session, const struct catalog_tenant *row,
                       const struct hikae_tenant_status *status, size_t number, void *context, struct error *err)
{
    struct gathering *gathering = context;
    struct morning *morning = gathering->morning;
    const struct history *history = &session->chain.history;
    (void)status;
    if (morning->tenant_count == morning->tenant_room) {
        size_t room = morning->tenant_room > 0 ? 2 * morning->tenant_room : 64;
        struct morning_tenant *grown = mem_realloc(morning->tenants, room * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        morning->tenants = grown;
        morning->tenant_room = room;
    }
    struct morning_tenant *to = &morning->tenants[morning->tenant_count++];
    *to = (struct morning_tenant){.name = mem_strdup(row->name),
                                  .policy = mem_strdup(row->policy),
                                  .row = number,
                                  .is_suspended = strcmp(row->state, "suspended") == 0,
                                  .is_daily = is_daily(&gathering->policies, row->policy),
                                  .bytes_before = bytes_before(history)};
    if (to->name == NULL || to->policy == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < history->snapshot_count; i++)
        note_snapshot(morning, to, &history->snapshots[i]);
    (void)run_verified_latest(gathering->jobs, gathering->job_count, &row->tid, &to->verified, &to->verified_ns);
    return 0;
}

bool morning_is_safe(const struct morning *morning, const struct hikae_tenant_status *tenant)
{
    return tenant->last_success_ns != 0 && tenant->behind_count < morning->status.target_count;
}

enum morning_standing morning_standing(const struct morning *morning, const struct morning_tenant *tenant)
{
    const struct hikae_tenant_status *status = &morning->status.tenants[tenant->row];
    size_t copies = morning->status.target_count - status->behind_count;
    if (status->last_success_ns == 0)
        return status->overdue || status->next_due_ns != 0 ? STANDING_NEVER : STANDING_IDLE;
    if (copies == 0)
        return STANDING_BROKEN;
    if (tenant->verified_ns != 0 && tenant->verified.damaged > 0)
        return STANDING_DAMAGED;
    if (status->overdue)
        return STANDING_LATE;
    if (copies < morning->hikae->config->min_copies)
        return STANDING_FEW;
    return copies < morning->status.target_count ? STANDING_BEHIND : STANDING_GOOD;
}

static int compare_tenants(const void *a, const void *b, void *context)
{
    const struct morning_tenant *x = a, *y = b;
    enum morning_standing sx = morning_standing(context, x), sy = morning_standing(context, y);
    return sx != sy ? (sx < sy ? -1 : 1) : strcmp(x->name, y->name);
}

/* ---- Nights, and the run of this one ---- */

/* What the calendar knows of a day from the runs: snapshots that were dropped leave no trace in the history. */
static void note_day(struct morning *morning, int64_t started_ns, uint64_t backups)
{
    int64_t back = days_back(morning, started_ns);
    morning->run_days = (size_t)back + 1; /* runs come newest first */
    if (back >= MORNING_DAYS)
        return;
    morning->has_run[back] = true;
    morning->backed_up[back] += backups;
}

static int take_night(const struct catalog_run *run, void *context, struct error *err)
{
    struct morning *morning = context;
    json_t *json CLEANUP_JSON = NULL;
    if (run->finished_ns == 0 || run->started_ns >= morning->end_ns)
        return 0;
    if (json_parse(run->result, strlen(run->result), &json, err) != 0)
        return -1;
    const json_t *sums = json_object_get(json, "sums");
    note_day(morning, run->started_ns, (uint64_t)json_integer_value(json_object_get(sums, "backups")));
    if (morning->night_count == 0 || morning->nights[morning->night_count - 1].time_ns - run->started_ns >= NIGHT_NS) {
        if (morning->night_count == MORNING_NIGHTS)
            return 0;
        morning->nights[morning->night_count++] = (struct morning_night){.time_ns = run->started_ns};
    }
    struct morning_night *night = &morning->nights[morning->night_count - 1];
    night->duration_ns += run->finished_ns - run->started_ns;
    night->net_bytes += json_integer_value(json_object_get(json, "net_bytes"));
    night->source_bytes += (double)json_integer_value(json_object_get(sums, "source_bytes"));
    night->stored_bytes += (double)json_integer_value(json_object_get(sums, "stored_bytes"));
    return 0;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* The record of a run as what notices are made of; texts are borrowed from the record. */
static int read_failures(struct morning_run *run, struct error *err)
{
    const json_t *failures = json_object_get(run->record, "failures");
    const json_t *warnings = json_object_get(run->record, "warnings");
    struct hikae_run_result *result = &run->result;
    result->jobs = mem_calloc(json_array_size(failures) + 1, sizeof(*result->jobs));
    result->warnings = mem_calloc(json_array_size(warnings) + 1, sizeof(*result->warnings));
    if (result->jobs == NULL || result->warnings == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < json_array_size(failures); i++) {
        const json_t *row = json_array_get(failures, i);
        struct hikae_run_job *job = &result->jobs[result->count++];
        *job = (struct hikae_run_job){
            .state = "failed", .tenant = (char *)text_of(row, "tenant"), .job = (char *)text_of(row, "job")};
        job->error.status = (enum hikae_status)json_integer_value(json_object_get(row, "status"));
        (void)snprintf(job->error.kind, sizeof job->error.kind, "%s", text_of(row, "kind"));
        (void)snprintf(job->error.message, sizeof job->error.message, "%s", text_of(row, "message"));
    }
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *row = json_array_get(warnings, i);
        result->warnings[result->warning_count++] =
            (struct hikae_run_warning){.message = (char *)text_of(row, "message"),
                                       .tenant = (char *)json_string_value(json_object_get(row, "tenant")),
                                       .count = (uint64_t)json_integer_value(json_object_get(row, "count"))};
    }
    return 0;
}

/* The newest one that began before the end of the day; runs come newest first. */
static int take_run(const struct catalog_run *from, void *context, struct error *err)
{
    struct morning *morning = context;
    struct morning_run *run = &morning->run;
    if (run->found || from->started_ns >= morning->end_ns)
        return 0;
    run->found = true;
    run->started_ns = from->started_ns;
    run->finished_ns = from->finished_ns;
    run->ended = from->finished_ns != 0;
    if (!run->ended)
        return 0;
    if (json_parse(from->result, strlen(from->result), &run->record, err) != 0)
        return -1;
    run->exit = (int)json_integer_value(json_object_get(run->record, "exit"));
    run->tenants = (uint64_t)json_integer_value(json_object_get(run->record, "tenants"));
    run->done = (uint64_t)json_integer_value(json_object_get(run->record, "done"));
    run->failed = (uint64_t)json_integer_value(json_object_get(run->record, "failed"));
    run->left = (uint64_t)json_integer_value(json_object_get(run->record, "left"));
    return read_failures(run, err);
}

/* ---- All of it ---- */

static int take_day(struct morning *morning, const char *day, struct error *err)
{
    int64_t starts_ns, ends_ns;
    morning->day = zone_period(morning->zone, ZONE_DAY, morning->now_ns);
    if (day != NULL) {
        if (!due_parse_period(day, morning->zone, &starts_ns, &ends_ns) || strlen(day) != strlen("2026-11-21")) {
            (void)error_set(err, ERROR_USAGE, "'%.40s' is no day", day);
            return error_hint(err, "write it as 2026-11-21");
        }
        if (starts_ns > morning->now_ns)
            return error_set(err, ERROR_USAGE, "%s has not begun", day);
        morning->day = zone_period(morning->zone, ZONE_DAY, starts_ns);
    }
    morning->end_ns = zone_period_start(morning->zone, ZONE_DAY, morning->day + 1);
    morning->is_today = morning->now_ns < morning->end_ns;
    return 0;
}

static void find_causes(struct morning *morning)
{
    struct hikae *hikae = morning->hikae;
    for (size_t i = 0; i < hikae->target_count; i++)
        morning->targets[i] = (struct notice_target){.name = hikae->targets[i].name, .up = hikae->targets[i].up};
    morning->state = (struct notice_state){.now_ns = morning->now_ns,
                                           .host = "",
                                           .test_clock = hikae->config->test_clock,
                                           .run = morning->run.ended ? &morning->run.result : NULL,
                                           .status = &morning->status,
                                           .targets = morning->targets,
                                           .target_count = hikae->target_count,
                                           .min_copies = hikae->config->min_copies};
    notice_find(&morning->state, &morning->causes);
}

/* A past day's page has no use for a forecast from today. */
static void take_forecast(struct morning *morning)
{
    struct error ignored = {0};
    morning->has_forecast = morning->is_today && forecast_take(morning->hikae, FORECAST_MONTHS, NULL, &morning->status,
                                                               &morning->forecast, &ignored) == 0;
}

static int take_facts(struct morning *morning, struct gathering *gathering, struct error *err)
{
    struct session facts;
    if (session_open_store(morning->hikae, 0, &facts, err) != 0)
        return -1;
    int rc = policies_read(&facts, &gathering->policies, err);
    if (rc == 0)
        rc = reviews_home_zone(morning->hikae, &gathering->policies, &morning->zone, err);
    if (rc == 0)
        rc = reviews_read(&facts, morning->now_ns - LOOKS_NS, morning->now_ns + 1, morning->now_ns, &morning->reviews,
                          err);
    session_close(&facts);
    return rc;
}

static int take_incidents(struct morning *morning, struct error *err)
{
    struct hikae_error why;
    if (hikae_incident_list(morning->hikae, NULL, NULL, false, &morning->incidents, &why) <= HIKAE_WARNINGS)
        return 0;
    return error_set(err, ERROR_UNREACHABLE, "%s", why.message);
}

int morning_gather(struct hikae *hikae, const char *day, struct morning *ret, struct error *err)
{
    struct gathering gathering = {.morning = ret};
    struct catalog *catalog = hikae->catalog;
    *ret = (struct morning){.hikae = hikae, .now_ns = clock_now_ns()};
    int rc = engine_keystore(hikae, err);
    if (rc == 0 && hikae->catalog_is_new)
        rc = engine_rebuild_catalog(hikae, err);
    if (rc == 0)
        rc = take_facts(ret, &gathering, err);
    if (rc == 0)
        rc = take_day(ret, day, err);
    if (rc == 0)
        rc = catalog_run_each(catalog, NULL, "run", MORNING_RUNS, take_night, ret, err);
    if (rc == 0)
        rc = catalog_run_each(catalog, NULL, "run", MORNING_RUNS, take_run, ret, err);
    if (rc == 0)
        rc = catalog_job_list(catalog, &gathering.jobs, &gathering.job_count, err);
    if (rc == 0)
        rc = status_take(hikae, take_tenant, &gathering, &ret->status, &ret->warnings, err);
    if (rc == 0)
        rc = take_incidents(ret, err);
    if (rc == 0) {
        qsort_r(ret->tenants, ret->tenant_count, sizeof(*ret->tenants), compare_tenants, ret);
        find_causes(ret);
        take_forecast(ret);
    }
    policies_clear(&gathering.policies);
    mem_free(gathering.jobs);
    if (rc != 0)
        morning_clear(ret);
    return rc;
}

/* ---- The public function ---- */

static int choose_langs(const char *language, enum page_langs *ret, struct error *err)
{
    static const struct {
        const char *name;
        enum page_langs langs;
    } rows[] = {{"en", PAGE_ONLY_EN}, {"ja", PAGE_ONLY_JA}, {"both", PAGE_JA_EN}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (language != NULL && strcmp(rows[i].name, language) == 0) {
            *ret = rows[i].langs;
            return 0;
        }
    (void)error_set(err, ERROR_USAGE, "there is no page in '%.20s'", language != NULL ? language : "");
    return error_hint(err, "en, ja or both");
}

static int make_page(struct hikae *hikae, const struct hikae_report_options *options, struct hikae_report_result *ret,
                     bool *ret_warnings, struct error *err)
{
    struct morning morning;
    struct buf out = {0};
    char day[ZONE_TEXT_SIZE];
    struct page_head head = {.title = {"Backups, the morning of", "バックアップ朝報"}};
    if (choose_langs(options->language, &head.langs, err) != 0 ||
        morning_gather(hikae, options->day, &morning, err) != 0)
        return -1;
    head.about = zone_period_format(morning.zone, ZONE_DAY, morning.day, day);
    head.zone = morning.zone;
    head.made_ns = morning.now_ns;
    head.test_clock = hikae->config->test_clock;
    int rc = page_write(&head, morning_draw, &morning, &out, err);
    if (rc == 0)
        rc = buf_u8(&out, 0, err);
    if (rc == 0 && options->file != NULL)
        rc = file_write_atomic(options->file, out.data, out.size - 1, 0600, err);
    *ret_warnings = morning.warnings;
    ret->causes = morning.causes.count;
    morning_clear(&morning);
    if (rc != 0) {
        buf_free(&out);
        return -1;
    }
    ret->html = (char *)out.data;
    ret->size = out.size - 1;
    return 0;
}

void hikae_report_result_free(struct hikae_report_result *result)
{
    mem_free(result->html);
    *result = (struct hikae_report_result){0};
}

enum hikae_status hikae_report(struct hikae *hikae, const struct hikae_report_options *options,
                               struct hikae_report_result *ret, struct hikae_error *error)
{
    struct error err = {0};
    bool warnings = false;
    *ret = (struct hikae_report_result){0};
    int rc = make_page(hikae, options, ret, &warnings, &err);
    return api_result(rc, warnings, &err, error);
}
