/* Entries of archives, put into the manifest's order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pipeline/batch.h"

#include <stdio.h>

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
    seen->last = entry;
    return 0;
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
    entry_sorter_free(sorter);
}

static void test_order_and_folders(void **state)
{
    (void)state;
    struct entry_sorter *sorter = entry_sorter_new();
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
    (void)state;
    struct entry_sorter *sorter = entry_sorter_new();
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
    (void)state;
    struct entry_sorter *sorter = entry_sorter_new();
    add(sorter, "s", "a", ENTRY_HARDLINK, "s/missing", 0);
    add(sorter, "s", "b", ENTRY_HARDLINK, "s/b", 0);
    add(sorter, "s", "c", ENTRY_HARDLINK, "s/d", 0);
    add(sorter, "s", "d", ENTRY_HARDLINK, "s/c", 0);
    add(sorter, "s", "e", ENTRY_HARDLINK, "s/f", 0);
    add(sorter, "s", "f", ENTRY_SYMLINK, "x", 0);
    expect(sorter, "/s 2 0\ns/a 1 0\ns/b 1 0\ns/c 1 0\ns/d 1 0\ns/e 3 to x 0\ns/f 3 to x 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_and_folders),
                                       cmocka_unit_test(test_links_before_their_file),
                                       cmocka_unit_test(test_odd_links)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
