/* The page of the morning: what the nightly runs did, as the catalogue remembers them. */
#include "report/morning.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define NIGHT_NS (INT64_C(18) * 3600 * NS_PER_S)

/* What the calendar knows of a day from the runs: snapshots that were dropped leave no trace in the history. */
static void note_day(struct morning *morning, int64_t started_ns, uint64_t backups)
{
    int64_t back = morning_days_back(morning, started_ns);
    morning->run_days = (size_t)back + 1; /* runs come newest first */
    if (back >= MORNING_DAYS)
        return;
    morning->has_run[back] = true;
    morning->backed_up[back] += backups;
}

int morning_take_night(const struct catalog_run *run, void *context, struct error *err)
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
int morning_take_run(const struct catalog_run *from, void *context, struct error *err)
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
