/* Rules of policy_check about promises: each is kept by something, and judged by something. */
#include "policy/policy_check_internal.h"

#include <stdio.h>
#include <string.h>

static int check_keeps(const char *what, const struct policy_rule *rule, void *context, struct error *err)
{
    struct policy_checking *c = context;
    for (size_t i = 0; i < rule->keeps.count; i++) {
        const struct policy_promise *promise = policy_find_promise(c->policy, rule->keeps.items[i]);
        if (promise == NULL &&
            policy_find(c, err, what, "name one of the ids below promises, or add the promise",
                        "%s keeps \"%s\", which no promise is called", what, rule->keeps.items[i]) != 0)
            return -1;
    }
    return 0;
}

int policy_check_promises_known(struct policy_checking *c, struct error *err)
{
    return policy_each_rule(c->policy, check_keeps, c, err);
}

struct kept {
    const char *id;
    bool found;
};

static int look_for_promise(const char *what, const struct policy_rule *rule, void *context, struct error *err)
{
    struct kept *kept = context;
    (void)what, (void)err;
    kept->found = kept->found || policy_has_word(&rule->keeps, kept->id);
    return 0;
}

int policy_check_promises_kept(struct policy_checking *c, struct error *err)
{
    for (size_t i = 0; i < c->policy->promise_count; i++) {
        const struct policy_promise *promise = &c->policy->promises[i];
        struct kept kept = {.id = promise->id};
        char path[POLICY_PATH_SIZE];
        if (policy_each_rule(c->policy, look_for_promise, &kept, err) != 0)
            return -1;
        (void)snprintf(path, sizeof(path), "promises[%s]", promise->id);
        if (!kept.found && promise->by == POLICY_BY_HIKAE &&
            policy_find(c, err, path, "name it in the `keeps` of the part that keeps it, or say by: operator",
                        "no part of this policy keeps the promise \"%s\"", promise->id) != 0)
            return -1;
    }
    return 0;
}

struct aspect {
    const char *id, *word;
    bool found;
};

static int look_for_aspect(const char *what, const struct policy_rule *rule, void *context, struct error *err)
{
    struct aspect *aspect = context;
    (void)err;
    aspect->found = aspect->found || (policy_has_word(&rule->keeps, aspect->id) &&
                                      policy_text_has_word(policy_rule_aspects(what), aspect->word));
    return 0;
}

/* An aspect that none of its rules has would be judged by nothing. */
int policy_check_aspects(struct policy_checking *c, struct error *err)
{
    for (size_t i = 0; i < c->policy->promise_count; i++) {
        const struct policy_promise *promise = &c->policy->promises[i];
        char path[POLICY_PATH_SIZE];
        (void)snprintf(path, sizeof(path), "promises[%s].aspects", promise->id);
        for (size_t k = 0; k < promise->aspects.count; k++) {
            struct aspect aspect = {promise->id, promise->aspects.items[k], false};
            if (policy_each_rule(c->policy, look_for_aspect, &aspect, err) != 0)
                return -1;
            if (!aspect.found &&
                policy_find(c, err, path, "policies/README.md lists the aspects of each part",
                            "no part that keeps \"%s\" has an aspect \"%s\"", promise->id, aspect.word) != 0)
                return -1;
        }
    }
    return 0;
}

/* One finding for all of them: whoever applies a shipped policy as it is sees one line, and the first place. */
int policy_check_published(struct policy_checking *c, struct error *err)
{
    char path[POLICY_PATH_SIZE] = "", ids[ERROR_WHAT_SIZE] = "";
    for (size_t i = 0; i < c->policy->promise_count; i++) {
        const struct policy_promise *promise = &c->policy->promises[i];
        size_t used = strlen(ids);
        if (promise->status != POLICY_PUBLISHED || promise->published_at != NULL)
            continue;
        if (path[0] == '\0')
            (void)snprintf(path, sizeof(path), "promises[%s].published_at", promise->id);
        (void)snprintf(ids + used, sizeof(ids) - used, "%s%s", used > 0 ? ", " : "", promise->id);
    }
    if (path[0] == '\0')
        return 0;
    return policy_find(c, err, path, "write the address or the title of the page below published_at",
                       "where these are published is not filled in: %.400s", ids);
}
