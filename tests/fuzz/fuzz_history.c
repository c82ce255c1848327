/*
 * Records that are sealed properly but hold anything, and the fold of what they say. Input: records, each a clear part
 * and a body with their lengths (u16) before them.
 */
#include "fuzz.h"

#include "repo/history.h"

enum { RECORDS_MAX = 16 };

static struct keyring *make_keyring(void)
{
    struct keyring *keyring = keyring_new(&fuzz_tid);
    struct key_row row = {.type = KEY_SEALING, .generation = 1, .tid = fuzz_tid, .key_id = fuzz_key_id};
    row.key = fuzz_key();
    fuzz_expect(keyring != NULL && keyring_add(keyring, &row, NULL) == 0);
    secret_free(row.key);
    return keyring;
}

static void add(struct history_builder *builder, const struct keyring *keyring, const struct bytes *clear,
                const struct bytes *body)
{
    CLEANUP_SECRET struct secret *secret = fuzz_key();
    const struct container_key key = {.kind = CONTAINER_KEY_TENANT, .tid = fuzz_tid, .id = fuzz_key_id, .key = secret};
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(record_clear) struct record record = {0};
    struct hash name;
    struct error err;
    fuzz_expect(container_seal_body(CONTAINER_RECORD, &key, clear->data, clear->size, body->data, body->size, &object,
                                    &name, &err) == 0);
    if (record_parse(object.data, object.size, keyring, &record, &err) != 0)
        history_builder_unreadable(builder);
    else
        fuzz_expect(hash_equal(&record.name, &name) && history_builder_take(builder, &record, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring();
    struct history_builder *builder = history_builder_new();
    struct history history = {0};
    struct error err;
    fuzz_expect(builder != NULL);
    for (unsigned i = 0; i < RECORDS_MAX && size > 0; i++) {
        struct bytes clear = fuzz_take_part(&data, &size);
        struct bytes body = fuzz_take_part(&data, &size);
        add(builder, keyring, &clear, &body);
    }
    if (history_builder_finish(builder, &history, &err) == 0) {
        (void)history_latest(&history);
        history_clear(&history);
    }
    history_builder_free(builder);
    return 0;
}
