#include "keys/operator_key.h"

#include "base/file.h"
#include "base/mem.h"
#include "keys/holder.h"

#include <string.h>

enum { PASSPHRASE_FILE_MAX = 4096 };

/* The first line, without its end; NULL for no path. */
static int read_passphrase(const char *path, struct secret **ret, struct error *err)
{
    CLEANUP_SECRET struct secret *all = NULL;
    *ret = NULL;
    if (path == NULL)
        return 0;
    if (holder_read_secret(path, PASSPHRASE_FILE_MAX, true, &all, err) != 0)
        return -1;
    const char *line = (const char *)secret_borrow(all);
    size_t size = 0;
    while (size < secret_size(all) && line[size] != '\n')
        size++;
    if (size > 0 && line[size - 1] == '\r')
        size--;
    if (size < HOLDER_PASSPHRASE_MIN || size > HOLDER_PASSPHRASE_MAX)
        return error_set(err, ERROR_KEYS, "the first line of %s, the passphrase, must have %d to %d bytes", path,
                         HOLDER_PASSPHRASE_MIN, HOLDER_PASSPHRASE_MAX);
    *ret = secret_copy(line, size);
    return *ret != NULL ? 0 : error_no_memory(err);
}

int operator_key_create(const char *path, const char *passphrase_path, uint8_t ret_public[ED25519_PUBLIC_SIZE],
                        struct error *err)
{
    CLEANUP_SECRET struct secret *passphrase = NULL, *seed = NULL, *text = NULL;
    if (read_passphrase(passphrase_path, &passphrase, err) != 0 || ed25519_generate(&seed, ret_public, err) != 0 ||
        pem_print_private(seed, passphrase, &text, err) != 0)
        return -1;
    return file_create_durable(path, secret_borrow(text), secret_size(text), 0600, err);
}

int operator_key_read(const char *path, const char *passphrase_path, struct secret **ret_seed, struct error *err)
{
    CLEANUP_SECRET struct secret *passphrase = NULL, *text = NULL;
    if (read_passphrase(passphrase_path, &passphrase, err) != 0 ||
        holder_read_secret(path, PEM_MAX, true, &text, err) != 0)
        return -1;
    return pem_parse_private(text, passphrase, ret_seed, err) == 0 ? 0 : error_wrap(err, "read the key %s", path);
}

int operator_key_read_public(const char *path, uint8_t ret_public[ED25519_PUBLIC_SIZE], struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    if (file_read(path, PEM_MAX, &text, err) != 0)
        return -1;
    return pem_parse_public(text.data, text.size, ret_public, err) == 0
               ? 0
               : error_wrap(err, "read the public key %s", path);
}
