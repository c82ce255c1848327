/* From a folder to two targets and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/names.h"
#include "pipeline_fixture.h"
#include "tree_compare.h"

#include <errno.h>
#include <sys/sysmacros.h>

enum { SMALL_FILES = 1000, BIG = 5 << 20, DEEP = 60 };

static void fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        bytes[i] = (uint8_t)x;
    }
}

static void write_at(int at, const char *name, off_t offset, size_t size, uint64_t seed)
{
    uint8_t *bytes = mem_alloc(size);
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    assert_non_null(bytes);
    assert_true(fd >= 0);
    fill(bytes, size, seed);
    assert_int_equal(file_pwrite_full(fd, bytes, size, offset), 0);
    assert_int_equal(close(fd), 0);
    mem_free(bytes);
}

static void old_times(int at, const char *name, int days)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {1600000000 - days * 86400, 123456789 + days}};
    assert_int_equal(utimensat(at, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_deep(int at)
{
    char name[64];
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < DEEP; i++) {
        (void)snprintf(name, sizeof(name), "%d-a-folder-with-a-name-that-takes-its-room-in-a-long-path", i);
        assert_int_equal(mkdirat(fd, name, 0755), 0);
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(fd);
        fd = next;
        assert_true(fd >= 0);
    }
    write_at(fd, "bottom", 0, 100, 99);
    (void)close(fd);
}

/* Attributes where the file system has them; the comparison looks at whatever is there. */
static void add_attributes(int at)
{
    static uint8_t value[3000];
    fill(value, sizeof(value), 5);
    CLEANUP_FD int fd = openat(at, "attributes", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    (void)fsetxattr(fd, "user.short", "value", 5, 0);
    (void)fsetxattr(fd, "user.long", value, sizeof(value), 0);
    (void)fsetxattr(fd, "user.empty", "", 0, 0);
    /* user::rw-, user:1234:rwx, group::r--, mask::rwx, other::r-- */
    static const uint8_t acl[] = {2, 0,    0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  7,
                                  0, 0xd2, 4,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
                                  7, 0,    255, 255, 255, 255, 32, 0, 4,   0,   255, 255, 255, 255};
    (void)fsetxattr(fd, "system.posix_acl_access", acl, sizeof(acl), 0);
}

static void make_tree(const char *path)
{
    CLEANUP_FD int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[64];
    write_at(at, "big", 0, BIG, 1);
    write_at(at, "empty", 0, 0, 0);
    write_at(at, "sparse", 0, 100000, 2);
    write_at(at, "sparse", 40 << 20, 200000, 3);
    write_at(at, "hole only", 0, 0, 0);
    CLEANUP_FD int hole = openat(at, "hole only", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(hole, 1 << 20), 0);
    write_at(at, "name \xff\xfe \n not UTF-8", 0, 10, 4);
    assert_int_equal(mkdirat(at, "small", 0711), 0);
    assert_int_equal(mkdirat(at, "closed", 0700), 0);
    for (int i = 0; i < SMALL_FILES; i++) {
        (void)snprintf(name, sizeof(name), "small/%d", i);
        write_at(at, name, 0, 50 + (size_t)i % 700, (uint64_t)i / 2);
        old_times(at, name, i % 90);
    }
    assert_int_equal(linkat(at, "small/7", at, "small/zz link", 0), 0);
    assert_int_equal(linkat(at, "big", at, "closed/link to big", 0), 0);
    assert_int_equal(symlinkat("small/7", at, "symlink"), 0);
    assert_int_equal(symlinkat("/no/such/place", at, "closed/dangling"), 0);
    assert_int_equal(mkfifoat(at, "fifo", 0620), 0);
    if (geteuid() == 0) {
        assert_int_equal(mknodat(at, "null device", S_IFCHR | 0666, makedev(1, 3)), 0);
        assert_int_equal(fchownat(at, "small/3", 1234, 4321, 0), 0);
        assert_int_equal(fchownat(at, "symlink", 4321, 1234, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(fchmodat(at, "small/3", 06755, 0), 0);
    }
    make_deep(at);
    add_attributes(at);
    old_times(at, "symlink", 3);
    old_times(at, "big", 4);
    old_times(at, "fifo", 5);
    assert_int_equal(fchmodat(at, "closed", 0500, 0), 0);
    old_times(at, "closed", 6);
    old_times(at, "small", 7);
}

static void path_in(const char *folder, const char *name, char out[FIXTURE_PATH + 64])
{
    (void)snprintf(out, FIXTURE_PATH + 64, "%s/%s", folder, name);
}

static int compare_all(struct pipe *p)
{
    char restored[FIXTURE_PATH + 64];
    path_in(p->out, "src", restored);
    return (int)same_folders(p->source, restored);
}

static int setup(void **state)
{
    static struct pipe p;
    pipe_make(&p);
    make_tree(p.source);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct pipe *p = *state;
    char path[FIXTURE_PATH + 64];
    path_in(p->source, "closed", path); /* so that others than root can remove them */
    (void)chmod(path, 0700);
    path_in(p->out, "src/closed", path);
    (void)chmod(path, 0700);
    pipe_remove(p);
    return 0;
}

static void test_round_trip(void **state)
{
    struct pipe *p = *state;
    pipe_backup(p);
    assert_int_equal(p->warnings.count, 0);
    struct restore_options options = pipe_options(p);
    pipe_restore(&options);
    assert_string_equal(p->warnings.text, "");
    assert_int_equal(p->restore.errors, 0);
    assert_true(compare_all(p) > SMALL_FILES + DEEP + 10);
    assert_int_equal(p->restore.bytes, p->restore.bytes_total);
    assert_int_equal(p->restore.entries, p->restore.entries_total);
    /* Holes stay holes. */
    struct stat st;
    char path[FIXTURE_PATH + 64];
    path_in(p->out, "src/sparse", path);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_blocks * 512 < 4 << 20);
}

static void test_second_run_stores_nothing(void **state)
{
    struct pipe *p = *state;
    pipe_backup(p);
    assert_true(p->backup.bytes_new > BIG);
    pipe_backup(p);
    assert_int_equal(p->backup.bytes_new, 0);
    assert_int_equal(p->backup.files_new, 0);
    assert_int_equal(p->backup.files_changed, 0);
}

static void test_something_is_in_the_way(void **state)
{
    struct pipe *p = *state;
    char path[FIXTURE_PATH + 64];
    struct error err = {0};
    pipe_backup(p);
    struct restore_options options = pipe_options(p);
    assert_int_equal(mkdir(p->out, 0700), 0);
    path_in(p->out, "src", path);
    assert_int_equal(mkdir(path, 0700), 0);
    path_in(p->out, "src/big", path);
    fixture_write(path, "mine", 0600);
    assert_int_equal(restore_run(&options, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_non_null(strstr(err.what, "src/big"));
    path_in(p->out, "src/empty", path);
    assert_int_equal(access(path, F_OK), -1);
    /* A folder that is a file there, and a link in the place of a folder, are in the way too. */
    path_in(p->out, "src/big", path);
    assert_int_equal(unlink(path), 0);
    path_in(p->out, "src/small", path);
    assert_int_equal(symlink("/", path), 0);
    assert_int_equal(restore_run(&options, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    options.overwrite = true;
    pipe_restore(&options);
    (void)compare_all(p);
}

static void test_overwrite_and_delta(void **state)
{
    struct pipe *p = *state;
    char path[FIXTURE_PATH + 64];
    struct stat before, after;
    pipe_backup(p);
    struct restore_options options = pipe_options(p);
    pipe_restore(&options);
    /* Damage a restored tree in several ways. */
    CLEANUP_FD int at = open(p->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    write_at(at, "src/sparse", (40 << 20) + 5000, 10, 77);
    write_at(at, "src/empty", 0, 10, 77);
    write_at(at, "src/hole only", 5000, 10, 77);
    assert_int_equal(unlinkat(at, "src/symlink", 0), 0);
    assert_int_equal(symlinkat("elsewhere", at, "src/symlink"), 0);
    assert_int_equal(unlinkat(at, "src/fifo", 0), 0);
    write_at(at, "src/small/5", 2, 5, 78);
    assert_int_equal(fchmodat(at, "src/small/6", 0777, 0), 0);
    CLEANUP_FD int fd = openat(at, "src/small/8", O_RDWR | O_CLOEXEC);
    (void)fsetxattr(fd, "user.strange", "x", 1, 0);
    path_in(p->out, "src/sparse", path);
    assert_int_equal(stat(path, &before), 0);
    options = pipe_options(p);
    options.overwrite = options.delta = true;
    pipe_restore(&options);
    assert_string_equal(p->warnings.text, "");
    (void)compare_all(p);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* only what differed was written */
    assert_true(p->restore.bytes_kept > 200000);
    /* Without delta everything is replaced, and nothing temporary is left. */
    options = pipe_options(p);
    options.overwrite = true;
    pipe_restore(&options);
    (void)compare_all(p);
    assert_int_equal(stat(path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
}

static void test_selected_paths(void **state)
{
    struct pipe *p = *state;
    char path[FIXTURE_PATH + 64];
    struct stat st;
    struct error err = {0};
    pipe_backup(p);
    const char *paths[] = {"src/closed", "src/small/1?"};
    struct restore_options options = pipe_options(p);
    struct selection *selection = NULL;
    assert_int_equal(selection_new(paths, 2, SELECTION_PATTERNS, &selection, &err), 0);
    options.paths = selection;
    pipe_restore(&options);
    selection_free(selection);
    /* The first name of the hard link was not selected: it is a file of its own. */
    path_in(p->out, "src/closed/link to big", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, BIG);
    assert_int_equal(st.st_nlink, 1);
    path_in(p->out, "src/small/19", path);
    assert_int_equal(stat(path, &st), 0);
    path_in(p->out, "src/small/7", path);
    assert_int_equal(stat(path, &st), -1);
    paths[0] = "src/none";
    assert_int_equal(selection_new(paths, 1, SELECTION_PATTERNS, &selection, &err), 0);
    options.paths = selection;
    assert_int_equal(restore_run(&options, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    selection_free(selection);
}

static void test_dry_run_writes_nothing(void **state)
{
    struct pipe *p = *state;
    pipe_backup(p);
    struct restore_options options = pipe_options(p);
    options.dry_run = true;
    pipe_restore(&options);
    assert_true(p->restore.entries_total > SMALL_FILES);
    assert_int_equal(access(p->out, F_OK), -1);
}

static void flip_packs(struct pipe *p, size_t target)
{
    struct fixture_names names;
    char prefix[OBJECT_NAME_SIZE];
    (void)name_folder(&p->tid, 'p', prefix);
    fixture_list(p->keys.targets[target], prefix, &names);
    assert_true(names.count > 0);
    for (size_t i = 0; i < names.count; i++)
        fixture_flip(p->keys.targets[target], names.names[i]);
    fixture_names_free(&names);
}

static void test_damage_is_mended(void **state)
{
    struct pipe *p = *state;
    pipe_backup(p);
    flip_packs(p, 0);
    struct restore_options options = pipe_options(p);
    pipe_restore(&options);
    assert_string_equal(p->warnings.text, "");
    (void)compare_all(p);
    assert_true(p->objects.repaired > 0);
    /* Now the first target alone is enough again. */
    p->targets[1].up = false;
    options = pipe_options(p);
    options.overwrite = true;
    pipe_restore(&options);
    assert_string_equal(p->warnings.text, "");
    (void)compare_all(p);
}

/* What is damaged everywhere costs the files that it belongs to, and those are named. */
static void test_damage_everywhere(void **state)
{
    struct pipe *p = *state;
    char path[FIXTURE_PATH + 64];
    struct stat st;
    pipe_backup(p);
    struct pack_info info;
    uint32_t largest = 0;
    uint64_t size = 0, most = 0;
    struct hash hash, name = {{0}};
    for (uint32_t i = 0; i < index_pack_limit(p->index); i++)
        if (index_pack_name(p->index, i, &hash, &size) && size > most) {
            most = size;
            largest = i;
            name = hash;
        }
    assert_int_equal(index_pack(p->index, largest, &info, NULL), 0);
    assert_true(info.block_count > 1);
    char object[OBJECT_NAME_SIZE];
    (void)name_object(&p->tid, 'p', &name, object);
    for (size_t i = 0; i < PIPE_TARGETS; i++)
        fixture_flip(p->keys.targets[i], object);
    pack_info_free(&info);
    struct restore_options options = pipe_options(p);
    pipe_restore(&options);
    assert_true(p->restore.errors > 0);
    assert_true(p->warnings.count < 20); /* one block's files, not the pack's */
    path_in(p->out, "src/small/500", path);
    assert_int_equal(stat(path, &st), 0);
    /* The old file stays whole when its successor cannot be had. */
    path_in(p->out, "src/big", path);
    (void)unlink(path);
    fixture_write(path, "the old one", 0600);
    options = pipe_options(p);
    options.overwrite = true;
    pipe_restore(&options);
    assert_int_equal(stat(path, &st), 0);
    if (strstr(p->warnings.text, "src/big:") != NULL)
        assert_int_equal(st.st_size, strlen("the old one"));
    CLEANUP_FD int at = open(p->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FD int src = openat(at, "src", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(dup(src));
    for (const struct dirent *one; (one = readdir(dir)) != NULL;)
        assert_int_not_equal(strncmp(one->d_name, ".hikae-restore", 14), 0);
    (void)closedir(dir);
}

/* More incomplete files than are kept open: the second half of each lies in a later pack than all first halves. */
static void test_many_incomplete_files(void **state)
{
    enum { FILES = 300, FIRST = 70 << 10, SECOND = 30 << 10 };
    struct pipe *p = *state;
    char name[64];
    CLEANUP_FD int at = open(p->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(at, "halves", 0755), 0);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < FILES; i++) {
            (void)snprintf(name, sizeof(name), "halves/%d", i);
            write_at(at, name, pass * FIRST, pass == 0 ? FIRST : SECOND, (uint64_t)(10000 + 2 * i + pass));
        }
        pipe_backup(p);
    }
    struct restore_options options = pipe_options(p);
    pipe_restore(&options);
    assert_string_equal(p->warnings.text, "");
    (void)compare_all(p);
}

static void test_cancel(void **state)
{
    struct pipe *p = *state;
    struct error err = {0};
    pipe_backup(p);
    struct cancel cancel = {0};
    cancel_request(&cancel);
    struct restore_options options = pipe_options(p);
    options.cancel = &cancel;
    assert_int_equal(restore_run(&options, &err), -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
}

/* The scan may have read files before the manifest's builder is refused: they are let go, and the run says why. */
static void test_no_builder(void **state)
{
    struct pipe *p = *state;
    struct backup_source source = pipe_source(p);
    struct backup_options options = pipe_backup_options(p, &source);
    options.fan_out = 1;
    for (int i = 0; i < 100; i++) {
        struct error err = {0};
        struct backup_outcome outcome;
        assert_int_equal(backup_run(&options, &outcome, &err), -1);
        assert_int_equal(err.class, ERROR_INTERNAL);
        assert_non_null(strstr(err.what, "cannot be built"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_run_stores_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_something_is_in_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overwrite_and_delta, setup, teardown),
        cmocka_unit_test_setup_teardown(test_selected_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dry_run_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_is_mended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_incomplete_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_builder, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
