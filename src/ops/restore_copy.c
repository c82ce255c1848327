/*
 * Copies that restores handed out: data that lives on outside of what hikae
 * keeps. Each is a fact of its tenant's history from before it exists until its
 * wiping is on record: by hikae, which takes back what it wrote, or by a person
 * who says that it is gone.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/drill.h"
#include "ops/facts.h"
#include "ops/machine.h"
#include "pipeline/restore_remove.h"

#include <stdlib.h>
#include <string.h>

enum { COPY_ID_BYTES = 8 };

static json_t *optional(const char *text)
{
    return text != NULL && text[0] != '\0' ? drill_text(text) : json_null();
}

static json_t *time_of(int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    return ns != 0 ? json_string(clock_format(ns, text)) : json_null();
}

static json_t *texts_of(const char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < count; i++)
        if (json_array_append_new(array, drill_text(texts[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/*
 * On min_copies targets, as every decision; but where fewer answer, or may be asked, on these: whoever restores from
 * the last copy there is must not be refused for want of a second place to write to. Replication brings it to the
 * others.
 */
static int append_handed(struct session *session, struct record *record, struct error *err)
{
    struct hikae *hikae = session->hikae;
    uint64_t up = engine_up_mask(hikae);
    size_t need = hikae->config->min_copies, can = (size_t)__builtin_popcountll(up);
    if (can >= need)
        return chain_append(hikae, session->keyring, &session->chain, record, up, need, err);
    if (chain_append(hikae, session->keyring, &session->chain, record, up, can, err) != 0)
        return -1;
    engine_warn(hikae,
                "that this copy is handed out is on record on %zu of %zu targets: `hikae replicate` brings it to "
                "the others",
                can, hikae->target_count);
    return 0;
}

int restore_copy_record(struct session *session, const struct restore_ask *ask, const char *approvers,
                        const struct manifest_root *root, char **ret_id, struct error *err)
{
    const struct hikae_restore_options *options = ask->options;
    uint8_t random[COPY_ID_BYTES];
    char id[2 * COPY_ID_BYTES + 1], machine[MACHINE_ID_SIZE];
    int64_t now_ns = clock_now_ns();
    CLEANUP_FREE char *folder = NULL;
    struct record record CLEANUP(record_clear) = {.type = RECORD_COPY};
    if (file_mkdirs(options->to, 0700, err) != 0)
        return -1;
    folder = file_absolute(options->to);
    if (folder == NULL)
        return error_no_memory(err);
    if (crypto_random(random, sizeof(random), err) != 0)
        return -1;
    json_t *body CLEANUP_JSON = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "v", 1, "event",
        "handed", "copy", hex_encode(random, sizeof(random), id), "snapshot", ask->snapshot, "destination",
        restore_destination_name(options->destination), "host", machine_id(machine), "folder", drill_text(folder),
        "entries", (json_int_t)root->entries, "bytes", (json_int_t)root->bytes, "handed", time_of(now_ns), "until",
        time_of(options->keep_ns > 0 ? now_ns + options->keep_ns : 0), "on_request", (int)options->on_request, "reason",
        optional(options->reason), "ticket", optional(options->ticket), "requester", optional(options->requester),
        "approver", optional(approvers), "paths", texts_of(options->paths, options->path_count));
    if (body == NULL)
        return error_no_memory(err);
    *ret_id = mem_strdup(id);
    if (*ret_id == NULL)
        return error_no_memory(err);
    int rc = json_print(body, &record.body, err);
    if (rc == 0)
        rc = append_handed(session, &record, err);
    return rc == 0 ? 0 : error_wrap(err, "record the copy");
}

/* ---- Reading ---- */

static char *text(const json_t *object, const char *name, bool *no_memory)
{
    const char *value = json_string_value(json_object_get(object, name));
    char *copy = value != NULL ? mem_strdup(value) : NULL;
    *no_memory = *no_memory || (value != NULL && copy == NULL);
    return copy;
}

static int64_t instant(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    int64_t ns = 0;
    struct error ignored;
    return value != NULL && clock_parse(value, &ns, &ignored) == 0 ? ns : 0;
}

