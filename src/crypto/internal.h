/* For the files of crypto/ only: one way to report a failure of OpenSSL. */
#ifndef HIKAE_CRYPTO_INTERNAL_H
#define HIKAE_CRYPTO_INTERNAL_H

#include "base/error.h"

#include <openssl/err.h>

MUST_USE static inline int openssl_failed(struct error *err, const char *call)
{
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
        return error_no_memory(err);
    char text[160];
    ERR_error_string_n(code, text, sizeof(text));
    return error_set(err, ERROR_INTERNAL, "%s: %s", call, text);
}

#endif
