/* civil.h: days since 1970-01-01 as dates of the Gregorian calendar, and back. Pure; any year that 64 bits of days reach sensibly.
 * Source: the common algorithm of 400-year eras. */
#ifndef SLUICE_DELIVERY_CIVIL_H
#define SLUICE_DELIVERY_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

struct civil {
    int64_t year;
    int32_t month, day; /* from 1 */
};

static inline int64_t civil_to_days(int64_t year, int32_t month, int32_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static inline struct civil civil_of_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int32_t calendar = (int32_t)(month < 10 ? month + 3 : month - 9);
    return (struct civil){
        .year = years + era * 400 + (calendar <= 2),
        .month = calendar,
        .day = (int32_t)(of_year - (153 * month + 2) / 5 + 1),
    };
}

static inline bool civil_is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* 0 is Sunday. */
static inline int32_t civil_weekday(int64_t days)
{
    return (int32_t)(((days + 4) % 7 + 7) % 7);
}

static inline int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

#endif
