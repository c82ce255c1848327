/*
 * Something happens to a source while it is read, put between a program and the C library by LD_PRELOAD: right before
 * the first file, folder or link of a name is opened or read, a command of the shell runs.
 *
 *   SWAP_NAME=NAME       the last component of what is opened (openat) or read (readlinkat)
 *   SWAP_COMMAND=TEXT    what runs, once
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static atomic_int done;

static void swap(const char *name)
{
    const char *wanted = getenv("SWAP_NAME"), *command = getenv("SWAP_COMMAND");
    if (wanted == NULL || command == NULL || strcmp(name, wanted) != 0 || atomic_exchange(&done, 1) != 0)
        return;
    int errnum = errno;
    (void)unsetenv("LD_PRELOAD");
    (void)!system(command);
    errno = errnum;
}

#define REAL(name) ((__typeof__(&name))(intptr_t)dlsym(RTLD_NEXT, #name))

int openat64(int at, const char *name, int flags, ...);
int openat64(int at, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    swap(name);
    return REAL(openat64)(at, name, flags, mode);
}

int __openat64_2(int at, const char *name, int flags);
int __openat64_2(int at, const char *name, int flags)
{
    swap(name);
    return REAL(__openat64_2)(at, name, flags);
}

ssize_t readlinkat(int at, const char *name, char *out, size_t size);
ssize_t readlinkat(int at, const char *name, char *out, size_t size)
{
    swap(name);
    return REAL(readlinkat)(at, name, out, size);
}
