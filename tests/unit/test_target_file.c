#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"
#include "target/file_target.h"
#include "target/url.h"
#include "target_conformance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

struct fixture {
    struct conformance conformance; /* first: the conformance checks take it */
    char folder[256];
    char url[320];
};

static struct target *target_of(void **state)
{
    return ((struct fixture *)*state)->conformance.target;
}

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof(*f));
    struct error err = {0};
    if (f == NULL)
        return -1;
    if (scratch_make(f->folder, sizeof(f->folder), "test") != 0)
        return -1;
    (void)snprintf(f->url, sizeof(f->url), "file://%s/one/two?country=JP&site=osaka", f->folder);
    if (target_open("disk", f->url, true, &f->conformance.target, &err) != 0)
        return -1;
    f->conformance.deleter.target = f->conformance.target;
    *state = f;
    return 0;
}

/* The same without openat2(2), as on older kernels and in some sandboxes. */
static int set_up_walking(void **state)
{
    if (set_up(state) != 0)
        return -1;
    file_target(target_of(state))->walk = true;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    target_close(f->conformance.target);
    int rc = file_remove_tree(f->folder, &err);
    mem_free(f);
    return rc;
}

/* The path of something inside the target's folder, in a static buffer. */
static const char *inside(void **state, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/one/two/%s", ((struct fixture *)*state)->folder, name);
    return path;
}

static unsigned count_temporaries(void **state)
{
    unsigned count = 0;
    DIR *dir = opendir(inside(state, FILE_TEMPORARY_FOLDER));
    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strncmp(entry->d_name, FILE_TEMPORARY_PREFIX, strlen(FILE_TEMPORARY_PREFIX)) == 0;
    (void)closedir(dir);
    return count;
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *complaint;
    } rows[] = {
        {"", "no driver"},
        {"/plain/path", "no driver"},
        {"ftp://host/x", "no driver"},
        {"FILE:///x", "not a URL"},
        {"file://", "no folder"},
        {"file:///", "no folder"},
        {"file:////", "no folder"},
        {"file://server/x", "names a host"},
        {"file://user:secret@server/x", "user name or password"},
        {"file:///x?", "not of the form"},
        {"file:///x?country", "not of the form"},
        {"file:///x?=JP", "not of the form"},
        {"file:///x?country=jp", "not a country code"},
        {"file:///x?country=JPN", "not a country code"},
        {"file:///x?country=", "not a country code"},
        {"file:///x?country=J1", "not a country code"},
        {"file:///x?site=", "site"},
        {"file:///x?colour=red", "unknown parameter"},
        {"file:///x?site=a&site=b", "twice"},
        {"file:///x?site=a%", "two hexadecimal"},
        {"file:///x?site=a%2", "two hexadecimal"},
        {"file:///x?site=a%zz", "two hexadecimal"},
        {"file:///x%00y", "control character"},
        {"file:///x%0ay", "control character"},
        {"file:///x#y", "'#'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct target *target = NULL;
        assert_int_equal(target_open("disk", rows[i].url, false, &target, &err), -1);
        assert_null(target);
        assert_int_equal(err.class, ERROR_CONFIG);
        if (strstr(err.what, rows[i].complaint) == NULL)
            fail_msg("%s: %s", rows[i].url, err.what);
        assert_true(err.hint[0] != '\0');
    }
    static const char *const names[] = {"", ".x", "-x", "a b", "a/b", "\xe6\x8e\xa7"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct error err = {0};
        struct target *target = NULL;
        assert_int_equal(target_open(names[i], "file:///x", false, &target, &err), -1);
        assert_int_equal(err.class, ERROR_CONFIG);
    }
}

static void test_url_parts(void **state)
{
    (void)state;
    struct target_url url;
    struct error err = {0};
    assert_int_equal(target_url_parse("s3://bucket/a%20b/%e6%8e%a7?x=1%262&site=a+b%3D", &url, &err), 0);
    assert_string_equal(url.scheme, "s3");
    assert_string_equal(url.authority, "bucket");
    assert_string_equal(url.path, "/a b/\xe6\x8e\xa7");
    assert_string_equal(target_url_param(&url, "x"), "1&2");
    assert_string_equal(target_url_param(&url, "site"), "a+b=");
    assert_null(target_url_param(&url, "y"));
    target_url_free(&url);
    assert_int_equal(target_url_parse("s3://bucket?x=1", &url, &err), 0);
    assert_string_equal(url.path, "");
    target_url_free(&url);
    target_url_free(&url);
}

