/*
 * Collection, through the public interface, on stores that are really made: nights, retirements, targets that are away,
 * two hosts, three hundred and sixty-five nights. Called with "retire CONFIG TENANT COUNT" it retires the oldest
 * snapshots: for scripts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "hikae.h"
#include "ops/engine.h"
#include "tree_compare.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY   (24 * 3600 * NS_PER_S)
#define START INT64_C(1800000000000000000)

struct world {
    char dir[256];
    char config[300];
    char key[320];
    struct hikae *hikae;
    int64_t now_ns;
};

/* ---- Doing ---- */

static void must(enum hikae_status status, const struct hikae_error *error, enum hikae_status expected)
{
    if (status != expected)
        print_error("status %d: %s (%s)\n", (int)status, error->message, error->hint);
    assert_int_equal(status, expected);
}

static void pass(struct world *world, int64_t ns)
{
    world->now_ns += ns;
    clock_set_test(world->now_ns);
}

static void warn(const char *message, void *context)
{
    (void)context;
    if (getenv("SHOW") != NULL)
        print_message("    %s\n", message);
}

static void open_world(struct world *world)
{
    struct hikae_error error = {0};
    const struct hikae_observer observer = {.warning = warn};
    must(hikae_open(world->config, &world->hikae, &error), &error, HIKAE_OK);
    hikae_observe(world->hikae, &observer);
}

static void reopen(struct world *world)
{
    hikae_close(world->hikae);
    open_world(world);
}

static void write_file(const struct world *world, const char *name, size_t size, uint64_t seed)
{
    char path[512];
    CLEANUP(buf_free) struct buf bytes = {0};
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t i = 0; i < size; i += 8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        assert_int_equal(buf_u64(&bytes, state, NULL), 0);
    }
    (void)snprintf(path, sizeof(path), "%s/src/%s", world->dir, name);
    assert_int_equal(file_write_atomic(path, bytes.data, size, 0644, NULL), 0);
}

static void make_world(struct world *world, size_t targets, unsigned min_copies)
{
    static const char *const letters[] = {"a", "b", "c"};
    /* What is tested here is not how fast a disk syncs. */
    const char *temporary = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
    char text[3][400], path[320], spec[330];
    const char *names[3];
    struct hikae_error error = {0};
    memset(world, 0, sizeof(*world));
    pass(world, START);
    (void)snprintf(world->dir, sizeof(world->dir), "%.200s/hikae-gc-XXXXXX", temporary != NULL ? temporary : "/tmp");
    assert_non_null(mkdtemp(world->dir));
    for (size_t i = 0; i < targets; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "%s=file://%s/%s", letters[i], world->dir, letters[i]);
        names[i] = text[i];
    }
    (void)snprintf(path, sizeof(path), "%s/etc", world->dir);
    struct hikae_init_options init = {
        .dir = path, .targets = names, .target_count = targets, .min_copies = min_copies, .test_clock = true};
    struct hikae_init_result made;
    must(hikae_init(&init, &made, &error), &error, HIKAE_OK);
    (void)snprintf(world->config, sizeof(world->config), "%s", made.config);
    (void)snprintf(world->key, sizeof(world->key), "%s", made.key);
    hikae_init_result_free(&made);
    (void)snprintf(path, sizeof(path), "%s/src", world->dir);
    assert_int_equal(file_mkdirs(path, 0700, NULL), 0);
    open_world(world);
    (void)snprintf(spec, sizeof(spec), "dir:%s", path);
    struct hikae_source source = {.name = "src", .spec = spec};
    struct hikae_tenant_options tenant = {.name = "acme", .sources = &source, .source_count = 1};
    struct hikae_tenants tenants;
    must(hikae_tenant_add(world->hikae, &tenant, &tenants, &error), &error, HIKAE_OK);
    hikae_tenants_free(&tenants);
}

static void end_world(struct world *world)
{
    hikae_close(world->hikae);
    if (getenv("KEEP") == NULL)
        assert_int_equal(file_remove_tree(world->dir, NULL), 0);
    else
        print_message("%s\n", world->dir);
}

static void backup(struct world *world, enum hikae_status expected)
{
    struct hikae_error error = {0};
    struct hikae_backup_options options = {0};
    struct hikae_backup_result result;
    enum hikae_status status = hikae_backup(world->hikae, "acme", &options, &result, &error);
    must(status, &error, expected);
    if (status <= HIKAE_WARNINGS)
        hikae_backup_result_free(&result);
}

