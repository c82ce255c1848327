/* For token.c and token_module.c only: the library behind a token. */
#ifndef HIKAE_KEYS_TOKEN_INTERNAL_H
#define HIKAE_KEYS_TOKEN_INTERNAL_H

#include "keys/token.h"

#define CRYPTOKI_GNU 1
#include <p11-kit/pkcs11.h>

/* A library that is loaded, once for the process. */
struct token_module {
    struct token_module *next;
    char *path;
    struct ck_function_list *functions;
    unsigned users;                     /* 0: it is loaded, and not initialized */
    char (*refused)[TOKEN_SERIAL_SIZE]; /* the tokens whose PIN was refused, for the life of the process */
    size_t refused_count;
};

/* Load and initialize; every success is ended by token_module_release. */
MUST_USE int token_module_take(const char *path, struct token_module **ret, struct error *err);
void token_module_release(struct token_module *module);
/* The PIN of this token was refused: remembered for the process. */
void token_module_note(struct token_module *module, const char *refused);
bool token_module_was_refused(struct token_module *module, const char *serial);

/* What a return value of the library means; `action` says what was being done. Always -1. */
int token_failure(ck_rv_t rv, const char *action, struct error *err);

#endif
