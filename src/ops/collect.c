/* hikae_gc: tenant after tenant; what one is refused stops no other. */
#include "ops/collect.h"

#include "base/mem.h"
#include "ops/audit.h"

#include <stdlib.h>

struct gc {
    struct hikae *hikae;
    const struct hikae_gc_options *options;
    struct hikae_gc_result *ret;
    struct error worst; /* of the tenants that were refused */
    bool all;           /* no tenant was named */
};

/* ---- Telling ---- */

static const char *const action_words[] = {
    [COLLECT_KEEP] = "keep",       [COLLECT_WAIT] = "wait", [COLLECT_DELETE] = "delete",
    [COLLECT_CONDEMN] = "condemn", [COLLECT_MOVE] = "move",
};
enum { ACTIONS = sizeof(action_words) / sizeof(action_words[0]) };

static int add_step(struct hikae_gc_result *ret, const char *tenant, enum collect_action action, enum collect_why why,
                    uint64_t objects, uint64_t bytes, struct error *err)
{
    struct hikae_gc_step *grown = mem_realloc(ret->steps, (ret->step_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->steps = grown;
    struct hikae_gc_step *step = &grown[ret->step_count++];
    *step = (struct hikae_gc_step){.tenant = mem_strdup(tenant),
                                   .action = mem_strdup(action_words[action]),
                                   .reason = mem_strdup(collect_why_word(why)),
                                   .why = mem_strdup(collect_why_text(why)),
                                   .objects = objects,
                                   .bytes = bytes};
    return step->tenant != NULL && step->action != NULL && step->reason != NULL && step->why != NULL
               ? 0
               : error_no_memory(err);
}

static int tell_plan(struct collect *collect, struct error *err)
{
    uint64_t objects[ACTIONS][WHY_COUNT] = {{0}}, bytes[ACTIONS][WHY_COUNT] = {{0}};
    for (size_t i = 0; i < collect->state.count; i++) {
        const struct collect_object *object = &collect->state.objects[i];
        collect->ret->live_bytes += object->class == OBJECT_PACK ? object->live : object->needed ? object->size : 0;
        if (object->on == 0)
            continue;
        objects[object->action][object->why]++;
        bytes[object->action][object->why] += object->size;
    }
    for (int action = 0; action < ACTIONS; action++)
        for (int why = 0; why < WHY_COUNT; why++)
            if (objects[action][why] > 0 &&
                add_step(collect->ret, collect->tenant, (enum collect_action)action, (enum collect_why)why,
                         objects[action][why], bytes[action][why], err) != 0)
                return -1;
    return 0;
}

/* What a target waits for, if it has not said so itself. */
static int tell_why(struct collect *collect, size_t target, bool stale, bool behind, struct error *err)
{
    struct hikae_gc_target *ret = &collect->ret->targets[target];
    char text[CLOCK_TEXT_SIZE];
    if (ret->why != NULL || ret->waiting_objects == 0)
        return 0;
    if (stale)
        ret->why = mem_strdup("nothing is deleted there: its listings may be stale, or its clock cannot be read");
    else if (behind)
        ret->why = mem_strdup("it is behind: `hikae replicate` brings what replaces the rest");
    else if (ret->until_ns > 0)
        ret->why = mem_printf("condemned; the first is due %s", clock_format(ret->until_ns, text));
    else
        ret->why = mem_strdup("condemned");
    return ret->why != NULL ? 0 : error_no_memory(err);
}

static int tell_target(struct collect *collect, size_t target, struct error *err)
{
    struct hikae_gc_target *ret = &collect->ret->targets[target];
    const struct collect_state *state = &collect->state;
    uint64_t bit = UINT64_C(1) << target;
    bool behind = false;
    for (size_t i = 0; i < state->count; i++) {
        const struct collect_object *object = &state->objects[i];
        if ((object->on & bit) == 0)
            continue;
        ret->stored_bytes += object->size;
        bool waits = object->action == COLLECT_WAIT || (object->action == COLLECT_DELETE && !collect->options->dry_run);
        if (!waits || object->why == WHY_YOUNG)
            continue;
        ret->waiting_objects++;
        ret->waiting_bytes += object->size;
        behind |= (object->spared & bit) != 0;
        int64_t until = object->condemned != 0 ? collect_until(state, &collect->rules, object, target)
                                               : state->now_ns[target] + collect->rules.wait_ns;
        if (ret->why == NULL && (object->spared & bit) == 0 && (ret->until_ns == 0 || until < ret->until_ns))
            ret->until_ns = until;
    }
    return tell_why(collect, target, (state->may_delete & bit) == 0, behind, err);
}

/* ---- One tenant ---- */

/* The rosters that were just written are in force now. */
static int look_again(struct collect *collect, struct error *err)
{
    struct session *session = &collect->session;
    chain_clear(&session->chain);
    if (chain_load(collect->hikae, &session->tid, session->keyring, &session->chain, err) != 0)
        return -1;
    return collect_note_needed(collect, err);
}

static int carry_out(struct collect *collect, struct error *err)
{
    bool moves = false;
    for (size_t i = 0; i < collect->state.count; i++)
        moves |= collect->state.objects[i].action == COLLECT_MOVE;
    if (collect_delete(collect, err) != 0)
        return -1;
    if (moves && (collect_move(collect, err) != 0 || look_again(collect, err) != 0))
        return -1;
    return collect_condemn(collect, err);
}

static int collect_session(struct collect *collect, struct error *err)
{
    const struct history *history = &collect->session.chain.history;
    uint64_t live = 0;
    /* A tenant that was never backed up: what a first run that was cut off left is the next run's to use. */
    if (history->snapshot_count == 0 && history->missing_count == 0 && history->unreadable == 0)
        return 0;
    if (collect_look(collect, err) != 0 || collect_mark(collect, err) != 0 || collect_cover(collect, err) != 0)
        return -1;
    for (size_t i = 0; i < collect->state.count; i++)
        live += collect->state.objects[i].class == OBJECT_PACK ? collect->state.objects[i].live : 0;
    collect->rules = collect_rules_default((uint64_t)collect->hikae->config->pack_mib << 20, live);
    if (collect_plan(&collect->state, &collect->rules, err) != 0 || tell_plan(collect, err) != 0)
        return -1;
    int rc = collect->options->dry_run ? 0 : carry_out(collect, err);
    for (size_t i = 0; rc == 0 && i < collect->state.target_count; i++)
        if (collect->hikae->targets[i].up)
            rc = tell_target(collect, i, err);
    return rc;
}

static int hold(struct gc *gc, const char *tenant, const struct error *why, struct error *err)
{
    struct hikae_gc_result *ret = gc->ret;
    struct hikae_gc_held *grown = mem_realloc(ret->held, (ret->held_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->held = grown;
    struct hikae_gc_held *held = &grown[ret->held_count++];
    *held = (struct hikae_gc_held){mem_strdup(tenant), mem_strdup(why->what)};
    return held->tenant != NULL && held->why != NULL ? 0 : error_no_memory(err);
}

/* *ret_held: a legal hold is why it failed. */
static int collect_tenant(struct gc *gc, const char *tenant, bool *ret_held, struct error *err)
{
    struct hikae *hikae = gc->hikae;
    struct collect collect = {
        .hikae = hikae, .options = gc->options, .ret = gc->ret, .tenant = tenant, .places_fd = -1};
    /* What is old enough is judged by a clock from before the history was read. */
    for (size_t i = 0; i < hikae->target_count && i < COLLECT_TARGETS_MAX; i++)
        collect.state.now_ns[i] = clock_now_ns();
    if (session_open(hikae, tenant, SESSION_LOCK | SESSION_INDEX, &collect.session, err) != 0)
        return -1;
    int rc = collect_session(&collect, err);
    *ret_held = collect.held;
    collect_unmark(&collect);
    collect_forget(&collect);
    session_close(&collect.session);
    return rc;
}

/* ---- All of them ---- */

static int refuse(struct gc *gc, const char *tenant, const struct error *why, struct error *err)
{
    struct hikae_gc_result *ret = gc->ret;
    struct hikae_gc_refusal *grown = mem_realloc(ret->refused, (ret->refused_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->refused = grown;
    struct hikae_gc_refusal *refusal = &grown[ret->refused_count++];
    *refusal = (struct hikae_gc_refusal){.tenant = mem_strdup(tenant)};
    (void)api_result(-1, false, why, &refusal->error);
    if (gc->worst.class == ERROR_NONE)
        gc->worst = *why;
    return refusal->tenant != NULL ? 0 : error_no_memory(err);
}

static int work(const char *tenant, void *context, struct error *err)
{
    struct gc *gc = context;
    struct error why = {0};
    bool held = false;
    if (collect_tenant(gc, tenant, &held, &why) == 0)
        return 0;
    if (held && hold(gc, tenant, &why, err) != 0)
        return -1;
    if (held && gc->all)
        return 0;
    (void)error_wrap(&why, "collect %s", tenant);
    if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERNAL || why.class == ERROR_INTERRUPTED) {
        *err = why;
        return -1;
    }
    return refuse(gc, tenant, &why, err);
}

static int name_targets(struct hikae *hikae, struct hikae_gc_result *ret, struct error *err)
{
    ret->targets = mem_calloc(hikae->target_count, sizeof(*ret->targets));
    if (ret->targets == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < hikae->target_count; i++) {
        ret->targets[i].name = mem_strdup(hikae->targets[i].name);
        ret->target_count++;
        if (ret->targets[i].name == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static int sweep_store(struct gc *gc, struct error *err)
{
    struct collect_swept swept;
    if (collect_store(gc->hikae, gc->options->dry_run, gc->ret, &swept, err) != 0)
        return -1;
    if (swept.log_objects > 0 &&
        add_step(gc->ret, "(store)", COLLECT_DELETE, WHY_SUPERSEDED, swept.log_objects, swept.log_bytes, err) != 0)
        return -1;
    return swept.probe_objects == 0
               ? 0
               : add_step(gc->ret, "(store)", COLLECT_DELETE, WHY_PROBE, swept.probe_objects, swept.probe_bytes, err);
}

static int gc_all(struct gc *gc, const char *tenant, struct error *err)
{
    if (engine_keystore(gc->hikae, err) != 0 || name_targets(gc->hikae, gc->ret, err) != 0 ||
        engine_each_tenant(gc->hikae, tenant, work, gc, err) != 0 || (gc->all && sweep_store(gc, err) != 0))
        return -1;
    for (size_t i = 0; i < gc->hikae->target_count; i++) {
        const struct run_target *t = &gc->hikae->targets[i];
        struct hikae_gc_target *ret = &gc->ret->targets[i];
        if (!t->up && ret->why == NULL && (ret->why = mem_printf("it does not answer: %s", t->why.what)) == NULL)
            return error_no_memory(err);
    }
    if (gc->worst.class == ERROR_NONE)
        return 0;
    *err = gc->worst;
    return -1;
}

enum hikae_status hikae_gc(struct hikae *hikae, const char *tenant, const struct hikae_gc_options *options,
                           struct hikae_gc_result *ret, struct hikae_error *error)
{
    *ret = (struct hikae_gc_result){0};
    struct gc gc = {.hikae = hikae, .options = options, .ret = ret, .all = tenant == NULL};
    struct engine_audit audit;
    struct error err = {0};
    int64_t began = clock_monotonic_ns();
    uint64_t freed = 0, waiting = 0;
    if (engine_audit_begin(hikae, OPERATION_GC, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = gc_all(&gc, tenant, &err);
    for (size_t i = 0; i < ret->target_count; i++) {
        freed += ret->targets[i].freed_bytes;
        waiting += ret->targets[i].waiting_bytes;
    }
    ret->duration_ns = clock_monotonic_ns() - began;
    engine_audit_count(&audit, "freed_bytes", freed);
    engine_audit_count(&audit, "waiting_bytes", waiting);
    engine_audit_count(&audit, "condemned_objects", ret->condemned_objects);
    engine_audit_count(&audit, "moved_bytes", ret->moved_bytes);
    engine_audit_count(&audit, "refused", ret->refused_count);
    engine_audit_count(&audit, "held", ret->held_count);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

void hikae_gc_result_free(struct hikae_gc_result *result)
{
    for (size_t i = 0; i < result->target_count; i++) {
        mem_free(result->targets[i].name);
        mem_free(result->targets[i].why);
    }
    for (size_t i = 0; i < result->step_count; i++) {
        mem_free(result->steps[i].tenant);
        mem_free(result->steps[i].action);
        mem_free(result->steps[i].reason);
        mem_free(result->steps[i].why);
    }
    for (size_t i = 0; i < result->refused_count; i++)
        mem_free(result->refused[i].tenant);
    for (size_t i = 0; i < result->held_count; i++) {
        mem_free(result->held[i].tenant);
        mem_free(result->held[i].why);
    }
    mem_free(result->held);
    mem_free(result->targets);
    mem_free(result->steps);
    mem_free(result->refused);
    *result = (struct hikae_gc_result){0};
}
