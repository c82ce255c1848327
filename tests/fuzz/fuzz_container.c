/* Whole objects as a target gives them: header, commitment, tiling, directory, blocks. */
#include "fuzz.h"

enum { BODY_MAX = 1 << 20 };

static void open_blocks(struct container_opener *opener, const struct container_directory *directory,
                        const uint8_t *object)
{
    CLEANUP(buf_free) struct buf plain = {0};
    struct error err;
    for (uint32_t i = 0; i < directory->block_count; i++) {
        const struct container_block *block = &directory->blocks[i];
        fuzz_expect(block->offset + block->sealed_size <= directory->pad_offset);
        if (container_opener_block(opener, i, block, object + block->offset, &plain, &err) == 0)
            fuzz_expect(plain.size == block->plain_size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct container_header header;
    struct bytes clear;
    struct error err;
    if (container_clear(data, size, &header, &clear, &err) != 0)
        return 0;
    CLEANUP_SECRET struct secret *key = fuzz_key();
    CLEANUP(buf_free) struct buf body = {0};
    struct bytes body_clear;
    if (container_open_body(header.kind, data, size, key, BODY_MAX, &body, &body_clear, &err) == 0)
        fuzz_expect(body.size <= BODY_MAX && body_clear.size == clear.size);

    struct container_opener *opener = NULL;
    struct container_directory directory = {0};
    if (container_opener_new(data, clear.data, clear.size, key, &opener, &err) == 0) {
        if (container_check_structure(opener, data, size, &directory, &err) == 0)
            open_blocks(opener, &directory, data);
        container_directory_free(&directory);
    }
    container_opener_free(opener);
    return 0;
}
