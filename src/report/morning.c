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

#define MORNING_RUNS 2000
#define LOOKS_NS     (INT64_C(31) * 86400 * NS_PER_S)
#define ZONE_KEY     "report.zone" /* in the catalogue: the zone of the last page */
enum { FORECAST_MONTHS = 3 };

void morning_clear(struct morning *morning)
{
    for (size_t i = 0; i < morning->tenant_count; i++) {
        mem_free(morning->tenants[i].name);
        mem_free(morning->tenants[i].policy);
        mem_free(morning->tenants[i].copies);
    }
    mem_free(morning->tenants);
    mem_free(morning->why);
    mem_free(morning->run.result.jobs);
    mem_free(morning->run.result.warnings);
    json_decref(morning->run.record);
    hikae_status_free(&morning->status);
    hikae_forecast_free(&morning->forecast);
    hikae_incidents_free(&morning->incidents);
    hikae_reviews_free(&morning->reviews);
    hikae_purges_free(&morning->purges);
    zone_free(morning->zone);
    *morning = (struct morning){0};
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
                                           .run_error = morning->why,
                                           .run = morning->run.ended ? &morning->run.result : NULL,
                                           .status = morning->why == NULL ? &morning->status : NULL,
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

static int take_facts(struct morning *morning, struct morning_gathering *gathering, struct error *err)
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
    if (rc == 0)
        rc = catalog_meta_set(morning->hikae->catalog, ZONE_KEY, zone_name(morning->zone), err);
    return rc;
}

static int take_incidents(struct morning *morning, struct error *err)
{
    struct hikae_error why;
    if (hikae_incident_list(morning->hikae, NULL, NULL, false, &morning->incidents, &why) <= HIKAE_WARNINGS)
        return 0;
    return error_set(err, ERROR_UNREACHABLE, "%s", why.message);
}

/* What ran, from the catalogue, which is on this machine. */
static int take_runs(struct morning_gathering *gathering, const char *day, struct error *err)
{
    struct morning *morning = gathering->morning;
    struct catalog *catalog = morning->hikae->catalog;
    if (take_day(morning, day, err) != 0 ||
        catalog_run_each(catalog, NULL, "run", MORNING_RUNS, morning_take_night, morning, err) != 0 ||
        catalog_run_each(catalog, NULL, "run", MORNING_RUNS, morning_take_run, morning, err) != 0)
        return -1;
    return catalog_job_list(catalog, &gathering->jobs, &gathering->job_count, err);
}

static int gather(struct morning_gathering *gathering, const char *day, struct error *err)
{
    struct morning *morning = gathering->morning;
    struct hikae *hikae = morning->hikae;
    if (engine_tenants(hikae, err) != 0)
        return -1;
    if (take_facts(morning, gathering, err) != 0 || take_runs(gathering, day, err) != 0 ||
        status_take(hikae, morning_take_tenant, gathering, &morning->status, &morning->warnings, err) != 0 ||
        morning_take_unread(gathering, err) != 0)
        return -1;
    return take_incidents(morning, err);
}

/* The targets of a status that could not be taken. */
static int name_targets(struct morning *morning, struct error *err)
{
    struct hikae *hikae = morning->hikae;
    struct hikae_status_report *report = &morning->status;
    report->targets = mem_calloc(hikae->target_count + 1, sizeof(*report->targets));
    if (report->targets == NULL)
        return error_no_memory(err);
    for (; report->target_count < hikae->target_count; report->target_count++) {
        struct hikae_target_stored *target = &report->targets[report->target_count];
        target->name = mem_strdup(hikae->targets[report->target_count].name);
        target->up = hikae->targets[report->target_count].up;
        if (target->name == NULL)
            return error_no_memory(err);
    }
    return 0;
}

/*
 * No target or no holder answers: then most of all somebody needs a page. It says so, and what this machine remembers:
 * the runs, and when it saw each tenant's last backup.
 */
static int gather_remembered(struct morning_gathering *gathering, const char *day, const struct error *why,
                             struct error *err)
{
    struct morning *morning = gathering->morning;
    CLEANUP_FREE char *zone = NULL;
    struct error ignored = {0};
    morning->warnings = true;
    morning->why = mem_printf("%s%s%s", why->chain, why->chain[0] != '\0' ? ": " : "", why->what);
    if (morning->why == NULL)
        return error_no_memory(err);
    if (catalog_meta_get(morning->hikae->catalog, ZONE_KEY, &zone, &ignored) != 0 ||
        zone_open(zone, &morning->zone, &ignored) != 0) {
        if (zone_open("UTC", &morning->zone, err) != 0)
            return -1;
    }
    engine_warn(morning->hikae, "%s; the page says what this machine remembers", morning->why);
    return take_runs(gathering, day, err) == 0 && name_targets(morning, err) == 0 &&
                   catalog_tenant_each(morning->hikae->catalog, morning_take_remembered, gathering, err) == 0
               ? 0
               : -1;
}

/* What cannot be known of erasures must not hide the rest. */
static void take_purges(struct morning *morning)
{
    struct hikae_error why = {0};
    if (hikae_purge_status(morning->hikae, NULL, &morning->purges, &why) <= HIKAE_WARNINGS)
        return;
    engine_warn(morning->hikae, "erasures under way: %s", why.message);
    morning->warnings = true;
}

int morning_gather(struct hikae *hikae, const char *day, struct morning *ret, struct error *err)
{
    struct morning_gathering gathering = {.morning = ret};
    *ret = (struct morning){.hikae = hikae, .now_ns = clock_now_ns()};
    int rc = engine_keystore(hikae, err);
    if (rc == 0) {
        rc = gather(&gathering, day, err);
    } else if (err->class == ERROR_UNREACHABLE && hikae->target_count > 0) {
        const struct error why = *err;
        rc = gather_remembered(&gathering, day, &why, err);
    }
    if (rc == 0) {
        if (ret->tenant_count > 0)
            qsort_r(ret->tenants, ret->tenant_count, sizeof(*ret->tenants), morning_compare, ret);
        find_causes(ret);
        if (ret->why == NULL) {
            take_purges(ret);
            take_forecast(ret);
        }
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
    struct page_head head = {.title = {"Backups, the morning of", "バックアップ日報"}};
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