/* Retire all but the newest `keep` snapshots. */
static int retire(struct hikae *hikae, const char *tenant, size_t keep, struct error *err)
{
    struct session session;
    struct record record = {.type = RECORD_RETIRE};
    if (session_open(hikae, tenant, SESSION_LOCK, &session, err) != 0)
        return -1;
    const struct history *history = &session.chain.history;
    record.retired = mem_calloc(history->snapshot_count, sizeof(struct hash));
    record.body = mem_strdup("{\"v\":1,\"reasons\":[]}");
    size_t kept = 0;
    for (size_t i = history->snapshot_count; i-- > 0;)
        if (!history->snapshots[i].retired && kept++ >= keep)
            record.retired[record.retired_count++] = history->snapshots[i].record;
    int rc = record.retired_count == 0 ? 0
                                       : chain_append(hikae, session.keyring, &session.chain, &record,
                                                      engine_up_mask(hikae), hikae->config->min_copies, err);
    record_clear(&record);
    session_close(&session);
    return rc;
}

static void keep(struct world *world, size_t count)
{
    struct error err = {0};
    int rc = retire(world->hikae, "acme", count, &err);
    if (rc != 0)
        print_error("%s\n", err.what);
    assert_int_equal(rc, 0);
}

/* gc; the result's figures of the first target. */
struct freed {
    uint64_t freed, waiting, stored, live, condemned, moved;
    int64_t until_ns;
};

static struct freed gc(struct world *world, enum hikae_status expected)
{
    struct hikae_error error = {0};
    struct hikae_gc_options options = {0};
    struct hikae_gc_result result;
    struct freed freed = {0};
    must(hikae_gc(world->hikae, "acme", &options, &result, &error), &error, expected);
    if (result.target_count > 0)
        freed = (struct freed){result.targets[0].freed_bytes,  result.targets[0].waiting_bytes,
                               result.targets[0].stored_bytes, result.live_bytes,
                               result.condemned_objects,       result.moved_bytes,
                               result.targets[0].until_ns};
    hikae_gc_result_free(&result);
    return freed;
}

static void verify(struct world *world)
{
    struct hikae_error error = {0};
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_DATA};
    struct hikae_verify_result result;
    enum hikae_status status = hikae_verify(world->hikae, "acme", &options, &result, &error);
    for (size_t i = 0; status != HIKAE_OK && i < result.finding_count && i < 5; i++)
        print_error("%s %s: %s\n", result.findings[i].target, result.findings[i].object, result.findings[i].why);
    must(status, &error, HIKAE_OK);
    assert_true(result.sound > 0);
    hikae_verify_result_free(&result);
}

static size_t count_snapshots(struct world *world)
{
    struct hikae_error error = {0};
    struct hikae_snapshots list;
    must(hikae_snapshots(world->hikae, "acme", &list, &error), &error, HIKAE_OK);
    size_t count = list.count;
    assert_int_equal(list.heads, 1);
    hikae_snapshots_free(&list);
    return count;
}

/* Every snapshot that is listed restores to what the source was then: `refs` holds it, by the oldest first. */
static void restore_all(struct world *world, unsigned first_night)
{
    struct hikae_error error = {0};
    struct hikae_snapshots list;
    must(hikae_snapshots(world->hikae, "acme", &list, &error), &error, HIKAE_OK);
    assert_true(list.count > 0);
    for (size_t i = 0; i < list.count; i++) {
        char to[320], made[340], ref[340];
        (void)snprintf(to, sizeof(to), "%s/back", world->dir);
        (void)snprintf(made, sizeof(made), "%s/src", to);
        (void)snprintf(ref, sizeof(ref), "%s/ref-%u", world->dir, first_night + (unsigned)i);
        struct hikae_restore_options options = {.which = {.snapshot = list.snapshots[i].id}, .to = to};
        struct hikae_restore_result result;
        must(hikae_restore(world->hikae, "acme", &options, &result, &error), &error, HIKAE_OK);
        hikae_restore_result_free(&result);
        assert_true(same_folders(ref, made) > 0);
        assert_int_equal(file_remove_tree(to, NULL), 0);
    }
    hikae_snapshots_free(&list);
}

static void keep_reference(const struct world *world, unsigned night)
{
    char command[700];
    (void)snprintf(command, sizeof(command), "cp -a '%s/src' '%s/ref-%u'", world->dir, world->dir, night);
    assert_int_equal(system(command), 0);
}

/* A night: some files change, one is new; the source is remembered. */
static void night(struct world *world, unsigned number)
{
    char name[32];
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof(name), "file-%u", (number * 4 + i) % 12);
        write_file(world, name, 30000 + 40000 * i, number * 100 + i);
    }
    (void)snprintf(name, sizeof(name), "new-%u", number);
    write_file(world, name, 200000, number + 7777);
    keep_reference(world, number);
    pass(world, DAY);
    backup(world, HIKAE_OK);
}

