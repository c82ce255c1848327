/* The plan: each rule walks the snapshots from the latest to the oldest and says what it keeps; then the exceptions. */
#include "policy/retention.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_SIZE = 320 };

struct planner {
    const struct retention_input *input;
    struct retention_plan *plan;
    struct error *err;
};

static const struct retention_snapshot *snapshot_of(const struct planner *planner, size_t i)
{
    return &planner->input->snapshots[planner->plan->decisions[i].snapshot];
}

static bool is_complete(const struct retention_snapshot *snapshot)
{
    return snapshot->copies == RETENTION_COMPLETE;
}

/* ---- Reasons ---- */

static int add_reason(const struct planner *planner, size_t i, const char *text)
{
    struct retention_decision *decision = &planner->plan->decisions[i];
    char **grown = mem_realloc(decision->reasons, (decision->reason_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(planner->err);
    decision->reasons = grown;
    grown[decision->reason_count] = mem_strdup(text);
    return grown[decision->reason_count++] != NULL ? 0 : error_no_memory(planner->err);
}

static void clear_reasons(struct retention_decision *decision)
{
    for (size_t i = 0; i < decision->reason_count; i++)
        mem_free(decision->reasons[i]);
    mem_free(decision->reasons);
    decision->reasons = NULL;
    decision->reason_count = 0;
}

/* The first reason to keep it takes the place of those to drop it. */
static int keep(const struct planner *planner, size_t i, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int keep(const struct planner *planner, size_t i, const char *fmt, ...)
{
    char text[REASON_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    struct retention_decision *decision = &planner->plan->decisions[i];
    if (!decision->keep) {
        clear_reasons(decision);
        decision->keep = true;
        planner->plan->keep_count++;
    }
    return add_reason(planner, i, text);
}

/* Why a rule lets it go matters only while nothing keeps it. */
static int let_go(const struct planner *planner, size_t i, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int let_go(const struct planner *planner, size_t i, const char *fmt, ...)
{
    char text[REASON_SIZE];
    if (planner->plan->decisions[i].keep)
        return 0;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return add_reason(planner, i, text);
}

/* "2026-11-21", there. Returns buf (ZONE_TEXT_SIZE bytes). */
static char *local_date(const struct planner *planner, int64_t instant_ns, char *buf)
{
    return zone_period_format(planner->input->zone, ZONE_DAY, zone_period(planner->input->zone, ZONE_DAY, instant_ns),
                              buf);
}

/* ---- Rules ---- */

/* One rule on its way from the latest snapshot to the oldest. */
struct walk {
    const struct retention_rule *rule;
    bool partial; /* are partial snapshots looked at too, as if they were complete? */
    char name[RETENTION_TEXT_SIZE];
    bool any;                  /* a period has been met …              */
    int64_t period;            /* … this is the earliest of them …     */
    size_t winner;             /* … and this is its latest snapshot    */
    unsigned taken;            /* generations                          */
    char last[ZONE_TEXT_SIZE]; /* name of the last one's period */
    char over[REASON_SIZE];    /* once there are enough: what all older ones are told */
};

static bool is_eligible(const struct walk *walk, const struct retention_snapshot *snapshot)
{
    const char *tag = walk->rule->tag;
    return !snapshot->on_demand && (is_complete(snapshot) || walk->partial) &&
           (tag == NULL || (snapshot->tag != NULL && strcmp(tag, snapshot->tag) == 0));
}

static enum zone_unit unit_of(enum retention_kind kind)
{
    static const enum zone_unit units[RETENTION_KIND_COUNT] = {
        [RETENTION_HOURLY] = ZONE_HOUR,   [RETENTION_DAILY] = ZONE_DAY,   [RETENTION_WEEKLY] = ZONE_WEEK,
        [RETENTION_MONTHLY] = ZONE_MONTH, [RETENTION_YEARLY] = ZONE_YEAR,
    };
    return units[kind];
}

static bool has_periods(enum retention_kind kind)
{
    return kind != RETENTION_WITHIN && kind != RETENTION_LAST;
}

/* The generation that a rule keeps, in words: "daily 3 of 7: 2026-11-19". */
static void describe(const struct walk *walk, const char *date, char *buf)
{
    const struct retention_rule *rule = walk->rule;
    if (rule->kind == RETENTION_WITHIN)
        (void)snprintf(buf, REASON_SIZE, "%s: until %s", walk->name, date);
    else if (rule->count == 0 || span_is_set(rule->within))
        (void)snprintf(buf, REASON_SIZE, "%s, number %u: %s", walk->name, walk->taken, walk->last);
    else
        (void)snprintf(buf, REASON_SIZE, "%s %u of %u%s: %s", retention_kind_name(rule->kind), walk->taken, rule->count,
                       walk->name + strcspn(walk->name, "("), walk->last);
}

/* What a rule says to the next older snapshot. */
static int visit(const struct planner *planner, struct walk *walk, size_t i)
{
    const struct zone *zone = planner->input->zone;
    const struct retention_rule *rule = walk->rule;
    const struct retention_snapshot *snapshot = snapshot_of(planner, i);
    bool tells = !walk->partial; /* the second walk has nothing to say about what it does not keep */
    char date[ZONE_TEXT_SIZE], text[REASON_SIZE];
    int64_t period = 0;
    if (walk->over[0] != '\0')
        return tells && !planner->plan->decisions[i].keep ? add_reason(planner, i, walk->over) : 0;
    if (has_periods(rule->kind)) {
        period = zone_period(zone, unit_of(rule->kind), snapshot->time_ns);
        /* A clock set back over midnight has its day twice: what is not earlier than the earliest has been met. */
        if (walk->any && period >= walk->period)
            return tells ? let_go(planner, i, "%s: %s is later in the same period", walk->name,
                                  snapshot_of(planner, walk->winner)->id)
                         : 0;
        walk->any = true;
        walk->period = period;
        walk->winner = i;
    }
    if (span_is_set(rule->within)) {
        int64_t until = span_add(rule->within, zone, snapshot->time_ns, 1);
        (void)local_date(planner, until, date);
        if (until <= planner->input->now_ns)
            return tells ? let_go(planner, i, "%s: over since %s", walk->name, date) : 0;
    }
    if (rule->count > 0 && walk->taken == rule->count) {
        (void)snprintf(walk->over, sizeof(walk->over), "%s: the last one is %s", walk->name, walk->last);
        return tells ? let_go(planner, i, "%s", walk->over) : 0;
    }
    walk->taken++;
    if (has_periods(rule->kind))
        (void)zone_period_format(zone, unit_of(rule->kind), period, walk->last);
    else
        (void)local_date(planner, snapshot->time_ns, walk->last);
    if (walk->partial && is_complete(snapshot))
        return 0;
    describe(walk, date, text);
    return keep(planner, i, "%s%s", walk->partial ? "partial, waits for catch-up; then " : "", text);
}

static int apply_rule(const struct planner *planner, const struct retention_rule *rule, bool partial)
{
    struct walk walk = {.rule = rule, .partial = partial};
    (void)retention_rule_format(rule, walk.name);
    for (size_t i = 0; i < planner->plan->count; i++)
        if (is_eligible(&walk, snapshot_of(planner, i)) && visit(planner, &walk, i) != 0)
            return -1;
    return 0;
}

/*
 * First what is complete, as if nothing else were there; then with the partial ones, which keep their place until
 * catch-up has completed them, but take none from what is complete.
 */
static int apply_rules(const struct planner *planner)
{
    const struct retention_rules *rules = planner->input->rules;
    for (int partial = 0; partial < 2; partial++)
        for (size_t i = 0; i < rules->count; i++)
            if (apply_rule(planner, &rules->rules[i], partial == 1) != 0)
                return -1;
    return 0;
}

/* ---- What holds whatever the rules say ---- */

static int apply_own_expiry(const struct planner *planner, size_t i)
{
    const struct retention_snapshot *snapshot = snapshot_of(planner, i);
    const struct retention_rules *rules = planner->input->rules;
    const char *what = snapshot->on_demand ? "on demand" : "its own expiry";
    char date[ZONE_TEXT_SIZE];
    int64_t until = snapshot->keep_until_ns;
    if (until == 0 && snapshot->on_demand && span_is_set(rules->on_demand))
        until = span_add(rules->on_demand, planner->input->zone, snapshot->time_ns, 1);
    if (until == 0 && snapshot->on_demand)
        return keep(planner, i, "on demand: until it is taken out");
    if (until == 0)
        return 0;
    (void)local_date(planner, until, date);
    return until > planner->input->now_ns ? keep(planner, i, "%s: until %s", what, date)
                                          : let_go(planner, i, "%s: over since %s", what, date);
}

static int apply_holds(const struct planner *planner, size_t i)
{
    const char *incident = snapshot_of(planner, i)->incident;
    if (incident != NULL && keep(planner, i, "incident %.40s: its logs stay until it is closed", incident) != 0)
        return -1;
    for (size_t k = 0; k < planner->input->hold_count; k++) {
        const struct retention_hold *hold = &planner->input->holds[k];
        if (hold->until_ns > planner->input->now_ns &&
            keep(planner, i, "hold %.8s by %.100s", hold->id, hold->who) != 0)
            return -1;
    }
    return 0;
}

static int apply_to_each(const struct planner *planner)
{
    for (size_t i = 0; i < planner->plan->count; i++) {
        const struct retention_snapshot *snapshot = snapshot_of(planner, i);
        if (planner->input->rules->count == 0 && !snapshot->on_demand &&
            keep(planner, i, "no rule: everything is kept") != 0)
            return -1;
        if (snapshot->copies == RETENTION_UNKNOWN &&
            keep(planner, i, "unknown: too few targets answer to tell whether it is complete") != 0)
            return -1;
        if (apply_own_expiry(planner, i) != 0 || apply_holds(planner, i) != 0)
            return -1;
    }
    return 0;
}

/* The latest snapshot to restore from, and the latest that is known to restore: a complete one, if there is any. */
static int apply_latest(const struct planner *planner)
{
    size_t count = planner->plan->count, complete = count, verified = count, sound = count;
    for (size_t i = count; i-- > 0;) {
        const struct retention_snapshot *snapshot = snapshot_of(planner, i);
        if (is_complete(snapshot))
            complete = i;
        if (snapshot->verified_ns != 0)
            verified = i;
        if (is_complete(snapshot) && snapshot->verified_ns != 0)
            sound = i;
    }
    if (complete < count && keep(planner, complete, "latest complete") != 0)
        return -1;
    if (sound < count && keep(planner, sound, "last verified") != 0)
        return -1;
    if (verified < sound && keep(planner, verified, "last verified, but partial since") != 0)
        return -1;
    return 0;
}

/* What no rule even looked at says so. */
static int explain_the_rest(const struct planner *planner)
{
    for (size_t i = 0; i < planner->plan->count; i++) {
        const struct retention_decision *decision = &planner->plan->decisions[i];
        if (decision->reason_count > 0)
            continue;
        const char *text = is_complete(snapshot_of(planner, i)) ? "no rule is about it"
                                                                : "partial, and no generation if it were complete";
        if (add_reason(planner, i, text) != 0)
            return -1;
    }
    return 0;
}

/* ---- What stops a plan ---- */

static int check_clocks(const struct retention_input *input, struct error *err)
{
    int64_t most = RETENTION_SKEW_MAX_S * NS_PER_S;
    char then[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < input->clock_count; i++) {
        const struct retention_clock *clock = &input->clocks[i];
        if (clock->ahead_ns <= most && clock->ahead_ns >= -most)
            continue;
        (void)error_set(err, ERROR_REFUSED, "the clock of target %s is %lld s %s this machine's", clock->target,
                        (long long)((clock->ahead_ns < 0 ? -clock->ahead_ns : clock->ahead_ns) / NS_PER_S),
                        clock->ahead_ns < 0 ? "behind" : "ahead of");
        return error_hint(err,
                          "find out which one is wrong and set it; nothing is dropped by a clock that may be wrong");
    }
    for (size_t i = 0; i < input->snapshot_count; i++) {
        const struct retention_snapshot *snapshot = &input->snapshots[i];
        if (snapshot->time_ns <= input->now_ns || snapshot->time_ns - input->now_ns <= most)
            continue;
        (void)error_set(err, ERROR_REFUSED, "snapshot %s is of %s, and now is %s", snapshot->id,
                        clock_format(snapshot->time_ns, then), clock_format(input->now_ns, now));
        return error_hint(err,
                          "set this machine's clock, or, if the snapshot's was wrong, take it out: "
                          "`hikae snapshot forget TENANT %s`",
                          snapshot->id);
    }
    return 0;
}

static int check_result(const struct retention_plan *plan, struct error *err)
{
    if (plan->count == 0 || plan->keep_count > 0)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the plan would keep none of %zu snapshots", plan->count);
    return error_hint(err, "check the policy's generations; to be rid of a tenant's data, purge the tenant");
}

/* ---- */

struct dated {
    const struct retention_snapshot *snapshot;
    size_t index;
};

/* The latest first; of the same instant, by id, so that the order of the input does not matter. */
static int compare_dated(const void *a, const void *b)
{
    const struct dated *x = a, *y = b;
    if (x->snapshot->time_ns != y->snapshot->time_ns)
        return x->snapshot->time_ns > y->snapshot->time_ns ? -1 : 1;
    return strcmp(y->snapshot->id, x->snapshot->id);
}

static int begin_plan(const struct retention_input *input, struct retention_plan *plan, struct error *err)
{
    CLEANUP_FREE struct dated *order = mem_calloc(input->snapshot_count, sizeof(*order));
    plan->decisions = mem_calloc(input->snapshot_count, sizeof(*plan->decisions));
    if (order == NULL || plan->decisions == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < input->snapshot_count; i++)
        order[i] = (struct dated){&input->snapshots[i], i};
    if (input->snapshot_count > 1)
        qsort(order, input->snapshot_count, sizeof(*order), compare_dated);
    for (size_t i = 0; i < input->snapshot_count; i++)
        plan->decisions[i].snapshot = order[i].index;
    plan->count = input->snapshot_count;
    return 0;
}

int retention_plan_make(const struct retention_input *input, struct retention_plan *ret, struct error *err)
{
    *ret = (struct retention_plan){0};
    const struct planner planner = {input, ret, err};
    if (check_clocks(input, err) == 0 && begin_plan(input, ret, err) == 0 && apply_rules(&planner) == 0 &&
        apply_to_each(&planner) == 0 && apply_latest(&planner) == 0 && explain_the_rest(&planner) == 0 &&
        check_result(ret, err) == 0)
        return 0;
    retention_plan_clear(ret);
    return -1;
}

void retention_plan_clear(struct retention_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        clear_reasons(&plan->decisions[i]);
    mem_free(plan->decisions);
    *plan = (struct retention_plan){0};
}
