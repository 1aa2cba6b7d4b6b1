/* json_decode.c: a request's JSON into a shape's struct, in one pass.
 *
 * Idea: the shape's table says what stands where, so no tree is built: each value goes straight to
 * its place. Strings without escapes are views of the body; escapes and base64 are undone over
 * their own text, which never grows.
 *
 * I1. What is written lies in the body, within a string that has been read, or in the arena.
 *
 * Leaves to others: the grammar (json_text.c), places and wrong types (decode.c), base64's
 * complaints (base64.c), bounds (check.c). Thread: any. */
#include "wire/base64.h"
#include "wire/decode_internal.h"
#include "wire/json.h"
#include "wire/json_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct decoder {
    struct json_text text;
    struct decode_target target;
};

static bool decode_value(struct decoder *d, const struct shape *s, void *at, bool in_list);

/* ---- scalars ---- */

/* The body is the caller's to overwrite; only the grammar reads it as const. */
static uint8_t *writable(struct bytes text)
{
    return (uint8_t *)(uintptr_t)text.at;
}

static struct bytes string_text(const struct json_string *string)
{
    if (!string->escaped)
        return string->raw;
    return bytes_of(string->raw.at, json_unescape(string->raw, writable(string->raw)));
}

static void decode_blob(struct decoder *d, struct bytes text, struct bytes *out)
{
    size_t len;
    struct fault unheard;
    struct fault *f = d->target.wrong_type ? &unheard : d->target.fault;
    if (base64_decode(text, writable(text), &len, f) == OK)
        *out = bytes_of(text.at, len);
    else
        d->target.wrong_type = true;
}

static bool decode_string(struct decoder *d, const struct shape *s, void *at)
{
    struct json_string string;
    if (!json_read_string(&d->text, &string))
        return false;
    if (s->kind == SHAPE_STRING)
        *(struct bytes *)at = string_text(&string);
    else if (s->kind == SHAPE_BLOB)
        decode_blob(d, string_text(&string), at);
    else
        decode_refuse_scalar(&d->target, s->kind, JAVA_STRING);
    return true;
}

/* digits * 10^exponent as a whole number, or UINT64_MAX when that is too small for it; what lies
 * behind the point is cut, or rounded half up. */
static uint64_t whole(uint64_t digits, int32_t exponent, bool rounded)
{
    for (; exponent > 0 && digits != 0; exponent--) {
        if (digits > UINT64_MAX / 10)
            return UINT64_MAX;
        digits *= 10;
    }
    if (exponent < -20)
        return 0;
    bool half = false;
    for (; exponent < 0; exponent++) {
        half = digits % 10 >= 5;
        digits /= 10;
    }
    return digits + (rounded && half ? 1 : 0);
}

static void store_int(enum shape_kind kind, const struct json_number *n, struct opt_int *out)
{
    bool time = kind == SHAPE_TIMESTAMP; /* seconds, to milliseconds */
    uint64_t magnitude = whole(n->digits, n->exponent + (time ? 3 : 0), time);
    decode_store_integer(kind, n->negative, magnitude, out);
}

static double to_double(const struct json_number *n)
{
    char text[64];
    snprintf(text, sizeof(text), "%s%" PRIu64 "e%" PRId32, n->negative ? "-" : "", n->digits,
             n->exponent);
    return strtod(text, NULL);
}

static bool decode_number(struct decoder *d, const struct shape *s, void *at)
{
    struct json_number n;
    if (!json_read_number(&d->text, &n))
        return false;
    switch (s->kind) {
    case SHAPE_INTEGER:
    case SHAPE_LONG:
    case SHAPE_TIMESTAMP:
        store_int(s->kind, &n, at);
        break;
    case SHAPE_DOUBLE:
        *(struct opt_double *)at = (struct opt_double){.value = to_double(&n), .present = true};
        break;
    default:
        decode_refuse_scalar(&d->target, s->kind, JAVA_NUMBER);
    }
    return true;
}

