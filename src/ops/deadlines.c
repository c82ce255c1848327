#include "ops/deadlines.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/incident.h"
#include "ops/purge.h"
#include "ops/review.h"
#include "policy/due.h"

#include <stdlib.h>
#include <string.h>

/* Looks are listed by their periods, the longest of which is a year. */
#define REVIEWS_BACK_NS (INT64_C(400) * 86400 * NS_PER_S)

/* Texts of `from` are copied. */
static int add(struct hikae_status_report *report, const struct hikae_deadline *from, struct error *err)
{
    struct hikae_deadline *grown = mem_realloc(report->deadlines, (report->deadline_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    report->deadlines = grown;
    struct hikae_deadline *to = &grown[report->deadline_count++];
    *to = *from;
    to->subject = mem_strdup(from->subject);
    to->subject_ja = mem_strdup(from->subject_ja != NULL ? from->subject_ja : from->subject);
    to->policy = from->policy != NULL ? mem_strdup(from->policy) : NULL;
    bool ok = to->subject != NULL && to->subject_ja != NULL && (to->policy != NULL || from->policy == NULL);
    return ok ? 0 : error_no_memory(err);
}

static int take_erasures(struct hikae_status_report *report, struct error *err)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct hikae_deadline deadline = {.kind = "erasure",
                                                .subject = report->tenants[i].name,
                                                .due_ns = report->tenants[i].deadline_ns,
                                                .missed = report->tenants[i].missed};
        if (deadline.due_ns != 0 && add(report, &deadline, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * Tenants that are unreadable already, and whose catalogue row is gone with their names: a promise of complete deletion
 * is still open until every target lists nothing.
 */
static int take_purges(const struct session *facts, struct hikae_status_report *report, struct error *err)
{
    CLEANUP(hikae_purges_free) struct hikae_purges purges = {0};
    const size_t before = report->deadline_count;
    if (purge_list_open(facts, &purges, err) != 0)
        return -1;
    for (size_t i = 0; i < purges.count; i++) {
        const struct hikae_purge *purge = &purges.purges[i];
        const struct hikae_deadline deadline = {.kind = "erasure",
                                                .subject = purge->name != NULL ? purge->name : purge->tenant,
                                                .due_ns = purge->deadline_ns,
                                                .missed = purge->missed};
        bool known = purge->deadline_ns == 0 || purge->met_ns != 0;
        for (size_t k = 0; k < before && !known; k++)
            known = strcmp(report->deadlines[k].subject, deadline.subject) == 0;
        if (!known && add(report, &deadline, err) != 0)
            return -1;
    }
    return 0;
}

/* The copies that restores handed out: of each tenant the one that must be wiped first. */
static int take_copies(int64_t now_ns, struct hikae_status_report *report, struct error *err)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct hikae_tenant_status *tenant = &report->tenants[i];
        const struct hikae_deadline deadline = {.kind = "copy",
                                                .subject = tenant->name,
                                                .due_ns = tenant->copies_until_ns,
                                                .missed = tenant->copies_overdue > 0};
        bool near = deadline.due_ns != 0 && deadline.due_ns - now_ns < DEADLINES_NEAR_NS;
        if (near && add(report, &deadline, err) != 0)
            return -1;
    }
    return 0;
}

/* Drills that nothing but a person on another machine can do. */
static int take_drills(int64_t now_ns, struct hikae_status_report *report, struct error *err)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct hikae_tenant_status *tenant = &report->tenants[i];
        const struct hikae_deadline deadline = {.kind = "drill",
                                                .subject = tenant->name,
                                                .due_ns = tenant->drill_due_ns,
                                                .missed = tenant->drill_due_ns < now_ns};
        bool near = deadline.due_ns != 0 && deadline.due_ns - now_ns < DEADLINES_DRILL_NEAR_NS;
        if (near && add(report, &deadline, err) != 0)
            return -1;
    }
    return 0;
}

