#include "crypto/crypto.h"

#include <errno.h>
#include <sys/random.h>

int crypto_random(void *out, size_t size, struct error *err)
{
    uint8_t *p = out;
    while (size > 0) {
        ssize_t n = getrandom(p, size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(err, ERROR_INTERNAL, errno, "the kernel gives no randomness");
        p += n;
        size -= (size_t)n;
    }
    return 0;
}
