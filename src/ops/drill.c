/* The way through a drill: from what it is drawn, target by target, verdict, record. */
#include "ops/drill.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/audit_store.h"
#include "ops/facts.h"
#include "ops/policies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

/* ---- What it is drawn from ---- */

/* The checkpoint that covers this folder's log now. It was signed before the drill has an id. */
static int read_checkpoint(struct drill *drill, bool *ret_found, struct error *err)
{
    struct hikae *hikae = drill->hikae;
    struct audit_journal *journal;
    struct audit_tree tree;
    struct audit_checkpoint checkpoint = {0};
    if (engine_audit_journal(hikae, &journal, err) != 0 || audit_journal_lock(journal, err) != 0)
        return -1;
    int rc = audit_journal_tree(journal, &tree, err);
    audit_journal_unlock(journal);
    if (rc != 0)
        return -1;
    *ret_found = tree.checkpoint != NULL;
    if (*ret_found)
        rc = audit_checkpoint_check(tree.checkpoint, strlen(tree.checkpoint), &hikae->store.store,
                                    hikae->store.audit_public, &checkpoint, err);
    if (*ret_found && rc == 0) {
        drill->checkpoint.log = checkpoint.log;
        drill->checkpoint.size = checkpoint.size;
        drill->checkpoint.root = checkpoint.root;
        drill->checkpoint.time_ns = checkpoint.time_ns;
    }
    audit_tree_clear(&tree);
    return rc;
}

int drill_find_checkpoint(struct drill *drill, struct error *err)
{
    struct audit_uploaded uploaded;
    bool found = false;
    if (read_checkpoint(drill, &found, err) != 0)
        return -1;
    if (found)
        return 0;
    /* A store that is minutes old has none yet. */
    if (engine_audit_upload(drill->hikae, &uploaded, err) != 0 || read_checkpoint(drill, &found, err) != 0)
        return -1;
    if (found)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the audit log has no checkpoint to draw the sample from");
    return error_hint(err, "do anything that is recorded, as a backup, and drill again");
}

static int count_drills(const struct session *session, uint64_t *ret)
{
    const struct history *history = &session->chain.history;
    *ret = 0;
    for (size_t i = 0; i < history->fact_count; i++)
        *ret += history->facts[i].type == RECORD_DRILL;
    for (size_t i = 0; i < history->past_count; i++)
        *ret += history->past[i].type == RECORD_DRILL;
    return 0;
}

static int draw_seed(struct drill *drill, const struct session *session, struct error *err)
{
    struct drill_origin origin;
    if (drill_find_checkpoint(drill, err) != 0)
        return -1;
    memcpy(origin.root, drill->checkpoint.root.bytes, sizeof(origin.root));
    memcpy(origin.tenant, drill->tid.bytes, sizeof(origin.tenant));
    memcpy(origin.writer, drill->hikae->writer.bytes, sizeof(origin.writer));
    if (count_drills(session, &origin.number) != 0 || drill_draw(&origin, drill->id, drill->seed, err) != 0)
        return -1;
    drill->hmac = hmac_new(drill->seed, sizeof(drill->seed));
    return drill->hmac != NULL ? 0 : error_no_memory(err);
}

/* ---- What is promised ---- */

static void take_promise(struct drill *drill, const struct policy_drill *rule)
{
    /* A span is as short as the calendar lets it be: what was promised is kept in every month. */
    if (span_is_set(rule->rto))
        drill->rto_promised_ns = span_shortest_s(rule->rto) * NS_PER_S;
    if (span_is_set(rule->rpo))
        drill->rpo_promised_ns = span_shortest_s(rule->rpo) * NS_PER_S;
}

/* "drills.2": the second of the policy's rules; NULL for a plan of another name. */
static const struct policy_drill *rule_of_plan(const struct policy *policy, const char *plan)
{
    unsigned number;
    int end = 0;
    bool fits = plan != NULL && sscanf(plan, "drills.%u%n", &number, &end) == 1 && plan[end] == '\0';
    return fits && number >= 1 && number <= policy->drill_count ? &policy->drills[number - 1] : NULL;
}