static bool decode_boolean(struct decoder *d, const struct shape *s, void *at, bool value)
{
    if (!json_read_word(&d->text, value ? BYTES_LITERAL("true") : BYTES_LITERAL("false")))
        return false;
    if (s->kind == SHAPE_BOOLEAN)
        *(struct opt_int *)at = (struct opt_int){.value = value, .present = true};
    else
        decode_refuse_scalar(&d->target, s->kind, JAVA_BOOLEAN);
    return true;
}

/* ---- containers ---- */

/* At '{'; the struct is zeroed. */
static bool decode_members(struct decoder *d, const struct shape *s, uint8_t *base)
{
    struct json_walk walk;
    struct json_string name;
    uint32_t hint = 0;
    json_open(&d->text, &walk);
    while (json_more(&d->text, &walk)) {
        if (!json_read_name(&d->text, &name))
            return false;
        const struct shape_field *field = shape_field_find(s, string_text(&name), &hint);
        if (field == NULL) {
            if (!json_skip(&d->text))
                return false;
            continue;
        }
        decode_clear(field->shape, base + field->offset);
        if (!decode_value(d, field->shape, base + field->offset, false))
            return false;
    }
    return !walk.broken;
}

static bool decode_list(struct decoder *d, const struct shape *s, struct shape_list *list)
{
    struct json_walk walk;
    uint32_t room = 0;
    list->present = true;
    json_open(&d->text, &walk);
    while (json_more(&d->text, &walk)) {
        void *element = decode_list_add(&d->target, list, &room, s->element->size);
        if (element == NULL || !decode_value(d, s->element, element, true))
            return false;
    }
    return !walk.broken;
}

static bool decode_map(struct decoder *d, const struct shape *s, struct shape_list *map)
{
    struct json_walk walk;
    struct json_string key;
    uint32_t room = 0;
    map->present = true;
    json_open(&d->text, &walk);
    while (json_more(&d->text, &walk)) {
        if (!json_read_name(&d->text, &key))
            return false;
        struct shape_pair *pair = decode_pair(&d->target, map, &room, string_text(&key));
        if (pair == NULL || !decode_value(d, s->map_value, &pair->value, true))
            return false;
    }
    return !walk.broken;
}

/* At '{'. */
static bool decode_object(struct decoder *d, const struct shape *s, void *at, bool in_list)
{
    if (s->kind == SHAPE_STRUCTURE) {
        void *structure = decode_place_structure(&d->target, s, at, in_list);
        return structure != NULL && decode_members(d, s, structure);
    }
    if (s->kind == SHAPE_MAP)
        return decode_map(d, s, at);
    decode_refuse_map(&d->target);
    return json_skip(&d->text);
}

static bool decode_array(struct decoder *d, const struct shape *s, void *at)
{
    if (s->kind == SHAPE_LIST)
        return decode_list(d, s, at);
    decode_refuse_list(&d->target);
    return json_skip(&d->text);
}

/* At the value; `at` is its place, zeroed. A null leaves it so. */
static bool decode_value(struct decoder *d, const struct shape *s, void *at, bool in_list)
{
    uint8_t c = json_peek(&d->text);
    switch (c) {
    case '{':
        return decode_object(d, s, at, in_list);
    case '[':
        return decode_array(d, s, at);
    case '"':
        return decode_string(d, s, at);
    case 't':
    case 'f':
        return decode_boolean(d, s, at, c == 't');
    case 'n':
        return json_read_word(&d->text, BYTES_LITERAL("null"));
    default:
        return (c == '-' || (c >= '0' && c <= '9')) && decode_number(d, s, at);
    }
}

enum status json_decode(const struct shape *s, uint8_t *body, size_t len, struct arena *arena,
                        void *out, struct fault *f)
{
    memset(out, 0, s->size);
    if (len == 0)
        return fault_set(f, MALFORMED, "%s", "");
    struct fault unheard;
    struct decoder d = {.text = {.at = body, .end = body + len},
                        .target = {.arena = arena, .fault = f == NULL ? &unheard : f}};
    bool whole = json_peek(&d.text) == '{' && decode_members(&d, s, out) &&
                 json_peek(&d.text) == 0 && d.text.at == d.text.end;
    return decode_outcome(&d.target, whole);
}
