/* The walk: its order, what it says of each entry, and what it leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "walk_fixture.h"

/* ---- Order ---- */

static void test_order(void **state)
{
    struct fixture *f = *state;
    static const char *const folders[] = {"a", "a/b", "a-b", "a.b", "z", "z/y", "z/y/x", "empty"};
    static const char *const files[] = {"a/b/2", "a/b/10", "a/c",      "a-b/x",   "a.b/x",
                                        "b",     "B",      "\xff\xfe", "z/y/x/w", "z/z"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        make_folder(f->fd, folders[i]);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        make_file(f->fd, files[i], "");
    struct walk_options options = {.source = "s", .path = f->path};
    assert_listing(&options, "s\n"
                             "s/B\ns/a\ns/a-b\ns/a.b\ns/b\ns/empty\ns/z\ns/\xff\xfe\n"
                             "s/a/b\ns/a/c\n"
                             "s/a/b/10\ns/a/b/2\n"
                             "s/a-b/x\n"
                             "s/a.b/x\n"
                             "s/z/y\ns/z/z\n"
                             "s/z/y/x\n"
                             "s/z/y/x/w\n");
}

static void test_empty_source(void **state)
{
    struct fixture *f = *state;
    struct walk_options options = {.source = "only", .path = f->path};
    assert_listing(&options, "only\n");
    struct walk *walk = open_walk(&options);
    struct walk_entry *root = next(walk);
    const struct entry *e = walk_entry_stat(root);
    assert_int_equal(e->dir.size, 0);
    assert_int_equal(e->type, ENTRY_DIRECTORY);
    assert_int_equal(e->mode, 0755);
    int fd = -1;
    struct error err;
    assert_int_equal(walk_entry_open(root, &fd, &(struct stat){0}, &err), 0);
    assert_int_equal(walk_read_metadata(walk, root, fd, &err), 0);
    (void)close(fd);
    assert_null(next(walk));
    assert_null(next(walk));
    walk_close(walk);
    walk_entry_release(root);
}

/* Many folders of many sizes: nothing lost, nothing twice, while both threads read. */
static void test_wide_tree(void **state)
{
    struct fixture *f = *state;
    size_t made = 1;
    for (unsigned i = 0; i < 400; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "d%u", i);
        make_folder(f->fd, name);
        made++;
        for (unsigned j = 0; j < i % 23; j++) {
            (void)snprintf(name, sizeof(name), "d%u/%c%u", i, j % 3 == 0 ? 'd' : 'f', j);
            if (j % 3 == 0)
                make_folder(f->fd, name);
            else
                make_file(f->fd, name, "");
            made++;
        }
    }
    struct walk_options options = {.source = "s", .path = f->path};
    for (int i = 0; i < 10; i++) {
        size_t count;
        mem_free(listing_of(&options, &count));
        assert_int_equal(count, made);
    }
}

static void test_one_large_folder(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 100000 }; /* more than is read ahead */
    make_folder(f->fd, "large");
    int fd = openat(f->fd, "large", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    /* Links of a few files: to make as many files takes ten times as long. */
    char first[64] = "";
    for (unsigned i = 0; i < COUNT; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%u", i);
        if (i % 25000 == 0) {
            make_file(fd, name, "");
            memcpy(first, name, sizeof(first));
        } else {
            assert_int_equal(linkat(fd, first, fd, name, 0), 0);
        }
    }
    (void)close(fd);
    make_folder(f->fd, "next");
    make_file(f->fd, "next/one", "");
    struct walk_options options = {.source = "s", .path = f->path};
    size_t count;
    CLEANUP_FREE char *all = listing_of(&options, &count);
    assert_int_equal(count, COUNT + 4);
    assert_non_null(strstr(all, "s/large/99999\ns/next/one\n"));
}

enum { DEPTH = 1000 };

