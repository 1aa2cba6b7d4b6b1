/* moment.c: see the header. Both ways end in `fields`, which become_micros holds against the calendar. */
#include "delivery/moment.h"

#include "delivery/civil.h"

struct fields {
    int64_t year, month, day, hour, minute, second, nanos, zone_minutes;
    int64_t half; /* 0: none; 1: AM; 2: PM: hour is then 1 to 12, or 0 to 11 */
};

static const struct fields epoch = {.year = 1970, .month = 1, .day = 1};

struct text {
    const uint8_t *at, *end;
};

static bool at_end(const struct text *t)
{
    return t->at == t->end;
}

static bool is_digit(const struct text *t)
{
    return !at_end(t) && *t->at >= '0' && *t->at <= '9';
}

static bool take(struct text *t, char c)
{
    if (at_end(t) || *t->at != (uint8_t)c)
        return false;
    t->at++;
    return true;
}

static bool take_digits(struct text *t, int least, int most, int64_t *out)
{
    int count = 0;
    *out = 0;
    while (count < most && is_digit(t)) {
        *out = 10 * *out + (*t->at++ - '0');
        count++;
    }
    return count >= least;
}

/* Digits behind a point, as nanoseconds; those after the ninth are dropped. */
static bool take_fraction(struct text *t, int most, int64_t *nanos)
{
    int64_t scale = 100000000;
    int count = 0;
    *nanos = 0;
    for (; count < most && is_digit(t); count++, scale /= 10)
        *nanos += scale * (*t->at++ - '0');
    return count > 0;
}

static int days_in(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && civil_is_leap(year));
}

static bool become_micros(struct fields *f, int64_t *micros)
{
    if (f->half && f->hour > 12)
        return false;
    if (f->half)
        f->hour = f->hour % 12 + (f->half == 2 ? 12 : 0);
    if (f->month < 1 || f->month > 12 || f->day < 1 || f->day > days_in(f->year, f->month))
        return false;
    if (f->hour > 23 || f->minute > 59 || f->second > 59)
        return false;
    int64_t days = civil_to_days(f->year, (int32_t)f->month, (int32_t)f->day);
    int64_t seconds =
        86400 * days + 3600 * f->hour + 60 * (f->minute - f->zone_minutes) + f->second;
    *micros = 1000000 * seconds + f->nanos / 1000;
    return true;
}

/* "Z", "+02:00", "-0230", "+02" */
static bool take_zone(struct text *t, int64_t *minutes)
{
    *minutes = 0;
    if (take(t, 'Z') || take(t, 'z'))
        return true;
    bool minus = take(t, '-');
    int64_t hours, rest = 0;
    if ((!minus && !take(t, '+')) || !take_digits(t, 2, 2, &hours))
        return false;
    bool colon = take(t, ':');
    if ((colon || is_digit(t)) && !take_digits(t, 2, 2, &rest))
        return false;
    *minutes = (minus ? -1 : 1) * (60 * hours + rest);
    return hours < 24 && rest < 60;
}

/* ---- the standard forms ---- */

static bool take_date(struct text *t, struct fields *f)
{
    return take_digits(t, 4, 4, &f->year) && take(t, '-') && take_digits(t, 1, 2, &f->month) &&
           take(t, '-') && take_digits(t, 1, 2, &f->day);
}

static bool take_clock(struct text *t, struct fields *f)
{
    if (!take_digits(t, 1, 2, &f->hour) || !take(t, ':') || !take_digits(t, 2, 2, &f->minute))
        return false;
    if (!take(t, ':'))
        return true;
    if (!take_digits(t, 2, 2, &f->second))
        return false;
    return !take(t, '.') || take_fraction(t, 18, &f->nanos);
}

bool moment_standard(struct bytes text, int64_t *micros)
{
    struct text t = {text.at, text.at + text.len};
    struct fields f = epoch;
    if (!take_date(&t, &f))
        return false;
    if (!at_end(&t) && ((!take(&t, ' ') && !take(&t, 'T')) || !take_clock(&t, &f)))
        return false;
    if (!at_end(&t) && !take_zone(&t, &f.zone_minutes))
        return false;
    return at_end(&t) && become_micros(&f, micros);
}

/* ---- patterns ---- */

/* A run of one letter, a quoted text, or one character that stands for itself. */
struct piece {
    uint8_t letter; /* 0: literal */
    int count;
    struct bytes literal;
};

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* False: a quote without its end. */
static bool next_piece(struct text *p, struct piece *out)
{
    *out = (struct piece){.count = 1, .literal = bytes_of(p->at, 1)};
    uint8_t c = *p->at++;
    if (is_letter(c)) {
        out->letter = c;
        for (; !at_end(p) && *p->at == c; p->at++)
            out->count++;
        return true;
    }
    if (c != '\'' || take(p, '\'')) /* '' is a quote */
        return true;
    const uint8_t *begin = p->at;
    while (!at_end(p) && *p->at != '\'')
        p->at++;
    out->literal = bytes_of(begin, (size_t)(p->at - begin));
    if (!take(p, '\''))
        return false;
    if (!at_end(p) && *p->at == '\'') /* two are one of the text, which goes on behind the second */
        out->literal.len++;
    return true;
}

