/* cbor_decode.c: a request's CBOR into a shape's struct, in one pass.
 *
 * Idea: the shape's table says what stands where, so no tree is built: each value goes straight to
 * its place. Nearly all of a put is byte strings of definite length, and these are not even looked
 * at: a blob is a view of the body.
 *
 * I1. What is written lies in the body, within a string in pieces that has been read, or in the
 * arena.
 *
 * Leaves to others: the grammar (cbor_item.c), places and wrong types (decode.c), bounds (check.c).
 * Thread: any. */
#include "wire/cbor.h"
#include "wire/cbor_internal.h"
#include "wire/decode_internal.h"

#include <math.h>

struct decoder {
    struct cbor_reader reader;
    struct decode_target target;
};

static bool decode_value(struct decoder *d, const struct shape *s, void *at, bool in_list);

/* ---- scalars ---- */

static bool decode_string(struct decoder *d, const struct shape *s, const struct cbor_item *head,
                          void *at)
{
    struct bytes text;
    if (!cbor_read_string(&d->reader, head, true, &text))
        return false;
    bool binary = head->kind == CBOR_KIND_BYTES;
    if (s->kind == (binary ? SHAPE_BLOB : SHAPE_STRING))
        *(struct bytes *)at = text;
    else
        decode_refuse_scalar(&d->target, s->kind, binary ? "java.nio.HeapByteBuffer" : JAVA_STRING);
    return true;
}

/* Of a broken number: what lies behind the point is cut; a time is rounded. */
static uint64_t whole(double size, bool rounded)
{
    if (isnan(size))
        return 0;
    size = rounded ? round(size) : size;
    return size >= 0x1p64 ? UINT64_MAX : (uint64_t)size;
}

static void decode_number(struct decoder *d, const struct shape *s, const struct cbor_item *head,
                          void *at)
{
    /* -1 - number; the least of them, -2^64, is beyond every bound as its neighbour is. */
    bool negative = head->kind == CBOR_KIND_NEGATIVE;
    uint64_t size = head->number + (negative && head->number < UINT64_MAX ? 1 : 0);
    switch (s->kind) {
    case SHAPE_INTEGER:
    case SHAPE_LONG:
    case SHAPE_TIMESTAMP:
        if (head->kind == CBOR_KIND_DOUBLE) {
            negative = signbit(head->real);
            size = whole(fabs(head->real), s->kind == SHAPE_TIMESTAMP);
        }
        decode_store_integer(s->kind, negative, size, at);
        break;
    case SHAPE_DOUBLE: {
        double real = negative ? -1.0 - (double)head->number : (double)head->number;
        *(struct opt_double *)at = (struct opt_double){
            .value = head->kind == CBOR_KIND_DOUBLE ? head->real : real, .present = true};
        break;
    }
    default:
        decode_refuse_scalar(&d->target, s->kind, JAVA_NUMBER);
    }
}

static void decode_boolean(struct decoder *d, const struct shape *s, const struct cbor_item *head,
                           void *at)
{
    if (s->kind == SHAPE_BOOLEAN)
        *(struct opt_int *)at = (struct opt_int){.value = head->number != 0, .present = true};
    else
        decode_refuse_scalar(&d->target, s->kind, JAVA_BOOLEAN);
}

/* ---- containers, whose head was read ---- */

/* The struct is zeroed. */
static bool decode_members(struct decoder *d, const struct shape *s, const struct cbor_item *head,
                           uint8_t *base)
{
    struct cbor_walk walk;
    struct bytes name;
    uint32_t hint = 0;
    cbor_open(&d->reader, head, &walk);
    while (cbor_more(&d->reader, &walk)) {
        if (!cbor_read_name(&d->reader, true, &name))
            return false;
        const struct shape_field *field = shape_field_find(s, name, &hint);
        if (field == NULL) {
            if (!cbor_skip(&d->reader))
                return false;
            continue;
        }
        decode_clear(field->shape, base + field->offset);
        if (!decode_value(d, field->shape, base + field->offset, false))
            return false;
    }
    return !walk.broken;
}

static bool decode_pairs(struct decoder *d, const struct shape *s, const struct cbor_item *head,
                         struct shape_list *map)
{
    struct cbor_walk walk;
    struct bytes key;
    uint32_t room = 0;
    map->present = true;
    cbor_open(&d->reader, head, &walk);
    while (cbor_more(&d->reader, &walk)) {
        if (!cbor_read_name(&d->reader, true, &key))
            return false;
        struct shape_pair *pair = decode_pair(&d->target, map, &room, key);
        if (pair == NULL || !decode_value(d, s->map_value, &pair->value, true))
            return false;
    }
    return !walk.broken;
}

static bool decode_map(struct decoder *d, const struct shape *s, const struct cbor_item *head,
                       void *at, bool in_list)
{
    if (s->kind == SHAPE_STRUCTURE) {
        void *structure = decode_place_structure(&d->target, s, at, in_list);
        return structure != NULL && decode_members(d, s, head, structure);
    }
    if (s->kind == SHAPE_MAP)
        return decode_pairs(d, s, head, at);
    decode_refuse_map(&d->target);
    return cbor_skip_content(&d->reader, head);
}

static bool decode_list(struct decoder *d, const struct shape *s, const struct cbor_item *head,
                        void *at)
{
    struct shape_list *list = at;
    struct cbor_walk walk;
    uint32_t room = 0;
    if (s->kind != SHAPE_LIST) {
        decode_refuse_list(&d->target);
        return cbor_skip_content(&d->reader, head);
    }
    list->present = true;
    cbor_open(&d->reader, head, &walk);
    if (!head->indefinite &&
        !decode_list_expect(&d->target, list, &room, s->element->size, head->number))
        return false;
    while (cbor_more(&d->reader, &walk)) {
        void *element = decode_list_add(&d->target, list, &room, s->element->size);
        if (element == NULL || !decode_value(d, s->element, element, true))
            return false;
    }
    return !walk.broken;
}

/* `at` is the value's place, zeroed. A null leaves it so. */
static bool decode_value(struct decoder *d, const struct shape *s, void *at, bool in_list)
{
    struct cbor_item head;
    if (!cbor_read_item(&d->reader, &head))
        return false;
    switch (head.kind) {
    case CBOR_KIND_BYTES:
    case CBOR_KIND_TEXT:
        return decode_string(d, s, &head, at);
    case CBOR_KIND_LIST:
        return decode_list(d, s, &head, at);
    case CBOR_KIND_MAP:
        return decode_map(d, s, &head, at, in_list);
    case CBOR_KIND_BOOLEAN:
        decode_boolean(d, s, &head, at);
        return true;
    case CBOR_KIND_NULL:
        return true;
    default:
        decode_number(d, s, &head, at);
        return true;
    }
}

enum status cbor_decode(const struct shape *s, uint8_t *body, size_t len, struct arena *arena,
                        void *out, struct fault *f)
{
    memset(out, 0, s->size);
    if (len == 0)
        return fault_set(f, MALFORMED, "%s", "");
    struct fault unheard;
    struct decoder d = {.reader = {.at = body, .end = body + len},
                        .target = {.arena = arena, .fault = f == NULL ? &unheard : f}};
    struct cbor_item head;
    bool whole = cbor_read_item(&d.reader, &head) && head.kind == CBOR_KIND_MAP &&
                 decode_members(&d, s, &head, out) && d.reader.at == d.reader.end;
    return decode_outcome(&d.target, whole);
}
