/* Inner nodes of the manifest. Input: the level (1 byte) that the parent promised, then the node. */
#include "fuzz.h"

#include "repo/manifest_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes level = fuzz_take(&data, &size, 1);
    struct bytes node = {data, size};
    uint64_t entries = 0, bytes = 0;
    struct error err;
    /* As a root, and as a node inside of a folder: its keys are told from its own. */
    struct bytes keys[] = {{NULL, 0}, {(const uint8_t *)"data/a/b/file", 13}};
    for (size_t i = 0; level.size == 1 && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (manifest_node_decode(&keys[i], &node, level.data[0], &entries, &bytes, &err) == 0)
            fuzz_expect(entries > 0);
    }
    return 0;
}
