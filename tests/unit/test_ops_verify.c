/* Verify, replicate and recover, through the public interface, on stores that are really made and really damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "hikae.h"
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* An installation with some targets below one temporary folder, and a source of a few files. */
struct world {
    char dir[256];
    char config[300];
    char sheet[320];
    char key[320];
    struct hikae *hikae;
};

static void write_file(const struct world *world, const char *name, size_t size, unsigned seed)
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

static void open_world(struct world *world)
{
    struct hikae_error error = {0};
    enum hikae_status status = hikae_open(world->config, &world->hikae, &error);
    if (status != HIKAE_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, HIKAE_OK);
}

static void reopen(struct world *world)
{
    hikae_close(world->hikae);
    world->hikae = NULL;
    open_world(world);
}

static void make_world(struct world *world, size_t targets, unsigned min_copies)
{
    static const char *const letters[] = {"a", "b", "c"};
    char text[3][400], src[300];
    const char *names[3];
    struct hikae_error error = {0};
    memset(world, 0, sizeof(*world));
    assert_int_equal(scratch_make(world->dir, sizeof(world->dir), "verify"), 0);
    for (size_t i = 0; i < targets; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "%s=file://%s/%s", letters[i], world->dir, letters[i]);
        names[i] = text[i];
    }
    char dir[300];
    (void)snprintf(dir, sizeof(dir), "%s/etc", world->dir);
    struct hikae_init_options init = {.dir = dir, .targets = names, .target_count = targets, .min_copies = min_copies};
    struct hikae_init_result made;
    enum hikae_status status = hikae_init(&init, &made, &error);
    if (status != HIKAE_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, HIKAE_OK);
    (void)snprintf(world->config, sizeof(world->config), "%s", made.config);
    (void)snprintf(world->sheet, sizeof(world->sheet), "%s", made.sheet);
    (void)snprintf(world->key, sizeof(world->key), "%s", made.key);
    hikae_init_result_free(&made);
    (void)snprintf(src, sizeof(src), "%s/src", world->dir);
    assert_int_equal(file_mkdirs(src, 0700, NULL), 0);
    write_file(world, "one", 300000, 1);
    write_file(world, "two", 5000, 2);
    write_file(world, "three", 70000, 3);
    open_world(world);
    char spec[320];
    (void)snprintf(spec, sizeof(spec), "dir:%s", src);
    struct hikae_source source = {.name = "src", .spec = spec};
    struct hikae_tenant_options tenant = {.name = "acme", .sources = &source, .source_count = 1};
    struct hikae_tenants tenants;
    status = hikae_tenant_add(world->hikae, &tenant, &tenants, &error);
    if (status != HIKAE_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, HIKAE_OK);
    hikae_tenants_free(&tenants);
}

static void end_world(struct world *world)
{
    hikae_close(world->hikae);
    assert_int_equal(file_remove_tree(world->dir, NULL), 0);
}

static enum hikae_status try_backup(struct world *world, struct hikae_error *error)
{
    struct hikae_backup_options options = {0};
    struct hikae_backup_result result;
    enum hikae_status status = hikae_backup(world->hikae, "acme", &options, &result, error);
    if (status == HIKAE_OK || status == HIKAE_WARNINGS)
        hikae_backup_result_free(&result);
    return status;
}

static void backup(struct world *world)
{
    struct hikae_error error = {0};
    enum hikae_status status = try_backup(world, &error);
    if (status != HIKAE_OK)
        print_error("%s (%s)\n", error.message, error.hint);
    assert_int_equal(status, HIKAE_OK);
}

/* ---- The targets' files ---- */

struct paths {
    char *paths[256];
    size_t count;
};

static void collect(const char *dir, char folder, bool matches, struct paths *out)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        char *path = mem_printf("%s/%s", dir, e->d_name);
        struct stat st;
        assert_int_equal(lstat(path, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            collect(path, folder, matches || (e->d_name[0] == folder && e->d_name[1] == '\0'), out);
            mem_free(path);
        } else if (matches && out->count < 256) {
            out->paths[out->count++] = path;
        } else {
            mem_free(path);
        }
    }
    (void)closedir(d);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All objects of a class of all tenants on a target, sorted. */
