/* Policies: read, checked, compared with themselves, walked. */
#include "fuzz.h"

#include "policy/policy_check.h"
#include "policy/policy_shorten.h"

static int count_change(const char *path, const char *before, const char *after, void *context, struct error *err)
{
    (void)path, (void)before, (void)after, (void)err;
    ++*(unsigned *)context;
    return 0;
}

static int count_less(const char *what, void *context, struct error *err)
{
    (void)what, (void)err;
    ++*(unsigned *)context;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy *policy = NULL;
    struct error err = {0};
    if (policy_parse("/etc/hikae/policies/p.yaml", data, size, &policy, &err) != 0) {
        fuzz_expect(policy == NULL && err.class != ERROR_NONE && err.hint[0] != '\0');
        return 0;
    }
    static const struct target_options target = {.name = "a", .url = "file:///a", .country = "JP"};
    static const struct policy_installation place = {.targets = &target, .target_count = 1, .min_copies = 1};
    struct policy_findings findings;
    unsigned less = 0, changes = 0;
    if (policy_check(policy, &place, &findings, &err) == 0) {
        for (size_t i = 0; i < findings.count; i++)
            fuzz_expect(findings.items[i].line > 0 && findings.items[i].what[0] != '\0');
        policy_findings_clear(&findings);
    } else {
        fuzz_expect(err.class != ERROR_NONE);
    }
    /* A version promises neither more nor less than itself. */
    fuzz_expect(policy_shortens(policy, policy, count_less, &less, &err) == 0 && less == 0);
    if (policy_compare(policy, policy, count_change, &changes, &err) == 0)
        fuzz_expect(changes == 0);
    policy_free(policy);
    return 0;
}
