/* row.c: see the header. One function a kind of column; arrays, maps and structs come back to append_value. */
#include "delivery/row.h"

#include "base/json_text.h"
#include "base/mem.h"
#include "delivery/civil.h"
#include "delivery/moment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct writer {
    const struct row_rules *rules;
    struct buf *out;
};

/* INVALID_VALUE: the value is not of that kind. */
static enum status append_value(struct writer *w, const struct column *c, const json_t *value);

/* ---- bytes ---- */

static void append_int(struct buf *out, uint64_t n, unsigned bytes)
{
    uint8_t at[8];
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(n >> (8 * i));
    buf_append(out, bytes_of(at, bytes));
}

static void append_i64(struct buf *out, int64_t n)
{
    append_int(out, (uint64_t)n, 8);
}

static void append_text(struct buf *out, struct bytes text)
{
    append_int(out, text.len, 4);
    buf_append(out, text);
}

static struct bytes text_of(const json_t *value)
{
    return bytes_of(json_string_value(value), json_string_length(value));
}

/* ---- numbers ---- */

static bool fits(const struct column *c, int64_t n)
{
    switch (c->kind) {
    case COLUMN_TINYINT:
        return n >= INT8_MIN && n <= INT8_MAX;
    case COLUMN_SMALLINT:
        return n >= INT16_MIN && n <= INT16_MAX;
    case COLUMN_INT:
        return n >= INT32_MIN && n <= INT32_MAX;
    default:
        return true;
    }
}

static bool parse_i64(struct bytes text, int64_t *out)
{
    bool minus = text.len && text.at[0] == '-';
    uint64_t n, most = (uint64_t)INT64_MAX + minus;
    if (!bytes_to_u64(bytes_of(text.at + minus, text.len - minus), &n) || n > most)
        return false;
    *out = minus ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

static enum status append_integer(struct writer *w, const struct column *c, const json_t *value)
{
    int64_t n = 0;
    bool fine = false;
    if (json_is_integer(value)) {
        n = json_integer_value(value);
        fine = true;
    } else if (json_is_real(value)) { /* 3.0, 1e6 */
        double real = json_real_value(value);
        fine = real >= -9007199254740992.0 && real <= 9007199254740992.0 && trunc(real) == real;
        n = fine ? (int64_t)real : 0;
    } else if (json_is_string(value)) {
        fine = parse_i64(text_of(value), &n);
    }
    if (!fine || !fits(c, n))
        return INVALID_VALUE;
    append_i64(w->out, n);
    return OK;
}

static bool parse_real(struct bytes text, double *out)
{
    char copy[64], *end;
    if (text.len == 0 || text.len >= sizeof(copy) || text.at[0] == ' ')
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    *out = strtod(copy, &end);
    return end == copy + text.len && !strpbrk(copy, "xXpP");
}

static enum status append_real(struct writer *w, const struct column *c, const json_t *value)
{
    double n = 0;
    if (json_is_number(value))
        n = json_number_value(value);
    else if (!json_is_string(value) || !parse_real(text_of(value), &n))
        return INVALID_VALUE;
    if (c->kind == COLUMN_FLOAT && isfinite(n) && !isfinite((float)n))
        return INVALID_VALUE;
    uint64_t bits;
    memcpy(&bits, &n, sizeof(bits));
    append_int(w->out, bits, 8);
    return OK;
}

static enum status append_boolean(struct writer *w, const json_t *value)
{
    bool is = json_is_true(value);
    if (json_is_string(value)) {
        is = bytes_equal_ignore_case(text_of(value), BYTES_LITERAL("true"));
        if (!is && !bytes_equal_ignore_case(text_of(value), BYTES_LITERAL("false")))
            return INVALID_VALUE;
    } else if (!json_is_boolean(value)) {
        return INVALID_VALUE;
    }
    buf_append_byte(w->out, is);
    return OK;
}

/* ---- decimals ---- */

/* Digits of a decimal number's text, without its point, and where the point was. */
struct digits {
    bool minus;
    int64_t scale; /* digits behind the point; negative: so many zeros before it */
    __int128 value;
};

enum { DECIMAL_DIGITS_MAX = 38 };

static bool parse_exponent(struct bytes text, int64_t *out)
{
    bool plus = text.len && text.at[0] == '+';
    return parse_i64(bytes_of(text.at + plus, text.len - plus), out) && *out > -1000 && *out < 1000;
}

/* A digit more, or the point. False: neither, or a digit too many. */
static bool take_digit(struct digits *d, uint8_t c, bool *point, int *count)
{
    if (c == '.' && !*point) {
        *point = true;
        return true;
    }
    if (c < '0' || c > '9' || (d->value && ++*count >= DECIMAL_DIGITS_MAX))
        return false;
    d->value = 10 * d->value + (c - '0');
    d->scale += *point;
    return true;
}

static bool parse_digits(struct bytes text, struct digits *out)
{
    size_t i = text.len && (text.at[0] == '-' || text.at[0] == '+');
    bool point = false;
    int count = 0;
    int64_t exponent = 0;
    *out = (struct digits){.minus = i && text.at[0] == '-'};
    size_t begin = i;
    for (; i < text.len && (text.at[i] | 32) != 'e'; i++)
        if (!take_digit(out, text.at[i], &point, &count))
            return false;
    if (i < text.len && !parse_exponent(bytes_of(text.at + i + 1, text.len - i - 1), &exponent))
        return false;
    out->scale -= exponent;
    return i - begin > point; /* a digit at least */
}

/* To the column's scale: rounded half up, as Hive does. False: it does not fit. */
static bool rescale(struct digits *d, const struct column *c)
{
    __int128 most = 1;
    for (uint32_t i = 0; i < c->precision; i++)
        most *= 10;
    for (; d->scale < (int64_t)c->scale && d->value; d->scale++) {
        if (d->value >= most / 10)
            return false;
        d->value *= 10;
    }
    bool up = false;
    for (; d->scale > (int64_t)c->scale && d->value; d->scale--) {
        up = d->value % 10 >= 5;
        d->value /= 10;
    }
    d->value += up && d->scale == (int64_t)c->scale;
    return d->value < most;
}

static enum status append_decimal(struct writer *w, const struct column *c, const json_t *value)
{
    char number[32];
    struct bytes text = text_of(value);
    if (json_is_integer(value))
        text = bytes_of(number, (size_t)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
                                                 json_integer_value(value)));
    else if (json_is_real(value)) /* as many digits as a double holds for certain */
        text = bytes_of(number,
                        (size_t)snprintf(number, sizeof(number), "%.15g", json_real_value(value)));
    struct digits d;
    if (!bytes_present(text) || !parse_digits(text, &d) || !rescale(&d, c))
        return INVALID_VALUE;
    unsigned __int128 bits = (unsigned __int128)(d.minus ? -d.value : d.value);
    append_int(w->out, (uint64_t)bits, 8);
    append_int(w->out, (uint64_t)(bits >> 64), 8);
    return OK;
}

