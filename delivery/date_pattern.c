/* date_pattern.c: a table of letters; each prints one field, as wide as it is repeated.
 *
 * Weeks are those of the United States, where Firehose's patterns come from: they begin on Sunday, and the week of 1 January is the first. */
#include "delivery/date_pattern.h"

#include "delivery/civil.h"

#include <stdio.h>

struct moment {
    uint64_t unix_ms;
    struct civil date;
    int64_t days; /* local */
    int32_t hour, minute, second, millis;
    int32_t day_of_year, weekday; /* weekday: 0 is Sunday */
    struct time_zone_moment zone;
    const char *zone_name;
};

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const char *const quarters[] = {"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"};

static void number(struct buf *out, int64_t value, unsigned width)
{
    buf_printf(out, "%0*lld", (int)width, (long long)value);
}

/* Three letters, the whole, or one. */
static void word(struct buf *out, const char *text, unsigned count)
{
    size_t len = count == 4 ? strlen(text) : count == 5 ? 1 : 3;
    buf_append(out, bytes_of(text, len));
}

static void print_era(struct buf *out, const struct moment *m, unsigned count)
{
    (void)m;
    buf_append_text(out, count == 4 ? "Anno Domini" : count == 5 ? "A" : "AD");
}
static void year_of(struct buf *out, int64_t year, unsigned count)
{
    number(out, count == 2 ? year % 100 : year, count);
}
static void print_year(struct buf *out, const struct moment *m, unsigned count)
{
    year_of(out, m->date.year, count);
}
static void print_day_of_year(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, m->day_of_year, count);
}
static void print_month(struct buf *out, const struct moment *m, unsigned count)
{
    if (count < 3)
        number(out, m->date.month, count);
    else
        word(out, months[m->date.month - 1], count);
}
static void print_day(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, m->date.day, count);
}
static void print_quarter(struct buf *out, const struct moment *m, unsigned count)
{
    int32_t quarter = (m->date.month - 1) / 3;
    if (count == 3)
        buf_printf(out, "Q%d", quarter + 1);
    else if (count == 4)
        buf_append_text(out, quarters[quarter]);
    else
        number(out, quarter + 1, count == 2 ? 2 : 1);
}

/* The week of a day that is so many days after the first one of its year or month. */
static int32_t week_of(int32_t days_after, int32_t weekday)
{
    int32_t first_weekday = ((weekday - days_after) % 7 + 7) % 7;
    return (days_after + first_weekday) / 7 + 1;
}
/* In the last week of December the next year's first may have begun. */
static bool is_next_years_week(const struct moment *m)
{
    int32_t left = (civil_is_leap(m->date.year) ? 366 : 365) - m->day_of_year;
    return left < 6 - m->weekday;
}
static void print_week_year(struct buf *out, const struct moment *m, unsigned count)
{
    year_of(out, m->date.year + is_next_years_week(m), count);
}
static void print_week(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, is_next_years_week(m) ? 1 : week_of(m->day_of_year - 1, m->weekday), count);
}
static void print_week_of_month(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, week_of(m->date.day - 1, m->weekday), count);
}
static void print_weekday(struct buf *out, const struct moment *m, unsigned count)
{
    word(out, weekdays[m->weekday], count);
}
static void print_weekday_number(struct buf *out, const struct moment *m, unsigned count)
{
    if (count < 3)
        number(out, m->weekday + 1, count);
    else
        print_weekday(out, m, count);
}
static void print_weekday_in_month(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, (m->date.day - 1) % 7 + 1, count);
}
static void print_half(struct buf *out, const struct moment *m, unsigned count)
{
    (void)count;
    buf_append_text(out, m->hour < 12 ? "AM" : "PM");
}
static void print_hour_12(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, (m->hour + 11) % 12 + 1, count);
}
static void print_hour_11(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, m->hour % 12, count);
}
static void print_hour_24(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, m->hour == 0 ? 24 : m->hour, count);
}
static void print_hour(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, m->hour, count);
}
static void print_minute(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, m->minute, count);
}
static void print_second(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, m->second, count);
}
static void print_fraction(struct buf *out, const struct moment *m, unsigned count)
{
    char digits[16];
    snprintf(digits, sizeof(digits), "%03d000000", m->millis);
    buf_append(out, bytes_of(digits, count));
}
static int64_t millis_of_day(const struct moment *m)
{
    return ((m->hour * 60 + m->minute) * 60 + m->second) * 1000ll + m->millis;
}
static void print_millis_of_day(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, millis_of_day(m), count);
}
static void print_nanos(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, m->millis * 1000000ll, count);
}
static void print_nanos_of_day(struct buf *out, const struct moment *m, unsigned count)
{
    number(out, millis_of_day(m) * 1000000ll, count);
}
static void print_zone_id(struct buf *out, const struct moment *m, unsigned count)
{
    (void)count;
    buf_append_text(out, m->zone_name);
}
static void print_zone(struct buf *out, const struct moment *m, unsigned count)
{
    (void)count;
    buf_append_text(out, m->zone.abbreviation);
}

