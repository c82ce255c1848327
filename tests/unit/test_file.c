/* Files: whole or not at all, within limits, at offsets; trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct folder {
    char path[200];
    char file[256];
};

static int make_folder(void **state)
{
    struct folder *folder = mem_calloc(1, sizeof(*folder));
    if (folder == NULL)
        return -1;
    if (scratch_make(folder->path, sizeof(folder->path), "base") != 0)
        return -1;
    (void)snprintf(folder->file, sizeof(folder->file), "%s/file", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    int rc = file_remove_tree(folder->path, NULL);
    mem_free(folder);
    return rc;
}

static void assert_holds(const char *path, const char *text)
{
    CLEANUP(buf_free) struct buf buf = {0};
    assert_int_equal(file_read(path, 1000, &buf, NULL), 0);
    assert_int_equal(buf.size, strlen(text));
    assert_memory_equal(buf.data, text, buf.size);
}

static void test_atomic_write(void **state)
{
    const struct folder *folder = *state;
    struct stat st;
    assert_int_equal(file_write_atomic(folder->file, "one", 3, 0600, NULL), 0);
    assert_int_equal(file_write_atomic(folder->file, "another", 7, 0640, NULL), 0);
    assert_holds(folder->file, "another");
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_nlink, 1);

    /* A temporary file that a crash left behind does not stand in the way, and none stays. */
    char left[300];
    (void)snprintf(left, sizeof(left), "%s.tmp-%ld", folder->file, (long)getpid());
    int fd = open(left, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(file_write_atomic(folder->file, "third", 5, 0600, NULL), 0);
    assert_int_equal(access(left, F_OK), -1);

    /* A link is replaced, not followed. */
    char link_path[300];
    (void)snprintf(link_path, sizeof(link_path), "%s/link", folder->path);
    assert_int_equal(symlink(folder->file, link_path), 0);
    assert_int_equal(file_write_atomic(link_path, "fourth", 6, 0600, NULL), 0);
    assert_holds(folder->file, "third");
    assert_holds(link_path, "fourth");
}

static void test_durable_creation_refuses(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    assert_int_equal(file_create_durable(folder->file, "one", 3, 0600, &err), 0);
    assert_int_equal(file_create_durable(folder->file, "two", 3, 0600, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_holds(folder->file, "one");
    char missing[300];
    (void)snprintf(missing, sizeof(missing), "%s/none/file", folder->path);
    assert_int_equal(file_create_durable(missing, "x", 1, 0600, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    assert_non_null(strstr(err.what, missing));
}

static void test_file_read_is_limited(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    CLEANUP(buf_free) struct buf buf = {0};
    assert_int_equal(file_read(folder->file, 10, &buf, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    assert_int_equal(file_write_atomic(folder->file, "0123456789", 10, 0600, &err), 0);
    assert_int_equal(file_read(folder->file, 9, &buf, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    buf.size = 0;
    assert_int_equal(buf_append(&buf, "> ", 2, &err), 0);
    assert_int_equal(file_read(folder->file, 10, &buf, &err), 0);
    assert_int_equal(buf.size, 12);
    assert_memory_equal(buf.data, "> 0123456789", 12);
    assert_int_equal(file_read(folder->path, 10, &buf, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
}

static void test_reads_and_writes_at_offsets(void **state)
{
    const struct folder *folder = *state;
    int fd = -1;
    char out[8] = {0};
    assert_int_equal(file_temporary(folder->path, &fd, NULL), 0);
    CLEANUP_FD int owned = fd;
    assert_int_equal(file_pwrite_full(owned, "world", 5, 100), 0);
    assert_int_equal(file_pread_full(owned, out, 5, 100), 5);
    assert_string_equal(out, "world");
    assert_int_equal(file_pread_full(owned, out, 8, 103), 2);
    assert_int_equal(file_pread_full(owned, out, 8, 1000), 0);
    assert_int_equal(file_pread_full(-1, out, 8, 0), -1);
    assert_int_equal(file_write_full(-1, "x", 1), -1);
    struct error err = {0};
    assert_int_equal(file_temporary("/nonexistent", &fd, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
}

static void test_trees(void **state)
{
    const struct folder *folder = *state;
    char deep[400], link_path[500];
    struct error err = {0};
    (void)snprintf(deep, sizeof(deep), "%s/tree/a/b/c", folder->path);
    assert_int_equal(file_mkdirs(deep, 0700, &err), 0);
    assert_int_equal(file_mkdirs(deep, 0700, &err), 0);
    assert_int_equal(file_write_atomic(folder->file, "stays", 5, 0600, &err), 0);
    (void)snprintf(link_path, sizeof(link_path), "%s/link", deep);
    assert_int_equal(symlink(folder->path, link_path), 0);
    (void)snprintf(deep, sizeof(deep), "%s/tree", folder->path);
    assert_int_equal(file_remove_tree(deep, &err), 0);
    assert_int_equal(access(deep, F_OK), -1);
    assert_holds(folder->file, "stays");
    assert_int_equal(file_remove_tree(deep, &err), 0);
    (void)snprintf(deep, sizeof(deep), "%s/below", folder->file);
    assert_int_equal(file_mkdirs(deep, 0700, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
}

static void test_folders_that_cannot_be(void **state)
{
    const struct folder *folder = *state;
    struct error err = {0};
    char path[400];
    /* Where a file has the name, no folder was made, whoever asks. */
    assert_int_equal(file_write_atomic(folder->file, "stays", 5, 0600, &err), 0);
    assert_int_equal(file_mkdirs(folder->file, 0700, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    assert_non_null(strstr(err.what, "Not a directory"));
    assert_int_equal(file_mkdirs("", 0700, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    assert_int_equal(file_mkdirs("/", 0700, &err), 0);
    (void)snprintf(path, sizeof(path), "%s//twice//named/", folder->path);
    assert_int_equal(file_mkdirs(path, 0700, &err), 0);
    assert_int_equal(access(path, F_OK), 0);
    (void)snprintf(path, sizeof(path), "%s/missing", folder->path);
    assert_int_equal(symlink("/nonexistent", path), 0);
    assert_int_equal(file_mkdirs(path, 0700, &err), -1);
}

enum { WRITERS = 4, ROUNDS = 200 };

static void *write_often(void *context)
{
    const struct folder *folder = context;
    char text[4096];
    struct error err = {0};
    intptr_t failed = 0;
    for (int i = 0; i < ROUNDS; i++) {
        memset(text, 'a' + i % 26, sizeof(text));
        failed += file_write_atomic(folder->file, text, sizeof(text), 0600, &err) != 0;
    }
    return (void *)failed;
}

/* Whatever threads write the same file at once, it is whole, and is one of what was written. */
static void test_writers_at_once(void **state)
{
    struct folder *folder = *state;
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_often, folder), 0);
    void *failed = NULL;
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_int_equal((intptr_t)failed, 0);
    }
    CLEANUP(buf_free) struct buf text = {0};
    assert_int_equal(file_read(folder->file, 4096, &text, NULL), 0);
    assert_int_equal(text.size, 4096);
    for (size_t i = 1; i < text.size; i++)
        assert_int_equal(text.data[i], text.data[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_atomic_write, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_durable_creation_refuses, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_read_is_limited, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_reads_and_writes_at_offsets, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_trees, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_folders_that_cannot_be, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_writers_at_once, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