/* Times that the policy promises with the rule that asked for this drill, or with the first of the same mode. */
static int find_promise(struct drill *drill, struct error *err)
{
    static const enum policy_drill_mode modes[] = {[HIKAE_DRILL_SAMPLE] = POLICY_DRILL_SAMPLE,
                                                   [HIKAE_DRILL_FULL] = POLICY_DRILL_FULL,
                                                   [HIKAE_DRILL_BARE] = POLICY_DRILL_BARE};
    const struct policies *policies;
    const struct policy *policy;
    if (drill->policy == NULL || strcmp(drill->policy, POLICY_PLAIN) == 0)
        return 0;
    if (policies_of(drill->hikae, &policies, err) != 0 || policies_get(policies, drill->policy, &policy, err) != 0)
        return -1;
    const struct policy_drill *rule = rule_of_plan(policy, drill->options->plan);
    for (size_t i = 0; rule == NULL && i < policy->drill_count; i++)
        if (policy->drills[i].mode == modes[drill->options->mode])
            rule = &policy->drills[i];
    if (rule != NULL)
        take_promise(drill, rule);
    return 0;
}

/* ---- Beginning ---- */

int drill_check_options(const struct hikae_drill_options *options, struct error *err)
{
    bool fits = options->confidence >= 0 && options->confidence < 1 && options->damage >= 0 && options->damage < 1;
    if (fits && options->max_ns >= 0 && options->check_ns >= 0)
        return 0;
    (void)error_set(err, ERROR_USAGE, "a confidence and a part that is damaged lie between 0 and 1");
    return error_hint(err, "95%% and 1%% are usual");
}

static int take_tenant(struct drill *drill, struct error *err)
{
    struct session session;
    if (session_open(drill->hikae, drill->tenant, 0, &session, err) != 0)
        return -1;
    const struct history *history = &session.chain.history;
    drill->tid = session.tid;
    drill->policy = mem_strdup(history->has_tenant ? history->tenant.policy : POLICY_PLAIN);
    int rc = drill->policy != NULL ? 0 : error_no_memory(err);
    if (rc == 0 && history->has_tenant)
        rc = drill_checks_read(history->tenant.checks, &drill->checks, &drill->check_count, err);
    if (rc == 0)
        rc = draw_seed(drill, &session, err);
    if (rc == 0)
        rc = drill_choose_snapshots(drill, &session, err);
    session_close(&session);
    return rc == 0 ? find_promise(drill, err) : -1;
}

/* The targets that are drilled: each of the configuration, or the one named. */
int drill_take_targets(struct drill *drill, struct error *err)
{
    const struct hikae *hikae = drill->hikae;
    const char *wanted = drill->options->target;
    drill->sites = mem_calloc(hikae->target_count, sizeof(*drill->sites));
    if (drill->sites == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < hikae->target_count; i++)
        if (wanted == NULL || strcmp(hikae->targets[i].name, wanted) == 0)
            drill->sites[drill->site_count++] = (struct drill_site){.name = hikae->targets[i].name, .wiped = true};
    if (drill->site_count > 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "there is no target '%s' in %s", wanted, hikae->config->path);
}

