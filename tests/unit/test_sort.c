/* Entries of archives, put into the manifest's order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pipeline/batch.h"

#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char scratch[256];

static int make_scratch(void **state)
{
    (void)state;
    return scratch_make(scratch, sizeof(scratch), "sort");
}

static int remove_scratch(void **state)
{
    (void)state;
    return rmdir(scratch);
}

struct seen {
    char text[2048];
    struct entry *last;
};

static int note(struct entry *entry, void *context, struct error *err)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);
    (void)err;
    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%.*s/%.*s %d%s%.*s %u\n", (int)entry->dir.size,
                   (const char *)entry->dir.data, (int)entry->name.size, (const char *)entry->name.data,
                   (int)entry->type, entry->link.size > 0 ? " to " : "", (int)entry->link.size,
                   (const char *)entry->link.data, (unsigned)entry->size);
    if (seen->last != NULL)
        assert_true(entry_path_compare(&seen->last->dir, &seen->last->name, &entry->dir, &entry->name) < 0);
    entry_free(seen->last);
    seen->last = entry_dup(entry);
    assert_non_null(seen->last);
    return 0;
}

static struct entry_sorter *new_sorter(size_t memory_limit)
{
    struct entry_sorter *sorter = NULL;
    struct error err = {0};
    if (entry_sorter_new(scratch, memory_limit, &sorter, &err) != 0)
        fail_msg("%s", err.what);
    return sorter;
}

static void add(struct entry_sorter *sorter, const char *dir, const char *name, enum entry_type type, const char *link,
                uint64_t size)
{
    struct entry entry = {.dir = bytes_of(dir), .name = bytes_of(name), .type = type, .size = size};
    struct error err;
    if (link != NULL)
        entry.link = bytes_of(link);
    assert_int_equal(entry_sorter_take(sorter, entry_dup(&entry), &err), 0);
}

static void expect(struct entry_sorter *sorter, const char *text)
{
    struct seen seen = {0};
    struct error err;
    assert_int_equal(entry_sorter_finish(sorter, note, &seen, &err), 0);
    assert_string_equal(seen.text, text);
    entry_free(seen.last);
    entry_sorter_free(sorter);
}

static void test_order_and_folders(void **state)
{
    struct entry_sorter *sorter = new_sorter(*(const size_t *)*state);
    add(sorter, "s/b/c", "y", ENTRY_FILE, NULL, 1);
    add(sorter, "s", "b", ENTRY_DIRECTORY, NULL, 0);
    add(sorter, "s/b/c", "x", ENTRY_FILE, NULL, 2);
    add(sorter, "s", "z", ENTRY_FILE, NULL, 3);
    add(sorter, "s", "z", ENTRY_FILE, NULL, 4); /* the last counts */
    expect(sorter, "/s 2 0\ns/b 2 0\ns/z 1 4\ns/b/c 2 0\ns/b/c/x 1 2\ns/b/c/y 1 1\n");
}

/* The earliest name of a file is the file, wherever the archive had it. */
static void test_links_before_their_file(void **state)
{
    struct entry_sorter *sorter = new_sorter(*(const size_t *)*state);
    add(sorter, "s", "m", ENTRY_FILE, NULL, 7);
    add(sorter, "s", "z", ENTRY_HARDLINK, "s/m", 0);
    add(sorter, "s", "b", ENTRY_HARDLINK, "s/m", 0);
    add(sorter, "s", "a", ENTRY_HARDLINK, "s/b", 0); /* a link to a link */
    add(sorter, "s", "c", ENTRY_FILE, NULL, 8);
    add(sorter, "s", "d", ENTRY_HARDLINK, "s/c", 0);
    expect(sorter, "/s 2 0\ns/a 1 7\ns/b 4 to s/a 0\ns/c 1 8\ns/d 4 to s/c 0\ns/m 4 to s/a 0\ns/z 4 to s/a 0\n");
}

static void test_odd_links(void **state)
{
    struct entry_sorter *sorter = new_sorter(*(const size_t *)*state);
    add(sorter, "s", "a", ENTRY_HARDLINK, "s/missing", 0);
    add(sorter, "s", "b", ENTRY_HARDLINK, "s/b", 0);
    add(sorter, "s", "c", ENTRY_HARDLINK, "s/d", 0);
    add(sorter, "s", "d", ENTRY_HARDLINK, "s/c", 0);
    add(sorter, "s", "e", ENTRY_HARDLINK, "s/f", 0);
    add(sorter, "s", "f", ENTRY_SYMLINK, "x", 0);
    expect(sorter, "/s 2 0\ns/a 1 0\ns/b 1 0\ns/c 1 0\ns/d 1 0\ns/e 3 to x 0\ns/f 3 to x 0\n");
}

/* ---- More than memory holds ---- */

enum { ENTRIES = 6000 };

