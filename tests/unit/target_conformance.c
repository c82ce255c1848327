#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "target_conformance.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8 };

static struct target *target_of(void **state)
{
    return ((struct conformance *)*state)->target;
}

/* Bytes that differ from place to place and from seed to seed. */
static void fill(uint8_t *bytes, size_t size, unsigned seed)
{
    uint32_t x = seed * 2654435761U + 1;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525U + 1013904223U;
        bytes[i] = (uint8_t)(x >> 24);
    }
}

void conformance_put(struct target *target, const char *name, const void *bytes, size_t size)
{
    struct error err = {0};
    if (target_put(target, name, bytes, size, TARGET_PUT_CREATE, &err) != 0)
        fail_msg("put %s: %s", name, err.what);
}

static void put_text(struct target *target, const char *name, const char *text)
{
    conformance_put(target, name, text, strlen(text));
}

bool conformance_holds(struct target *target, const char *name, const void *bytes, size_t size)
{
    struct error err = {0};
    struct buf out = {0};
    bool same = target_get(target, name, SIZE_MAX / 4, &out, &err) == 0 && out.size == size &&
                (size == 0 || memcmp(out.data, bytes, size) == 0);
    buf_free(&out);
    return same;
}

static bool holds_text(struct target *target, const char *name, const char *text)
{
    return conformance_holds(target, name, text, strlen(text));
}

static int append_name(const struct target_object *object, void *context, struct error *err)
{
    struct buf *out = context;
    if (buf_append(out, object->name, strlen(object->name), err) != 0)
        return -1;
    return buf_append(out, "\n", 1, err);
}

char *conformance_listing(struct target *target, const char *prefix, const char *after)
{
    struct error err = {0};
    struct buf out = {0};
    if (target_list(target, prefix, after, append_name, &out, &err) != 0)
        fail_msg("list %s: %s", prefix, err.what);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    return (char *)out.data;
}

static void expect_listing(struct target *target, const char *prefix, const char *after, const char *expected)
{
    char *names = conformance_listing(target, prefix, after);
    assert_string_equal(names, expected);
    mem_free(names);
}

static void expect_folders(struct target *target, const char *prefix, const char *expected)
{
    struct error err = {0};
    struct buf out = {0};
    assert_int_equal(target_list_folders(target, prefix, append_name, &out, &err), 0);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    assert_string_equal((char *)out.data, expected);
    buf_free(&out);
}

void conformance_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 1048579};
    struct target *target = target_of(state);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "hikae1/t/0a/p/object-%zu", sizes[i]);
        uint8_t *bytes = mem_alloc(sizes[i]);
        fill(bytes, sizes[i], (unsigned)i);
        conformance_put(target, name, bytes, sizes[i]);
        assert_true(conformance_holds(target, name, bytes, sizes[i]));

        struct error err = {0};
        uint64_t size = 77;
        assert_int_equal(target_stat(target, name, &size, &err), 0);
        assert_int_equal(size, sizes[i]);
        mem_free(bytes);
    }
}

void conformance_missing(void **state)
{
    static const char *const names[] = {"hikae1/store", "hikae1/t/none/p/none", "hikae1/k/0000000001-00"};
    struct target *target = target_of(state);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct error err = {0};
        struct buf out = {0};
        uint64_t size = 0;
        assert_int_equal(target_get(target, names[i], 100, &out, &err), -1);
        assert_int_equal(err.class, ERROR_NOT_FOUND);
        assert_non_null(strstr(err.what, names[i]));
        assert_non_null(strstr(err.what, target_name(target)));
        assert_int_equal(target_get_range(target, names[i], 0, 1, &out, &err), -1);
        assert_int_equal(err.class, ERROR_NOT_FOUND);
        assert_int_equal(target_stat(target, names[i], &size, &err), -1);
        assert_int_equal(err.class, ERROR_NOT_FOUND);
        assert_int_equal(target_get_version(target, names[i], 1, 100, &out, &err), -1);
        assert_int_equal(err.class, ERROR_NOT_FOUND);
        assert_int_equal(out.size, 0);
        buf_free(&out);
    }
    expect_listing(target, "", NULL, "");
    expect_listing(target, "hikae1/t/none/", NULL, "");
    expect_folders(target, "hikae1/t/", "");
}

