/* Extents: inline lists, trees, what a reader refuses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memory_blobs.h"
#include "repo/manifest_internal.h"

static uint64_t random_state = 1;

static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct extent random_data(void)
{
    struct extent extent = {.kind = EXTENT_DATA, .size = 1 + random_u64() % BLOB_SIZE_MAX};
    for (size_t i = 0; i < BLOB_ID_SIZE; i++)
        extent.id.bytes[i] = (uint8_t)random_u64();
    return extent;
}

static bool extents_equal(const struct extent *a, const struct extent *b)
{
    return a->kind == b->kind && a->size == b->size && blob_id_equal(&a->id, &b->id);
}

/* Build, read again, compare. Returns the content for further checks. */
static struct content round_trip(struct extent_builder *builder, struct memory_blobs *blobs,
                                 const struct extent *extents, size_t count)
{
    struct error err = {0};
    struct content content;
    uint64_t size = 0;
    extent_builder_reset(builder);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(extent_builder_add(builder, &extents[i], &err), 0);
        size += extents[i].size;
    }
    assert_int_equal(extent_builder_finish(builder, &content, &err), 0);
    assert_int_equal(content.extent_count, count);
    assert_int_equal(content.in_tree, count > ENTRY_EXTENTS_INLINE_MAX);

    struct extent_reader *reader;
    assert_int_equal(extent_reader_new(&content, size, memory_blobs_get, blobs, &reader, &err), 0);
    struct extent extent;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(extent_reader_next(reader, &extent, &err), 1);
        assert_true(extents_equal(&extent, &extents[i]));
    }
    assert_int_equal(extent_reader_next(reader, &extent, &err), 0);
    assert_int_equal(extent_reader_next(reader, &extent, &err), 0);
    extent_reader_free(reader);
    return content;
}

static void test_round_trips(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 15, 16, 17, 18, 100, 1024, 1025, 5000, 40000};
    struct memory_blobs blobs = {0};
    struct extent_builder *builder = extent_builder_new(memory_blobs_put, &blobs);
    assert_non_null(builder);
    struct extent *extents = mem_calloc(40000, sizeof(*extents));
    assert_non_null(extents);
    for (size_t i = 0; i < 40000; i++) {
        extents[i] = random_data();
        if (i % 5 == 3)
            extents[i] =
                (struct extent){.kind = i % 2 != 0 ? EXTENT_HOLE : EXTENT_ZERO, .size = 1 + random_u64() % 100};
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        (void)round_trip(builder, &blobs, extents, counts[i]);
    /* Means of 128 and 64: three levels would take 500,000 extents, two are enough here. */
    struct content content = round_trip(builder, &blobs, extents, 40000);
    assert_in_range(content.depth, 1, 3);
    /* A change in the middle rewrites a leaf and the nodes above it, not the list. */
    memory_blobs_reset_counters(&blobs);
    extents[20000] = random_data();
    (void)round_trip(builder, &blobs, extents, 40000);
    assert_in_range(blobs.added[BLOB_EXTENTS], 1, 2);
    assert_in_range(blobs.added[BLOB_EXTENT_TREE], 1, 6);
    /* So does an insertion, because ids decide where leaves end. */
    memory_blobs_reset_counters(&blobs);
    memmove(extents + 101, extents + 100, 39899 * sizeof(*extents));
    extents[100] = random_data();
    (void)round_trip(builder, &blobs, extents, 40000);
    assert_in_range(blobs.added[BLOB_EXTENTS], 1, 4);
    mem_free(extents);
    extent_builder_free(builder);
    memory_blobs_free(&blobs);
}

/* A file that repeats one blob: all ids cut or none does, and either way the tree stays low. */
static void test_repeated_blob(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct error err = {0};
    struct extent_builder *builder = extent_builder_new(memory_blobs_put, &blobs);
    assert_non_null(builder);
    for (unsigned cuts = 0; cuts < 2; cuts++) {
        struct extent extent = {.kind = EXTENT_DATA, .size = 10, .id = {{cuts == 1 ? 0 : 1}}};
        struct content content;
        extent_builder_reset(builder);
        for (size_t i = 0; i < 100000; i++)
            assert_int_equal(extent_builder_add(builder, &extent, &err), 0);
        assert_int_equal(extent_builder_finish(builder, &content, &err), 0);
        assert_int_equal(content.extent_count, 100000);
        assert_in_range(content.depth, 1, 12);
        struct extent_reader *reader;
        assert_int_equal(extent_reader_new(&content, 1000000, memory_blobs_get, &blobs, &reader, &err), 0);
        size_t count = 0;
        while (extent_reader_next(reader, &extent, &err) == 1)
            count++;
        assert_int_equal(count, 100000);
        assert_int_equal(err.class, ERROR_NONE);
        extent_reader_free(reader);
    }
    extent_builder_free(builder);
    memory_blobs_free(&blobs);
}

