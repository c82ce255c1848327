/* contract export: a customer's data as an archive, and the signed receipt that its deletion waits for. */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/contract.h"

#include <errno.h>
#include <fcntl.h>

/* The archive on its way out. */
struct writing {
    int fd;
    struct sha256 *hash;
    uint64_t bytes;
    bool incomplete; /* something of the snapshot is not in it, which was told */
    struct error why;
};

static int write_bytes(const void *bytes, size_t size, void *context)
{
    struct writing *w = context;
    if (file_write_full(w->fd, bytes, size) != 0) {
        (void)error_set_errno(&w->why, ERROR_LOCAL, errno, "write the archive");
        return -1;
    }
    w->bytes += size;
    return sha256_update(w->hash, bytes, size, &w->why);
}

static int check_options(const struct hikae_customer_export_options *options, struct error *err)
{
    if (options->to != NULL && options->recipient != NULL && options->recipient[0] != '\0')
        return 0;
    (void)error_set(err, ERROR_USAGE, "it needs to say where the data goes, and to whom");
    return error_hint(err, "--to FILE --recipient NAME");
}

static int write_archive(struct hikae *hikae, const char *tenant, const struct hikae_customer_export_options *options,
                         struct writing *w, uint64_t *ret_entries, struct error *err)
{
    struct hikae_error error = {0};
    w->fd = open(options->to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return error_set_errno(err, errno == EEXIST ? ERROR_REFUSED : ERROR_LOCAL, errno, "create %s", options->to);
    if (sha256_start(w->hash, err) != 0)
        return -1;
    enum hikae_status status =
        hikae_export(hikae, tenant, &options->which, NULL, 0, NULL, write_bytes, w, ret_entries, &error);
    if (w->why.class != ERROR_NONE) {
        *err = w->why;
        return -1;
    }
    if (status > HIKAE_WARNINGS)
        return api_failure(&error, err);
    w->incomplete = status == HIKAE_WARNINGS;
    if (fsync(w->fd) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "write %s", options->to);
    return 0;
}

/* The statement, signed; beside the archive, and in the tenant's history. */
static int write_receipt(struct session *session, const struct hikae_customer_export_options *options,
                         const char *snapshot, const char *sha256, uint64_t entries, uint64_t bytes,
                         struct hikae_receipt *ret, struct error *err)
{
    struct id id;
    char hex[2 * ID_SIZE + 1], tid[2 * ID_SIZE + 1], time[CLOCK_TEXT_SIZE], store[2 * ID_SIZE + 1];
    CLEANUP_FREE char *envelope = NULL, *path = mem_printf("%s.receipt.json", options->to), *about = NULL;
    int64_t now = clock_now_ns();
    if (crypto_random(id.bytes, ID_SIZE, err) != 0)
        return -1;
    (void)hex_encode(id.bytes, ID_SIZE / 2, hex);
    about = mem_printf("receipt/%s", hex);
    CLEANUP_JSON json_t *statement = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "v", 1, "receipt", hex, "store",
        hex_encode(session->hikae->store.store.bytes, ID_SIZE, store), "tenant",
        hex_encode(session->tid.bytes, ID_SIZE, tid), "snapshot", snapshot, "recipient", options->recipient, "time",
        clock_format(now, time), "sha256", sha256, "entries", (json_int_t)entries, "bytes", (json_int_t)bytes);
    if (statement == NULL || path == NULL || about == NULL)
        return error_set(err, ERROR_USAGE, "the recipient is a text in UTF-8");
    if (contract_sign(session->hikae, CONTRACT_RECEIPT_TYPE, statement, &envelope, err) != 0)
        return -1;
    CLEANUP_JSON json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "event", "receipt", "about", about, "recipient",
                  options->recipient, "snapshot", snapshot, "time", time, "sha256", sha256, "entries",
                  (json_int_t)entries, "bytes", (json_int_t)bytes, "envelope", envelope);
    if (body == NULL)
        return error_no_memory(err);
    *ret = (struct hikae_receipt){.id = mem_strdup(hex),
                                  .recipient = mem_strdup(options->recipient),
                                  .sha256 = mem_strdup(sha256),
                                  .entries = entries,
                                  .bytes = bytes,
                                  .time_ns = now};
    if (ret->id == NULL || ret->recipient == NULL || ret->sha256 == NULL)
        return error_no_memory(err);
    if (file_create_durable(path, envelope, strlen(envelope), 0600, err) != 0)
        return -1;
    int rc = facts_append(session, RECORD_CONTRACT, body, err);
    if (rc != 0)
        (void)unlink(path); /* ours, of an archive that goes as well */
    return rc;
}

static int export_all(struct hikae *hikae, const char *tenant, const struct hikae_customer_export_options *options,
                      struct hikae_receipt *ret, bool *ret_incomplete, struct error *err)
{
    struct session session;
    const struct history_snapshot *snapshot;
    struct writing w = {.fd = -1, .hash = sha256_new()};
    uint64_t entries = 0;
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    if (w.hash == NULL)
        return error_no_memory(err);
    if (session_open(hikae, tenant, options->dry_run ? 0 : SESSION_LOCK, &session, err) != 0) {
        sha256_free(w.hash);
        return -1;
    }
    int rc = session_snapshot(&session, &options->which, &snapshot, err);
    if (rc == 0 && !options->dry_run) {
        /* The snapshot by its name: a later one must not slip between the archive and its receipt. */
        struct hikae_customer_export_options exactly = *options;
        exactly.which = (struct hikae_which){.snapshot = snapshot->name};
        rc = write_archive(hikae, tenant, &exactly, &w, &entries, err);
        if (rc == 0)
            rc = sha256_finish(w.hash, digest, err);
        if (rc == 0)
            rc = write_receipt(&session, options, snapshot->name, hex_encode(digest, sizeof(digest), hex), entries,
                               w.bytes, ret, err);
        if (rc != 0 && w.fd >= 0)
            (void)unlink(options->to); /* ours: created just now, and without its receipt worth nothing */
    }
    *ret_incomplete = w.incomplete;
    if (w.fd >= 0)
        (void)close(w.fd);
    sha256_free(w.hash);
    session_close(&session);
    return rc;
}

enum hikae_status hikae_customer_export(struct hikae *hikae, const char *tenant,
                                        const struct hikae_customer_export_options *options, struct hikae_receipt *ret,
                                        struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_receipt){0};
    if (engine_audit_begin(hikae, OPERATION_CUSTOMER_EXPORT, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    bool incomplete = false;
    int rc = check_options(options, &err);
    if (rc == 0)
        rc = export_all(hikae, tenant, options, ret, &incomplete, &err);
    engine_audit_count(&audit, "entries", ret->entries);
    engine_audit_count(&audit, "bytes", ret->bytes);
    engine_audit_detail(&audit, "recipient", options->recipient);
    engine_audit_detail(&audit, "sha256", ret->sha256);
    if (rc != 0) {
        (void)error_wrap(&err, "export %s for the customer", tenant);
        hikae_receipt_free(ret);
    }
    return engine_audit_end(&audit, api_result(rc, incomplete, &err, error));
}
