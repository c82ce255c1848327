/* What is known of an erasure, from its plan and the journal, as hikae_purge says it. */
#include "base/mem.h"
#include "ops/purge.h"

#include <stdlib.h>
#include <string.h>

/* ---- Results ---- */

static void purge_clear(struct hikae_purge *purge)
{
    for (size_t i = 0; i < purge->target_count; i++) {
        mem_free(purge->targets[i].name);
        mem_free(purge->targets[i].why);
    }
    for (size_t i = 0; i < purge->holder_count; i++) {
        mem_free(purge->holders[i].group);
        mem_free(purge->holders[i].name);
        mem_free(purge->holders[i].kind);
        mem_free(purge->holders[i].fate);
        mem_free(purge->holders[i].worth);
        mem_free(purge->holders[i].who);
        mem_free(purge->holders[i].how);
        mem_free(purge->holders[i].declared_by);
    }
    for (size_t i = 0; i < purge->approval_count; i++)
        mem_free(purge->approvals[i].operator_name);
    mem_free(purge->targets);
    mem_free(purge->holders);
    mem_free(purge->approvals);
    mem_free(purge->tenant);
    mem_free(purge->name);
    mem_free(purge->plan_hash);
    mem_free(purge->plan);
    mem_free(purge->waits_on);
    mem_free(purge->waiting);
}

void hikae_purges_free(struct hikae_purges *purges)
{
    for (size_t i = 0; i < purges->count; i++)
        purge_clear(&purges->purges[i]);
    mem_free(purges->purges);
    *purges = (struct hikae_purges){0};
}

static char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? mem_strdup(text) : NULL;
}

static uint64_t number_of(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* One of our own words for a word in JSON, so that it needs no owner. */
static const char *state_word(const char *text)
{
    static const char *const words[] = {"listed", "gone", "unknown", "declared"};
    for (size_t i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], text) == 0)
            return words[i];
    return "unknown";
}

/*
 * A target that is configured may be there again tomorrow; of any other one that an erasure waits for people must say
 * what became of it. config: NULL before it has begun.
 */
static char *why_left(const struct config *config, const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "target"));
    bool is_configured = config == NULL || name == NULL || purge_time(row, "gone") != 0;
    for (size_t i = 0; !is_configured && i < config->target_count; i++)
        is_configured = strcmp(config->targets[i].name, name) == 0;
    return is_configured ? text_of(row, "why")
                         : mem_printf("it is not configured any more: configure it again, or, if it is destroyed, "
                                      "`hikae purge declare target/%s --who NAME --how TEXT --operator KEYFILE`",
                                      name);
}

static int describe_targets(const struct config *config, const json_t *rows, struct hikae_purge *to, struct error *err)
{
    size_t i;
    json_t *row;
    to->targets = mem_calloc(json_array_size(rows), sizeof(*to->targets));
    if (to->targets == NULL)
        return error_no_memory(err);
    json_array_foreach(rows, i, row)
    {
        struct hikae_purge_target *target = &to->targets[to->target_count++];
        *target = (struct hikae_purge_target){.name = text_of(row, "target"),
                                              .state = state_word(json_string_value(json_object_get(row, "state"))),
                                              .objects = number_of(row, "objects"),
                                              .bytes = number_of(row, "bytes"),
                                              .versions = number_of(row, "versions"),
                                              .markers = number_of(row, "markers"),
                                              .uploads = number_of(row, "uploads"),
                                              .locked_until_ns = purge_time(row, "locked_until"),
                                              .gone_ns = purge_time(row, "gone"),
                                              .why = why_left(config, row)};
        if (target->name == NULL)
            return error_no_memory(err);
    }
    return 0;
}

/* What is still charged for was found before anything was deleted. */
static void describe_bills(const json_t *found, struct hikae_purge *to)
{
    size_t i;
    json_t *row;
    json_array_foreach(found, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "target"));
        for (size_t k = 0; name != NULL && k < to->target_count; k++)
            if (strcmp(to->targets[k].name, name) == 0) {
                to->targets[k].billed_bytes = number_of(row, "billed_bytes");
                to->targets[k].billed_until_ns = purge_time(row, "billed_until");
            }
    }
}

