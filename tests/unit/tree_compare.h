/* For tests: are two folders the same, with all that a restore must bring back? Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_TREE_COMPARE_H
#define HIKAE_TESTS_TREE_COMPARE_H

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static inline void same_bytes(int a, int b, off_t size, const char *name)
{
    enum { STEP = 1 << 20 };
    uint8_t *x = mem_alloc(STEP), *y = mem_alloc(STEP);
    assert_non_null(x);
    assert_non_null(y);
    for (off_t at = 0; at < size; at += STEP) {
        size_t n = size - at < STEP ? (size_t)(size - at) : STEP;
        assert_int_equal(file_pread_full(a, x, n, at), n);
        assert_int_equal(file_pread_full(b, y, n, at), n);
        if (memcmp(x, y, n) != 0)
            fail_msg("%s differs", name);
    }
    mem_free(x);
    mem_free(y);
}

/* Every attribute of a is one of b, and there are as many. */
static inline void same_xattrs(int a, int b, const char *name)
{
    char names_a[4096], names_b[4096];
    static uint8_t x[70000], y[70000];
    ssize_t size = flistxattr(a, names_a, sizeof(names_a));
    assert_int_equal(size, flistxattr(b, names_b, sizeof(names_b)));
    for (const char *one = names_a; size > 0 && one < names_a + size; one += strlen(one) + 1) {
        ssize_t n = fgetxattr(a, one, x, sizeof(x));
        assert_true(n >= 0);
        if (fgetxattr(b, one, y, sizeof(y)) != n || memcmp(x, y, (size_t)n) != 0)
            fail_msg("%s: attribute %s differs", name, one);
    }
}

static inline unsigned same_trees(int a, int b);

static inline void same_entry(int a, int b, const char *name, unsigned *count)
{
    struct stat x, y;
    assert_int_equal(fstatat(a, name, &x, AT_SYMLINK_NOFOLLOW), 0);
    if (fstatat(b, name, &y, AT_SYMLINK_NOFOLLOW) != 0)
        fail_msg("%s is missing", name);
    (*count)++;
    if (x.st_mode != y.st_mode || x.st_uid != y.st_uid || x.st_gid != y.st_gid || x.st_rdev != y.st_rdev)
        fail_msg("%s: mode or owner differs (%o, %o)", name, x.st_mode, y.st_mode);
    if (x.st_mtim.tv_sec != y.st_mtim.tv_sec || x.st_mtim.tv_nsec != y.st_mtim.tv_nsec)
        fail_msg("%s: mtime differs", name);
    if (!S_ISDIR(x.st_mode) && (x.st_nlink != y.st_nlink || x.st_size != y.st_size))
        fail_msg("%s: links or size differ", name);
    if (S_ISLNK(x.st_mode)) {
        char to_x[4096] = "", to_y[4096] = "";
        assert_true(readlinkat(a, name, to_x, sizeof(to_x) - 1) > 0);
        assert_true(readlinkat(b, name, to_y, sizeof(to_y) - 1) > 0);
        assert_string_equal(to_x, to_y);
    }
    if (!S_ISREG(x.st_mode) && !S_ISDIR(x.st_mode))
        return;
    CLEANUP_FD int fd_x = openat(a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP_FD int fd_y = openat(b, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    assert_true(fd_x >= 0 && fd_y >= 0);
    same_xattrs(fd_x, fd_y, name);
    if (S_ISREG(x.st_mode))
        same_bytes(fd_x, fd_y, x.st_size, name);
    else
        *count += same_trees(fd_x, fd_y);
}

static inline unsigned entries_in(int at)
{
    unsigned count = 0;
    DIR *dir = fdopendir(openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

/* Compare two open folders; how many entries they have in all. Fails the test where they differ. */
static inline unsigned same_trees(int a, int b)
{
    unsigned count = 0;
    assert_int_equal(entries_in(a), entries_in(b));
    DIR *dir = fdopendir(openat(a, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_non_null(dir);
    for (const struct dirent *one; (one = readdir(dir)) != NULL;)
        if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0)
            same_entry(a, b, one->d_name, &count);
    (void)closedir(dir);
    return count;
}

static inline unsigned same_folders(const char *a, const char *b)
{
    CLEANUP_FD int fd_a = open(a, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FD int fd_b = open(b, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd_a >= 0 && fd_b >= 0);
    return same_trees(fd_a, fd_b);
}

#endif
