/* audit verify: the log as the targets show it, against everything that anybody remembers of it. */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit_read.h"
#include "ops/audit_store.h"

#include <stdio.h>

void hikae_audit_report_free(struct hikae_audit_report *report)
{
    for (size_t i = 0; i < report->log_count; i++) {
        mem_free(report->logs[i].log);
        mem_free(report->logs[i].root);
        mem_free(report->logs[i].checkpoint);
        mem_free(report->logs[i].verifier);
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        mem_free(report->findings[i].log);
        mem_free(report->findings[i].target);
        mem_free(report->findings[i].what);
    }
    for (size_t i = 0; i < report->superseded_count; i++)
        mem_free(report->superseded[i]);
    for (size_t i = 0; i < report->open_count; i++)
        mem_free(report->open[i]);
    mem_free(report->logs);
    mem_free(report->findings);
    mem_free(report->superseded);
    mem_free(report->open);
    mem_free(report->root);
    *report = (struct hikae_audit_report){0};
}

enum { EARLIER_MAX = 64 };

struct check {
    struct hikae *hikae;
    struct engine_audit_store store;
    struct audit_objects objects;
    struct audit_findings findings;
    struct audit_tree tree;           /* of this state folder's log */
    const char *log;                  /* the one asked for, or NULL */
    struct audit_checkpoint *earlier; /* what somebody kept: of a note, one for each log */
    size_t earlier_count;
    uint64_t earlier_found; /* bits */
    bool own_found;
    const struct id *running; /* the intent of this very check */
    const struct audit_visitor *visitor;
    struct hikae_audit_report *ret;
};

static void *grow(void *items, size_t count, size_t size)
{
    return mem_realloc(items, (count + 1) * size);
}

static char *hex_text(const void *bytes, size_t size)
{
    char *text = mem_alloc(2 * size + 1);
    return text != NULL ? hex_encode(bytes, size, text) : NULL;
}

/* ---- One log ---- */

