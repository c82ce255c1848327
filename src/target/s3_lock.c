/* Object Lock: retention and legal hold of single versions. */
#include "base/clock.h"
#include "base/mem.h"
#include "target/s3_target.h"
#include "target/s3_xml.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_MAX = 65536 };

static int on_element(const char *path, const char *text, void *context, struct error *err)
{
    struct target_lock_state *lock = context;
    (void)err;
    if (strcmp(path, "Retention/Mode") == 0)
        lock->mode = strcmp(text, "COMPLIANCE") == 0   ? TARGET_LOCK_COMPLIANCE
                     : strcmp(text, "GOVERNANCE") == 0 ? TARGET_LOCK_GOVERNANCE
                                                       : TARGET_LOCK_NONE;
    else if (strcmp(path, "Retention/RetainUntilDate") == 0)
        lock->until_ns = s3_parse_time(text);
    else if (strcmp(path, "LegalHold/Status") == 0)
        lock->legal_hold = strcmp(text, "ON") == 0;
    return 0;
}

/* GET ?retention or ?legal-hold, of a bucket that has locks: what says that there is none is no failure. */
static int ask(struct s3_target *t, enum s3_right right, const char *name, const char *version, const char *what,
               struct target_lock_state *ret, struct error *err)
{
    struct buf body = {0};
    CLEANUP_REQUEST struct s3_request get = {.right = right,
                                             .kind = S3_OTHER,
                                             .action = "ask for the lock of",
                                             .method = "GET",
                                             .name = name,
                                             .sink = &body,
                                             .sink_max = ANSWER_MAX};
    s3_param(&get, what, "");
    if (version != NULL)
        s3_param(&get, "versionId", version);
    int rc = s3_do(t, &get, err);
    if (rc == 0)
        rc = s3_xml_read(body.data, body.size, on_element, ret, err);
    else if (strcmp(get.code, "NoSuchObjectLockConfiguration") == 0 ||
             strcmp(get.code, "ObjectLockConfigurationNotFoundError") == 0)
        rc = 0;
    buf_free(&body);
    return rc;
}

/*
 * Is this a bucket with locks? A store that does not know the question for an object's lock sends the object itself;
 * told to lock, it would put the XML that says so in the object's place. So the bucket is asked first, once.
 */
static int can_lock(struct s3_target *t, bool *ret, struct error *err)
{
    struct target_facts facts = {0};
    int known = atomic_load(&t->lockable);
    if (known == S3_UNKNOWN) {
        if (s3_ask_lock(t, &facts, err) != 0)
            return -1;
        known = atomic_load(&t->lockable);
    }
    *ret = known == S3_YES;
    return 0;
}

int s3_require_locks(struct s3_target *t, struct error *err)
{
    struct error why = {0};
    bool able;
    if (atomic_load(&t->lock_hidden))
        return 0;
    if (can_lock(t, &able, &why) != 0) {
        if (why.class == ERROR_DENIED) {
            atomic_store(&t->lock_hidden, true);
            return 0; /* what cannot be locked is then refused when it is tried */
        }
        if (err != NULL)
            *err = why;
        return -1;
    }
    if (able)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "%s cannot lock objects", t->base.traits.name);
    return error_hint(err, "locks need a bucket that was made with Object Lock");
}

int s3_lock_of_version(struct s3_target *t, enum s3_right right, const char *name, const char *version,
                       struct target_lock_state *ret, struct error *err)
{
    bool able;
    uint64_t size;
    *ret = (struct target_lock_state){0};
    if (can_lock(t, &able, err) != 0)
        return -1;
    if (!able)
        return s3_stat(&t->base, name, &size, err);
    if (ask(t, right, name, version, "retention", ret, err) != 0)
        return -1;
    return ask(t, right, name, version, "legal-hold", ret, err);
}

int s3_lock_state(struct target *target, const char *name, struct target_lock_state *ret, struct error *err)
{
    return s3_lock_of_version(s3_target(target), S3_READ, name, NULL, ret, err);
}

/* PUT ?retention or ?legal-hold. */
static int tell(struct target *target, const char *name, const char *what, const char *xml, struct error *err)
{
    struct s3_target *t = s3_target(target);
    char md5[S3_MD5_BASE64_SIZE];
    CLEANUP_REQUEST struct s3_request put = {.right = S3_WRITE,
                                             .kind = S3_OTHER,
                                             .action = "lock",
                                             .method = "PUT",
                                             .name = name,
                                             .body = xml,
                                             .size = strlen(xml)};
    if (s3_md5(put.body, put.size, md5, NULL, err) != 0)
        return -1;
    s3_param(&put, what, "");
    s3_extra(&put, "content-md5", md5);
    return s3_do(t, &put, err);
}

int s3_extend_lock(struct target *target, const char *name, enum target_lock_mode mode, int64_t until_ns,
                   struct error *err)
{
    struct target_lock_state now = {0};
    char until[CLOCK_TEXT_SIZE];
    if (mode == TARGET_LOCK_NONE)
        return error_set(err, ERROR_USAGE, "a lock needs a mode");
    if (s3_require_locks(s3_target(target), err) != 0 ||
        ask(s3_target(target), S3_READ, name, NULL, "retention", &now, err) != 0)
        return -1;
    if (now.mode >= mode && now.until_ns >= until_ns)
        return 0;
    /* Never shorter, and never weaker, than it is. */
    int64_t wanted = now.until_ns > until_ns ? now.until_ns : until_ns;
    enum target_lock_mode strength = now.mode > mode ? now.mode : mode;
    CLEANUP_FREE char *xml = mem_printf("<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>%s</Mode>"
                                        "<RetainUntilDate>%s</RetainUntilDate></Retention>",
                                        strength == TARGET_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE",
                                        clock_format(wanted + NS_PER_S - 1, until));
    return xml != NULL ? tell(target, name, "retention", xml, err) : error_no_memory(err);
}

int s3_legal_hold(struct target *target, const char *name, bool hold, struct error *err)
{
    if (s3_require_locks(s3_target(target), err) != 0)
        return -1;
    CLEANUP_FREE char *xml =
        mem_printf("<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>%s</Status></LegalHold>",
                   hold ? "ON" : "OFF");
    return xml != NULL ? tell(target, name, "legal-hold", xml, err) : error_no_memory(err);
}