static int describe_holder(const json_t *epoch, const json_t *row, struct hikae_purge *to, struct error *err)
{
    struct hikae_purge_holder *grown = mem_realloc(to->holders, (to->holder_count + 1) * sizeof(*grown));
    const json_t *declared = json_is_object(json_object_get(row, "declared")) ? json_object_get(row, "declared") : NULL;
    if (grown == NULL)
        return error_no_memory(err);
    to->holders = grown;
    struct hikae_purge_holder *holder = &grown[to->holder_count++];
    *holder =
        (struct hikae_purge_holder){.epoch = (uint32_t)json_integer_value(epoch),
                                    .group = text_of(row, "group"),
                                    .name = text_of(row, "name"),
                                    .kind = text_of(row, "kind"),
                                    .fate = text_of(row, json_object_get(row, "fate") != NULL ? "fate" : "presence"),
                                    .worth = text_of(row, "worth"),
                                    .who = text_of(declared, "who"),
                                    .how = text_of(declared, "how"),
                                    .declared_by = text_of(declared, "operator"),
                                    .at_ns = purge_time(declared != NULL ? declared : row, "at"),
                                    .final_ns = purge_time(row, "final")};
    bool whole = holder->group != NULL && holder->name != NULL && holder->kind != NULL && holder->fate != NULL &&
                 holder->worth != NULL;
    return whole ? 0 : error_no_memory(err);
}

/* As they came to an end, or else as they were found. */
static int describe_holders(const json_t *run, const json_t *plan, struct hikae_purge *to, struct error *err)
{
    size_t i, k;
    json_t *row, *holder;
    const json_t *ends = json_object_get(run, "holders");
    const json_t *found =
        json_object_get(run, "keys") != NULL ? json_object_get(run, "keys") : json_object_get(plan, "epochs");
    json_array_foreach(ends, i, row) if (describe_holder(json_object_get(row, "epoch"), row, to, err) != 0) return -1;
    if (ends != NULL)
        return 0;
    json_array_foreach(found, i, row)
        json_array_foreach(json_object_get(row, "holders"), k,
                           holder) if (describe_holder(json_object_get(row, "epoch"), holder, to, err) != 0) return -1;
    return 0;
}

static int describe_approvals(const json_t *rows, struct hikae_purge *to, struct error *err)
{
    size_t i;
    json_t *row;
    to->approvals = mem_calloc(json_array_size(rows), sizeof(*to->approvals));
    if (to->approvals == NULL)
        return error_no_memory(err);
    json_array_foreach(rows, i, row)
    {
        struct hikae_purge_approval *approval = &to->approvals[to->approval_count++];
        *approval = (struct hikae_purge_approval){text_of(row, "operator"), purge_time(row, "time")};
        if (approval->operator_name == NULL)
            return error_no_memory(err);
    }
    return 0;
}

/* What is still to be done, and by whom: the first of what a person can do something about. */
static int wait_for(struct hikae_purge *purge, const char *kind, char *on, char *text, struct error *err)
{
    purge->waits_for = kind;
    purge->waits_on = on;
    purge->waiting = text;
    return text != NULL && (on != NULL || strcmp(kind, "run") == 0) ? 0 : error_no_memory(err);
}