/* An offset's hours, then minutes and seconds as far as they are wanted: always, or when there are any. */
enum offset_part { PART_NEVER, PART_IF_ANY, PART_ALWAYS };
static void print_hms(struct buf *out, int32_t offset_s, const char *between,
                      enum offset_part minutes, enum offset_part seconds)
{
    int32_t all = offset_s < 0 ? -offset_s : offset_s;
    int32_t m = all / 60 % 60, s = all % 60;
    buf_printf(out, "%c%02d", offset_s < 0 ? '-' : '+', all / 3600);
    if (minutes == PART_ALWAYS || (minutes == PART_IF_ANY && m))
        buf_printf(out, "%s%02d", between, m);
    if (seconds == PART_IF_ANY && s)
        buf_printf(out, "%s%02d", between, s);
}
static void print_offset_iso(struct buf *out, const struct moment *m, unsigned count)
{
    print_hms(out, m->zone.offset_s, count == 3 || count == 5 ? ":" : "",
              count == 1 ? PART_IF_ANY : PART_ALWAYS, count > 3 ? PART_IF_ANY : PART_NEVER);
}
static void print_offset_z(struct buf *out, const struct moment *m, unsigned count)
{
    if (m->zone.offset_s == 0)
        buf_append_byte(out, 'Z');
    else
        print_offset_iso(out, m, count);
}
/* GMT+8, GMT+08:00 */
static void print_localized(struct buf *out, const struct moment *m, unsigned count)
{
    buf_append_text(out, "GMT");
    int32_t s = m->zone.offset_s, all = s < 0 ? -s : s;
    if (s == 0)
        return;
    if (count == 4) {
        print_hms(out, s, ":", PART_ALWAYS, PART_IF_ANY);
        return;
    }
    buf_printf(out, "%c%d", s < 0 ? '-' : '+', all / 3600);
    if (all % 3600)
        buf_printf(out, ":%02d", all / 60 % 60);
    if (all % 60)
        buf_printf(out, ":%02d", all % 60);
}
static void print_offset(struct buf *out, const struct moment *m, unsigned count)
{
    if (count == 4)
        print_localized(out, m, count);
    else if (count == 5)
        print_offset_z(out, m, count);
    else
        print_hms(out, m->zone.offset_s, "", PART_ALWAYS, PART_NEVER);
}

struct letter {
    char letter;
    uint32_t counts; /* bit n: it may stand n times */
    void (*print)(struct buf *, const struct moment *, unsigned count);
};
#define UP_TO(n) ((1u << ((n) + 1)) - 2)
static const struct letter letters[] = {
    {'G', UP_TO(5), print_era},
    {'u', UP_TO(19), print_year},
    {'y', UP_TO(19), print_year},
    {'D', UP_TO(3), print_day_of_year},
    {'M', UP_TO(5), print_month},
    {'L', UP_TO(5), print_month},
    {'d', UP_TO(2), print_day},
    {'Q', UP_TO(5), print_quarter},
    {'q', UP_TO(5), print_quarter},
    {'Y', UP_TO(19), print_week_year},
    {'w', UP_TO(2), print_week},
    {'W', UP_TO(1), print_week_of_month},
    {'E', UP_TO(5), print_weekday},
    {'e', UP_TO(5), print_weekday_number},
    {'c', UP_TO(5) & ~(1u << 2), print_weekday_number},
    {'F', UP_TO(1), print_weekday_in_month},
    {'a', UP_TO(1), print_half},
    {'h', UP_TO(2), print_hour_12},
    {'K', UP_TO(2), print_hour_11},
    {'k', UP_TO(2), print_hour_24},
    {'H', UP_TO(2), print_hour},
    {'m', UP_TO(2), print_minute},
    {'s', UP_TO(2), print_second},
    {'S', UP_TO(9), print_fraction},
    {'A', UP_TO(19), print_millis_of_day},
    {'n', UP_TO(19), print_nanos},
    {'N', UP_TO(19), print_nanos_of_day},
    {'V', 1u << 2, print_zone_id},
    {'z', UP_TO(3), print_zone},
    {'O', 1u << 1 | 1u << 4, print_localized},
    {'X', UP_TO(5), print_offset_z},
    {'x', UP_TO(5), print_offset_iso},
    {'Z', UP_TO(5), print_offset},
};

