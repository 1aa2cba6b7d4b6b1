/* json_text.c: RFC 8259's grammar, token by token.
 *
 * Idea: the decoder and whatever skips (unknown members, values of a wrong type) must agree to the
 * letter on what JSON is, because AWS parses all of a body before it complains of anything in it.
 * So both use these functions.
 *
 * I1. A string that json_read_string accepts is UTF-8, and its escapes are whole; a surrogate
 * escape has its partner. I2. Nothing is read at or beyond `end`. I3. At most JSON_DEPTH_MAX arrays
 * and objects are open, so recursion ends.
 *
 * Leaves to others: what a value means. Thread: any. */
#include "base/utf8.h"
#include "wire/json.h"
#include "wire/json_internal.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

uint8_t json_peek(struct json_text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\r' || *t->at == '\t'))
        t->at++;
    return t->at < t->end ? *t->at : 0;
}

bool json_read_word(struct json_text *t, struct bytes word)
{
    if (!bytes_starts_with(bytes_of(t->at, (size_t)(t->end - t->at)), word))
        return false;
    t->at += word.len;
    return true;
}

static int hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after \u, or -1. `at` is the backslash. */
static int32_t unit_at(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* How many bytes the escape at `at` takes, or 0. */
static size_t escape_length(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 2)
        return 0;
    if (at[1] != 'u')
        return at[1] != 0 && strchr("\"\\/bfnrt", at[1]) != NULL ? 2 : 0;
    int32_t unit = unit_at(at, end);
    if (unit < 0 || is_low_surrogate(unit))
        return 0;
    if (!is_high_surrogate(unit))
        return 6;
    return is_low_surrogate(unit_at(at + 6, end)) ? 12 : 0;
}

bool json_read_string(struct json_text *t, struct json_string *out)
{
    const uint8_t *begin = t->at + 1, *at = begin;
    bool beyond_ascii = false;
    out->escaped = false;
    for (;;) {
        at = json_scan(at, t->end, &beyond_ascii);
        if (at == t->end || *at < 0x20)
            return false;
        if (*at == '"')
            break;
        size_t length = escape_length(at, t->end);
        if (length == 0)
            return false;
        out->escaped = true;
        at += length;
    }
    out->raw = bytes_of(begin, (size_t)(at - begin));
    t->at = at + 1;
    return !beyond_ascii || utf8_valid(out->raw);
}

static size_t utf8_print(uint32_t point, uint8_t *out)
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (point & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (point & 63));
    return 4;
}

static uint8_t escaped_letter(uint8_t letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

size_t json_unescape(struct bytes raw, uint8_t *out)
{
    const uint8_t *at = raw.at, *end = raw.at + raw.len;
    uint8_t *to = out;
    while (at < end) {
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape == NULL ? end : escape) - at);
        memmove(to, at, plain);
        to += plain;
        at += plain;
        if (escape == NULL)
            break;
        if (at[1] != 'u') {
            *to++ = escaped_letter(at[1]);
            at += 2;
            continue;
        }
        uint32_t point = (uint32_t)unit_at(at, end);
        at += 6;
        if (is_high_surrogate((int32_t)point)) {
            point = 0x10000 + (point - 0xd800) * 0x400 + ((uint32_t)unit_at(at, end) - 0xdc00);
            at += 6;
        }
        to += utf8_print(point, to); /* never longer than its escape, which has been read */
    }
    return (size_t)(to - out);
}

/* Takes digits in, as far as they fit; `scale` is how the exponent changes with each: 0 before the
 * point, -1 after. */
