/* cbor_item.c: RFC 8949's grammar, item by item.
 *
 *     first byte: major type (3 bits), then a small number, or how many bytes of it follow (24: 1, 25:
 *     2, 26: 4, 27: 8), or 31: of indefinite length. Numbers are big-endian.
 *     0 unsigned  1 -1-n  2 bytes  3 text  4 list of n  5 map of n pairs  6 tag n  7 float, simple, break
 *
 * Idea: the decoder and whatever skips (unknown members, values of a wrong type) must agree to the
 * letter on what CBOR is, because AWS parses all of a body before it complains of anything in it.
 * So both use these functions.
 *
 * I1. Text that was read is UTF-8, each piece of it.
 * I2. Nothing is read at or beyond `end`; no length is believed before so many bytes are there.
 * I3. At most CBOR_DEPTH_MAX lists and maps are open, so recursion ends; tags do not recurse.
 *
 * Leaves to others: what an item means. Thread: any. */
#include "base/utf8.h"
#include "wire/cbor.h"
#include "wire/cbor_internal.h"

#include <math.h>

enum { INFO_NUMBER_MAX = 23, INFO_ONE_BYTE = 24, INFO_EIGHT_BYTES = 27, INFO_INDEFINITE = 31 };
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE, SIMPLE_NULL, SIMPLE_UNDEFINED, HALF = 25, SINGLE, DOUBLE };

struct head {
    uint8_t major, info;
    uint64_t number;
};

static bool read_number(struct cbor_reader *r, size_t size, uint64_t *out)
{
    if ((size_t)(r->end - r->at) < size)
        return false;
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out = *out << 8 | r->at[i];
    r->at += size;
    return true;
}

/* Any head, a break too. */
static inline bool read_head(struct cbor_reader *r, struct head *out)
{
    if (r->at >= r->end)
        return false;
    uint8_t first = *r->at++;
    out->major = first >> 5;
    out->info = first & 31;
    out->number = out->info;
    if (out->info <= INFO_NUMBER_MAX)
        return true;
    if (out->info > INFO_EIGHT_BYTES)
        return out->info == INFO_INDEFINITE;
    return read_number(r, (size_t)1 << (out->info - INFO_ONE_BYTE), &out->number);
}

/* RFC 8949, appendix D. */
static double half_of(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023), size;
    if (exponent == 0)
        size = ldexp(fraction, -24);
    else if (exponent == 31)
        size = fraction == 0 ? (double)INFINITY : (double)NAN;
    else
        size = ldexp(fraction + 1024, exponent - 25);
    return (bits & 0x8000) != 0 ? -size : size;
}

