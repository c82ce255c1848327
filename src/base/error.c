#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_code;
} classes[ERROR_CLASS_COUNT] = {
    [ERROR_NONE] = {"none", 0},
    [ERROR_USAGE] = {"usage", 2},
    [ERROR_CONFIG] = {"configuration", 2},
    [ERROR_BUSY] = {"busy", 3},
    [ERROR_NOT_FOUND] = {"not-found", 4},
    [ERROR_DAMAGED] = {"damaged", 5},
    [ERROR_UNREACHABLE] = {"unknown", 6},
    [ERROR_KEYS] = {"keys", 7},
    [ERROR_DENIED] = {"permissions", 7},
    [ERROR_REFUSED] = {"refused", 8},
    [ERROR_INTERRUPTED] = {"interrupted", 9},
    [ERROR_SOURCE] = {"source", 1},
    [ERROR_LOCAL] = {"local", 6},
    [ERROR_NO_MEMORY] = {"no-memory", 10},
    [ERROR_INTERNAL] = {"internal", 10},
};

PRINTF_LIKE(4, 0)
static int fill(struct error *err, enum error_class class, int errnum, const char *fmt, va_list args)
{
    if (err == NULL)
        return -1;
    error_clear(err);
    err->class = class;
    err->errnum = errnum;
    (void)vsnprintf(err->what, sizeof(err->what), fmt, args);
    return -1;
}

int(error_set)(struct error *err, enum error_class class, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fill(err, class, 0, fmt, args);
    va_end(args);
    return -1;
}

static const char *errno_hint(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return "free some space there, then run the same command again: nothing that was finished is lost";
    case EACCES:
    case EPERM:
        return "check the owner and the mode, or run as the user that owns it";
    case EROFS:
        return "the file system is mounted read-only: check it, then run again";
    case EMFILE:
    case ENFILE:
        return "raise the limit on open files (ulimit -n)";
    default:
        return "";
    }
}

int(error_set_errno)(struct error *err, enum error_class class, int errnum, const char *fmt, ...)
{
    if (err == NULL)
        return -1;
    va_list args;
    va_start(args, fmt);
    (void)fill(err, class, errnum, fmt, args);
    va_end(args);
    if (errnum == ENOMEM)
        err->class = ERROR_NO_MEMORY;
    err->retryable = errnum == EAGAIN || errnum == EINTR || errnum == EBUSY || errnum == ETIMEDOUT;

    size_t used = strlen(err->what);
    char text[128];
    /* The GNU variant returns a pointer that need not be `text`. */
    const char *description = strerror_r(errnum, text, sizeof(text));
    (void)snprintf(err->what + used, sizeof(err->what) - used, ": %s", description);
    (void)snprintf(err->hint, sizeof(err->hint), "%s", errno_hint(errnum));
    return -1;
}

int(error_no_memory)(struct error *err)
{
    return error_set(err, ERROR_NO_MEMORY, "out of memory");
}

int(error_wrap)(struct error *err, const char *fmt, ...)
{
    if (err == NULL)
        return -1;
    char inner[ERROR_CHAIN_SIZE];
    memcpy(inner, err->chain, sizeof(inner));

    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->chain, sizeof(err->chain), fmt, args);
    va_end(args);
    if (inner[0] != '\0') {
        size_t used = strlen(err->chain);
        (void)snprintf(err->chain + used, sizeof(err->chain) - used, " → %s", inner);
    }
    return -1;
}

int(error_hint)(struct error *err, const char *fmt, ...)
{
    if (err == NULL)
        return -1;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->hint, sizeof(err->hint), fmt, args);
    va_end(args);
    return -1;
}

void error_clear(struct error *err)
{
    if (err != NULL)
        *err = (struct error){.class = ERROR_NONE};
}

char *error_format(const struct error *err, char *buf, size_t size)
{
    const char *arrow = err->chain[0] != '\0' ? ": " : "";
    const char *stop = err->hint[0] != '\0' ? "; " : "";
    (void)snprintf(buf, size, "%s%s%s%s%s", err->chain, arrow, err->what, stop, err->hint);
    return buf;
}

int error_exit_code(enum error_class class)
{
    return (unsigned)class < ERROR_CLASS_COUNT ? classes[class].exit_code : 10;
}

const char *error_class_name(enum error_class class)
{
    return (unsigned)class < ERROR_CLASS_COUNT ? classes[class].name : "internal";
}
