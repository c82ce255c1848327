/*
 * Extent lists that are trees. Input: depth (1 byte), number of extents (u16), length of the file (u64), then the
 * nodes in the order in which they are asked for, each with its length (u16) before it.
 */
#include "fuzz.h"

#include "repo/manifest.h"

struct rest {
    const uint8_t *data;
    size_t size;
};

static int next_node(enum blob_type type, const struct blob_id *id, struct buf *out, void *context, struct error *err)
{
    (void)type;
    (void)id;
    struct rest *rest = context;
    if (rest->size == 0)
        return error_set(err, ERROR_NOT_FOUND, "no more nodes");
    struct bytes node = fuzz_take_part(&rest->data, &rest->size);
    out->size = 0;
    return buf_append(out, node.data, node.size, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes head = fuzz_take(&data, &size, 11);
    if (head.size < 11)
        return 0;
    const struct content content = {.in_tree = true, .depth = head.data[0], .extent_count = get_u16(head.data + 1)};
    uint64_t file_size = get_u64(head.data + 3), seen = 0;
    struct rest rest = {data, size};
    struct extent_reader *reader = NULL;
    struct error err;
    if (extent_reader_new(&content, file_size, next_node, &rest, &reader, &err) != 0)
        return 0;
    struct extent extent;
    int more;
    while ((more = extent_reader_next(reader, &extent, &err)) == 1)
        seen += extent.size;
    fuzz_expect(more != 0 || seen == file_size);
    extent_reader_free(reader);
    return 0;
}