static size_t count_in(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *one; dir != NULL && (one = readdir(dir)) != NULL;)
        count += one->d_name[0] != '.';
    if (dir != NULL)
        (void)closedir(dir);
    return count;
}

/* Objects of a class on a target, of the one tenant. */
static size_t count_objects(const struct world *world, const char *target, char class)
{
    char folder[400], path[700];
    size_t count = 0;
    (void)snprintf(folder, sizeof(folder), "%s/%s/hikae1/t", world->dir, target);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *one; (one = readdir(dir)) != NULL;) {
        (void)snprintf(path, sizeof(path), "%s/%.64s/%c", folder, one->d_name, class);
        if (one->d_name[0] != '.')
            count += count_in(path);
    }
    (void)closedir(dir);
    return count;
}

static void move_away(const struct world *world, const char *target, bool back)
{
    char here[400], there[400];
    (void)snprintf(here, sizeof(here), "%s/%s", world->dir, target);
    (void)snprintf(there, sizeof(there), "%s/%s.away", world->dir, target);
    assert_int_equal(back ? rename(there, here) : rename(here, there), 0);
}

static void lose_state(struct world *world)
{
    char path[400];
    hikae_close(world->hikae);
    (void)snprintf(path, sizeof(path), "%s/etc/state", world->dir);
    assert_int_equal(file_remove_tree(path, NULL), 0);
    open_world(world);
}

static void replicate(struct world *world)
{
    struct hikae_error error = {0};
    struct hikae_replicate_result result;
    must(hikae_replicate(world->hikae, NULL, NULL, false, &result, &error), &error, HIKAE_OK);
    hikae_replicate_result_free(&result);
}

/* ---- What is tested ---- */

static void test_retired_goes(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 2);
    for (unsigned i = 0; i < 6; i++)
        night(&world, i);
    struct freed none = gc(&world, HIKAE_OK);
    assert_int_equal(none.condemned, 0);
    keep(&world, 2);
    struct freed first = gc(&world, HIKAE_OK);
    assert_true(first.condemned > 4);
    assert_int_equal(first.freed, 0);
    assert_true(first.waiting > 0);
    assert_in_range(first.until_ns, world.now_ns + 3 * DAY, world.now_ns + 3 * DAY + 60 * NS_PER_S);
    verify(&world);
    restore_all(&world, 4);
    pass(&world, 3 * DAY - 3600 * NS_PER_S);
    assert_int_equal(gc(&world, HIKAE_OK).freed, 0);
    pass(&world, 3601 * NS_PER_S);
    struct freed last = gc(&world, HIKAE_OK);
    assert_true(last.freed > 0);
    assert_int_equal(count_objects(&world, "a", 'p'), count_objects(&world, "b", 'p'));
    assert_int_equal(count_snapshots(&world), 2);
    verify(&world);
    restore_all(&world, 4);
    lose_state(&world);
    assert_int_equal(count_snapshots(&world), 2);
    verify(&world);
    restore_all(&world, 4);
    night(&world, 6);
    restore_all(&world, 4);
    end_world(&world);
}

static void test_target_away(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 3, 2);
    for (unsigned i = 0; i < 4; i++)
        night(&world, i);
    move_away(&world, "c", false);
    reopen(&world);
    keep(&world, 1);
    assert_true(gc(&world, HIKAE_OK).condemned > 0);
    pass(&world, 3 * DAY + NS_PER_S);
    assert_true(gc(&world, HIKAE_OK).freed > 0);
    size_t packs = count_objects(&world, "a", 'p');
    move_away(&world, "c", true);
    lose_state(&world);
    assert_int_equal(count_snapshots(&world), 1);
    replicate(&world);
    assert_int_equal(count_objects(&world, "a", 'p'), packs);
    assert_int_equal(count_snapshots(&world), 1);
    assert_true(count_objects(&world, "c", 'p') > packs);
    (void)gc(&world, HIKAE_OK);
    pass(&world, 3 * DAY + NS_PER_S);
    (void)gc(&world, HIKAE_OK);
    assert_int_equal(count_objects(&world, "c", 'p'), count_objects(&world, "a", 'p'));
    replicate(&world);
    assert_int_equal(count_objects(&world, "a", 'p'), count_objects(&world, "c", 'p'));
    assert_int_equal(count_objects(&world, "a", 'h'), count_objects(&world, "c", 'h'));
    verify(&world);
    restore_all(&world, 3);
    end_world(&world);
}

