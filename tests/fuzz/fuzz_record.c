/* History records whose seal nobody has checked: what copying and collecting read without a key. */
#include "fuzz.h"

#include "repo/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(record_clear) struct record record = {0};
    CLEANUP(roster_free) struct roster roster = {0};
    struct error err;
    if (record_parse_clear(data, size, &record, &err) == 0)
        fuzz_expect(record.previous_count <= RECORD_PREVIOUS_MAX && record.body == NULL);
    if (roster_part_parse(data, size, &roster, &err) == 0)
        fuzz_expect(roster_check(&roster, &err) == 0);
    return 0;
}
