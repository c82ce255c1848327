/*
 * The proleptic Gregorian calendar as numbers: days since 1970-01-01 and dates, in both directions. It knows no zone.
 * After H. Hinnant, "chrono-compatible low-level date algorithms".
 */
#ifndef HIKAE_BASE_CIVIL_H
#define HIKAE_BASE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

struct civil_date {
    int64_t year;
    int month; /* 1 … 12 */
    int day;   /* 1 … 31 */
};

static inline bool civil_is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static inline int civil_days_of_month(int64_t year, int month)
{
    static const int days_of[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days_of[month - 1] + (month == 2 && civil_is_leap(year));
}

/* Rounds down, also below zero. */
static inline int64_t civil_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01. */
static inline int64_t civil_days(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = civil_floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static inline struct civil_date civil_date_of(int64_t days)
{
    days += 719468;
    int64_t era = civil_floor_div(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* from March */
    struct civil_date date = {.day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
                              .month = (int)(month < 10 ? month + 3 : month - 9)};
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

/* 0 Sunday … 6 Saturday. */
static inline int civil_weekday(int64_t days)
{
    return (int)((days % 7 + 11) % 7);
}

#endif
