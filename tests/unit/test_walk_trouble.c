/* The walk of what cannot be read, changes meanwhile, or is given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "walk_fixture.h"

/* ---- What goes wrong ---- */

static void test_what_cannot_be_walked(void **state)
{
    struct fixture *f = *state;
    make_file(f->fd, "file", "");
    char file[300];
    char none[300];
    (void)snprintf(file, sizeof(file), "%s/file", f->path);
    (void)snprintf(none, sizeof(none), "%s/none", f->path);
    const struct {
        const char *source;
        const char *path;
        enum error_class class;
    } rows[] = {
        {"s", file, ERROR_SOURCE},      {"s", none, ERROR_SOURCE},     {"", f->path, ERROR_CONFIG},
        {"a/b", f->path, ERROR_CONFIG}, {"..", f->path, ERROR_CONFIG},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct walk_options options = {.source = rows[i].source, .path = rows[i].path};
        struct walk *walk = NULL;
        struct error err;
        assert_int_equal(walk_open(&options, &walk, &err), -1);
        assert_int_equal(err.class, rows[i].class);
        if (err.class == ERROR_SOURCE) {
            assert_non_null(strstr(err.what, rows[i].path));
            assert_true(err.hint[0] != '\0');
        }
    }
}

static void test_denied(void **state)
{
    struct fixture *f = *state;
    make_folder(f->fd, "closed");
    make_file(f->fd, "closed/inside", "");
    make_folder(f->fd, "open");
    make_file(f->fd, "open/secret", "");
    make_file(f->fd, "open/shared", "");
    assert_int_equal(fchmodat(f->fd, "closed", 0, 0), 0);
    assert_int_equal(fchmodat(f->fd, "open/secret", 0, 0), 0);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(65534), 0);
    struct warnings warnings = {0};
    struct walk_options options = {.source = "s", .path = f->path, .warn = remember, .warn_context = &warnings};
    assert_listing(&options, "s\ns/closed\ns/open\ns/open/secret\ns/open/shared\n");
    assert_int_equal(warnings.count, 1);
    assert_string_equal(warnings.path, "closed");
    assert_non_null(strstr(warnings.last, "closed"));

    struct walk *walk = open_walk(&options);
    struct walk_entry *secret = find(walk, "secret");
    int fd = -1;
    struct error err;
    assert_int_equal(walk_entry_open(secret, &fd, &(struct stat){0}, &err), -1);
    assert_int_equal(err.class, ERROR_SOURCE);
    assert_int_equal(err.errnum, EACCES);
    assert_non_null(strstr(err.what, "open/secret"));
    assert_int_equal(walk_read_metadata(walk, secret, -1, &err), 0);
    walk_entry_release(secret);
    /* Another user's file: O_NOATIME is refused, the file is not. */
    struct walk_entry *shared = find(walk, "shared");
    assert_int_equal(walk_entry_open(shared, &fd, &(struct stat){0}, &err), 0);
    (void)close(fd);
    walk_entry_release(shared);
    walk_close(walk);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchmodat(f->fd, "closed", 0755, 0), 0);
}

static void test_files_that_change(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"folder", "gone", "link", "other", "pipe"};
    for (size_t i = 0; i < 5; i++)
        make_file(f->fd, names[i], names[i]);
    struct walk_options options = {.source = "s", .path = f->path};
    struct walk *walk = open_walk(&options);
    struct walk_entry *entries[5];
    for (size_t i = 0; i < 5; i++)
        entries[i] = find(walk, names[i]);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(unlinkat(f->fd, names[i], 0), 0);
    make_folder(f->fd, "folder");
    assert_int_equal(symlinkat("/etc/passwd", f->fd, "link"), 0);
    make_file(f->fd, "other", "a new file is read as it is");
    assert_int_equal(mkfifoat(f->fd, "pipe", 0600), 0); /* must not hang */

    static const int errnums[] = {0, ENOENT, ELOOP, -1, 0};
    for (size_t i = 0; i < 5; i++) {
        int fd = -1;
        struct error err;
        int result = walk_entry_open(entries[i], &fd, &(struct stat){0}, &err);
        if (errnums[i] < 0) {
            /* The entry is the file that was opened, not the one that was listed. */
            struct stat st;
            assert_int_equal(result, 0);
            assert_int_equal(fstat(fd, &st), 0);
            assert_int_equal(walk_entry_stat(entries[i])->size, strlen("a new file is read as it is"));
            assert_int_equal(walk_entry_stat(entries[i])->ctime_ns, st.st_ctim.tv_nsec);
            assert_int_equal(walk_entry_stat(entries[i])->inode, st.st_ino);
            (void)close(fd);
        } else {
            assert_int_equal(result, -1);
            assert_int_equal(err.class, ERROR_SOURCE);
            assert_int_equal(err.errnum, errnums[i]);
        }
        walk_entry_release(entries[i]);
    }
    walk_close(walk);
}

