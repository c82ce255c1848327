/* Facts of the audit log, read entry by entry: an operation's row says what it proves. */
#include "ops/evidence_gather.h"

#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit_read.h"
#include "ops/drill_due.h"

#include <stdlib.h>
#include <string.h>

/* One entry, with where it stands. */
struct seen {
    struct evidence_gathering *g;
    const struct audit_entry *entry;
    struct evidence_entry place;
    struct evidence_dossier *dossier; /* NULL: of no tenant, or of one that was not asked for */
};

static const char *detail(const struct seen *seen, const char *name)
{
    return evidence_body_text(seen->g->arena, seen->entry->details, name);
}

static uint64_t count(const struct seen *seen, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(seen->entry->counts, name));
    return value > 0 ? (uint64_t)value : 0;
}

static bool is_done(const struct seen *seen)
{
    return strcmp(seen->entry->result, "ok") == 0 || strcmp(seen->entry->result, "warnings") == 0;
}

static unsigned count_words(const char *words)
{
    unsigned number = 0;
    for (const char *p = words; p != NULL && *p != '\0'; p += strspn(p, " ")) {
        p += strcspn(p, " ");
        number++;
    }
    return number;
}

/* ---- Snapshots that were made, and dropped ---- */

static void take_backup(const struct seen *seen)
{
    struct evidence_dossier *dossier = seen->dossier;
    const char *snapshot = detail(seen, "snapshot");
    if (dossier != NULL && count(seen, "on_demand") == 0 &&
        (dossier->first_ns == 0 || seen->entry->time_ns < dossier->first_ns))
        dossier->first_ns = seen->entry->time_ns;
    if (dossier == NULL || snapshot == NULL || !is_done(seen))
        return;
    struct evidence_snapshot *made =
        arena_add(seen->g->arena, &dossier->made, &dossier->made_count, sizeof(*dossier->made));
    if (made == NULL)
        return;
    const char *targets = detail(seen, "targets");
    /* Retention goes by the time of the record. Entries of old do not have it: it was a moment before their end. */
    int64_t committed_ns = (int64_t)count(seen, "committed_ns");
    *made = (struct evidence_snapshot){.id = snapshot,
                                       .time_ns = committed_ns != 0 ? committed_ns
                                                                    : seen->entry->time_ns + seen->entry->duration_ns,
                                       .targets = targets != NULL ? targets : "",
                                       .copies = count_words(targets),
                                       .complete = true, /* a record is written on as many as the store asks for */
                                       .on_demand = count(seen, "on_demand") > 0,
                                       .made = seen->place};
}

static void add_drop(const struct seen *seen, const char *snapshot, bool by_person)
{
    struct evidence_gathering *g = seen->g;
    struct evidence_drop *drop = arena_add(g->arena, &g->drops, &g->drop_count, sizeof(*g->drops));
    if (drop != NULL)
        *drop = (struct evidence_drop){.snapshot = snapshot,
                                       .by_person = by_person,
                                       .has_tenant = seen->entry->has_tenant,
                                       .tenant = seen->entry->tenant,
                                       .time_ns = seen->entry->time_ns + seen->entry->duration_ns,
                                       .entry = seen->place};
}

static void take_retain(const struct seen *seen)
{
    const char *names = json_string_value(json_object_get(seen->entry->details, "dropped"));
    uint64_t named = 0;
    for (const char *p = names; p != NULL && *p != '\0' && !seen->g->arena->failed; p += strspn(p, " ")) {
        size_t size = strcspn(p, " ");
        add_drop(seen, arena_printf(seen->g->arena, "%.*s", (int)size, p), false);
        p += size;
        named++;
    }
    if (named >= count(seen, "dropped"))
        return;
    for (size_t i = 0; i < seen->g->dossier_count; i++)
        if (seen->dossier == NULL || seen->dossier == &seen->g->dossiers[i])
            seen->g->dossiers[i].tenant.drops_unlisted = true;
}

static void take_forget(const struct seen *seen)
{
    const char *snapshot = detail(seen, "snapshot");
    if (is_done(seen) && snapshot != NULL)
        add_drop(seen, snapshot, true);
}

/* ---- Verifications ---- */

