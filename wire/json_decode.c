/* json_decode.c: a request's JSON into a shape's struct, in one pass.
 *
 * Idea: the shape's table says what stands where, so no tree is built: each value goes straight to
 * its place. Strings without escapes are views of the body; escapes and base64 are undone over
 * their own text, which never grows. Only structures, lists and maps take memory, from the arena; a
 * list doubles as it grows, so its elements are copied at most once on average.
 *
 * I1. AWS parses a body before it looks at types. So a value of a wrong type is noted (the first
 * one's words win), skipped, and reading goes on: a syntax error anywhere behind it still makes the
 * answer MALFORMED without words. I2. What is written lies in the body, within a string that has
 * been read, or in the arena. I3. A place holds either what was decoded for it last, or nothing: a
 * member given twice leaves no trace of the first.
 *
 * Leaves to others: the grammar (json_text.c), base64's complaints (base64.c), bounds (check.c).
 * Thread: any. */
#include "wire/base64.h"
#include "wire/json.h"
#include "wire/json_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* LIST_ROOM_FIRST: most lists of the APIs have a few elements; only PutRecords has hundreds.
 * MAP_DISTINCT: looking for a repeated key costs a walk, so it is done while the map is no longer
 * than AWS lets any of its maps be (200 tags); what is longer is refused by check, or has no use
 * for the earlier pair. */
enum { LIST_ROOM_FIRST = 8, MAP_DISTINCT = 256 };

struct decoder {
    struct json_text text;
    struct arena *arena;
    struct fault *fault;
    bool wrong_type;     /* a complaint stands in fault */
    enum status refused; /* OK, or how the arena failed; decoding has ended */
};

static bool decode_value(struct decoder *d, const struct shape *s, void *at, bool in_list);

/* ---- what does not fit ---- */

static const char *wanted_text(enum shape_kind kind)
{
    switch (kind) {
    case SHAPE_STRING:
        return "an String";
    case SHAPE_BLOB:
        return "a Blob";
    case SHAPE_LONG:
        return "an Long";
    case SHAPE_BOOLEAN:
        return "an Boolean";
    case SHAPE_DOUBLE:
        return "an Double";
    case SHAPE_TIMESTAMP:
        return "milliseconds since epoch";
    default:
        return "an Integer";
    }
}

/* A string, number or boolean (as Java calls its class) stands where a value of that kind is due.
 */
static void refuse_scalar(struct decoder *d, enum shape_kind wanted, const char *java_class)
{
    if (d->wrong_type)
        return;
    d->wrong_type = true;
    switch (wanted) {
    case SHAPE_LIST:
        fault_set(d->fault, MALFORMED, "Expected list or null");
        break;
    case SHAPE_MAP:
        fault_set(d->fault, MALFORMED, "Expected map or null");
        break;
    case SHAPE_STRUCTURE:
        fault_set(d->fault, MALFORMED, "Expected null");
        break;
    default:
        fault_set(d->fault, MALFORMED, "class %s can not be converted to %s", java_class,
                  wanted_text(wanted));
    }
}

/* An array or object stands where something else is due: noted, and skipped. */
static bool refuse_container(struct decoder *d, const char *words)
{
    if (!d->wrong_type)
        fault_set(d->fault, MALFORMED, "%s", words);
    d->wrong_type = true;
    return json_skip(&d->text);
}

static void *take(struct decoder *d, size_t size)
{
    /* Within a header's size of the ceiling either answer is as good as the other. */
    bool over = size > d->arena->ceiling - d->arena->used;
    void *taken = arena_take(d->arena, size);
    if (taken == NULL)
        d->refused = over ? TOO_LARGE : NO_MEMORY;
    return taken;
}

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
    struct fault *f = d->wrong_type ? &unheard : d->fault;
    if (base64_decode(text, writable(text), &len, f) == OK)
        *out = bytes_of(text.at, len);
    else
        d->wrong_type = true;
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
        refuse_scalar(d, s->kind, "java.lang.String");
    return true;
}

/* digits * 10^exponent as a whole number, at most `most`; what lies behind the point is cut, or
 * rounded half up. */
static uint64_t whole(uint64_t digits, int32_t exponent, uint64_t most, bool rounded)
{
    for (; exponent > 0 && digits != 0; exponent--) {
        if (digits > most / 10)
            return most;
        digits *= 10;
    }
    if (exponent < -20)
        return 0;
    bool half = false;
    for (; exponent < 0; exponent++) {
        half = digits % 10 >= 5;
        digits /= 10;
    }
    if (digits >= most)
        return most;
    return digits + (rounded && half ? 1 : 0);
}

