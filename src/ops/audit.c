#include "ops/audit.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit_store.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum operation_flags {
    PRIVILEGED = 1, /* a periodic review looks at it                                     */
    AT_ONCE = 2     /* brought to the targets when it ends; others with the next of these */
};

struct operation {
    const char *name;
    enum audit_class class;
    unsigned flags;
};

static const struct operation operations[OPERATION_COUNT] = {
    [OPERATION_INIT] = {"init", AUDIT_SYSTEM, PRIVILEGED},
    [OPERATION_UPGRADE] = {"upgrade", AUDIT_SYSTEM, PRIVILEGED | AT_ONCE},
    [OPERATION_RECOVER] = {"recover", AUDIT_SYSTEM, PRIVILEGED},
    [OPERATION_TARGET_ADD] = {"target add", AUDIT_SYSTEM, PRIVILEGED | AT_ONCE},
    [OPERATION_TARGET_SET] = {"target set", AUDIT_SYSTEM, PRIVILEGED | AT_ONCE},
    [OPERATION_TARGET_RETIRE] = {"target retire", AUDIT_SYSTEM, PRIVILEGED | AT_ONCE},
    [OPERATION_TENANT_ADD] = {"tenant add", AUDIT_SYSTEM, 0},
    [OPERATION_TENANT_SET] = {"tenant set", AUDIT_SYSTEM, PRIVILEGED},
    [OPERATION_TENANT_STATE] = {"tenant state", AUDIT_SYSTEM, PRIVILEGED},
    [OPERATION_TENANT_LOAD] = {"tenant load", AUDIT_SYSTEM, PRIVILEGED},
    [OPERATION_POLICY_APPLY] = {"policy apply", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_BACKUP] = {"backup", AUDIT_EVIDENCE, 0},
    [OPERATION_IMPORT] = {"import", AUDIT_EVIDENCE, 0},
    [OPERATION_RUN] = {"run", AUDIT_OPERATION, AT_ONCE},
    [OPERATION_LOCKS] = {"locks", AUDIT_OPERATION, 0},
    [OPERATION_REPLICATE] = {"replicate", AUDIT_OPERATION, AT_ONCE},
    [OPERATION_VERIFY] = {"verify", AUDIT_EVIDENCE, 0},
    [OPERATION_RETAIN] = {"retain", AUDIT_EVIDENCE, 0},
    [OPERATION_GC] = {"gc", AUDIT_OPERATION, 0},
    [OPERATION_DRILL] = {"drill", AUDIT_EVIDENCE, 0},
    [OPERATION_DRILL_KIT] = {"drill kit", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_DRILL_ACCEPT] = {"drill accept", AUDIT_EVIDENCE, 0},
    [OPERATION_SNAPSHOT_TAG] = {"snapshot tag", AUDIT_OPERATION, 0},
    [OPERATION_SNAPSHOT_FORGET] = {"snapshot forget", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_LS] = {"ls", AUDIT_ACCESS, 0},
    [OPERATION_FIND] = {"find", AUDIT_ACCESS, 0},
    [OPERATION_DIFF] = {"diff", AUDIT_ACCESS, 0},
    [OPERATION_CAT] = {"cat", AUDIT_ACCESS, PRIVILEGED},
    [OPERATION_RESTORE] = {"restore", AUDIT_ACCESS, PRIVILEGED | AT_ONCE},
    [OPERATION_RESTORE_WIPE] = {"restore wipe", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_EXPORT] = {"export", AUDIT_ACCESS, PRIVILEGED | AT_ONCE},
    [OPERATION_MOUNT] = {"mount", AUDIT_ACCESS, PRIVILEGED},
    [OPERATION_HOLD_ADD] = {"hold add", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_HOLD_REMOVE] = {"hold remove", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_KEYS_CHECK] = {"keys check", AUDIT_AUTHENTICATION, 0},
    [OPERATION_KEYS_ROTATE] = {"keys rotate", AUDIT_AUTHENTICATION, PRIVILEGED | AT_ONCE},
    [OPERATION_KEYS_HOLDER] = {"keys holder", AUDIT_AUTHENTICATION, PRIVILEGED | AT_ONCE},
    [OPERATION_KEYS_OPERATOR] = {"keys operator", AUDIT_AUTHENTICATION, PRIVILEGED | AT_ONCE},
    [OPERATION_KEYS_SHEET] = {"keys sheet", AUDIT_AUTHENTICATION, PRIVILEGED},
    [OPERATION_APPROVE] = {"approve", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_CONTRACT_END] = {"contract end", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_CONTRACT_CANCEL] = {"contract cancel", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_CONTRACT_SURVIVORS] = {"contract survivors", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_CUSTOMER_EXPORT] = {"customer export", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_DISCLOSE] = {"disclose", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_ERASURE_REGISTER] = {"erasure register", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_PURGE_PLAN] = {"purge plan", AUDIT_EVIDENCE, PRIVILEGED},
    [OPERATION_PURGE_APPROVE] = {"purge approve", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_PURGE_WITHDRAW] = {"purge withdraw", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_PURGE_DECLARE] = {"purge declare", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_PURGE_RUN] = {"purge run", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_PURGE_COMMIT] = {"purge commit", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_PURGE_CERTIFICATE] = {"purge certificate", AUDIT_EVIDENCE, AT_ONCE},
    [OPERATION_INCIDENT_OPEN] = {"incident open", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_INCIDENT_NOTE] = {"incident note", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_INCIDENT_NOTICE] = {"incident notice", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_INCIDENT_CLOSE] = {"incident close", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_NONCONFORMITY_CLOSE] = {"nonconformity close", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_LOG_INGEST] = {"log ingest", AUDIT_EVIDENCE, 0},
    [OPERATION_LOG_EXPORT] = {"log export", AUDIT_ACCESS, PRIVILEGED},
    [OPERATION_NOTIFY_TEST] = {"notify test", AUDIT_SYSTEM, 0},
    [OPERATION_NOTIFY_MUTE] = {"notify mute", AUDIT_SYSTEM, PRIVILEGED},
    [OPERATION_EVIDENCE] = {"evidence", AUDIT_EVIDENCE, 0},
    [OPERATION_ATTEST] = {"attest", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_REVIEW_ACK] = {"review ack", AUDIT_EVIDENCE, AT_ONCE},
    [OPERATION_AUDIT_VERIFY] = {"audit verify", AUDIT_OPERATION, 0},
    [OPERATION_AUDIT_EXPORT] = {"audit export", AUDIT_ACCESS, 0},
    [OPERATION_AUDIT_REVIEW] = {"audit review", AUDIT_EVIDENCE, AT_ONCE},
    [OPERATION_AUDIT_EXPIRE] = {"audit expire", AUDIT_EVIDENCE, PRIVILEGED | AT_ONCE},
    [OPERATION_AUDIT_FORK] = {"audit fork", AUDIT_EVIDENCE, PRIVILEGED},
};