/* As archives come: in no order, with folders left out, paths that come twice, and links to anything. */
static void add_random(struct entry_sorter *sorter, unsigned seed)
{
    struct error err;
    unsigned random = seed;
    for (unsigned i = 0; i < ENTRIES; i++) {
        char dir[64], name[32], link[128];
        static const uint8_t value[200] = {1};
        random = random * 1664525 + 1013904223;
        unsigned r = random >> 8;
        (void)snprintf(dir, sizeof(dir), "s/%s%u/secret-folder-%u", i % 7 == 0 ? "-" : "", r % 5, r % 40);
        (void)snprintf(name, sizeof(name), "file-%u", r % 3000);
        (void)snprintf(link, sizeof(link), "s/%u/secret-folder-%u/file-%u", r % 3, r % 40, r / 5 % 3000);
        const struct xattr xattr = {.name = bytes_of("user.x"), .value = {value, sizeof(value)}};
        struct entry entry = {.dir = bytes_of(i % 50 == 0 ? "s" : dir), .name = bytes_of(name), .type = ENTRY_FILE};
        entry.size = i;
        if (r % 9 == 0) {
            entry.type = ENTRY_HARDLINK;
            entry.link = bytes_of(link);
        } else if (r % 31 == 0) {
            entry.type = ENTRY_SYMLINK;
            entry.link = bytes_of("elsewhere");
        } else if (r % 11 == 0) {
            entry.xattrs = &xattr;
            entry.xattr_count = 1;
        } else if (r % 13 == 0) {
            static struct extent extents[3];
            extents[0].size = i;
            entry.content = (struct content){.extents = extents, .extent_count = 3};
        }
        assert_int_equal(entry_sorter_take(sorter, entry_dup(&entry), &err), 0);
    }
}

struct all {
    struct entry **entries;
    size_t count;
};

static int keep(struct entry *entry, void *context, struct error *err)
{
    struct all *all = context;
    (void)err;
    all->entries[all->count] = entry_dup(entry);
    assert_non_null(all->entries[all->count++]);
    return 0;
}

static struct all sorted(size_t memory_limit, unsigned seed)
{
    struct entry_sorter *sorter = new_sorter(memory_limit);
    struct all all = {mem_calloc(2 * ENTRIES, sizeof(struct entry *)), 0};
    struct error err = {0};
    add_random(sorter, seed);
    if (entry_sorter_finish(sorter, keep, &all, &err) != 0)
        fail_msg("%s", err.what);
    entry_sorter_free(sorter);
    return all;
}

/* However little memory there is, the outcome is the same. */
static void test_spilled(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        static const size_t limits[] = {2000, 100000};
        struct all whole = sorted(SIZE_MAX / 2, seed);
        assert_true(whole.count > ENTRIES / 2);
        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
            struct all some = sorted(limits[i], seed);
            assert_int_equal(whole.count, some.count);
            for (size_t k = 0; k < whole.count; k++) {
                const struct entry *a = whole.entries[k], *b = some.entries[k];
                assert_int_equal(entry_path_compare(&a->dir, &a->name, &b->dir, &b->name), 0);
                assert_int_equal(a->type, b->type);
                assert_int_equal(a->size, b->size);
                assert_int_equal(a->unreadable, b->unreadable);
                assert_true(bytes_equal(&a->link, &b->link));
                assert_int_equal(a->xattr_count, b->xattr_count);
                assert_int_equal(a->content.extent_count, b->content.extent_count);
                for (size_t n = 0; n < a->xattr_count; n++)
                    assert_true(bytes_equal(&a->xattrs[n].value, &b->xattrs[n].value));
                for (size_t n = 0; n < a->content.extent_count; n++)
                    assert_int_equal(a->content.extents[n].size, b->content.extents[n].size);
                entry_free(some.entries[k]);
            }
            mem_free(some.entries);
        }
        for (size_t k = 0; k < whole.count; k++)
            entry_free(whole.entries[k]);
        mem_free(whole.entries);
    }
}

/* Reads every unnamed file of the scratch folder that this process has open; returns how many bytes they hold. */
static size_t search_open_files(const char *text, bool *ret_found)
{
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    const struct dirent *entry;
    size_t total = 0;
    *ret_found = false;
    while ((entry = readdir(dir)) != NULL) {
        char path[300], target[4096];
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        if (n <= 0 || strncmp(target, scratch, strlen(scratch)) != 0)
            continue;
        int fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        static uint8_t bytes[64 << 20];
        ssize_t size = pread(fd, bytes, sizeof(bytes), 0);
        assert_true(size >= 0);
        total += (size_t)size;
        *ret_found = *ret_found || memmem(bytes, (size_t)size, text, strlen(text)) != NULL;
        (void)close(fd);
    }
    (void)closedir(dir);
    return total;
}

/* What is spilled says no name of a file, and nothing but unnamed files is there. */
static void test_no_names_on_disk(void **state)
{
    (void)state;
    struct entry_sorter *sorter = new_sorter(20000);
    bool found;
    add_random(sorter, 4);
    assert_true(search_open_files("secret-folder", &found) > 100000);
    assert_false(found);
    entry_sorter_free(sorter);
    assert_int_equal(search_open_files("secret-folder", &found), 0);
    DIR *dir = opendir(scratch);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        assert_int_equal(entry->d_name[0], '.');
    (void)closedir(dir);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct entry_sorter *sorter = NULL;
    struct error err = {0};
    assert_int_equal(entry_sorter_new("/nowhere/at/all", 1, &sorter, &err), 0);
    const struct entry entry = {.dir = bytes_of("s"), .name = bytes_of("a"), .type = ENTRY_FILE};
    assert_int_equal(entry_sorter_take(sorter, entry_dup(&entry), &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    entry_sorter_free(sorter);
}

int main(void)
{
    static size_t in_memory = 0, on_disk = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_order_and_folders, &in_memory),
        cmocka_unit_test_prestate(test_order_and_folders, &on_disk),
        cmocka_unit_test_prestate(test_links_before_their_file, &in_memory),
        cmocka_unit_test_prestate(test_links_before_their_file, &on_disk),
        cmocka_unit_test_prestate(test_odd_links, &in_memory),
        cmocka_unit_test_prestate(test_odd_links, &on_disk),
        cmocka_unit_test(test_spilled),
        cmocka_unit_test(test_no_names_on_disk),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