static void test_traits(void **state)
{
    const struct target_traits *traits = target_traits(target_of(state));
    assert_string_equal(traits->name, "disk");
    assert_string_equal(traits->driver, "file");
    assert_string_equal(traits->provider, "folder");
    assert_string_equal(traits->country, "JP");
    assert_string_equal(traits->site, "osaka");
    assert_true(traits->create_once);
    assert_false(traits->versions || traits->lock || traits->listing_may_be_stale);
}

static void test_not_mounted(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct target *target = NULL;
    char url[400];
    /* An existing folder that is no target: the empty place where a disk should be mounted. */
    (void)snprintf(url, sizeof(url), "file://%s", f->folder);
    assert_int_equal(target_open("disk", url, false, &target, &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_non_null(strstr(err.hint, "is the disk mounted?"));
    (void)snprintf(url, sizeof(url), "file://%s/nowhere", f->folder);
    assert_int_equal(target_open("disk", url, false, &target, &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_non_null(strstr(err.hint, "is the disk mounted?"));
    /* With the marker it opens, also for writing, and escapes in the path are decoded. */
    (void)snprintf(url, sizeof(url), "file://localhost%s/one/%%74wo", f->folder);
    assert_int_equal(target_open("disk", url, false, &target, &err), 0);
    assert_null(target_traits(target)->country);
    conformance_put(target, "hikae1/store", "x", 1);
    assert_true(conformance_holds(target_of(state), "hikae1/store", "x", 1));
    target_close(target);
    /* A file in place of the folder. */
    (void)snprintf(url, sizeof(url), "file://%s/one/two/hikae1/store", f->folder);
    assert_int_equal(target_open("disk", url, false, &target, &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_int_equal(target_open("disk", url, true, &target, &err), -1);
}

static void expect_link_refused(struct target *target, const char *name)
{
    struct error err = {0};
    struct buf out = {0};
    uint64_t size = 0;
    assert_int_equal(target_get(target, name, 100, &out, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_non_null(strstr(err.hint, "symbolic link"));
    assert_int_equal(target_get_range(target, name, 0, 1, &out, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(target_stat(target, name, &size, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(target_put(target, name, "x", 1, TARGET_PUT_CREATE, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    buf_free(&out);
}

/* Somebody who can write to the target plants links that lead outside. */
static void test_symbolic_links(void **state)
{
    struct fixture *f = *state;
    struct target *target = target_of(state);
    struct conformance *c = &f->conformance;
    struct error err = {0};
    char outside[300];
    (void)snprintf(outside, sizeof(outside), "%s/outside", f->folder);
    assert_int_equal(mkdir(outside, 0700), 0);
    char secret[320];
    (void)snprintf(secret, sizeof(secret), "%s/secret", outside);
    assert_int_equal(file_write_atomic(secret, "s", 1, 0600, &err), 0);

    conformance_put(target, "hikae1/t/aa/p/real", "r", 1);
    assert_int_equal(symlink(secret, inside(state, "hikae1/t/aa/p/link")), 0);
    assert_int_equal(symlink(outside, inside(state, "hikae1/t/bb")), 0);
    assert_int_equal(symlink("aa", inside(state, "hikae1/t/cc")), 0);
    expect_link_refused(target, "hikae1/t/aa/p/link");
    expect_link_refused(target, "hikae1/t/bb/secret");
    expect_link_refused(target, "hikae1/t/cc/p/real");

    /* Not even with repair through a folder; in place of the object itself the link is replaced, not followed. */
    assert_int_equal(target_put(target, "hikae1/t/bb/new", "x", 1, TARGET_PUT_REPAIR, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(target_put(target, "hikae1/t/aa/p/link", "x", 1, TARGET_PUT_REPAIR, &err), 0);
    assert_true(conformance_holds(target, "hikae1/t/aa/p/link", "x", 1));
    /* Nor does deleting. */
    assert_int_equal(target_delete(&c->deleter, "hikae1/t/bb/secret", &err), -1);
    struct stat st;
    assert_int_equal(stat(secret, &st), 0);
    assert_int_equal(st.st_size, 1);

    char *names = conformance_listing(target, "", NULL);
    assert_string_equal(names, "hikae1/t/aa/p/link\nhikae1/t/aa/p/real\n");
    mem_free(names);
    assert_int_equal(count_temporaries(state), 0);
}

static void test_foreign_things(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    struct buf out = {0};
    conformance_put(target, "hikae1/t/aa/p/1", "1", 1);
    assert_int_equal(mkfifo(inside(state, "hikae1/t/aa/p/fifo"), 0600), 0);
    assert_int_equal(mkdir(inside(state, "hikae1/t/aa/p/folder"), 0700), 0);
    assert_int_equal(mkdir(inside(state, "lost+found"), 0700), 0);
    assert_int_equal(file_write_atomic(inside(state, "hikae1/t/.DS_Store"), "x", 1, 0600, &err), 0);
    assert_int_equal(target_get(target, "hikae1/t/aa/p/fifo", 10, &out, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(target_get(target, "hikae1/t/aa/p/folder", 10, &out, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(target_put(target, "hikae1/t/aa/p/folder", "x", 1, TARGET_PUT_REPAIR, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(count_temporaries(state), 0);
    char *names = conformance_listing(target, "", NULL);
    assert_string_equal(names, "hikae1/t/aa/p/1\n");
    mem_free(names);
    buf_free(&out);
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    conformance_put(target_of(state), "hikae1/store", "x", 1);
    assert_int_equal(file_write_atomic(inside(state, ".tmp/hikae-tmp-old"), "x", 1, 0600, &err), 0);
    struct timespec times[2] = {{.tv_sec = time(NULL) - 25 * 3600}, {.tv_sec = time(NULL) - 25 * 3600}};
    assert_int_equal(utimensat(AT_FDCWD, inside(state, ".tmp/hikae-tmp-old"), times, 0), 0);
    assert_int_equal(file_write_atomic(inside(state, ".tmp/hikae-tmp-new"), "x", 1, 0600, &err), 0);
    assert_int_equal(file_write_atomic(inside(state, ".tmp/other"), "x", 1, 0600, &err), 0);
    assert_int_equal(utimensat(AT_FDCWD, inside(state, ".tmp/other"), times, 0), 0);

    struct target *again = NULL;
    assert_int_equal(target_open("disk", f->url, false, &again, &err), 0);
    target_close(again);
    assert_int_equal(access(inside(state, ".tmp/hikae-tmp-old"), F_OK), -1);
    assert_int_equal(access(inside(state, ".tmp/hikae-tmp-new"), F_OK), 0);
    assert_int_equal(access(inside(state, ".tmp/other"), F_OK), 0);
}

enum { BIG = 3 * 1024 * 1024 };

static void put_until_killed(struct target *target, const uint8_t *bytes)
{
    struct error err = {0};
    for (unsigned i = 0;; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "hikae1/t/aa/p/%06u", i);
        if (target_put(target, name, bytes, BIG, TARGET_PUT_REPAIR, &err) != 0)
            _exit(1);
        if (i == 8)
            i = 0;
    }
}

static int check_whole(const struct target_object *object, void *context, struct error *err)
{
    (void)err;
    assert_int_equal(object->size, BIG);
    (*(unsigned *)context)++;
    return 0;
}

/* A writer that is killed at any moment leaves whole objects and nothing else that would be listed. */
static void test_killed(void **state)
{
    struct target *target = target_of(state);
    uint8_t *bytes = mem_alloc(BIG);
    memset(bytes, 'k', BIG);
    unsigned seed = 1;
    for (unsigned round = 0; round < 8; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            put_until_killed(target, bytes);
        struct timespec pause = {.tv_nsec = 2000000L + (long)rand_r(&seed) % 40000000L};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));

        unsigned count = 0;
        struct error err = {0};
        assert_int_equal(target_list(target, "", NULL, check_whole, &count, &err), 0);
        char *names = conformance_listing(target, "", NULL);
        for (char *name = names; *name != '\0';) {
            size_t size = strcspn(name, "\n");
            name[size] = '\0';
            assert_true(conformance_holds(target, name, bytes, BIG));
            name += size + 1;
        }
        mem_free(names);
    }
    mem_free(bytes);
}

/* Mount a small file system over the target's folder; false (with a message) where that is not allowed. */
static bool mount_small(void **state, const char *options)
{
    if (mount("tmpfs", inside(state, ""), "tmpfs", 0, options) == 0)
        return true;
    /* Whoever is no root, or in a container that lets nobody mount, has nothing to test with; else it is a fault. */
    if (errno != EPERM && errno != EACCES)
        fail_msg("mount a small file system: %s", strerror(errno));
    print_message("skipped: cannot mount a small file system here: %s\n", strerror(errno));
    return false;
}

static void check_full_disk(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct target *target = NULL;
    uint8_t bytes[65536];
    memset(bytes, 'f', sizeof(bytes));
    assert_int_equal(target_open("disk", f->url, true, &target, &err), 0);
    uint64_t space = 0;
    assert_int_equal(target_free_space(target, &space, &err), 0);
    assert_true(space > 0 && space <= 512 * 1024);

    unsigned stored = 0;
    for (; stored < 100; stored++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "hikae1/t/aa/p/%u", stored);
        if (target_put(target, name, bytes, sizeof(bytes), TARGET_PUT_CREATE, &err) != 0)
            break;
    }
    assert_true(stored > 0 && stored < 100);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_int_equal(err.errnum, ENOSPC);
    assert_non_null(strstr(err.hint, "free some space"));
    assert_int_equal(count_temporaries(state), 0);
    for (unsigned i = 0; i < stored; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "hikae1/t/aa/p/%u", i);
        assert_true(conformance_holds(target, name, bytes, sizeof(bytes)));
    }
    /* With space again, it goes on where it failed. */
    struct target_deleter deleter = {.target = target};
    assert_int_equal(target_delete(&deleter, "hikae1/t/aa/p/0", &err), 0);
    conformance_put(target, "hikae1/t/aa/p/100", bytes, sizeof(bytes));

    /* The same file system, read-only. */
    assert_int_equal(mount(NULL, inside(state, ""), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(target_put(target, "hikae1/t/aa/p/101", "x", 1, TARGET_PUT_CREATE, &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_int_equal(err.errnum, EROFS);
    assert_true(err.hint[0] != '\0');
    assert_true(conformance_holds(target, "hikae1/t/aa/p/100", bytes, sizeof(bytes)));
    target_close(target);
}

static void test_full_disk(void **state)
{
    if (!mount_small(state, "size=512k")) {
        skip();
        return;
    }
    check_full_disk(state);
    assert_int_equal(umount2(inside(state, ""), MNT_DETACH), 0);
}

/* In a child, as a user who may not write: exit code 0 if all is as it should be. */
static void check_denied(struct target *target)
{
    struct error err = {0};
    struct buf out = {0};
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        _exit(2);
    if (target_put(target, "hikae1/t/aa/p/2", "x", 1, TARGET_PUT_CREATE, &err) == 0 || err.class != ERROR_DENIED)
        _exit(3);
    if (target_get(target, "hikae1/t/aa/p/1", 10, &out, &err) == 0 || err.class != ERROR_DENIED || err.hint[0] == '\0')
        _exit(4);
    buf_free(&out);
    _exit(0);
}

static void test_denied(void **state)
{
    struct target *target = target_of(state);
    conformance_put(target, "hikae1/t/aa/p/1", "1", 1);
    assert_int_equal(chmod(inside(state, "hikae1"), 0), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        check_denied(target);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(chmod(inside(state, "hikae1"), 0700), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_url_parts),
        cmocka_unit_test_setup_teardown(test_traits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_mounted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_symbolic_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_symbolic_links, set_up_walking, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_things, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_things, set_up_walking, tear_down),
        cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_denied, set_up, tear_down),
        TARGET_CONFORMANCE_TESTS(set_up, tear_down),
        TARGET_CONFORMANCE_TESTS(set_up_walking, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
