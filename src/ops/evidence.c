/* evidence: gather, judge, and leave a record of what came of it. */
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/evidence_gather.h"
#include "ops/policy_files.h"

#include <string.h>

/* What a result borrows from: its arena, and the texts of the policies. */
struct memory {
    struct arena arena;
    struct policy **policies;
    size_t policy_count;
};

void hikae_evidence_free(struct hikae_evidence *evidence)
{
    struct memory *memory = evidence->memory;
    for (size_t i = 0; memory != NULL && i < memory->policy_count; i++)
        policy_free(memory->policies[i]);
    if (memory != NULL)
        arena_clear(&memory->arena);
    mem_free(memory);
    *evidence = (struct hikae_evidence){0};
}

/* Names of the period's zone: the policies', where they agree. */
static const char *name_zone(const struct evidence_facts *facts)
{
    const char *name = zone_name(facts->versions[0].zone);
    for (size_t i = 1; i < facts->version_count; i++)
        if (strcmp(zone_name(facts->versions[i].zone), name) != 0)
            return "each policy's own";
    return name;
}

static int judge(struct evidence_gathering *g, struct error *err)
{
    CLEANUP(controls_clear) struct controls controls = {0};
    struct hikae_evidence *ret = g->ret;
    ret->period = arena_text(g->arena, g->options->period);
    ret->tenant = arena_text(g->arena, g->options->tenant);
    if (evidence_gather(g, err) != 0 || evidence_judge(g->facts, g->arena, ret, err) != 0 ||
        policy_files_controls(g->hikae->config->path, &controls, err) != 0)
        return -1;
    evidence_add_controls(&controls, g->arena, ret);
    ret->zone = arena_text(g->arena, name_zone(g->facts));
    ret->from_ns = g->facts->from_ns;
    ret->to_ns = g->facts->to_ns;
    ret->now_ns = g->facts->now_ns;
    ret->test_clock = g->hikae->store.test_clock;
    return g->arena->failed ? error_no_memory(err) : 0;
}

static void record(struct engine_audit *audit, const struct hikae_evidence_options *options,
                   const struct hikae_evidence *ret)
{
    engine_audit_detail(audit, "policy", options->policy);
    engine_audit_detail(audit, "period", options->period);
    for (unsigned i = 0; i < HIKAE_RESULTS; i++)
        engine_audit_count(audit, hikae_result_name((enum hikae_result)i), ret->counts[i]);
}

enum hikae_status hikae_evidence(struct hikae *hikae, const struct hikae_evidence_options *options,
                                 struct hikae_evidence *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct evidence_facts facts = {0};
    struct memory *memory = mem_calloc(1, sizeof(*memory));
    *ret = (struct hikae_evidence){.memory = memory};
    if (memory == NULL)
        return api_result(error_no_memory(&err), false, &err, error);
    if (engine_audit_begin(hikae, OPERATION_EVIDENCE, options->tenant, false, &audit, &err) != 0) {
        hikae_evidence_free(ret);
        return api_result(-1, false, &err, error);
    }
    struct evidence_gathering g = {
        .hikae = hikae, .options = options, .arena = &memory->arena, .facts = &facts, .ret = ret, .store.lock_fd = -1};
    int rc = judge(&g, &err);
    memory->policies = g.policies;
    memory->policy_count = g.policy_count;
    evidence_gathering_close(&g);
    record(&audit, options, ret);
    bool warnings = ret->counts[HIKAE_BROKEN] + ret->counts[HIKAE_MISSED] + ret->counts[HIKAE_NOT_OBSERVABLE] > 0;
    if (rc != 0)
        hikae_evidence_free(ret);
    return engine_audit_end(&audit, api_result(rc, warnings, &err, error));
}
