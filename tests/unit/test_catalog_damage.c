/* A catalogue that is damaged, of another version, killed while it writes, used by threads, or scrubbed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "catalog_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static unsigned count_moved(const struct fixture *f)
{
    unsigned count = 0;
    DIR *dir = opendir(f->folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        size_t size = strlen(entry->d_name);
        count += strncmp(entry->d_name, "catalog.db-damaged-", 19) == 0 && entry->d_name[size - 1] == 'Z';
    }
    if (dir != NULL)
        (void)closedir(dir);
    return count;
}

static void run_sql(const struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Each kind of useless database is moved aside, and the new one works. */
static void test_moved_aside(void **state)
{
    static const char *const sabotage[] = {
        "PRAGMA user_version = 2",
        "PRAGMA user_version = 0",
        "PRAGMA application_id = 1",
        "DROP TABLE checked",
        "ALTER TABLE ledger RENAME COLUMN size TO length",
        "PRAGMA application_id = 0; PRAGMA user_version = 0",
    };
    struct fixture *f = *state;
    struct error err = {0};
    unsigned moved = 0;
    for (size_t i = 0; i < sizeof(sabotage) / sizeof(sabotage[0]); i++) {
        assert_int_equal(catalog_meta_set(f->catalog, "old", "1", &err), 0);
        catalog_close(f->catalog);
        f->catalog = NULL;
        run_sql(f, sabotage[i]);
        f->catalog = open_as(f, CATALOG_REPLACED);
        assert_int_equal(access(catalog_moved_to(f->catalog), F_OK), 0);
        assert_int_equal(count_moved(f), ++moved);
        char *value = NULL;
        assert_int_equal(catalog_meta_get(f->catalog, "old", &value, &err), -1);
        assert_int_equal(err.class, ERROR_NOT_FOUND);
        reopen(f, CATALOG_OPENED);
    }
}

static void overwrite(const char *path, off_t from, off_t to)
{
    uint8_t junk[4096];
    memset(junk, 0xa5, sizeof(junk));
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (; from < to; from += (off_t)sizeof(junk))
        assert_int_equal(pwrite(fd, junk, sizeof(junk), from), (ssize_t)sizeof(junk));
    assert_int_equal(close(fd), 0);
}

/* What is looked at when it is opened stays: the damage is met later. */
static void damage_all_but_the_first_pages(struct fixture *f)
{
    struct stat st;
    catalog_close(f->catalog);
    f->catalog = NULL;
    assert_int_equal(stat(f->path, &st), 0);
    overwrite(f->path, 20L * 4096, st.st_size - st.st_size % 4096);
    f->catalog = open_as(f, CATALOG_OPENED);
}

static void test_corrupt_header(void **state)
{
    struct fixture *f = *state;
    catalog_close(f->catalog);
    f->catalog = NULL;
    overwrite(f->path, 0, 4096);
    f->catalog = open_as(f, CATALOG_REPLACED);
    assert_int_equal(count_moved(f), 1);
}

