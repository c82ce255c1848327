/*
 * Faults, put between a program and the C library by LD_PRELOAD: the Nth system call fails, the Nth allocation fails,
 * or the process is killed right before the Nth call that changes something. Counting starts at main and ends before
 * the destructors: one of them is gcov's, which writes down its counts there and follows the null pointer when an
 * allocation of its own fails.
 *
 *   FAULT_CALL=N [FAULT_ERRNO=E]   the Nth counted call fails with errno E (EIO)
 *   FAULT_ALLOC=N                  the Nth malloc, calloc or realloc gives NULL
 *   FAULT_KILL=N                   SIGKILL before the Nth changing call
 *   FAULT_STOP=N                   SIGSTOP before the Nth call that names a file (rename, link) or takes a name away
 *
 * Other processes see this one's work change at those last calls, and nowhere else. Allocations by libcrypto, and those
 * of the look-ups of users and groups, are left alone: OpenSSL 3.0 and glibc's name service assert, or follow null
 * pointers, when their own first ones fail.
 *
 *   FAULT_COUNTS=FILE              at exit: "calls allocations changes" into FILE
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls, allocations, changes, names;
static long fail_call, fail_alloc, kill_change, stop_name;
static int fail_errno = EIO;
static atomic_bool counting;

static long from_env(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : 0;
}

/* Where libcrypto lies. */
static uintptr_t crypto_begin, crypto_end;

static int find_crypto(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    if (strstr(info->dlpi_name, "/libcrypto.so") == NULL)
        return 0;
    crypto_begin = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > crypto_end)
            crypto_end = end;
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    (void)dl_iterate_phdr(find_crypto, NULL);
    fail_call = from_env("FAULT_CALL");
    fail_alloc = from_env("FAULT_ALLOC");
    kill_change = from_env("FAULT_KILL");
    stop_name = from_env("FAULT_STOP");
    if (from_env("FAULT_ERRNO") != 0)
        fail_errno = (int)from_env("FAULT_ERRNO");
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAULT_COUNTS");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file == NULL)
        return;
    (void)fprintf(file, "%ld %ld %ld\n", atomic_load(&calls), atomic_load(&allocations), atomic_load(&changes));
    (void)fclose(file);
}

static void stop_counting(void)
{
    atomic_store(&counting, false);
}

/* The program's own main, and what glibc calls to run it. Of the handlers of exit, the one that main registers first is
 * the last that runs before the destructors. */
typedef int main_function(int argc, char **argv, char **environment);
static main_function *program_main;