static struct paths objects_of(const struct world *world, const char *target, char folder)
{
    struct paths out = {0};
    char dir[400];
    (void)snprintf(dir, sizeof(dir), "%s/%s/hikae1/t", world->dir, target);
    collect(dir, folder, false, &out);
    qsort(out.paths, out.count, sizeof(out.paths[0]), compare_paths);
    return out;
}

static void free_paths(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        mem_free(paths->paths[i]);
}

static void flip(const char *path)
{
    struct stat st;
    uint8_t byte;
    assert_int_equal(chmod(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    assert_int_equal(close(fd), 0);
}

static void cut(const char *path)
{
    struct stat st;
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
}

static void swap(const char *a, const char *b)
{
    char *aside = mem_printf("%s.aside", a);
    assert_int_equal(rename(a, aside), 0);
    assert_int_equal(rename(b, a), 0);
    assert_int_equal(rename(aside, b), 0);
    mem_free(aside);
}

/* Rename a target's folder away, or back. */
static void move_target(const struct world *world, const char *from, const char *to)
{
    char a[400], b[400];
    (void)snprintf(a, sizeof(a), "%s/%s", world->dir, from);
    (void)snprintf(b, sizeof(b), "%s/%s", world->dir, to);
    assert_int_equal(rename(a, b), 0);
}

/* ---- Verify ---- */

static enum hikae_status verify(struct world *world, enum hikae_verify_level level, bool repair,
                                struct hikae_verify_result *ret)
{
    struct hikae_verify_options options = {.level = level, .repair = repair};
    struct hikae_error error = {0};
    return hikae_verify(world->hikae, "acme", &options, ret, &error);
}

static void expect(struct world *world, enum hikae_verify_level level, bool repair, enum hikae_status wanted,
                   uint64_t damaged, uint64_t repaired)
{
    struct hikae_verify_result result;
    enum hikae_status status = verify(world, level, repair, &result);
    if (status != wanted || result.damaged != damaged || result.repaired != repaired)
        for (size_t i = 0; i < result.finding_count; i++)
            print_error("%s %s: %s\n", result.findings[i].target, result.findings[i].object, result.findings[i].why);
    assert_int_equal(status, wanted);
    assert_int_equal(result.damaged, damaged);
    assert_int_equal(result.repaired, repaired);
    assert_true(result.checked > 0);
    hikae_verify_result_free(&result);
}

static void test_sound(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    struct hikae_verify_result result;
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_DATA};
    struct hikae_error error = {0};
    assert_int_equal(hikae_verify(world.hikae, NULL, &options, &result, &error), HIKAE_DAMAGED);
    assert_string_equal(error.message, "nothing was checked");
    assert_non_null(strstr(error.hint, "no snapshot"));
    hikae_verify_result_free(&result);
    backup(&world);
    for (int level = HIKAE_VERIFY_INVENTORY; level <= HIKAE_VERIFY_DATA; level++)
        expect(&world, (enum hikae_verify_level)level, false, HIKAE_OK, 0, 0);
    struct hikae_snapshots snapshots;
    assert_int_equal(hikae_snapshots(world.hikae, "acme", &snapshots, &error), HIKAE_OK);
    assert_int_equal(snapshots.count, 1);
    assert_true(snapshots.snapshots[0].verified_ns > 0);
    hikae_snapshots_free(&snapshots);
    end_world(&world);
}

static void test_options(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct hikae_verify_result result;
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_OBJECTS, .sample = 2};
    struct hikae_error error = {0};
    assert_int_equal(hikae_verify(world.hikae, "acme", &options, &result, &error), HIKAE_USAGE);
    options = (struct hikae_verify_options){.level = HIKAE_VERIFY_OBJECTS, .target = "nowhere"};
    assert_int_equal(hikae_verify(world.hikae, "acme", &options, &result, &error), HIKAE_NOT_FOUND);
    options.target = "a";
    assert_int_equal(hikae_verify(world.hikae, "nobody", &options, &result, &error), HIKAE_NOT_FOUND);
    hikae_verify_result_free(&result);
    assert_int_equal(hikae_verify(world.hikae, "acme", &options, &result, &error), HIKAE_OK);
    hikae_verify_result_free(&result);
    end_world(&world);
}

