#include "base/secret.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct secret {
    size_t size;
    uint8_t bytes[];
};

/* Room for some ten thousand keys of 32 bytes; locked as a whole, with guard pages around it. */
enum { HEAP_SIZE = 2 << 20, HEAP_MIN_BLOCK = 64 };

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_once(void)
{
    struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    /* Where the limit on locked memory is too small, OpenSSL says so with 2 and goes on unlocked: doctor reports it. */
    if (!CRYPTO_secure_malloc_initialized())
        (void)CRYPTO_secure_malloc_init(HEAP_SIZE, HEAP_MIN_BLOCK);
}

void secret_init(void)
{
    (void)pthread_once(&once, init_once);
}

struct secret *secret_new(size_t size)
{
    secret_init();
    struct secret *secret = OPENSSL_secure_zalloc(sizeof(*secret) + size);
    if (secret != NULL)
        secret->size = size;
    return secret;
}

struct secret *secret_copy(const void *bytes, size_t size)
{
    struct secret *secret = secret_new(size);
    if (secret != NULL && size > 0)
        memcpy(secret->bytes, bytes, size);
    return secret;
}

struct secret *secret_dup(const struct secret *secret)
{
    return secret_copy(secret->bytes, secret->size);
}

void secret_free(struct secret *secret)
{
    if (secret != NULL)
        OPENSSL_secure_clear_free(secret, sizeof(*secret) + secret->size);
}

uint8_t *secret_bytes(struct secret *secret)
{
    return secret->bytes;
}

const uint8_t *secret_borrow(const struct secret *secret)
{
    return secret->bytes;
}

size_t secret_size(const struct secret *secret)
{
    return secret->size;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return a->size == b->size && CRYPTO_memcmp(a->bytes, b->bytes, a->size) == 0;
}
