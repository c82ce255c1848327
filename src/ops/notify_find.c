/* What became of a night: the causes, each once, worst first. A pure function of the state. */
#include "base/clock.h"
#include "ops/notify.h"

#include <stdio.h>
#include <string.h>

#define DEADLINE_NEAR_NS (INT64_C(7) * 86400 * NS_PER_S)

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* One more of a cause that is known, or a new one. The oldest time counts: a deadline that is next, a success that is
 * the longest ago. */
static void add_cause(struct notice_causes *causes, const struct notice_cause *cause)
{
    for (size_t i = 0; i < causes->count; i++) {
        struct notice_cause *known = &causes->items[i];
        if (known->kind != cause->kind || !same(known->key, cause->key) || !same(known->error, cause->error) ||
            (cause->kind == NOTICE_WARNING && !same(known->detail, cause->detail)))
            continue;
        known->count += cause->count;
        if (cause->time_ns < known->time_ns)
            known->time_ns = cause->time_ns;
        return;
    }
    if (causes->count < NOTICE_CAUSES_MAX)
        causes->items[causes->count++] = *cause;
}

/* Messages name targets as "target NAME …", "…; NAME does not answer" and "… on NAME: …": a name can be a plain word.
 */
static bool names_target(const char *text, const char *name)
{
    static const struct {
        const char *before, *behind; /* any of these bytes, or the end */
    } forms[] = {{"target ", " :;,."}, {"; ", " "}, {"on ", ":;,."}};
    size_t size = strlen(name);
    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
            size_t before = strlen(forms[i].before);
            if ((size_t)(at - text) >= before && strncmp(at - before, forms[i].before, before) == 0 &&
                (at[size] == '\0' || strchr(forms[i].behind, at[size]) != NULL))
                return true;
        }
    }
    return false;
}

/* A failure or warning that names a target which is down anyway is no cause of its own. */
static bool is_of_target_down(const struct notice_state *state, const char *text)
{
    for (size_t i = 0; i < state->target_count; i++)
        if (!state->targets[i].up && names_target(text, state->targets[i].name))
            return true;
    return false;
}

static void find_in_status(const struct notice_state *state, struct notice_causes *ret)
{
    for (size_t i = 0; state->status != NULL && i < state->status->count; i++) {
        const struct hikae_tenant_status *tenant = &state->status->tenants[i];
        size_t copies = state->target_count - tenant->behind_count;
        struct notice_cause cause = {.subject = tenant->name, .count = 1, .time_ns = tenant->last_success_ns};
        if (tenant->last_success_ns != 0 && (copies == 0 || copies < state->min_copies)) {
            cause.kind = copies == 0 ? NOTICE_BROKEN : NOTICE_QUORUM;
            add_cause(ret, &cause);
        }
        if (tenant->overdue) {
            cause.kind = NOTICE_OVERDUE;
            add_cause(ret, &cause);
        }
        if (tenant->deadline_ns != 0 && tenant->deadline_ns - state->now_ns < DEADLINE_NEAR_NS) {
            cause.kind = NOTICE_DEADLINE;
            cause.time_ns = tenant->deadline_ns;
            add_cause(ret, &cause);
        }
    }
}

/* Notices of incidents, looks, reminders; erasures are found with their tenants. */
static void find_in_deadlines(const struct notice_state *state, struct notice_causes *ret)
{
    static const struct {
        const char *kind;
        enum notice_kind notice;
    } kinds_of[] = {{"notice", NOTICE_INCIDENT},
                    {"copy", NOTICE_COPY},
                    {"drill", NOTICE_DRILL},
                    {"review", NOTICE_REVIEW},
                    {"reminder", NOTICE_REMINDER}};
    for (size_t i = 0; state->status != NULL && i < state->status->deadline_count; i++) {
        const struct hikae_deadline *deadline = &state->status->deadlines[i];
        for (size_t k = 0; k < sizeof(kinds_of) / sizeof(kinds_of[0]); k++) {
            const struct notice_cause cause = {.kind = kinds_of[k].notice,
                                               .key = deadline->subject,
                                               .detail = deadline->subject,
                                               .detail_ja = deadline->subject_ja,
                                               .count = 1,
                                               .time_ns = deadline->due_ns};
            if (strcmp(deadline->kind, kinds_of[k].kind) == 0)
                add_cause(ret, &cause);
        }
    }
    const struct notice_cause open = {.kind = NOTICE_OPEN,
                                      .count = state->status != NULL ? state->status->nonconformities : 0};
    if (open.count > 0)
        add_cause(ret, &open);
}

