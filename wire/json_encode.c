/* json_encode.c: a shape's struct as JSON.
 *
 * Idea: an answer is some names and, nearly all of it, record data. Names come ready from the
 * table; data is encoded straight into the buffer; a string is copied run by run, where a run is
 * whatever needs no escape, found sixteen bytes at a time. Every piece reserves the most it can
 * take, so that nothing is checked byte by byte.
 *
 * I1. What comes out is JSON in UTF-8 whatever lies in the struct: bad bytes become U+FFFD, numbers
 * that JSON has no word for become null.
 *
 * Leaves to others: failures, which latch in the buf. Thread: any. */
#include "base/utf8.h"
#include "wire/base64.h"
#include "wire/json.h"
#include "wire/json_internal.h"

#include <math.h>

/* Six bytes for one: \u0000. */
enum { ESCAPE_BYTES = 6, INTEGER_BYTES = 20, TIMESTAMP_BYTES = INTEGER_BYTES + 4 };

/* ---- strings ---- */

/* What follows the backslash, or 0 when it takes \u00xx. */
static uint8_t escape_letter(uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void append_escape(struct buf *out, uint8_t c)
{
    static const char hex[16] = "0123456789abcdef";
    uint8_t *to = buf_reserve(out, ESCAPE_BYTES);
    if (to == NULL)
        return;
    uint8_t letter = escape_letter(c);
    to[0] = '\\';
    to[1] = letter != 0 ? letter : 'u';
    if (letter == 0) {
        to[2] = to[3] = '0';
        to[4] = (uint8_t)hex[c >> 4];
        to[5] = (uint8_t)hex[c & 15];
    }
    buf_add(out, letter != 0 ? 2 : ESCAPE_BYTES);
}

void json_append_string(struct buf *out, struct bytes text)
{
    size_t done = 0;
    buf_append_byte(out, '"');
    while (done < text.len) {
        const uint8_t *at = text.at + done, *end = text.at + text.len;
        bool beyond_ascii = false;
        const uint8_t *stop = json_scan(at, end, &beyond_ascii);
        struct bytes run = bytes_of(at, (size_t)(stop - at));
        if (beyond_ascii)
            utf8_append(out, run);
        else
            buf_append(out, run);
        if (stop < end)
            append_escape(out, *stop++);
        done = (size_t)(stop - text.at);
    }
    buf_append_byte(out, '"');
}

/* ---- other scalars ---- */

static void append_blob(struct buf *out, struct bytes data)
{
    size_t len = base64_encoded_len(data.len);
    uint8_t *to = buf_reserve(out, len + 2);
    if (to == NULL)
        return;
    to[0] = '"';
    base64_encode(data, to + 1);
    to[len + 1] = '"';
    buf_add(out, len + 2);
}

/* Returns where it ends. */
static uint8_t *print_decimal(uint8_t *to, uint64_t value)
{
    uint8_t backwards[INTEGER_BYTES];
    size_t count = 0;
    do {
        backwards[count++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0)
        *to++ = backwards[--count];
    return to;
}

static uint64_t size_of(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static void append_integer(struct buf *out, int64_t value)
{
    uint8_t *to = buf_reserve(out, INTEGER_BYTES), *from = to;
    if (to == NULL)
        return;
    if (value < 0)
        *to++ = '-';
    to = print_decimal(to, size_of(value));
    buf_add(out, (size_t)(to - from));
}

static void append_timestamp(struct buf *out, int64_t ms)
{
    uint8_t *to = buf_reserve(out, TIMESTAMP_BYTES), *from = to;
    if (to == NULL)
        return;
    uint64_t size = size_of(ms);
    unsigned rest = (unsigned)(size % 1000);
    if (ms < 0)
        *to++ = '-';
    to = print_decimal(to, size / 1000);
    if (rest != 0)
        *to++ = '.';
    for (unsigned place = 100; rest != 0; place /= 10) {
        *to++ = (uint8_t)('0' + rest / place);
        rest %= place;
    }
    buf_add(out, (size_t)(to - from));
}

static void append_double(struct buf *out, double value)
{
    if (isfinite(value))
        buf_printf(out, "%.17g", value);
    else
        buf_append_text(out, "null");
}

/* ---- containers ---- */

static void append_value(struct buf *out, const struct shape *s, const void *at, bool in_list);

/* A string or blob that is absent, within a list or map, has no other word. */
static void append_text(struct buf *out, const struct shape *s, struct bytes text)
{
    if (!bytes_present(text))
        buf_append_text(out, "null");
    else if (s->kind == SHAPE_BLOB)
        append_blob(out, text);
    else
        json_append_string(out, text);
}

static void append_list(struct buf *out, const struct shape *s, const struct shape_list *list)
{
    const uint8_t *element = list->at;
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < list->count; i++, element += s->element->size) {
        if (i > 0)
            buf_append_byte(out, ',');
        append_value(out, s->element, element, true);
    }
    buf_append_byte(out, ']');
}

static void append_map(struct buf *out, const struct shape *s, const struct shape_list *map)
{
    const struct shape_pair *pairs = map->at;
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < map->count; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        json_append_string(out, pairs[i].key);
        buf_append_byte(out, ':');
        append_text(out, s->map_value, pairs[i].value);
    }
    buf_append_byte(out, '}');
}

static void append_structure(struct buf *out, const struct shape *s, const uint8_t *base)
{
    bool first = true;
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < s->field_count; i++) {
        const struct shape_field *f = &s->fields[i];
        if (!shape_is_present(f->shape, base + f->offset))
            continue;
        uint8_t *to = buf_reserve(out, f->name_len + 4u);
        if (to == NULL)
            return;
        uint8_t *from = to;
        if (!first)
            *to++ = ',';
        first = false;
        *to++ = '"';
        memcpy(to, f->name, f->name_len);
        to += f->name_len;
        *to++ = '"';
        *to++ = ':';
        buf_add(out, (size_t)(to - from));
        append_value(out, f->shape, base + f->offset, false);
    }
    buf_append_byte(out, '}');
}

static void append_value(struct buf *out, const struct shape *s, const void *at, bool in_list)
{
    switch (s->kind) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
        append_text(out, s, *(const struct bytes *)at);
        break;
    case SHAPE_INTEGER:
    case SHAPE_LONG:
        append_integer(out, ((const struct opt_int *)at)->value);
        break;
    case SHAPE_BOOLEAN:
        buf_append_text(out, ((const struct opt_int *)at)->value != 0 ? "true" : "false");
        break;
    case SHAPE_TIMESTAMP:
        append_timestamp(out, ((const struct opt_int *)at)->value);
        break;
    case SHAPE_DOUBLE:
        append_double(out, ((const struct opt_double *)at)->value);
        break;
    case SHAPE_STRUCTURE:
        append_structure(out, s, in_list ? at : *(const uint8_t *const *)at);
        break;
    case SHAPE_LIST:
        append_list(out, s, at);
        break;
    case SHAPE_MAP:
        append_map(out, s, at);
        break;
    }
}

void json_encode(const struct shape *s, const void *in, struct buf *out)
{
    append_structure(out, s, in);
}
