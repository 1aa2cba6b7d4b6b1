/* sigv4_time.c: the two spellings of time that a signature may carry.
 *
 * The C library's calendar functions know time zones, locales and locks; a signature needs none of
 * them. So days are counted here, with years that begin in March, so that the leap day is a year's
 * last.
 *
 * I1. Only dates that the calendar has are read: 2026-02-29 is none.
 *
 * Thread: any. */
#include "base/must.h"
#include "wire/sigv4_internal.h"

enum { DAYS_400_YEARS = 146097, DAYS_TO_1970 = 719468 /* from 0000-03-01 */ };

struct moment {
    unsigned year, month, day, hour, minute, second;
};

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool moment_is_fine(const struct moment *m)
{
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (m->year < 1970 || m->month < 1 || m->month > 12 || m->day < 1)
        return false;
    unsigned days_max = days[m->month] + (m->month == 2 && is_leap(m->year) ? 1u : 0u);
    return m->day <= days_max && m->hour < 24 && m->minute < 60 && m->second < 60;
}

static uint64_t moment_ms(const struct moment *m)
{
    uint64_t year = m->month > 2 ? m->year : m->year - 1;
    uint64_t month = m->month > 2 ? m->month - 3 : m->month + 9;
    uint64_t days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
                    m->day - 1 - DAYS_TO_1970;
    return (((days * 24 + m->hour) * 60 + m->minute) * 60 + m->second) * 1000;
}

/* `len` digits as a number; false when one is none. */
static bool number_read(const uint8_t *at, size_t len, unsigned *out)
{
    unsigned n = 0;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        n = n * 10 + (at[i] - '0');
    }
    *out = n;
    return true;
}

bool sigv4_time_from_iso(struct bytes text, uint64_t *wall_ms)
{
    struct moment m;
    const uint8_t *at = text.at;
    if (text.len != SIGV4_TIMESTAMP_BYTES || at[8] != 'T' || at[15] != 'Z' ||
        !number_read(at, 4, &m.year) || !number_read(at + 4, 2, &m.month) ||
        !number_read(at + 6, 2, &m.day) || !number_read(at + 9, 2, &m.hour) ||
        !number_read(at + 11, 2, &m.minute) || !number_read(at + 13, 2, &m.second) ||
        !moment_is_fine(&m))
        return false;
    *wall_ms = moment_ms(&m);
    return true;
}

/* Whether text begins like the pattern, in which '?' is any byte. */
static bool looks_like(struct bytes text, const char *pattern)
{
    size_t len = strlen(pattern);
    for (size_t i = 0; i < len; i++) {
        if (i >= text.len || (pattern[i] != '?' && text.at[i] != (uint8_t)pattern[i]))
            return false;
    }
    return true;
}

static bool zone_is_utc(struct bytes zone)
{
    return bytes_equal(zone, BYTES_LITERAL("GMT")) || bytes_equal(zone, BYTES_LITERAL("-0000")) ||
           bytes_equal(zone, BYTES_LITERAL("+0000"));
}

/*  Mon, 23 Nov 2026 23:58:46 GMT    or, as Python writes it, -0000
 *  0    5  8   12   17 20 23 26 */
bool sigv4_time_from_rfc1123(struct bytes text, uint64_t *wall_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    enum { ZONE_AT = 26 };
    struct moment m = {0};
    const uint8_t *at = text.at;
    if (!looks_like(text, "???, ?? ??? ???? ??:??:?? ") ||
        !zone_is_utc(bytes_of(at + ZONE_AT, text.len - ZONE_AT)))
        return false;
    for (unsigned i = 0; i < 12; i++) {
        if (memcmp(at + 8, months + 3 * i, 3) == 0)
            m.month = i + 1;
    }
    if (!number_read(at + 5, 2, &m.day) || !number_read(at + 12, 4, &m.year) ||
        !number_read(at + 17, 2, &m.hour) || !number_read(at + 20, 2, &m.minute) ||
        !number_read(at + 23, 2, &m.second) || !moment_is_fine(&m))
        return false;
    *wall_ms = moment_ms(&m);
    return true;
}

static char *number_print(char *out, uint64_t n, size_t len)
{
    for (size_t i = len; i-- > 0; n /= 10)
        out[i] = (char)('0' + n % 10);
    return out + len;
}

void sigv4_timestamp(uint64_t wall_ms, char out[17])
{
    uint64_t seconds = wall_ms / 1000, days = seconds / 86400 + DAYS_TO_1970;
    uint64_t in_era = days % DAYS_400_YEARS;
    uint64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    uint64_t day_of_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153;
    uint64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    uint64_t year = year_of_era + days / DAYS_400_YEARS * 400 + (month >= 10 ? 1 : 0);
    must(year < 10000);
    out = number_print(out, year, 4);
    out = number_print(out, month < 10 ? month + 3 : month - 9, 2);
    out = number_print(out, day, 2);
    *out++ = 'T';
    out = number_print(out, seconds / 3600 % 24, 2);
    out = number_print(out, seconds / 60 % 60, 2);
    out = number_print(out, seconds % 60, 2);
    *out++ = 'Z';
    *out = '\0';
}