/* Halves: the second sample takes the objects that the first left out. */
static void test_samples_rotate(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct paths packs = objects_of(&world, "a", 'p');
    assert_true(packs.count > 0);
    flip(packs.paths[0]);
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_OBJECTS, .sample = 0.5};
    unsigned found = 0;
    for (int night = 0; night < 2; night++) {
        struct hikae_verify_result result;
        struct hikae_error error;
        (void)hikae_verify(world.hikae, "acme", &options, &result, &error);
        found += result.damaged > 0;
        hikae_verify_result_free(&result);
    }
    assert_true(found >= 1);
    free_paths(&packs);
    end_world(&world);
}

static void damage_flip(struct paths *p)
{
    flip(p->paths[0]);
}
static void damage_cut(struct paths *p)
{
    cut(p->paths[0]);
}
static void damage_remove(struct paths *p)
{
    assert_int_equal(unlink(p->paths[0]), 0);
}
static void damage_swap(struct paths *p)
{
    swap(p->paths[0], p->paths[1]);
}

static void test_damage_on_one_target(void **state)
{
    (void)state;
    static const struct {
        void (*damage)(struct paths *packs);
        char class;
        enum hikae_verify_level level; /* that finds it */
        uint64_t objects;
        enum hikae_status unrepaired;
    } rows[] = {
        {damage_flip, 'p', HIKAE_VERIFY_OBJECTS, 1, HIKAE_DAMAGED},
        {damage_flip, 'p', HIKAE_VERIFY_DATA, 1, HIKAE_DAMAGED},
        {damage_cut, 'p', HIKAE_VERIFY_INVENTORY, 1, HIKAE_DAMAGED},
        {damage_remove, 'p', HIKAE_VERIFY_INVENTORY, 1, HIKAE_DAMAGED},
        {damage_swap, 'p', HIKAE_VERIFY_OBJECTS, 2, HIKAE_DAMAGED},
        {damage_flip, 'i', HIKAE_VERIFY_OBJECTS, 1, HIKAE_DAMAGED},
        {damage_cut, 'h', HIKAE_VERIFY_OBJECTS, 1, HIKAE_DAMAGED},
        {damage_remove, 'h', HIKAE_VERIFY_INVENTORY, 1, HIKAE_WARNINGS},
    };
    struct world world;
    make_world(&world, 2, 1);
    write_file(&world, "large", 3 << 20, 5); /* enough for a segment */
    backup(&world);
    write_file(&world, "four", 100000, 4);
    backup(&world);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct paths objects = objects_of(&world, "a", rows[i].class);
        assert_true(objects.count >= rows[i].objects);
        rows[i].damage(&objects);
        reopen(&world);
        expect(&world, rows[i].level, false, rows[i].unrepaired, rows[i].objects, 0);
        expect(&world, rows[i].level, true, HIKAE_WARNINGS, rows[i].objects, rows[i].objects);
        expect(&world, HIKAE_VERIFY_DATA, false, HIKAE_OK, 0, 0);
        free_paths(&objects);
    }
    end_world(&world);
}

static void test_dry_run_changes_nothing(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    struct paths packs = objects_of(&world, "b", 'p');
    flip(packs.paths[0]);
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_OBJECTS, .repair = true, .dry_run = true};
    struct hikae_verify_result result;
    struct hikae_error error = {0};
    assert_int_equal(hikae_verify(world.hikae, "acme", &options, &result, &error), HIKAE_DAMAGED);
    assert_int_equal(result.finding_count, 1);
    assert_non_null(strstr(result.findings[0].why, "would be mended"));
    assert_false(result.findings[0].repaired);
    assert_null(result.findings[0].cost);
    hikae_verify_result_free(&result);
    expect(&world, HIKAE_VERIFY_OBJECTS, false, HIKAE_DAMAGED, 1, 0);
    free_paths(&packs);
    end_world(&world);
}