const char *engine_audit_result(enum hikae_status status)
{
    static const char *const words[] = {[HIKAE_OK] = "ok",
                                        [HIKAE_WARNINGS] = "warnings",
                                        [HIKAE_USAGE] = "usage",
                                        [HIKAE_BUSY] = "busy",
                                        [HIKAE_NOT_FOUND] = "not-found",
                                        [HIKAE_DAMAGED] = "damaged",
                                        [HIKAE_UNKNOWN] = "unknown",
                                        [HIKAE_KEYS] = "keys",
                                        [HIKAE_REFUSED] = "refused",
                                        [HIKAE_INTERRUPTED] = "interrupted",
                                        [HIKAE_INTERNAL] = "internal"};
    return words[status];
}

static const struct operation *find_operation(const char *name)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}

/* Of what is not known, nobody can say that it need not be looked at. */
bool engine_audit_is_privileged(const char *operation)
{
    const struct operation *row = find_operation(operation);
    return row == NULL || (row->flags & PRIVILEGED) != 0;
}

bool engine_audit_is_operation(const char *operation)
{
    return find_operation(operation) != NULL || strcmp(operation, "unknown") == 0;
}

int engine_audit_journal(struct hikae *hikae, struct audit_journal **ret, struct error *err)
{
    if (hikae->journal == NULL) {
        CLEANUP_FREE char *folder = mem_printf("%s/audit", hikae->config->state);
        if (folder == NULL)
            return error_no_memory(err);
        if (audit_journal_open(folder, &hikae->writer, &hikae->journal, err) != 0)
            return -1;
    }
    *ret = hikae->journal;
    return 0;
}

/* ---- Who ---- */

