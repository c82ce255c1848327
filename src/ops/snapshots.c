/* Snapshots: listing and labelling. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/retain.h"

static int fill_targets(const struct hikae *hikae, uint64_t mask, struct hikae_snapshot *to, struct error *err)
{
    to->targets = mem_calloc(hikae->target_count, sizeof(char *));
    if (to->targets == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < hikae->target_count; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        to->targets[to->target_count] = mem_strdup(hikae->targets[i].name);
        if (to->targets[to->target_count++] == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static int describe(const struct hikae *hikae, const struct history_snapshot *from, uint64_t counting,
                    struct hikae_snapshot *to, struct error *err)
{
    to->id = mem_strdup(from->name);
    to->time_ns = from->time_ns;
    to->entries = from->root.entries;
    to->bytes = from->root.bytes;
    to->errors = from->errors;
    to->verified_ns = from->verified_ns;
    to->keep_until_ns = from->keep_until_ns;
    to->on_demand = from->on_demand;
    to->tag = from->tag != NULL ? mem_strdup(from->tag) : NULL;
    to->host = mem_strdup(from->host != NULL ? from->host : "");
    if (to->id == NULL || to->host == NULL || (to->tag == NULL && from->tag != NULL))
        return error_no_memory(err);
    return fill_targets(hikae, counting, to, err);
}

/* A plan that is refused is no reason to hide the snapshots: it is said why, and nothing is dropped. */
static int explain(struct hikae *hikae, const struct retain_view *view, struct hikae_snapshots *snapshots,
                   struct error *err)
{
    struct retention_plan plan;
    struct error why = {0};
    if (retain_view_plan(view, clock_now_ns(), &plan, &why) != 0) {
        if (why.class == ERROR_NO_MEMORY) {
            *err = why;
            return -1;
        }
        engine_warn(hikae, "nothing would be dropped: %s", why.what);
        return 0;
    }
    for (size_t i = 0; i < plan.count; i++) {
        struct retention_decision *decision = &plan.decisions[i];
        struct hikae_snapshot *snapshot = &snapshots->snapshots[decision->snapshot];
        if (!decision->keep)
            continue;
        snapshot->kept_by = decision->reasons;
        snapshot->kept_by_count = decision->reason_count;
        decision->reasons = NULL;
        decision->reason_count = 0;
    }
    retention_plan_clear(&plan);
    snapshots->planned = true;
    return 0;
}

static int list_snapshots(struct session *session, struct hikae_snapshots *ret, struct error *err)
{
    struct retain_view view;
    if (session_list(session, err) != 0 || retain_view_open(session, NULL, &view, err) != 0)
        return -1;
    ret->heads = session->chain.history.head_count;
    ret->snapshots = mem_calloc(view.count, sizeof(struct hikae_snapshot));
    int rc = ret->snapshots != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < view.count; i++)
        rc = describe(session->hikae, view.from[i], view.counting[i], &ret->snapshots[ret->count++], err);
    if (rc == 0)
        rc = explain(session->hikae, &view, ret, err);
    retain_view_close(&view);
    return rc;
}

static int list(struct hikae *hikae, const char *tenant, struct hikae_snapshots *ret, struct error *err)
{
    struct session session;
    if (session_open(hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = list_snapshots(&session, ret, err);
    session_close(&session);
    return rc;
}

enum hikae_status hikae_snapshots(struct hikae *hikae, const char *tenant, struct hikae_snapshots *ret,
                                  struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_snapshots){0};
    int rc = list(hikae, tenant, ret, &err);
    if (rc != 0)
        hikae_snapshots_free(ret);
    return api_result(rc, false, &err, error);
}

void hikae_snapshots_free(struct hikae_snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        struct hikae_snapshot *snapshot = &snapshots->snapshots[i];
        for (size_t j = 0; j < snapshot->target_count; j++)
            mem_free(snapshot->targets[j]);
        mem_free(snapshot->targets);
        mem_free(snapshot->id);
        mem_free(snapshot->tag);
        mem_free(snapshot->host);
        for (size_t j = 0; j < snapshot->kept_by_count; j++)
            mem_free(snapshot->kept_by[j]);
        mem_free(snapshot->kept_by);
    }
    mem_free(snapshots->snapshots);
    *snapshots = (struct hikae_snapshots){0};
}

static int tag_record(const char *snapshot, const char *tag, char **ret_body, struct error *err)
{
    json_t *body CLEANUP_JSON = json_pack("{s:i, s:s, s:s?}", "v", 1, "snapshot", snapshot, "tag", tag);
    if (body == NULL)
        return error_set(err, ERROR_USAGE, "a tag is text in UTF-8");
    return json_print(body, ret_body, err);
}

static int tag_snapshot(struct hikae *hikae, const char *tenant, const char *name, const char *tag, bool dry_run,
                        struct error *err)
{
    struct session session;
    const struct history_snapshot *snapshot;
    const struct hikae_which which = {.snapshot = name};
    struct record record = {.type = RECORD_TAG};
    if (session_open(hikae, tenant, SESSION_LOCK, &session, err) != 0)
        return -1;
    int rc = session_snapshot(&session, &which, &snapshot, err);
    if (rc == 0)
        rc = tag_record(snapshot->name, tag, &record.body, err);
    if (rc == 0 && !dry_run)
        rc = chain_append(hikae, session.keyring, &session.chain, &record, engine_up_mask(hikae),
                          hikae->config->min_copies, err);
    record_clear(&record);
    session_close(&session);
    return rc;
}

enum hikae_status hikae_snapshot_tag(struct hikae *hikae, const char *tenant, const char *snapshot, const char *tag,
                                     bool dry_run, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_SNAPSHOT_TAG, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = tag_snapshot(hikae, tenant, snapshot, tag, dry_run, &err);
    engine_audit_detail(&audit, "snapshot", snapshot);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