static size_t count_behind(const struct notice_state *state, const char *target)
{
    size_t count = 0;
    for (size_t i = 0; state->status != NULL && i < state->status->count; i++)
        for (size_t k = 0; k < state->status->tenants[i].behind_count; k++)
            count += strcmp(state->status->tenants[i].behind[k], target) == 0;
    return count;
}

static void find_in_targets(const struct notice_state *state, struct notice_causes *ret)
{
    for (size_t i = 0; i < state->target_count; i++) {
        const struct notice_target *target = &state->targets[i];
        struct notice_cause cause = {.kind = target->up ? NOTICE_BEHIND : NOTICE_TARGET,
                                     .key = target->name,
                                     .count = count_behind(state, target->name)};
        if (!target->up || cause.count > 0)
            add_cause(ret, &cause);
    }
}

static void find_in_run(const struct notice_state *state, struct notice_causes *ret)
{
    for (size_t i = 0; state->run != NULL && i < state->run->count; i++) {
        const struct hikae_run_job *job = &state->run->jobs[i];
        if (strcmp(job->state, "failed") != 0)
            continue;
        bool damaged = job->error.status == HIKAE_DAMAGED;
        const struct notice_cause cause = {.kind = damaged ? NOTICE_DAMAGED : NOTICE_FAILED,
                                           .subject = job->tenant != NULL ? job->tenant : job->job,
                                           .key = job->job,
                                           .error = job->error.kind,
                                           .detail = job->error.message,
                                           .count = 1};
        if (damaged || !is_of_target_down(state, job->error.message))
            add_cause(ret, &cause);
    }
    for (size_t i = 0; state->run != NULL && i < state->run->warning_count; i++) {
        const struct hikae_run_warning *warning = &state->run->warnings[i];
        const struct notice_cause cause = {.kind = NOTICE_WARNING,
                                           .subject = warning->tenant,
                                           .detail = warning->message,
                                           .count = (size_t)warning->count};
        if (!is_of_target_down(state, warning->message))
            add_cause(ret, &cause);
    }
}

void notice_find(const struct notice_state *state, struct notice_causes *ret)
{
    struct notice_causes found = {.count = 0};
    *ret = (struct notice_causes){.count = 0};
    if (state->run_error != NULL)
        add_cause(&found, &(const struct notice_cause){.kind = NOTICE_RUN, .detail = state->run_error, .count = 1});
    find_in_targets(state, &found);
    find_in_status(state, &found);
    find_in_deadlines(state, &found);
    find_in_run(state, &found);
    for (int kind = 0; kind < NOTICE_KINDS; kind++)
        for (size_t i = 0; i < found.count; i++)
            if (found.items[i].kind == (enum notice_kind)kind)
                ret->items[ret->count++] = found.items[i];
}

bool notice_is_told(const struct notice_cause *cause, bool alert, bool muted)
{
    return !alert || cause->kind <= (muted ? NOTICE_NEVER_MUTED_LAST : NOTICE_ALERT_LAST);
}

bool notice_has_alert(const struct notice_causes *causes, bool muted)
{
    for (size_t i = 0; i < causes->count; i++)
        if (notice_is_told(&causes->items[i], true, muted))
            return true;
    return false;
}

int notice_fingerprint(const struct notice_causes *causes, bool alert, char **ret, struct error *err)
{
    struct buf out = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < causes->count; i++) {
        const struct notice_cause *cause = &causes->items[i];
        char line[256];
        if (cause->kind == NOTICE_WARNING || !notice_is_told(cause, alert, false))
            continue;
        (void)snprintf(line, sizeof(line), "%d %s %s\n", (int)cause->kind, cause->key != NULL ? cause->key : "",
                       cause->error != NULL ? cause->error : "");
        rc = buf_append(&out, line, strlen(line), err);
    }
    if (rc == 0)
        rc = buf_u8(&out, 0, err);
    *ret = rc == 0 ? (char *)out.data : NULL;
    if (rc != 0)
        buf_free(&out);
    return rc;
}