/* The name of an account, or its number. */
static json_t *account(uid_t uid)
{
    char buffer[4096], number[24];
    struct passwd entry, *found = NULL;
    (void)snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL)
        return json_string(number);
    json_t *name = json_string(entry.pw_name);
    return name != NULL ? name : json_string(number);
}

/* Who logged in, which sudo and su do not change (audit_getloginuid(3)); null where the system does not keep it. */
static json_t *login_account(void)
{
    char text[24] = "";
    int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    char *end = text;
    unsigned long uid = size > 0 ? strtoul(text, &end, 10) : UINT32_MAX;
    return end == text || uid >= UINT32_MAX ? json_null() : account((uid_t)uid);
}

static json_t *host_name(void)
{
    char host[256] = "";
    json_t *name = gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0' ? json_string(host) : NULL;
    return name != NULL ? name : json_string("unknown");
}

/* ---- Beginning ---- */

/* A tenant's pseudonym, as far as the catalogue knows it: an operation is recorded before it reads anything. */
static json_t *pseudonym(struct hikae *hikae, const char *tenant)
{
    struct catalog_tenant row = {0};
    char hex[2 * ID_SIZE + 1];
    if (hikae == NULL || tenant == NULL || catalog_tenant_by_name(hikae->catalog, tenant, &row, NULL) != 0)
        return json_null();
    (void)hex_encode(row.tid.bytes, ID_SIZE, hex);
    catalog_tenant_free(&row);
    return json_string(hex);
}

static json_t *new_entry(struct hikae *hikae, const struct operation *row, const char *tenant)
{
    char time[CLOCK_TEXT_SIZE];
    uid_t uid = getuid();
    /* First, as the duration counts from here: what follows may wait for the catalogue. */
    (void)audit_time(clock_now_ns(), time);
    return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:n, s:o, s:{}, s:{}}", "v", 1, "time", time, "op",
                     row->name, "class", audit_class_name(row->class), "tenant", pseudonym(hikae, tenant), "user",
                     account(uid), "uid", (json_int_t)uid, "login", login_account(), "operator", "host", host_name(),
                     "counts", "details");
}

static int begin(struct engine_audit *audit, struct error *err)
{
    const struct operation *row = &operations[audit->operation];
    struct id id;
    audit->entry = new_entry(audit->hikae, row, audit->tenant);
    if (audit->entry == NULL)
        return error_no_memory(err);
    if (crypto_random(id.bytes, ID_SIZE, err) == 0 &&
        audit_journal_begin(audit->journal, &id, audit->entry, &audit->intent, err) == 0)
        return 0;
    json_decref(audit->entry);
    audit->entry = NULL;
    if (err->hint[0] == '\0')
        (void)error_hint(err, "nothing is done without its record in the audit log: make the state folder writable");
    return error_wrap(err, "record that %s begins", row->name);
}

int engine_audit_begin_in(const char *state, enum engine_operation operation, struct engine_audit *ret,
                          struct error *err)
{
    /* The log gets its id when the store is opened. */
    static const struct id none;
    *ret = (struct engine_audit){.operation = operation, .intent = {.fd = -1}, .began_ns = clock_monotonic_ns()};
    CLEANUP_FREE char *folder = mem_printf("%s/audit", state);
    if (folder == NULL)
        return error_no_memory(err);
    if (audit_journal_open(folder, &none, &ret->journal, err) != 0)
        return -1;
    if (begin(ret, err) == 0)
        return 0;
    audit_journal_free(ret->journal);
    ret->journal = NULL;
    return -1;
}

int engine_audit_begin(struct hikae *hikae, enum engine_operation operation, const char *tenant, bool dry_run,
                       struct engine_audit *ret, struct error *err)
{
    *ret = (struct engine_audit){.hikae = hikae,
                                 .operation = operation,
                                 .tenant = tenant,
                                 .intent = {.fd = -1},
                                 .began_ns = clock_monotonic_ns()};
    if (dry_run)
        return 0;
    if (engine_audit_journal(hikae, &ret->journal, err) != 0 || begin(ret, err) != 0)
        return -1;
    hikae->audit_depth++;
    return 0;
}

/* ---- Ending ---- */

void engine_audit_count(struct engine_audit *audit, const char *name, uint64_t count)
{
    if (audit->entry != NULL &&
        json_object_set_new(json_object_get(audit->entry, "counts"), name, json_integer((json_int_t)count)) != 0)
        audit->failed = true;
}

