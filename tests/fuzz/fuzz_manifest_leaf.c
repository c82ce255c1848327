/* Leaves of the manifest. Input: key and times with their lengths (u16) before them, then the names. */
#include "fuzz.h"

#include "repo/manifest_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes key = fuzz_take_part(&data, &size);
    struct bytes times = fuzz_take_part(&data, &size);
    struct bytes names = {data, size};
    uint64_t entries = 0, bytes = 0;
    struct error err;
    /* A key is what an inner node was allowed to hold: a path. */
    if (!entry_path_is_valid(&key))
        return 0;
    if (manifest_leaf_decode(&key, &names, &times, &entries, &bytes, &err) == 0)
        fuzz_expect(entries > 0 && entries <= MANIFEST_LEAF_ENTRIES_MAX);
    if (manifest_leaf_decode(&key, &names, NULL, &entries, &bytes, &err) == 0)
        fuzz_expect(entries > 0 && entries <= MANIFEST_LEAF_ENTRIES_MAX);
    return 0;
}
