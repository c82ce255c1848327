#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "pipeline/walk.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

struct fixture {
    char path[256];
    int fd;
    size_t warnings;
};

static void count_warning(const struct bytes *path, const struct error *why, void *context)
{
    (void)path;
    (void)why;
    ((struct fixture *)context)->warnings++;
}

static int setup(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof(*f));
    if (f == NULL)
        return -1;
    if (scratch_make(f->path, sizeof(f->path), "meta") != 0)
        return -1;
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = f;
    return f->fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct error err;
    int result = file_remove_tree(f->path, &err);
    (void)close(f->fd);
    mem_free(f);
    return result;
}

static int make_file(const struct fixture *f, const char *name)
{
    int fd = openat(f->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    return fd;
}

/* Walk to the entry of that name and read its metadata, from an open file or without. */
static struct walk_entry *read_named(struct fixture *f, const char *name, bool open_it)
{
    struct walk_options options = {.source = "s", .path = f->path, .warn = count_warning, .warn_context = f};
    struct walk *walk = NULL;
    struct walk_entry *entry = NULL;
    struct error err;
    struct bytes wanted = bytes_of(name);
    assert_int_equal(walk_open(&options, &walk, &err), 0);
    while (walk_next(walk, &entry, &err) == 1 && !bytes_equal(&walk_entry_stat(entry)->name, &wanted)) {
        walk_entry_release(entry);
        entry = NULL;
    }
    assert_non_null(entry);
    int fd = -1;
    if (open_it)
        assert_int_equal(walk_entry_open(entry, &fd, &(struct stat){0}, &err), 0);
    if (walk_read_metadata(walk, entry, fd, &err) < 0)
        fail_msg("%s", err.what);
    if (fd >= 0)
        (void)close(fd);
    walk_close(walk);
    return entry;
}

static void assert_text(const struct bytes *found, const char *expected)
{
    struct bytes wanted = bytes_of(expected);
    assert_true(bytes_equal(found, &wanted));
}

/*
 * A test that needs what not every machine has ends here if the kernel says so, with one of two errors; any other is a
 * fault of the test or of what it tests.
 */
static void needs(int result, int lacking, int or_lacking)
{
    if (result == 0)
        return;
    if (errno != lacking && errno != or_lacking)
        fail_msg("what this test needs failed: %s", strerror(errno));
    print_message("skipped: %s\n", strerror(errno));
    skip();
}

static void test_owners(void **state)
{
    struct fixture *f = *state;
    (void)close(make_file(f, "file"));
    struct walk_entry *entry = read_named(f, "file", true);
    const struct entry *e = walk_entry_stat(entry);
    const struct passwd *user = getpwuid(getuid());
    assert_text(&e->user, user != NULL ? user->pw_name : "");
    const struct group *group = getgrgid(getgid());
    assert_text(&e->group, group != NULL ? group->gr_name : "");
    assert_int_equal(e->xattr_count, 0);
    assert_null(e->xattrs);
    walk_entry_release(entry);

    /* An owner whom nobody knows has a number only. */
    needs(fchownat(f->fd, "file", 3999999991U, 3999999992U, 0), EPERM, EINVAL);
    entry = read_named(f, "file", true);
    e = walk_entry_stat(entry);
    assert_int_equal(e->uid, 3999999991U);
    assert_int_equal(e->gid, 3999999992U);
    assert_int_equal(e->user.size, 0);
    assert_int_equal(e->group.size, 0);
    walk_entry_release(entry);
}

/* Through an open file, and (false) by the path in /proc: both see the same. */
static void test_xattrs(void **state)
{
    struct fixture *f = *state;
    int fd = make_file(f, "file");
    uint8_t large[3000];
    memset(large, 'x', sizeof(large));
    needs(fsetxattr(fd, "user.b", "bee", 3, 0), ENOTSUP, ENOTSUP);
    assert_int_equal(fsetxattr(fd, "user.a.empty", "", 0, 0), 0);
    assert_int_equal(fsetxattr(fd, "user.a", "\0\xff", 2, 0), 0);
    assert_int_equal(fsetxattr(fd, "user.c", large, sizeof(large), 0), 0);
    (void)close(fd);
    for (int i = 0; i < 2; i++) {
        struct walk_entry *entry = read_named(f, "file", i == 0);
        const struct entry *e = walk_entry_stat(entry);
        assert_int_equal(e->xattr_count, 4);
        assert_text(&e->xattrs[0].name, "user.a");
        assert_int_equal(e->xattrs[0].value.size, 2);
        assert_memory_equal(e->xattrs[0].value.data, "\0\xff", 2);
        assert_text(&e->xattrs[1].name, "user.a.empty");
        assert_int_equal(e->xattrs[1].value.size, 0);
        assert_text(&e->xattrs[2].name, "user.b");
        assert_text(&e->xattrs[2].value, "bee");
        assert_text(&e->xattrs[3].name, "user.c");
        assert_int_equal(e->xattrs[3].value.size, sizeof(large));
        assert_memory_equal(e->xattrs[3].value.data, large, sizeof(large));
        assert_false(e->xattrs[3].in_blob);
        walk_entry_release(entry);
    }
    assert_int_equal(f->warnings, 0);
}

static void test_more_names_than_fit_at_once(void **state)
{
    struct fixture *f = *state;
    int fd = make_file(f, "file");
    size_t made = 0;
    for (; made < 60; made++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "user.a-name-of-thirty-characters-%02zu", made);
        if (fsetxattr(fd, name, "v", 1, 0) != 0)
            break;
    }
    needs(made < 40 ? -1 : 0, ENOTSUP, ENOSPC);
    (void)close(fd);
    struct walk_entry *entry = read_named(f, "file", true);
    const struct entry *e = walk_entry_stat(entry);
    assert_int_equal(e->xattr_count, made);
    for (size_t i = 1; i < made; i++)
        assert_true(memcmp(e->xattrs[i - 1].name.data, e->xattrs[i].name.data, e->xattrs[i].name.size) < 0);
    walk_entry_release(entry);
}

