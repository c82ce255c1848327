/* Uploading to targets of different speeds: what waits for the slow one is spooled, and the spool stays within its
 * limit. What lies there already is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/names.h"
#include "crypto/crypto.h"
#include "faulty_target.h"
#include "pipeline/upload.h"
#include "scratch.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An upload is patient for half a second before it spools: the slow target takes twice that for each object. */
enum { OBJECTS = 14, SIZE = 64 << 10, MEMORY = 2 * SIZE, SPOOL = 3 * SIZE, SLOW_MS = 1000 };

/* Bytes that the nameless files of a folder take on its disk, as this process holds them open. */
static uint64_t held_by(const char *folder)
{
    uint64_t bytes = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (const struct dirent *one; (one = readdir(dir)) != NULL;) {
        char path[300], link[PATH_MAX];
        struct stat st;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%.200s", one->d_name);
        ssize_t size = readlink(path, link, sizeof(link) - 1);
        if (size <= 0)
            continue;
        link[size] = '\0';
        if (strncmp(link, folder, strlen(folder)) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            bytes += (uint64_t)st.st_blocks * 512;
    }
    (void)closedir(dir);
    return bytes;
}

static struct hash fill(struct buf *bytes, unsigned number)
{
    struct hash hash;
    bytes->size = 0;
    assert_int_equal(buf_append_zeros(bytes, SIZE, NULL), 0);
    memcpy(bytes->data, &number, sizeof(number));
    assert_int_equal(sha256(bytes->data, bytes->size, hash.bytes, NULL), 0);
    return hash;
}

static struct target *open_folder(const char *folder, const char *name)
{
    char url[600];
    struct target *target = NULL;
    struct error err = {0};
    (void)snprintf(url, sizeof(url), "file://%s/%s", folder, name);
    if (target_open(name, url, true, &target, &err) != 0)
        fail_msg("%s", err.what);
    return target;
}

static int count_one(const struct target_object *object, void *context, struct error *err)
{
    unsigned *count = context;
    (void)err;
    assert_int_equal(object->size, SIZE);
    ++*count;
    return 0;
}

static void test_spool_is_bounded(void **state)
{
    (void)state;
    char folder[400], spool[500], prefix[OBJECT_NAME_SIZE];
    struct id tid = {{5}};
    struct run_target targets[2] = {{.name = "fast"}, {.name = "slow"}};
    struct upload *upload;
    struct error err = {0};
    struct cancel cancel = {0};
    uint64_t most = 0;
    assert_int_equal(scratch_make(folder, sizeof(folder), "upload"), 0);
    (void)snprintf(spool, sizeof(spool), "%s/spool", folder);
    assert_int_equal(mkdir(spool, 0700), 0);
    targets[0].target = open_folder(folder, "fast");
    targets[1].target = faulty_target_new(open_folder(folder, "slow"));
    faulty_target_add(targets[1].target, (struct fault){.kind = FAULT_DELAY, .calls = FAULTY_PUT, .amount = SLOW_MS});
    targets[0].up = targets[1].up = true;
    const struct upload_options options = {.tid = &tid,
                                           .targets = targets,
                                           .count = 2,
                                           .memory_limit = MEMORY,
                                           .objects_limit = OBJECTS,
                                           .spool_limit = SPOOL,
                                           .spool_folder = spool,
                                           .cancel = &cancel};
    assert_int_equal(upload_new(&options, &upload, &err), 0);
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct buf bytes = {0};
        struct hash hash = fill(&bytes, i);
        assert_int_equal(upload_put(upload, OBJECT_PACK, &hash, &bytes, &err), 0);
        uint64_t now = held_by(spool);
        most = now > most ? now : most;
        buf_free(&bytes);
    }
    upload_drain(upload);
    /* It was used, and what was done made room for more. */
    assert_in_range(most, 2 * SIZE, SPOOL);
    for (size_t t = 0; t < 2; t++) {
        unsigned count = 0;
        struct error why = {0};
        const struct roster *acknowledged = upload_acknowledged(upload, t, &why);
        assert_non_null(acknowledged);
        assert_int_equal(acknowledged->count, OBJECTS);
        assert_int_equal(target_list(targets[t].target, name_folder(&tid, 'p', prefix), NULL, count_one, &count, &err),
                         0);
        assert_int_equal(count, OBJECTS);
    }
    upload_free(upload);
    assert_int_equal(held_by(spool), 0);
    target_close(targets[0].target);
    target_close(targets[1].target);
    assert_int_equal(file_remove_tree(folder, NULL), 0);
}

/* What lies under an object's name already, of the same size or not, is not taken for the object: it is put over. */
static void test_junk_is_put_over(void **state)
{
    (void)state;
    char folder[400], name[OBJECT_NAME_SIZE];
    struct id tid = {{5}};
    struct run_target target = {.name = "one", .up = true};
    struct upload *upload;
    struct error err = {0};
    struct cancel cancel = {0};
    struct buf bytes = {0}, back = {0};
    assert_int_equal(scratch_make(folder, sizeof(folder), "upload"), 0);
    target.target = open_folder(folder, "one");
    const struct upload_options options = {.tid = &tid,
                                           .targets = &target,
                                           .count = 1,
                                           .memory_limit = MEMORY,
                                           .objects_limit = OBJECTS,
                                           .cancel = &cancel};
    assert_int_equal(upload_new(&options, &upload, &err), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct hash hash = fill(&bytes, i);
        (void)name_object(&tid, 'p', &hash, name);
        bytes.data[SIZE - 1] ^= 1; /* one byte is damaged; of the second, the rest is missing, too */
        assert_int_equal(target_put(target.target, name, bytes.data, i == 0 ? SIZE : 7, TARGET_PUT_CREATE, &err), 0);
        (void)fill(&bytes, i);
        assert_int_equal(upload_put(upload, OBJECT_PACK, &hash, &bytes, &err), 0);
    }
    upload_drain(upload);
    assert_int_equal(upload_acknowledged(upload, 0, &err)->count, 2);
    upload_free(upload);
    for (unsigned i = 0; i < 2; i++) {
        struct hash hash = fill(&bytes, i);
        (void)name_object(&tid, 'p', &hash, name);
        back.size = 0;
        assert_int_equal(target_get(target.target, name, SIZE, &back, &err), 0);
        assert_int_equal(back.size, SIZE);
        assert_memory_equal(back.data, bytes.data, SIZE);
    }
    buf_free(&bytes);
    buf_free(&back);
    target_close(target.target);
    assert_int_equal(file_remove_tree(folder, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spool_is_bounded),
        cmocka_unit_test(test_junk_is_put_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
