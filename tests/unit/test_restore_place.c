/* The destination of a restore: whatever a snapshot says, nothing leads out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "pipeline/restore_internal.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct fixture {
    char folder[256]; /* holds "in", the destination, and "out", which nothing may touch */
    char in[300];
    char out[300];
    struct place_root root;
    struct place_cursor cursor;
};

static int setup(void **state)
{
    static struct fixture f;
    struct error err;
    assert_int_equal(scratch_make(f.folder, sizeof(f.folder), "place"), 0);
    (void)snprintf(f.in, sizeof(f.in), "%s/in", f.folder);
    (void)snprintf(f.out, sizeof(f.out), "%s/out", f.folder);
    assert_int_equal(mkdir(f.out, 0700), 0);
    assert_int_equal(place_open(f.in, true, &f.root, &err), 0);
    assert_true(f.root.was_empty);
    f.cursor = (struct place_cursor){.root = &f.root, .fd = -1};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    place_cursor_close(&f->cursor);
    place_close(&f->root);
    assert_int_equal(file_remove_tree(f->folder, NULL), 0);
    return 0;
}

static int folder_of(struct fixture *f, const char *path, bool create, struct error *err)
{
    struct bytes dir = bytes_of(path);
    int fd = -1;
    return place_folder(&f->cursor, &dir, create, &fd, err) == 0 ? fd : -1;
}

static void test_hostile_folders(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"..",   "../out", "a/../../out", "a/..", ".",  "a/./b",
                                        "/etc", "/",      "a//b",        "a/",   "./a"};
    for (int walk = 0; walk < 2; walk++) {
        f->root.walk = walk != 0;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            struct error err = {0};
            assert_int_equal(folder_of(f, paths[i], true, &err), -1);
            assert_int_equal(err.class, ERROR_DAMAGED);
        }
        static const uint8_t with_nul[] = {'a', 0, 'b'};
        struct bytes dir = {with_nul, sizeof(with_nul)};
        struct error err = {0};
        int fd;
        assert_int_equal(place_folder(&f->cursor, &dir, true, &fd, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
    }
    /* Refused before anything was made. */
    assert_int_equal(rmdir(f->in), 0);
    assert_int_equal(mkdir(f->in, 0700), 0);
}

static void test_hostile_names(void **state)
{
    struct fixture *f = *state;
    static uint8_t longest[ENTRY_NAME_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    const struct bytes names[] = {bytes_of(""),
                                  bytes_of("."),
                                  bytes_of(".."),
                                  bytes_of("/"),
                                  bytes_of("../out"),
                                  bytes_of("a/b"),
                                  {(const uint8_t *)"a\0b", 3},
                                  {longest, sizeof(longest)}};
    const struct bytes dir = bytes_of("");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[ENTRY_NAME_MAX + 1];
        struct error err = {0};
        int fd;
        assert_int_equal(place_entry(&f->cursor, &dir, &names[i], true, &fd, name, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
    }
    const struct bytes fits = {longest, ENTRY_NAME_MAX};
    char name[ENTRY_NAME_MAX + 1];
    struct error err = {0};
    int fd;
    assert_int_equal(place_entry(&f->cursor, &dir, &fits, true, &fd, name, &err), 0);
    assert_int_equal(strlen(name), ENTRY_NAME_MAX);
}

static void test_links_are_never_followed(void **state)
{
    struct fixture *f = *state;
    char path[400];
    static const char *const through[] = {"link", "link/below", "a/link", "a/link/b/c", "up", "file", "file/x"};
    struct error err = {0};
    assert_true(folder_of(f, "a", true, &err) >= 0);
    assert_int_equal(symlinkat(f->out, f->root.fd, "link"), 0);
    assert_int_equal(symlinkat("../../out", f->root.fd, "a/link"), 0);
    assert_int_equal(symlinkat("..", f->root.fd, "up"), 0);
    CLEANUP_FD int file = openat(f->root.fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    for (int walk = 0; walk < 2; walk++)
        for (size_t i = 0; i < sizeof(through) / sizeof(through[0]); i++) {
            f->root.walk = walk != 0;
            err = (struct error){0};
            assert_int_equal(folder_of(f, through[i], true, &err), -1);
            assert_int_equal(err.class, ERROR_LOCAL);
            assert_true(err.errnum == ELOOP || err.errnum == ENOTDIR);
        }
    (void)snprintf(path, sizeof(path), "%s/below", f->out);
    assert_int_equal(access(path, F_OK), -1);
}

/* A folder that the cursor remembers must not lend its place to another path. */
static void test_cursor(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"a", "a/b", "a/b/c/d", "ab", "a", "", "a/b/c", "a/b2", "x/y"};
    struct error err = {0};
    char expected[600], actual[600], link[64];
    assert_int_equal(folder_of(f, "nowhere", false, &err), -1);
    assert_int_equal(err.errnum, ENOENT);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = folder_of(f, paths[i], true, &err);
        assert_true(fd >= 0);
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, actual, sizeof(actual) - 1);
        assert_true(n > 0);
        actual[n] = '\0';
        (void)snprintf(expected, sizeof(expected), "%s%s%s", f->in, paths[i][0] != '\0' ? "/" : "", paths[i]);
        assert_string_equal(actual, expected);
    }
}

/* Longer than any path that the kernel takes at once: 100 KiB. */
static void test_deep_path(void **state)
{
    struct fixture *f = *state;
    enum { LEVELS = 500, COMPONENT = 205 };
    struct buf path = {0};
    char name[ENTRY_NAME_MAX + 1];
    struct error err = {0};
    int fd;
    for (int i = 0; i < LEVELS; i++) {
        char component[COMPONENT + 1];
        memset(component, 'a' + i % 26, COMPONENT);
        component[COMPONENT] = '\0';
        assert_int_equal(buf_append(&path, component, COMPONENT, NULL), 0);
        if (i + 1 < LEVELS)
            assert_int_equal(buf_u8(&path, '/', NULL), 0);
    }
    assert_true(path.size > 100 << 10);
    struct bytes dir = {path.data, path.size}, file = bytes_of("bottom");
    assert_int_equal(place_entry(&f->cursor, &dir, &file, true, &fd, name, &err), 0);
    CLEANUP_FD int made = openat(fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(made >= 0);
    place_cursor_close(&f->cursor);
    assert_int_equal(place_entry(&f->cursor, &dir, &file, false, &fd, name, &err), 0);
    assert_int_equal(faccessat(fd, "bottom", F_OK, 0), 0);
    buf_free(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hostile_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_are_never_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cursor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deep_path, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
