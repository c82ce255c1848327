/* audit expire: entries whose time is over, by class; what a hold or an open incident needs stays. */
#include "audit/expire.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/audit_read.h"
#include "ops/incident.h"
#include "policy/span.h"

#include <stdio.h>

/* Evidence that promises were kept is asked for years later. */
enum { EVIDENCE_YEARS = 3 };

void hikae_audit_expire_result_free(struct hikae_audit_expire_result *result)
{
    for (size_t i = 0; i < result->superseded_count; i++)
        mem_free(result->superseded[i]);
    mem_free(result->superseded);
    *result = (struct hikae_audit_expire_result){0};
}

struct expiring {
    struct hikae *hikae;
    struct audit_view view;
    struct span keep[AUDIT_CLASS_COUNT];
    int64_t now_ns;
    struct id *kept; /* tenants with a hold */
    size_t kept_count;
    struct hikae_incidents incidents;
    uint64_t held;
};

/* ---- What stays ---- */

static int keep_tenant(struct expiring *expiring, const struct id *tid, struct error *err)
{
    struct id *grown = mem_realloc(expiring->kept, (expiring->kept_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    expiring->kept = grown;
    grown[expiring->kept_count++] = *tid;
    return 0;
}

static int keep_holds(struct expiring *expiring, struct error *err)
{
    struct hikae_holds holds;
    struct hikae_error why;
    if (hikae_hold_list(expiring->hikae, NULL, &holds, &why) > HIKAE_WARNINGS)
        return error_set(err, ERROR_UNREACHABLE, "the holds cannot be read: %.400s", why.message);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < holds.count; i++) {
        struct id tid;
        rc = engine_tenant_id(expiring->hikae, holds.holds[i].tenant, &tid, err);
        if (rc == 0)
            rc = keep_tenant(expiring, &tid, err);
    }
    hikae_holds_free(&holds);
    return rc;
}

/* An open incident keeps what its tenants, or all if it is of none in particular, did since a while before it. */
static int keep_incidents(struct expiring *expiring, struct error *err)
{
    struct session facts;
    if (session_open_store(expiring->hikae, 0, &facts, err) != 0)
        return error_wrap(err, "read the incidents");
    int rc = incidents_read(&facts, NULL, expiring->now_ns, &expiring->incidents, err);
    session_close(&facts);
    return rc;
}

static bool is_kept(const struct expiring *expiring, const struct audit_entry *entry)
{
    for (size_t i = 0; entry->has_tenant && i < expiring->kept_count; i++)
        if (id_equal(&expiring->kept[i], &entry->tenant))
            return true;
    return incidents_keep(&expiring->incidents, entry->has_tenant ? &entry->tenant : NULL, entry->time_ns);
}

static bool is_over(const struct audit_entry *entry, void *context)
{
    struct expiring *expiring = context;
    struct span keep = expiring->keep[entry->class];
    if (!span_is_set(keep) || span_add(keep, expiring->view.zone, entry->time_ns, 1) > expiring->now_ns)
        return false;
    if (!is_kept(expiring, entry))
        return true;
    expiring->held++;
    return false;
}

/* ---- The operation ---- */

static int read_spans(struct expiring *expiring, const struct hikae_audit_expire_options *options, struct error *err)
{
    static const struct span least = {EVIDENCE_YEARS, SPAN_YEARS};
    for (size_t i = 0; i < AUDIT_CLASS_COUNT; i++)
        if (options->keep[i] != NULL && span_parse(options->keep[i], &expiring->keep[i], err) != 0)
            return -1;
    struct span evidence = expiring->keep[AUDIT_EVIDENCE];
    if (!span_is_set(evidence) || span_shortest_s(evidence) >= span_shortest_s(least))
        return 0;
    (void)error_set(err, ERROR_REFUSED, "evidence is kept for %d years or more", EVIDENCE_YEARS);
    return error_hint(err, "--keep evidence=3y, or longer");
}

static int take_names(const struct audit_expired *expired, struct hikae_audit_expire_result *ret, struct error *err)
{
    ret->expired = expired->entries;
    ret->segments = expired->segments;
    ret->superseded = mem_calloc(expired->superseded_count + 1, sizeof(char *));
    if (ret->superseded == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < expired->superseded_count; i++) {
        char name[OBJECT_NAME_SIZE];
        ret->superseded[i] = mem_strdup(audit_name_format(&expired->superseded[i], name));
        if (ret->superseded[ret->superseded_count++] == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static int expire(struct expiring *expiring, const struct hikae_audit_expire_options *options,
                  struct hikae_audit_expire_result *ret, struct error *err)
{
    const struct hikae_audit_filter filter = {.zone = options->zone};
    struct audit_expired expired CLEANUP(audit_expired_clear) = {0};
    if (read_spans(expiring, options, err) != 0 || audit_view_open(expiring->hikae, &filter, &expiring->view, err) != 0)
        return -1;
    expiring->now_ns = clock_now_ns();
    if (keep_holds(expiring, err) != 0 || keep_incidents(expiring, err) != 0 ||
        audit_expire(&expiring->view.store.store, &expiring->view.objects, is_over, expiring, options->dry_run,
                     &expired, err) != 0)
        return -1;
    ret->held = expiring->held;
    return take_names(&expired, ret, err);
}

enum hikae_status hikae_audit_expire(struct hikae *hikae, const struct hikae_audit_expire_options *options,
                                     struct hikae_audit_expire_result *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct expiring expiring = {.hikae = hikae};
    *ret = (struct hikae_audit_expire_result){0};
    if (engine_audit_begin(hikae, OPERATION_AUDIT_EXPIRE, NULL, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = expire(&expiring, options, ret, &err);
    engine_audit_count(&audit, "expired", ret->expired);
    engine_audit_count(&audit, "held", ret->held);
    engine_audit_count(&audit, "segments", ret->segments);
    for (size_t i = 0; i < AUDIT_CLASS_COUNT; i++)
        engine_audit_detail(&audit, audit_class_name((enum audit_class)i), options->keep[i]);
    audit_view_close(&expiring.view);
    mem_free(expiring.kept);
    hikae_incidents_free(&expiring.incidents);
    if (rc != 0)
        hikae_audit_expire_result_free(ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
