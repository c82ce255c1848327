#include "base/names.h"

#include "base/hex.h"

#include <stdio.h>

char *name_folder(const struct id *tid, char folder, char *out)
{
    char hex[2 * ID_SIZE + 1];
    (void)snprintf(out, OBJECT_NAME_SIZE, NAME_TENANTS "%s/%c/", hex_encode(tid->bytes, ID_SIZE, hex), folder);
    return out;
}

char *name_object(const struct id *tid, char folder, const struct hash *hash, char *out)
{
    size_t used = strlen(name_folder(tid, folder, out));
    (void)hex_encode(hash->bytes, HASH_SIZE, out + used);
    return out;
}

char *name_record(const struct id *tid, const char *record_name, char *out)
{
    size_t used = strlen(name_folder(tid, 'h', out));
    (void)snprintf(out + used, OBJECT_NAME_SIZE - used, "%s", record_name);
    return out;
}

char *name_key(uint32_t epoch, const struct hash *hash, char *out)
{
    char hex[2 * HASH_SIZE + 1];
    (void)snprintf(out, OBJECT_NAME_SIZE, NAME_KEYS "%010u-%s", epoch, hex_encode(hash->bytes, HASH_SIZE, hex));
    return out;
}

bool name_key_parse(const char *last, uint32_t *ret_epoch, struct hash *ret_hash)
{
    uint64_t epoch = 0;
    for (int i = 0; i < 10; i++) {
        if (last[i] < '0' || last[i] > '9')
            return false;
        epoch = epoch * 10 + (uint64_t)(last[i] - '0');
    }
    if (epoch > UINT32_MAX || last[10] != '-' || strlen(last) != 11 + 2 * HASH_SIZE)
        return false;
    *ret_epoch = (uint32_t)epoch;
    return hex_decode(last + 11, HASH_SIZE, ret_hash->bytes);
}