static int counted_main(int argc, char **argv, char **environment)
{
    (void)atexit(stop_counting);
    atomic_store(&counting, true);
    return program_main(argc, argv, environment);
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end)
{
    __typeof__(&__libc_start_main) real = (__typeof__(real))(intptr_t)dlsym(RTLD_NEXT, "__libc_start_main");
    program_main = main;
    return real(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

/* Count a call; true if it is to fail. */
static bool fails(bool changing)
{
    if (!atomic_load(&counting))
        return false;
    if (changing && atomic_fetch_add(&changes, 1) + 1 == kill_change)
        (void)kill(getpid(), SIGKILL);
    if (atomic_fetch_add(&calls, 1) + 1 != fail_call)
        return false;
    errno = fail_errno;
    return true;
}

/* The same of a call after which another process sees other names. */
static bool renames(void)
{
    if (atomic_load(&counting) && atomic_fetch_add(&names, 1) + 1 == stop_name)
        (void)kill(getpid(), SIGSTOP);
    return fails(true);
}

#define REAL(name) ((__typeof__(&name))(intptr_t)dlsym(RTLD_NEXT, #name))

#define WRAP(changing, failure, result, name, parameters, arguments)                                                   \
    WRAP_IF(fails(changing), failure, result, name, parameters, arguments)
#define WRAP_NAME(name, parameters, arguments) WRAP_IF(renames(), -1, int, name, parameters, arguments)
#define WRAP_IF(fault, failure, result, name, parameters, arguments)                                                   \
    result name parameters;                                                                                            \
    result name parameters                                                                                             \
    {                                                                                                                  \
        static __typeof__(&name) real;                                                                                 \
        if (real == NULL)                                                                                              \
            real = (__typeof__(&name))(intptr_t)dlsym(RTLD_NEXT, #name);                                               \
        return fault ? (failure) : real arguments;                                                                     \
    }

WRAP(false, -1, ssize_t, read, (int fd, void *out, size_t size), (fd, out, size))
WRAP(false, -1, ssize_t, pread, (int fd, void *out, size_t size, off_t at), (fd, out, size, at))
WRAP(false, -1, ssize_t, pread64, (int fd, void *out, size_t size, off64_t at), (fd, out, size, at))
WRAP(true, -1, ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
WRAP(true, -1, ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at))
WRAP(true, -1, ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at))
WRAP(true, -1, int, fsync, (int fd), (fd))
WRAP(true, -1, int, fdatasync, (int fd), (fd))
WRAP(true, -1, int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(true, -1, int, ftruncate64, (int fd, off64_t size), (fd, size))
WRAP_NAME(rename, (const char *from, const char *to), (from, to))
WRAP_NAME(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP_NAME(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
WRAP_NAME(link, (const char *from, const char *to), (from, to))
WRAP_NAME(linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
WRAP(true, -1, int, symlinkat, (const char *from, int b, const char *to), (from, b, to))
WRAP_NAME(unlink, (const char *path), (path))
WRAP_NAME(unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(true, -1, int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(true, -1, int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
WRAP(true, -1, int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(true, -1, int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(true, -1, int, utimensat, (int fd, const char *path, const struct timespec t[2], int flags), (fd, path, t, flags))
WRAP(true, -1, int, futimens, (int fd, const struct timespec t[2]), (fd, t))
WRAP(false, -1, int, fstat, (int fd, struct stat *st), (fd, st))
WRAP(false, -1, int, fstat64, (int fd, struct stat64 *st), (fd, st))
WRAP(false, -1, int, stat, (const char *path, struct stat *st), (path, st))
WRAP(false, -1, int, stat64, (const char *path, struct stat64 *st), (path, st))
WRAP(false, -1, int, fstatat, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags))
WRAP(false, -1, int, fstatat64, (int fd, const char *path, struct stat64 *st, int flags), (fd, path, st, flags))
WRAP(false, -1, int, statx, (int fd, const char *path, int flags, unsigned mask, struct statx *st),
     (fd, path, flags, mask, st))
WRAP(false, -1, off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence))
WRAP(false, -1, off64_t, lseek64, (int fd, off64_t at, int whence), (fd, at, whence))
WRAP(false, -1, ssize_t, getdents64, (int fd, void *out, size_t size), (fd, out, size))
WRAP(false, -1, ssize_t, getrandom, (void *out, size_t size, unsigned flags), (out, size, flags))

/* open and its relatives take a mode only sometimes. */
#define MODE_OF(flags)                                                                                                 \
    ({                                                                                                                 \
        mode_t mode_ = 0;                                                                                              \
        if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) {                                              \
            va_list args_;                                                                                             \
            va_start(args_, flags);                                                                                    \
            mode_ = va_arg(args_, mode_t);                                                                             \
            va_end(args_);                                                                                             \
        }                                                                                                              \
        mode_;                                                                                                         \
    })

int open(const char *path, int flags, ...)
{
    mode_t mode = MODE_OF(flags);
    return fails((flags & O_CREAT) != 0) ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...)
{
    mode_t mode = MODE_OF(flags);
    return fails((flags & O_CREAT) != 0) ? -1 : REAL(open64)(path, flags, mode);
}
int openat(int fd, const char *path, int flags, ...)
{
    mode_t mode = MODE_OF(flags);
    return fails((flags & O_CREAT) != 0) ? -1 : REAL(openat)(fd, path, flags, mode);
}
int openat64(int fd, const char *path, int flags, ...)
{
    mode_t mode = MODE_OF(flags);
    return fails((flags & O_CREAT) != 0) ? -1 : REAL(openat64)(fd, path, flags, mode);
}

/* What _FORTIFY_SOURCE makes of the calls above. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int fd, const char *path, int flags);
int __openat64_2(int fd, const char *path, int flags);
ssize_t __read_chk(int fd, void *out, size_t size, size_t room);
ssize_t __pread_chk(int fd, void *out, size_t size, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void *out, size_t size, off64_t at, size_t room);
int __open_2(const char *path, int flags)
{
    return open(path, flags);
}
int __open64_2(const char *path, int flags)
{
    return open64(path, flags);
}
int __openat_2(int fd, const char *path, int flags)
{
    return openat(fd, path, flags);
}
int __openat64_2(int fd, const char *path, int flags)
{
    return openat64(fd, path, flags);
}
ssize_t __read_chk(int fd, void *out, size_t size, size_t room)
{
    return size > room ? -1 : read(fd, out, size);
}
ssize_t __pread_chk(int fd, void *out, size_t size, off_t at, size_t room)
{
    return size > room ? -1 : pread(fd, out, size, at);
}
ssize_t __pread64_chk(int fd, void *out, size_t size, off64_t at, size_t room)
{
    return size > room ? -1 : pread64(fd, out, size, at);
}

/* Allocation: glibc's own names are there under these. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static _Thread_local bool paused;

static bool alloc_fails(const void *caller)
{
    if (paused)
        return false;
    if ((uintptr_t)caller >= crypto_begin && (uintptr_t)caller < crypto_end)
        return false;
    if (!atomic_load(&counting) || atomic_fetch_add(&allocations, 1) + 1 != fail_alloc)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}
void *calloc(size_t count, size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}
void *realloc(void *old, size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

#define WRAP_LOOK_UP(name, key_type, result_type)                                                                      \
    int name(key_type key, struct result_type *entry, char *buffer, size_t size, struct result_type **found)           \
    {                                                                                                                  \
        paused = true;                                                                                                 \
        int rc = REAL(name)(key, entry, buffer, size, found);                                                          \
        paused = false;                                                                                                \
        return rc;                                                                                                     \
    }

WRAP_LOOK_UP(getpwuid_r, uid_t, passwd)
WRAP_LOOK_UP(getgrgid_r, gid_t, group)
WRAP_LOOK_UP(getpwnam_r, const char *, passwd)
WRAP_LOOK_UP(getgrnam_r, const char *, group)