/* Every copy of every pack of content is bad: what it costs is named. */
static void test_damage_everywhere(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    char largest[2][512];
    for (int t = 0; t < 2; t++) {
        struct paths packs = objects_of(&world, t == 0 ? "a" : "b", 'p');
        off_t size = 0;
        for (size_t i = 0; i < packs.count; i++) {
            struct stat st;
            assert_int_equal(stat(packs.paths[i], &st), 0);
            if (st.st_size > size) {
                size = st.st_size;
                (void)snprintf(largest[t], sizeof(largest[t]), "%s", packs.paths[i]);
            }
        }
        free_paths(&packs);
        flip(largest[t]);
    }
    struct hikae_verify_result result;
    assert_int_equal(verify(&world, HIKAE_VERIFY_OBJECTS, true, &result), HIKAE_DAMAGED);
    assert_int_equal(result.damaged, 2);
    assert_int_equal(result.repaired, 0);
    assert_int_equal(result.finding_count, 2);
    assert_non_null(result.findings[0].cost);
    assert_non_null(strstr(result.findings[0].cost, "snapshot "));
    assert_true(strstr(result.findings[0].cost, "src/one") != NULL ||
                strstr(result.findings[0].cost, "list of entries") != NULL);
    hikae_verify_result_free(&result);
    /* The same when the local state, and with it the index, is gone, and the packs are gone altogether. */
    assert_int_equal(unlink(largest[0]), 0);
    assert_int_equal(unlink(largest[1]), 0);
    reopen(&world);
    assert_int_equal(verify(&world, HIKAE_VERIFY_INVENTORY, false, &result), HIKAE_DAMAGED);
    assert_int_equal(result.damaged, 2);
    assert_non_null(result.findings[0].cost);
    assert_non_null(strstr(result.findings[0].cost, "snapshot "));
    hikae_verify_result_free(&result);
    end_world(&world);
}

/* What snapshots share is walked once only where it is sound: whoever shares a loss is told of. */
static void test_damage_that_snapshots_share(void **state)
{
    (void)state;
    struct world world;
    char name[16];
    make_world(&world, 1, 1);
    backup(&world);
    struct paths packs = objects_of(&world, "a", 'p');
    /* The second has the first's contents in its first leaves, and many more; the third shares nearly all of these. */
    for (unsigned i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof(name), "zz-%03u", i);
        write_file(&world, name, 8, i);
    }
    backup(&world);
    write_file(&world, "zz-later", 1000, 77);
    backup(&world);
    struct hikae_verify_result result;
    assert_int_equal(verify(&world, HIKAE_VERIFY_DATA, false, &result), HIKAE_OK);
    hikae_verify_result_free(&result);
    for (size_t i = 0; i < packs.count; i++)
        assert_int_equal(unlink(packs.paths[i]), 0);
    free_paths(&packs);
    reopen(&world);
    assert_int_equal(verify(&world, HIKAE_VERIFY_DATA, false, &result), HIKAE_DAMAGED);
    size_t told = 0;
    for (size_t i = 0; i < result.finding_count; i++)
        told += strncmp(result.findings[i].object, "snapshot ", 9) == 0;
    assert_int_equal(told, 3);
    hikae_verify_result_free(&result);
    end_world(&world);
}

static void test_target_down_is_unknown(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    move_target(&world, "b", "b.away");
    reopen(&world);
    struct hikae_verify_result result;
    assert_int_equal(verify(&world, HIKAE_VERIFY_OBJECTS, false, &result), HIKAE_UNKNOWN);
    assert_true(result.unknown > 0);
    assert_int_equal(result.damaged, 0);
    hikae_verify_result_free(&result);
    end_world(&world);
}

/* ---- Replicate ---- */

static void test_replicate(void **state)
{
    (void)state;
    struct world world;
    struct hikae_replicate_result result;
    struct hikae_error error = {0};
    make_world(&world, 2, 1);
    backup(&world);
    assert_int_equal(hikae_replicate(world.hikae, NULL, NULL, false, &result, &error), HIKAE_OK);
    assert_int_equal(result.copied, 0);
    hikae_replicate_result_free(&result);
    /* b misses a backup. */
    move_target(&world, "b", "b.away");
    reopen(&world);
    write_file(&world, "four", 100000, 4);
    assert_true(try_backup(&world, &error) <= HIKAE_WARNINGS);
    assert_int_equal(hikae_replicate(world.hikae, NULL, NULL, false, &result, &error), HIKAE_WARNINGS);
    assert_int_equal(result.behind_count, 1);
    assert_string_equal(result.behind[0].name, "b");
    assert_string_equal(result.behind[0].state, "unreachable");
    hikae_replicate_result_free(&result);
    move_target(&world, "b.away", "b");
    reopen(&world);
    assert_int_equal(hikae_replicate(world.hikae, "acme", "b", true, &result, &error), HIKAE_WARNINGS);
    uint64_t would = result.copied;
    assert_true(would > 0);
    assert_string_equal(result.behind[0].state, "behind");
    hikae_replicate_result_free(&result);
    assert_int_equal(hikae_replicate(world.hikae, "acme", "b", false, &result, &error), HIKAE_OK);
    assert_int_equal(result.copied, would);
    assert_int_equal(result.behind_count, 0);
    hikae_replicate_result_free(&result);
    expect(&world, HIKAE_VERIFY_DATA, false, HIKAE_OK, 0, 0);
    end_world(&world);
}