static bool read_digits(struct json_text *t, struct json_number *n, int32_t scale)
{
    const uint64_t full = UINT64_C(1000000000000000000); /* 10^18: 19 digits are in */
    const uint8_t *begin = t->at;
    for (; t->at < t->end && is_digit(*t->at); t->at++) {
        if (n->digits < full) {
            n->digits = n->digits * 10 + (uint64_t)(*t->at - '0');
            n->exponent += scale;
        } else {
            n->exponent += scale + 1;
        }
        if (n->exponent < -JSON_EXPONENT_MAX / 2 || n->exponent > JSON_EXPONENT_MAX / 2)
            n->exponent = n->exponent < 0 ? -JSON_EXPONENT_MAX / 2 : JSON_EXPONENT_MAX / 2;
    }
    return t->at > begin;
}

static bool read_exponent(struct json_text *t, struct json_number *n)
{
    bool negative = t->at < t->end && *t->at == '-';
    if (t->at < t->end && (*t->at == '-' || *t->at == '+'))
        t->at++;
    const uint8_t *begin = t->at;
    int32_t exponent = 0;
    for (; t->at < t->end && is_digit(*t->at); t->at++) {
        if (exponent < JSON_EXPONENT_MAX / 20)
            exponent = exponent * 10 + (*t->at - '0');
    }
    n->exponent += negative ? -exponent : exponent;
    return t->at > begin;
}

bool json_read_number(struct json_text *t, struct json_number *out)
{
    *out = (struct json_number){.negative = *t->at == '-'};
    if (out->negative)
        t->at++;
    bool zero = t->at < t->end && *t->at == '0';
    if (zero)
        t->at++;
    else if (!read_digits(t, out, 0))
        return false;
    if (t->at < t->end && *t->at == '.') {
        t->at++;
        if (!read_digits(t, out, -1))
            return false;
    }
    if (t->at < t->end && (*t->at | 0x20) == 'e') {
        t->at++;
        return read_exponent(t, out);
    }
    return true;
}

void json_open(struct json_text *t, struct json_walk *w)
{
    *w = (struct json_walk){.close = *t->at == '{' ? '}' : ']', .first = true};
    t->at++;
    w->broken = ++t->depth > JSON_DEPTH_MAX; /* I3 */
}

bool json_more(struct json_text *t, struct json_walk *w)
{
    if (w->broken)
        return false;
    uint8_t c = json_peek(t);
    bool first = w->first;
    w->first = false;
    if (c == w->close) {
        t->at++;
        t->depth--;
        return false;
    }
    if (first)
        return true;
    if (c != ',') {
        w->broken = true;
        return false;
    }
    t->at++;
    return true;
}

bool json_read_name(struct json_text *t, struct json_string *name)
{
    if (json_peek(t) != '"' || !json_read_string(t, name) || json_peek(t) != ':')
        return false;
    t->at++;
    return true;
}

static bool skip_array(struct json_text *t)
{
    struct json_walk walk;
    json_open(t, &walk);
    while (json_more(t, &walk)) {
        if (!json_skip(t))
            return false;
    }
    return !walk.broken;
}

static bool skip_object(struct json_text *t)
{
    struct json_walk walk;
    struct json_string name;
    json_open(t, &walk);
    while (json_more(t, &walk)) {
        if (!json_read_name(t, &name) || !json_skip(t))
            return false;
    }
    return !walk.broken;
}

bool json_skip(struct json_text *t)
{
    struct json_string string;
    struct json_number number;
    uint8_t c = json_peek(t);
    switch (c) {
    case '{':
        return skip_object(t);
    case '[':
        return skip_array(t);
    case '"':
        return json_read_string(t, &string);
    case 't':
        return json_read_word(t, BYTES_LITERAL("true"));
    case 'f':
        return json_read_word(t, BYTES_LITERAL("false"));
    case 'n':
        return json_read_word(t, BYTES_LITERAL("null"));
    default:
        return (c == '-' || is_digit(c)) && json_read_number(t, &number);
    }
}

bool json_is_object(struct bytes body)
{
    if (body.len == 0)
        return false;
    struct json_text t = {.at = body.at, .end = body.at + body.len};
    return json_peek(&t) == '{' && skip_object(&t) && json_peek(&t) == 0 && t.at == t.end;
}
