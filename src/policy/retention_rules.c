/* The rules of retention: their names, what they may say, and how they are told. */
#include "policy/retention.h"

#include <stdio.h>
#include <string.h>

static const char *const names[RETENTION_KIND_COUNT] = {
    [RETENTION_WITHIN] = "within", [RETENTION_LAST] = "last",     [RETENTION_HOURLY] = "hourly",
    [RETENTION_DAILY] = "daily",   [RETENTION_WEEKLY] = "weekly", [RETENTION_MONTHLY] = "monthly",
    [RETENTION_YEARLY] = "yearly",
};

const char *retention_kind_name(enum retention_kind kind)
{
    return names[kind];
}

bool retention_kind_find(const char *name, enum retention_kind *ret)
{
    for (unsigned kind = 0; kind < RETENTION_KIND_COUNT; kind++) {
        if (strcmp(names[kind], name) == 0) {
            *ret = (enum retention_kind)kind;
            return true;
        }
    }
    return false;
}

char *retention_rule_format(const struct retention_rule *rule, char *buf)
{
    char count[16] = "", within[SPAN_TEXT_SIZE] = "";
    if (rule->count > 0)
        (void)snprintf(count, sizeof(count), " %u", rule->count);
    if (span_is_set(rule->within))
        (void)span_format(rule->within, within);
    (void)snprintf(buf, RETENTION_TEXT_SIZE, "%s%s%s%s%s%.100s%s", names[rule->kind], count,
                   within[0] == '\0'                ? ""
                   : rule->kind == RETENTION_WITHIN ? " "
                                                    : " within ",
                   within, rule->tag != NULL ? " (tag " : "", rule->tag != NULL ? rule->tag : "",
                   rule->tag != NULL ? ")" : "");
    return buf;
}

int retention_rule_check(const struct retention_rule *rule, struct error *err)
{
    if (rule->kind == RETENTION_WITHIN && (rule->count > 0 || !span_is_set(rule->within))) {
        (void)error_set(err, ERROR_CONFIG, "a rule 'within' needs a span of time and nothing else");
        return error_hint(err, "for example within: 30d");
    }
    if (rule->count == 0 && !span_is_set(rule->within)) {
        (void)error_set(err, ERROR_CONFIG, "a rule '%s' that keeps nothing", names[rule->kind]);
        return error_hint(err, "say how many generations (%s: 7), or how far back (within: 1y)", names[rule->kind]);
    }
    if (rule->count > RETENTION_COUNT_MAX)
        return error_set(err, ERROR_CONFIG, "a rule '%s' of %u generations: %d at most", names[rule->kind], rule->count,
                         (int)RETENTION_COUNT_MAX);
    return 0;
}
