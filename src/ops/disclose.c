/*
 * disclose: exactly the files that an authority is entitled to, and on record what it got: who asked on what ground,
 * what for, who received it, and the hash of every file. Only their content is written: nothing else of the snapshot.
 */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/approval.h"
#include "ops/contract.h"
#include "ops/erasure.h"
#include "ops/look.h"
#include "ops/policies.h"
#include "pipeline/select.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DISCLOSE_PATHS_MAX = 10000 };

struct disclosing {
    struct hikae *hikae;
    const struct hikae_disclose_options *options;
    struct view view;
    struct erasure_list erased;
    struct approvals approvals;
    char tid[2 * ID_SIZE + 1];
    struct hikae_disclosure *ret;
    bool folder_made;
};

void hikae_disclosure_free(struct hikae_disclosure *disclosure)
{
    for (size_t i = 0; i < disclosure->count; i++) {
        mem_free(disclosure->files[i].path);
        mem_free(disclosure->files[i].sha256);
    }
    mem_free(disclosure->files);
    mem_free(disclosure->id);
    mem_free(disclosure->snapshot);
    mem_free(disclosure->statement);
    *disclosure = (struct hikae_disclosure){0};
}

static int check_options(const struct hikae_disclose_options *options, struct error *err)
{
    const char *const needed[] = {options->authority, options->scope, options->recipient,
                                  options->who,       options->why,   options->to};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (needed[i] == NULL || needed[i][0] == '\0') {
            (void)error_set(err, ERROR_USAGE,
                            "a disclosure needs to say to whom, on what ground, and who answers for it");
            return error_hint(err, "--authority A --scope S --recipient R --who NAME --why TEXT --to DIR");
        }
    if (options->path_count == 0 || options->path_count > DISCLOSE_PATHS_MAX) {
        (void)error_set(err, ERROR_USAGE, "a disclosure names its files, 1 to %d", DISCLOSE_PATHS_MAX);
        return error_hint(err, "`hikae find TENANT PATTERN` shows their paths");
    }
    return 0;
}

/* ---- Who says yes ---- */

/* As many as the policy asks for restores; without such a rule a name and a reason. */
static int approve(struct disclosing *d, const char *tenant, struct error *err)
{
    const struct hikae_disclose_options *options = d->options;
    const struct approval given = {options->who, options->why};
    char record[2 * HASH_SIZE + 1], plan[APPROVAL_HASH_SIZE];
    CLEANUP(cleanup_policy_free) struct policy *policy = NULL;
    CLEANUP_FREE const char **texts = mem_calloc(options->path_count + 8, sizeof(*texts));
    if (texts == NULL)
        return error_no_memory(err);
    size_t n = 0;
    texts[n++] = "disclose";
    texts[n++] = d->tid;
    texts[n++] = hex_encode(d->view.snapshot->record.bytes, HASH_SIZE, record);
    texts[n++] = options->authority;
    texts[n++] = options->scope;
    texts[n++] = options->recipient;
    for (size_t i = 0; i < options->path_count; i++)
        texts[n++] = options->paths[i];
    if (approval_hash(texts, plan, err) != 0 ||
        policies_open(d->hikae, d->view.session.chain.history.tenant.policy, &policy, err) != 0)
        return -1;
    const struct approval_wanted wanted = {"disclose", tenant, d->tid, "", "", plan, 0};
    if (!policy->restores.rule.present || policy->restores.approver == POLICY_APPROVER_NONE)
        return approval_check(d->hikae, "disclose", tenant, &given, err);
    if (policy->restores.approver == POLICY_APPROVER_TWO)
        return approval_door(d->hikae, NULL, &wanted, &given, &d->approvals, err);
    return approval_one(d->hikae, &wanted, &given, &d->approvals, err);
}

/* ---- Writing ---- */

static int write_file(const void *bytes, size_t size, void *context, struct error *err)
{
    const int *fd = context;
    return file_write_full(*fd, bytes, size) == 0 ? 0
                                                  : error_set_errno(err, ERROR_LOCAL, errno, "write a disclosed file");
}

struct hashing {
    int fd;
    struct sha256 *hash;
};

static int write_and_hash(const void *bytes, size_t size, void *context, struct error *err)
{
    struct hashing *out = context;
    return sha256_update(out->hash, bytes, size, err) == 0 ? write_file(bytes, size, &out->fd, err) : -1;
}