static uint64_t number(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

static int read_copy(const char *tenant, const json_t *json, struct hikae_copy *ret, struct error *err)
{
    bool no_memory = false;
    *ret = (struct hikae_copy){.copy = text(json, "copy", &no_memory),
                               .tenant = mem_strdup(tenant),
                               .snapshot = text(json, "snapshot", &no_memory),
                               .destination = text(json, "destination", &no_memory),
                               .host = text(json, "host", &no_memory),
                               .folder = text(json, "folder", &no_memory),
                               .reason = text(json, "reason", &no_memory),
                               .ticket = text(json, "ticket", &no_memory),
                               .requester = text(json, "requester", &no_memory),
                               .approver = text(json, "approver", &no_memory),
                               .by = text(json, "by", &no_memory),
                               .how = text(json, "how", &no_memory),
                               .entries = number(json, "entries"),
                               .bytes = number(json, "bytes"),
                               .left = number(json, "left"),
                               .handed_ns = instant(json, "handed"),
                               .until_ns = instant(json, "until"),
                               .wiped_ns = instant(json, "wiped")};
    ret->overdue = ret->until_ns != 0 && ret->wiped_ns == 0 && ret->until_ns < clock_now_ns();
    if (!no_memory && ret->tenant != NULL)
        return 0;
    hikae_copy_free(ret);
    return error_no_memory(err);
}

void hikae_copy_free(struct hikae_copy *copy)
{
    mem_free(copy->copy);
    mem_free(copy->tenant);
    mem_free(copy->snapshot);
    mem_free(copy->destination);
    mem_free(copy->host);
    mem_free(copy->folder);
    mem_free(copy->reason);
    mem_free(copy->ticket);
    mem_free(copy->requester);
    mem_free(copy->approver);
    mem_free(copy->by);
    mem_free(copy->how);
    *copy = (struct hikae_copy){0};
}

void hikae_copies_free(struct hikae_copies *copies)
{
    for (size_t i = 0; i < copies->count; i++)
        hikae_copy_free(&copies->copies[i]);
    mem_free(copies->copies);
    *copies = (struct hikae_copies){0};
}

int restore_copies_of(const struct history *history, const char *tenant, bool all, struct hikae_copies *ret,
                      struct error *err)
{
    for (size_t i = 0; i < history->fact_count; i++) {
        const struct history_fact *fact = &history->facts[i];
        json_t *json CLEANUP_JSON = NULL;
        if (fact->type != RECORD_COPY)
            continue;
        struct hikae_copy *grown = mem_realloc(ret->copies, (ret->count + 1) * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        ret->copies = grown;
        if (json_parse(fact->body, strlen(fact->body), &json, err) != 0 ||
            read_copy(tenant, json, &grown[ret->count], err) != 0)
            return -1;
        const struct hikae_copy *copy = &grown[ret->count];
        ret->out += copy->wiped_ns == 0;
        ret->overdue += copy->overdue;
        if (all || copy->wiped_ns == 0)
            ret->count++;
        else
            hikae_copy_free(&grown[ret->count]);
    }
    return 0;
}

struct listing {
    struct hikae *hikae;
    bool all;
    struct hikae_copies *copies;
};

static int list_tenant(const char *tenant, void *context, struct error *err)
{
    const struct listing *listing = context;
    struct session session;
    if (session_open(listing->hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = restore_copies_of(&session.chain.history, tenant, listing->all, listing->copies, err);
    session_close(&session);
    return rc;
}

static int compare_copies(const void *a, const void *b)
{
    const struct hikae_copy *x = a, *y = b;
    if (x->handed_ns != y->handed_ns)
        return x->handed_ns < y->handed_ns ? -1 : 1;
    return strcmp(x->copy, y->copy);
}

enum hikae_status hikae_copy_list(struct hikae *hikae, const char *tenant, bool all, struct hikae_copies *ret,
                                  struct hikae_error *error)
{
    struct error err = {0};
    struct listing listing = {hikae, all, ret};
    *ret = (struct hikae_copies){0};
    int rc = engine_each_tenant(hikae, tenant, list_tenant, &listing, &err);
    if (rc != 0)
        hikae_copies_free(ret);
    else if (ret->count > 1)
        qsort(ret->copies, ret->count, sizeof(*ret->copies), compare_copies);
    return api_result(rc, rc == 0 && ret->overdue > 0, &err, error);
}

/* ---- Wiping ---- */

static int find_copy(struct hikae *hikae, const char *id, struct hikae_copy *ret, struct error *err)
{
    struct hikae_copies copies = {0};
    struct listing listing = {hikae, true, &copies};
    const struct hikae_copy *found = NULL;
    size_t fitting = 0, which = 0;
    int rc = engine_each_tenant(hikae, NULL, list_tenant, &listing, err);
    for (size_t i = 0; rc == 0 && id[0] != '\0' && i < copies.count; i++)
        if (strncmp(copies.copies[i].copy, id, strlen(id)) == 0) {
            found = &copies.copies[i];
            which = i;
            fitting++;
        }
    if (rc == 0 && fitting == 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no copy '%.40s'", id);
        rc = error_hint(err, "`hikae restores list` shows them with their ids");
    } else if (rc == 0 && fitting > 1) {
        rc = error_set(err, ERROR_USAGE, "several copies begin with '%.40s'", id);
    } else if (rc == 0 && found->wiped_ns != 0) {
        rc = error_set(err, ERROR_REFUSED, "the wiping of copy %s is on record already", found->copy);
    } else if (rc == 0) {
        *ret = *found;
        copies.copies[which] = (struct hikae_copy){0};
    }
    hikae_copies_free(&copies);
    return rc;
}

/* The body of the record as it is, to be said again with its end. */
static int read_body(const struct session *session, const char *id, json_t **ret, struct error *err)
{
    const struct history_fact *fact = facts_find(session, RECORD_COPY, id);
    if (fact == NULL)
        return error_set(err, ERROR_NOT_FOUND, "there is no copy %s", id);
    return json_parse(fact->body, strlen(fact->body), ret, err);
}

static int take_paths(const json_t *body, const char ***ret, size_t *ret_count, struct error *err)
{
    const json_t *array = json_object_get(body, "paths");
    *ret_count = 0;
    *ret = mem_calloc(json_array_size(array) + 1, sizeof(char *));
    if (*ret == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < json_array_size(array); i++)
        (*ret)[(*ret_count)++] = json_string_value(json_array_get(array, i));
    return 0;
}

static int remove_copy(struct session *session, const json_t *body, const struct hikae_copy *copy, bool dry_run,
                       struct restore_removed *ret, struct error *err)
{
    char machine[MACHINE_ID_SIZE];
    const char **paths CLEANUP_FREE = NULL;
    size_t count;
    const struct hikae_which which = {.snapshot = copy->snapshot};
    const struct history_snapshot *snapshot;
    if (copy->host == NULL || copy->folder == NULL || strcmp(copy->host, machine_id(machine)) != 0) {
        (void)error_set(err, ERROR_REFUSED, "the copy lies on another machine");
        return error_hint(err, "wipe it there, or say with --declared --by NAME that it is gone");
    }
    if (session_snapshot(session, &which, &snapshot, err) != 0) {
        (void)error_hint(err, "what was restored is no longer known: remove it yourself and say --declared");
        return -1;
    }
    if (session_sync(session, snapshot, err) != 0 || take_paths(body, &paths, &count, err) != 0)
        return -1;
    CLEANUP(cleanup_selection_free) struct selection *selection = NULL;
    if (selection_new(paths, count, SELECTION_PATTERNS, &selection, err) != 0)
        return -1;
    const struct restore_remove_options options = {.objects = &session->objects,
                                                   .root = &snapshot->root,
                                                   .from = copy->folder,
                                                   .paths = selection,
                                                   .dry_run = dry_run,
                                                   .cancel = &session->hikae->cancel};
    return restore_remove(&options, ret, err);
}

static int record_end(struct session *session, json_t *body, const struct hikae_wipe_options *options,
                      struct hikae_copy *copy, struct error *err)
{
    const char *account = getenv("LOGNAME");
    const char *by = options->by != NULL ? options->by : account != NULL ? account : "unknown";
    copy->wiped_ns = clock_now_ns();
    copy->how = mem_strdup(options->declared ? "declared" : "removed");
    copy->by = mem_strdup(by);
    if (copy->how == NULL || copy->by == NULL)
        return error_no_memory(err);
    if (json_object_set_new(body, "event", json_string("wiped")) != 0 ||
        json_object_set_new(body, "wiped", time_of(copy->wiped_ns)) != 0 ||
        json_object_set_new(body, "by", drill_text(by)) != 0 ||
        json_object_set_new(body, "how", json_string(copy->how)) != 0 ||
        json_object_set_new(body, "left", json_integer((json_int_t)copy->left)) != 0 ||
        json_object_set_new(body, "note", optional(options->note)) != 0)
        return error_no_memory(err);
    return facts_append(session, RECORD_COPY, body, err);
}

static int wipe(struct hikae *hikae, const struct hikae_wipe_options *options, struct hikae_copy *ret,
                struct error *err)
{
    json_t *body CLEANUP_JSON = NULL;
    struct session session;
    struct restore_removed removed = {0};
    if (options->declared && (options->by == NULL || options->by[0] == '\0')) {
        (void)error_set(err, ERROR_USAGE, "a declaration is somebody's");
        return error_hint(err, "say with --by who wiped it");
    }
    if (find_copy(hikae, options->copy, ret, err) != 0 ||
        session_open(hikae, ret->tenant, options->declared ? 0 : SESSION_INDEX, &session, err) != 0)
        return -1;
    int rc = read_body(&session, ret->copy, &body, err);
    if (rc == 0 && !options->declared)
        rc = remove_copy(&session, body, ret, options->dry_run, &removed, err);
    if (rc == 0 && !options->declared) {
        ret->entries = removed.entries;
        ret->bytes = removed.bytes;
        ret->left = removed.left;
    }
    if (rc == 0 && !options->dry_run)
        rc = record_end(&session, body, options, ret, err);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "wipe copy %s", ret->copy);
}

enum hikae_status hikae_copy_wipe(struct hikae *hikae, const struct hikae_wipe_options *options, struct hikae_copy *ret,
                                  struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_copy){0};
    if (engine_audit_begin(hikae, OPERATION_RESTORE_WIPE, NULL, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = wipe(hikae, options, ret, &err);
    engine_audit_detail(&audit, "copy", ret->copy != NULL ? ret->copy : options->copy);
    engine_audit_detail(&audit, "how", ret->how);
    engine_audit_count(&audit, "entries", ret->entries);
    engine_audit_count(&audit, "left", ret->left);
    bool left = ret->left > 0;
    if (rc != 0)
        hikae_copy_free(ret);
    return engine_audit_end(&audit, api_result(rc, left, &err, error));
}