/* A target that lost everything is made anew, and is enough to recover from. */
static void test_replicate_to_empty_target(void **state)
{
    (void)state;
    struct world world;
    struct hikae_replicate_result result;
    struct hikae_error error = {0};
    make_world(&world, 2, 1);
    backup(&world);
    move_target(&world, "b", "b.away");
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/b", world.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    reopen(&world);
    /* A disk that is not mounted looks the same: only who names the target has it filled. */
    assert_int_equal(hikae_replicate(world.hikae, NULL, NULL, false, &result, &error), HIKAE_WARNINGS);
    assert_int_equal(result.copied, 0);
    hikae_replicate_result_free(&result);
    assert_int_equal(hikae_replicate(world.hikae, NULL, "b", false, &result, &error), HIKAE_OK);
    assert_true(result.copied > 3);
    hikae_replicate_result_free(&result);
    reopen(&world);
    expect(&world, HIKAE_VERIFY_DATA, false, HIKAE_OK, 0, 0);
    end_world(&world);
}

/* A record that every target has lost, but this machine still knows, is put back. */
static void test_replicate_puts_records_back(void **state)
{
    (void)state;
    struct world world;
    struct hikae_replicate_result result;
    struct hikae_error error = {0};
    make_world(&world, 2, 1);
    backup(&world);
    for (int t = 0; t < 2; t++) {
        struct paths records = objects_of(&world, t == 0 ? "a" : "b", 'h');
        assert_int_equal(unlink(records.paths[records.count - 1]), 0);
        free_paths(&records);
    }
    reopen(&world);
    assert_int_equal(hikae_replicate(world.hikae, NULL, NULL, false, &result, &error), HIKAE_OK);
    assert_int_equal(result.copied, 2);
    hikae_replicate_result_free(&result);
    end_world(&world);
}

/* Old packs on a alone, b down, c behind: two copies cannot be had, and nothing is committed. */
static void test_too_few_copies_are_refused(void **state)
{
    (void)state;
    struct world world;
    struct hikae_error error = {0};
    make_world(&world, 3, 2);
    move_target(&world, "c", "c.away");
    reopen(&world);
    assert_true(try_backup(&world, &error) <= HIKAE_WARNINGS);
    move_target(&world, "c.away", "c");
    move_target(&world, "b", "b.away");
    reopen(&world);
    write_file(&world, "four", 100000, 4);
    enum hikae_status status = try_backup(&world, &error);
    assert_int_equal(status, HIKAE_REFUSED);
    /* With c caught up, there are two again. */
    struct hikae_replicate_result result;
    assert_int_equal(hikae_replicate(world.hikae, "acme", "c", false, &result, &error), HIKAE_OK);
    hikae_replicate_result_free(&result);
    reopen(&world);
    assert_true(try_backup(&world, &error) <= HIKAE_WARNINGS);
    end_world(&world);
}

/* ---- Recover ---- */

static enum hikae_status recover(const struct world *world, const char *to, size_t targets, const char *sheet,
                                 bool dry_run, struct hikae_recover_result *ret, struct hikae_error *error)
{
    static const char *const letters[] = {"a", "b"};
    char text[2][400], dir[400];
    const char *names[2];
    for (size_t i = 0; i < targets; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "%s=file://%s/%s", letters[i], world->dir, letters[i]);
        names[i] = text[i];
    }
    (void)snprintf(dir, sizeof(dir), "%s/%s", world->dir, to);
    struct hikae_recover_options options = {
        .dir = dir, .targets = names, .target_count = targets, .sheet_file = sheet, .dry_run = dry_run};
    return hikae_recover(&options, ret, error);
}