static bool find_word(const char *const *words, const char *word, unsigned *ret)
{
    for (unsigned i = 0; word != NULL && words[i] != NULL; i++)
        if (strcmp(words[i], word) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

static void add_verification(const struct seen *seen, struct evidence_dossier *dossier,
                             const struct evidence_check *check)
{
    struct evidence_check *made = arena_add(seen->g->arena, &dossier->verifications,
                                            &dossier->tenant.verification_count, sizeof(*dossier->verifications));
    if (made != NULL)
        *made = *check;
}

/* In whose objects a verification of all tenants found damage: that is no fault of the others'. */
static bool is_damaged(const struct seen *seen, const struct evidence_dossier *dossier)
{
    const char *tenants = json_string_value(json_object_get(seen->entry->details, "damaged_tenants"));
    return tenants == NULL || strstr(tenants, dossier->tenant.id) != NULL; /* ids are all as long */
}

/* One that did not get to its end, or could not read, says nothing; neither does one of a single target. */
static void take_verify(const struct seen *seen)
{
    bool damaged = strcmp(seen->entry->result, "damaged") == 0;
    const struct evidence_gathering *g = seen->g;
    struct evidence_check check = {.time_ns = seen->entry->time_ns,
                                   .share = (unsigned)count(seen, "sample"),
                                   .sound = is_done(seen),
                                   .entry = seen->place};
    if ((!is_done(seen) && !damaged) || count(seen, "checked") == 0 ||
        json_object_get(seen->entry->details, "target") != NULL ||
        !find_word(policy_level_words, json_string_value(json_object_get(seen->entry->details, "level")), &check.level))
        return;
    check.name = policy_level_words[check.level];
    check.detail =
        arena_printf(g->arena, "%llu checked, %llu sound, %llu damaged, %llu repaired",
                     (unsigned long long)count(seen, "checked"), (unsigned long long)count(seen, "sound"),
                     (unsigned long long)count(seen, "damaged"), (unsigned long long)count(seen, "repaired"));
    for (size_t i = 0; i < g->dossier_count; i++) {
        struct evidence_dossier *dossier = &g->dossiers[i];
        if (seen->entry->has_tenant && seen->dossier != dossier)
            continue;
        check.sound = is_done(seen) || !is_damaged(seen, dossier);
        add_verification(seen, dossier, &check);
    }
}

/* ---- Entries that were deleted ---- */

static void take_expire(const struct seen *seen)
{
    struct evidence_gathering *g = seen->g;
    for (unsigned class = 0; class < AUDIT_CLASS_COUNT && is_done(seen); class ++) {
        const char *text =
            json_string_value(json_object_get(seen->entry->details, audit_class_name((enum audit_class) class)));
        struct span keep;
        if (text == NULL || span_parse(text, &keep, NULL) != 0)
            continue;
        struct evidence_expiry *made = arena_add(g->arena, &g->expiries, &g->facts->expiry_count, sizeof(*g->expiries));
        if (made == NULL)
            return;
        /* By the shortest days, months and years: nothing younger than that was deleted, in whatever zone. */
        *made = (struct evidence_expiry){.class = (enum audit_class) class,
                                         .keep = keep,
                                         .at_ns = seen->entry->time_ns,
                                         .before_ns = seen->entry->time_ns - span_shortest_s(keep) * NS_PER_S,
                                         .entry = seen->place};
    }
}

/* ---- Things with an id of their own ---- */

static void take_named(const struct seen *seen, const char *name)
{
    struct evidence_gathering *g = seen->g;
    const char *id = detail(seen, name);
    struct evidence_named *made =
        id != NULL ? arena_add(g->arena, &g->named, &g->named_count, sizeof(*g->named)) : NULL;
    if (made != NULL)
        *made = (struct evidence_named){id, seen->place};
}

static void add_act(const struct seen *seen, enum evidence_act_kind kind)
{
    struct evidence_dossier *dossier = seen->dossier;
    struct evidence_act *made =
        dossier != NULL ? arena_add(seen->g->arena, &dossier->acts, &dossier->tenant.act_count, sizeof(*dossier->acts))
                        : NULL;
    if (made != NULL)
        *made = (struct evidence_act){kind, seen->entry->time_ns, seen->place};
}

/* The copy's own record goes with its tenant's history. */
static void take_handed(const struct seen *seen)
{
    struct evidence_dossier *dossier = seen->dossier;
    if (dossier == NULL || json_object_get(seen->entry->details, "copy") == NULL)
        return;
    struct evidence_restore *made =
        arena_add(seen->g->arena, &dossier->handed, &dossier->handed_count, sizeof(*dossier->handed));
    if (made != NULL)
        *made = (struct evidence_restore){.time_ns = seen->entry->time_ns,
                                          .snapshot = detail(seen, "snapshot"),
                                          .destination = detail(seen, "destination"),
                                          .approver = arena_text(seen->g->arena, seen->entry->operator_name),
                                          .by_customer = count(seen, "on_request") > 0,
                                          .entry = seen->place};
}

static void take_restore(const struct seen *seen)
{
    take_named(seen, "copy");
    take_handed(seen);
    if (count(seen, "on_request") > 0 && strcmp(seen->entry->result, "refused") == 0)
        add_act(seen, EVIDENCE_REQUEST_REFUSED);
}

static void take_export(const struct seen *seen)
{
    if (is_done(seen))
        add_act(seen, EVIDENCE_EXPORTED);
}

static void take_survivors(const struct seen *seen)
{
    if (is_done(seen) && count(seen, "survivors") > 0)
        add_act(seen, EVIDENCE_SURVIVORS);
}

/* As the drill's own record says it, which goes with its tenant's history. */
static void take_drill(const struct seen *seen)
{
    struct evidence_dossier *dossier = seen->dossier;
    const char *result = json_string_value(json_object_get(seen->entry->details, "result"));
    const char *mode = json_string_value(json_object_get(seen->entry->details, "mode"));
    unsigned level;
    take_named(seen, "drill");
    bool passed = result != NULL && strcmp(result, "passed") == 0;
    if (dossier == NULL || (!passed && (result == NULL || strcmp(result, "failed") != 0)))
        return;
    if (!find_word(policy_drill_words, mode, &level)) {
        dossier->drills_unlisted = true;
        return;
    }
    struct evidence_check *made =
        arena_add(seen->g->arena, &dossier->tried, &dossier->tried_count, sizeof(*dossier->tried));
    if (made != NULL)
        *made = (struct evidence_check){.time_ns = seen->entry->time_ns,
                                        .level = level,
                                        .share = 1000,
                                        .sound = passed,
                                        .elsewhere = count(seen, DRILL_ELSEWHERE) > 0,
                                        .name = detail(seen, "drill"),
                                        .entry = seen->place};
}

/* ---- What a tenant was ---- */

static void add_change(const struct seen *seen, bool came)
{
    struct evidence_dossier *dossier = seen->dossier;
    if (dossier == NULL || !is_done(seen))
        return;
    struct evidence_change *made =
        arena_add(seen->g->arena, &dossier->changes, &dossier->change_count, sizeof(*dossier->changes));
    if (made != NULL)
        *made = (struct evidence_change){.time_ns = seen->entry->time_ns,
                                         .sequence = seen->entry->sequence,
                                         .came = came,
                                         .policy = detail(seen, "policy"),
                                         .sources = detail(seen, "kinds"),
                                         .state = detail(seen, "state")};
}

static void take_added(const struct seen *seen)
{
    add_change(seen, true);
}

static void take_changed(const struct seen *seen)
{
    add_change(seen, false);
}

/* ---- The log ---- */

static const struct {
    const char *operation;
    void (*take)(const struct seen *seen);
} operations[] = {
    {"backup", take_backup},          {"import", take_backup},
    {"retain", take_retain},          {"snapshot forget", take_forget},
    {"verify", take_verify},          {"audit expire", take_expire},
    {"restore", take_restore},        {"drill", take_drill},
    {"customer export", take_export}, {"contract survivors", take_survivors},
    {"drill accept", take_drill},     {"tenant add", take_added},
    {"tenant set", take_changed},     {"tenant state", take_changed},
};

int evidence_compare_named(const void *a, const void *b)
{
    return strcmp(((const struct evidence_named *)a)->id, ((const struct evidence_named *)b)->id);
}

static int compare_drops(const void *a, const void *b)
{
    return strcmp(((const struct evidence_drop *)a)->snapshot, ((const struct evidence_drop *)b)->snapshot);
}

/* The log that entries are read of now. Entries come log by log, in their order. */
static struct evidence_audit *audit_of(struct evidence_gathering *g, const struct id *log)
{
    char hex[2 * ID_SIZE + 1];
    size_t count = g->facts->audit_count;
    (void)hex_encode(log->bytes, ID_SIZE, hex);
    if (count > 0 && strcmp(g->audits[count - 1].log, hex) == 0)
        return &g->audits[count - 1];
    struct evidence_audit *audit = arena_add(g->arena, &g->audits, &g->facts->audit_count, sizeof(*g->audits));
    const char *name = arena_text(g->arena, hex);
    if (audit == NULL || name == NULL)
        return NULL;
    *audit = (struct evidence_audit){.log = name, .state = HIKAE_KEPT};
    return audit;
}

static int take_entry(const struct id *log, const struct audit_entry *entry, void *context, struct error *err)
{
    struct evidence_gathering *g = context;
    struct evidence_audit *audit = audit_of(g, log);
    if (audit == NULL)
        return error_no_memory(err);
    if (audit->first_ns == 0)
        audit->first_ns = entry->time_ns;
    audit->read++;
    audit->last = (struct evidence_entry){audit->log, entry->sequence};
    const struct seen seen = {g, entry, audit->last,
                              entry->has_tenant ? evidence_find_dossier(g, &entry->tenant) : NULL};
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].operation, entry->operation) == 0)
            operations[i].take(&seen);
    return g->arena->failed ? error_no_memory(err) : 0;
}