static int note_superseded(struct check *check, const struct audit_log *log, struct error *err)
{
    for (size_t i = 0; i < log->superseded_count; i++) {
        char name[OBJECT_NAME_SIZE];
        struct hikae_audit_report *ret = check->ret;
        char **grown = grow(ret->superseded, ret->superseded_count, sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        ret->superseded = grown;
        grown[ret->superseded_count] = mem_strdup(audit_name_format(&log->superseded[i], name));
        if (grown[ret->superseded_count++] == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static int note_log(struct check *check, const struct audit_log *log, bool sound, struct error *err)
{
    struct hikae_audit_report *ret = check->ret;
    struct hikae_audit_log *grown = grow(ret->logs, ret->log_count, sizeof(*grown));
    char origin[AUDIT_ORIGIN_SIZE];
    if (grown == NULL)
        return error_no_memory(err);
    ret->logs = grown;
    struct hikae_audit_log *to = &grown[ret->log_count++];
    *to = (struct hikae_audit_log){.log = hex_text(log->log.bytes, ID_SIZE),
                                   .size = log->size,
                                   .covered = log->head.size,
                                   .root = hex_text(log->root.bytes, HASH_SIZE),
                                   .checkpoint = log->head_note != NULL ? mem_strdup(log->head_note) : NULL,
                                   .verifier =
                                       audit_verifier_key(audit_origin(&check->store.store.store, &log->log, origin),
                                                          check->store.store.public_key),
                                   .time_ns = log->head.time_ns,
                                   .expired = log->expired,
                                   .own = id_equal(&log->log, &check->tree.log),
                                   .ok = sound};
    if (to->log == NULL || to->root == NULL || to->verifier == NULL ||
        (log->head_note != NULL && to->checkpoint == NULL))
        return error_no_memory(err);
    if (ret->root != NULL && (check->log != NULL ? strcmp(check->log, to->log) != 0 : !to->own))
        return 0;
    mem_free(ret->root);
    ret->size = to->size;
    ret->root = mem_strdup(to->root);
    return ret->root != NULL ? 0 : error_no_memory(err);
}

/* Who wants to see no entry wants none of them kept either: a log of years is checked in little memory. */
static int see_nothing(const struct id *log, const struct audit_entry *entry, void *context, struct error *err)
{
    (void)log;
    (void)entry;
    (void)context;
    (void)err;
    return 0;
}
static const struct audit_visitor nobody = {see_nothing, NULL};

static int check_log(struct check *check, size_t first, size_t end, struct error *err)
{
    const struct audit_store *store = &check->store.store;
    struct audit_log log;
    size_t before = check->findings.count;
    if (audit_log_read(store, &check->objects, first, end, check->visitor != NULL ? check->visitor : &nobody, &log,
                       &check->findings, err) != 0)
        return -1;
    int rc = 0;
    if (id_equal(&log.log, &check->tree.log)) {
        check->own_found = true;
        rc = audit_log_check_tree(store, &check->objects, &log, &check->tree, &check->findings, err);
    }
    for (size_t i = 0; rc == 0 && i < check->earlier_count; i++) {
        if (!id_equal(&log.log, &check->earlier[i].log))
            continue;
        check->earlier_found |= UINT64_C(1) << i;
        rc = audit_log_check_earlier(&log, &check->earlier[i], &check->findings, err);
    }
    bool sound = true;
    for (size_t i = before; i < check->findings.count; i++)
        sound = sound && check->findings.items[i].fault == AUDIT_BEHIND;
    if (rc == 0)
        rc = note_log(check, &log, sound, err);
    if (rc == 0)
        rc = note_superseded(check, &log, err);
    audit_log_clear(&log);
    return rc;
}

/* A log that somebody remembers, and of which nothing is left. */
static int check_missing(struct check *check, struct error *err)
{
    for (size_t i = 0; i < check->earlier_count; i++)
        if ((check->earlier_found >> i & 1) == 0 && check->earlier[i].size > 0 &&
            audit_find(&check->findings, AUDIT_TRUNCATED, &check->earlier[i].log, NULL, err,
                       "the earlier checkpoint says %llu entries; no target shows anything of that log",
                       (unsigned long long)check->earlier[i].size) != 0)
            return -1;
    if (!check->own_found && check->tree.frontier.size > 0)
        return audit_find(&check->findings, AUDIT_TRUNCATED, &check->tree.log, NULL, err,
                          "this machine stored %llu entries; no target shows anything of them",
                          (unsigned long long)check->tree.frontier.size);
    return 0;
}

/* ---- What is only here ---- */

static int count_entry(uint64_t number, const struct bytes *text, void *context, struct error *err)
{
    struct check *check = context;
    (void)number;
    (void)text;
    (void)err;
    check->ret->pending++;
    return 0;
}

static int note_open(const struct id *id, const struct bytes *text, bool alive, void *context, struct error *err)
{
    struct check *check = context;
    CLEANUP_JSON json_t *json = NULL;
    if (check->running != NULL && id_equal(id, check->running))
        return 0;
    if (json_parse(text->data, text->size, &json, err) != 0)
        return -1;
    const char *operation = json_string_value(json_object_get(json, "op"));
    const char *time = json_string_value(json_object_get(json, "time"));
    char **grown = grow(check->ret->open, check->ret->open_count, sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    check->ret->open = grown;
    grown[check->ret->open_count] =
        mem_printf("%s, begun %s, %s", operation != NULL ? operation : "unknown", time != NULL ? time : "at some time",
                   alive ? "under way" : "its process is gone");
    return grown[check->ret->open_count++] != NULL ? 0 : error_no_memory(err);
}

static int look_at_journal(struct check *check, struct error *err)
{
    struct audit_journal *journal;
    if (engine_audit_journal(check->hikae, &journal, err) != 0 || audit_journal_lock(journal, err) != 0)
        return -1;
    int rc = audit_journal_tree(journal, &check->tree, err);
    if (rc == 0)
        rc = audit_journal_each(journal, count_entry, check, err);
    if (rc == 0)
        rc = audit_journal_intents(journal, note_open, check, err);
    audit_journal_unlock(journal);
    return rc;
}

/* ---- All ---- */

/* A receipt or review, whose heads of logs count, or a checkpoint. */
static int parse_earlier(struct check *check, const struct buf *note, struct error *err)
{
    static const char title[] = "hikae audit ";
    const struct id *store = &check->hikae->store.store;
    const uint8_t *public_key = check->hikae->store.audit_public;
    const char *text = (const char *)note->data;
    if (note->size > strlen(title) && memcmp(text, title, strlen(title)) == 0) {
        if (audit_note_heads(text, note->size, store, public_key, &check->earlier, &check->earlier_count, err) != 0)
            return -1;
        return check->earlier_count <= EARLIER_MAX ? 0 : error_set(err, ERROR_DAMAGED, "it names too many logs");
    }
    check->earlier = mem_calloc(1, sizeof(*check->earlier));
    if (check->earlier == NULL)
        return error_no_memory(err);
    check->earlier_count = 1;
    return audit_checkpoint_check(text, note->size, store, public_key, check->earlier, err);
}

static int read_earlier(struct check *check, const char *path, struct error *err)
{
    CLEANUP(buf_free) struct buf note = {0};
    if (path == NULL)
        return 0;
    if (file_read(path, AUDIT_NOTE_MAX, &note, err) != 0)
        return -1;
    if (parse_earlier(check, &note, err) == 0)
        return 0;
    if (err->class != ERROR_DAMAGED)
        return -1;
    (void)error_hint(err,
                     "it must be as this store signed it: a checkpoint (`hikae audit verify --save`), a receipt, or "
                     "a review");
    return error_wrap(err, "%s", path);
}

static int take_findings(struct check *check, struct error *err)
{
    struct hikae_audit_report *ret = check->ret;
    ret->findings = mem_calloc(check->findings.count + 1, sizeof(*ret->findings));
    if (ret->findings == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < check->findings.count; i++) {
        struct audit_finding *from = &check->findings.items[i];
        struct hikae_audit_finding *to = &ret->findings[ret->finding_count++];
        *to = (struct hikae_audit_finding){.fault = audit_fault_name(from->fault),
                                           .log = hex_text(from->log.bytes, ID_SIZE),
                                           .target = from->target,
                                           .what = from->what};
        from->target = from->what = NULL;
        if (to->log == NULL)
            return error_no_memory(err);
    }
    return 0;
}

/* The outcome: sound, damaged or unknown, and whether something is behind. */
static int judge(const struct check *check, bool *ret_warnings, struct error *err)
{
    size_t tampered = 0, unknown = 0, behind = 0;
    for (size_t i = 0; i < check->findings.count; i++) {
        enum audit_fault fault = check->findings.items[i].fault;
        tampered += fault < AUDIT_UNKNOWN;
        unknown += fault == AUDIT_UNKNOWN;
        behind += fault == AUDIT_BEHIND;
    }
    *ret_warnings = behind > 0 || check->store.store.place_count < check->hikae->target_count;
    check->ret->ok = tampered == 0 && unknown == 0 && check->ret->log_count > 0;
    if (tampered > 0) {
        (void)error_set(err, ERROR_DAMAGED, "the audit log is not what it was: %zu finding%s", tampered,
                        tampered == 1 ? "" : "s");
        return error_hint(err, "keep the targets as they are, and compare with earlier checkpoints of auditors");
    }
    if (unknown > 0)
        return error_set(err, ERROR_UNREACHABLE, "parts of the audit log could not be read: %zu finding%s", unknown,
                         unknown == 1 ? "" : "s");
    if (check->ret->log_count == 0)
        return error_set(err, ERROR_DAMAGED, "nothing was checked: no target holds an audit log");
    return 0;
}

static int verify(struct check *check, const char *earlier, bool *ret_warnings, struct error *err)
{
    struct audit_uploaded uploaded;
    if (look_at_journal(check, err) != 0)
        return -1;
    /* A log of which nothing was ever stored is stored first; otherwise a check changes nothing on the targets. */
    if (check->tree.frontier.size == 0 && check->ret->pending > 0) {
        if (engine_audit_upload(check->hikae, &uploaded, err) != 0)
            return -1;
        check->ret->pending = 0;
        for (; check->ret->open_count > 0; check->ret->open_count--)
            mem_free(check->ret->open[check->ret->open_count - 1]);
        audit_tree_clear(&check->tree);
        if (look_at_journal(check, err) != 0)
            return -1;
    }
    if (engine_audit_store_open(check->hikae, &check->store, err) != 0 || read_earlier(check, earlier, err) != 0 ||
        audit_objects_list(&check->store.store, NULL, &check->objects, err) != 0)
        return -1;
    for (size_t first = 0, end = 0; audit_objects_next_log(&check->objects, &first, &end);)
        if (check_log(check, first, end, err) != 0)
            return -1;
    if (check_missing(check, err) != 0 || take_findings(check, err) != 0)
        return -1;
    return judge(check, ret_warnings, err);
}

static void check_clear(struct check *check)
{
    mem_free(check->earlier);
    audit_findings_free(&check->findings);
    audit_objects_free(&check->objects);
    audit_tree_clear(&check->tree);
    engine_audit_store_close(&check->store);
}

int audit_verify_visit(struct hikae *hikae, const struct audit_visitor *visitor, struct hikae_audit_report *ret,
                       struct error *err)
{
    bool warnings;
    struct check check = {.hikae = hikae, .visitor = visitor, .ret = ret};
    *ret = (struct hikae_audit_report){0};
    int rc = verify(&check, NULL, &warnings, err);
    check_clear(&check);
    return rc;
}

enum hikae_status hikae_audit_verify(struct hikae *hikae, const char *earlier, const char *log,
                                     struct hikae_audit_report *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    bool warnings = false;
    *ret = (struct hikae_audit_report){0};
    if (engine_audit_begin(hikae, OPERATION_AUDIT_VERIFY, NULL, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    struct check check = {.hikae = hikae, .log = log, .running = &audit.intent.id, .ret = ret};
    int rc = verify(&check, earlier, &warnings, &err);
    engine_audit_count(&audit, "logs", ret->log_count);
    engine_audit_count(&audit, "size", ret->size);
    engine_audit_count(&audit, "findings", ret->finding_count);
    engine_audit_detail(&audit, "root", ret->root);
    check_clear(&check);
    return engine_audit_end(&audit, api_result(rc, warnings, &err, error));
}
