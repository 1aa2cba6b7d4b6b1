/* cbor_encode.c: a shape's struct as CBOR, in the form in which AWS writes it.
 *
 * Idea: an answer is some names and, nearly all of it, record data, which is copied as it is. Maps
 * and lists are of indefinite length (bf .. ff, 9f .. ff), so nothing is counted before it is
 * written. Every piece reserves the most it can take, so that nothing is checked byte by byte.
 *
 * I1. What comes out is CBOR, its text in UTF-8, whatever lies in the struct.
 * I2. Numbers and lengths take the shortest form, but for the length of text that had to be mended.
 *
 * Leaves to others: failures, which latch in the buf. Thread: any. */
#include "base/utf8.h"
#include "wire/cbor.h"
#include "wire/cbor_internal.h"

enum { HEAD_BYTES_MAX = 9, HEAD_4_BYTES = 5, INFO_1_BYTE = 24, INFO_4_BYTES = 26 };

/* ---- heads ---- */

static uint8_t *put_number(uint8_t *to, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
    return to + bytes;
}

/* At most HEAD_BYTES_MAX bytes; returns where they end. */
static inline uint8_t *put_head(uint8_t *to, enum cbor_major major, uint64_t number)
{
    uint8_t high = (uint8_t)(major << 5);
    if (number < INFO_1_BYTE) {
        *to = (uint8_t)(high | number);
        return to + 1;
    }
    unsigned size = number <= UINT8_MAX    ? 0
                    : number <= UINT16_MAX ? 1
                    : number <= UINT32_MAX ? 2
                                           : 3;
    *to = (uint8_t)(high | (INFO_1_BYTE + size));
    return put_number(to + 1, number, 1u << size);
}

/* ---- scalars ---- */

static void append_bytes(struct buf *out, enum cbor_major major, struct bytes data)
{
    uint8_t *to = buf_reserve(out, HEAD_BYTES_MAX + data.len);
    if (to == NULL)
        return;
    uint8_t *end = put_head(to, major, data.len);
    if (data.len > 0)
        memcpy(end, data.at, data.len);
    buf_add(out, (size_t)(end - to) + data.len);
}

/* Its length is known only when it is written. */
static void append_mended(struct buf *out, struct bytes text)
{
    uint8_t *to = buf_reserve(out, HEAD_4_BYTES);
    if (to == NULL)
        return;
    size_t begin = out->len;
    buf_add(out, HEAD_4_BYTES);
    utf8_append(out, text);
    size_t len = out->len - begin - HEAD_4_BYTES;
    if (out->status != OK)
        return;
    if (len > UINT32_MAX) {
        out->status = TOO_LARGE;
        return;
    }
    out->at[begin] = CBOR_TEXT << 5 | INFO_4_BYTES;
    put_number(out->at + begin + 1, len, 4);
}

void cbor_append_string(struct buf *out, struct bytes text)
{
    if (utf8_valid(text))
        append_bytes(out, CBOR_TEXT, text);
    else
        append_mended(out, text);
}

/* Its head, and a note of where it is. False: it is to be copied. */
static bool leave_out(struct buf *out, struct cbor_blobs *blobs, struct bytes blob)
{
    if (!blobs || blob.len < blobs->bytes_min || blobs->count == blobs->room)
        return false;
    uint8_t *to = buf_reserve(out, HEAD_BYTES_MAX);
    if (to == NULL)
        return true;
    buf_add(out, (size_t)(put_head(to, CBOR_BYTES, blob.len) - to));
    blobs->noted[blobs->count++] = (struct cbor_blob){out->len, blob};
    return true;
}

static void append_blob(struct buf *out, struct cbor_blobs *blobs, struct bytes blob)
{
    if (!leave_out(out, blobs, blob))
        append_bytes(out, CBOR_BYTES, blob);
}

/* A string or blob that is absent, within a list or map, has no other word. */
static void append_text(struct buf *out, struct cbor_blobs *blobs, const struct shape *s,
                        struct bytes text)
{
    if (!bytes_present(text))
        buf_append_byte(out, CBOR_BYTE_NULL);
    else if (s->kind == SHAPE_BLOB)
        append_blob(out, blobs, text);
    else
        cbor_append_string(out, text);
}

