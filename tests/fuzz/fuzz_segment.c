/* Bodies of segments: the index's places of blobs. */
#include "fuzz.h"

#include "repo/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct segment segment = {0};
    struct error err;
    if (segment_parse(data, size, &segment, &err) != 0)
        return 0;
    for (uint32_t i = 0; i < segment.entry_count; i++) {
        struct segment_entry entry = segment_entry_at(&segment, i);
        uint32_t block = 0;
        uint32_t pack = segment_pack_of_block(&segment, entry.block, &block);
        fuzz_expect(pack < segment.pack_count && block < segment.packs[pack].block_count);
        fuzz_expect((uint64_t)entry.offset + entry.size <= segment.packs[pack].blocks[block].plain_size);
    }
    segment_clear(&segment);
    return 0;
}
