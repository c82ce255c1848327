/* audit prove: that one entry is in the log, in a form that needs no hikae to check. */
#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit_read.h"

#include "audit/tree.h"

void hikae_audit_proof_free(struct hikae_audit_proof *proof)
{
    mem_free(proof->json);
    mem_free(proof->script);
    *proof = (struct hikae_audit_proof){0};
}

struct proof {
    const struct audit_log *log;
    uint64_t index;
    struct tree_proof path;
    char *verifier;
    const uint8_t *public_key;
};

static int make_json(const struct proof *proof, const char *root, char **ret, struct error *err)
{
    const struct audit_log *log = proof->log;
    const struct buf *leaf = &log->leaves[proof->index].data;
    char log_id[2 * ID_SIZE + 1], hash[2 * HASH_SIZE + 1];
    json_t *path = json_array();
    for (size_t i = 0; path != NULL && i < proof->path.count; i++)
        (void)json_array_append_new(path, json_string(hex_encode(proof->path.hashes[i].bytes, HASH_SIZE, hash)));
    CLEANUP_FREE char *data = leaf->size > 0 ? base64_encode(leaf->data, leaf->size) : NULL;
    CLEANUP_JSON json_t *entry = NULL;
    if (leaf->size > 0 && json_parse(leaf->data + AUDIT_NONCE_SIZE, leaf->size - AUDIT_NONCE_SIZE, &entry, err) != 0) {
        json_decref(path);
        return -1;
    }
    if (path == NULL || json_array_size(path) != proof->path.count ||
        (leaf->size > 0 && (data == NULL || entry == NULL))) {
        json_decref(path);
        return error_no_memory(err);
    }
    CLEANUP_JSON json_t *json =
        json_pack("{s:i, s:s, s:I, s:I, s:s, s:s, s:s?, s:O?, s:o, s:s, s:s}", "schema", 1, "log",
                  hex_encode(log->log.bytes, ID_SIZE, log_id), "index", (json_int_t)proof->index, "size",
                  (json_int_t)log->head.size, "root", root, "leaf_hash",
                  hex_encode(log->leaves[proof->index].hash.bytes, HASH_SIZE, hash), "leaf", data, "entry", entry,
                  "path", path, "checkpoint", log->head_note, "verifier", proof->verifier);
    return json != NULL ? json_print(json, ret, err) : error_no_memory(err);
}

/* Is the sibling of step i on the left? As tree_check_inclusion walks. */
static bool sibling_is_left(uint64_t *node, uint64_t *last)
{
    bool left = (*node & 1) != 0 || *node == *last;
    while (left && (*node & 1) == 0 && *node != 0) {
        *node >>= 1;
        *last >>= 1;
    }
    *node >>= 1;
    *last >>= 1;
    return left;
}

static int add(struct buf *out, char *owned, struct error *err)
{
    CLEANUP_FREE char *text = owned;
    return text != NULL ? buf_append(out, text, strlen(text), err) : error_no_memory(err);
}