static void test_holds_and_quorum(void **state)
{
    (void)state;
    struct world world;
    struct hikae_error error = {0};
    make_world(&world, 3, 2);
    for (unsigned i = 0; i < 6; i++)
        night(&world, i);
    keep(&world, 1);
    must(hikae_hold_add(world.hikae, "acme", "court", "case 7", "2027-02-01T00:00:00Z", false, &error), &error,
         HIKAE_OK);
    size_t objects = count_objects(&world, "a", 'p');
    (void)gc(&world, HIKAE_REFUSED);
    assert_int_equal(count_objects(&world, "a", 'p'), objects);
    pass(&world, 60 * DAY); /* the hold has ended */
    assert_true(gc(&world, HIKAE_OK).condemned > 0);
    objects = count_objects(&world, "a", 'p');
    pass(&world, 4 * DAY);
    move_away(&world, "b", false);
    move_away(&world, "c", false);
    reopen(&world);
    (void)gc(&world, HIKAE_REFUSED); /* one of three targets answers */
    assert_int_equal(count_objects(&world, "a", 'p'), objects);
    move_away(&world, "b", true);
    move_away(&world, "c", true);
    reopen(&world);
    assert_true(gc(&world, HIKAE_OK).freed > 0);
    restore_all(&world, 5);
    end_world(&world);
}

/* ---- A year ---- */

enum { YEAR_FILES = 400, YEAR_SIZE = 32000, YEAR_KEPT = 7 };

/* One per cent of the files changes, spread evenly. */
static void change_files(struct world *world, uint64_t *random, unsigned number)
{
    char name[32];
    for (unsigned i = 0; i < YEAR_FILES / 100; i++) {
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
        (void)snprintf(name, sizeof(name), "file-%u", (unsigned)(*random >> 33) % YEAR_FILES);
        write_file(world, name, YEAR_SIZE, number * UINT64_C(1000) + i + 1000000);
    }
}

static void make_files(struct world *world)
{
    char name[32];
    for (unsigned i = 0; i < YEAR_FILES; i++) {
        (void)snprintf(name, sizeof(name), "file-%u", i);
        write_file(world, name, YEAR_SIZE, i);
    }
}

static void test_year(void **state)
{
    (void)state;
    struct world world;
    uint64_t random = 4711;
    double worst = 0, last = 0, rewritten = 0, sum = 0;
    size_t most = 0, above = 0;
    make_world(&world, 1, 1);
    make_files(&world);
    for (unsigned number = 0; number < 365; number++) {
        change_files(&world, &random, number);
        if (number >= 365 - YEAR_KEPT)
            keep_reference(&world, number);
        pass(&world, DAY);
        backup(&world, HIKAE_OK);
        keep(&world, YEAR_KEPT);
        struct freed freed = gc(&world, HIKAE_OK);
        last = (double)freed.stored / (double)freed.live;
        rewritten += (double)freed.moved / (double)freed.live;
        if (number >= 30) {
            worst = last > worst ? last : worst;
            sum += last;
            above += last > 1.3;
        }
        size_t objects = count_objects(&world, "a", 'p') + count_objects(&world, "a", 'i') +
                         count_objects(&world, "a", 'r') + count_objects(&world, "a", 'h');
        most = objects > most ? objects : most;
        if (getenv("SHOW") != NULL && number % 10 == 0)
            print_message("night %u: %.3f stored %llu live %llu waiting %llu moved %llu packs %zu records %zu\n",
                          number, last, (unsigned long long)freed.stored, (unsigned long long)freed.live,
                          (unsigned long long)freed.waiting, (unsigned long long)freed.moved,
                          count_objects(&world, "a", 'p'), count_objects(&world, "a", 'h'));
    }
    print_message("365 nights: stored %.3f times what is needed on the last, %.3f at worst, %.3f on average; "
                  "above 1.3 on %zu nights; %.1f %% written again a night; at most %zu objects\n",
                  last, worst, sum / 335, above, 100 * rewritten / 365, most);
    if (getenv("KEEP") == NULL)
        assert_true(last <= 1.3 && worst <= 1.4);
    assert_true(most < 400);
    verify(&world);
    if (getenv("KEEP") == NULL)
        restore_all(&world, 365 - YEAR_KEPT);
    end_world(&world);
}

static int helper(int argc, char **argv)
{
    struct hikae *hikae;
    struct hikae_error error = {0};
    struct error err = {0};
    if (argc != 5 || hikae_open(argv[2], &hikae, &error) != HIKAE_OK)
        return 2;
    int rc = retire(hikae, argv[3], (size_t)strtoul(argv[4], NULL, 10), &err);
    hikae_close(hikae);
    return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return helper(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retired_goes),
        cmocka_unit_test(test_target_away),
        cmocka_unit_test(test_holds_and_quorum),
        cmocka_unit_test(test_year),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
