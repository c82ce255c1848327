/* For tests of the walk: a folder to build trees in, and what a walk of it found. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_WALK_FIXTURE_H
#define HIKAE_TESTS_WALK_FIXTURE_H

#include "base/file.h"
#include "base/mem.h"
#include "pipeline/walk_internal.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- A folder to build trees in ---- */

struct fixture {
    char path[256];
    int fd;
};

static inline int setup(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof(*f));
    if (f == NULL)
        return -1;
    if (scratch_make(f->path, sizeof(f->path), "walk") != 0 || chmod(f->path, 0755) != 0)
        return -1;
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = f;
    return f->fd >= 0 ? 0 : -1;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    struct error err;
    int result = file_remove_tree(f->path, &err);
    (void)close(f->fd);
    mem_free(f);
    return result;
}

static inline void make_file(int at, const char *path, const char *text)
{
    int fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(file_write_full(fd, text, strlen(text)), 0);
    assert_int_equal(close(fd), 0);
}

static inline void make_folder(int at, const char *path)
{
    assert_int_equal(mkdirat(at, path, 0755), 0);
}

/* ---- What a walk found ---- */

struct warnings {
    size_t count;
    char last[600];
    char path[256];
};

static inline void remember(const struct bytes *path, const struct error *why, void *context)
{
    struct warnings *warnings = context;
    warnings->count++;
    (void)snprintf(warnings->last, sizeof(warnings->last), "%s", why->what);
    (void)snprintf(warnings->path, sizeof(warnings->path), "%.*s", (int)path->size, (const char *)path->data);
}

static inline struct walk *open_walk(const struct walk_options *options)
{
    struct walk *walk = NULL;
    struct error err;
    if (walk_open(options, &walk, &err) < 0)
        fail_msg("%s", err.what);
    return walk;
}

static inline struct walk_entry *next(struct walk *walk)
{
    struct walk_entry *entry = NULL;
    struct error err;
    int result = walk_next(walk, &entry, &err);
    if (result < 0)
        fail_msg("%s", err.what);
    return result > 0 ? entry : NULL;
}

/* Walk and write every path, a line each, to a fresh string; the order is checked on the way. */
static inline char *listing_of(const struct walk_options *options, size_t *ret_count)
{
    struct walk *walk = open_walk(options);
    struct buf text = {0};
    struct walk_entry *before = NULL;
    size_t count = 0;
    for (struct walk_entry *entry; (entry = next(walk)) != NULL; before = entry) {
        const struct entry *e = walk_entry_stat(entry);
        if (before != NULL) {
            const struct entry *b = walk_entry_stat(before);
            assert_true(entry_path_compare(&b->dir, &b->name, &e->dir, &e->name) < 0);
        }
        walk_entry_release(before);
        assert_int_equal(buf_append(&text, e->dir.data, e->dir.size, NULL), 0);
        if (e->dir.size > 0)
            assert_int_equal(buf_append(&text, "/", 1, NULL), 0);
        assert_int_equal(buf_append(&text, e->name.data, e->name.size, NULL), 0);
        assert_int_equal(buf_append(&text, "\n", 1, NULL), 0);
        count++;
    }
    walk_entry_release(before);
    walk_close(walk);
    assert_int_equal(buf_u8(&text, 0, NULL), 0);
    if (ret_count != NULL)
        *ret_count = count;
    return (char *)text.data;
}

static inline void assert_listing(const struct walk_options *options, const char *expected)
{
    CLEANUP_FREE char *found = listing_of(options, NULL);
    assert_string_equal(found, expected);
}

/* The entry of that name in a small tree; the caller releases it. */
static inline struct walk_entry *find(struct walk *walk, const char *name)
{
    struct bytes wanted = bytes_of(name);
    for (struct walk_entry *entry; (entry = next(walk)) != NULL; walk_entry_release(entry)) {
        if (bytes_equal(&walk_entry_stat(entry)->name, &wanted))
            return entry;
    }
    fail_msg("%s was not found", name);
    return NULL;
}

#endif