/* A new file below the folder, which is ours alone. */
static int create(const struct disclosing *d, const char *path, int *ret_fd, struct error *err)
{
    CLEANUP_FREE char *full = mem_printf("%s/%s", d->options->to, path);
    CLEANUP_FREE char *above = full != NULL ? mem_strdup(full) : NULL;
    if (above == NULL)
        return error_no_memory(err);
    *strrchr(above, '/') = '\0';
    if (file_mkdirs(above, 0700, err) != 0)
        return -1;
    *ret_fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*ret_fd >= 0)
        return 0;
    if (errno == EEXIST)
        return error_set(err, ERROR_USAGE, "'%.200s' is named twice", path);
    return error_set_errno(err, ERROR_LOCAL, errno, "create %s", full);
}

static int write_entry(struct disclosing *d, const char *path, const struct entry *entry, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    struct hashing out = {.fd = -1, .hash = sha256_new()};
    int rc = out.hash != NULL ? sha256_start(out.hash, err) : error_no_memory(err);
    if (rc == 0)
        rc = create(d, path, &out.fd, err);
    if (rc == 0 && entry->size > 0)
        rc = view_content(&d->view, entry, write_and_hash, &out, err);
    if (rc == 0)
        rc = sha256_finish(out.hash, digest, err);
    if (rc == 0 && fsync(out.fd) != 0)
        rc = error_set_errno(err, ERROR_LOCAL, errno, "write a disclosed file");
    if (out.fd >= 0)
        (void)close(out.fd);
    sha256_free(out.hash);
    if (rc != 0)
        return -1;
    struct hikae_disclosed_file *file = &d->ret->files[d->ret->count++];
    *file = (struct hikae_disclosed_file){mem_strdup(path), mem_strdup(hex_encode(digest, sizeof(digest), hex)),
                                          entry->size};
    return file->path != NULL && file->sha256 != NULL ? 0 : error_no_memory(err);
}

/* One named path: a file that is there, and that no data subject had erased. */
static int take_path(struct disclosing *d, struct manifest_reader *reader, const char *path, bool writes,
                     struct error *err)
{
    const struct entry *entry;
    struct bytes bytes = bytes_of(path);
    int found = manifest_reader_find(reader, &bytes, &entry, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return error_set(err, ERROR_NOT_FOUND, "the snapshot has no '%.200s'", path);
    if (selection_omits(d->erased.selection, entry))
        return error_set(err, ERROR_REFUSED, "'%.200s' is in the erasure register of the tenant", path);
    if (entry->type != ENTRY_FILE || entry->unreadable)
        return error_set(err, ERROR_USAGE, "'%.200s' is no file that can be disclosed: name files one by one", path);
    return writes ? write_entry(d, path, entry, err) : 0;
}

static int take_paths(struct disclosing *d, bool writes, struct error *err)
{
    struct manifest_reader *reader;
    if (view_manifest(&d->view, d->view.snapshot, &reader, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->options->path_count; i++)
        rc = view_cancelled(&d->view, err) == 0 ? take_path(d, reader, d->options->paths[i], writes, err) : -1;
    manifest_reader_free(reader);
    return rc;
}

/* ---- On record ---- */

/* NULL if a path is not UTF-8: a statement that names fewer files than were given would be false. */
static json_t *list_files(const struct hikae_disclosure *disclosure)
{
    json_t *list = json_array();
    for (size_t i = 0; i < disclosure->count && list != NULL; i++) {
        const struct hikae_disclosed_file *file = &disclosure->files[i];
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "path", file->path, "sha256", file->sha256,
                                                  "bytes", (json_int_t)file->bytes)) == 0)
            continue;
        json_decref(list);
        list = NULL;
    }
    return list;
}

static json_t *statement_of(const struct disclosing *d)
{
    const struct hikae_disclose_options *options = d->options;
    char store[2 * ID_SIZE + 1], time[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *names = approvals_names(&d->approvals);
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:o}", "v", 1, "disclosure",
                     d->ret->id, "store", hex_encode(d->hikae->store.store.bytes, ID_SIZE, store), "tenant", d->tid,
                     "snapshot", d->ret->snapshot, "time", clock_format(clock_now_ns(), time), "authority",
                     options->authority, "scope", options->scope, "recipient", options->recipient, "who", options->who,
                     "why", options->why, "approved_by", names != NULL && names[0] != '\0' ? names : NULL, "files",
                     list_files(d->ret));
}

