/* The index after crashes, and with files that are damaged or belong to another commit. */
#include "index_fakes.h"

static void test_uncommitted_is_lost(void **state)
{
    (void)state;
    struct index *index = open_index("lost", true);
    add_number(index, 0, PACK_BLOBS);
    must_commit(index);
    for (uint32_t n = 1; n < 60; n++) /* more than the table in memory holds */
        add_number(index, n, PACK_BLOBS);
    check_number(index, 59, PACK_BLOBS, 59);
    copy_folder("lost", "crashed");
    index_close(index);
    index = open_index("crashed", false);
    check_number(index, 0, PACK_BLOBS, 0);
    check_number(index, 1, PACK_BLOBS, -1);
    assert_int_equal(index_pack_limit(index), 1);
    assert_int_equal(count_files("crashed"), 3);
    assert_int_equal(add_number(index, 7, 10), 1);
    must_commit(index);
    index_close(index);
    index = open_index("crashed", false);
    check_number(index, 7, 10, 1);
    index_close(index);
    index = open_index("lost", false);
    check_number(index, 59, PACK_BLOBS, -1);
    index_close(index);
}

/* A merge that was not committed: the runs that CURRENT names are still there. */
static void test_uncommitted_merge(void **state)
{
    (void)state;
    struct index *index = open_index("merge", true);
    for (uint32_t n = 0; n + 1 < INDEX_FAN_IN; n++) {
        add_number(index, n, 40);
        must_commit(index);
    }
    for (uint32_t n = 100; n < 140; n++) /* the table in memory overflows, and there are enough runs */
        add_number(index, n, PACK_BLOBS);
    assert_int_equal(index->run_count, 1);
    copy_folder("merge", "unmerged");
    must_commit(index);
    assert_int_equal(count_files("merge"), 2 + index->run_count);
    index_close(index);
    index = open_index("unmerged", false);
    for (uint32_t n = 0; n + 1 < INDEX_FAN_IN; n++)
        check_number(index, n, 40, n);
    check_number(index, 100, PACK_BLOBS, -1);
    index_close(index);
    index = open_index("merge", false);
    check_number(index, 139, PACK_BLOBS, INDEX_FAN_IN - 1 + 39);
    index_close(index);
}

/* ---- Damage: noticed at once or when it is met, never believed ---- */

enum { DAMAGE_PACKS = 4 };

/* Open a copy that may be damaged. True if it noticed, at opening or later. */
static bool survives(const char *name)
{
    struct error err = {0};
    struct index *index;
    bool rebuilt;
    if (index_open(folder_of(name), ours, MEMORY, &index, &rebuilt, &err) != 0)
        fail_msg("%s", err.what);
    bool noticed = rebuilt;
    for (uint32_t n = 0; n < DAMAGE_PACKS; n++) {
        struct fake fake;
        make_fake(n, PACK_BLOBS, &fake);
        for (uint32_t i = 0; i < PACK_BLOBS; i++) {
            int64_t found = look_up(index, &fake, i);
            noticed = noticed || found == -2;
            assert_true(found == n || found == -2 || (rebuilt && found == -1));
        }
        struct pack_info info;
        if (index_pack(index, n, &info, &err) == 0)
            pack_info_free(&info);
        else
            noticed = true;
    }
    index_close(index);
    if (noticed)
        index_close(open_index(name, true));
    return noticed;
}

