/* policy simulate: what a policy would keep on each of the next days. */
#include "policy/simulate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/policy_files.h"
#include "ops/retain.h"

#include <stdio.h>

struct showing {
    hikae_day_callback *callback;
    void *context;
    const struct hikae *hikae; /* may be NULL */
};

/* The lines of a day, which borrow everything. */
static int show_day(const struct simulate_day *day, void *context, struct error *err)
{
    const struct showing *showing = context;
    const struct retention_plan *plan = day->plan;
    struct hikae_retained *lines CLEANUP_FREE = mem_calloc(plan->count, sizeof(*lines));
    char date[16];
    if (lines == NULL)
        return error_no_memory(err);
    if (showing->hikae != NULL && cancel_check(&showing->hikae->cancel, err) != 0)
        return -1;
    for (size_t i = 0; i < plan->count; i++) {
        const struct retention_decision *decision = &plan->decisions[i];
        const struct retention_snapshot *snapshot = &day->snapshots[decision->snapshot];
        lines[i] = (struct hikae_retained){.id = (char *)snapshot->id,
                                           .time_ns = snapshot->time_ns,
                                           .tag = (char *)snapshot->tag,
                                           .keep = decision->keep,
                                           .reasons = decision->reasons,
                                           .reason_count = decision->reason_count};
    }
    (void)snprintf(date, sizeof(date), "%04d-%02d-%02d", (int)day->date.year, day->date.month, day->date.day);
    const struct hikae_simulated_day shown = {.date = date,
                                              .now_ns = day->now_ns,
                                              .lines = lines,
                                              .count = plan->count,
                                              .keep_count = plan->keep_count,
                                              .drop_count = plan->count - plan->keep_count};
    if (showing->callback(&shown, showing->context) != 0)
        return error_set(err, ERROR_INTERRUPTED, "stopped as asked");
    return 0;
}

static int simulate_view(const struct retain_view *view, const struct policy *policy, unsigned days,
                         struct showing *showing, struct error *err)
{
    const struct simulate_input input = {.policy = policy,
                                         .snapshots = view->snapshots,
                                         .snapshot_count = view->count,
                                         .holds = view->holds,
                                         .hold_count = view->hold_count,
                                         .now_ns = clock_now_ns(),
                                         .days = days};
    return simulate_days(&input, show_day, showing, err);
}

static int simulate_tenant(struct hikae *hikae, const struct hikae_simulate_options *options,
                           const struct policy *policy, struct showing *showing, struct error *err)
{
    struct session session;
    struct retain_view view;
    if (session_open(hikae, options->tenant, 0, &session, err) != 0)
        return -1;
    int rc = session_list(&session, err);
    if (rc == 0)
        rc = retain_view_open(&session, NULL, &view, err);
    if (rc == 0) {
        if (policy == NULL && (policy = view.policy) == NULL) {
            *err = view.why;
            rc = -1;
        }
        if (rc == 0)
            rc = simulate_view(&view, policy, options->days, showing, err);
        retain_view_close(&view);
    }
    session_close(&session);
    return rc;
}

static int simulate(struct hikae *hikae, const struct hikae_simulate_options *options, struct showing *showing,
                    struct error *err)
{
    struct policy *policy CLEANUP(cleanup_policy_free) = NULL;
    const struct retain_view nothing = {0};
    if (options->policy == NULL && options->tenant == NULL)
        return error_set(err, ERROR_USAGE, "name a policy, or a tenant whose policy is meant");
    if (options->policy != NULL && policy_files_load(options->config != NULL ? options->config : CONFIG_DEFAULT_PATH,
                                                     options->policy, &policy, err) != 0)
        return -1;
    return options->tenant != NULL ? simulate_tenant(hikae, options, policy, showing, err)
                                   : simulate_view(&nothing, policy, options->days, showing, err);
}

enum hikae_status hikae_policy_simulate(struct hikae *hikae, const struct hikae_simulate_options *options,
                                        hikae_day_callback *callback, void *context, struct hikae_error *error)
{
    struct error err = {0};
    struct showing showing = {callback, context, hikae};
    return api_result(simulate(hikae, options, &showing, &err), false, &err, error);
}
