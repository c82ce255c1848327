#include "cli/value.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Digits only: no sign, no space, no base. */
static bool read_digits(const char **text, uint64_t *ret)
{
    const char *p = *text;
    uint64_t value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    bool some = p != *text;
    *text = p;
    *ret = value;
    return some;
}

enum hikae_status value_duration(struct run *run, const char *option, const char *text, int64_t *ret_ns)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}, {'y', 31536000}};
    const char *p = text;
    uint64_t number;
    if (read_digits(&p, &number) && number > 0 && p[0] != '\0' && p[1] == '\0')
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
            if (units[i].unit == p[0] && number <= (uint64_t)(INT64_MAX / NS_PER_S) / 2 / units[i].seconds) {
                *ret_ns = (int64_t)(number * units[i].seconds) * NS_PER_S;
                return HIKAE_OK;
            }
    (void)run_usage(run, "--%s \"%s\" is no duration", option, text);
    return run_hint(run, "a number and a unit: 90s, 15m, 12h, 30d, 2w, 1y");
}

static bool read_decimal(const char *text, char stop, double *ret)
{
    char *end;
    if (text[0] < '0' || text[0] > '9' || strspn(text, "0123456789.") > 20)
        return false;
    *ret = strtod(text, &end);
    return end == text + strspn(text, "0123456789.") && (*end == '\0' || (*end == stop && end[1] == '\0'));
}

enum hikae_status value_part(struct run *run, const char *option, const char *text, double *ret_part)
{
    const char *p = text;
    uint64_t above;
    uint64_t below;
    double percent = 0;
    *ret_part = -1;
    if (strchr(text, '/') != NULL) {
        if (read_digits(&p, &above) && *p++ == '/' && read_digits(&p, &below) && *p == '\0' && below > 0)
            *ret_part = (double)above / (double)below;
    } else if (read_decimal(text, '%', &percent)) {
        *ret_part = percent / 100;
    }
    if (*ret_part <= 0 || *ret_part > 1) {
        (void)run_usage(run, "--%s \"%s\" is no part of the objects", option, text);
        return run_hint(run, "per cent, as in 3%% or 0.5%%, or a fraction, as in 1/30");
    }
    if (*ret_part >= 1)
        *ret_part = 0;
    return HIKAE_OK;
}

enum hikae_status value_number(struct run *run, const char *option, const char *text, unsigned max, unsigned *ret)
{
    const char *p = text;
    uint64_t number;
    if (!read_digits(&p, &number) || *p != '\0' || number < 1 || number > max)
        return run_usage(run, "--%s \"%s\" is no whole number from 1 to %u", option, text, max);
    *ret = (unsigned)number;
    return HIKAE_OK;
}

enum hikae_status value_size(struct run *run, const char *option, const char *text, uint64_t *ret)
{
    static const char units[] = "KMGT";
    const char *p = text, *unit;
    if (read_digits(&p, ret) && *ret > 0 && *ret <= (UINT64_C(1) << 62)) {
        unit = *p != '\0' ? strchr(units, *p) : NULL;
        unsigned shift = unit != NULL ? 10 * (unsigned)(unit - units + 1) : 0;
        if (p[unit != NULL] == '\0' && *ret <= (UINT64_C(1) << 62) >> shift) {
            *ret <<= shift;
            return HIKAE_OK;
        }
    }
    (void)run_usage(run, "--%s \"%s\" is no size", option, text);
    return run_hint(run, "bytes, or with a unit of 1024: 500M, 20G, 2T");
}

enum hikae_status value_time(struct run *run, const char *option, const char *text, int64_t *ret_ns)
{
    struct error err = {0};
    if (clock_parse(text, ret_ns, &err) == 0)
        return HIKAE_OK;
    (void)run_usage(run, "--%s \"%s\" is no time", option, text);
    return run_hint(run, "RFC 3339, as in 2026-11-21T09:12:46+09:00, or a day, as in 2026-11-21 (from 00:00 UTC)");
}

/* What a day means where a snapshot of it is wanted: its last moment. */
static int64_t last_moment(const char *text, int64_t at_ns)
{
    static const int64_t day_ns = INT64_C(86400) * 1000000000;
    bool day = strlen(text) == sizeof "2026-11-21" - 1;
    return day && at_ns <= INT64_MAX - day_ns ? at_ns + day_ns - 1 : at_ns;
}

enum hikae_status value_snapshot(const char *text, struct hikae_which *ret)
{
    struct error err = {0};
    int64_t at_ns;
    *ret = (struct hikae_which){0};
    if (strcmp(text, "latest") == 0)
        return HIKAE_OK;
    /* Ids are hexadecimal: only a time has a '-' after the year. */
    if (strlen(text) >= 10 && text[4] == '-' && clock_parse(text, &at_ns, &err) == 0)
        *ret = (struct hikae_which){.by_time = true, .at_ns = last_moment(text, at_ns)};
    else
        ret->snapshot = text;
    return HIKAE_OK;
}

enum hikae_status value_which(struct run *run, struct hikae_which *ret)
{
    const char *snapshot = run_option(run, "snapshot");
    const char *at = run_option(run, "at");
    *ret = (struct hikae_which){0};
    if (snapshot != NULL)
        return value_snapshot(snapshot, ret);
    if (at == NULL)
        return HIKAE_OK;
    enum hikae_status status = value_time(run, "at", at, &ret->at_ns);
    ret->by_time = status == HIKAE_OK;
    if (ret->by_time)
        ret->at_ns = last_moment(at, ret->at_ns);
    return status;
}

enum hikae_status value_pair(struct run *run, const char *option, const char *text, char **ret_name,
                             const char **ret_rest)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0')
        return run_usage(run, "--%s \"%s\" is not of the form NAME=…", option, text);
    *ret_rest = equals + 1;
    *ret_name = mem_dup(text, (size_t)(equals - text) + 1);
    if (*ret_name == NULL)
        return run_no_memory(run);
    (*ret_name)[equals - text] = '\0';
    return HIKAE_OK;
}
