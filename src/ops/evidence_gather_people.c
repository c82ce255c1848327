/* Facts about people: what they looked at, and whom they told of incidents. */
#include "ops/evidence_gather.h"
#include "ops/incident.h"
#include "ops/review.h"

#include <string.h>

static void take_reviews(struct evidence_gathering *g, const struct hikae_reviews *reviews)
{
    for (size_t i = 0; i < reviews->count; i++) {
        const struct hikae_review *from = &reviews->reviews[i];
        if (!review_is_sound(from))
            continue;
        struct evidence_review *made = arena_add(g->arena, &g->reviews, &g->facts->review_count, sizeof(*g->reviews));
        if (made != NULL)
            *made = (struct evidence_review){.of = arena_text(g->arena, from->of),
                                             .policy = arena_text(g->arena, from->policy),
                                             .period = arena_text(g->arena, from->period),
                                             .by = arena_text(g->arena, from->who),
                                             .is_signed = from->signed_by != NULL,
                                             .time_ns = from->time_ns};
    }
}

static int64_t counts_from(const struct hikae_incident *incident, enum policy_from from)
{
    switch (from) {
    case POLICY_FROM_OCCURRENCE:
        return incident->occurred_ns;
    case POLICY_FROM_AWARENESS:
        return incident->aware_ns;
    case POLICY_FROM_CONFIRMATION:
        break;
    }
    return incident->confirmed_ns;
}

static bool find_word(const char *const *words, const char *word, unsigned *ret)
{
    for (*ret = 0; words[*ret] != NULL; ++*ret)
        if (strcmp(words[*ret], word) == 0)
            return true;
    return false;
}

/* What is not confirmed yet belongs to the time at which it occurred: its deadline is not known, and not forgotten. */
static void take_deadline(struct evidence_gathering *g, const struct hikae_incident *incident,
                          const struct hikae_incident_deadline *deadline)
{
    unsigned from, strength;
    if (!find_word(policy_from_words, deadline->from, &from) ||
        !find_word(policy_strength_words, deadline->strength, &strength))
        return;
    struct evidence_incident *made =
        arena_add(g->arena, &g->incidents, &g->facts->incident_count, sizeof(*g->incidents));
    if (made == NULL)
        return;
    int64_t counts_ns = counts_from(incident, (enum policy_from)from);
    *made = (struct evidence_incident){.id = arena_text(g->arena, incident->id),
                                       .event = arena_text(g->arena, incident->about),
                                       .policy = arena_text(g->arena, deadline->policy),
                                       .from = (enum policy_from)from,
                                       .strength = (enum policy_strength)strength,
                                       .counts_ns = counts_ns != 0 ? counts_ns : incident->occurred_ns,
                                       .due_ns = deadline->due_ns,
                                       .noticed_ns = deadline->met_ns,
                                       .detail = arena_text(g->arena, incident->title)};
}

static void take_freeze(struct evidence_gathering *g, const struct hikae_incident *incident)
{
    struct evidence_freeze *made = arena_add(g->arena, &g->freezes, &g->freeze_count, sizeof(*g->freezes));
    if (made != NULL)
        *made = (struct evidence_freeze){incident->logs_from_ns, incident->open ? INT64_MAX : incident->closed_ns};
}

static bool is_in_force(const struct evidence_gathering *g, const char *policy)
{
    for (size_t i = 0; i < g->facts->version_count; i++)
        if (policy == NULL || strcmp(g->versions[i].name, policy) == 0)
            return true;
    return false;
}

static bool names_tenant(const struct hikae_incident *item, const char *tenant)
{
    for (size_t i = 0; tenant != NULL && i < item->tenant_count; i++)
        if (strcmp(item->tenants[i].name, tenant) == 0)
            return true;
    return tenant == NULL || item->tenant_count == 0;
}

/* One that was open in the period, of the policies and the tenant that were asked for. */
static void take_nonconformity(struct evidence_gathering *g, const struct hikae_incident *item)
{
    const struct evidence_facts *facts = g->facts;
    bool was_open = item->occurred_ns < facts->to_ns && (item->open || item->closed_ns >= facts->from_ns);
    if (!was_open || !is_in_force(g, item->policy) || !names_tenant(item, g->options->tenant))
        return;
    struct hikae_evidence_nonconformity *made =
        arena_add(g->arena, &g->nonconformities, &g->ret->nonconformity_count, sizeof(*g->nonconformities));
    if (made == NULL)
        return;
    const char *who = item->event_count > 0 ? item->events[item->event_count - 1].who : NULL;
    *made = (struct hikae_evidence_nonconformity){.id = arena_text(g->arena, item->id),
                                                  .about = arena_text(g->arena, item->about),
                                                  .policy = arena_text(g->arena, item->policy),
                                                  .subject = arena_text(g->arena, item->subject),
                                                  .en = arena_text(g->arena, hikae_incident_title(item, false)),
                                                  .ja = arena_text(g->arena, hikae_incident_title(item, true)),
                                                  .tenants = item->tenant_count,
                                                  .since_ns = item->occurred_ns,
                                                  .opened_ns = item->opened_ns,
                                                  .closed_ns = item->closed_ns,
                                                  .closed_by = item->open ? NULL : arena_text(g->arena, who),
                                                  .cause = arena_text(g->arena, item->cause),
                                                  .correction = arena_text(g->arena, item->correction)};
}

static void take_incidents(struct evidence_gathering *g, const struct hikae_incidents *incidents)
{
    for (size_t i = 0; i < incidents->count; i++) {
        const struct hikae_incident *item = &incidents->items[i];
        if (strcmp(item->kind, HIKAE_NONCONFORMITY) == 0)
            take_nonconformity(g, item);
        else
            take_freeze(g, item);
        for (size_t k = 0; k < item->deadline_count; k++)
            if (strcmp(item->kind, HIKAE_INCIDENT) == 0)
                take_deadline(g, item, &item->deadlines[k]);
    }
}

int evidence_gather_people(struct evidence_gathering *g, struct error *err)
{
    struct hikae_reviews reviews = {0};
    struct hikae_incidents incidents = {0};
    int rc = reviews_read(&g->store, g->facts->from_ns, g->facts->to_ns, g->facts->now_ns, &reviews, err);
    if (rc == 0)
        take_reviews(g, &reviews);
    if (rc == 0)
        rc = incidents_read(&g->store, NULL, g->facts->now_ns, &incidents, err);
    if (rc == 0)
        take_incidents(g, &incidents);
    hikae_reviews_free(&reviews);
    hikae_incidents_free(&incidents);
    return rc == 0 && g->arena->failed ? error_no_memory(err) : rc;
}
