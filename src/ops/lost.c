#include "ops/lost.h"

#include "base/hex.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { KEY_TEXT_SIZE = 5 + 2 * ID_SIZE + 1, NAME_TEXT_SIZE = 2 * HASH_SIZE };

static void key_of(const struct id *tid, char out[KEY_TEXT_SIZE])
{
    char hex[2 * ID_SIZE + 1];
    (void)snprintf(out, KEY_TEXT_SIZE, "lost/%s", hex_encode(tid->bytes, ID_SIZE, hex));
}

int lost_read(struct hikae *hikae, const struct id *tid, struct roster *ret, struct error *err)
{
    char key[KEY_TEXT_SIZE];
    CLEANUP_FREE char *text = NULL;
    struct error why = {0};
    key_of(tid, key);
    if (catalog_meta_get(hikae->catalog, key, &text, &why) != 0) {
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    struct hash name;
    for (const char *p = text; strlen(p) >= NAME_TEXT_SIZE && hex_decode(p, HASH_SIZE, name.bytes); p += NAME_TEXT_SIZE)
        if (roster_add(ret, OBJECT_PACK, &name, 0, err) != 0)
            return -1;
    roster_sort(ret);
    return 0;
}

int lost_write(struct hikae *hikae, const struct id *tid, const struct roster *lost, struct error *err)
{
    char key[KEY_TEXT_SIZE];
    key_of(tid, key);
    if (lost->count == 0)
        return catalog_meta_set(hikae->catalog, key, NULL, err);
    CLEANUP_FREE char *text = mem_calloc(lost->count, NAME_TEXT_SIZE + 1);
    if (text == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < lost->count; i++)
        (void)hex_encode(lost->rows[i].name.bytes, HASH_SIZE, text + i * NAME_TEXT_SIZE);
    return catalog_meta_set(hikae->catalog, key, text, err);
}

int lost_leave_out(struct hikae *hikae, const struct id *tid, size_t *ret_count, struct error *err)
{
    CLEANUP(roster_free) struct roster lost = {0};
    *ret_count = 0;
    if (lost_read(hikae, tid, &lost, err) != 0)
        return -1;
    for (size_t t = 0; lost.count > 0 && t < hikae->target_count; t++) {
        struct roster *listed = &hikae->targets[t].present.listed;
        size_t kept = 0, before = listed->count;
        for (size_t i = 0; i < before; i++)
            if (!roster_has(&lost, listed->rows[i].class, &listed->rows[i].name))
                listed->rows[kept++] = listed->rows[i];
        listed->count = kept;
        *ret_count = before - kept > *ret_count ? before - kept : *ret_count;
    }
    return 0;
}