/* What was found wrong with a log. What could not be read is unknown, and no damage; a target that is behind is
 * neither.
 */
static void take_findings(struct evidence_gathering *g, const struct hikae_audit_report *report,
                          struct evidence_audit *audit)
{
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct hikae_audit_finding *finding = &report->findings[i];
        bool unknown = strcmp(finding->fault, audit_fault_name(AUDIT_UNKNOWN)) == 0;
        if (strcmp(finding->log, audit->log) != 0 || strcmp(finding->fault, audit_fault_name(AUDIT_BEHIND)) == 0 ||
            audit->state == HIKAE_BROKEN || (unknown && audit->state == HIKAE_NOT_OBSERVABLE))
            continue;
        audit->state = unknown ? HIKAE_NOT_OBSERVABLE : HIKAE_BROKEN;
        audit->what = arena_text(g->arena, finding->what);
    }
}

static int take_log(struct evidence_gathering *g, const struct hikae_audit_report *report,
                    const struct hikae_audit_log *from, struct error *err)
{
    struct evidence_audit *audit = NULL;
    for (size_t i = 0; i < g->facts->audit_count && audit == NULL; i++)
        if (strcmp(g->audits[i].log, from->log) == 0)
            audit = &g->audits[i];
    if (audit == NULL) { /* no entry of it could be read */
        audit = arena_add(g->arena, &g->audits, &g->facts->audit_count, sizeof(*g->audits));
        if (audit == NULL)
            return error_no_memory(err);
        *audit = (struct evidence_audit){.log = arena_text(g->arena, from->log), .state = HIKAE_KEPT};
    }
    struct hikae_evidence_log *made = arena_add(g->arena, &g->logs, &g->ret->log_count, sizeof(*g->logs));
    if (made == NULL || audit->log == NULL)
        return error_no_memory(err);
    audit->size = from->size;
    audit->expired = from->expired;
    audit->partial = audit->read + audit->expired < audit->size;
    take_findings(g, report, audit);
    *made = (struct hikae_evidence_log){.log = audit->log,
                                        .size = from->size,
                                        .root = arena_text(g->arena, from->root),
                                        .checkpoint = arena_text(g->arena, from->checkpoint),
                                        .expired = from->expired};
    return 0;
}

