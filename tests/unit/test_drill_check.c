/* Application checks: what is refused, and each kind with something sound and something that is not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/drill_check.h"
#include "ops/drill_child.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct world {
    char folder[64];
    char data[80];
    char work[80];
};

static int set_up(void **state)
{
    struct world *world = mem_calloc(1, sizeof(*world));
    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/hikae-checks-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->data, sizeof(world->data), "%s/data", world->folder);
    (void)snprintf(world->work, sizeof(world->work), "%s/work", world->folder);
    assert_int_equal(mkdir(world->data, 0700), 0);
    assert_int_equal(mkdir(world->work, 0700), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    int rc = file_remove_tree(world->folder, NULL);
    mem_free(world);
    return rc;
}

static void write_file(const struct world *world, const char *name, const char *text, size_t size)
{
    char path[160];
    struct error err = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", world->data, name);
    assert_int_equal(file_write_atomic(path, text, size, 0600, &err), 0);
}

static void test_specs(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"db=sqlite:home/app.db", true},
        {"db=", true},
        {"d.b-1_x=archive:a/b.zip", true},
        {"x=cmd:test -s data/file && echo a=b", true},
        {"x=sql:db:42:select count(*) from t", true},
        {"x=sql:db::SELECT ':'", true},
        {"x=ext4:img", true},
        {"x=postgresql:dumps/db", true},
        {"db", false},
        {"=sqlite:a", false},
        {"a b=sqlite:a", false},
        {"x=sqlite", false},
        {"x=sqlite:", false},
        {"x=sqlite:/etc/passwd", false},
        {"x=sqlite:a/../../etc", false},
        {"x=sqlite:a//b", false},
        {"x=sqlite:./a", false},
        {"x=SQLITE:a", false},
        {"x=mysql:a", false},
        {"x=cmd:", false},
        {"x=sql:db:42", false},
        {"x=sql:db:42:delete from t", false},
        {"x=sql:d b:42:select 1", false},
        {"x=ext4:\xff", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        if ((drill_check_text(rows[i].text, &err) == 0) != rows[i].good)
            fail_msg("%s", rows[i].text);
        assert_int_equal(err.class, rows[i].good ? ERROR_NONE : ERROR_USAGE);
    }
}

static void test_apply(void **state)
{
    static const char *const two[] = {"db=sqlite:a.db", "rows=sql:db:3:select 1"};
    static const char *const gone[] = {"db="}, *const both[] = {"rows=", "db="};
    struct drill_check *checks;
    size_t count;
    struct error err = {0};
    char *json = NULL;
    (void)state;
    assert_int_equal(drill_checks_apply(&json, two, 2, &err), 0);
    assert_int_equal(drill_checks_read(json, &checks, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(checks[1].of, "db");
    assert_string_equal(checks[1].expect, "3");
    assert_string_equal(checks[1].path, "select 1");
    drill_checks_free(checks, count);
    /* An assertion without its database would never be asked. */
    assert_int_equal(drill_checks_apply(&json, gone, 1, &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
    assert_int_equal(drill_checks_apply(&json, both, 2, &err), 0);
    assert_string_equal(json, "{}");
    mem_free(json);
}

/* A check, and what must come of it. */
struct expected {
    const char *name, *spec;
    enum drill_state state;
    const char *said;
};

static void compare(const struct expected *row, const struct drill_outcome *outcome)
{
    const struct buf *output = &outcome->output;
    bool says = output->size > 0 && memmem(output->data, output->size, row->said, strlen(row->said)) != NULL;
    if (outcome->state != row->state || !says)
        fail_msg("%s: state %d: %.*s", row->name, (int)outcome->state, (int)output->size, (const char *)output->data);
    assert_true(output->size < DRILL_OUTPUT_MAX + 100);
}

/* Run the checks of all rows at once, and compare each. */
static void run_rows(const struct world *world, const struct expected *rows, size_t row_count, bool whole,
                     int64_t limit_ns)
{
    struct error err = {0};
    struct drill_check *checks;
    size_t count;
    json_t *object = json_object();
    char *json = NULL;
    const struct drill_place place = {.folder = world->data,
                                      .work = world->work,
                                      .whole = whole,
                                      .limit_ns = limit_ns,
                                      .drill = "d",
                                      .tenant = "t",
                                      .target = "a"};
    for (size_t i = 0; i < row_count; i++)
        assert_int_equal(json_object_set_new(object, rows[i].name, json_string(rows[i].spec)), 0);
    assert_int_equal(json_print(object, &json, &err), 0);
    json_decref(object);
    assert_int_equal(drill_checks_read(json, &checks, &count, &err), 0);
    mem_free(json);
    assert_int_equal(count, row_count);
    struct drill_outcome *outcomes = mem_calloc(count, sizeof(*outcomes));
    assert_int_equal(drill_checks_run(checks, count, &place, outcomes, &err), 0);
    for (size_t i = 0; i < row_count; i++)
        for (size_t k = 0; k < count; k++)
            if (strcmp(checks[k].name, rows[i].name) == 0)
                compare(&rows[i], &outcomes[k]);
    for (size_t i = 0; i < count; i++)
        buf_free(&outcomes[i].output);
    mem_free(outcomes);
    drill_checks_free(checks, count);
}
#define RUN(world, rows, whole, limit_ns) run_rows(world, rows, sizeof(rows) / sizeof((rows)[0]), whole, limit_ns)

static void make_database(const struct world *world, const char *name, const char *sql)
{
    char path[160];
    sqlite3 *db;
    (void)snprintf(path, sizeof(path), "%s/%s", world->data, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_sqlite(void **state)
{
    static const struct expected rows[] = {
        {"good", "sqlite:good.db", DRILL_PASSED, "ok"},
        {"bad", "sqlite:bad.db", DRILL_FAILED, ""},
        {"none", "sqlite:none.db", DRILL_FAILED, "not a database"},
        {"away", "sqlite:away.db", DRILL_FAILED, "no file"},
        {"rows", "sql:good:3:select count(*) from t", DRILL_PASSED, "gives 3"},
        {"lost", "sql:good:4:select count(*) from t", DRILL_FAILED, "gives 3, not 4"},
        {"many", "sql:good:1:select a from t", DRILL_FAILED, "more than one row"},
        {"wrong", "sql:good:1:select nothing", DRILL_FAILED, "nothing"},
        {"zero", "sql:good:1:select a from t where a=9", DRILL_FAILED, "no row"},
        {"slow",
         "sql:good:1:select count(*) from (with recursive n(x) as (select 1 union all select x+1 from n) select x "
         "from n)",
         DRILL_FAILED, "took longer"},
        {"two", "sql:good:1:select 1; delete from t", DRILL_FAILED, "only reads"},
        {"ofbad", "sql:bad:1:select 1", DRILL_FAILED, "could not be asked"},
    };
    const struct world *world = *state;
    char path[160], bytes[64];
    make_database(world, "good.db", "create table t(a); insert into t values(1),(2),(3)");
    make_database(world, "bad.db",
                  "create table t(a text); create index i on t(a);"
                  "with recursive n(x) as (select 1 union all select x+1 from n where x<2000)"
                  "insert into t select hex(randomblob(20)) from n");
    (void)snprintf(path, sizeof(path), "%s/bad.db", world->data);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 3 * 4096 + 100, SEEK_SET), 0);
    memset(bytes, 0x5a, sizeof(bytes));
    assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    assert_int_equal(fclose(file), 0);
    write_file(world, "none.db", "this is no database, whatever its name says", 43);
    RUN(world, rows, false, NS_PER_S / 2);
}

static void test_commands(void **state)
{
    static const struct expected rows[] = {
        {"good", "cmd:test -s file && echo seen $HIKAE_TENANT $HIKAE_TARGET", DRILL_PASSED, "seen t a"},
        {"bad", "cmd:echo no; exit 3", DRILL_FAILED, "exit code 3"},
        {"killed", "cmd:kill -9 $$", DRILL_FAILED, "exit code -1"},
        {"talks", "cmd:yes | head -c 100000; exit 0", DRILL_PASSED, "y\ny\n"},
    };
    static const struct expected hangs[] = {
        {"hangs", "cmd:trap '' TERM; sleep 60 & sleep 60", DRILL_FAILED, "took longer"}};
    static const struct expected in_sample[] = {{"good", "cmd:true", DRILL_LEFT, "sample"}};
    const struct world *world = *state;
    write_file(world, "file", "x", 1);
    RUN(world, rows, true, 60 * NS_PER_S);
    int64_t began = clock_monotonic_ns();
    RUN(world, hangs, true, NS_PER_S / 2);
    assert_true(clock_monotonic_ns() - began < 50 * NS_PER_S);
    RUN(world, in_sample, false, NS_PER_S);
}

static void test_archives(void **state)
{
    static const struct expected rows[] = {
        {"tgz", "archive:good.tgz", DRILL_PASSED, "4 entries, 60000 bytes"},
        {"short", "archive:short.tgz", DRILL_FAILED, "after"},
        {"zip", "archive:good.zip", DRILL_PASSED, "4 entries, 60000 bytes"},
        {"bad", "archive:bad.zip", DRILL_FAILED, "after"},
        {"link", "archive:link.zip", DRILL_FAILED, "no file"},
        {"through", "archive:through/1", DRILL_FAILED, "no file"},
        {"name", "archive:name.tar", DRILL_PASSED, "2 entries, 3 bytes"},
        {"empty", "archive:many.tar", DRILL_PASSED, "300 entries, 0 bytes"},
        {"text", "archive:x/1", DRILL_FAILED, ""},
    };
    const struct world *world = *state;
    char command[1024];
    (void)snprintf(
        command, sizeof(command),
        "cd %s && mkdir x && ln -s x through && python3 -c 'import io, tarfile\n"
        "t = tarfile.open(\"name.tar\", \"w\", format=tarfile.PAX_FORMAT)\n"
        "for n in (chr(0x63a7) * 40, chr(0x63a7)):\n"
        "    i = tarfile.TarInfo(n); i.size = 3 if len(n) == 1 else 0; t.addfile(i, io.BytesIO(b\"abc\"))\n"
        "t.close()\n"
        "t = tarfile.open(\"many.tar\", \"w\")\n"
        "for n in range(300): t.addfile(tarfile.TarInfo(str(n)))\n"
        "t.close()' && for i in 1 2 3; do head -c 20000 /dev/urandom >x/$i; done && tar czf good.tgz x && "
        "head -c 30000 good.tgz >short.tgz && zip -qr good.zip x && cp good.zip bad.zip && "
        "printf 'ZZZZZZZZ' | dd of=bad.zip bs=1 seek=5000 conv=notrunc 2>/dev/null && ln -s good.zip link.zip",
        world->data);
    assert_int_equal(system(command), 0);
    RUN(world, rows, false, 10 * NS_PER_S);
}

static void test_ext4(void **state)
{
    static const struct expected rows[] = {
        {"good", "ext4:good.img", DRILL_PASSED, "exit code 0"},
        {"bad", "ext4:bad.img", DRILL_FAILED, "exit code"},
    };
    const struct world *world = *state;
    char command[512];
    (void)snprintf(
        command, sizeof(command),
        "cd %s && PATH=$PATH:/sbin:/usr/sbin && truncate -s 4M good.img && mkfs.ext4 -q -F good.img && "
        "cp good.img bad.img && dd if=/dev/urandom of=bad.img bs=1024 seek=5 count=60 conv=notrunc 2>/dev/null",
        world->data);
    assert_int_equal(system(command), 0);
    RUN(world, rows, false, 30 * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specs),
        cmocka_unit_test(test_apply),
        cmocka_unit_test_setup_teardown(test_sqlite, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ext4, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