static void test_xattrs_of_folders_links_and_the_root(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdirat(f->fd, "folder", 0755), 0);
    assert_int_equal(symlinkat("folder", f->fd, "link"), 0);
    char folder[300];
    char link[300];
    (void)snprintf(folder, sizeof(folder), "%s/folder", f->path);
    (void)snprintf(link, sizeof(link), "%s/link", f->path);
    needs(setxattr(folder, "user.of", "the folder", 10, 0), ENOTSUP, ENOTSUP);
    assert_int_equal(fsetxattr(f->fd, "user.of", "the root", 8, 0), 0);
    struct walk_entry *entry = read_named(f, "folder", false);
    assert_int_equal(walk_entry_stat(entry)->xattr_count, 1);
    assert_text(&walk_entry_stat(entry)->xattrs[0].value, "the folder");
    walk_entry_release(entry);
    entry = read_named(f, "s", false);
    assert_int_equal(walk_entry_stat(entry)->xattr_count, 1);
    assert_text(&walk_entry_stat(entry)->xattrs[0].value, "the root");
    walk_entry_release(entry);

    /* A link's own attributes, never those of what it points to. Only root can set any. */
    bool trusted = lsetxattr(link, "trusted.of", "the link", 8, 0) == 0;
    entry = read_named(f, "link", false);
    const struct entry *e = walk_entry_stat(entry);
    assert_text(&e->link, "folder");
    assert_int_equal(e->xattr_count, trusted ? 1 : 0);
    if (trusted)
        assert_text(&e->xattrs[0].value, "the link");
    walk_entry_release(entry);
    assert_int_equal(f->warnings, 0);
}

