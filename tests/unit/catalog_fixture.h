/* For tests of the catalogue: one in a folder of its own, opened, closed and opened again. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_CATALOG_FIXTURE_H
#define HIKAE_TESTS_CATALOG_FIXTURE_H

#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    char folder[256];
    char path[300];
    struct catalog *catalog;
};

static const struct id tid_a = {{0xa1, 2, 3}};
static const struct id tid_b = {{0xb1, 0, 9}};

static inline struct catalog *open_as(const struct fixture *f, enum catalog_state expected)
{
    struct error err = {0};
    struct catalog *catalog = NULL;
    enum catalog_state state = CATALOG_OPENED;
    if (catalog_open(f->path, &catalog, &state, &err) != 0)
        fail_msg("open: %s", err.what);
    assert_int_equal(state, expected);
    assert_int_equal(catalog_moved_to(catalog) != NULL, expected == CATALOG_REPLACED);
    return catalog;
}

static inline int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof(*f));
    if (f == NULL)
        return -1;
    if (scratch_make(f->folder, sizeof(f->folder), "test") != 0)
        return -1;
    (void)snprintf(f->path, sizeof(f->path), "%s/catalog.db", f->folder);
    f->catalog = open_as(f, CATALOG_CREATED);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    catalog_close(f->catalog);
    int rc = file_remove_tree(f->folder, &err);
    mem_free(f);
    return rc;
}

static inline struct catalog *catalog_of(void **state)
{
    return ((struct fixture *)*state)->catalog;
}

static inline void reopen(struct fixture *f, enum catalog_state expected)
{
    catalog_close(f->catalog);
    f->catalog = NULL;
    f->catalog = open_as(f, expected);
}

/* "p:aa=1 " for each object */
static inline int join_objects(const struct catalog_object *object, void *context, struct error *err)
{
    char text[100];
    (void)snprintf(text, sizeof(text), "%c:%s=%llu ", object->class, object->name, (unsigned long long)object->size);
    return buf_append(context, text, strlen(text), err);
}

static inline void expect_ledger(struct catalog *c, const struct id *tid, const char *target, char class,
                                 const char *expected)
{
    struct error err = {0};
    struct buf out = {0};
    assert_int_equal(catalog_ledger_each(c, tid, target, class, join_objects, &out, &err), 0);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    assert_string_equal((char *)out.data, expected);
    buf_free(&out);
}

static inline int just_count(const struct catalog_object *object, void *context, struct error *err)
{
    (void)err;
    *(size_t *)context += object->size > 0;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
