#include "ops/machine.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <fcntl.h>
#include <string.h>

char *machine_id(char out[MACHINE_ID_SIZE])
{
    static const char label[] = "hikae machine 1";
    char secret[256] = "";
    uint8_t mac[SHA256_SIZE] = {0};
    CLEANUP_FD int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, secret, sizeof(secret) - 1) : -1;
    if (size < 32)
        size = gethostname(secret, sizeof(secret) - 1) == 0 ? (ssize_t)strlen(secret) : 0;
    struct hmac *hmac CLEANUP(cleanup_hmac_free) = hmac_new(secret, (size_t)size);
    if (hmac == NULL || hmac_sha256(hmac, label, sizeof(label) - 1, NULL, 0, mac, NULL) != 0)
        memset(mac, 0, sizeof(mac));
    return hex_encode(mac, (MACHINE_ID_SIZE - 1) / 2, out);
}