static int take_notices(const struct session *facts, int64_t now_ns, struct hikae_status_report *report,
                        struct error *err)
{
    struct hikae_incidents incidents CLEANUP(hikae_incidents_free) = {0};
    if (incidents_read(facts, NULL, now_ns, &incidents, err) != 0)
        return -1;
    for (size_t i = 0; i < incidents.count; i++) {
        const struct hikae_incident *item = &incidents.items[i];
        if (!item->open)
            continue;
        if (strcmp(item->kind, HIKAE_NONCONFORMITY) == 0) {
            report->nonconformities++;
            continue;
        }
        report->incidents++;
        for (size_t k = 0; k < item->deadline_count; k++) {
            const struct hikae_incident_deadline *from = &item->deadlines[k];
            bool missed = strcmp(from->state, "missed") == 0;
            const struct hikae_deadline deadline = {.kind = "notice",
                                                    .subject = (char *)item->id,
                                                    .policy = (char *)from->policy,
                                                    .is_aim = strcmp(from->strength, "aim") == 0,
                                                    .due_ns = from->due_ns,
                                                    .missed = missed};
            if ((missed || strcmp(from->state, "open") == 0) && add(report, &deadline, err) != 0)
                return -1;
        }
    }
    return 0;
}

const char *deadlines_look_ja(const char *of)
{
    static const struct {
        const char *of, *ja;
    } rows[] = {{"backups", "バックアップ"},
                {"drills", "復元試験"},
                {"access", "アクセス記録"},
                {"logs", "ログ"},
                {"inventory", "資産台帳"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].of, of) == 0)
            return rows[i].ja;
    return of;
}

static int take_reviews(const struct session *facts, int64_t now_ns, struct hikae_status_report *report,
                        struct error *err)
{
    struct hikae_reviews reviews CLEANUP(hikae_reviews_free) = {0};
    if (reviews_read(facts, now_ns - REVIEWS_BACK_NS, now_ns + 1, now_ns, &reviews, err) != 0)
        return -1;
    for (size_t i = 0; i < reviews.due_count; i++) {
        const struct hikae_review_due *from = &reviews.dues[i];
        /* One that nobody took weeks ago is a nonconformity by now; here it would only hide what is new. */
        bool missed = strcmp(from->state, "missed") == 0 && now_ns - from->due_ns < DEADLINES_NEAR_NS;
        bool near = strcmp(from->state, "open") == 0 && from->due_ns - now_ns < DEADLINES_NEAR_NS;
        const struct hikae_deadline deadline = {.kind = "review",
                                                .subject = from->of,
                                                .subject_ja = (char *)deadlines_look_ja(from->of),
                                                .policy = from->policy,
                                                .due_ns = from->due_ns,
                                                .missed = missed};
        if ((missed || near) && add(report, &deadline, err) != 0)
            return -1;
    }
    return 0;
}

static int take_reminders(const struct session *facts, int64_t now_ns, struct hikae_status_report *report,
                          struct error *err)
{
    struct policies policies = {0};
    int rc = policies_read(facts, &policies, err);
    for (size_t i = 0; rc == 0 && i < policies.count; i++) {
        const struct policy *policy = policies.items[i].policy;
        struct zone *zone = NULL;
        if (policy == NULL || policy->reminder_count == 0)
            continue;
        int64_t since_ns = reviews_policy_since(facts, policy->name);
        rc = zone_open(policy->zone, &zone, err);
        for (size_t k = 0; rc == 0 && k < policy->reminder_count; k++) {
            const struct policy_reminder *rule = &policy->reminders[k];
            struct hikae_deadline deadline = {.kind = "reminder",
                                              .subject = rule->text.en,
                                              .subject_ja = rule->text.ja,
                                              .policy = policy->name,
                                              .is_aim = true};
            if (due_reminder(rule, zone, since_ns, now_ns, &deadline.due_ns))
                rc = add(report, &deadline, err);
        }
        zone_free(zone);
    }
    policies_clear(&policies);
    return rc;
}

static int compare(const void *a, const void *b)
{
    const struct hikae_deadline *x = a, *y = b;
    if (x->due_ns != y->due_ns)
        return x->due_ns < y->due_ns ? -1 : 1;
    return strcmp(x->subject, y->subject);
}

int deadlines_take(const struct session *facts, int64_t now_ns, struct hikae_status_report *report, struct error *err)
{
    if (take_erasures(report, err) != 0 || take_purges(facts, report, err) != 0 ||
        take_copies(now_ns, report, err) != 0 || take_drills(now_ns, report, err) != 0 ||
        take_notices(facts, now_ns, report, err) != 0 || take_reviews(facts, now_ns, report, err) != 0 ||
        take_reminders(facts, now_ns, report, err) != 0)
        return -1;
    if (report->deadline_count > 0)
        qsort(report->deadlines, report->deadline_count, sizeof(*report->deadlines), compare);
    return 0;
}