/* Commands for sh: basenc, openssl, sed. The public key is wrapped as RFC 8410 has it. */
static int make_script(const struct proof *proof, char **ret, struct error *err)
{
    static const uint8_t spki[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    const struct audit_log *log = proof->log;
    const struct buf *leaf = &log->leaves[proof->index].data;
    uint8_t key[sizeof(spki) + ED25519_PUBLIC_SIZE];
    char hex[2 * HASH_SIZE + 1];
    CLEANUP(buf_free) struct buf out = {0};
    memcpy(key, spki, sizeof(spki));
    memcpy(key + sizeof(spki), proof->public_key, ED25519_PUBLIC_SIZE);
    CLEANUP_FREE char *key_text = base64_encode(key, sizeof(key));
    CLEANUP_FREE char *data = leaf->size > 0 ? base64_encode(leaf->data, leaf->size) : NULL;
    if (key_text == NULL || (leaf->size > 0 && data == NULL))
        return error_no_memory(err);
    if (add(&out,
            mem_printf("set -e\nt=$(mktemp -d)\ntrap 'rm -rf \"$t\"' EXIT\n"
                       "hash() { tr a-f A-F | basenc --base16 -d | openssl dgst -sha256 -r | cut -c1-64; }\n"
                       "cat >\"$t/note\" <<'NOTE'\n%sNOTE\n",
                       log->head_note),
            err) != 0)
        return -1;
    if (leaf->size == 0) {
        if (add(&out,
                mem_printf("# The entry has expired: its hash is what is left of it.\nh=%s\n",
                           hex_encode(log->leaves[proof->index].hash.bytes, HASH_SIZE, hex)),
                err) != 0)
            return -1;
    } else if (add(&out,
                   mem_printf("# The entry, behind a nonce of 32 bytes.\n"
                              "echo %s | base64 -d >\"$t/leaf\"\ntail -c +33 \"$t/leaf\"; echo\n"
                              "h=$( (printf '\\000'; cat \"$t/leaf\") | openssl dgst -sha256 -r | cut -c1-64)\n",
                              data),
                   err) != 0) {
        return -1;
    }
    uint64_t node = proof->index, last = log->head.size - 1;
    for (size_t i = 0; i < proof->path.count; i++) {
        (void)hex_encode(proof->path.hashes[i].bytes, HASH_SIZE, hex);
        bool left = sibling_is_left(&node, &last);
        if (add(&out, mem_printf(left ? "h=$(printf 01%s$h | hash)\n" : "h=$(printf 01${h}%s | hash)\n", hex), err) !=
            0)
            return -1;
    }
    if (add(&out,
            mem_printf(
                "# The root in the checkpoint, and who signed it.\n"
                "r=$(sed -n 3p \"$t/note\" | base64 -d | basenc --base16 -w0 | tr A-F a-f)\n"
                "[ \"$h\" = \"$r\" ] || { echo 'the entry is NOT in the log'; exit 1; }\n"
                "sed '/^$/,$d' \"$t/note\" >\"$t/text\"\n"
                "sed -n '/^\\xe2\\x80\\x94 /{s/.* //p;q}' \"$t/note\" | base64 -d | tail -c 64 >\"$t/signature\"\n"
                "echo %s | base64 -d | openssl pkey -pubin -inform DER -out \"$t/key\"\n"
                "openssl pkeyutl -verify -pubin -inkey \"$t/key\" -rawin -in \"$t/text\" -sigfile "
                "\"$t/signature\"\n",
                key_text),
            err) != 0 ||
        buf_u8(&out, 0, err) != 0)
        return -1;
    *ret = (char *)out.data;
    out = (struct buf){0};
    return 0;
}

static int prove(const struct audit_view *view, const char *log, uint64_t sequence, struct hikae_audit_proof *ret,
                 struct error *err)
{
    struct proof proof = {.index = sequence, .public_key = view->store.store.public_key};
    char origin[AUDIT_ORIGIN_SIZE];
    if (audit_view_log(view, log, &proof.log, err) != 0)
        return -1;
    if (sequence >= proof.log->head.size) {
        (void)error_set(err, ERROR_NOT_FOUND, "the log has %llu entries under a checkpoint, the first is 0",
                        (unsigned long long)proof.log->head.size);
        return error_hint(err, "`hikae audit list` shows the numbers of entries");
    }
    ret->size = proof.log->head.size;
    (void)hex_encode(proof.log->head.root.bytes, HASH_SIZE, ret->root);
    if (tree_prove_inclusion(proof.log->hashes, ret->size, sequence, &proof.path, err) != 0 ||
        tree_check_inclusion(&proof.log->hashes[sequence], sequence, ret->size, &proof.path, &proof.log->head.root,
                             err) != 0)
        return -1;
    proof.verifier =
        audit_verifier_key(audit_origin(&view->store.store.store, &proof.log->log, origin), proof.public_key);
    int rc = proof.verifier != NULL ? make_json(&proof, ret->root, &ret->json, err) : error_no_memory(err);
    if (rc == 0)
        rc = make_script(&proof, &ret->script, err);
    mem_free(proof.verifier);
    return rc;
}

enum hikae_status hikae_audit_prove(struct hikae *hikae, const char *log, uint64_t sequence,
                                    struct hikae_audit_proof *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct audit_view view;
    *ret = (struct hikae_audit_proof){0};
    int rc = audit_view_open(hikae, NULL, &view, &err);
    if (rc == 0) {
        rc = prove(&view, log, sequence, ret, &err);
        audit_view_close(&view);
    }
    if (rc != 0)
        hikae_audit_proof_free(ret);
    return api_result(rc, false, &err, error);
}
