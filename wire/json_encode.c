/* json_encode.c: a shape's struct to bytes. Absent members are left out; runs of plain text are
 * copied whole. Thread: any. */
#include "wire/json.h"

#include "wire/base64.h"

#include <math.h>

static bool plain(uint8_t c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static bool continuation(const uint8_t *at, const uint8_t *end, size_t count)
{
    if ((size_t)(end - at) <= count)
        return false;
    for (size_t i = 1; i <= count; i++)
        if ((at[i] & 0xc0) != 0x80)
            return false;
    return true;
}

/* Length of the UTF-8 sequence here, or 0. */
static size_t wide_len(const uint8_t *at, const uint8_t *end)
{
    if (*at >= 0xc2 && *at <= 0xdf)
        return continuation(at, end, 1) ? 2 : 0;
    if (*at >= 0xe0 && *at <= 0xef) {
        bool fine = continuation(at, end, 2) && (*at != 0xe0 || at[1] >= 0xa0) &&
                    (*at != 0xed || at[1] < 0xa0);
        return fine ? 3 : 0;
    }
    if (*at >= 0xf0 && *at <= 0xf4) {
        bool fine = continuation(at, end, 3) && (*at != 0xf0 || at[1] >= 0x90) &&
                    (*at != 0xf4 || at[1] < 0x90);
        return fine ? 4 : 0;
    }
    return 0;
}

static size_t append_odd(struct buf *out, const uint8_t *at, const uint8_t *end)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *place = *at ? strchr(from, *at) : NULL;
    if (place) {
        buf_append_byte(out, '\\');
        buf_append_byte(out, (uint8_t)to[place - from]);
        return 1;
    }
    if (*at < 0x80) {
        buf_printf(out, "\\u%04x", *at);
        return 1;
    }
    size_t len = wide_len(at, end);
    buf_append(out, len ? bytes_of(at, len) : BYTES_LITERAL("\xef\xbf\xbd"));
    return len ? len : 1;
}

void json_append_string(struct buf *out, struct bytes text)
{
    const uint8_t *at = text.at, *end = text.at + text.len;
    buf_append_byte(out, '"');
    while (at < end) {
        const uint8_t *run = at;
        while (at < end && plain(*at))
            at++;
        if (at > run)
            buf_append(out, bytes_of(run, (size_t)(at - run)));
        if (at < end)
            at += append_odd(out, at, end);
    }
    buf_append_byte(out, '"');
}

static void append_blob(struct buf *out, struct bytes data)
{
    size_t len = base64_encoded_len(data.len);
    uint8_t *at = buf_reserve(out, len + 2);
    if (!at)
        return;
    at[0] = '"';
    base64_encode(data, at + 1);
    at[len + 1] = '"';
    buf_add(out, len + 2);
}

static void append_int(struct buf *out, int64_t n)
{
    if (n < 0)
        buf_append_byte(out, '-');
    buf_append_u64(out, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

/* Milliseconds as seconds with up to three decimals. */
static void append_timestamp(struct buf *out, int64_t ms)
{
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    uint64_t rest = size % 1000;
    if (ms < 0)
        buf_append_byte(out, '-');
    buf_append_u64(out, size / 1000);
    if (rest == 0)
        return;
    uint8_t decimals[] = {'.', (uint8_t)('0' + rest / 100), (uint8_t)('0' + rest / 10 % 10),
                          (uint8_t)('0' + rest % 10)};
    size_t len = 4;
    while (decimals[len - 1] == '0')
        len--;
    buf_append(out, bytes_of(decimals, len));
}

static void append_structure(struct buf *out, const struct shape *s, const void *in);

/* One value, known to be there. `in` is where it lies as a member, or as an element when `element`.
 */
static void append_value(struct buf *out, const struct shape *s, const void *in, bool element)
{
    const struct shape_list *list = in;
    switch (s->kind) {
    case SHAPE_STRING:
        json_append_string(out, *(const struct bytes *)in);
        break;
    case SHAPE_BLOB:
        append_blob(out, *(const struct bytes *)in);
        break;
    case SHAPE_INTEGER:
    case SHAPE_LONG:
        append_int(out, ((const struct opt_int *)in)->value);
        break;
    case SHAPE_BOOLEAN:
        buf_append_text(out, ((const struct opt_int *)in)->value ? "true" : "false");
        break;
    case SHAPE_TIMESTAMP:
        append_timestamp(out, ((const struct opt_int *)in)->value);
        break;
    case SHAPE_DOUBLE:
        if (isfinite(((const struct opt_double *)in)->value))
            buf_printf(out, "%.17g", ((const struct opt_double *)in)->value);
        else
            buf_append_text(out, "null"); /* JSON has no word for it */
        break;
    case SHAPE_STRUCTURE:
        append_structure(out, s, element ? in : *(const void *const *)in);
        break;
    case SHAPE_LIST:
        buf_append_byte(out, '[');
        for (uint32_t i = 0; i < list->count; i++) {
            if (i)
                buf_append_byte(out, ',');
            append_value(out, s->element, (const uint8_t *)list->at + i * (size_t)s->element->size,
                         true);
        }
        buf_append_byte(out, ']');
        break;
    case SHAPE_MAP:
        buf_append_byte(out, '{');
        for (uint32_t i = 0; i < list->count; i++) {
            const struct shape_pair *pair = (const struct shape_pair *)list->at + i;
            if (i)
                buf_append_byte(out, ',');
            json_append_string(out, pair->key);
            buf_append_byte(out, ':');
            json_append_string(out, pair->value);
        }
        buf_append_byte(out, '}');
        break;
    }
}

static bool member_present(const struct shape *s, const void *in)
{
    switch (s->kind) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
        return bytes_present(*(const struct bytes *)in);
    case SHAPE_DOUBLE:
        return ((const struct opt_double *)in)->present;
    case SHAPE_STRUCTURE:
        return *(const void *const *)in != NULL;
    case SHAPE_LIST:
    case SHAPE_MAP:
        return ((const struct shape_list *)in)->present;
    default:
        return ((const struct opt_int *)in)->present;
    }
}

static void append_structure(struct buf *out, const struct shape *s, const void *in)
{
    bool first = true;
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < s->field_count; i++) {
        const struct shape_field *field = &s->fields[i];
        const void *member = (const uint8_t *)in + field->offset;
        if (!member_present(field->shape, member))
            continue;
        uint8_t *at = buf_reserve(out, field->name_len + 4u);
        if (!at)
            return;
        size_t len = 0;
        if (!first)
            at[len++] = ',';
        at[len++] = '"';
        memcpy(at + len, field->name, field->name_len);
        len += field->name_len;
        at[len++] = '"';
        at[len++] = ':';
        buf_add(out, len);
        append_value(out, field->shape, member, false);
        first = false;
    }
    buf_append_byte(out, '}');
}

void json_encode(const struct shape *s, const void *in, struct buf *out)
{
    append_structure(out, s, in);
}
