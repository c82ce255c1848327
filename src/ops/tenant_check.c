/* What can be a tenant: names, sources, labels, policy. */
#include "base/mem.h"
#include "ops/drill_check.h"
#include "ops/policies.h"
#include "ops/tenant.h"
#include "pipeline/backup.h"

#include <string.h>

enum { TENANT_NAME_MAX = 64, SOURCES_MAX = 1000 };

static int check_word(const char *what, const char *text, struct error *err)
{
    size_t size = strlen(text);
    bool ok = size > 0 && size <= TENANT_NAME_MAX && text[0] != '.' && text[0] != '-';
    for (size_t i = 0; ok && i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        ok = c > 0x20 && c != 0x7f && c != '/' && c != '\\' && c != '"';
    }
    if (ok)
        return 0;
    (void)error_set(err, ERROR_USAGE, "'%s' cannot be the name of a %s", text, what);
    return error_hint(err, "1 to %d bytes without spaces, '/', '\\' and '\"', not beginning with '.' or '-'",
                      TENANT_NAME_MAX);
}

/* The policy must be in force, back up what such a tenant has, and be kept by the targets. */
static int check_policy(struct hikae *hikae, const struct hikae_tenant_options *options, struct error *err)
{
    static const unsigned kinds[] = {[SOURCE_DIRECTORY] = 1U << POLICY_SOURCE_DIR,
                                     [SOURCE_IMAGE] = 1U << POLICY_SOURCE_IMAGE,
                                     [SOURCE_ARCHIVE] = 1U << POLICY_SOURCE_ARCHIVE,
                                     [SOURCE_COMMAND] = 1U << POLICY_SOURCE_COMMAND};
    const struct policies *policies;
    const struct policy *policy;
    if (options->policy == NULL || strcmp(options->policy, POLICY_PLAIN) == 0)
        return 0;
    if (policies_of(hikae, &policies, err) != 0 || policies_get(policies, options->policy, &policy, err) != 0)
        return -1;
    for (size_t i = 0; policy->sources.rule.present && i < options->source_count; i++) {
        enum source_kind kind;
        const char *path;
        if (source_parse(options->sources[i].spec, &kind, &path, err) != 0)
            return -1;
        if ((policy->sources.kinds & kinds[kind]) == 0) {
            (void)error_set(err, ERROR_REFUSED, "policy %s does not allow source %s: %.200s", policy->name,
                            options->sources[i].name, options->sources[i].spec);
            return error_hint(err, "`hikae policy show %.60s` lists the kinds of sources", policy->name);
        }
    }
    return policies_check_place(hikae, policies_find(policies, options->policy), err);
}

static int check_source(const struct hikae_tenant_options *options, size_t i, struct error *err)
{
    const struct hikae_source *source = &options->sources[i];
    enum source_kind kind;
    const char *path;
    if (check_word("source", source->name, err) != 0 || source_parse(source->spec, &kind, &path, err) != 0)
        return -1;
    if (kind != SOURCE_COMMAND && path[0] != '/' && strcmp(path, "-") != 0) {
        (void)error_set(err, ERROR_USAGE, "the path of source %s is not absolute", source->name);
        return error_hint(err, "a nightly run has no current folder: write the whole path");
    }
    if (kind == SOURCE_ARCHIVE && options->source_count > 1) {
        (void)error_set(err, ERROR_USAGE, "source %s is an archive, and cannot stand beside others", source->name);
        return error_hint(err, "make it a tenant of its own, or `hikae import` it");
    }
    for (size_t j = 0; j < i; j++)
        if (strcmp(source->name, options->sources[j].name) == 0)
            return error_set(err, ERROR_USAGE, "two sources are named %s", source->name);
    return 0;
}

int tenant_check(struct hikae *hikae, const struct hikae_tenant_options *options, struct error *err)
{
    if (check_word("tenant", options->name, err) != 0 || check_policy(hikae, options, err) != 0)
        return -1;
    if (options->source_count > SOURCES_MAX)
        return error_set(err, ERROR_USAGE, "at most %d sources", SOURCES_MAX);
    for (size_t i = 0; i < options->source_count; i++)
        if (check_source(options, i, err) != 0)
            return -1;
    for (size_t i = 0; i < options->label_count; i++)
        if (label_check(options->labels[i], err) != 0)
            return -1;
    for (size_t i = 0; i < options->check_count; i++)
        if (drill_check_text(options->checks[i], err) != 0)
            return -1;
    if (options->priority > TENANT_PRIORITY_MAX)
        return error_set(err, ERROR_USAGE, "a priority is 1 (first) to %d (last)", TENANT_PRIORITY_MAX);
    return 0;
}
