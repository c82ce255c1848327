#include "collect_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "tree_compare.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START INT64_C(1800000000000000000)

/* ---- Doing ---- */

void must(enum hikae_status status, const struct hikae_error *error, enum hikae_status expected)
{
    if (status != expected)
        print_error("status %d: %s (%s)\n", (int)status, error->message, error->hint);
    assert_int_equal(status, expected);
}

void pass(struct world *world, int64_t ns)
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

void open_world(struct world *world)
{
    struct hikae_error error = {0};
    const struct hikae_observer observer = {.warning = warn};
    must(hikae_open(world->config, &world->hikae, &error), &error, HIKAE_OK);
    hikae_observe(world->hikae, &observer);
}

void reopen(struct world *world)
{
    hikae_close(world->hikae);
    open_world(world);
}

void write_file(const struct world *world, const char *name, size_t size, uint64_t seed)
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

void make_world(struct world *world, size_t targets, unsigned min_copies)
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

void end_world(struct world *world)
{
    hikae_close(world->hikae);
    if (getenv("KEEP") == NULL)
        assert_int_equal(file_remove_tree(world->dir, NULL), 0);
    else
        print_message("%s\n", world->dir);
}

void backup(struct world *world, enum hikae_status expected)
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
int retire(struct hikae *hikae, const char *tenant, size_t keep, struct error *err)
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

void keep(struct world *world, size_t count)
{
    struct error err = {0};
    int rc = retire(world->hikae, "acme", count, &err);
    if (rc != 0)
        print_error("%s\n", err.what);
    assert_int_equal(rc, 0);
}

struct freed gc(struct world *world, enum hikae_status expected)
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

void verify(struct world *world)
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

size_t count_snapshots(struct world *world)
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
void restore_all(struct world *world, unsigned first_night)
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

void keep_reference(const struct world *world, unsigned night)
{
    char command[700];
    (void)snprintf(command, sizeof(command), "cp -a '%s/src' '%s/ref-%u'", world->dir, world->dir, night);
    assert_int_equal(system(command), 0);
}

/* A night: some files change, one is new; the source is remembered. */
void night(struct world *world, unsigned number)
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
size_t count_objects(const struct world *world, const char *target, char class)
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

void move_away(const struct world *world, const char *target, bool back)
{
    char here[400], there[400];
    (void)snprintf(here, sizeof(here), "%s/%s", world->dir, target);
    (void)snprintf(there, sizeof(there), "%s/%s.away", world->dir, target);
    assert_int_equal(back ? rename(there, here) : rename(here, there), 0);
}

void lose_state(struct world *world)
{
    char path[400];
    hikae_close(world->hikae);
    (void)snprintf(path, sizeof(path), "%s/etc/state", world->dir);
    assert_int_equal(file_remove_tree(path, NULL), 0);
    open_world(world);
}

void replicate(struct world *world)
{
    struct hikae_error error = {0};
    struct hikae_replicate_result result;
    must(hikae_replicate(world->hikae, NULL, NULL, false, &result, &error), &error, HIKAE_OK);
    hikae_replicate_result_free(&result);
}