void conformance_ranges(void **state)
{
    static const struct {
        uint64_t offset;
        size_t size;
        bool good;
    } rows[] = {
        {0, 10, true},         {0, 0, true},           {10, 0, true},        {3, 4, true},
        {9, 1, true},          {9, 2, false},          {10, 1, false},       {11, 1, false},
        {0, 11, false},        {UINT64_MAX, 1, false}, {1, SIZE_MAX, false}, {UINT64_MAX - 2, 5, false},
        {INT64_MAX, 1, false},
    };
    struct target *target = target_of(state);
    put_text(target, "hikae1/ten", "0123456789");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct buf out = {0};
        assert_int_equal(buf_append(&out, "before", 6, &err), 0);
        int rc = target_get_range(target, "hikae1/ten", rows[i].offset, rows[i].size, &out, &err);
        assert_int_equal(rc, rows[i].good ? 0 : -1);
        if (rows[i].good) {
            assert_int_equal(out.size, 6 + rows[i].size);
            assert_memory_equal(out.data + 6, &"0123456789"[rows[i].offset], rows[i].size);
        } else {
            assert_int_equal(err.class, ERROR_DAMAGED);
            assert_int_equal(out.size, 6);
        }
        assert_memory_equal(out.data, "before", 6);
        buf_free(&out);
    }
}