static void test_acls(void **state)
{
    struct fixture *f = *state;
    int fd = make_file(f, "file");
    /* linux/posix_acl_xattr.h: version 2; tag, permissions, id: owner rw, user 1234 r, group r, mask r, others none. */
    static const uint8_t acl[] = {
        2, 0, 0,   0,   0x01, 0,   6,    0, 255, 255, 255, 255, 0x02, 0,   4,    0, 0xd2, 0x04, 0,   0,   4,   0,
        4, 0, 255, 255, 255,  255, 0x10, 0, 4,   0,   255, 255, 255,  255, 0x20, 0, 0,    0,    255, 255, 255, 255,
    };
    needs(fsetxattr(fd, "system.posix_acl_access", acl, sizeof(acl), 0), ENOTSUP, ENOTSUP);
    (void)close(fd);
    struct walk_entry *entry = read_named(f, "file", true);
    const struct entry *e = walk_entry_stat(entry);
    assert_int_equal(e->xattr_count, 1);
    assert_text(&e->xattrs[0].name, "system.posix_acl_access");
    assert_int_equal(e->xattrs[0].value.size, sizeof(acl));
    assert_memory_equal(e->xattrs[0].value.data, acl, sizeof(acl));
    walk_entry_release(entry);
}

static void test_file_flags(void **state)
{
    struct fixture *f = *state;
    int fd = make_file(f, "file");
    int flags = 0;
    needs(ioctl(fd, FS_IOC_GETFLAGS, &flags), ENOTTY, EOPNOTSUPP);
    flags |= FS_NODUMP_FL | FS_NOATIME_FL;
    needs(ioctl(fd, FS_IOC_SETFLAGS, &flags), ENOTTY, EOPNOTSUPP);
    (void)close(fd);
    struct walk_entry *entry = read_named(f, "file", true);
    /* And no flag that says how the file system stores it (FS_EXTENT_FL of ext4). */
    assert_int_equal(walk_entry_stat(entry)->file_flags, FS_NODUMP_FL | FS_NOATIME_FL);
    walk_entry_release(entry);

    assert_int_equal(mkdirat(f->fd, "folder", 0755), 0);
    fd = openat(f->fd, "folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    flags = 0;
    assert_int_equal(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
    flags |= FS_NODUMP_FL;
    assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
    (void)close(fd);
    entry = read_named(f, "folder", false);
    assert_int_equal(walk_entry_stat(entry)->file_flags, FS_NODUMP_FL);
    walk_entry_release(entry);
}

static void test_long_link_and_replaced_link(void **state)
{
    struct fixture *f = *state;
    char text[3001];
    memset(text, 'l', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(symlinkat(text, f->fd, "link"), 0);
    struct walk_entry *entry = read_named(f, "link", false);
    assert_text(&walk_entry_stat(entry)->link, text);
    walk_entry_release(entry);

    struct walk_options options = {.source = "s", .path = f->path};
    struct walk *walk = NULL;
    struct error err;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(walk_open(&options, &walk, &err), 0);
        assert_int_equal(walk_next(walk, &entry, &err), 1);
        walk_entry_release(entry);
        assert_int_equal(walk_next(walk, &entry, &err), 1);
        assert_int_equal(unlinkat(f->fd, "link", 0), 0);
        if (i == 0)
            (void)close(make_file(f, "link"));
        assert_int_equal(walk_entry_stat(entry)->type, i == 0 ? ENTRY_SYMLINK : ENTRY_FILE);
        /* A link that became a file is an error; a file that is gone has nothing more to tell. */
        assert_int_equal(walk_read_metadata(walk, entry, -1, &err), i == 0 ? -1 : 0);
        if (i == 0)
            assert_int_equal(err.class, ERROR_SOURCE);
        walk_entry_release(entry);
        walk_close(walk);
    }
}

static void test_twice_is_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(symlinkat("x", f->fd, "link"), 0);
    struct walk_options options = {.source = "s", .path = f->path};
    struct walk *walk = NULL;
    struct walk_entry *entry = NULL;
    struct error err;
    assert_int_equal(walk_open(&options, &walk, &err), 0);
    assert_int_equal(walk_next(walk, &entry, &err), 1);
    walk_entry_release(entry);
    assert_int_equal(walk_next(walk, &entry, &err), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(walk_read_metadata(walk, entry, -1, &err), 0);
        assert_text(&walk_entry_stat(entry)->link, "x");
    }
    walk_entry_release(entry);
    walk_close(walk);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_owners),
        TEST(test_xattrs),
        TEST(test_more_names_than_fit_at_once),
        TEST(test_xattrs_of_folders_links_and_the_root),
        TEST(test_acls),
        TEST(test_file_flags),
        TEST(test_long_link_and_replaced_link),
        TEST(test_twice_is_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
