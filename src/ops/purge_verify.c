/* A certificate, checked offline: envelope, keys, the entry in the log, a checkpoint. No store is opened. */
#include "audit/checkpoint.h"
#include "audit/leaf.h"
#include "audit/tree.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/dsse.h"
#include "keys/operator_key.h"
#include "ops/purge.h"

#include <string.h>

void hikae_certificate_check_free(struct hikae_certificate_check *check)
{
    mem_free(check->tenant);
    mem_free(check->name);
    mem_free(check->unreadable);
    mem_free(check->irrevocable);
    mem_free(check->gone);
    mem_free(check->root);
    mem_free(check->statement);
    *check = (struct hikae_certificate_check){0};
}

static int damaged(struct error *err, const char *what)
{
    return error_set(err, ERROR_DAMAGED, "the certificate is not what was signed: %s", what);
}

static const char *text_in(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool read_hash(const char *hex, struct hash *ret)
{
    return hex != NULL && strlen(hex) == 2 * HASH_SIZE && hex_decode(hex, HASH_SIZE, ret->bytes);
}

/* ---- The envelope ---- */

static int check_signatures(const struct dsse *envelope, const char *const *key_files, size_t count, struct error *err)
{
    CLEANUP_FREE struct dsse_key *keys = mem_calloc(count + 1, sizeof(*keys));
    CLEANUP_FREE bool *signed_by = mem_calloc(count + 1, sizeof(*signed_by));
    size_t distinct = 0;
    if (keys == NULL || signed_by == NULL)
        return error_no_memory(err);
    if (count == 0)
        return error_set(err, ERROR_USAGE, "no key was given to check the certificate with");
    for (size_t i = 0; i < count; i++)
        if (operator_key_read_public(key_files[i], keys[i].bytes, err) != 0)
            return -1;
    if (dsse_verify(envelope, keys, count, signed_by, &distinct, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!signed_by[i]) {
            (void)error_set(err, ERROR_DAMAGED, "%s has not signed this certificate, or it was changed since",
                            key_files[i]);
            return error_hint(err, "get the public key from the operator by another way than the certificate");
        }
    return 0;
}

/* The store signs too, with the key that the statement names: whoever trusts the operator has it from there. */
static int check_store(const struct dsse *envelope, const json_t *predicate, struct error *err)
{
    struct dsse_key key;
    bool signed_by = false;
    size_t distinct = 0;
    const char *sign = text_in(json_object_get(predicate, "store"), "sign");
    if (sign == NULL || !base64_decode(sign, key.bytes, sizeof(key.bytes)))
        return damaged(err, "it names no key of the store");
    if (dsse_verify(envelope, &key, 1, &signed_by, &distinct, err) != 0)
        return -1;
    return signed_by ? 0 : damaged(err, "the store has not signed it");
}

/* ---- The log ---- */

struct log_proof {
    struct hash leaf, root;
    struct tree_proof path;
    uint64_t index, size;
    struct id store;
    uint8_t public_key[ED25519_PUBLIC_SIZE];
};

static int read_proof(const json_t *predicate, struct log_proof *to, struct error *err)
{
    const json_t *log = json_object_get(predicate, "log"), *path = json_object_get(log, "path");
    const json_t *store = json_object_get(predicate, "store");
    const char *id = text_in(store, "id"), *audit = text_in(store, "audit");
    size_t i;
    json_t *step;
    to->index = (uint64_t)json_integer_value(json_object_get(log, "index"));
    to->size = (uint64_t)json_integer_value(json_object_get(log, "size"));
    if (!read_hash(text_in(log, "leaf_hash"), &to->leaf) || !read_hash(text_in(log, "root"), &to->root) ||
        to->index >= to->size || json_array_size(path) > TREE_PROOF_MAX || id == NULL || strlen(id) != 2 * ID_SIZE ||
        !hex_decode(id, ID_SIZE, to->store.bytes) || audit == NULL ||
        !base64_decode(audit, to->public_key, sizeof(to->public_key)))
        return damaged(err, "its proof of the log cannot be read");
    json_array_foreach(
        path, i,
        step) if (!read_hash(json_string_value(step),
                             &to->path.hashes[to->path.count++])) return damaged(err,
                                                                                 "its proof of the log cannot be read");
    return 0;
}

/* The leaf is the commit of this erasure, and hashes to what the proof is about. */
static int check_leaf(const json_t *statement, const json_t *predicate, const struct log_proof *proof,
                      struct error *err)
{
    const char *text = text_in(json_object_get(predicate, "log"), "leaf");
    const json_t *subject = json_array_get(json_object_get(statement, "subject"), 0);
    const char *plan = text_in(json_object_get(subject, "digest"), "sha256");
    const char *pseudonym = text_in(json_object_get(predicate, "tenant"), "pseudonym");
    CLEANUP(buf_free) struct buf leaf = {0};
    CLEANUP(audit_entry_clear) struct audit_entry entry = {0};
    struct hash hash;
    char tenant[2 * ID_SIZE + 1];
    size_t size = 0;
    if (text == NULL || plan == NULL || pseudonym == NULL || !base64_size(text, &size))
        return damaged(err, "it does not say which entry of the log it rests on");
    if (buf_reserve(&leaf, size, err) != 0)
        return -1;
    if (base64_decode(text, leaf.data, size))
        leaf.size = size;
    if (leaf.size == 0 || tree_leaf_hash(leaf.data, leaf.size, &hash, err) != 0 || !hash_equal(&hash, &proof->leaf) ||
        audit_leaf_parse(leaf.data, leaf.size, &entry, err) != 0)
        return damaged(err, "the entry of the log is another one");
    const char *bound = text_in(entry.details, "plan");
    if (strcmp(entry.operation, "purge commit") != 0 || !entry.has_tenant || bound == NULL ||
        strcmp(bound, plan) != 0 || strcmp(hex_encode(entry.tenant.bytes, ID_SIZE, tenant), pseudonym) != 0)
        return damaged(err, "the entry of the log is not the commit of this erasure");
    return 0;
}

static int check_note(const char *note, size_t size, const struct log_proof *proof, struct audit_checkpoint *ret,
                      struct error *err)
{
    return audit_checkpoint_check(note, size, &proof->store, proof->public_key, ret, err);
}

/* A checkpoint that the auditor kept: of the same tree if it has the same size; of any other only the store can tell.
 */
static int compare_checkpoint(const char *path, const struct log_proof *proof, const struct audit_checkpoint *own,
                              bool *ret_same, struct error *err)
{
    CLEANUP(buf_free) struct buf note = {0};
    struct audit_checkpoint kept;
    if (file_read(path, AUDIT_CHECKPOINT_MAX, &note, err) != 0 ||
        check_note((const char *)note.data, note.size, proof, &kept, err) != 0)
        return error_wrap(err, "%s", path);
    if (!id_equal(&kept.log, &own->log))
        return error_set(err, ERROR_USAGE, "%s is a checkpoint of another log", path);
    *ret_same = kept.size == own->size;
    if (*ret_same && !hash_equal(&kept.root, &own->root))
        return error_set(err, ERROR_DAMAGED, "the log was forked: %s has another root for the same size", path);
    return 0;
}

static int check_log(const json_t *statement, const json_t *predicate, const char *checkpoint,
                     struct hikae_certificate_check *ret, struct error *err)
{
    struct log_proof proof = {0};
    struct audit_checkpoint own;
    const char *note = text_in(json_object_get(predicate, "log"), "checkpoint");
    if (read_proof(predicate, &proof, err) != 0 || check_leaf(statement, predicate, &proof, err) != 0)
        return -1;
    if (note == NULL || check_note(note, strlen(note), &proof, &own, err) != 0 || own.size != proof.size ||
        !hash_equal(&own.root, &proof.root))
        return damaged(err, "the checkpoint of the log does not fit");
    if (tree_check_inclusion(&proof.leaf, proof.index, proof.size, &proof.path, &proof.root, err) != 0)
        return damaged(err, "the commit is not in the log");
    char root[2 * HASH_SIZE + 1];
    ret->size = proof.size;
    ret->root = mem_strdup(hex_encode(proof.root.bytes, HASH_SIZE, root));
    if (ret->root == NULL)
        return error_no_memory(err);
    ret->compared = checkpoint != NULL;
    return checkpoint != NULL ? compare_checkpoint(checkpoint, &proof, &own, &ret->same_checkpoint, err) : 0;
}

/* ---- All of it ---- */

static char *copy_text(const json_t *object, const char *key)
{
    const char *text = text_in(object, key);
    return text != NULL ? mem_strdup(text) : NULL;
}

static int take_statement(const json_t *statement, const json_t *predicate, const struct dsse *envelope,
                          struct hikae_certificate_check *ret, struct error *err)
{
    const json_t *tenant = json_object_get(predicate, "tenant");
    size_t i;
    json_t *claim;
    (void)statement;
    ret->tenant = copy_text(tenant, "pseudonym");
    ret->name = copy_text(tenant, "name");
    ret->statement = mem_printf("%.*s", (int)envelope->payload.size, (const char *)envelope->payload.data);
    json_array_foreach(json_object_get(predicate, "claims"), i, claim)
    {
        const char *what = text_in(claim, "claim");
        char **to = what == NULL                       ? NULL
                    : strcmp(what, "unreadable") == 0  ? &ret->unreadable
                    : strcmp(what, "irrevocable") == 0 ? &ret->irrevocable
                    : strcmp(what, "gone") == 0        ? &ret->gone
                                                       : NULL;
        if (to != NULL && *to == NULL)
            *to = copy_text(claim, "since");
    }
    if (ret->tenant == NULL || ret->name == NULL || ret->statement == NULL)
        return damaged(err, "it names no tenant");
    return 0;
}

static int verify(const char *path, const char *const *keys, size_t key_count, const char *checkpoint,
                  struct hikae_certificate_check *ret, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(dsse_free) struct dsse envelope = {0};
    CLEANUP_JSON json_t *statement = NULL;
    if (file_read(path, DSSE_ENVELOPE_MAX, &text, err) != 0 || dsse_parse(text.data, text.size, &envelope, err) != 0)
        return error_wrap(err, "%s", path);
    /* Nothing in it is believed before its signatures are right. */
    if (check_signatures(&envelope, keys, key_count, err) != 0 ||
        json_parse(envelope.payload.data, envelope.payload.size, &statement, err) != 0)
        return -1;
    const json_t *predicate = json_object_get(statement, "predicate");
    const char *type = text_in(statement, "_type"), *kind = text_in(statement, "predicateType");
    if (strcmp(envelope.type, CERTIFICATE_TYPE) != 0 || type == NULL || strcmp(type, CERTIFICATE_STATEMENT) != 0 ||
        kind == NULL || strcmp(kind, CERTIFICATE_PREDICATE) != 0)
        return error_set(err, ERROR_DAMAGED, "%s is no certificate of an erasure", path);
    if (check_store(&envelope, predicate, err) != 0 || check_log(statement, predicate, checkpoint, ret, err) != 0)
        return -1;
    return take_statement(statement, predicate, &envelope, ret, err);
}

enum hikae_status hikae_certificate_verify(const char *path, const char *const *keys, size_t key_count,
                                           const char *checkpoint, struct hikae_certificate_check *ret,
                                           struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_certificate_check){0};
    int rc = verify(path, keys, key_count, checkpoint, ret, &err);
    if (rc != 0)
        hikae_certificate_check_free(ret);
    return api_result(rc, rc == 0 && ret->compared && !ret->same_checkpoint, &err, error);
}