static double single_of(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float value;
    memcpy(&value, &word, sizeof(value));
    return (double)value;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Major type 7. */
static bool read_other(const struct head *head, struct cbor_item *out)
{
    out->kind = CBOR_KIND_DOUBLE;
    switch (head->info) {
    case SIMPLE_FALSE:
    case SIMPLE_TRUE:
        out->kind = CBOR_KIND_BOOLEAN;
        out->number = head->info == SIMPLE_TRUE;
        return true;
    case SIMPLE_NULL:
    case SIMPLE_UNDEFINED:
        out->kind = CBOR_KIND_NULL;
        return true;
    case HALF:
        out->real = half_of(head->number);
        return true;
    case SINGLE:
        out->real = single_of(head->number);
        return true;
    case DOUBLE:
        out->real = double_of(head->number);
        return true;
    default:
        return false;
    }
}

bool cbor_read_item(struct cbor_reader *r, struct cbor_item *out)
{
    struct head head;
    do {
        if (!read_head(r, &head))
            return false;
    } while (head.major == CBOR_TAG && head.info != INFO_INDEFINITE);
    out->indefinite = head.info == INFO_INDEFINITE;
    out->number = head.number;
    switch (head.major) {
    case CBOR_BYTES:
    case CBOR_TEXT:
    case CBOR_LIST:
    case CBOR_MAP:
        out->kind = (enum cbor_kind)head.major;
        return true;
    case CBOR_UNSIGNED:
    case CBOR_NEGATIVE:
        out->kind = (enum cbor_kind)head.major;
        return !out->indefinite;
    case CBOR_OTHER:
        return read_other(&head, out);
    default:
        return false;
    }
}
_Static_assert((int)CBOR_KIND_NEGATIVE == CBOR_NEGATIVE && (int)CBOR_KIND_MAP == CBOR_MAP,
               "kinds that are major types have their numbers");

/* ---- strings ---- */

static bool take_piece(struct cbor_reader *r, enum cbor_kind kind, uint64_t len, struct bytes *out)
{
    if (len > (uint64_t)(r->end - r->at)) /* I2 */
        return false;
    *out = bytes_of(r->at, (size_t)len);
    r->at += len;
    return kind == CBOR_KIND_BYTES || utf8_valid(*out); /* I1 */
}

static bool read_pieces(struct cbor_reader *r, enum cbor_kind kind, bool join, struct bytes *out)
{
    /* The body is the caller's to overwrite; only the grammar reads it as const. */
    uint8_t *to = (uint8_t *)(uintptr_t)r->at;
    *out = bytes_of(to, 0);
    for (;;) {
        struct head head;
        struct bytes piece;
        if (r->at < r->end && *r->at == CBOR_BYTE_BREAK)
            break;
        if (!read_head(r, &head) || head.major != (uint8_t)kind || head.info == INFO_INDEFINITE ||
            !take_piece(r, kind, head.number, &piece))
            return false;
        if (join)
            memmove(to + out->len, piece.at, piece.len);
        out->len += piece.len;
    }
    r->at++;
    return true;
}

bool cbor_read_string(struct cbor_reader *r, const struct cbor_item *head, bool join,
                      struct bytes *out)
{
    if (head->indefinite)
        return read_pieces(r, head->kind, join, out);
    return take_piece(r, head->kind, head->number, out);
}

/* ---- lists and maps ---- */

void cbor_open(struct cbor_reader *r, const struct cbor_item *head, struct cbor_walk *w)
{
    *w = (struct cbor_walk){.left = head->number, .indefinite = head->indefinite};
    w->broken = ++r->depth > CBOR_DEPTH_MAX; /* I3 */
}

bool cbor_more(struct cbor_reader *r, struct cbor_walk *w)
{
    if (w->broken)
        return false;
    if (w->indefinite) {
        w->broken = r->at >= r->end;
        if (w->broken)
            return false;
        if (*r->at != CBOR_BYTE_BREAK)
            return true;
        r->at++;
    } else if (w->left > 0) {
        w->left--;
        return true;
    }
    r->depth--;
    return false;
}

bool cbor_read_name(struct cbor_reader *r, bool join, struct bytes *name)
{
    struct cbor_item head;
    return cbor_read_item(r, &head) && head.kind == CBOR_KIND_TEXT &&
           cbor_read_string(r, &head, join, name);
}

/* ---- what nobody wants ---- */

static bool skip_members(struct cbor_reader *r, const struct cbor_item *head)
{
    struct cbor_walk walk;
    struct bytes name;
    cbor_open(r, head, &walk);
    while (cbor_more(r, &walk)) {
        if ((head->kind == CBOR_KIND_MAP && !cbor_read_name(r, false, &name)) || !cbor_skip(r))
            return false;
    }
    return !walk.broken;
}

bool cbor_skip_content(struct cbor_reader *r, const struct cbor_item *head)
{
    struct bytes text;
    switch (head->kind) {
    case CBOR_KIND_BYTES:
    case CBOR_KIND_TEXT:
        return cbor_read_string(r, head, false, &text);
    case CBOR_KIND_LIST:
    case CBOR_KIND_MAP:
        return skip_members(r, head);
    default:
        return true;
    }
}

bool cbor_skip(struct cbor_reader *r)
{
    struct cbor_item head;
    return cbor_read_item(r, &head) && cbor_skip_content(r, &head);
}

bool cbor_is_map(struct bytes body)
{
    if (body.len == 0)
        return false;
    struct cbor_reader r = {.at = body.at, .end = body.at + body.len};
    struct cbor_item head;
    return cbor_read_item(&r, &head) && head.kind == CBOR_KIND_MAP && skip_members(&r, &head) &&
           r.at == r.end;
}
