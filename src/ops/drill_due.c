#include "ops/drill_due.h"

#include "ops/drill_kit.h"

#include <string.h>

bool drill_is_elsewhere(const json_t *statement)
{
    const char *home = drill_word(json_object_get(statement, "kit"), "machine");
    const char *machine = drill_word(statement, "machine");
    return home[0] != '\0' && machine[0] != '\0' && strcmp(home, machine) != 0;
}

/* One that passed on another machine, and restored as much as the rule asks for. */
static bool keeps(const struct history_fact *fact, const struct policy_drill *rule)
{
    json_t *body CLEANUP_JSON = NULL;
    struct error ignored = {0};
    if (fact->type != RECORD_DRILL || json_parse(fact->body, strlen(fact->body), &body, &ignored) != 0)
        return false;
    unsigned mode = 0;
    while (policy_drill_words[mode] != NULL && strcmp(policy_drill_words[mode], drill_word(body, "mode")) != 0)
        mode++;
    return policy_drill_words[mode] != NULL && mode >= (unsigned)rule->mode &&
           strcmp(drill_word(body, "result"), "passed") == 0 && json_is_true(json_object_get(body, DRILL_ELSEWHERE));
}

int64_t drill_elsewhere_due(const struct history *history, const struct run_policy *policy)
{
    int64_t first_ns = 0, due_ns = 0;
    for (size_t i = 0; i < history->snapshot_count; i++)
        if (first_ns == 0 || history->snapshots[i].time_ns < first_ns)
            first_ns = history->snapshots[i].time_ns;
    for (size_t i = 0; first_ns != 0 && i < policy->policy->drill_count; i++) {
        const struct policy_drill *rule = &policy->policy->drills[i];
        if (!rule->rule.present || !rule->own_server)
            continue;
        int64_t last_ns = first_ns > policy->applied_ns ? first_ns : policy->applied_ns;
        for (size_t k = 0; k < history->fact_count; k++)
            if (history->facts[k].time_ns > last_ns && keeps(&history->facts[k], rule))
                last_ns = history->facts[k].time_ns;
        int64_t rule_ns = schedule_deadline(rule->every, policy->zone, last_ns);
        due_ns = due_ns == 0 || rule_ns < due_ns ? rule_ns : due_ns;
    }
    return due_ns;
}