static void test_recover(void **state)
{
    (void)state;
    struct world world;
    struct hikae_recover_result result;
    struct hikae_error error = {0};
    struct stat st;
    char path[400];
    make_world(&world, 2, 1);
    backup(&world);
    assert_int_equal(recover(&world, "dry", 1, world.sheet, true, &result, &error), HIKAE_OK);
    assert_int_equal(result.snapshots, 1);
    hikae_recover_result_free(&result);
    (void)snprintf(path, sizeof(path), "%s/dry", world.dir);
    assert_int_equal(stat(path, &st), -1);

    enum hikae_status status = recover(&world, "new", 1, world.sheet, false, &result, &error);
    if (status != HIKAE_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, HIKAE_OK);
    assert_int_equal(result.tenants, 1);
    assert_int_equal(result.snapshots, 1);
    assert_false(result.freshness_proven);
    assert_non_null(strstr(result.freshness, "unproven"));
    hikae_close(world.hikae);
    world.hikae = NULL;
    (void)snprintf(world.config, sizeof(world.config), "%s", result.config);
    hikae_recover_result_free(&result);
    open_world(&world);
    (void)snprintf(path, sizeof(path), "%s/out", world.dir);
    struct hikae_restore_options options = {.to = path};
    struct hikae_restore_result restored;
    assert_int_equal(hikae_restore(world.hikae, "acme", &options, &restored, &error), HIKAE_OK);
    assert_true(restored.bytes >= 375000);
    hikae_restore_result_free(&restored);
    /* Not over what is there. */
    assert_int_equal(recover(&world, "new", 1, world.sheet, false, &result, &error), HIKAE_REFUSED);
    end_world(&world);
}

static void test_recover_freshness(void **state)
{
    (void)state;
    struct world world;
    struct hikae_recover_result result;
    struct hikae_error error = {0};
    make_world(&world, 2, 1);
    backup(&world);
    assert_int_equal(recover(&world, "both", 2, world.sheet, false, &result, &error), HIKAE_OK);
    assert_true(result.freshness_proven);
    hikae_recover_result_free(&result);
    /* b hides the newest record of the tenant: a has it. */
    struct paths records = objects_of(&world, "b", 'h');
    assert_true(records.count > 0);
    size_t newest = 0;
    for (size_t i = 1; i < records.count; i++)
        if (strcmp(strrchr(records.paths[i], '/'), strrchr(records.paths[newest], '/')) > 0)
            newest = i;
    assert_int_equal(unlink(records.paths[newest]), 0);
    assert_int_equal(recover(&world, "hidden", 2, world.sheet, false, &result, &error), HIKAE_WARNINGS);
    assert_false(result.freshness_proven);
    assert_non_null(strstr(result.freshness, "b lacks it"));
    assert_int_equal(result.snapshots, 1);
    hikae_recover_result_free(&result);
    free_paths(&records);
    end_world(&world);
}

static void test_recover_wrong_key_leaves_nothing(void **state)
{
    (void)state;
    struct world world, other;
    struct hikae_recover_result result;
    struct hikae_error error = {0};
    struct stat st;
    char path[400];
    make_world(&world, 1, 1);
    make_world(&other, 1, 1);
    assert_int_equal(recover(&world, "new", 1, other.sheet, false, &result, &error), HIKAE_KEYS);
    (void)snprintf(path, sizeof(path), "%s/new", world.dir);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(recover(&world, "new", 1, NULL, false, &result, &error), HIKAE_USAGE);
    (void)snprintf(path, sizeof(path), "%s/missing-sheet", world.dir);
    assert_int_equal(recover(&world, "new", 1, path, false, &result, &error), HIKAE_KEYS);
    end_world(&other);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_samples_rotate),
        cmocka_unit_test(test_damage_on_one_target),
        cmocka_unit_test(test_dry_run_changes_nothing),
        cmocka_unit_test(test_damage_everywhere),
        cmocka_unit_test(test_damage_that_snapshots_share),
        cmocka_unit_test(test_target_down_is_unknown),
        cmocka_unit_test(test_replicate),
        cmocka_unit_test(test_replicate_to_empty_target),
        cmocka_unit_test(test_replicate_puts_records_back),
        cmocka_unit_test(test_too_few_copies_are_refused),
        cmocka_unit_test(test_recover),
        cmocka_unit_test(test_recover_freshness),
        cmocka_unit_test(test_recover_wrong_key_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