/* ---- texts ---- */

/* So many characters of UTF-8. */
static struct bytes cut_text(struct bytes text, uint32_t characters)
{
    size_t at = 0;
    for (; at < text.len; at++) {
        bool begins = (text.at[at] & 0xc0) != 0x80;
        if (begins && characters-- == 0)
            break;
    }
    return bytes_of(text.at, at);
}

static enum status append_string(struct writer *w, const struct column *c, const json_t *value)
{
    struct buf made;
    buf_init(&made, SIZE_MAX / 2);
    enum status st =
        json_is_string(value) ? OK : json_text_append(value, JSON_COMPACT | JSON_ENCODE_ANY, &made);
    struct bytes text = json_is_string(value) ? text_of(value) : buf_view(&made);
    if (st == OK)
        append_text(w->out, c->length ? cut_text(text, c->length) : text);
    buf_fini(&made);
    return st;
}

/* ---- times ---- */

static bool read_moment(const struct row_rules *r, struct bytes text, int64_t *micros)
{
    for (uint32_t i = 0; i < r->format_count; i++)
        if (moment_by_pattern(text, r->formats[i], micros))
            return true;
    return moment_standard(text, micros);
}

/* From about 1973 in milliseconds on, and until about the year 5138 in seconds. */
static int64_t micros_of_number(const json_t *value)
{
    static const double milliseconds_from = 1e11;
    double n = json_number_value(value);
    return (int64_t)(fabs(n) < milliseconds_from ? n * 1e6 : n * 1e3);
}

static bool is_millis(const struct row_rules *r)
{
    for (uint32_t i = 0; i < r->format_count; i++)
        if (bytes_equal(r->formats[i], BYTES_LITERAL("millis")))
            return true;
    return false;
}

static enum status append_timestamp(struct writer *w, const json_t *value)
{
    int64_t micros = 0, n;
    const struct row_rules *r = w->rules;
    if (json_is_string(value)) {
        struct bytes text = text_of(value);
        bool number = !r->hive && parse_i64(text, &n) && llabs(n) < INT64_MAX / 1000000;
        if (number)
            micros = llabs(n) < 100000000000 ? n * 1000000 : n * 1000;
        else if (!read_moment(r, text, &micros))
            return INVALID_VALUE;
    } else if (json_is_number(value) && fabs(json_number_value(value)) < 1e15) {
        if (r->hive && (!is_millis(r) || !json_is_integer(value)))
            return INVALID_VALUE;
        micros = r->hive ? json_integer_value(value) * 1000 : micros_of_number(value);
    } else {
        return INVALID_VALUE;
    }
    append_i64(w->out, micros);
    return OK;
}

