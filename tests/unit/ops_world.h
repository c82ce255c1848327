/* A store of a tenant on some targets, through the public interface, and ways to damage what lies there. Include after
 * <cmocka.h>. */
#ifndef HIKAE_TESTS_OPS_WORLD_H
#define HIKAE_TESTS_OPS_WORLD_H

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

static inline void write_file(const struct world *world, const char *name, size_t size, unsigned seed)
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

static inline void open_world(struct world *world)
{
    struct hikae_error error = {0};
    enum hikae_status status = hikae_open(world->config, &world->hikae, &error);
    if (status != HIKAE_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, HIKAE_OK);
}

static inline void reopen(struct world *world)
{
    hikae_close(world->hikae);
    world->hikae = NULL;
    open_world(world);
}

static inline void make_world(struct world *world, size_t targets, unsigned min_copies)
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

static inline void end_world(struct world *world)
{
    hikae_close(world->hikae);
    assert_int_equal(file_remove_tree(world->dir, NULL), 0);
}

static inline enum hikae_status try_backup(struct world *world, struct hikae_error *error)
{
    struct hikae_backup_options options = {0};
    struct hikae_backup_result result;
    enum hikae_status status = hikae_backup(world->hikae, "acme", &options, &result, error);
    if (status == HIKAE_OK || status == HIKAE_WARNINGS)
        hikae_backup_result_free(&result);
    return status;
}

static inline void backup(struct world *world)
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

static inline void collect(const char *dir, char folder, bool matches, struct paths *out)
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

static inline int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All objects of a class of all tenants on a target, sorted. */
static inline struct paths objects_of(const struct world *world, const char *target, char folder)
{
    struct paths out = {0};
    char dir[400];
    (void)snprintf(dir, sizeof(dir), "%s/%s/hikae1/t", world->dir, target);
    collect(dir, folder, false, &out);
    qsort(out.paths, out.count, sizeof(out.paths[0]), compare_paths);
    return out;
}

static inline void free_paths(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        mem_free(paths->paths[i]);
}

static inline void flip(const char *path)
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

static inline void cut(const char *path)
{
    struct stat st;
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
}

static inline void swap(const char *a, const char *b)
{
    char *aside = mem_printf("%s.aside", a);
    assert_int_equal(rename(a, aside), 0);
    assert_int_equal(rename(b, a), 0);
    assert_int_equal(rename(aside, b), 0);
    mem_free(aside);
}

/* Rename a target's folder away, or back. */
static inline void move_target(const struct world *world, const char *from, const char *to)
{
    char a[400], b[400];
    (void)snprintf(a, sizeof(a), "%s/%s", world->dir, from);
    (void)snprintf(b, sizeof(b), "%s/%s", world->dir, to);
    assert_int_equal(rename(a, b), 0);
}

/* ---- Verify ---- */

static inline enum hikae_status verify(struct world *world, enum hikae_verify_level level, bool repair,
                                       struct hikae_verify_result *ret)
{
    struct hikae_verify_options options = {.level = level, .repair = repair};
    struct hikae_error error = {0};
    return hikae_verify(world->hikae, "acme", &options, ret, &error);
}

static inline void expect(struct world *world, enum hikae_verify_level level, bool repair, enum hikae_status wanted,
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

#endif
