/* The clear text of a keystore's slots: JSON that anybody could have put on a target. */
#include "fuzz.h"

#include "keys/keystore_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(cleanup_slots) struct slots slots = {0};
    struct error err;
    (void)!slots_parse(data, size, &slots, &err);
    return 0;
}
