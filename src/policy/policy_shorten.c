#include "policy/policy_shorten.h"

#include <stdio.h>
#include <string.h>

enum { SENTENCE_SIZE = 400 };

struct shorten {
    const struct policy *before, *after;
    policy_shorten_work *work;
    void *context;
};

static int say(const struct shorten *s, struct error *err, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int say(const struct shorten *s, struct error *err, const char *fmt, ...)
{
    char text[SENTENCE_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return s->work(text, s->context, err);
}

/* A span that is not set is no limit. */
static bool covers(struct span span, struct span other)
{
    if (!span_is_set(span))
        return true;
    return span_is_set(other) && span_is_never_shorter(span, other);
}

/* A time that was promised is promised still, and is no longer. */
static bool is_as_quick(struct span before, struct span after)
{
    return !span_is_set(before) || (span_is_set(after) && span_is_never_shorter(before, after));
}

/*
 * Does a rule keep whatever another one keeps? One about all snapshots takes the latest of each day, and counts all of
 * them: what a rule about a tag keeps it may drop, unless it keeps everything within its span.
 */
static bool rule_covers(const struct retention_rule *rule, const struct retention_rule *other)
{
    bool all_of_them = rule->kind == RETENTION_WITHIN;
    bool same_tag = rule->tag == NULL ? other->tag == NULL || all_of_them
                                      : other->tag != NULL && strcmp(rule->tag, other->tag) == 0;
    bool counted = rule->count == 0 || (other->count > 0 && rule->count >= other->count);
    return same_tag && counted && covers(rule->within, other->within) && (rule->kind == other->kind || all_of_them);
}

static int shorten_generations(const struct shorten *s, struct error *err)
{
    const struct policy_generations *before = &s->before->generations, *after = &s->after->generations;
    /* A policy without rules keeps everything. */
    if (after->rules.count == 0)
        return 0;
    if (before->rules.count == 0)
        return say(s, err, "everything was kept; now there are rules that drop snapshots");
    for (size_t i = 0; i < before->rules.count; i++) {
        bool covered = false;
        for (size_t k = 0; k < after->rules.count; k++)
            covered = covered || rule_covers(&after->rules.rules[k], &before->rules.rules[i]);
        char text[RETENTION_TEXT_SIZE];
        if (!covered && say(s, err, "the rule \"%s\" is gone or smaller",
                            retention_rule_format(&before->rules.rules[i], text)) != 0)
            return -1;
    }
    if (!covers(after->rules.on_demand, before->rules.on_demand))
        return say(s, err, "snapshots on demand stay for a shorter time");
    return 0;
}

static int shorten_copies(const struct shorten *s, struct error *err)
{
    const struct policy_targets *before = &s->before->targets, *after = &s->after->targets;
    const struct {
        const char *what;
        unsigned before, after;
    } rows[] = {
        {"copies", before->min_copies, after->min_copies},
        {"sites", before->sites, after->sites},
        {"providers", before->providers, after->providers},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].after < rows[i].before &&
            say(s, err, "%u %s instead of %u", rows[i].after, rows[i].what, rows[i].before) != 0)
            return -1;
    return 0;
}

bool policy_widens(const struct policy *before, const struct policy *after)
{
    const struct policy_words *was = &before->targets.countries, *is = &after->targets.countries;
    if (was->count == 0)
        return false;
    for (size_t i = 0; i < is->count; i++)
        if (!policy_has_word(was, is->items[i]))
            return true;
    return is->count == 0;
}

static int shorten_places(const struct shorten *s, struct error *err)
{
    return policy_widens(s->before, s->after) ? say(s, err, "data may lie in more countries") : 0;
}

static int shorten_lock(const struct shorten *s, struct error *err)
{
    const struct policy_lock *before = &s->before->lock, *after = &s->after->lock;
    if (!before->rule.present)
        return 0;
    if (!after->rule.present)
        return say(s, err, "objects are no longer locked");
    if (after->mode < before->mode)
        return say(s, err, "the lock is in a weaker mode");
    return covers(after->span, before->span) ? 0 : say(s, err, "the lock is shorter");
}

static int shorten_logs(const struct shorten *s, struct error *err)
{
    for (size_t i = 0; i < s->before->log_count; i++) {
        const struct policy_log *before = &s->before->logs[i], *after = NULL;
        for (size_t k = 0; k < s->after->log_count; k++)
            if (strcmp(s->after->logs[k].name, before->name) == 0)
                after = &s->after->logs[k];
        if (after != NULL && covers(after->keep, before->keep))
            continue;
        if (say(s, err, "%s logs are kept for a shorter time, or no longer", before->name) != 0)
            return -1;
    }
    return 0;
}

/* As often as before, at this level or a higher one. */
static int shorten_proofs(const struct shorten *s, struct error *err)
{
    for (size_t i = 0; i < s->before->verification_count; i++) {
        const struct policy_verification *before = &s->before->verifications[i];
        bool covered = false;
        for (size_t k = 0; k < s->after->verification_count; k++) {
            const struct policy_verification *after = &s->after->verifications[k];
            covered = covered || (after->level >= before->level && covers(before->every, after->every) &&
                                  after->sample_percent >= before->sample_percent);
        }
        if (!covered && say(s, err, "verification of %s is rarer, or smaller", policy_level_words[before->level]) != 0)
            return -1;
    }
    for (size_t i = 0; i < s->before->drill_count; i++) {
        const struct policy_drill *before = &s->before->drills[i];
        bool covered = false;
        for (size_t k = 0; k < s->after->drill_count; k++) {
            const struct policy_drill *after = &s->after->drills[k];
            covered = covered || (after->mode >= before->mode && covers(before->every, after->every) &&
                                  after->own_server >= before->own_server && is_as_quick(before->rto, after->rto) &&
                                  is_as_quick(before->rpo, after->rpo));
        }
        if (!covered && say(s, err, "%s drills are rarer, or smaller", policy_drill_words[before->mode]) != 0)
            return -1;
    }
    return 0;
}

/* Looks by people: as often, as soon, and signed if they were. */
static int shorten_reviews(const struct shorten *s, struct error *err)
{
    for (size_t i = 0; i < s->before->review_count; i++) {
        const struct policy_review *before = &s->before->reviews[i];
        bool covered = false;
        for (size_t k = 0; k < s->after->review_count; k++) {
            const struct policy_review *after = &s->after->reviews[k];
            bool as_soon =
                before->business_day == 0 || (after->business_day != 0 && after->business_day <= before->business_day);
            covered = covered || (strcmp(after->of, before->of) == 0 && covers(before->every, after->every) &&
                                  as_soon && after->is_signed >= before->is_signed);
        }
        if (!covered && say(s, err, "looks at %s are rarer, later, or no longer signed", before->of) != 0)
            return -1;
    }
    return 0;
}

static int shorten_schedule(const struct shorten *s, struct error *err)
{
    const struct policy_schedule *before = &s->before->schedule, *after = &s->after->schedule;
    if (!before->rule.present)
        return 0;
    if (!after->rule.present || (before->classes & ~after->classes) != 0)
        return say(s, err, "tenants that were backed up no longer are");
    return after->every <= before->every ? 0 : say(s, err, "snapshots are made less often");
}

int policy_shortens(const struct policy *before, const struct policy *after, policy_shorten_work *work, void *context,
                    struct error *err)
{
    static int (*const rules[])(const struct shorten *, struct error *) = {
        shorten_schedule, shorten_generations, shorten_copies, shorten_places,
        shorten_lock,     shorten_logs,        shorten_proofs, shorten_reviews,
    };
    struct shorten s = {before, after, work, context};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i](&s, err) != 0)
            return -1;
    return 0;
}
