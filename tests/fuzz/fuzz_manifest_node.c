/* Inner nodes of the manifest. Input: the level (1 byte) that the parent promised, then the node. */
#include "fuzz.h"

#include "repo/manifest_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes level = fuzz_take(&data, &size, 1);
    struct bytes node = {data, size};
    uint64_t entries = 0, bytes = 0;
    struct error err;
    if (level.size == 1 && manifest_node_decode(&node, level.data[0], &entries, &bytes, &err) == 0)
        fuzz_expect(entries > 0);
    return 0;
}