static int find_waiting(struct hikae_purge *purge, const json_t *run, struct error *err)
{
    int stage = purge_stage(run);
    char time[CLOCK_TEXT_SIZE];
    if (stage < 0 || stage == PURGE_DONE)
        return 0;
    for (size_t i = 0; stage == PURGE_CHANGED && i < purge->holder_count; i++) {
        const struct hikae_purge_holder *holder = &purge->holders[i];
        if (strcmp(holder->fate, "unknown") != 0)
            continue;
        char *name = mem_printf("%u/%s/%s", holder->epoch, holder->group, holder->name);
        return wait_for(purge, "holder", name,
                        mem_printf("holder %s/%s of epoch %u (%s) cannot be asked from here: bring it here and run "
                                   "again, or, if it is destroyed, `hikae purge declare %u/%s/%s --who NAME --how TEXT "
                                   "--operator KEYFILE`",
                                   holder->group, holder->name, holder->epoch, holder->kind, holder->epoch,
                                   holder->group, holder->name),
                        err);
    }
    if (stage < PURGE_DESTROYED)
        return wait_for(purge, "run", NULL, mem_strdup("`hikae purge run` goes on"), err);
    for (size_t i = 0; i < purge->holder_count; i++) {
        const struct hikae_purge_holder *holder = &purge->holders[i];
        if (strcmp(holder->fate, "people") != 0)
            continue;
        char *name = mem_printf("%u/%s/%s", holder->epoch, holder->group, holder->name);
        return wait_for(purge, "people", name,
                        mem_printf("people: destroy %s/%s of epoch %u (%s), then `hikae purge declare %u/%s/%s --who "
                                   "NAME --how TEXT --operator KEYFILE`",
                                   holder->group, holder->name, holder->epoch, holder->kind, holder->epoch,
                                   holder->group, holder->name),
                        err);
    }
    for (size_t i = 0; i < purge->target_count; i++)
        if (purge->targets[i].gone_ns == 0)
            return wait_for(
                purge, "target", mem_strdup(purge->targets[i].name),
                mem_printf("target %s: %s", purge->targets[i].name,
                           purge->targets[i].why != NULL ? purge->targets[i].why : "something is still listed"),
                err);
    for (size_t i = 0; i < purge->holder_count; i++)
        if (strcmp(purge->holders[i].fate, "scheduled") == 0)
            return wait_for(purge, "time", mem_strdup(clock_format(purge->holders[i].final_ns, time)),
                            mem_printf("holder %s of group %s: its key ends at %s", purge->holders[i].name,
                                       purge->holders[i].group, time),
                            err);
    return wait_for(purge, "run", NULL, mem_strdup("the next `hikae purge run` looks again"), err);
}

/* A promise of keys is met when none is left that opens; one of complete deletion when nothing is listed, too. */
static void judge_deadline(const json_t *plan, struct hikae_purge *to)
{
    const char *met_by = json_string_value(json_object_get(json_object_get(plan, "method"), "met_by"));
    to->needs_deletion = met_by == NULL || strcmp(met_by, "keys") != 0;
    to->deadline_ns = purge_time(json_object_get(plan, "contract"), "deadline");
    bool gone_last = to->needs_deletion && (to->gone_ns == 0 || to->gone_ns > to->unreadable_ns);
    to->met_ns = to->unreadable_ns != 0 && gone_last ? to->gone_ns : to->unreadable_ns;
    to->missed = to->deadline_ns != 0 && (to->met_ns != 0 ? to->met_ns : clock_now_ns()) > to->deadline_ns;
}

static const char *stage_word(const json_t *run, const json_t *row, const struct hikae_purge *purge)
{
    int stage = purge_stage(run);
    if (stage >= PURGE_DESTROYED)
        return row != NULL && purge_time(row, "gone") != 0 ? "gone" : "unreadable";
    if (stage >= 0)
        return purge_stage_name(stage);
    if (purge->plan_hash == NULL)
        return "none";
    return purge->approval_count >= PURGE_APPROVERS ? "approved" : "planned";
}

static void sum_targets(const json_t *rows, struct hikae_purge *to)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        to->objects += number_of(row, "objects");
        to->bytes += number_of(row, "bytes");
    }
}

/* A tenant by pseudonym, as the journal has it. */
static int describe(const struct session *facts, const char *tenant, const char *name, struct hikae_purge *to,
                    struct error *err)
{
    CLEANUP_JSON json_t *plan = NULL;
    CLEANUP_JSON json_t *run = NULL;
    CLEANUP_JSON json_t *approvals = NULL;
    json_t *row = NULL;
    if (purge_journal_plan_of(facts, tenant, &plan, err) != 0 ||
        purge_journal_run_of(facts, tenant, &run, &row, err) != 0)
        return -1;
    const json_t *text = json_object_get(plan, "plan"), *times = json_object_get(run, "times");
    to->tenant = mem_strdup(tenant);
    to->name = text != NULL ? text_of(text, "name") : name != NULL ? mem_strdup(name) : NULL;
    to->plan_hash = text_of(row != NULL ? row : plan, "sha256");
    if (to->tenant == NULL || (text != NULL && json_print_canonical(text, &to->plan, err) != 0))
        return error_no_memory(err);
    if (row == NULL && to->plan_hash != NULL && purge_approvals(facts, tenant, to->plan_hash, &approvals, err) != 0)
        return -1;
    to->tombstone_ns = purge_time(times, purge_stage_name(PURGE_TOMBSTONE));
    to->unreadable_ns = purge_time(times, "unreadable");
    to->irrevocable_ns = purge_time(times, "irrevocable");
    to->gone_ns = purge_time(row, "gone");
    judge_deadline(text, to);
    to->epoch = (uint32_t)number_of(run, "from");
    const json_t *before = json_object_get(row, "inventory"), *now = json_object_get(row, "targets");
    const json_t *found = before != NULL ? before : json_object_get(text, "targets");
    sum_targets(found, to);
    bool has_begun = json_array_size(now) > 0;
    if (describe_targets(has_begun ? facts->hikae->config : NULL, has_begun ? now : found, to, err) != 0)
        return -1;
    describe_bills(found, to);
    if (describe_holders(run, text, to, err) != 0 ||
        describe_approvals(row != NULL ? json_object_get(row, "approvals") : approvals, to, err) != 0)
        return -1;
    to->stage = stage_word(run, row, to);
    return find_waiting(to, run, err);
}

