#include "index_fakes.h"

#include <pthread.h>

static void test_empty(void **state)
{
    (void)state;
    struct error err;
    struct index *index = open_index("empty", true);
    struct blob_id id = id_of(1);
    struct place place;
    struct hash name = {{0}};
    uint32_t number;
    uint64_t size;
    struct pack_info info;
    assert_int_equal(index_find(index, &id, &place, &err), 0);
    assert_int_equal(index_pack_limit(index), 0);
    assert_int_equal(index_pack(index, 0, &info, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    assert_false(index_pack_name(index, 0, &name, &size));
    assert_false(index_pack_number(index, &name, &number));
    assert_false(index_segment_of_pack(index, 0, &name, &size));
    assert_int_equal(index_drop_pack(index, &name, &err), 0);
    must_commit(index);
    index_close(index);
    index_close(open_index("empty", true));
    index_close(NULL);
}

static void test_round_trip(void **state)
{
    (void)state;
    enum { PACKS = 30 };
    struct index *index = open_index("round", true);
    for (uint32_t pass = 0; pass < 3; pass++) {
        struct fake fake;
        for (uint32_t n = 0; n < PACKS; n++) {
            make_fake(n, PACK_BLOBS - n, &fake);
            assert_int_equal(add_fake(index, &fake), n); /* from the second pass on it is known */
        }
        for (uint32_t n = 0; n < PACKS; n++) {
            check_number(index, n, PACK_BLOBS - n, n);
            make_fake(n, PACK_BLOBS - n, &fake);
            check_info(index, n, &fake);
        }
        check_number(index, PACKS, PACK_BLOBS, -1);
        assert_int_equal(index_pack_limit(index), PACKS);
        must_commit(index);
        struct index_stats stats;
        index_get_stats(index, &stats);
        assert_int_equal(stats.packs, PACKS);
        assert_int_equal(stats.entries, PACKS * PACK_BLOBS - PACKS * (PACKS - 1) / 2);
        assert_int_equal(stats.runs, 1);
        assert_true(stats.disk_bytes > stats.entries * 32);
        assert_true(stats.memory_bytes < MEMORY);
        index_close(index);
        index = open_index("round", false);
    }
    index_close(index);
    assert_int_equal(count_files("round"), 3);
}

/* The same blobs in several packs: the newest that is not dropped answers, wherever the entries are. */
static void test_newest_wins(void **state)
{
    (void)state;
    struct fake fake;
    make_fake(0, 300, &fake);
    for (int commits = 0; commits < 2; commits++) {
        const char *name = commits != 0 ? "newest-runs" : "newest-table";
        struct index *index = open_index(name, true);
        struct hash names[3];
        for (uint32_t n = 0; n < 3; n++) {
            fake.info.name.bytes[0] = (uint8_t)n;
            names[n] = fake.info.name;
            assert_int_equal(add_fake(index, &fake), n);
            assert_int_equal(look_up(index, &fake, 299), n);
            if (commits != 0)
                must_commit(index);
        }
        for (uint32_t n = 3; n-- > 0;) {
            for (uint32_t i = 0; i < 300; i++)
                assert_int_equal(look_up(index, &fake, i), n);
            fake.info.name = names[n];
            drop(index, &fake);
            drop(index, &fake);
            must_commit(index);
            index_close(index);
            index = open_index(name, n == 0);
        }
        assert_int_equal(look_up(index, &fake, 0), -1);
        assert_int_equal(index_pack_limit(index), 3);
        fake.info.name = names[1];
        assert_int_equal(add_fake(index, &fake), 3);
        assert_int_equal(look_up(index, &fake, 5), 3);
        index_close(index);
    }
}

/* And after its runs were merged into one. */
static void test_newest_merged(void **state)
{
    (void)state;
    struct index *index = open_index("newest-merged", true);
    struct fake fake;
    make_fake(0, 300, &fake);
    for (uint32_t n = 0; n < INDEX_FAN_IN; n++) {
        fake.info.name.bytes[0] = (uint8_t)n;
        assert_int_equal(add_fake(index, &fake), n);
        must_commit(index);
    }
    assert_int_equal(index->run_count, 1);
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(look_up(index, &fake, i), INDEX_FAN_IN - 1);
    drop(index, &fake);
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(look_up(index, &fake, i), INDEX_FAN_IN - 2);
    index_close(index);
}

/* More entries of one id than a page holds, all in one run. */
/* Every place of every blob once, in the order of ids, newest first; those of dropped packs not. */
struct visit {
    struct blob_id last;
    uint32_t last_pack;
    unsigned places[100]; /* by pack */
    size_t calls, stop_at;
};

static int visit(const struct blob_id *id, const struct place *place, void *context, struct error *err)
{
    struct visit *v = context;
    if (++v->calls == v->stop_at)
        return error_set(err, ERROR_INTERRUPTED, "stopped by the test");
    int order = memcmp(id->bytes, v->last.bytes, BLOB_ID_SIZE);
    assert_true(v->calls == 1 || order > 0 || (order == 0 && place->pack < v->last_pack));
    v->last = *id;
    v->last_pack = place->pack;
    v->places[place->pack]++;
    return 0;
}

static void test_each(void **state)
{
    (void)state;
    struct index *index = open_index("each", true);
    struct visit none = {.calls = 0};
    struct error err;
    assert_int_equal(index_each(index, visit, &none, &err), 0);
    assert_int_equal(none.calls, 0);
    for (uint32_t n = 0; n < 100; n++) {
        assert_int_equal(add_number(index, n, 1 + n % 7), n);
        if (n % 13 == 0)
            must_commit(index);
    }
    struct hash name;
    uint64_t size;
    assert_true(index_pack_name(index, 40, &name, &size));
    assert_int_equal(index_drop_pack(index, &name, &err), 0);
    struct visit all = {.calls = 0};
    assert_int_equal(index_each(index, visit, &all, &err), 0);
    for (uint32_t n = 0; n < 100; n++)
        assert_int_equal(all.places[n], n == 40 ? 0 : 1 + n % 7);
    struct visit stopped = {.stop_at = 50};
    assert_int_equal(index_each(index, visit, &stopped, &err), -1);
    assert_int_equal(stopped.calls, 50);
    index_close(index);
}

static void test_many_of_one(void **state)
{
    (void)state;
    enum { PACKS = 600 };
    struct index *index = open_index("many", true);
    struct fake fake, other;
    make_fake(1, 1, &fake);
    for (uint32_t n = 0; n < PACKS; n++) {
        make_fake(n + 10, 3, &other);
        add_fake(index, &other);
        fake.info.name.bytes[0] = (uint8_t)n;
        fake.info.name.bytes[1] = (uint8_t)(n >> 8);
        assert_int_equal(add_fake(index, &fake), 2 * n + 1);
    }
    must_commit(index);
    struct place place = {.pack = UINT32_MAX};
    struct error err = {0};
    for (uint32_t n = PACKS; n-- > 0;) {
        assert_int_equal(index_find_older(index, &fake.blobs[0].id, place.pack, &place, &err), 1);
        assert_int_equal(place.pack, 2 * n + 1);
    }
    assert_int_equal(index_find_older(index, &fake.blobs[0].id, place.pack, &place, &err), 0);
    for (uint32_t n = PACKS; n-- > 0;) {
        assert_int_equal(look_up(index, &fake, 0), 2 * n + 1);
        fake.info.name.bytes[0] = (uint8_t)n;
        fake.info.name.bytes[1] = (uint8_t)(n >> 8);
        drop(index, &fake);
        check_number(index, n + 10, 3, 2 * n);
    }
    assert_int_equal(look_up(index, &fake, 0), -1);
    index_close(index);
}

static void test_many_commits(void **state)
{
    (void)state;
    enum { COMMITS = 150 };
    struct index *index = open_index("commits", true);
    struct index_stats stats;
    for (uint32_t n = 0; n < COMMITS; n++) {
        assert_int_equal(add_number(index, n, n % 9 == 0 ? PACK_BLOBS : 1 + n % 5), n);
        must_commit(index);
        index_get_stats(index, &stats);
        assert_in_range(stats.runs, 1, 2 * INDEX_FAN_IN);
        assert_int_equal(count_files("commits"), stats.runs + 2);
        if (n % 50 == 49) {
            index_close(index);
            index = open_index("commits", false);
        }
    }
    for (uint32_t n = 0; n < COMMITS; n++)
        check_number(index, n, n % 9 == 0 ? PACK_BLOBS : 1 + n % 5, n);
    index_close(index);
}

/* Flushes and merges while packs are dropped, with filters in memory and without. */
static void test_merging(void **state)
{
    (void)state;
    enum { PACKS = 500, DROPPED_EVERY = 3 };
    struct fake fake;
    for (int filters = 0; filters < 2; filters++) {
        const char *name = filters != 0 ? "merging" : "merging-unfiltered";
        struct index *index = open_index(name, true);
        if (filters == 0)
            index->memory_limit = 1; /* nothing is spare: filters stay on disk */
        for (uint32_t n = 0; n < PACKS; n++) {
            add_number(index, n, PACK_BLOBS);
            if (n % DROPPED_EVERY == 0) {
                make_fake(n, 1, &fake);
                drop(index, &fake);
            }
            if (n == PACKS / 2)
                must_commit(index);
        }
        struct index_stats stats;
        index_get_stats(index, &stats);
        assert_in_range(stats.entries, 1, PACKS * PACK_BLOBS * 5 / 6); /* merging forgets what was dropped */
        assert_int_equal(index->runs[0]->filter != NULL, filters);
        for (int pass = 0; pass < 2; pass++) {
            for (uint32_t n = 0; n < PACKS; n += 7)
                check_number(index, n, PACK_BLOBS, n % DROPPED_EVERY == 0 ? -1 : (int64_t)n);
            check_number(index, PACKS, PACK_BLOBS, -1);
            must_commit(index);
            index_close(index);
            index = open_index(name, false);
        }
        index_close(index);
    }
}

/* A merge that leaves nothing leaves no run. */
static void test_all_dropped(void **state)
{
    (void)state;
    struct index *index = open_index("dropped", true);
    for (uint32_t n = 0; n < 8; n++) {
        struct fake fake;
        make_fake(n, 20, &fake);
        add_fake(index, &fake);
        drop(index, &fake);
        must_commit(index);
    }
    struct index_stats stats;
    index_get_stats(index, &stats);
    assert_int_equal(stats.runs, 0);
    assert_int_equal(stats.packs, 0);
    index_close(index);
    index_close(open_index("dropped", true));
    assert_int_equal(count_files("dropped"), 2);
}

static void test_refusals(void **state)
{
    (void)state;
    struct error err;
    struct index *index = open_index("refusals", true);
    struct fake good, bad;
    make_fake(3, PACK_BLOBS, &good);
    for (int rule = 0; rule < 8; rule++) {
        struct container_block *many = NULL;
        bad = good;
        bad.info.blocks = bad.blocks;
        switch (rule) {
        case 0:
            bad.count--;
            break;
        case 1:
            bad.blocks[3].blob_count--;
            break;
        case 2:
            bad.blobs[100].size = 0;
            break;
        case 3:
            bad.blobs[100].size = BLOB_SIZE_MAX + 1;
            break;
        case 4:
            bad.blobs[100].type = 0;
            break;
        case 5:
            bad.blobs[100].type = BLOB_TYPE_COUNT;
            break;
        case 6:
            bad.blocks[5].plain_size--;
            break;
        default:
            many = mem_calloc(INDEX_BLOCKS_MAX + 1, sizeof(*many));
            bad.info.blocks = many;
            bad.info.block_count = INDEX_BLOCKS_MAX + 1;
            bad.count = 0;
        }
        assert_int_equal(index_add_pack(index, &bad.info, bad.blobs, bad.count, NULL, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
        mem_free(many);
        assert_int_equal(index_pack_limit(index), 0);
    }
    check_number(index, 3, PACK_BLOBS, -1);
    assert_int_equal(add_fake(index, &good), 0);

    struct index *second = NULL;
    bool rebuilt;
    assert_int_equal(index_open(folder_of("refusals"), ours, MEMORY, &second, &rebuilt, &err), -1);
    assert_int_equal(err.class, ERROR_BUSY);
    index_close(index);
    struct id tid = {{9}};
    struct keyring *none = keyring_new(&tid);
    assert_int_equal(index_open(folder_of("refusals"), none, MEMORY, &second, &rebuilt, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    keyring_free(none);
}

static void test_other_tenant(void **state)
{
    (void)state;
    struct error err;
    struct index *index = open_index("tenant", true);
    add_number(index, 0, 10);
    must_commit(index);
    index_close(index);
    bool rebuilt;
    assert_int_equal(index_open(folder_of("tenant"), theirs, MEMORY, &index, &rebuilt, &err), 0);
    assert_true(rebuilt);
    check_number(index, 0, 10, -1);
    index_close(index);
}

/* ---- Segments ---- */

static bool not_third(const struct hash *name, void *context)
{
    ++*(unsigned *)context;
    return get_u32(name->bytes + 28) != 3;
}

/* A segment as segment_parse would give it, of packs 1 … 4. */
static void make_segment(struct segment *ret, struct fake *fakes, uint8_t *rows)
{
    static struct pack_info packs[4];
    static uint32_t first_block[5];
    *ret = (struct segment){.packs = packs, .pack_count = 4, .entries = rows, .first_block = first_block};
    for (uint32_t n = 0; n < 4; n++) {
        make_fake(n + 1, PACK_BLOBS, &fakes[n]);
        packs[n] = fakes[n].info;
        first_block[n] = ret->block_count;
        uint32_t offset = 0;
        for (uint32_t i = 0; i < PACK_BLOBS; i++, ret->entry_count++, rows += SEGMENT_ENTRY_ROW) {
            offset = i % BLOCK_BLOBS == 0 ? 0 : offset;
            memcpy(rows, fakes[n].blobs[i].id.bytes, BLOB_ID_SIZE);
            put_u32(rows + 20, ret->block_count + i / BLOCK_BLOBS);
            put_u32(rows + 24, offset);
            put_u32(rows + 28, fakes[n].blobs[i].size | (uint32_t)fakes[n].blobs[i].type << 24);
            offset += fakes[n].blobs[i].size;
        }
        ret->block_count += packs[n].block_count;
    }
    first_block[4] = ret->block_count;
}

static void test_segments(void **state)
{
    (void)state;
    struct error err;
    CLEANUP_FREE struct fake *fakes = mem_calloc(4, sizeof(*fakes));
    CLEANUP_FREE uint8_t *rows = mem_calloc((size_t)4 * PACK_BLOBS, SEGMENT_ENTRY_ROW);
    struct segment segment;
    make_segment(&segment, fakes, rows);
    struct index *index = open_index("segments", true);
    assert_int_equal(add_number(index, 2, PACK_BLOBS), 0);
    unsigned asked = 0;
    assert_int_equal(index_add_segment(index, &segment, not_third, &asked, &err), 0);
    assert_int_equal(asked, 3); /* the known one is not asked for */
    struct hash covering = {{77}}, packs[5], got;
    uint64_t size;
    for (uint32_t n = 0; n < 4; n++)
        packs[n] = fakes[n].info.name;
    packs[4] = (struct hash){{1, 2, 3}};
    assert_int_equal(index_note_segment(index, &covering, 4711, packs, 5, &err), 0);
    uint64_t length = index->packs.length;
    assert_int_equal(index_note_segment(index, &covering, 4711, packs, 5, &err), 0);
    assert_int_equal(index->packs.length, length); /* known already: nothing is written */
    for (int pass = 0; pass < 2; pass++) {
        static const int64_t numbers[] = {1, 0, -1, 2};
        for (uint32_t n = 0; n < 4; n++)
            check_number(index, n + 1, PACK_BLOBS, numbers[n]);
        assert_int_equal(index_pack_limit(index), 3);
        for (uint32_t number = 0; number < 3; number++) {
            assert_true(index_segment_of_pack(index, number, &got, &size));
            assert_true(hash_equal(&got, &covering));
            assert_int_equal(size, 4711);
        }
        must_commit(index);
        index_close(index);
        index = open_index("segments", false);
    }
    assert_int_equal(index_add_segment(index, &segment, NULL, NULL, &err), 0);
    check_number(index, 3, PACK_BLOBS, 3);
    assert_false(index_segment_of_pack(index, 3, &got, &size));
    put_u32(rows + 20, segment.block_count); /* a block that is not there */
    assert_int_equal(index_add_segment(index, &segment, NULL, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    check_number(index, 4, PACK_BLOBS, 2);
    index_close(index);
}

/* ---- Threads ---- */

struct shared {
    struct index *index;
    uint32_t first;
    bool adds;
    bool failed;
};

enum { THREAD_PACKS = 60 };

static void *work(void *context)
{
    struct shared *shared = context;
    struct fake *fake = mem_calloc(1, sizeof(*fake));
    struct error err;
    for (uint32_t n = 0; n < THREAD_PACKS && fake != NULL && !shared->failed; n++) {
        make_fake(shared->first + n, PACK_BLOBS, fake);
        if (shared->adds) {
            uint32_t number;
            shared->failed = index_add_pack(shared->index, &fake->info, fake->blobs, PACK_BLOBS, &number, &err) != 0 ||
                             (n % 20 == 19 && index_commit(shared->index, &err) != 0);
        }
        for (uint32_t i = 0; i < PACK_BLOBS; i += 3) {
            struct place place;
            int rc = index_find(shared->index, &fake->blobs[i].id, &place, &err);
            struct hash name;
            uint64_t size;
            if (rc < 0 || (rc == 0 && shared->adds) ||
                (rc == 1 &&
                 (place.size != fake->blobs[i].size || !index_pack_name(shared->index, place.pack, &name, &size) ||
                  !hash_equal(&name, &fake->info.name))))
                shared->failed = true;
        }
    }
    mem_free(fake);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct index *index = open_index("threads", true);
    struct shared shared[] = {{index, 0, true, false},
                              {index, THREAD_PACKS, true, false},
                              {index, 0, false, false},
                              {index, THREAD_PACKS, false, false}};
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &shared[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(shared[i].failed);
    }
    assert_int_equal(index_pack_limit(index), 2 * THREAD_PACKS);
    index_close(index);
    index_close(open_index("threads", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),         cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_newest_wins),
        cmocka_unit_test(test_newest_merged), cmocka_unit_test(test_many_of_one),  cmocka_unit_test(test_each),
        cmocka_unit_test(test_many_commits),  cmocka_unit_test(test_merging),      cmocka_unit_test(test_all_dropped),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_other_tenant), cmocka_unit_test(test_segments),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