/* One drill of a tenant at a time, before its seed is drawn: two must not have the same. *ret_fd holds the lock. */
static int take_lock(struct drill *drill, int *ret_fd, struct error *err)
{
    if (engine_tenants(drill->hikae, err) != 0 || engine_tenant_id(drill->hikae, drill->tenant, &drill->tid, err) != 0)
        return -1;
    CLEANUP_FREE char *path = engine_tenant_path(drill->hikae, &drill->tid, "drill.lock", err);
    if (path == NULL)
        return -1;
    *ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", path);
    if (flock(*ret_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    (void)error_set(err, ERROR_BUSY, "another drill of tenant %s is under way", drill->tenant);
    return error_hint(err, "wait until it ends");
}

/* ---- Targets ---- */

/* The class of what opened the keys: the weakest link of the group is all of it, so all are named. */
static char *holder_of(const struct hikae *hikae)
{
    const char *group = keystore_group(hikae->keystore);
    char *all = mem_strdup("");
    for (size_t i = 0; all != NULL && i < hikae->config->group_count; i++) {
        const struct config_group *from = &hikae->config->groups[i];
        for (size_t k = 0; all != NULL && strcmp(from->name, group) == 0 && k < from->member_count; k++) {
            char *more = mem_printf("%s%s%s", all, k > 0 ? "+" : "", config_holder_name(from->members[k].holder));
            mem_free(all);
            all = more;
        }
    }
    return all;
}

static int drill_here(struct drill *drill, struct drill_site *site, struct error *err)
{
    struct hikae *engine;
    if (engine_fork(drill->hikae, 1, &engine, err) != 0)
        return -1;
    hikae_observe(engine, &drill->hikae->observer);
    engine->audit_depth = 1; /* what its restores leave in the audit log goes to the targets with the drill's own */
    site->epoch = keystore_epoch(drill->hikae->keystore);
    site->holder = holder_of(drill->hikae);
    int rc = site->holder != NULL ? 0 : error_no_memory(err);
    drill_budget_watch(drill, engine);
    if (rc == 0)
        rc = drill_target(drill, engine, site, err);
    drill_budget_watch(drill, NULL);
    hikae_close(engine);
    return rc;
}

static int drill_site(struct drill *drill, struct drill_site *site, struct error *err)
{
    char why[200];
    if (drill_budget_is_over(drill, why, sizeof(why))) {
        drill_site_fail(site, DRILL_RESULT_CUT, ERROR_INTERRUPTED, "%s: nothing was checked", why);
        return 0;
    }
    if (drill->options->mode != HIKAE_DRILL_BARE)
        return drill_here(drill, site, err);
    return drill_bare(drill, config_find_target(drill->hikae->config, site->name), site, err);
}

int drill_work(struct drill *drill, drill_each *each, struct error *err)
{
    const char *named = drill->options->scratch;
    CLEANUP_FREE char *parent =
        named != NULL ? mem_strdup(named) : mem_printf("%s/drills", drill->hikae->config->state);
    struct error why = {0};
    if (parent == NULL)
        return error_no_memory(err);
    if (drill_scratch_open(drill->hikae, parent, drill->id, &drill->scratch, err) != 0)
        return -1;
    int rc = drill_budget_start(drill, err);
    for (size_t i = 0; rc == 0 && i < drill->site_count; i++)
        rc = each(drill, &drill->sites[i], err);
    drill_budget_stop(drill);
    drill->cleaned = drill_scratch_close(&drill->scratch, &why) == 0;
    if (!drill->cleaned)
        engine_warn(drill->hikae, "something that the drill restored is still there: %s", why.what);
    for (size_t i = 0; i < drill->site_count; i++)
        if (drill->sites[i].result > drill->result)
            drill->result = drill->sites[i].result;
    return rc;
}

/* Of a plan: what would be drawn from the targets as they are. */
static int plan(struct drill *drill, struct error *err)
{
    for (size_t i = 0; i < drill->site_count; i++) {
        struct drill_site *site = &drill->sites[i];
        struct hikae *engine;
        if (engine_fork(drill->hikae, 1, &engine, err) != 0)
            return -1;
        int rc = restore_from_target(engine, site->name, err);
        if (rc == 0)
            rc = drill_keep_blocks(drill, engine, err);
        if (rc == 0)
            rc = drill_choose_files(drill, engine, site, err);
        if (rc == 0)
            rc = drill_expect(drill, engine, site, err);
        site->bytes_fetched = drill_fetched(engine);
        drill_forget_blocks(engine);
        hikae_close(engine);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* ---- The verdict ---- */

/* What did not hold, as an error whose class gives the exit code. */
int drill_verdict(const struct drill *drill, struct error *err)
{
    for (size_t i = 0; i < drill->site_count; i++) {
        const struct drill_site *site = &drill->sites[i];
        if (site->result != drill->result || drill->result == DRILL_RESULT_PASSED)
            continue;
        enum error_class class = drill->result == DRILL_RESULT_UNKNOWN ? ERROR_UNREACHABLE
                                 : site->class == ERROR_KEYS           ? ERROR_KEYS
                                                                       : ERROR_DAMAGED;
        (void)error_set(err, class, "target %s: %s", site->name, site->why);
        return error_hint(err, "`hikae drill show %s` has all of it", drill->id);
    }
    if (drill->cleaned)
        return 0;
    (void)error_set(err, ERROR_LOCAL, "what was restored could not be wiped");
    return error_hint(err, "remove it: the warning names the folder; the next drill tries again");
}

static int do_drill(struct drill *drill, struct hikae_drill *ret, struct error *err)
{
    const struct hikae_drill_options *options = drill->options;
    json_t *statement CLEANUP_JSON = NULL;
    CLEANUP_FREE char *envelope = NULL;
    CLEANUP_FD int lock = -1;
    if (drill_check_options(options, err) != 0 || engine_keystore(drill->hikae, err) != 0 ||
        take_lock(drill, &lock, err) != 0 || take_tenant(drill, err) != 0 || drill_take_targets(drill, err) != 0)
        return -1;
    int rc = options->dry_run ? plan(drill, err) : drill_work(drill, drill_site, err);
    if (rc == 0)
        rc = drill_statement(drill, options->dry_run, &statement, err);
    if (rc == 0 && !options->dry_run)
        rc = drill_record(drill, statement, &envelope, err);
    if (rc == 0)
        rc = drill_read(statement, ret, err);
    if (rc != 0)
        return -1;
    ret->envelope = envelope;
    envelope = NULL;
    if (options->report_file != NULL && ret->envelope != NULL &&
        file_write_atomic(options->report_file, ret->envelope, strlen(ret->envelope), 0644, err) != 0)
        return -1;
    return options->dry_run ? 0 : drill_verdict(drill, err);
}

void drill_clear(struct drill *drill)
{
    for (size_t i = 0; drill->sites != NULL && i < drill->site_count; i++)
        drill_site_clear(&drill->sites[i], drill->check_count);
    mem_free(drill->sites);
    drill_checks_free(drill->checks, drill->check_count);
    hmac_free(drill->hmac);
    mem_free(drill->policy);
}

enum hikae_status hikae_drill_run(struct hikae *hikae, const char *tenant, const struct hikae_drill_options *options,
                                  struct hikae_drill *ret, struct hikae_error *error)
{
    struct drill drill = {.hikae = hikae,
                          .options = options,
                          .tenant = tenant,
                          .confidence = options->confidence > 0 ? options->confidence : 0.95,
                          .damage = options->damage > 0 ? options->damage : 0.01,
                          .started_ns = clock_now_ns(),
                          .began_ns = clock_monotonic_ns(),
                          .scratch = {.marker_fd = -1}};
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_drill){0};
    if (engine_audit_begin(hikae, OPERATION_DRILL, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = do_drill(&drill, ret, &err);
    if (rc != 0)
        (void)error_wrap(&err, "drill %s", tenant);
    engine_audit_detail(&audit, "drill", ret->drill);
    engine_audit_detail(&audit, "result", ret->result);
    engine_audit_detail(&audit, "mode", ret->mode);
    engine_audit_detail(&audit, "plan", options->plan);
    engine_audit_count(&audit, "checked", ret->checked);
    engine_audit_count(&audit, "bytes", ret->bytes);
    bool late = ret->drill != NULL && (!ret->rto_kept || !ret->rpo_kept);
    drill_clear(&drill);
    return engine_audit_end(&audit, api_result(rc, late && !options->dry_run, &err, error));
}
