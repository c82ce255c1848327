/* run: the nightly entry. */
#include "cli/commands.h"
#include "cli/notify.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS_MAX = 1000, RETRIES_DEFAULT = 2, RETRIES_MAX = 10 };

static void on_tick(const struct hikae_run_progress *progress, void *context)
{
    (void)context;
    char message[256];
    (void)snprintf(message, sizeof message, "WATCHDOG=1\nSTATUS=%llu of %llu jobs done, %llu failed\n",
                   (unsigned long long)progress->jobs_done, (unsigned long long)progress->jobs_total,
                   (unsigned long long)progress->jobs_failed);
    notify_send(message);
}

/* "2/5": this is the second of five hosts. */
static enum hikae_status read_shard(struct run *run, const char *text, struct hikae_run_options *options)
{
    char *slash;
    unsigned long shard = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &slash, 10) : 0;
    unsigned long shards =
        shard > 0 && *slash == '/' && slash[1] >= '0' && slash[1] <= '9' ? strtoul(slash + 1, &slash, 10) : 0;
    if (shards == 0 || *slash != '\0' || shards > SHARDS_MAX || shard > shards) {
        (void)run_usage(run, "--shard \"%s\" is no part of the hosts", text);
        return run_hint(run, "2/5 is the second of five hosts");
    }
    options->shard = (unsigned)shard;
    options->shards = (unsigned)shards;
    return HIKAE_OK;
}

static enum hikae_status read_options(struct run *run, struct hikae_run_options *options)
{
    const char *shard = run_option(run, "shard"), *retries = run_option(run, "retries");
    options->only = run_option(run, "only");
    options->wait = run_has(run, "wait");
    options->dry_run = run_has(run, DRY_RUN);
    options->retries = RETRIES_DEFAULT;
    options->tick = on_tick;
    if (retries != NULL && strcmp(retries, "0") == 0)
        options->retries = 0;
    else if (retries != NULL && value_number(run, "retries", retries, RETRIES_MAX, &options->retries) != HIKAE_OK)
        return HIKAE_USAGE;
    return shard != NULL ? read_shard(run, shard, options) : HIKAE_OK;
}

/* ---- JSON ---- */

static void json_job(struct run *run, json_t *array, const struct hikae_run_job *job)
{
    json_t *item = out_item(&run->out, array);
    if (item == NULL)
        return;
    out_text(&run->out, item, "tenant", job->tenant);
    out_text(&run->out, item, "job", job->job);
    out_text(&run->out, item, "due", job->due);
    out_time(&run->out, item, "due_at", job->due_ns);
    out_number(&run->out, item, "windows_missed", job->windows);
    if (strcmp(job->state, "planned") == 0 || strcmp(job->state, "left") == 0)
        return;
    out_number(&run->out, item, "exit", job->error.status);
    out_number(&run->out, item, "attempts", job->attempts);
    out_seconds(&run->out, item, "duration_s", job->duration_ns);
    out_text(&run->out, item, "detail", job->detail);
    if (job->error.status > HIKAE_WARNINGS) {
        out_text(&run->out, item, "kind", job->error.kind);
        out_text(&run->out, item, "message", job->error.message);
        out_text(&run->out, item, "hint", job->error.hint);
    }
}

static void json_result(struct run *run, const struct hikae_run_result *result, bool dry_run)
{
    static const char *const states[] = {"done", "failed", "left", "planned", "elsewhere"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        json_t *array = out_array(&run->out, NULL, states[i]);
        for (size_t k = 0; k < result->count; k++)
            if (strcmp(result->jobs[k].state, states[i]) == 0)
                json_job(run, array, &result->jobs[k]);
    }
    json_t *clock = json_object();
    out_bool(&run->out, clock, "synchronized", result->clock.synchronized);
    out_text(&run->out, clock, "source", result->clock.source);
    out_set(&run->out, clock, "offset_ns", json_integer(result->clock.offset_ns));
    out_set(&run->out, clock, "error_ns", json_integer(result->clock.error_ns));
    out_set(&run->out, NULL, "clock", clock);
    out_number(&run->out, NULL, "tenants", result->tenants);
    out_seconds(&run->out, NULL, "duration_s", result->duration_ns);
    out_bool(&run->out, NULL, "dry_run", dry_run);
    if (result->warning_count == 0)
        (void)out_array(&run->out, NULL, "warnings"); /* else the warnings that were told stand there */
}