static enum status append_date(struct writer *w, const json_t *value)
{
    int64_t micros;
    if (!json_is_string(value) || !read_moment(w->rules, text_of(value), &micros))
        return INVALID_VALUE;
    append_i64(w->out, floor_div(micros, 86400 * INT64_C(1000000)));
    return OK;
}

/* ---- what holds others ---- */

static enum status append_array(struct writer *w, const struct column *c, const json_t *value)
{
    if (!json_is_array(value))
        return INVALID_VALUE;
    size_t count = json_array_size(value);
    append_int(w->out, count, 4);
    enum status st = OK;
    for (size_t i = 0; i < count && st == OK; i++)
        st = append_value(w, &c->children[0], json_array_get(value, i));
    return st;
}

static enum status append_pair(struct writer *w, const struct column *c, const char *key,
                               const json_t *value)
{
    json_t *name = json_string(key);
    if (!name)
        return NO_MEMORY;
    enum status st = append_value(w, &c->children[0], name);
    json_decref(name);
    return st == OK ? append_value(w, &c->children[1], value) : st;
}

static enum status append_map(struct writer *w, const struct column *c, const json_t *value)
{
    if (!json_is_object(value))
        return INVALID_VALUE;
    append_int(w->out, json_object_size(value), 4);
    enum status st = OK;
    const char *key;
    json_t *of_key;
    json_object_foreach((json_t *)(uintptr_t)value, key, of_key)
    {
        if (st == OK)
            st = append_pair(w, c, key, of_key);
    }
    return st;
}

static bool is_member(const struct row_rules *r, const char *member, struct bytes key)
{
    size_t i = 0;
    for (; member[i] && i < key.len; i++) {
        uint8_t a = (uint8_t)member[i], b = key.at[i];
        if (a == '.' && r->dots_are_underscores)
            a = '_';
        if (!r->case_sensitive) {
            a = a >= 'A' && a <= 'Z' ? a | 32 : a;
            b = b >= 'A' && b <= 'Z' ? b | 32 : b;
        }
        if (a != b)
            return false;
    }
    return i == key.len && member[i] == '\0';
}

/* Mostly the name as it stands; else each member is compared. */
static const json_t *member_of(const struct row_rules *r, const json_t *object, struct bytes key)
{
    const json_t *value = json_object_getn(object, (const char *)key.at, key.len);
    if (value || (r->case_sensitive && !r->dots_are_underscores))
        return value;
    const char *name;
    json_t *of_name;
    json_object_foreach((json_t *)(uintptr_t)object, name, of_name)
    {
        if (is_member(r, name, key))
            return of_name;
    }
    return NULL;
}

static enum status append_struct(struct writer *w, const struct column *c, const json_t *value)
{
    if (!json_is_object(value))
        return INVALID_VALUE;
    enum status st = OK;
    for (uint32_t i = 0; i < c->count && st == OK; i++)
        st = append_value(w, &c->children[i],
                          member_of(w->rules, value, bytes_text(c->children[i].name)));
    return st;
}

/* ---- values ---- */

static enum status append_present(struct writer *w, const struct column *c, const json_t *value)
{
    switch (c->kind) {
    case COLUMN_BOOLEAN:
        return append_boolean(w, value);
    case COLUMN_FLOAT:
    case COLUMN_DOUBLE:
        return append_real(w, c, value);
    case COLUMN_STRING:
    case COLUMN_CHAR:
    case COLUMN_VARCHAR:
    case COLUMN_BINARY:
        return append_string(w, c, value);
    case COLUMN_DATE:
        return append_date(w, value);
    case COLUMN_TIMESTAMP:
        return append_timestamp(w, value);
    case COLUMN_DECIMAL:
        return append_decimal(w, c, value);
    case COLUMN_ARRAY:
        return append_array(w, c, value);
    case COLUMN_MAP:
        return append_map(w, c, value);
    case COLUMN_STRUCT:
        return append_struct(w, c, value);
    default:
        return append_integer(w, c, value);
    }
}

static enum status append_value(struct writer *w, const struct column *c, const json_t *value)
{
    bool is = value && !json_is_null(value);
    buf_append_byte(w->out, is);
    return is ? append_present(w, c, value) : OK;
}

enum status row_append(const struct row_rules *r, const json_t *object, struct buf *out,
                       struct fault *f)
{
    struct writer w = {r, out};
    size_t begin = out->len;
    append_int(out, 0, 4);
    for (uint32_t i = 0; i < r->columns.count && out->status == OK; i++) {
        const struct column *c = &r->columns.at[i];
        enum status st = append_value(&w, c, member_of(r, object, r->keys[i]));
        if (st == OK)
            continue;
        if (out->status == OK)
            out->len = begin;
        return fault_set(f, st, "The value of column %s is not of its type.", c->name);
    }
    if (out->status != OK)
        return out->status;
    uint64_t len = out->len - begin - 4;
    for (unsigned i = 0; i < 4; i++)
        out->at[begin + i] = (uint8_t)(len >> (8 * i));
    return OK;
}
