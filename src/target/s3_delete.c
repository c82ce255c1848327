/* Deleting: single objects, versions, many at once. Reached through target/delete.h only. */
#include "base/clock.h"
#include "base/mem.h"
#include "target/s3_target.h"
#include "target/s3_xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000, BATCH_ANSWER_MAX = 4 << 20 };

/* A refusal to delete is the lock's doing, if there is one: the message then says until when. Keeps err otherwise. */
static int explain_refusal(struct s3_target *t, const char *name, const char *version, struct error *err)
{
    struct target_lock_state lock;
    char until[CLOCK_TEXT_SIZE];
    if (err == NULL || err->class != ERROR_DENIED || s3_lock_of_version(t, S3_DELETE, name, version, &lock, NULL) != 0)
        return -1;
    if (lock.legal_hold)
        return error_set(err, ERROR_REFUSED, "%s: a legal hold is on %s", t->base.traits.name, name);
    if (lock.mode == TARGET_LOCK_NONE || lock.until_ns <= clock_machine_ns())
        return -1;
    return error_set(err, ERROR_REFUSED, "%s: %s is locked until %s (%s)", t->base.traits.name, name,
                     clock_format(lock.until_ns, until), target_words_lock.words[lock.mode]);
}

static int remove_one(struct s3_target *t, const char *name, const char *version, struct error *err)
{
    CLEANUP_REQUEST struct s3_request request = {
        .right = S3_DELETE, .kind = S3_REMOVE, .action = "delete", .method = "DELETE", .name = name};
    struct error own = {0};
    err = err != NULL ? err : &own;
    if (version != NULL)
        s3_param(&request, "versionId", version);
    if (s3_do(t, &request, err) == 0 || err->class == ERROR_NOT_FOUND) {
        error_clear(err);
        return 0;
    }
    return explain_refusal(t, name, version, err);
}

int s3_remove_version(struct target *target, const char *name, const char *version, struct error *err)
{
    return remove_one(s3_target(target), name, version, err);
}

/* The versions of one object, newest first, as the listing gives them. */
struct versions {
    const char *name;
    char **ids;
    size_t count, capacity;
};

static int collect(const struct target_version *version, void *context, struct error *err)
{
    struct versions *versions = context;
    if (strcmp(version->name, versions->name) != 0)
        return 0;
    if (versions->count == versions->capacity) {
        size_t capacity = versions->capacity > 0 ? 2 * versions->capacity : 8;
        char **ids = mem_realloc(versions->ids, capacity * sizeof(*ids));
        if (ids == NULL)
            return error_no_memory(err);
        versions->ids = ids;
        versions->capacity = capacity;
    }
    versions->ids[versions->count] = mem_strdup(version->version);
    return versions->ids[versions->count++] != NULL ? 0 : error_no_memory(err);
}

/* From the oldest on: should one be locked, the newer ones are still there, and what could be read still can. */
static int remove_versions(struct s3_target *t, const char *name, struct error *err)
{
    struct versions versions = {.name = name};
    int rc = s3_list_versions(&t->base, name, collect, &versions, err);
    for (size_t i = versions.count; rc == 0 && i-- > 0;)
        rc = remove_one(t, name, versions.ids[i], err);
    for (size_t i = 0; i < versions.count; i++)
        mem_free(versions.ids[i]);
    mem_free(versions.ids);
    return rc;
}

int s3_remove(struct target *target, const char *name, struct error *err)
{
    struct s3_target *t = s3_target(target);
    bool keeps;
    if (s3_keeps_versions(t, &keeps, err) != 0)
        return -1;
    return keeps ? remove_versions(t, name, err) : remove_one(t, name, NULL, err);
}

/* ---- Many at once ---- */

struct batch {
    struct s3_target *t;
    const struct target_deletion *items;
    size_t count;
    bool *told; /* of which the store has said something */
    target_deletion_callback *callback;
    void *context;
    /* What the answer says now. */
    char name[TARGET_NAME_MAX + 256], version[256], code[S3_CODE_SIZE], message[200];
};

static int add(struct buf *out, const char *text, struct error *err)
{
    return buf_append(out, text, strlen(text), err);
}

static int add_item(const struct s3_target *t, const struct target_deletion *item, struct buf *out, struct error *err)
{
    if (add(out, "<Object><Key>", err) != 0 || s3_xml_escape(t->place.prefix, out, err) != 0 ||
        s3_xml_escape(item->name, out, err) != 0 || add(out, "</Key>", err) != 0)
        return -1;
    if (item->version != NULL && (add(out, "<VersionId>", err) != 0 || s3_xml_escape(item->version, out, err) != 0 ||
                                  add(out, "</VersionId>", err) != 0))
        return -1;
    return add(out, "</Object>", err);
}

/* Where no versions are kept, an object's is "null", which some stores (Swift) do not repeat in their answer. */
static bool is_version(const char *asked, const char *answered)
{
    return strcmp(asked, answered) == 0 || (answered[0] == '\0' && strcmp(asked, "null") == 0);
}

static const struct target_deletion *find_item(const struct batch *batch, size_t *ret_number)
{
    size_t prefix = strlen(batch->t->place.prefix);
    if (strncmp(batch->name, batch->t->place.prefix, prefix) != 0)
        return NULL;
    for (size_t i = 0; i < batch->count; i++) {
        const char *version = batch->items[i].version;
        if (!batch->told[i] && strcmp(batch->items[i].name, batch->name + prefix) == 0 &&
            (version == NULL || is_version(version, batch->version))) {
            *ret_number = i;
            return &batch->items[i];
        }
    }
    return NULL;
}

