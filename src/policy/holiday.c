/*
 * Japan's public holidays by the Act on National Holidays (国民の祝日に関する法律, Act No. 178 of 1948, with the
 * amendments up to 2018 and the special acts for 2019, 2020 and 2021): fixed days, Mondays, equinoxes, and from these
 * the substitute (article 3, paragraph 2) and the sandwiched ones (paragraph 3).
 *
 * The equinoxes are announced each February for the year after; before that the usual approximation of the calendar
 * office of the National Astronomical Observatory's figures serves (good from 1980 to 2099).
 */
#include "policy/calendar.h"

enum kind { FIXED, MONDAY, SPRING, AUTUMN };

struct holiday {
    const char *ja, *en;
    enum kind kind;
    int month;
    int number; /* the day, or which Monday */
    int64_t first, last;
};

enum { ALWAYS = 0, EVER = 9999 };

static const struct holiday holidays[] = {
    {"元日", "New Year's Day", FIXED, 1, 1, ALWAYS, EVER},
    {"成人の日", "Coming of Age Day", MONDAY, 1, 2, 2000, EVER},
    {"建国記念の日", "National Foundation Day", FIXED, 2, 11, ALWAYS, EVER},
    {"天皇誕生日", "The Emperor's Birthday", FIXED, 2, 23, 2020, EVER},
    {"春分の日", "Vernal Equinox Day", SPRING, 3, 0, ALWAYS, EVER},
    {"昭和の日", "Showa Day", FIXED, 4, 29, 2007, EVER},
    {"即位の日", "The Day of Accession to the Throne", FIXED, 5, 1, 2019, 2019},
    {"憲法記念日", "Constitution Memorial Day", FIXED, 5, 3, ALWAYS, EVER},
    {"みどりの日", "Greenery Day", FIXED, 5, 4, 2007, EVER},
    {"こどもの日", "Children's Day", FIXED, 5, 5, ALWAYS, EVER},
    {"海の日", "Marine Day", MONDAY, 7, 3, 2003, 2019},
    {"海の日", "Marine Day", FIXED, 7, 23, 2020, 2020},
    {"海の日", "Marine Day", FIXED, 7, 22, 2021, 2021},
    {"海の日", "Marine Day", MONDAY, 7, 3, 2022, EVER},
    {"スポーツの日", "Sports Day", FIXED, 7, 24, 2020, 2020},
    {"スポーツの日", "Sports Day", FIXED, 7, 23, 2021, 2021},
    {"山の日", "Mountain Day", FIXED, 8, 11, 2016, 2019},
    {"山の日", "Mountain Day", FIXED, 8, 10, 2020, 2020},
    {"山の日", "Mountain Day", FIXED, 8, 8, 2021, 2021},
    {"山の日", "Mountain Day", FIXED, 8, 11, 2022, EVER},
    {"敬老の日", "Respect for the Aged Day", MONDAY, 9, 3, 2003, EVER},
    {"秋分の日", "Autumnal Equinox Day", AUTUMN, 9, 0, ALWAYS, EVER},
    {"体育の日", "Health and Sports Day", MONDAY, 10, 2, 2000, 2019},
    {"スポーツの日", "Sports Day", MONDAY, 10, 2, 2022, EVER},
    {"即位礼正殿の儀", "The Day of the Enthronement Ceremony", FIXED, 10, 22, 2019, 2019},
    {"文化の日", "Culture Day", FIXED, 11, 3, ALWAYS, EVER},
    {"勤労感謝の日", "Labor Thanksgiving Day", FIXED, 11, 23, ALWAYS, EVER},
    {"天皇誕生日", "The Emperor's Birthday", FIXED, 12, 23, 1989, 2018},
};

/* The day of March or September: whole days of the equinox's drift since 1980, less the leap days since then. */
static int equinox(int64_t year, int64_t base)
{
    int64_t since = year - 1980;
    return (int)(civil_floor_div(base + 242194 * since, 1000000) - civil_floor_div(since, 4));
}

static int64_t day_of(const struct holiday *holiday, int64_t year)
{
    int64_t first;
    switch (holiday->kind) {
    case MONDAY:
        first = civil_days(year, holiday->month, 1);
        return first + (8 - civil_weekday(first)) % 7 + INT64_C(7) * (holiday->number - 1);
    case SPRING:
        return civil_days(year, holiday->month, equinox(year, 20843100));
    case AUTUMN:
        return civil_days(year, holiday->month, equinox(year, 23248800));
    case FIXED:
        break;
    }
    return civil_days(year, holiday->month, holiday->number);
}

/* A day that the law names (article 2), not one that follows from others. */
static const struct holiday *find_named(int64_t day)
{
    struct civil_date date = civil_date_of(day);
    for (size_t i = 0; i < sizeof(holidays) / sizeof(holidays[0]); i++) {
        const struct holiday *holiday = &holidays[i];
        if (holiday->month == date.month && holiday->first <= date.year && date.year <= holiday->last &&
            day_of(holiday, date.year) == day)
            return holiday;
    }
    return NULL;
}

/* The nearest day after a named one on a Sunday that is not named itself. */
static bool is_substitute(int64_t day)
{
    for (int64_t before = day - 1; find_named(before) != NULL; before--)
        if (civil_weekday(before) == 0)
            return true;
    return false;
}

bool holiday_japan(int64_t day, const char **ret_ja, const char **ret_en)
{
    const struct holiday *named = find_named(day);
    *ret_ja = named != NULL ? named->ja : "休日";
    *ret_en = named != NULL ? named->en : "Holiday";
    return named != NULL || is_substitute(day) || (find_named(day - 1) != NULL && find_named(day + 1) != NULL);
}