static void make_deep(int at, const char *name)
{
    int fd = dup(at);
    for (unsigned i = 0; i < DEPTH; i++) {
        make_folder(fd, name);
        make_file(fd, "file", "deep");
        int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        (void)close(fd);
        fd = below;
    }
    (void)close(fd);
}

static void test_deep_tree(void **state)
{
    struct fixture *f = *state;
    const char *name = "a-folder-with-a-name-of-about-fifty-characters-each";
    make_deep(f->fd, name);
    struct walk_options options = {.source = "s", .path = f->path};
    struct walk *walk = open_walk(&options);
    struct walk_entry *last = NULL;
    size_t count = 0;
    for (struct walk_entry *entry; (entry = next(walk)) != NULL; count++) {
        if (walk_entry_stat(entry)->type == ENTRY_FILE) {
            walk_entry_release(last);
            last = entry;
        } else {
            walk_entry_release(entry);
        }
    }
    assert_int_equal(count, 2 * DEPTH + 1);
    assert_int_equal(walk_entry_stat(last)->dir.size, 1 + (DEPTH - 1) * (strlen(name) + 1));
    char text[5] = "";
    int fd = -1;
    struct error err;
    assert_int_equal(walk_entry_open(last, &fd, &(struct stat){0}, &err), 0);
    assert_int_equal(file_pread_full(fd, text, 4, 0), 4);
    assert_string_equal(text, "deep");
    assert_int_equal(walk_read_metadata(walk, last, fd, &err), 0);
    (void)close(fd);
    walk_close(walk);
    walk_entry_release(last);
}

/* ---- Running short of descriptors ---- */

/* In a child, because a hard limit cannot be raised again: 0 if all files of the tree could be opened. */
static int open_all_with_few_descriptors(const char *path)
{
    struct rlimit limit = {32, 32};
    struct walk *walk = NULL;
    struct error err;
    struct walk_options options = {.source = "s", .path = path};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || walk_open(&options, &walk, &err) < 0)
        return 1;
    enum { KEPT = 4096 };
    static struct walk_entry *kept[KEPT];
    size_t count = 0;
    struct walk_entry *entry;
    int result;
    while ((result = walk_next(walk, &entry, &err)) > 0 && count < KEPT)
        kept[count++] = entry;
    if (result != 0 || count != 2 * DEPTH + 1 + 2 * 300)
        return 2;
    for (size_t i = 0; i < count; i++) {
        int fd = -1;
        if (walk_entry_stat(kept[i])->type == ENTRY_FILE && i % 7 == 0) {
            if (walk_entry_open(kept[i], &fd, &(struct stat){0}, &err) < 0)
                return 3;
            (void)close(fd);
        }
        walk_entry_release(kept[i]);
    }
    walk_close(walk);
    return 0;
}