static const struct letter *letter_find(uint8_t c)
{
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (letters[i].letter == (char)c)
            return &letters[i];
    return NULL;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The next piece of a pattern: a row of one letter, or text as it stands. */
struct piece {
    uint8_t letter; /* 0: text */
    unsigned count;
    uint8_t text;
    bool nothing; /* a bracket, or a quote that begins or ends */
};

/* Where a walk through a pattern stands. */
struct walk {
    struct bytes rest;
    bool quoted, empty; /* empty: nothing came since the quote */
};

static struct piece piece_next(struct walk *w)
{
    const uint8_t *at = w->rest.at;
    size_t taken = 1, len = w->rest.len;
    struct piece p = {.text = at[0]};
    if (at[0] == '\'' && !w->quoted) {
        w->quoted = w->empty = p.nothing = true;
    } else if (at[0] == '\'' && len > 1 && at[1] == '\'') {
        taken = 2;
        w->empty = false;
    } else if (at[0] == '\'') {
        w->quoted = false;
        p.nothing = !w->empty;
    } else if (w->quoted) {
        w->empty = false;
    } else if (is_letter(at[0])) {
        while (taken < len && at[taken] == at[0])
            taken++;
        p = (struct piece){.letter = at[0], .count = (unsigned)taken};
    } else if (at[0] == '[' || at[0] == ']') {
        p.nothing = true;
    }
    w->rest = bytes_of(at + taken, len - taken);
    return p;
}

static enum status check_letters(const struct piece *p, struct fault *f)
{
    const struct letter *l = letter_find(p->letter);
    if (!l)
        return fault_set(f, INVALID_ARGUMENT, "Unknown pattern letter: %c", p->letter);
    if (p->count > 19 || !(l->counts & 1u << p->count))
        return fault_set(f, INVALID_ARGUMENT, "Too many pattern letters: %c", p->letter);
    return OK;
}

enum status date_pattern_check(struct bytes pattern, struct fault *f)
{
    struct walk w = {.rest = pattern};
    int depth = 0;
    while (w.rest.len) {
        struct piece p = piece_next(&w);
        enum status st = p.letter ? check_letters(&p, f) : OK;
        if (st != OK)
            return st;
        if (p.nothing && p.text != '\'')
            depth += p.text == '[' ? 1 : -1;
        if (depth < 0)
            return fault_set(f, INVALID_ARGUMENT,
                             "Pattern invalid as it contains ] without previous [");
        if (!w.quoted && !p.nothing && p.text && strchr("{}#", p.text))
            return fault_set(f, INVALID_ARGUMENT, "Pattern includes reserved character: '%c'",
                             p.text);
    }
    if (w.quoted)
        return fault_set(f, INVALID_ARGUMENT,
                         "Pattern ends with an incomplete string literal: %.*s",
                         BYTES_ARGS(pattern));
    return OK;
}

static struct moment moment_of(uint64_t unix_ms, const struct time_zone *zone)
{
    struct moment m = {.unix_ms = unix_ms, .zone_name = time_zone_name(zone)};
    time_zone_at(zone, (int64_t)(unix_ms / 1000), &m.zone);
    int64_t local = (int64_t)(unix_ms / 1000) + m.zone.offset_s;
    m.days = floor_div(local, 86400);
    int32_t of_day = (int32_t)(local - m.days * 86400);
    m.date = civil_of_days(m.days);
    m.hour = of_day / 3600;
    m.minute = of_day / 60 % 60;
    m.second = of_day % 60;
    m.millis = (int32_t)(unix_ms % 1000);
    m.day_of_year = (int32_t)(m.days - civil_to_days(m.date.year, 1, 1)) + 1;
    m.weekday = civil_weekday(m.days);
    return m;
}

void date_pattern_print(struct bytes pattern, uint64_t unix_ms, const struct time_zone *zone,
                        struct buf *out)
{
    struct moment m = moment_of(unix_ms, zone);
    struct walk w = {.rest = pattern};
    while (w.rest.len) {
        struct piece p = piece_next(&w);
        const struct letter *l = p.letter ? letter_find(p.letter) : NULL;
        if (l && p.count < 20 && (l->counts & 1u << p.count))
            l->print(out, &m, p.count);
        else if (!p.letter && !p.nothing)
            buf_append_byte(out, p.text);
    }
}
