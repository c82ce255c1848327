/* The catalogue: what is put into it is found there again, and nothing else. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "catalog_fixture.h"

#include <sys/stat.h>

static void test_meta(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    char *value = NULL;
    assert_int_equal(catalog_meta_get(f->catalog, "head", &value, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    assert_int_equal(catalog_meta_set(f->catalog, "head", "one", &err), 0);
    assert_int_equal(catalog_meta_set(f->catalog, "head", "two", &err), 0);
    reopen(f, CATALOG_OPENED);
    assert_int_equal(catalog_meta_get(f->catalog, "head", &value, &err), 0);
    assert_string_equal(value, "two");
    mem_free(value);
    assert_int_equal(catalog_meta_set(f->catalog, "head", NULL, &err), 0);
    assert_int_equal(catalog_meta_get(f->catalog, "head", &value, &err), -1);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    catalog_close(NULL);
}

static struct catalog_tenant tenant_of(const struct id *tid, const char *name)
{
    return (struct catalog_tenant){.tid = *tid,
                                   .name = (char *)(uintptr_t)name,
                                   .policy = (char *)(uintptr_t) "daily-7",
                                   .state = (char *)(uintptr_t) "active",
                                   .class = (char *)(uintptr_t) "customer",
                                   .body = (char *)(uintptr_t) "{\"v\":1}"};
}

static int join_names(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    struct buf *out = context;
    return buf_append(out, tenant->name, strlen(tenant->name), err) != 0 || buf_append(out, ",", 1, err) != 0 ? -1 : 0;
}

static int refuse_tenant(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    (void)tenant;
    (void)context;
    return error_set(err, ERROR_INTERRUPTED, "enough");
}

static void test_tenants(void **state)
{
    struct catalog *c = catalog_of(state);
    struct error err = {0};
    struct catalog_tenant a = tenant_of(&tid_a, "acme");
    struct catalog_tenant b = tenant_of(&tid_b, "Zeta \xe6\x8e\xa7");
    assert_int_equal(catalog_tenant_put(c, &b, &err), 0);
    assert_int_equal(catalog_tenant_put(c, &a, &err), 0);
    struct catalog_tenant got = {0};
    assert_int_equal(catalog_tenant_by_name(c, "acme", &got, &err), 0);
    assert_true(id_equal(&got.tid, &tid_a));
    assert_string_equal(got.policy, "daily-7");
    assert_string_equal(got.state, "active");
    assert_string_equal(got.class, "customer");
    assert_string_equal(got.body, "{\"v\":1}");
    catalog_tenant_free(&got);

    a.state = (char *)(uintptr_t) "frozen";
    assert_int_equal(catalog_tenant_put(c, &a, &err), 0);
    assert_int_equal(catalog_tenant_by_id(c, &tid_a, &got, &err), 0);
    assert_string_equal(got.state, "frozen");
    catalog_tenant_free(&got);
    a.name = b.name;
    assert_int_equal(catalog_tenant_put(c, &a, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);

    struct buf names = {0};
    assert_int_equal(catalog_tenant_each(c, join_names, &names, &err), 0);
    assert_int_equal(names.size, strlen("Zeta \xe6\x8e\xa7,acme,"));
    assert_memory_equal(names.data, "Zeta \xe6\x8e\xa7,acme,", names.size);
    buf_free(&names);
    assert_int_equal(catalog_tenant_each(c, refuse_tenant, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
    assert_int_equal(catalog_tenant_by_name(c, "ACME", &got, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);

    struct catalog_object object = {.class = 'p', .name = "aa", .size = 1, .seen_ns = 1};
    assert_int_equal(catalog_ledger_put(c, &tid_b, "tokyo", &object, 1, &err), 0);
    assert_int_equal(catalog_tenant_forget(c, &tid_b, &err), 0);
    assert_int_equal(catalog_tenant_by_id(c, &tid_b, &got, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    uint64_t count = 9;
    uint64_t bytes = 9;
    assert_int_equal(catalog_ledger_sum(c, &tid_b, "tokyo", &count, &bytes, &err), 0);
    assert_int_equal(count, 0);
}

static void test_ledger(void **state)
{
    struct fixture *f = *state;
    struct catalog *c = f->catalog;
    struct error err = {0};
    struct catalog_object objects[] = {
        {.class = 'p', .name = "bb", .size = 2, .seen_ns = 10},
        {.class = 'h', .name = "20261121T000000.000000000Z-aa", .size = 3, .seen_ns = 10},
        {.class = 'p', .name = "aa", .size = 1, .seen_ns = 10},
        {.class = 'i', .name = "cc", .size = 4, .seen_ns = 10},
    };
    assert_int_equal(catalog_ledger_put(c, &tid_a, "tokyo", objects, 4, &err), 0);
    assert_int_equal(catalog_ledger_put(c, &tid_a, "osaka", objects, 1, &err), 0);
    assert_int_equal(catalog_ledger_put(c, &tid_b, "tokyo", objects + 2, 1, &err), 0);
    expect_ledger(c, &tid_a, "tokyo", 0, "h:20261121T000000.000000000Z-aa=3 i:cc=4 p:aa=1 p:bb=2 ");
    expect_ledger(c, &tid_a, "tokyo", 'p', "p:aa=1 p:bb=2 ");
    expect_ledger(c, &tid_a, "tokyo", 'h', "h:20261121T000000.000000000Z-aa=3 ");
    expect_ledger(c, &tid_a, "tokyo", 'r', "");
    expect_ledger(c, &tid_a, "nagoya", 0, "");

    /* Newer news replaces older news, and not the other way round. */
    struct catalog_object news[] = {{.class = 'p', .name = "aa", .size = 7, .seen_ns = 20},
                                    {.class = 'p', .name = "bb", .size = 8, .seen_ns = 5}};
    assert_int_equal(catalog_ledger_put(c, &tid_a, "tokyo", news, 2, &err), 0);
    expect_ledger(c, &tid_a, "tokyo", 'p', "p:aa=7 p:bb=2 ");
    bool known = false;
    struct catalog_object got = {0};
    assert_int_equal(catalog_ledger_find(c, &tid_a, "tokyo", 'p', "aa", &known, &got, &err), 0);
    assert_true(known && got.size == 7 && got.seen_ns == 20);
    assert_int_equal(catalog_ledger_find(c, &tid_a, "tokyo", 'i', "aa", &known, NULL, &err), 0);
    assert_false(known);

    uint64_t count = 0;
    uint64_t bytes = 0;
    assert_int_equal(catalog_ledger_sum(c, &tid_a, "tokyo", &count, &bytes, &err), 0);
    assert_int_equal(count, 4);
    assert_int_equal(bytes, 16);
    assert_int_equal(catalog_ledger_remove(c, &tid_a, "tokyo", objects, 2, &err), 0);
    assert_int_equal(catalog_ledger_remove(c, &tid_a, "nagoya", objects, 2, &err), 0);
    reopen(f, CATALOG_OPENED);
    c = f->catalog;
    expect_ledger(c, &tid_a, "tokyo", 0, "i:cc=4 p:aa=7 ");

    assert_int_equal(catalog_ledger_clear(c, &tid_a, "tokyo", &err), 0);
    expect_ledger(c, &tid_a, "tokyo", 0, "");
    expect_ledger(c, &tid_b, "tokyo", 0, "p:aa=1 ");
    assert_int_equal(catalog_ledger_clear(c, NULL, "tokyo", &err), 0);
    expect_ledger(c, &tid_b, "tokyo", 0, "");
    expect_ledger(c, &tid_a, "osaka", 0, "p:bb=2 ");

    /* All or nothing, and a size that cannot be is refused. */
    objects[3].size = UINT64_MAX;
    assert_int_equal(catalog_ledger_put(c, &tid_a, "kobe", objects, 4, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    expect_ledger(c, &tid_a, "kobe", 0, "");
}

static void test_listing(void **state)
{
    struct catalog *c = catalog_of(state);
    struct error err = {0};
    struct catalog_object before[] = {{.class = 'p', .name = "gone", .size = 1, .seen_ns = 50},
                                      {.class = 'p', .name = "stays", .size = 1, .seen_ns = 50}};
    int64_t listed = -1;
    assert_int_equal(catalog_ledger_listed(c, &tid_a, "tokyo", &listed, &err), 0);
    assert_int_equal(listed, 0);
    assert_int_equal(catalog_ledger_put(c, &tid_a, "tokyo", before, 2, &err), 0);

    struct catalog_listing *listing = NULL;
    assert_int_equal(catalog_listing_begin(c, &tid_a, "tokyo", 100, &listing, &err), 0);
    assert_int_equal(catalog_listing_add(listing, 'p', "new", 5, &err), 0);
    catalog_listing_abandon(listing);
    catalog_listing_abandon(NULL);
    expect_ledger(c, &tid_a, "tokyo", 0, "p:gone=1 p:stays=1 ");

    assert_int_equal(catalog_listing_begin(c, &tid_a, "tokyo", 100, &listing, &err), 0);
    assert_int_equal(catalog_listing_add(listing, 'p', "new", 5, &err), 0);
    assert_int_equal(catalog_listing_add(listing, 'p', "stays", 1, &err), 0);
    /* Stored while the listing runs, after it passed this name. */
    struct catalog_object meanwhile = {.class = 'i', .name = "late", .size = 9, .seen_ns = 101};
    assert_int_equal(catalog_ledger_put(c, &tid_a, "tokyo", &meanwhile, 1, &err), 0);
    assert_int_equal(catalog_listing_finish(listing, &err), 0);
    expect_ledger(c, &tid_a, "tokyo", 0, "i:late=9 p:new=5 p:stays=1 ");
    assert_int_equal(catalog_ledger_listed(c, &tid_a, "tokyo", &listed, &err), 0);
    assert_int_equal(listed, 100);

    /* An empty listing empties, and is a listing. */
    assert_int_equal(catalog_listing_begin(c, &tid_b, "tokyo", 200, &listing, &err), 0);
    assert_int_equal(catalog_listing_finish(listing, &err), 0);
    assert_int_equal(catalog_ledger_listed(c, &tid_b, "tokyo", &listed, &err), 0);
    assert_int_equal(listed, 200);
}

static void expect_oldest(struct catalog *c, char class, unsigned level, size_t limit, const char *expected)
{
    struct error err = {0};
    struct buf out = {0};
    assert_int_equal(catalog_checked_oldest(c, &tid_a, "tokyo", class, level, limit, join_objects, &out, &err), 0);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    assert_string_equal((char *)out.data, expected);
    buf_free(&out);
}

static void expect_checked(struct catalog *c, char class, unsigned level, uint64_t count, uint64_t checked,
                           int64_t last_ns)
{
    struct error err = {0};
    uint64_t found = 9, found_checked = 9;
    int64_t found_ns = 9;
    assert_int_equal(catalog_checked_sum(c, &tid_a, "tokyo", class, level, &found, &found_checked, &found_ns, &err), 0);
    assert_int_equal(found, count);
    assert_int_equal(found_checked, checked);
    assert_int_equal(found_ns, last_ns);
}

static void test_checked(void **state)
{
    struct catalog *c = catalog_of(state);
    struct error err = {0};
    struct catalog_object objects[] = {{.class = 'p', .name = "a", .size = 1, .seen_ns = 1},
                                       {.class = 'p', .name = "b", .size = 2, .seen_ns = 1},
                                       {.class = 'p', .name = "c", .size = 3, .seen_ns = 1},
                                       {.class = 'i', .name = "d", .size = 4, .seen_ns = 1}};
    struct catalog_object deep[] = {{.class = 'p', .name = "b", .checked_ns = 100},
                                    {.class = 'p', .name = "unknown", .checked_ns = 100}};
    struct catalog_object light[] = {{.class = 'p', .name = "a", .checked_ns = 50},
                                     {.class = 'p', .name = "b", .checked_ns = 300},
                                     {.class = 'i', .name = "d", .checked_ns = 200}};
    assert_int_equal(catalog_ledger_put(c, &tid_a, "tokyo", objects, 4, &err), 0);
    expect_oldest(c, 0, 1, 10, "i:d=4 p:a=1 p:b=2 p:c=3 ");
    assert_int_equal(catalog_checked_put(c, &tid_a, "tokyo", 3, deep, 2, &err), 0);
    assert_int_equal(catalog_checked_put(c, &tid_a, "tokyo", 1, light, 3, &err), 0);
    expect_oldest(c, 0, 1, SIZE_MAX, "p:c=3 p:a=1 i:d=4 p:b=2 ");
    expect_oldest(c, 'p', 1, 2, "p:c=3 p:a=1 ");
    /* Only b was looked at deeply; the later light check does not hide that, nor count for it. */
    expect_oldest(c, 0, 3, 10, "i:d=4 p:a=1 p:c=3 p:b=2 ");
    expect_oldest(c, 0, 4, 10, "i:d=4 p:a=1 p:b=2 p:c=3 ");
    expect_oldest(c, 'r', 1, 10, "");
    expect_oldest(c, 0, 1, 0, "");
    expect_checked(c, 'p', 1, 3, 2, 300);
    expect_checked(c, 'p', 3, 3, 1, 100);
    expect_checked(c, 'p', 4, 3, 0, 0);
    expect_checked(c, 'r', 1, 0, 0, 0);
    /* An older check that is noted late does not turn back the clock. */
    struct catalog_object late = {.class = 'p', .name = "a", .checked_ns = 10};
    assert_int_equal(catalog_checked_put(c, &tid_a, "tokyo", 1, &late, 1, &err), 0);
    /* What leaves the ledger takes its checks along. */
    assert_int_equal(catalog_ledger_remove(c, &tid_a, "tokyo", objects + 1, 1, &err), 0);
    assert_int_equal(catalog_ledger_put(c, &tid_a, "tokyo", objects + 1, 1, &err), 0);
    expect_oldest(c, 'p', 1, 10, "p:b=2 p:c=3 p:a=1 ");
}

static int join_runs(const struct catalog_run *run, void *context, struct error *err)
{
    char text[100];
    (void)snprintf(text, sizeof(text), "%s@%lld-%lld%s ", run->kind, (long long)run->started_ns,
                   (long long)run->finished_ns, run->result);
    return buf_append(context, text, strlen(text), err);
}

static void expect_runs(struct catalog *c, const struct id *tid, const char *kind, size_t limit, const char *expected)
{
    struct error err = {0};
    struct buf out = {0};
    assert_int_equal(catalog_run_each(c, tid, kind, limit, join_runs, &out, &err), 0);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    assert_string_equal((char *)out.data, expected);
    buf_free(&out);
}

static void test_runs(void **state)
{
    struct catalog *c = catalog_of(state);
    struct error err = {0};
    int64_t one = 0;
    int64_t two = 0;
    int64_t three = 0;
    assert_int_equal(catalog_run_start(c, &tid_a, "backup", 10, &one, &err), 0);
    assert_int_equal(catalog_run_start(c, NULL, "gc", 20, &two, &err), 0);
    assert_int_equal(catalog_run_start(c, &tid_b, "backup", 30, &three, &err), 0);
    assert_int_equal(catalog_run_finish(c, one, 15, "{}", &err), 0);
    assert_int_equal(catalog_run_finish(c, 999, 15, "{}", &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    expect_runs(c, NULL, NULL, 10, "backup@30-0 gc@20-0 backup@10-15{} ");
    expect_runs(c, NULL, NULL, 2, "backup@30-0 gc@20-0 ");
    expect_runs(c, NULL, "backup", 10, "backup@30-0 backup@10-15{} ");
    expect_runs(c, &tid_a, NULL, 10, "backup@10-15{} ");
    expect_runs(c, &tid_a, "gc", 10, "");
    assert_int_equal(catalog_run_trim(c, 20, &err), 0);
    expect_runs(c, NULL, NULL, 10, "backup@30-0 gc@20-0 ");
}

enum { MANY = 150000 };

struct order {
    char last[80];
    size_t count;
};

static int check_order(const struct catalog_object *object, void *context, struct error *err)
{
    struct order *order = context;
    (void)err;
    assert_true(strcmp(order->last, object->name) < 0);
    (void)snprintf(order->last, sizeof(order->last), "%s", object->name);
    order->count++;
    return 0;
}

/* A tenant of some 4.7 TB. The times are printed; the limit is wide, because machines differ. */
static void test_many(void **state)
{
    struct catalog *c = catalog_of(state);
    struct error err = {0};
    struct catalog_listing *listing = NULL;
    int64_t start = clock_monotonic_ns();
    assert_int_equal(catalog_listing_begin(c, &tid_a, "tokyo", 100, &listing, &err), 0);
    for (unsigned i = 0; i < MANY; i++) {
        char name[80];
        (void)snprintf(name, sizeof(name), "%064x", i * 28633U);
        assert_int_equal(catalog_listing_add(listing, 'p', name, 33554432, &err), 0);
    }
    assert_int_equal(catalog_listing_finish(listing, &err), 0);
    int64_t stored = clock_monotonic_ns();
    size_t fast = 0;
    assert_int_equal(catalog_ledger_each(c, &tid_a, "tokyo", 'p', just_count, &fast, &err), 0);
    int64_t loaded = clock_monotonic_ns();
    print_message("%d objects: stored in %lld ms, loaded in %lld ms\n", MANY, (long long)(stored - start) / 1000000,
                  (long long)(loaded - stored) / 1000000);
    assert_int_equal(fast, MANY);
    struct order order = {.count = 0};
    assert_int_equal(catalog_ledger_each(c, &tid_a, "tokyo", 'p', check_order, &order, &err), 0);
    assert_int_equal(order.count, MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_meta),    TEST(test_tenants), TEST(test_ledger), TEST(test_listing),
        TEST(test_checked), TEST(test_runs),    TEST(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
