/* Envelopes of signed statements, the approvals in them, and keys in PEM: all of it comes from elsewhere. */
#include "fuzz.h"

#include "crypto/dsse.h"
#include "crypto/pem.h"
#include "ops/approval.h"

/* Nothing that a search makes up is signed by a key that it does not have. */
static void judge(const char *text)
{
    char name[] = "sato", tid[] = "0123456789abcdef0123456789abcdef";
    char plan[APPROVAL_HASH_SIZE] = "1111111111111111111111111111111111111111111111111111111111111111";
    struct operator_item item = {.name = name, .key = {7}};
    const struct operators operators = {.items = &item, .count = 1};
    const struct approval_wanted wanted = {"purge", "acme", tid, "all", "keys", plan, 0};
    struct approvals approvals = {0};
    struct error err = {0};
    if (ed25519_keyid(item.key, item.keyid, &err) == 0 &&
        approval_judge(&wanted, &operators, &fuzz_tid, INT64_C(1795000000) * NS_PER_S, &text, 1, &approvals, &err) == 0)
        fuzz_expect(approvals.count == 0);
    approvals_clear(&approvals);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(dsse_free) struct dsse envelope = {0};
    struct dsse_key key = {{7}};
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    char pem[PEM_PUBLIC_SIZE];
    struct error err = {0};
    bool is_signed = true;
    size_t distinct = 1;
    if (dsse_parse(data, size, &envelope, &err) == 0) {
        CLEANUP_FREE char *text = NULL;
        CLEANUP(dsse_free) struct dsse again = {0};
        fuzz_expect(envelope.signature_count >= 1 && envelope.signature_count <= DSSE_SIGNATURES_MAX);
        fuzz_expect(dsse_verify(&envelope, &key, 1, &is_signed, &distinct, &err) == 0 && distinct == 0 && !is_signed);
        fuzz_expect(dsse_print(&envelope, &text, &err) == 0 && dsse_parse(text, strlen(text), &again, &err) == 0);
        fuzz_expect(again.payload.size == envelope.payload.size && again.signature_count == envelope.signature_count);
        judge(text);
    }
    if (pem_parse_public(data, size, public_key, &err) == 0)
        fuzz_expect(pem_print_public(public_key, pem, &err) == 0);
    CLEANUP_SECRET struct secret *text = secret_copy(data, size), *seed = NULL;
    if (text != NULL && pem_parse_private(text, NULL, &seed, &err) == 0)
        fuzz_expect(secret_size(seed) == ED25519_SECRET_SIZE);
    return 0;
}