void conformance_get_limit(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    struct buf out = {0};
    put_text(target, "hikae1/ten", "0123456789");
    assert_int_equal(target_get(target, "hikae1/ten", 9, &out, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(out.size, 0);
    assert_int_equal(target_get(target, "hikae1/ten", 10, &out, &err), 0);
    assert_int_equal(target_get(target, "hikae1/ten", 10, &out, &err), 0);
    assert_int_equal(out.size, 20);
    assert_memory_equal(out.data, "01234567890123456789", 20);
    buf_free(&out);
}

void conformance_create_keeps(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    put_text(target, "hikae1/once", "first");
    put_text(target, "hikae1/once", "first");
    /* What lies there is looked at, and not only measured: other bytes are not taken for these. */
    assert_int_equal(target_put(target, "hikae1/once", "SECND", 5, TARGET_PUT_CREATE, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_non_null(strstr(err.hint, "verify --repair"));
    assert_true(holds_text(target, "hikae1/once", "first"));
}

void conformance_create_other_size(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    put_text(target, "hikae1/once", "first");
    assert_int_equal(target_put(target, "hikae1/once", "longer one", 10, TARGET_PUT_CREATE, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_non_null(strstr(err.hint, "verify --repair"));
    assert_true(holds_text(target, "hikae1/once", "first"));
}

void conformance_repair(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    put_text(target, "hikae1/broken", "junk");
    assert_int_equal(target_put(target, "hikae1/broken", "good", 4, TARGET_PUT_REPAIR, &err), 0);
    assert_true(holds_text(target, "hikae1/broken", "good"));
    assert_int_equal(target_put(target, "hikae1/broken", "better", 6, TARGET_PUT_REPAIR, &err), 0);
    assert_true(holds_text(target, "hikae1/broken", "better"));
    assert_int_equal(target_put(target, "hikae1/t/0b/p/gone", "back", 4, TARGET_PUT_REPAIR, &err), 0);
    assert_true(holds_text(target, "hikae1/t/0b/p/gone", "back"));
}

/* What reads back is what was written, whatever lay there. */
void conformance_put_checked(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    put_text(target, "hikae1/k/same-size", "JUNK");
    put_text(target, "hikae1/k/longer", "much longer junk");
    put_text(target, "hikae1/k/sound", "good");
    static const char *const names[] = {"hikae1/k/same-size", "hikae1/k/longer", "hikae1/k/sound", "hikae1/k/none"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (target_put_checked(target, names[i], "good", 4, &err) != 0)
            fail_msg("%s: %s", names[i], err.what);
        assert_true(holds_text(target, names[i], "good"));
    }
    assert_int_equal(target_put_checked(target, "../outside", "good", 4, &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
}

void conformance_list(void **state)
{
    /* '-' and '.' sort before '/', digits and letters behind it: folders must not be listed out of turn. */
    static const char *const names[] = {"hikae1/a-b",   "hikae1/a.b",  "hikae1/a/b",  "hikae1/a/b-c",
                                        "hikae1/a/b/c", "hikae1/a0",   "hikae1/aa",   "hikae1/aa/x",
                                        "hikae1/b/c",   "hikae1/b/c0", "hikae1/store"};
    static const struct {
        const char *prefix, *after, *expected;
    } rows[] = {
        {"hikae1/a", NULL, "hikae1/a-b\nhikae1/a.b\nhikae1/a/b-c\nhikae1/a/b/c\nhikae1/a0\nhikae1/aa/x\n"},
        {"hikae1/a/", NULL, "hikae1/a/b-c\nhikae1/a/b/c\n"},
        {"hikae1/b", NULL, "hikae1/b/c\nhikae1/b/c0\n"},
        {"hikae1/b/c", NULL, "hikae1/b/c\nhikae1/b/c0\n"},
        {"hikae1/b/c0", NULL, "hikae1/b/c0\n"},
        {"hikae1/b/c1", NULL, ""},
        {"hikae1/s", NULL, "hikae1/store\n"},
        {"", "hikae1/b", "hikae1/b/c\nhikae1/b/c0\nhikae1/store\n"},
        {"", "hikae1/b/c", "hikae1/b/c0\nhikae1/store\n"},
        {"", "hikae1/b/c/", "hikae1/b/c0\nhikae1/store\n"},
        {"hikae1/", "hikae1/b/d", "hikae1/store\n"},
        {"hikae1/a", "hikae1/a/b.", "hikae1/a/b/c\nhikae1/a0\nhikae1/aa/x\n"},
        {"hikae1/a", "hikae1/a/zz", "hikae1/a0\nhikae1/aa/x\n"},
        {"hikae1/", "zzz", ""},
        {"hikae1/", "",
         "hikae1/a-b\nhikae1/a.b\nhikae1/a/b-c\nhikae1/a/b/c\nhikae1/a0\nhikae1/aa/x\nhikae1/b/c\n"
         "hikae1/b/c0\nhikae1/store\n"},
    };
    struct target *target = target_of(state);
    for (size_t i = sizeof(names) / sizeof(names[0]); i-- > 0;) {
        /* A folder of a file system cannot also be a file: these two names are left out. */
        if (strcmp(names[i], "hikae1/a/b") != 0 && strcmp(names[i], "hikae1/aa") != 0)
            put_text(target, names[i], names[i]);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_listing(target, rows[i].prefix, rows[i].after, rows[i].expected);
}

enum { MODEL_NAMES = 120, MODEL_NAME_SIZE = 64 };

static int compare_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void model_name(unsigned *seed, char *out)
{
    static const char *const parts[] = {"a", "a-", "a.1", "a0", "A", "b", "b_", "0", "z-9", "Z"};
    size_t used = (size_t)snprintf(out, MODEL_NAME_SIZE, "hikae1");
    unsigned depth = 1 + (unsigned)rand_r(seed) % 3;
    for (unsigned i = 0; i < depth; i++)
        used += (size_t)snprintf(out + used, MODEL_NAME_SIZE - used, "/%s",
                                 parts[(unsigned)rand_r(seed) % (sizeof(parts) / sizeof(parts[0]))]);
    (void)snprintf(out + used, MODEL_NAME_SIZE - used, "/o%u", (unsigned)rand_r(seed) % 4);
}

/* Compare listings for random prefixes and starting points with what sorting all names gives. */
void conformance_list_model(void **state)
{
    static char names[MODEL_NAMES][MODEL_NAME_SIZE];
    struct target *target = target_of(state);
    unsigned seed = 20261121;
    for (size_t i = 0; i < MODEL_NAMES; i++) {
        model_name(&seed, names[i]);
        conformance_put(target, names[i], "x", 1);
    }
    qsort(names, MODEL_NAMES, MODEL_NAME_SIZE, compare_text);
    for (unsigned round = 0; round < 60; round++) {
        char prefix[MODEL_NAME_SIZE];
        char after[MODEL_NAME_SIZE];
        (void)snprintf(prefix, sizeof(prefix), "%s", names[(unsigned)rand_r(&seed) % MODEL_NAMES]);
        prefix[(unsigned)rand_r(&seed) % (strlen(prefix) + 1)] = '\0';
        model_name(&seed, after);
        after[(unsigned)rand_r(&seed) % (strlen(after) + 1)] = '\0';

        struct error err = {0};
        struct buf expected = {0};
        for (size_t i = 0; i < MODEL_NAMES; i++)
            if (strncmp(names[i], prefix, strlen(prefix)) == 0 && strcmp(names[i], after) > 0 &&
                (i == 0 || strcmp(names[i], names[i - 1]) != 0)) {
                struct target_object object = {.name = names[i]};
                assert_int_equal(append_name(&object, &expected, &err), 0);
            }
        assert_int_equal(buf_u8(&expected, 0, &err), 0);
        expect_listing(target, prefix, after, (char *)expected.data);
        buf_free(&expected);
    }
}

struct stopper {
    unsigned calls;
    unsigned limit;
    uint64_t size;
};

static int stop_after(const struct target_object *object, void *context, struct error *err)
{
    struct stopper *stopper = context;
    stopper->size += object->size;
    if (++stopper->calls < stopper->limit)
        return 0;
    return error_set(err, ERROR_INTERRUPTED, "enough");
}

void conformance_list_stops(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    put_text(target, "hikae1/a/1", "1");
    put_text(target, "hikae1/a/2", "22");
    put_text(target, "hikae1/b/3", "333");

    struct stopper all = {.limit = 100};
    assert_int_equal(target_list(target, "hikae1/", NULL, stop_after, &all, &err), 0);
    assert_int_equal(all.calls, 3);
    assert_int_equal(all.size, 6);

    struct stopper two = {.limit = 2};
    assert_int_equal(target_list(target, "hikae1/", NULL, stop_after, &two, &err), -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
    assert_int_equal(two.calls, 2);

    struct stopper one = {.limit = 1};
    assert_int_equal(target_list_folders(target, "hikae1/", stop_after, &one, &err), -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
    assert_int_equal(one.calls, 1);
}

void conformance_list_folders(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    put_text(target, "hikae1/t/b/p/1", "1");
    put_text(target, "hikae1/t/b/p/2", "1");
    put_text(target, "hikae1/t/b-1/h/1", "1");
    put_text(target, "hikae1/t/a/p/deep/1", "1");
    put_text(target, "hikae1/t/b0/p/1", "1");
    put_text(target, "hikae1/t/plain", "1");
    expect_folders(target, "hikae1/t/", "a\nb\nb-1\nb0\n");
    expect_folders(target, "hikae1/", "t\n");
    expect_folders(target, "", "hikae1\n");
    expect_folders(target, "hikae1/t/a/", "p\n");
    expect_folders(target, "hikae1/t/a/p/deep/", "");
    expect_folders(target, "hikae1/t/none/", "");
    assert_int_equal(target_list_folders(target, "hikae1/t", append_name, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
}

void conformance_delete(void **state)
{
    struct conformance *c = *state;
    struct error err = {0};
    put_text(c->target, "hikae1/t/aa/p/1", "1");
    put_text(c->target, "hikae1/t/aa/p/2", "2");
    put_text(c->target, "hikae1/t/bb/h/1", "3");
    assert_int_equal(target_delete(&c->deleter, "hikae1/t/aa/p/1", &err), 0);
    assert_int_equal(target_delete(&c->deleter, "hikae1/t/aa/p/1", &err), 0);
    assert_int_equal(target_delete(&c->deleter, "hikae1/t/never/p/1", &err), 0);
    assert_int_equal(target_delete(&c->deleter, "../outside", &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
    expect_listing(c->target, "hikae1/t/", NULL, "hikae1/t/aa/p/2\nhikae1/t/bb/h/1\n");
    assert_int_equal(target_delete(&c->deleter, "hikae1/t/aa/p/2", &err), 0);
    expect_folders(c->target, "hikae1/t/", "bb\n");
    uint64_t size = 0;
    assert_int_equal(target_stat(c->target, "hikae1/t/aa/p/2", &size, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    /* What was deleted can be stored again. */
    put_text(c->target, "hikae1/t/aa/p/2", "again");
    assert_true(holds_text(c->target, "hikae1/t/aa/p/2", "again"));
}

void conformance_names_refused(void **state)
{
    static const char *const names[] = {
        "",          "/",          "/hikae1/x", "hikae1/",  "hikae1//x", "hikae1/../x", "../x",
        "hikae1/.",  "hikae1/..",  ".tmp/x",    "a b",      "a\nb",      "a\\b",        "hikae1/\xe6\x8e\xa7",
        "hikae1/.x", "hikae1/a:b", "%2e%2e/x",  "hikae1/*", "a\x7f",     "./hikae1/x",
    };
    struct target *target = target_of(state);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct error err = {0};
        struct buf out = {0};
        uint64_t size = 0;
        assert_int_equal(target_put(target, names[i], "x", 1, TARGET_PUT_CREATE, &err), -1);
        assert_int_equal(err.class, ERROR_USAGE);
        assert_int_equal(target_get(target, names[i], 10, &out, &err), -1);
        assert_int_equal(err.class, ERROR_USAGE);
        assert_int_equal(target_get_range(target, names[i], 0, 1, &out, &err), -1);
        assert_int_equal(err.class, ERROR_USAGE);
        assert_int_equal(target_stat(target, names[i], &size, &err), -1);
        assert_int_equal(err.class, ERROR_USAGE);
        buf_free(&out);
    }
    struct error err = {0};
    assert_int_equal(target_list(target, "../", NULL, append_name, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
    char long_name[TARGET_NAME_MAX + 2];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_false(target_name_valid(long_name));
    assert_false(target_name_valid("a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"));
    expect_listing(target, "", NULL, "");
}

struct worker {
    struct conformance *conformance;
    unsigned number;
    atomic_uint *failures;
};

static void run_workers(void **state, void *(*work)(void *))
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    atomic_uint failures = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.conformance = *state, .number = i, .failures = &failures};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&failures), 0);
}

enum { RACED_SIZE = 70000 };

/* Each thread stores other bytes: the object must be those of one of them, whole. */
static void *put_same(void *arg)
{
    struct worker *worker = arg;
    struct error err = {0};
    uint8_t *bytes = mem_alloc(RACED_SIZE);
    memset(bytes, 'a' + (int)worker->number, RACED_SIZE);
    for (unsigned i = 0; i < 10; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "hikae1/t/raced/p/%u", i);
        if (target_put(worker->conformance->target, name, bytes, RACED_SIZE, TARGET_PUT_CREATE, &err) != 0 &&
            err.class != ERROR_DAMAGED)
            atomic_fetch_add(worker->failures, 1);
    }
    mem_free(bytes);
    return NULL;
}

void conformance_same_object_at_once(void **state)
{
    struct target *target = target_of(state);
    run_workers(state, put_same);
    for (unsigned i = 0; i < 10; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "hikae1/t/raced/p/%u", i);
        struct error err = {0};
        struct buf out = {0};
        assert_int_equal(target_get(target, name, RACED_SIZE, &out, &err), 0);
        assert_int_equal(out.size, RACED_SIZE);
        for (size_t k = 1; k < out.size; k++)
            if (out.data[k] != out.data[0])
                fail_msg("%s is a mixture at byte %zu", name, k);
        buf_free(&out);
    }
}

static void *put_many(void *arg)
{
    struct worker *worker = arg;
    struct target *target = worker->conformance->target;
    for (unsigned i = 0; i < 12; i++) {
        char name[64];
        uint8_t bytes[3000];
        struct error err = {0};
        unsigned number = worker->number * 100 + i;
        (void)snprintf(name, sizeof(name), "hikae1/t/%u/p/%04u", i % 5, number);
        fill(bytes, sizeof(bytes), number);
        if (target_put(target, name, bytes, sizeof(bytes), TARGET_PUT_CREATE, &err) != 0 ||
            !conformance_holds(target, name, bytes, sizeof(bytes)))
            atomic_fetch_add(worker->failures, 1);
    }
    return NULL;
}

static int count_object(const struct target_object *object, void *context, struct error *err)
{
    (void)err;
    *(unsigned *)context += object->size == 3000;
    return 0;
}

void conformance_many_objects_at_once(void **state)
{
    run_workers(state, put_many);
    unsigned count = 0;
    struct error err = {0};
    assert_int_equal(target_list(target_of(state), "hikae1/t/", NULL, count_object, &count, &err), 0);
    assert_int_equal(count, THREADS * 12);
}

/* Deleting the last object of a folder while another thread stores into that folder must not fail the latter. */
static void *put_and_delete(void *arg)
{
    struct worker *worker = arg;
    struct error err = {0};
    char name[64];
    (void)snprintf(name, sizeof(name), "hikae1/t/shared/p/%u", worker->number);
    for (unsigned i = 0; i < 25; i++)
        if (target_put(worker->conformance->target, name, "x", 1, TARGET_PUT_CREATE, &err) != 0 ||
            !conformance_holds(worker->conformance->target, name, "x", 1) ||
            target_delete(&worker->conformance->deleter, name, &err) != 0)
            atomic_fetch_add(worker->failures, 1);
    return NULL;
}

void conformance_put_and_delete_at_once(void **state)
{
    run_workers(state, put_and_delete);
    expect_listing(target_of(state), "", NULL, "");
}

void conformance_facts(void **state)
{
    struct target *target = target_of(state);
    struct error err = {0};
    const struct target_traits *traits = target_traits(target);
    assert_true(traits->name != NULL && traits->url != NULL && traits->driver != NULL && traits->provider != NULL);
    int64_t skew = INT64_MAX;
    assert_int_equal(target_clock_skew(target, &skew, &err), 0);
    assert_true(skew > -INT64_C(300000000000) && skew < INT64_C(300000000000));
    uint64_t space = 0;
    assert_int_equal(target_free_space(target, &space, &err), 0);
    assert_true(space > 0);
    target_close(NULL);
}