static void store_int(struct opt_int *out, const struct json_number *n, int32_t shift,
                      uint64_t most, bool rounded)
{
    /* Two's complement has one more number below zero than above. */
    bool lower = n->negative && !rounded;
    uint64_t size = whole(n->digits, n->exponent + shift, most + (lower ? 1 : 0), rounded);
    *out = (struct opt_int){.value = (int64_t)(n->negative ? 0 - size : size), .present = true};
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
        store_int(at, &n, 0, INT32_MAX, false);
        break;
    case SHAPE_LONG:
        store_int(at, &n, 0, INT64_MAX, false);
        break;
    case SHAPE_TIMESTAMP:
        /* A thousandth of the range, so that whoever adds to a time need not fear overflow. */
        store_int(at, &n, 3, INT64_MAX / 1000, true);
        break;
    case SHAPE_DOUBLE:
        *(struct opt_double *)at = (struct opt_double){.value = to_double(&n), .present = true};
        break;
    default:
        refuse_scalar(d, s->kind, "com.amazon.coral.value.json.numbers.TruncatingBigNumber");
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
        refuse_scalar(d, s->kind, "java.lang.Boolean");
    return true;
}

/* ---- containers ---- */

static size_t member_size(const struct shape *s)
{
    return s->kind == SHAPE_STRUCTURE ? sizeof(void *) : s->size;
}

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
        memset(base + field->offset, 0, member_size(field->shape)); /* I3 */
        if (!decode_value(d, field->shape, base + field->offset, false))
            return false;
    }
    return !walk.broken;
}

/* A list's structures lie in it; a member is a pointer to its own. */
static bool decode_structure(struct decoder *d, const struct shape *s, void *at, bool in_list)
{
    void *structure = at;
    if (!in_list) {
        structure = take(d, s->size);
        if (structure == NULL)
            return false;
        memset(structure, 0, s->size);
        *(void **)at = structure;
    }
    return decode_members(d, s, structure);
}

/* One more element, zeroed. */
static void *list_add(struct decoder *d, struct shape_list *list, uint32_t *room, size_t size)
{
    if (list->count == *room) {
        uint32_t wider = *room == 0 ? LIST_ROOM_FIRST : *room * 2;
        if (wider < *room || wider > SIZE_MAX / size) {
            d->refused = TOO_LARGE;
            return NULL;
        }
        void *moved = take(d, wider * size);
        if (moved == NULL)
            return NULL;
        if (list->count > 0)
            memcpy(moved, list->at, list->count * size);
        list->at = moved;
        *room = wider;
    }
    return memset((uint8_t *)list->at + list->count++ * size, 0, size);
}

static bool decode_list(struct decoder *d, const struct shape *s, struct shape_list *list)
{
    struct json_walk walk;
    uint32_t room = 0;
    list->present = true;
    json_open(&d->text, &walk);
    while (json_more(&d->text, &walk)) {
        void *element = list_add(d, list, &room, s->element->size);
        if (element == NULL || !decode_value(d, s->element, element, true))
            return false;
    }
    return !walk.broken;
}

/* The pair of that key, or a new one. */
static struct shape_pair *pair_for(struct decoder *d, struct shape_list *map, uint32_t *room,
                                   struct bytes key)
{
    struct shape_pair *pairs = map->at;
    for (uint32_t i = 0; i < map->count && map->count < MAP_DISTINCT; i++) {
        if (bytes_equal(pairs[i].key, key)) {
            pairs[i].value = BYTES_NONE;
            return &pairs[i];
        }
    }
    struct shape_pair *pair = list_add(d, map, room, sizeof(*pair));
    if (pair != NULL)
        pair->key = key;
    return pair;
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
        struct shape_pair *pair = pair_for(d, map, &room, string_text(&key));
        if (pair == NULL || !decode_value(d, s->map_value, &pair->value, true))
            return false;
    }
    return !walk.broken;
}

/* At the value; `at` is its place, zeroed. A null leaves it so. */
static bool decode_value(struct decoder *d, const struct shape *s, void *at, bool in_list)
{
    uint8_t c = json_peek(&d->text);
    switch (c) {
    case '{':
        if (s->kind == SHAPE_STRUCTURE)
            return decode_structure(d, s, at, in_list);
        if (s->kind == SHAPE_MAP)
            return decode_map(d, s, at);
        return refuse_container(d, "Start of structure or map found where not expected.");
    case '[':
        if (s->kind == SHAPE_LIST)
            return decode_list(d, s, at);
        return refuse_container(d, "Start of list found where not expected");
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
    struct decoder d = {
        .text = {.at = body, .end = body + len}, .arena = arena, .fault = f == NULL ? &unheard : f};
    bool read = json_peek(&d.text) == '{' && decode_members(&d, s, out);
    if (d.refused != OK)
        return fault_set(f, d.refused, "The request needs more memory than one request may have.");
    if (!read || json_peek(&d.text) != 0 || d.text.at != d.text.end)
        return fault_set(f, MALFORMED, "%s", ""); /* I1 */
    return d.wrong_type ? MALFORMED : OK;
}