static void append_integer(struct buf *out, int64_t value)
{
    uint8_t *to = buf_reserve(out, HEAD_BYTES_MAX);
    if (to == NULL)
        return;
    uint8_t *end = value < 0 ? put_head(to, CBOR_NEGATIVE, (uint64_t)(-1 - value))
                             : put_head(to, CBOR_UNSIGNED, (uint64_t)value);
    buf_add(out, (size_t)(end - to));
}

static void append_double(struct buf *out, double value)
{
    uint8_t *to = buf_reserve(out, HEAD_BYTES_MAX);
    if (to == NULL)
        return;
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    to[0] = CBOR_BYTE_DOUBLE;
    put_number(to + 1, bits, sizeof(bits));
    buf_add(out, HEAD_BYTES_MAX);
}

/* ---- containers ---- */

static void append_value(struct buf *out, struct cbor_blobs *blobs, const struct shape *s,
                         const void *at, bool in_list);

void cbor_begin_map(struct buf *out)
{
    buf_append_byte(out, CBOR_BYTE_BEGIN_MAP);
}

void cbor_end_map(struct buf *out)
{
    buf_append_byte(out, CBOR_BYTE_BREAK);
}

static void append_list(struct buf *out, struct cbor_blobs *blobs, const struct shape *s,
                        const struct shape_list *list)
{
    const uint8_t *element = list->at;
    buf_append_byte(out, CBOR_BYTE_BEGIN_LIST);
    for (uint32_t i = 0; i < list->count; i++, element += s->element->size)
        append_value(out, blobs, s->element, element, true);
    buf_append_byte(out, CBOR_BYTE_BREAK);
}

static void append_map(struct buf *out, struct cbor_blobs *blobs, const struct shape *s,
                       const struct shape_list *map)
{
    const struct shape_pair *pairs = map->at;
    cbor_begin_map(out);
    for (uint32_t i = 0; i < map->count; i++) {
        cbor_append_string(out, pairs[i].key);
        append_text(out, blobs, s->map_value, pairs[i].value);
    }
    cbor_end_map(out);
}

static void append_structure(struct buf *out, struct cbor_blobs *blobs, const struct shape *s,
                             const uint8_t *base)
{
    cbor_begin_map(out);
    for (uint32_t i = 0; i < s->field_count; i++) {
        const struct shape_field *f = &s->fields[i];
        if (!shape_is_present(f->shape, base + f->offset))
            continue;
        append_bytes(out, CBOR_TEXT, bytes_of(f->name, f->name_len));
        append_value(out, blobs, f->shape, base + f->offset, false);
    }
    cbor_end_map(out);
}

static void append_value(struct buf *out, struct cbor_blobs *blobs, const struct shape *s,
                         const void *at, bool in_list)
{
    switch (s->kind) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
        append_text(out, blobs, s, *(const struct bytes *)at);
        break;
    case SHAPE_TIMESTAMP:
        buf_append_byte(out, CBOR_BYTE_TAG_TIME);
        append_integer(out, ((const struct opt_int *)at)->value);
        break;
    case SHAPE_INTEGER:
    case SHAPE_LONG:
        append_integer(out, ((const struct opt_int *)at)->value);
        break;
    case SHAPE_BOOLEAN:
        buf_append_byte(out, ((const struct opt_int *)at)->value != 0 ? CBOR_BYTE_TRUE
                                                                      : CBOR_BYTE_FALSE);
        break;
    case SHAPE_DOUBLE:
        append_double(out, ((const struct opt_double *)at)->value);
        break;
    case SHAPE_STRUCTURE:
        append_structure(out, blobs, s, in_list ? at : *(const uint8_t *const *)at);
        break;
    case SHAPE_LIST:
        append_list(out, blobs, s, at);
        break;
    case SHAPE_MAP:
        append_map(out, blobs, s, at);
        break;
    }
}

void cbor_encode(const struct shape *s, const void *in, struct buf *out)
{
    append_structure(out, NULL, s, in);
}

void cbor_encode_around(const struct shape *s, const void *in, struct buf *out,
                        struct cbor_blobs *blobs)
{
    append_structure(out, blobs, s, in);
}
