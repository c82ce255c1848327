#include "ops/approval.h"

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

int approval_check(struct hikae *hikae, const char *act, const char *tenant, const struct approval *approval,
                   struct error *err)
{
    if (is_given(approval->who) && is_given(approval->why)) {
        engine_warn(hikae, "%s %s: answered for by %.100s, unsigned", act, tenant, approval->who);
        return 0;
    }
    (void)error_set(err, ERROR_REFUSED, "%s %s needs to say who answers for it, and why", act, tenant);
    return error_hint(err, "`hikae %s %s … --who NAME --why TEXT`", act, tenant);
}
