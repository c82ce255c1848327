/* Facts of the audit log, read entry by entry: an operation's row says what it proves. */
#include "ops/evidence_gather.h"

#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit_read.h"

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
        *drop =
            (struct evidence_drop){snapshot, by_person, seen->entry->time_ns + seen->entry->duration_ns, seen->place};
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
    for (size_t i = 0; i < g->dossier_count; i++)
        if (seen->entry->has_tenant ? seen->dossier == &g->dossiers[i] : true)
            add_verification(seen, &g->dossiers[i], &check);
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

static void take_copy(const struct seen *seen)
{
    take_named(seen, "copy");
}

static void take_drill(const struct seen *seen)
{
    take_named(seen, "drill");
}

/* ---- The log ---- */

static const struct {
    const char *operation;
    void (*take)(const struct seen *seen);
} operations[] = {
    {"backup", take_backup}, {"import", take_backup},       {"retain", take_retain}, {"snapshot forget", take_forget},
    {"verify", take_verify}, {"audit expire", take_expire}, {"restore", take_copy},  {"drill", take_drill},
};

static void take_entry(struct evidence_gathering *g, const struct audit_entry *entry,
                       const struct evidence_entry *place)
{
    const struct seen seen = {g, entry, *place, entry->has_tenant ? evidence_find_dossier(g, &entry->tenant) : NULL};
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].operation, entry->operation) == 0)
            operations[i].take(&seen);
}

static int take_log(struct evidence_gathering *g, const struct audit_log *log, const char *name, struct error *err)
{
    struct evidence_audit *audit = arena_add(g->arena, &g->audits, &g->facts->audit_count, sizeof(*g->audits));
    if (audit == NULL)
        return error_no_memory(err);
    *audit = (struct evidence_audit){.log = name, .size = log->size, .expired = log->expired, .sound = true};
    for (uint64_t i = 0; i < log->size; i++) {
        const struct buf *data = &log->leaves[i].data;
        struct audit_entry entry;
        struct error why = {0};
        if (data->size == 0)
            continue;
        if (audit_leaf_parse(data->data, data->size, &entry, &why) != 0) {
            if (why.class != ERROR_DAMAGED) {
                *err = why;
                return -1;
            }
            audit->sound = false;
            audit->what = arena_printf(g->arena, "entry %llu: %s", (unsigned long long)i, why.what);
            continue;
        }
        const struct evidence_entry place = {name, i};
        if (audit->first_ns == 0)
            audit->first_ns = entry.time_ns;
        audit->last = place;
        take_entry(g, &entry, &place);
        audit_entry_clear(&entry);
        if (g->arena->failed)
            return error_no_memory(err);
    }
    return cancel_check(&g->hikae->cancel, err);
}

static int add_log(struct evidence_gathering *g, const struct audit_log *log, const char **ret_name, struct error *err)
{
    char hex[2 * HASH_SIZE + 1];
    struct hikae_evidence_log *made = arena_add(g->arena, &g->logs, &g->ret->log_count, sizeof(*g->logs));
    if (made == NULL)
        return error_no_memory(err);
    *made = (struct hikae_evidence_log){.log = arena_text(g->arena, hex_encode(log->log.bytes, ID_SIZE, hex)),
                                        .size = log->size,
                                        .checkpoint = arena_text(g->arena, log->head_note),
                                        .expired = log->expired};
    made->root = arena_text(g->arena, hex_encode(log->root.bytes, HASH_SIZE, hex));
    *ret_name = made->log;
    return 0;
}

static int compare_drops(const void *a, const void *b)
{
    return strcmp(((const struct evidence_drop *)a)->snapshot, ((const struct evidence_drop *)b)->snapshot);
}

/* What is wrong with a log's tree, signatures or copies makes what it says doubtful. */
static int verify_logs(struct evidence_gathering *g, struct error *err)
{
    struct hikae_audit_report report = {0};
    struct hikae_error why;
    enum hikae_status status = hikae_audit_verify(g->hikae, NULL, NULL, &report, &why);
    for (size_t i = 0; i < g->facts->audit_count; i++)
        for (size_t k = 0; k < report.log_count; k++)
            if (strcmp(report.logs[k].log, g->audits[i].log) == 0 && !report.logs[k].ok) {
                g->audits[i].sound = false;
                g->audits[i].what =
                    report.finding_count > 0 ? arena_text(g->arena, report.findings[0].what) : "damaged";
            }
    hikae_audit_report_free(&report);
    if (status == HIKAE_INTERRUPTED)
        return error_set(err, ERROR_INTERRUPTED, "%s", why.message);
    if (status > HIKAE_WARNINGS && status != HIKAE_DAMAGED)
        engine_warn(g->hikae, "the audit log could not be checked in full: %s", why.message);
    return 0;
}

int evidence_gather_audit(struct evidence_gathering *g, struct error *err)
{
    struct audit_view view;
    if (audit_view_open(g->hikae, NULL, &view, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < view.log_count; i++) {
        const char *name = NULL;
        rc = add_log(g, &view.logs[i], &name, err);
        if (rc == 0)
            rc = take_log(g, &view.logs[i], name, err);
    }
    audit_view_close(&view);
    if (rc == 0)
        rc = verify_logs(g, err);
    if (rc == 0 && g->drop_count > 0)
        qsort(g->drops, g->drop_count, sizeof(*g->drops), compare_drops);
    return rc;
}