void engine_audit_detail(struct engine_audit *audit, const char *name, const char *text)
{
    if (audit->entry == NULL || text == NULL)
        return;
    json_t *value = json_string(text);
    /* What is no UTF-8 cannot be in JSON; that there was something is kept. */
    if (value == NULL)
        value = json_null();
    if (json_object_set_new(json_object_get(audit->entry, "details"), name, value) != 0)
        audit->failed = true;
}

void engine_audit_operator(struct engine_audit *audit, const char *names)
{
    if (audit->entry != NULL && json_object_set_new(audit->entry, "operator", json_string(names)) != 0)
        audit->failed = true;
}

static int finish(struct engine_audit *audit, enum hikae_status status, struct error *err)
{
    json_t *entry = audit->entry;
    int64_t duration = clock_monotonic_ns() - audit->began_ns;
    /* A tenant that was only just added has its pseudonym now. */
    if (json_is_null(json_object_get(entry, "tenant")) && audit->tenant != NULL &&
        json_object_set_new(entry, "tenant", pseudonym(audit->hikae, audit->tenant)) != 0)
        audit->failed = true;
    if (audit->failed || json_object_set_new(entry, "result", json_string(engine_audit_result(status))) != 0 ||
        json_object_set_new(entry, "duration_ns", json_integer(duration)) != 0)
        return error_no_memory(err);
    return audit_journal_end(audit->journal, &audit->intent, entry, err);
}

/* Entries that wait for the next upload: as many, or as old, and they go with whatever operation ends then. */
enum { WAITING_MAX = 256 };
#define WAITING_NS (24 * 3600 * NS_PER_S)

struct waiting {
    uint64_t count;
    int64_t oldest_ns;
};

static int note_waiting(uint64_t number, const struct bytes *text, void *context, struct error *err)
{
    struct waiting *waiting = context;
    CLEANUP_JSON json_t *json = NULL;
    (void)number;
    if (waiting->count++ > 0)
        return 0;
    if (json_parse(text->data, text->size, &json, err) != 0)
        return -1;
    const char *time = json_string_value(json_object_get(json, "time"));
    return time != NULL ? clock_parse(time, &waiting->oldest_ns, err) : 0;
}

static bool must_upload(const struct engine_audit *audit, struct error *err)
{
    struct waiting waiting = {0};
    if (audit->hikae->audit_due)
        return true;
    if (audit_journal_lock(audit->journal, err) != 0)
        return false;
    int rc = audit_journal_each(audit->journal, note_waiting, &waiting, err);
    audit_journal_unlock(audit->journal);
    return rc == 0 && (waiting.count >= WAITING_MAX || clock_now_ns() - waiting.oldest_ns > WAITING_NS);
}

/* That the log cannot be stored now is no failure of the operation: its record is on this disk, and goes later. */
static void upload(const struct engine_audit *audit)
{
    struct hikae *hikae = audit->hikae;
    struct audit_uploaded uploaded;
    struct error err = {0};
    hikae->audit_due = hikae->audit_due || (operations[audit->operation].flags & AT_ONCE) != 0;
    /* A run of many parts stores the log once; and who had no use for keys is not asked for them now. */
    if (--hikae->audit_depth > 0 || hikae->keystore == NULL || !must_upload(audit, &err))
        return;
    hikae->audit_due = false;
    if (engine_audit_upload(hikae, &uploaded, &err) != 0)
        engine_warn(hikae, "the audit log waits on this machine: %s", err.what);
}

enum hikae_status engine_audit_end(struct engine_audit *audit, enum hikae_status status)
{
    struct error err = {0};
    if (audit->entry == NULL)
        return status;
    if (finish(audit, status, &err) != 0) {
        if (audit->hikae != NULL)
            engine_warn(audit->hikae, "the record of this operation is not finished, and will say \"interrupted\": %s",
                        err.what);
        if (status == HIKAE_OK)
            status = HIKAE_WARNINGS;
    }
    if (audit->intent.fd >= 0)
        (void)close(audit->intent.fd);
    json_decref(audit->entry);
    audit->entry = NULL;
    if (audit->hikae == NULL)
        audit_journal_free(audit->journal);
    else
        upload(audit);
    return status;
}
