/* TZif files, and the rule in their last line. */
#include "fuzz.h"

#include "policy/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t instants[] = {INT64_MIN, -1, 0, INT64_C(1700000000000000000), INT64_C(4100000000000000000),
                                       INT64_MAX};
    struct zone *zone = NULL;
    struct error err;
    if (zone_parse("Test/Zone", data, size, &zone, &err) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
        struct zone_time time;
        zone_civil(zone, instants[i], &time);
        fuzz_expect(time.date.month >= 1 && time.date.month <= 12 && time.hour < 24);
        enum zone_match match;
        (void)zone_instant(zone, &time, &match);
        /* What the clock shows at an instant comes at that instant, if not earlier too. */
        if (instants[i] > INT64_MIN / 2 && instants[i] < INT64_MAX / 2)
            fuzz_expect(match != ZONE_NEVER && zone_instant(zone, &time, NULL) <= instants[i]);
        for (enum zone_unit unit = ZONE_HOUR; unit <= ZONE_YEAR; unit++)
            (void)zone_period_start(zone, unit, zone_period(zone, unit, instants[i]));
    }
    zone_free(zone);
    return 0;
}
