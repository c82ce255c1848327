/* The audit log's parsers: names, leaves, notes and segments. The first byte says which. */
#include "fuzz.h"

#include "audit/checkpoint.h"
#include "audit/leaf.h"
#include "audit/segment.h"

static void fuzz_name(const uint8_t *data, size_t size)
{
    struct audit_name name;
    char again[OBJECT_NAME_SIZE];
    CLEANUP_FREE char *text = mem_alloc(size + 1);
    fuzz_expect(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (audit_name_parse(text, &name))
        fuzz_expect(strcmp(audit_name_format(&name, again), text) == 0);
}

static void fuzz_leaf(const uint8_t *data, size_t size)
{
    struct audit_entry entry CLEANUP(audit_entry_clear) = {0};
    struct error err;
    if (audit_leaf_parse(data, size, &entry, &err) == 0)
        fuzz_expect(entry.operation[0] != '\0' && entry.class < AUDIT_CLASS_COUNT && entry.duration_ns >= 0);
}

/* No key signed the input: whatever it is, it is not taken for signed. */
static void fuzz_note(const uint8_t *data, size_t size)
{
    static const uint8_t public_key[ED25519_PUBLIC_SIZE] = {
        0x1a, 0x5c, 0xd9, 0x07, 0x14, 0x3c, 0x38, 0x4c, 0x41, 0xe8, 0x30, 0xc5, 0xbc, 0xe1, 0x2a, 0xa8,
        0x81, 0x7e, 0xc5, 0x64, 0x9a, 0xaa, 0xbf, 0x2c, 0x31, 0x38, 0x8b, 0x35, 0xb2, 0xd7, 0x44, 0xd6};
    static const struct id store;
    struct audit_checkpoint checkpoint;
    struct bytes text;
    struct error err;
    if (audit_note_check((const char *)data, size, "PeterNeumann", public_key, &text, &err) == 0)
        fuzz_expect(text.size < size && text.data[text.size - 1] == '\n');
    fuzz_expect(audit_checkpoint_check((const char *)data, size, &store, public_key, &checkpoint, &err) != 0);
}

static void fuzz_segment(const uint8_t *data, size_t size)
{
    struct keyring *keyring CLEANUP(cleanup_keyring_free) = keyring_new(&fuzz_tid);
    CLEANUP_SECRET struct secret *key = fuzz_key();
    const struct key_row row = {
        .type = KEY_SEALING, .generation = 1, .tid = fuzz_tid, .key_id = fuzz_key_id, .key = key};
    struct audit_segment segment CLEANUP(audit_segment_clear) = {0};
    struct error err;
    fuzz_expect(keyring != NULL && keyring_add(keyring, &row, &err) == 0);
    if (audit_segment_parse(data, size, keyring, &segment, &err) == 0)
        for (uint32_t i = 0; i < segment.count; i++)
            fuzz_expect(segment.leaves[i].data.size == 0 || segment.leaves[i].data.size > AUDIT_NONCE_SIZE);
    audit_segment_clear(&segment);
    if (audit_segment_parse(data, size, NULL, &segment, &err) == 0)
        fuzz_expect(segment.count > 0 && segment.leaves[0].data.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(const uint8_t *, size_t) = {fuzz_name, fuzz_leaf, fuzz_note, fuzz_segment};
    if (size > 0)
        parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](data + 1, size - 1);
    return 0;
}