static bool take_literal(struct text *t, struct bytes literal)
{
    if ((size_t)(t->end - t->at) < literal.len || memcmp(t->at, literal.at, literal.len) != 0)
        return false;
    t->at += literal.len;
    return true;
}

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

/* A whole name, or its first three letters; from 1. 0: none of them. */
static int64_t take_name(struct text *t, const char *const *names, int count)
{
    for (int whole = 1; whole >= 0; whole--)
        for (int i = 0; i < count; i++) {
            struct bytes name = bytes_of(names[i], whole ? strlen(names[i]) : 3);
            if ((size_t)(t->end - t->at) >= name.len &&
                bytes_equal_ignore_case(bytes_of(t->at, name.len), name)) {
                t->at += name.len;
                return i + 1;
            }
        }
    return 0;
}

static bool take_half(struct text *t, int64_t *half)
{
    if (t->end - t->at < 2 || (t->at[1] | 32) != 'm')
        return false;
    uint8_t first = t->at[0] | 32;
    *half = first == 'a' ? 1 : 2;
    t->at += 2;
    return first == 'a' || first == 'p';
}

static bool take_year(struct text *t, int count, int64_t *year)
{
    bool two = count == 2;
    if (!take_digits(t, two ? 2 : 1, two ? 2 : count > 4 ? count : 4, year))
        return false;
    if (two) /* Joda's pivot moves with the clock; this one is fixed, so that the same text is always the same time */
        *year += *year < 70 ? 2000 : 1900;
    return true;
}

static bool take_number(struct text *t, const struct piece *p, struct fields *f)
{
    int most = p->count > 2 ? p->count : 2;
    switch (p->letter) {
    case 'M':
        return take_digits(t, 1, most, &f->month);
    case 'd':
        return take_digits(t, 1, most, &f->day);
    case 'H':
    case 'h':
    case 'K':
        return take_digits(t, 1, most, &f->hour);
    case 'k':
        if (!take_digits(t, 1, most, &f->hour))
            return false;
        f->hour %= 24;
        return true;
    case 'm':
        return take_digits(t, 1, most, &f->minute);
    case 's':
        return take_digits(t, 1, most, &f->second);
    case 'S':
        return take_fraction(t, p->count, &f->nanos);
    default:
        return false;
    }
}

static bool take_piece(struct text *t, const struct piece *p, struct fields *f)
{
    switch (p->letter) {
    case 0:
        return take_literal(t, p->literal);
    case 'y':
    case 'Y':
        return take_year(t, p->count, &f->year);
    case 'E':
        return take_name(t, weekdays, 7) > 0;
    case 'a':
        return take_half(t, &f->half);
    case 'Z':
        return take_zone(t, &f->zone_minutes);
    case 'M':
        if (p->count > 2)
            return (f->month = take_name(t, months, 12)) > 0;
        return take_number(t, p, f);
    default:
        return take_number(t, p, f);
    }
}

static bool is_millis(struct bytes pattern)
{
    return bytes_equal(pattern, BYTES_LITERAL("millis"));
}

static bool read_millis(struct text *t, int64_t *micros)
{
    int64_t n;
    bool minus = take(t, '-');
    if (!take_digits(t, 1, 15, &n) || !at_end(t))
        return false;
    *micros = 1000 * (minus ? -n : n);
    return true;
}

bool moment_by_pattern(struct bytes text, struct bytes pattern, int64_t *micros)
{
    struct text t = {text.at, text.at + text.len}, p = {pattern.at, pattern.at + pattern.len};
    struct fields f = epoch;
    struct piece piece;
    if (is_millis(pattern))
        return read_millis(&t, micros);
    while (!at_end(&p))
        if (!next_piece(&p, &piece) || !take_piece(&t, &piece, &f))
            return false;
    return at_end(&t) && become_micros(&f, micros);
}

enum status moment_pattern_check(struct bytes pattern, struct fault *f)
{
    struct text p = {pattern.at, pattern.at + pattern.len};
    struct piece piece;
    if (is_millis(pattern))
        return OK;
    bool fine = pattern.len > 0 && pattern.len <= MOMENT_PATTERN_BYTES_MAX;
    while (fine && !at_end(&p))
        fine = next_piece(&p, &piece) &&
               (!piece.letter || (strchr("yYMdHkhKmsSaEZ", piece.letter) && piece.count <= 9));
    return fine ? OK
                : fault_set(f, INVALID_ARGUMENT,
                            "TimestampFormats: the pattern %.*s cannot be read.",
                            (int)(pattern.len < 128 ? pattern.len : 128), (const char *)pattern.at);
}
