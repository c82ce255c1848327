/* The nightly run's part in erasures: what is approved begins, what waits for a target or for people is looked at
 * again. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/purge.h"
#include "ops/run.h"

#include <string.h>

#define LOOKED "erased-looked"
#define FAILED "purge-failed"
/* A host without the holders fails until somebody who has them comes: each try writes to the history. */
#define TRY_AGAIN_NS (6 * INT64_C(3600) * NS_PER_S)

static bool is_open(const struct hikae_purge *purge)
{
    return strcmp(purge->stage, "approved") == 0 || purge->waiting != NULL;
}

static size_t count_open(const struct hikae_purges *purges)
{
    size_t open = 0;
    for (size_t i = 0; i < purges->count; i++)
        open += is_open(&purges->purges[i]);
    return open;
}

static int add_row(struct hikae_run_result *ret, enum hikae_status status, const struct hikae_error *error,
                   const struct hikae_purges *purges, int64_t duration_ns, struct error *err)
{
    struct hikae_run_job *grown = mem_realloc(ret->jobs, (ret->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->jobs = grown;
    struct hikae_run_job *job = &grown[ret->count++];
    *job = (struct hikae_run_job){.state = status <= HIKAE_WARNINGS ? "done" : "failed",
                                  .job = mem_strdup("purge"),
                                  .due = "due",
                                  .due_ns = clock_now_ns(),
                                  .attempts = 1,
                                  .duration_ns = duration_ns,
                                  .error = *error};
    job->error.status = status;
    if (status <= HIKAE_WARNINGS)
        job->detail = mem_printf("%zu planned or erased, %zu of them still wait", purges->count, count_open(purges));
    return job->job != NULL ? 0 : error_no_memory(err);
}

/* What was promised by a day, and is not done: the tenant's own row does not tell it any more. */
static void warn_missed(const struct hikae_purges *purges, struct hikae_run_result *ret)
{
    const char *first = NULL;
    uint64_t missed = 0;
    for (size_t i = 0; i < purges->count; i++) {
        const struct hikae_purge *purge = &purges->purges[i];
        if (!purge->missed || purge->met_ns != 0 || purge->tombstone_ns == 0)
            continue;
        first = first != NULL ? first : purge->name != NULL ? purge->name : purge->tenant;
        missed++;
    }
    if (missed > 0)
        run_note_warning(ret, first,
                         "the deadline of its erasure is missed: `hikae purge status` says what it waits for", missed);
}

/* Once a day what is erased is looked at again: a target that is put back from a copy has it once more. */
static bool is_look_due(struct hikae *hikae, const struct hikae_purges *purges)
{
    size_t erased = 0;
    for (size_t i = 0; i < purges->count; i++)
        erased += purges->purges[i].gone_ns != 0;
    if (erased == 0 || engine_noted_lately(hikae, LOOKED, ENGINE_DAILY_NS))
        return false;
    engine_note_now(hikae, LOOKED);
    return true;
}

int run_purge(struct hikae *hikae, const char *only, struct hikae_run_result *ret, struct error *err)
{
    struct hikae_purges purges = {0};
    struct hikae_error error = {0};
    int64_t began_ns = clock_monotonic_ns();
    enum hikae_status status = hikae_purge_status(hikae, NULL, &purges, &error);
    bool alone = only != NULL && strcmp(only, RUN_PURGE) == 0;
    bool due = status <= HIKAE_WARNINGS && (count_open(&purges) > 0 || is_look_due(hikae, &purges));
    hikae_purges_free(&purges);
    if (status <= HIKAE_WARNINGS && (!due || (!alone && engine_noted_lately(hikae, FAILED, TRY_AGAIN_NS))))
        return 0;
    if (status <= HIKAE_WARNINGS)
        status = hikae_purge_run(hikae, NULL, false, &purges, &error);
    if (status > HIKAE_WARNINGS && status != HIKAE_BUSY && status != HIKAE_INTERRUPTED)
        engine_note_now(hikae, FAILED);
    if (status <= HIKAE_WARNINGS)
        warn_missed(&purges, ret);
    /* A host that only writes may not delete, and says so only if it was asked for this. */
    bool elsewhere = only == NULL && status == HIKAE_KEYS && strcmp(error.kind, error_class_name(ERROR_DENIED)) == 0;
    int rc = elsewhere ? 0 : add_row(ret, status, &error, &purges, clock_monotonic_ns() - began_ns, err);
    hikae_purges_free(&purges);
    return rc;
}