static int record(struct disclosing *d, struct session *session, struct error *err)
{
    CLEANUP_JSON json_t *statement = statement_of(d);
    CLEANUP_FREE char *envelope = NULL, *about = mem_printf("disclosure/%s", d->ret->id);
    if (statement == NULL || about == NULL) {
        (void)error_set(err, ERROR_USAGE, "the disclosure cannot be recorded: its texts and paths must be UTF-8");
        return -1;
    }
    if (contract_sign(d->hikae, CONTRACT_DISCLOSURE_TYPE, statement, &envelope, err) != 0)
        return -1;
    CLEANUP_JSON json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "disclosure", "about", about, "authority",
                  d->options->authority, "recipient", d->options->recipient, "envelope", envelope);
    if (body == NULL)
        return error_no_memory(err);
    if (file_create_durable(d->ret->statement, envelope, strlen(envelope), 0600, err) != 0)
        return -1;
    if (facts_append(session, RECORD_CONTRACT, body, err) == 0)
        return 0;
    if (unlink(d->ret->statement) != 0)
        engine_warn(d->hikae, "%s states a disclosure that is not on record: remove it", d->ret->statement);
    return -1;
}

static int name_disclosure(struct disclosing *d, struct error *err)
{
    struct id id;
    char hex[2 * ID_SIZE + 1];
    if (crypto_random(id.bytes, ID_SIZE, err) != 0)
        return -1;
    d->ret->id = mem_strdup(hex_encode(id.bytes, ID_SIZE / 2, hex));
    d->ret->snapshot = mem_strdup(d->view.snapshot->name);
    d->ret->statement = mem_printf("%s.disclosure.json", d->options->to);
    d->ret->files = mem_calloc(d->options->path_count, sizeof(*d->ret->files));
    bool complete =
        d->ret->id != NULL && d->ret->snapshot != NULL && d->ret->statement != NULL && d->ret->files != NULL;
    return complete ? 0 : error_no_memory(err);
}

/* The record first needs the files' hashes; what is written without one is taken away again. */
static int write_all(struct disclosing *d, const char *tenant, struct error *err)
{
    struct session session;
    if (mkdir(d->options->to, 0700) != 0)
        return error_set_errno(err, errno == EEXIST ? ERROR_REFUSED : ERROR_LOCAL, errno, "make the folder %s",
                               d->options->to);
    d->folder_made = true;
    if (take_paths(d, true, err) != 0 || session_open(d->hikae, tenant, SESSION_LOCK, &session, err) != 0)
        return -1;
    int rc = record(d, &session, err);
    session_close(&session);
    return rc;
}

static int disclose(struct disclosing *d, const char *tenant, struct error *err)
{
    const struct hikae_disclose_options *options = d->options;
    if (check_options(options, err) != 0 || view_open(d->hikae, tenant, &options->which, &d->view, err) != 0)
        return -1;
    (void)hex_encode(d->view.session.tid.bytes, ID_SIZE, d->tid);
    int rc = erasure_load(&d->view.session, &d->erased, err) == 0 && name_disclosure(d, err) == 0 &&
                     take_paths(d, false, err) == 0 && approve(d, tenant, err) == 0
                 ? 0
                 : -1;
    if (rc == 0 && !options->dry_run)
        rc = write_all(d, tenant, err);
    if (rc != 0 && d->folder_made && file_remove_tree(options->to, NULL) != 0)
        engine_warn(d->hikae, "%s holds files of a disclosure that is not on record: remove it", options->to);
    erasure_clear(&d->erased);
    view_close(&d->view);
    return rc;
}

enum hikae_status hikae_disclose(struct hikae *hikae, const char *tenant, const struct hikae_disclose_options *options,
                                 struct hikae_disclosure *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct disclosing d = {.hikae = hikae, .options = options, .ret = ret};
    *ret = (struct hikae_disclosure){0};
    if (engine_audit_begin(hikae, OPERATION_DISCLOSE, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = disclose(&d, tenant, &err);
    engine_audit_count(&audit, "files", ret->count);
    engine_audit_detail(&audit, "disclosure", ret->id);
    engine_audit_detail(&audit, "authority", options->authority);
    engine_audit_detail(&audit, "scope", options->scope);
    engine_audit_detail(&audit, "recipient", options->recipient);
    engine_audit_detail(&audit, "who", options->who);
    engine_audit_detail(&audit, "why", options->why);
    approvals_note(&d.approvals, &audit);
    approvals_clear(&d.approvals);
    if (rc != 0) {
        (void)error_wrap(&err, "disclose from %s", tenant);
        hikae_disclosure_free(ret);
    }
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