int purge_describe(const struct session *facts, const char *tenant, const char *name, struct hikae_purges *ret,
                   struct error *err)
{
    struct hikae_purge *grown = mem_realloc(ret->purges, (ret->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->purges = grown;
    grown[ret->count] = (struct hikae_purge){0};
    return describe(facts, tenant, name, &grown[ret->count++], err);
}

struct listing {
    const struct session *facts;
    struct hikae_purges *ret;
};

static int list_plan(const char *name, json_t *body, void *context, struct error *err)
{
    const struct listing *listing = context;
    const char *event = json_string_value(json_object_get(body, "event"));
    if (event == NULL || strcmp(event, "planned") != 0)
        return 0;
    return purge_describe(listing->facts, name + strlen("plan/"), NULL, listing->ret, err);
}

int purge_list(const struct session *facts, const char *tenant, struct hikae_purges *ret, struct error *err)
{
    struct listing listing = {facts, ret};
    struct id tid;
    char hex[2 * ID_SIZE + 1];
    CLEANUP_FREE char *name = NULL;
    if (tenant == NULL)
        return purge_journal_each(facts, "plan/", list_plan, &listing, err);
    if (purge_journal_find(facts, tenant, &tid, hex, &name, err) != 0)
        return -1;
    return purge_describe(facts, hex, name, ret, err);
}

/* ---- What is committed and not done ---- */

static int describe_open(const char *name, json_t *run, void *context, struct error *err)
{
    const struct listing *listing = context;
    size_t i;
    json_t *row;
    (void)name;
    if (purge_stage(run) < PURGE_COMMIT || purge_stage(run) >= PURGE_DONE)
        return 0;
    json_array_foreach(json_object_get(run, "tenants"), i, row)
    {
        const char *tenant = json_string_value(json_object_get(row, "tenant"));
        if (tenant != NULL && purge_describe(listing->facts, tenant, NULL, listing->ret, err) != 0)
            return -1;
    }
    return 0;
}

int purge_list_open(const struct session *facts, struct hikae_purges *ret, struct error *err)
{
    struct listing listing = {facts, ret};
    return purge_journal_each(facts, "run/", describe_open, &listing, err);
}

int purge_describe_plan(const char *tenant, const json_t *plan, const char *hash, char *text, struct hikae_purges *ret,
                        struct error *err)
{
    ret->purges = mem_calloc(1, sizeof(*ret->purges));
    if (ret->purges == NULL) {
        mem_free(text);
        return error_no_memory(err);
    }
    ret->count = 1;
    struct hikae_purge *to = &ret->purges[0];
    to->stage = "none";
    to->plan = text;
    to->tenant = mem_strdup(tenant);
    to->name = text_of(plan, "name");
    to->plan_hash = mem_strdup(hash);
    if (to->tenant == NULL || to->name == NULL || to->plan_hash == NULL)
        return error_no_memory(err);
    judge_deadline(plan, to);
    sum_targets(json_object_get(plan, "targets"), to);
    if (describe_targets(NULL, json_object_get(plan, "targets"), to, err) != 0)
        return -1;
    describe_bills(json_object_get(plan, "targets"), to);
    return describe_holders(NULL, plan, to, err);
}