static void test_few_descriptors(void **state)
{
    struct fixture *f = *state;
    make_deep(f->fd, "d");
    for (unsigned i = 0; i < 300; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "w%u", i);
        make_folder(f->fd, name);
        (void)snprintf(name, sizeof(name), "w%u/file", i);
        make_file(f->fd, name, "");
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(open_all_with_few_descriptors(f->path));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_the_file_limit_is_raised(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit lower = {64, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    struct walk_options options = {.source = "s", .path = f->path};
    walk_close(open_walk(&options));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &lower), 0);
    assert_int_equal(lower.rlim_cur, limit.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* ---- What statx says ---- */

static void make_socket(const struct fixture *f, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", f->path, name);
    assert_true(size > 0 && (size_t)size < sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(fd);
}

static void test_types(void **state)
{
    struct fixture *f = *state;
    make_file(f->fd, "file", "twelve bytes");
    assert_int_equal(fchmodat(f->fd, "file", 04751, 0), 0);
    const struct timespec times[2] = {{1, 2}, {-3, 4}};
    assert_int_equal(utimensat(f->fd, "file", times, 0), 0);
    assert_int_equal(linkat(f->fd, "file", f->fd, "hard", 0), 0);
    assert_int_equal(symlinkat("nowhere/at all", f->fd, "link"), 0);
    assert_int_equal(mkfifoat(f->fd, "pipe", 0600), 0);
    make_socket(f, "socket");
    bool device = mknodat(f->fd, "zdevice", S_IFCHR | 0600, makedev(1, 3)) == 0;

    struct warnings warnings = {0};
    struct walk_options options = {.source = "s", .path = f->path, .warn = remember, .warn_context = &warnings};
    struct walk *walk = open_walk(&options);
    struct error err;
    uint64_t devices[2];
    uint64_t inodes[2];

    struct walk_entry *entry = find(walk, "file");
    const struct entry *e = walk_entry_stat(entry);
    assert_int_equal(e->type, ENTRY_FILE);
    assert_int_equal(e->size, 12);
    assert_int_equal(e->mode, 04751);
    assert_int_equal(e->uid, getuid());
    assert_int_equal(e->gid, getgid());
    assert_int_equal(e->mtime_s, -3);
    assert_int_equal(e->mtime_ns, 4);
    assert_true(e->ctime_s > 0);
    assert_int_equal(walk_entry_links(entry), 2);
    walk_entry_identity(entry, &devices[0], &inodes[0]);
    assert_int_equal(inodes[0], e->inode);
    walk_entry_release(entry);

    entry = find(walk, "hard");
    walk_entry_identity(entry, &devices[1], &inodes[1]);
    assert_int_equal(devices[0], devices[1]);
    assert_int_equal(inodes[0], inodes[1]);
    walk_entry_release(entry);

    entry = find(walk, "link");
    e = walk_entry_stat(entry);
    assert_int_equal(e->type, ENTRY_SYMLINK);
    assert_int_equal(e->size, 0);
    assert_int_equal(e->link.size, 0);
    assert_int_equal(walk_read_metadata(walk, entry, -1, &err), 0);
    struct bytes expected = bytes_of("nowhere/at all");
    assert_true(bytes_equal(&e->link, &expected));
    walk_entry_release(entry);

    static const struct {
        const char *name;
        enum entry_type type;
    } rows[] = {{"pipe", ENTRY_FIFO}, {"socket", ENTRY_SOCKET}, {"zdevice", ENTRY_CHARACTER_DEVICE}};
    for (size_t i = 0; i < (device ? 3 : 2); i++) {
        entry = find(walk, rows[i].name);
        assert_int_equal(walk_entry_stat(entry)->type, rows[i].type);
        assert_int_equal(walk_entry_stat(entry)->device_major, rows[i].type == ENTRY_CHARACTER_DEVICE ? 1 : 0);
        assert_int_equal(walk_entry_stat(entry)->device_minor, rows[i].type == ENTRY_CHARACTER_DEVICE ? 3 : 0);
        assert_int_equal(walk_read_metadata(walk, entry, -1, &err), 0);
        walk_entry_release(entry);
    }
    walk_close(walk);
    assert_int_equal(warnings.count, 0);
}

static void test_entries_outlive_the_walk(void **state)
{
    struct fixture *f = *state;
    make_folder(f->fd, "d");
    make_file(f->fd, "d/file", "still here");
    struct walk_options options = {.source = "s", .path = f->path};
    struct walk *walk = open_walk(&options);
    struct walk_entry *entry = find(walk, "file");
    walk_close(walk);
    int fd = -1;
    struct error err;
    assert_int_equal(walk_entry_open(entry, &fd, &(struct stat){0}, &err), 0);
    char text[11] = "";
    assert_int_equal(file_pread_full(fd, text, 10, 0), 10);
    assert_string_equal(text, "still here");
    (void)close(fd);
    walk_entry_release(entry);
    walk_entry_release(NULL);
    walk_close(NULL);
}

/* ---- What is left out ---- */

static void test_exclusion(void **state)
{
    struct fixture *f = *state;
    make_folder(f->fd, "keep");
    make_folder(f->fd, "skip");
    make_folder(f->fd, "keep/cache");
    make_file(f->fd, "keep/a.tmp", "");
    make_file(f->fd, "keep/a.txt", "");
    make_file(f->fd, "keep/cache/x", "");
    make_file(f->fd, "skip/x", "");
    make_file(f->fd, "cache", "a file of that name");
    const char *patterns[] = {"*.tmp", "cache/", "/skip"};
    struct walk_options options = {.source = "s", .path = f->path, .exclude = patterns, .exclude_count = 3};
    assert_listing(&options, "s\ns/cache\ns/keep\ns/keep/a.txt\n");

    const char *wrong[] = {"a["};
    options.exclude = wrong;
    options.exclude_count = 1;
    struct walk *walk = NULL;
    struct error err;
    assert_int_equal(walk_open(&options, &walk, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
}

static void test_folders_of_caches(void **state)
{
    struct fixture *f = *state;
    static const char valid[] = "Signature: 8a477f597d28d172789f06886806bc55\n# This is a cache.\n";
    static const char *const folders[] = {"a", "a/sub", "b", "c", "d", "d/CACHEDIR.TAG"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        make_folder(f->fd, folders[i]);
    make_file(f->fd, "a/CACHEDIR.TAG", valid);
    make_file(f->fd, "a/A", "before the tag");
    make_file(f->fd, "a/data", "");
    make_file(f->fd, "a/sub/data", "");
    make_file(f->fd, "b/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc5");
    make_file(f->fd, "b/data", "");
    /* A link to a valid tag is none: whoever wrote it may not own what it points to. */
    assert_int_equal(symlinkat("../a/CACHEDIR.TAG", f->fd, "c/CACHEDIR.TAG"), 0);
    make_file(f->fd, "c/data", "");
    struct walk_options options = {.source = "s", .path = f->path, .exclude_caches = true};
    assert_listing(&options, "s\ns/a\ns/b\ns/c\ns/d\n"
                             "s/a/CACHEDIR.TAG\n"
                             "s/b/CACHEDIR.TAG\ns/b/data\n"
                             "s/c/CACHEDIR.TAG\ns/c/data\n"
                             "s/d/CACHEDIR.TAG\n");
    options.exclude_caches = false;
    size_t count;
    mem_free(listing_of(&options, &count));
    assert_int_equal(count, 15);
}

static void test_one_file_system(void **state)
{
    (void)state;
    struct stat dev;
    struct stat shm;
    /* /dev/shm is a file system of its own nearly everywhere. */
    assert_int_equal(stat("/dev", &dev), 0);
    if (stat("/dev/shm", &shm) != 0 || dev.st_dev == shm.st_dev)
        skip();
    char path[] = "/dev/shm/hikae-walk-XXXXXX";
    assert_non_null(mkdtemp(path)); /* it is there, so it is everybody's */
    struct warnings warnings = {0};
    struct walk_options options = {.source = "s", .path = "/dev", .warn = remember, .warn_context = &warnings};
    CLEANUP_FREE char *all = listing_of(&options, NULL);
    options.one_file_system = true;
    CLEANUP_FREE char *one = listing_of(&options, NULL);
    assert_int_equal(rmdir(path), 0);
    assert_non_null(strstr(all, "\ns/shm/hikae-walk-"));
    assert_non_null(strstr(one, "\ns/shm\n"));
    assert_null(strstr(one, "\ns/shm/"));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order),
        TEST(test_empty_source),
        TEST(test_wide_tree),
        TEST(test_one_large_folder),
        TEST(test_deep_tree),
        TEST(test_few_descriptors),
        TEST(test_the_file_limit_is_raised),
        TEST(test_types),
        TEST(test_entries_outlive_the_walk),
        TEST(test_exclusion),
        TEST(test_folders_of_caches),
        TEST(test_one_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
