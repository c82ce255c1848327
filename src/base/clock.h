/*
 * Time. The trusted clock of hikae is CLOCK_REALTIME, or a fixed instant for
 * stores made for tests. Instants are nanoseconds since 1970-01-01T00:00:00Z.
 */
#ifndef HIKAE_BASE_CLOCK_H
#define HIKAE_BASE_CLOCK_H

#include "base/error.h"

#include <stdint.h>

#define NS_PER_S INT64_C(1000000000)

enum { CLOCK_TEXT_SIZE = 40 };

/* Now, by the trusted clock (the test instant where one is set). */
int64_t clock_now_ns(void);
/* Now, by the machine's clock, whatever the test instant: for comparing with times of files. */
int64_t clock_machine_ns(void);
/* A clock that never jumps, for durations. */
int64_t clock_monotonic_ns(void);
/* Set the instant that clock_now_ns returns from now on; it goes on from there with the monotonic clock. Only for test
 * stores. */
void clock_set_test(int64_t now_ns);

/* Parse RFC 3339 ("2026-11-21T09:12:46.5+09:00"; "2026-11-21" alone is midnight UTC). */
MUST_USE int clock_parse(const char *text, int64_t *ret_ns, struct error *err);
/* RFC 3339 in UTC, whole seconds: "2026-11-21T09:12:46Z". Returns buf (CLOCK_TEXT_SIZE bytes). */
char *clock_format(int64_t ns, char *buf);
/* "20261121T091246.123456789Z": fixed width, sorts by time; for object names. Returns buf. */
char *clock_format_sortable(int64_t ns, char *buf);

#endif