/* A log of which nothing is left, but which somebody remembers, is named by findings alone. */
static int take_missing(struct evidence_gathering *g, const struct hikae_audit_report *report, struct error *err)
{
    for (size_t i = 0; i < report->finding_count; i++) {
        bool known = false;
        for (size_t k = 0; k < g->facts->audit_count; k++)
            known = known || strcmp(g->audits[k].log, report->findings[i].log) == 0;
        if (known)
            continue;
        struct evidence_audit *audit = arena_add(g->arena, &g->audits, &g->facts->audit_count, sizeof(*g->audits));
        if (audit == NULL)
            return error_no_memory(err);
        *audit = (struct evidence_audit){
            .log = arena_text(g->arena, report->findings[i].log), .state = HIKAE_KEPT, .partial = true};
        take_findings(g, report, audit);
    }
    return 0;
}

/* The log is read as `audit verify` reads it, once: what it says counts as much as it is sound. */
int evidence_gather_audit(struct evidence_gathering *g, struct error *err)
{
    const struct audit_visitor visitor = {take_entry, g};
    struct hikae_audit_report report;
    struct audit_uploaded uploaded;
    struct error why = {0};
    if (engine_audit_upload(g->hikae, &uploaded, &why) != 0) {
        engine_warn(g->hikae, "entries that wait here are not seen: %s", why.what);
        g->facts->audit_partial = true;
    }
    int rc = audit_verify_visit(g->hikae, &visitor, &report, &why);
    if (rc != 0 && why.class != ERROR_DAMAGED && why.class != ERROR_UNREACHABLE)
        *err = why;
    else
        rc = 0;
    for (size_t i = 0; rc == 0 && i < report.log_count; i++)
        rc = take_log(g, &report, &report.logs[i], err);
    if (rc == 0)
        rc = take_missing(g, &report, err);
    hikae_audit_report_free(&report);
    g->facts->expiries = g->expiries; /* tenants whose history is gone are told by what has not expired */
    if (rc == 0 && g->drop_count > 0)
        qsort(g->drops, g->drop_count, sizeof(*g->drops), compare_drops);
    if (rc == 0 && g->named_count > 0)
        qsort(g->named, g->named_count, sizeof(*g->named), evidence_compare_named);
    return rc;
}
