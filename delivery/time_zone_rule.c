/* time_zone_rule.c: POSIX TZ strings, as RFC 8536 has them at the end of a zone's file. Pure.
 *
 *   std offset [dst [offset] , date [/time] , date [/time]]        offsets count west of UTC; date: Mm.w.d, Jn or n */
#include "delivery/civil.h"
#include "delivery/time_zone_internal.h"

enum { HOUR_S = 3600, DAY_S = 86400, TIME_HOURS_MAX = 167 };

static bool take(struct bytes *b, uint8_t c)
{
    if (b->len == 0 || b->at[0] != c)
        return false;
    *b = bytes_of(b->at + 1, b->len - 1);
    return true;
}

static bool take_number(struct bytes *b, int32_t least, int32_t most, int32_t *out)
{
    int32_t value = 0;
    size_t digits = 0;
    while (digits < b->len && digits < 4 && b->at[digits] >= '0' && b->at[digits] <= '9')
        value = value * 10 + (b->at[digits++] - '0');
    *b = bytes_of(b->at + digits, b->len - digits);
    *out = value;
    return digits > 0 && value >= least && value <= most;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool take_time(struct bytes *b, int32_t *out)
{
    int32_t hours = 0, minutes = 0, seconds = 0;
    bool minus = take(b, '-');
    if (!minus)
        (void)take(b, '+');
    if (!take_number(b, 0, TIME_HOURS_MAX, &hours))
        return false;
    if (take(b, ':') && !take_number(b, 0, 59, &minutes))
        return false;
    if (take(b, ':') && !take_number(b, 0, 59, &seconds))
        return false;
    int32_t all = hours * HOUR_S + minutes * 60 + seconds;
    *out = minus ? -all : all;
    return true;
}

static bool is_name_byte(uint8_t c, bool quoted)
{
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return letter || (quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'));
}

static bool take_name(struct bytes *b, char out[TIME_ZONE_ABBREVIATION_BYTES])
{
    bool quoted = take(b, '<');
    size_t len = 0;
    while (len < b->len && is_name_byte(b->at[len], quoted))
        len++;
    if (len < 1 || len >= TIME_ZONE_ABBREVIATION_BYTES)
        return false;
    memcpy(out, b->at, len);
    out[len] = '\0';
    *b = bytes_of(b->at + len, b->len - len);
    return !quoted || take(b, '>');
}

static bool take_change(struct bytes *b, struct zone_change *c)
{
    bool fine;
    if (take(b, 'M')) {
        c->kind = CHANGE_WEEKDAY;
        fine = take_number(b, 1, 12, &c->month) && take(b, '.') && take_number(b, 1, 5, &c->week) &&
               take(b, '.') && take_number(b, 0, 6, &c->day);
    } else if (take(b, 'J')) {
        c->kind = CHANGE_JULIAN;
        fine = take_number(b, 1, 365, &c->day);
    } else {
        c->kind = CHANGE_DAY;
        fine = take_number(b, 0, 365, &c->day);
    }
    c->time_s = 2 * HOUR_S;
    return fine && (!take(b, '/') || take_time(b, &c->time_s));
}

bool zone_rule_parse(struct bytes text, struct zone_rule *out)
{
    *out = (struct zone_rule){.given = text.len > 0};
    if (text.len == 0)
        return true;
    int32_t west;
    if (!take_name(&text, out->standard.abbreviation) || !take_time(&text, &west))
        return false;
    out->standard.offset_s = -west;
    if (text.len == 0)
        return true;
    out->has_summer = true;
    out->summer.offset_s = out->standard.offset_s + HOUR_S;
    if (!take_name(&text, out->summer.abbreviation))
        return false;
    if (text.len && text.at[0] != ',') {
        if (!take_time(&text, &west))
            return false;
        out->summer.offset_s = -west;
    }
    return take(&text, ',') && take_change(&text, &out->to_summer) && take(&text, ',') &&
           take_change(&text, &out->to_standard) && text.len == 0;
}

/* Local seconds since 1970 at which the change comes in that year. */
static int64_t change_in(const struct zone_change *c, int64_t year)
{
    int64_t days = civil_to_days(year, 1, 1);
    if (c->kind == CHANGE_DAY) {
        days += c->day;
    } else if (c->kind == CHANGE_JULIAN) {
        days += c->day - 1 + (civil_is_leap(year) && c->day >= 60);
    } else {
        days = civil_to_days(year, c->month, 1);
        days += (c->day - civil_weekday(days) + 7) % 7 + 7 * (c->week - 1);
        int64_t next =
            c->month == 12 ? civil_to_days(year + 1, 1, 1) : civil_to_days(year, c->month + 1, 1);
        if (days >= next) /* week 5 is the last */
            days -= 7;
    }
    return days * DAY_S + c->time_s;
}

void zone_rule_at(const struct zone_rule *r, int64_t unix_s, struct time_zone_moment *out)
{
    *out = r->standard;
    if (!r->has_summer)
        return;
    int64_t local = unix_s + r->standard.offset_s;
    int64_t year = civil_of_days(floor_div(local, DAY_S)).year;
    int64_t begin = change_in(&r->to_summer, year) - r->standard.offset_s;
    int64_t end = change_in(&r->to_standard, year) - r->summer.offset_s;
    bool summer = begin < end ? unix_s >= begin && unix_s < end : unix_s >= begin || unix_s < end;
    if (summer)
        *out = r->summer;
}