static void damage(const char *folder, const char *name, void *context)
{
    (void)folder;
    char path[600];
    struct stat st;
    struct error err;
    (void)snprintf(path, sizeof(path), "%s/%s", folder_of("pristine"), name);
    assert_int_equal(stat(path, &st), 0);
    (void)snprintf(path, sizeof(path), "%s/%s", folder_of("damaged"), name);
    int64_t step = st.st_size > 400 ? st.st_size / 97 : 1;
    for (int64_t at = 0; at < st.st_size; at += step) {
        copy_folder("pristine", "damaged");
        int fd = open(path, O_RDWR | O_CLOEXEC);
        uint8_t byte;
        assert_int_equal(file_pread_full(fd, &byte, 1, at), 1);
        byte ^= (uint8_t)(1U << (at % 8));
        assert_int_equal(file_pwrite_full(fd, &byte, 1, at), 0);
        (void)close(fd);
        bool padding = strncmp(name, "run-", 4) == 0 && at >= 3520 && at < 4096; /* behind the filter */
        assert_true(survives("damaged") || padding);
    }
    const int64_t lengths[] = {0, 1, st.st_size / 2, st.st_size - 1};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        copy_folder("pristine", "damaged");
        assert_int_equal(truncate(path, (off_t)lengths[i]), 0);
        assert_true(survives("damaged"));
    }
    copy_folder("pristine", "damaged");
    assert_int_equal(unlink(path), 0);
    assert_true(survives("damaged"));
    copy_folder("pristine", "damaged");
    assert_int_equal(truncate(path, (off_t)st.st_size + 100), 0);
    /* A longer pack table is what a crash leaves; it is cut. */
    bool is_table = strncmp(name, "packs-", 6) == 0;
    assert_int_equal(survives("damaged"), !is_table);
    struct stat cut;
    assert_true(!is_table || (stat(path, &cut) == 0 && cut.st_size == st.st_size));
    copy_folder("pristine", "damaged");
    copy_file(path, folder_of("damaged/run-ffffffffffffffff"));
    copy_file(path, folder_of("damaged/CURRENT.tmp-1"));
    assert_false(survives("damaged"));
    assert_int_equal(count_files("damaged"), 3);
    assert_int_equal(file_remove_tree(folder_of("damaged"), &err), 0);
    ++*(unsigned *)context;
}

static void test_damage(void **state)
{
    (void)state;
    struct index *index = open_index("pristine", true);
    for (uint32_t n = 0; n < DAMAGE_PACKS; n++)
        add_number(index, n, PACK_BLOBS);
    must_commit(index);
    assert_int_equal(run_filter_size(index->runs[0]), 3520);
    index_close(index);
    unsigned files = 0;
    each_file(folder_of("pristine"), damage, &files);
    assert_int_equal(files, 3);
}

/* Files of one commit under the CURRENT of another. */
static void test_mixed_commits(void **state)
{
    (void)state;
    struct index *index = open_index("mixed", true);
    add_number(index, 0, 50);
    must_commit(index);
    copy_folder("mixed", "older");
    add_number(index, 1, 50);
    must_commit(index);
    copy_folder("mixed", "newer");
    index_close(index);
    copy_folder("older", "forked");
    copy_file(folder_of("newer/CURRENT"), folder_of("older/CURRENT"));
    index_close(open_index("older", true));
    /* A table of the same length, sealed under the same key, that took another turn. */
    index = open_index("forked", false);
    add_number(index, 2, 50);
    must_commit(index);
    index_close(index);
    copy_file(folder_of("forked/packs-0000000000000001"), folder_of("newer/packs-0000000000000001"));
    index_close(open_index("newer", true));
    copy_folder("mixed", "newer");
    index = open_index("newer", false);
    check_number(index, 1, 50, 1);
    index_close(index);
}

/* Damage that is met while it is in use: nothing can be committed on top of it. */
static void test_broken_stays_broken(void **state)
{
    (void)state;
    struct error err;
    struct index *index = open_index("broken", true);
    struct fake fake;
    make_fake(0, PACK_BLOBS, &fake);
    add_fake(index, &fake);
    must_commit(index);
    assert_int_equal(truncate(folder_of("broken/run-0000000000000002"), 5000), 0);
    assert_int_equal(look_up(index, &fake, 0), -2);
    make_fake(1, 5, &fake);
    assert_int_equal(index_add_pack(index, &fake.info, fake.blobs, fake.count, NULL, &err), -1);
    assert_int_equal(index_commit(index, &err), -1);
    assert_int_not_equal(err.hint[0], 0);
    index_close(index);
    index_close(open_index("broken", true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uncommitted_is_lost),
        cmocka_unit_test(test_uncommitted_merge),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_mixed_commits),
        cmocka_unit_test(test_broken_stays_broken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