static void test_joining(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct error err = {0};
    struct extent_builder *builder = extent_builder_new(memory_blobs_put, &blobs);
    assert_non_null(builder);
    struct extent hole = {.kind = EXTENT_HOLE, .size = 10}, zero = {.kind = EXTENT_ZERO, .size = 10};
    struct content content;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(extent_builder_add(builder, i < 50 ? &hole : &zero, &err), 0);
    assert_int_equal(extent_builder_finish(builder, &content, &err), 0);
    assert_int_equal(content.extent_count, 2);
    assert_int_equal(content.extents[0].size, 500);
    assert_int_equal(content.extents[1].size, 500);

    /* The longest hole that a file can have needs three extents. */
    extent_builder_reset(builder);
    hole.size = FILE_SIZE_MAX;
    assert_int_equal(extent_builder_add(builder, &hole, &err), 0);
    assert_int_equal(extent_builder_finish(builder, &content, &err), 0);
    assert_int_equal(content.extent_count, 3);
    assert_true(content.extents[0].size + content.extents[1].size + content.extents[2].size == FILE_SIZE_MAX);

    /* Joining goes on across the step from a list to a tree. */
    extent_builder_reset(builder);
    hole.size = 1;
    for (unsigned i = 0; i < 40; i++) {
        struct extent data = random_data();
        assert_int_equal(extent_builder_add(builder, &data, &err), 0);
        assert_int_equal(extent_builder_add(builder, &hole, &err), 0);
        assert_int_equal(extent_builder_add(builder, &hole, &err), 0);
    }
    assert_int_equal(extent_builder_finish(builder, &content, &err), 0);
    assert_true(content.in_tree);
    assert_int_equal(content.extent_count, 80);
    /* Finished: nothing may follow. */
    assert_int_equal(extent_builder_add(builder, &hole, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    extent_builder_free(builder);
    extent_builder_free(NULL);
    memory_blobs_free(&blobs);
}

static void test_builder_refuses(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct error err = {0};
    struct extent_builder *builder = extent_builder_new(memory_blobs_put, &blobs);
    assert_non_null(builder);
    const struct extent bad[] = {{.kind = EXTENT_DATA, .size = 0},
                                 {.kind = EXTENT_HOLE, .size = 0},
                                 {.kind = EXTENT_DATA, .size = BLOB_SIZE_MAX + 1},
                                 {.kind = EXTENT_HOLE, .size = FILE_SIZE_MAX + 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(extent_builder_add(builder, &bad[i], &err), -1);
        assert_int_equal(err.class, ERROR_INTERNAL);
    }
    /* A sink that fails is reported, and the builder can be used again after a reset. */
    struct content content;
    blobs.calls = 0;
    blobs.fail_after = 1;
    int rc = 0;
    for (unsigned i = 0; i < 5000 && rc == 0; i++) {
        struct extent data = random_data();
        rc = extent_builder_add(builder, &data, &err);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_int_equal(extent_builder_finish(builder, &content, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    blobs.fail_after = 0;
    struct extent data = random_data();
    (void)round_trip(builder, &blobs, &data, 1);
    extent_builder_free(builder);
    memory_blobs_free(&blobs);
}

/* Read all of a content; the class of the error, or ERROR_NONE. */
static enum error_class read_class(const struct content *content, uint64_t size, struct memory_blobs *blobs)
{
    struct error err = {0};
    struct extent_reader *reader = NULL;
    struct extent extent;
    int rc = extent_reader_new(content, size, memory_blobs_get, blobs, &reader, &err);
    if (rc == 0) {
        while ((rc = extent_reader_next(reader, &extent, &err)) == 1)
            ;
        /* After an error nothing more is given. */
        if (rc < 0) {
            struct error again = {0};
            assert_int_equal(extent_reader_next(reader, &extent, &again), -1);
        }
    }
    extent_reader_free(reader);
    return rc == 0 ? ERROR_NONE : err.class;
}

static void test_inline_refused(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct extent extents[ENTRY_EXTENTS_INLINE_MAX + 1];
    for (size_t i = 0; i <= ENTRY_EXTENTS_INLINE_MAX; i++)
        extents[i] = (struct extent){.kind = EXTENT_DATA, .size = 10};
    struct content content = {.extents = extents, .extent_count = 2};
    assert_int_equal(read_class(&content, 20, &blobs), ERROR_NONE);
    assert_int_equal(read_class(&content, 19, &blobs), ERROR_DAMAGED);
    assert_int_equal(read_class(&content, 21, &blobs), ERROR_DAMAGED);
    assert_int_equal(read_class(&content, 5, &blobs), ERROR_DAMAGED);
    content.extent_count = ENTRY_EXTENTS_INLINE_MAX + 1;
    assert_int_equal(read_class(&content, 170, &blobs), ERROR_DAMAGED);
    content = (struct content){.in_tree = true, .depth = EXTENT_DEPTH_MAX + 1, .extent_count = 1};
    assert_int_equal(read_class(&content, 1, &blobs), ERROR_DAMAGED);
    content = (struct content){.in_tree = true, .depth = 0, .extent_count = 0};
    assert_int_equal(read_class(&content, 0, &blobs), ERROR_DAMAGED);
    content = (struct content){.in_tree = true, .depth = 0, .extent_count = 1};
    assert_int_equal(read_class(&content, 1, &blobs), ERROR_NOT_FOUND);
    memory_blobs_free(&blobs);
}

#define ID20 "iiiiiiiiiiiiiiiiiiii"

/* Leaves by hand: what they hold, the numbers of the claim, and what becomes of them. */
static void test_leaves_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        size_t extents;
        uint64_t file_size;
        enum error_class class;
    } table[] = {
        {"\x04" ID20, 21, 1, 1, ERROR_NONE},
        {"\x05\x06", 2, 2, 2, ERROR_NONE},
        {"\x04" ID20, 21, 2, 1, ERROR_DAMAGED}, /* fewer than claimed */
        {"\x04" ID20, 21, 1, 2, ERROR_DAMAGED}, /* shorter than claimed */
        {"\x05\x05", 2, 1, 2, ERROR_DAMAGED},   /* more than claimed */
        {"\x09", 1, 1, 1, ERROR_DAMAGED},       /* longer than claimed */
        {"\x07", 1, 1, 1, ERROR_DAMAGED},       /* kind 3 */
        {"\x01", 1, 1, 1, ERROR_DAMAGED},       /* a hole of nothing */
        {"\x00" ID20, 21, 1, 1, ERROR_DAMAGED}, /* data of nothing */
        {"\x04"
         "iiii",
         5, 1, 1, ERROR_DAMAGED},                                 /* the id is cut off */
        {"\x85\x00", 2, 1, 1, ERROR_DAMAGED},                     /* a longer form */
        {"\x80", 1, 1, 1, ERROR_DAMAGED},                         /* an open number */
        {"\x80\x80\x80\x08" ID20, 24, 1, 4 << 20, ERROR_DAMAGED}, /* data longer than a blob */
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct memory_blobs blobs = {0};
        struct error err = {0};
        struct content content = {.in_tree = true, .depth = 0, .extent_count = table[i].extents};
        assert_int_equal(memory_blobs_put(BLOB_EXTENTS, table[i].bytes, table[i].size, &content.root, &blobs, &err), 0);
        assert_int_equal(read_class(&content, table[i].file_size, &blobs), table[i].class);
        memory_blobs_free(&blobs);
    }
}

static void put_child(struct buf *node, uint64_t extents, uint64_t bytes, const struct blob_id *id)
{
    assert_int_equal(buf_varint(node, extents, NULL), 0);
    assert_int_equal(buf_varint(node, bytes, NULL), 0);
    assert_int_equal(buf_append(node, id->bytes, BLOB_ID_SIZE, NULL), 0);
}

static void test_nodes_refused(void **state)
{
    (void)state;
    /* Two children, each a leaf with two holes of one byte; their claims, the root's, and what becomes of it. */
    static const struct {
        uint64_t claim[2][2];
        size_t extents;
        uint64_t file_size;
        size_t cut;
        enum error_class class;
    } table[] = {
        {{{2, 2}, {2, 2}}, 4, 4, 0, ERROR_NONE},    {{{2, 2}, {2, 2}}, 5, 4, 0, ERROR_DAMAGED},
        {{{2, 2}, {2, 2}}, 4, 5, 0, ERROR_DAMAGED}, {{{2, 2}, {2, 2}}, 3, 4, 0, ERROR_DAMAGED},
        {{{2, 2}, {2, 2}}, 4, 3, 0, ERROR_DAMAGED}, {{{3, 2}, {1, 2}}, 4, 4, 0, ERROR_DAMAGED},
        {{{2, 3}, {2, 1}}, 4, 4, 0, ERROR_DAMAGED}, {{{2, 2}, {0, 2}}, 2, 4, 0, ERROR_DAMAGED},
        {{{2, 2}, {2, 0}}, 4, 2, 0, ERROR_DAMAGED}, {{{UINT64_MAX, 2}, {2, 2}}, 4, 4, 0, ERROR_DAMAGED},
        {{{2, 2}, {2, 2}}, 4, 4, 1, ERROR_DAMAGED}, {{{2, 2}, {2, 2}}, 4, 4, 21, ERROR_DAMAGED},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct memory_blobs blobs = {0};
        struct error err = {0};
        struct blob_id leaf;
        struct buf node = {0};
        struct content content = {.in_tree = true, .depth = 1, .extent_count = table[i].extents};
        assert_int_equal(memory_blobs_put(BLOB_EXTENTS, "\x05\x05", 2, &leaf, &blobs, &err), 0);
        put_child(&node, table[i].claim[0][0], table[i].claim[0][1], &leaf);
        put_child(&node, table[i].claim[1][0], table[i].claim[1][1], &leaf);
        assert_int_equal(
            memory_blobs_put(BLOB_EXTENT_TREE, node.data, node.size - table[i].cut, &content.root, &blobs, &err), 0);
        assert_int_equal(read_class(&content, table[i].file_size, &blobs), table[i].class);
        buf_free(&node);
        memory_blobs_free(&blobs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),    cmocka_unit_test(test_repeated_blob),
        cmocka_unit_test(test_joining),        cmocka_unit_test(test_builder_refuses),
        cmocka_unit_test(test_inline_refused), cmocka_unit_test(test_leaves_refused),
        cmocka_unit_test(test_nodes_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