/* Damage in pages that opening does not look at: found while working, moved aside by the next opening. */
static void test_corrupt_pages(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct catalog_listing *listing = NULL;
    assert_int_equal(catalog_listing_begin(f->catalog, &tid_a, "tokyo", 100, &listing, &err), 0);
    for (unsigned i = 0; i < 5000; i++) {
        char name[80];
        (void)snprintf(name, sizeof(name), "%064x", i);
        assert_int_equal(catalog_listing_add(listing, 'p', name, 1, &err), 0);
    }
    assert_int_equal(catalog_listing_finish(listing, &err), 0);
    damage_all_but_the_first_pages(f);
    size_t count = 0;
    assert_int_equal(catalog_ledger_each(f->catalog, &tid_a, "tokyo", 'p', just_count, &count, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    assert_non_null(strstr(err.hint, "rebuilt"));
    /* Not while another still has it open. */
    struct catalog *second = NULL;
    enum catalog_state opened = CATALOG_OPENED;
    assert_int_equal(catalog_open(f->path, &second, &opened, &err), -1);
    assert_int_equal(err.class, ERROR_BUSY);
    assert_null(second);
    reopen(f, CATALOG_REPLACED);
    expect_ledger(f->catalog, &tid_a, "tokyo", 0, "");
    reopen(f, CATALOG_OPENED);
}

static void test_cannot_open(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct catalog *catalog = NULL;
    enum catalog_state opened = CATALOG_OPENED;
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/none/catalog.db", f->folder);
    assert_int_equal(catalog_open(path, &catalog, &opened, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    assert_null(catalog);
    assert_int_equal(catalog_open(f->folder, &catalog, &opened, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    char lock[400];
    (void)snprintf(lock, sizeof(lock), "%s-lock", f->folder);
    (void)unlink(lock);
}

enum { WRITTEN = 10 };

/* Write pairs, and a byte to the parent when the first of them are there. */
static void fill_until_killed(const struct fixture *f, int to_parent)
{
    struct error err = {0};
    struct catalog *catalog = NULL;
    enum catalog_state opened = CATALOG_OPENED;
    if (catalog_open(f->path, &catalog, &opened, &err) != 0)
        _exit(1);
    for (unsigned i = 0;; i++) {
        char name[80];
        (void)snprintf(name, sizeof(name), "%064x", i);
        struct catalog_object pair[] = {{.class = 'i', .name = name, .size = 1, .seen_ns = 1},
                                        {.class = 'p', .name = name, .size = 1, .seen_ns = 1}};
        if (catalog_ledger_put(catalog, &tid_a, "tokyo", pair, 2, &err) != 0 ||
            (i + 1 == WRITTEN && write(to_parent, "", 1) != 1))
            _exit(1);
    }
}

static void test_killed(void **state)
{
    struct fixture *f = *state;
    catalog_close(f->catalog);
    f->catalog = NULL;
    for (unsigned round = 0; round < 3; round++) {
        int ends[2];
        char byte;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            fill_until_killed(f, ends[1]);
        assert_int_equal(close(ends[1]), 0);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        assert_int_equal(close(ends[0]), 0);
        struct timespec pause = {.tv_nsec = 7000000 * (1 + round)};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        struct error err = {0};
        f->catalog = open_as(f, CATALOG_OPENED);
        size_t i = 0;
        size_t p = 0;
        assert_int_equal(catalog_ledger_each(f->catalog, &tid_a, "tokyo", 'i', just_count, &i, &err), 0);
        assert_int_equal(catalog_ledger_each(f->catalog, &tid_a, "tokyo", 'p', just_count, &p, &err), 0);
        assert_true(i >= WRITTEN);
        assert_int_equal(i, p);
        catalog_close(f->catalog);
        f->catalog = NULL;
    }
}

struct again {
    struct catalog *catalog;
    size_t count;
};

static int use_again(const struct catalog_object *object, void *context, struct error *err)
{
    struct again *again = context;
    bool known = false;
    again->count++;
    return catalog_ledger_find(again->catalog, &tid_a, "tokyo", object->class, object->name, &known, NULL, err);
}

static void *work(void *arg)
{
    struct fixture *f = arg;
    struct error err = {0};
    for (unsigned i = 0; i < 30; i++) {
        char name[40];
        (void)snprintf(name, sizeof(name), "%u", i);
        struct catalog_object object = {.class = 'p', .name = name, .size = i, .seen_ns = 1};
        struct again again = {.catalog = f->catalog};
        if (catalog_ledger_put(f->catalog, &tid_a, "tokyo", &object, 1, &err) != 0 ||
            catalog_ledger_each(f->catalog, &tid_a, "tokyo", 0, use_again, &again, &err) != 0 || again.count <= i)
            return arg;
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, *state), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
}

/* How often a text stands in the files of the database, whatever page or log it is in. */
static size_t count_text(const struct fixture *f, const char *text)
{
    static const char *const ends[] = {"", "-wal"};
    size_t found = 0, size = strlen(text);
    for (size_t i = 0; i < 2; i++) {
        char path[320];
        struct buf bytes = {0};
        struct error err = {0};
        (void)snprintf(path, sizeof(path), "%s%s", f->path, ends[i]);
        if (file_read(path, 1 << 26, &bytes, &err) != 0)
            continue;
        for (size_t at = 0; at + size <= bytes.size; at++)
            found += memcmp(bytes.data + at, text, size) == 0;
        buf_free(&bytes);
    }
    return found;
}

/* What was deleted before it was overwritten lies in free pages, until the files are written anew. */
static void test_scrub(void **state)
{
    static const char needle[] = "needle-of-a-tenant";
    static const char hide[] = "PRAGMA secure_delete = OFF; CREATE TABLE old (t TEXT);"
                               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
                               "INSERT INTO old SELECT 'needle-of-a-tenant' || i || hex(randomblob(40)) FROM n;"
                               "DROP TABLE old;";
    struct fixture *f = *state;
    struct error err = {0};
    sqlite3 *other = NULL;
    bool done = true;
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, hide, NULL, NULL, NULL), SQLITE_OK);
    assert_true(count_text(f, needle) > 0);
    /* Somebody else reads: it is not done, which is no error. */
    assert_int_equal(sqlite3_exec(other, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(catalog_scrub(f->catalog, &done, &err), 0);
    assert_false(done);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(catalog_scrub(f->catalog, &done, &err), 0);
    assert_true(done);
    assert_int_equal(count_text(f, needle), 0);
}

/* Damage that is met there is remembered as everywhere: the next opening moves the file aside. */
static void test_scrub_of_damage(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    bool done = true;
    for (unsigned i = 0; i < 200; i++) {
        char key[32], value[1000];
        (void)snprintf(key, sizeof(key), "key %u", i);
        memset(value, 'v', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        assert_int_equal(catalog_meta_set(f->catalog, key, value, &err), 0);
    }
    damage_all_but_the_first_pages(f);
    assert_int_equal(catalog_scrub(f->catalog, &done, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    assert_non_null(strstr(err.what, f->path));
    assert_non_null(strstr(err.hint, "rebuilt"));
    reopen(f, CATALOG_REPLACED);
}

/* What was moved aside goes as a whole, and nothing else does. */
static void test_drop_damaged(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    size_t count = 7;
    char other[sizeof(f->folder) + 32];
    assert_int_equal(catalog_drop_damaged(f->catalog, &count, &err), 0);
    assert_int_equal(count, 0);
    catalog_close(f->catalog);
    overwrite(f->path, 0, 4096);
    f->catalog = open_as(f, CATALOG_REPLACED);
    (void)snprintf(other, sizeof(other), "%s/other.db-damaged-2026Z", f->folder);
    assert_int_equal(file_write_atomic(other, "x", 1, 0600, &err), 0);
    assert_int_equal(count_moved(f), 1);
    assert_int_equal(catalog_drop_damaged(f->catalog, &count, &err), 0);
    assert_true(count >= 1);
    assert_int_equal(count_moved(f), 0);
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(access(f->path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_moved_aside), TEST(test_corrupt_header),  TEST(test_corrupt_pages),
        TEST(test_cannot_open), TEST(test_killed),          TEST(test_threads),
        TEST(test_scrub),       TEST(test_scrub_of_damage), TEST(test_drop_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