static int tell(struct batch *batch, bool failed, struct error *err)
{
    size_t number;
    const struct target_deletion *item = find_item(batch, &number);
    if (item == NULL)
        return 0; /* nobody asked for it */
    batch->told[number] = true;
    if (!failed)
        return batch->callback(item, NULL, batch->context, err);
    struct error why = {0};
    bool denied = strcmp(batch->code, "AccessDenied") == 0;
    bool later = strcmp(batch->code, "SlowDown") == 0 || strcmp(batch->code, "InternalError") == 0 ||
                 strcmp(batch->code, "ServiceUnavailable") == 0;
    (void)error_set(&why, denied ? ERROR_DENIED : ERROR_UNREACHABLE, "%s: delete %s: %s%s%s",
                    batch->t->base.traits.name, item->name, batch->code, batch->message[0] != '\0' ? ": " : "",
                    batch->message);
    why.retryable = later;
    if (denied)
        (void)explain_refusal(batch->t, item->name, item->version, &why);
    return batch->callback(item, &why, batch->context, err);
}

static int on_element(const char *path, const char *text, void *context, struct error *err)
{
    struct batch *batch = context;
    const struct {
        const char *last;
        char *to;
        size_t size;
    } members[] = {
        {"/Key", batch->name, sizeof(batch->name)},
        {"/VersionId", batch->version, sizeof(batch->version)},
        {"/Code", batch->code, sizeof(batch->code)},
        {"/Message", batch->message, sizeof(batch->message)},
    };
    bool failed = strncmp(path, "DeleteResult/Error", 18) == 0;
    if (!failed && strncmp(path, "DeleteResult/Deleted", 20) != 0)
        return strcmp(path, "DeleteResult") == 0
                   ? 0
                   : error_set(err, ERROR_UNREACHABLE, "the answer is no list of what was deleted");
    const char *last = path + (failed ? 18 : 20);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (strcmp(last, members[i].last) == 0)
            (void)snprintf(members[i].to, members[i].size, "%s", text);
    if (last[0] != '\0')
        return 0;
    int rc = tell(batch, failed, err);
    batch->name[0] = batch->version[0] = batch->code[0] = batch->message[0] = '\0';
    return rc;
}

static int build_batch(const struct batch *batch, struct buf *out, struct error *err)
{
    if (add(out, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">", err) != 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++)
        if (add_item(batch->t, &batch->items[i], out, err) != 0)
            return -1;
    return add(out, "</Delete>", err);
}

static int send_batch(struct batch *batch, const struct buf *body, struct buf *answer, struct error *err)
{
    char md5[S3_MD5_BASE64_SIZE];
    CLEANUP_REQUEST struct s3_request post = {.right = S3_DELETE,
                                              .kind = S3_REMOVE,
                                              .action = "delete from",
                                              .method = "POST",
                                              .body = body->data,
                                              .size = body->size,
                                              .sink = answer,
                                              .sink_max = BATCH_ANSWER_MAX};
    if (s3_md5(body->data, body->size, md5, NULL, err) != 0)
        return -1;
    s3_param(&post, "delete", "");
    s3_extra(&post, "content-md5", md5);
    if (s3_do(batch->t, &post, err) != 0)
        return -1;
    if (s3_xml_read(answer->data, answer->size, on_element, batch, err) != 0)
        return error_wrap(err, "%s: delete", batch->t->base.traits.name);
    for (size_t i = 0; i < batch->count; i++) {
        struct error why = {0};
        if (batch->told[i])
            continue;
        (void)error_set(&why, ERROR_UNREACHABLE, "%s: the store says nothing of %s", batch->t->base.traits.name,
                        batch->items[i].name);
        why.retryable = true;
        if (batch->callback(&batch->items[i], &why, batch->context, err) != 0)
            return -1;
    }
    return 0;
}

static int remove_batch(struct batch *batch, struct error *err)
{
    struct buf body = {0}, answer = {0};
    batch->told = mem_calloc(batch->count, sizeof(bool));
    int rc = batch->told != NULL ? build_batch(batch, &body, err) : error_no_memory(err);
    if (rc == 0)
        rc = send_batch(batch, &body, &answer, err);
    mem_free(batch->told);
    buf_free(&body);
    buf_free(&answer);
    return rc;
}

int s3_remove_many(struct target *target, const struct target_deletion *items, size_t count,
                   target_deletion_callback *callback, void *context, struct error *err)
{
    struct s3_target *t = s3_target(target);
    bool keeps, named = true;
    for (size_t i = 0; i < count; i++)
        named = named && items[i].version != NULL;
    if (s3_keeps_versions(t, &keeps, err) != 0)
        return -1;
    /* Where versions are kept, an object without a version named is all its versions: those are found one by one. */
    if (keeps && !named) {
        struct target_deleter deleter = {target};
        return target_delete_each(&deleter, items, count, callback, context, err);
    }
    for (size_t done = 0; done < count; done += BATCH) {
        struct batch batch = {.t = t,
                              .items = items + done,
                              .count = count - done < BATCH ? count - done : BATCH,
                              .callback = callback,
                              .context = context};
        if (remove_batch(&batch, err) != 0)
            return -1;
    }
    return 0;
}
