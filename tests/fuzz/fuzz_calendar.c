/* Calendars of business days. */
#include "fuzz.h"

#include "policy/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct calendar *calendar = NULL;
    struct error err = {0};
    if (calendar_parse("/etc/hikae/policies/calendars/c.yaml", data, size, &calendar, &err) != 0) {
        fuzz_expect(calendar == NULL && err.class != ERROR_NONE);
        return 0;
    }
    int64_t day = civil_days(2026, 12, 25);
    fuzz_expect(calendar_after(calendar, day, 3, NULL) > day);
    calendar_free(calendar);
    return 0;
}