/* A core, and the folder of f as a root. */
static struct walk_folder *root_of(const struct fixture *f, struct warnings *warnings)
{
    struct walk_options options = {.source = "s", .path = f->path, .warn = remember, .warn_context = warnings};
    struct walk_core *core = NULL;
    struct error err;
    struct stat st;
    assert_int_equal(walk_core_new(&options, &core, &err), 0);
    assert_int_equal(fstat(f->fd, &st), 0);
    struct walk_folder *root = walk_folder_new(core, NULL, "s", 1, st.st_dev, st.st_ino);
    assert_non_null(root);
    walk_folder_set_root_fd(root, dup(f->fd));
    return root;
}

/* Between the listing of the parent and the opening: removed, replaced by a link, a file, another folder. */
static void test_folders_that_change(void **state)
{
    struct fixture *f = *state;
    make_folder(f->fd, "folder");
    make_file(f->fd, "folder/inside", "");
    make_file(f->fd, "file", "");
    assert_int_equal(symlinkat("folder", f->fd, "link"), 0);
    struct stat st;
    assert_int_equal(fstatat(f->fd, "folder", &st, 0), 0);
    const struct {
        const char *name;
        uint64_t inode;
        size_t found;
        size_t warned;
    } rows[] = {
        {"folder", st.st_ino, 1, 0}, {"folder", st.st_ino + 1, 0, 1}, {"gone", st.st_ino, 0, 0},
        {"file", st.st_ino, 0, 1},   {"link", st.st_ino, 0, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct warnings warnings = {0};
        struct walk_folder *root = root_of(f, &warnings);
        size_t size = strlen(rows[i].name);
        struct walk_folder *folder = walk_folder_new(root->core, root, rows[i].name, size, st.st_dev, rows[i].inode);
        assert_non_null(folder);
        struct walk_listing listing = {0};
        struct walk_batch *batch = NULL;
        struct error err;
        assert_int_equal(walk_listing_start(&listing, folder, &err), 0);
        assert_int_equal(walk_listing_batch(&listing, &batch, &err), 0);
        assert_true(walk_listing_at_end(&listing));
        assert_int_equal(batch != NULL ? batch->count : 0, rows[i].found);
        assert_int_equal(warnings.count, rows[i].warned);
        if (rows[i].warned > 0)
            assert_string_equal(warnings.path, rows[i].name);
        walk_listing_free(&listing);
        if (batch != NULL)
            walk_batch_release(batch, batch->count + 1);
        walk_folder_release(folder);
        walk_folder_release(root);
    }
}

static void test_cancelled(void **state)
{
    struct fixture *f = *state;
    make_folder(f->fd, "d");
    make_file(f->fd, "d/file", "");
    struct cancel cancel;
    atomic_init(&cancel.wanted, false);
    struct walk_options options = {.source = "s", .path = f->path, .cancel = &cancel};
    struct walk *walk = open_walk(&options);
    walk_entry_release(next(walk));
    cancel_request(&cancel);
    struct walk_entry *entry = NULL;
    struct error err;
    assert_int_equal(walk_next(walk, &entry, &err), -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
    walk_close(walk);
}

static void test_closed_in_the_middle(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 200; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%03u", i);
        make_folder(f->fd, name);
    }
    struct walk_options options = {.source = "s", .path = f->path};
    for (unsigned stop = 0; stop < 200; stop += 13) {
        struct walk *walk = open_walk(&options);
        for (unsigned i = 0; i < stop; i++)
            walk_entry_release(next(walk));
        walk_close(walk);
    }
}

/* ---- A tree that changes under the walk ---- */

struct disturber {
    int fd;
    atomic_bool stop;
};

static void *disturb(void *argument)
{
    struct disturber *d = argument;
    for (unsigned i = 0; !atomic_load(&d->stop); i++) {
        char a[32];
        char b[32];
        (void)snprintf(a, sizeof(a), "d%u", i % 50);
        (void)snprintf(b, sizeof(b), "e%u", i % 7);
        (void)renameat(d->fd, a, d->fd, b);
        (void)mkdirat(d->fd, a, 0755);
        (void)snprintf(a, sizeof(a), "d%u/f%u", i % 50, i % 11);
        (void)mknodat(d->fd, a, S_IFREG | 0600, 0);
        (void)unlinkat(d->fd, b, AT_REMOVEDIR);
    }
    return NULL;
}

static void test_restless_tree(void **state)
{
    struct fixture *f = *state;
    struct disturber d = {.fd = f->fd};
    atomic_init(&d.stop, false);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, disturb, &d), 0);
    struct warnings warnings = {0};
    struct walk_options options = {.source = "s", .path = f->path, .warn = remember, .warn_context = &warnings};
    for (int i = 0; i < 100; i++)
        mem_free(listing_of(&options, NULL)); /* which checks the order */
    atomic_store(&d.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_cannot_be_walked), TEST(test_denied),    TEST(test_files_that_change),
        TEST(test_folders_that_change),   TEST(test_cancelled), TEST(test_closed_in_the_middle),
        TEST(test_restless_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