/* ---- For people ---- */

static void print_jobs(struct run *run, const struct hikae_run_result *result)
{
    static const char *const heads[] = {"TENANT", "JOB", "STATE", ">TIME", "WHAT", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < result->count; i++) {
        const struct hikae_run_job *job = &result->jobs[i];
        bool failed = strcmp(job->state, "failed") == 0, done = strcmp(job->state, "done") == 0;
        /* Of a thousand tenants only what needs a look is shown, unless all is asked for. */
        if (done && job->error.status == HIKAE_OK && !run->verbose)
            continue;
        columns_add(&columns, job->tenant);
        columns_add(&columns, job->job);
        columns_add_colour(&columns, job->state, failed ? COLOUR_RED : done ? COLOUR_GREEN : COLOUR_YELLOW);
        columns_add(&columns, job->attempts > 0 ? text_duration(job->duration_ns, text) : NULL);
        columns_add(&columns, failed || strcmp(job->state, "elsewhere") == 0 ? job->error.message
                              : job->attempts > 0                            ? job->detail
                                                                             : job->due);
    }
    if (columns.count > 0)
        run_table(run, &columns);
}

static void count_states(const struct hikae_run_result *result, size_t *ret_done, size_t *ret_failed, size_t *ret_left)
{
    *ret_done = *ret_failed = *ret_left = 0;
    for (size_t i = 0; i < result->count; i++) {
        *ret_done += strcmp(result->jobs[i].state, "done") == 0;
        *ret_failed += strcmp(result->jobs[i].state, "failed") == 0;
        *ret_left += strcmp(result->jobs[i].state, "left") == 0;
    }
}

static void print_result(struct run *run, const struct hikae_run_result *result, bool dry_run)
{
    char done[TEXT_SMALL], failed[TEXT_SMALL], left[TEXT_SMALL], tenants[TEXT_SMALL], time[TEXT_SMALL];
    size_t counts[3];
    count_states(result, &counts[0], &counts[1], &counts[2]);
    print_jobs(run, result);
    (void)text_count(dry_run ? result->count : counts[0], done);
    (void)text_count(counts[1], failed);
    (void)text_count(counts[2], left);
    (void)text_count(result->tenants, tenants);
    (void)text_duration(result->duration_ns, time);
    if (dry_run)
        run_say(run, MSG_RUN_PLAN, tenants, done);
    else if (result->count == 0)
        run_say(run, MSG_RUN_NOTHING, tenants);
    else
        run_say(run, MSG_RUN_DONE, tenants, done, failed, left, time);
}

void run_show_jobs(struct run *run, const struct hikae_run_result *result, bool dry_run, enum hikae_status status)
{
    if (run->out.json)
        json_result(run, result, dry_run);
    else if (status <= HIKAE_WARNINGS || result->count > 0)
        print_result(run, result, dry_run);
}

enum hikae_status command_run(struct run *run)
{
    struct hikae_run_options options = {0};
    struct hikae_run_result result = {0};
    enum hikae_status status = read_options(run, &options);
    if (status != HIKAE_OK)
        return status;
    notify_send("READY=1\nSTATUS=looking for what is due\n");
    status = hikae_run(run->hikae, &options, &result, &run->error);
    notify_send("STOPPING=1\n");
    run_show_jobs(run, &result, options.dry_run, status);
    hikae_run_result_free(&result);
    return status;
}
