/* json_decode.c: bytes to a shape's struct, in one pass.
 *
 * A recursive descent over the text, led by the shape's table: known members go to their place,
 * unknown ones are skipped with their syntax checked. Strings are views of the text; escapes and
 * base64 are decoded over their own text, which never grows.
 *
 * J1. A syntax error anywhere answers MALFORMED without words, also behind a member of the wrong
 * type: AWS parses before it looks at types.
 * J2. Nothing is read outside the text, and nothing
 * written outside it but the arena. Thread: any. */
#include "wire/json.h"

#include "wire/base64.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

struct decoder {
    uint8_t *at, *end;
    struct arena *arena;
    struct fault *fault;
    enum status status; /* the first failure: a syntax error or no memory ends the pass; a type
                           error does not */
    bool wrong_type;
};

static bool value(struct decoder *d, const struct shape *s, void *out, unsigned depth);
static bool skip_value(struct decoder *d, unsigned depth);

/* ---- failures ---- */

static bool broken(struct decoder *d)
{
    d->status = MALFORMED;
    d->wrong_type = false;
    return false;
}

static bool no_memory(struct decoder *d)
{
    d->status = NO_MEMORY;
    return false;
}

/* J1: noted, the first only; the pass goes on. */
static void wrong_type(struct decoder *d, const char *text, const char *more)
{
    if (!d->wrong_type)
        fault_set(d->fault, MALFORMED, "%s%s", text, more);
    d->wrong_type = true;
}

/* ---- tokens ---- */

static void skip_space(struct decoder *d)
{
    while (d->at < d->end && (*d->at == ' ' || *d->at == '\n' || *d->at == '\t' || *d->at == '\r'))
        d->at++;
}

static bool take(struct decoder *d, uint8_t c)
{
    skip_space(d);
    if (d->at == d->end || *d->at != c)
        return false;
    d->at++;
    return true;
}

/* The first byte that is a quote, a backslash, a control character or not ASCII. */
static uint8_t *plain_end(uint8_t *at, const uint8_t *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'),
                  space = _mm_set1_epi8(' ');
    while (end - at >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* signed: control characters and bytes of 80 and above are both below a space */
        __m128i odd =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, slash)),
                         _mm_cmplt_epi8(block, space));
        int mask = _mm_movemask_epi8(odd);
        if (mask)
            return at + __builtin_ctz((unsigned)mask);
        at += 16;
    }
#endif
    while (at < end && *at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Length of the UTF-8 sequence at `at` (RFC 3629: no overlong forms, no surrogates), or 0. */
static size_t utf8_len(const uint8_t *at, const uint8_t *end)
{
    static const struct {
        uint8_t from, to, len, second_from, second_to;
    } leads[] = {{0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
                 {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f},
                 {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
                 {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f}};
    for (size_t i = 0; i < sizeof(leads) / sizeof(*leads); i++) {
        if (*at < leads[i].from || *at > leads[i].to)
            continue;
        if (end - at < leads[i].len || at[1] < leads[i].second_from || at[1] > leads[i].second_to)
            return 0;
        for (size_t k = 2; k < leads[i].len; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return leads[i].len;
    }
    return 0;
}

static bool hex4(struct decoder *d, uint32_t *out)
{
    *out = 0;
    if (d->end - d->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *d->at++;
        uint8_t lower = c | 0x20;
        uint32_t digit = c >= '0' && c <= '9'           ? c - (uint32_t)'0'
                         : lower >= 'a' && lower <= 'f' ? lower - (uint32_t)'a' + 10
                                                        : 16;
        if (digit == 16)
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

static uint8_t *utf8_put(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (uint8_t)c;
    } else if (c < 0x800) {
        *out++ = (uint8_t)(0xc0 | c >> 6);
        *out++ = (uint8_t)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = (uint8_t)(0xe0 | c >> 12);
        *out++ = (uint8_t)(0x80 | (c >> 6 & 63));
        *out++ = (uint8_t)(0x80 | (c & 63));
    } else {
        *out++ = (uint8_t)(0xf0 | c >> 18);
        *out++ = (uint8_t)(0x80 | (c >> 12 & 63));
        *out++ = (uint8_t)(0x80 | (c >> 6 & 63));
        *out++ = (uint8_t)(0x80 | (c & 63));
    }
    return out;
}

/* After the backslash. Six bytes of escape give at most three; twelve give four: `out` never passes
 * d->at. */
static uint8_t *unescape(struct decoder *d, uint8_t *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (d->at == d->end)
        return NULL;
    uint8_t c = *d->at++;
    if (c == 'u') {
        uint32_t unit, low;
        if (!hex4(d, &unit) || (unit >= 0xdc00 && unit <= 0xdfff))
            return NULL;
        if (unit >= 0xd800 && unit <= 0xdbff) {
            if (d->end - d->at < 2 || d->at[0] != '\\' || d->at[1] != 'u')
                return NULL;
            d->at += 2;
            if (!hex4(d, &low) || low < 0xdc00 || low > 0xdfff)
                return NULL;
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
        return utf8_put(out, unit);
    }
    const char *place = c ? strchr(from, c) : NULL;
    if (!place)
        return NULL;
    *out++ = (uint8_t)to[place - from];
    return out;
}

/* After the opening quote; *out is a view of the text, with escapes decoded over it. */
static bool string_rest(struct decoder *d, struct bytes *out)
{
    uint8_t *start = d->at, *to = NULL; /* `to`: where decoded bytes go, once there was an escape */
    for (;;) {
        uint8_t *run = d->at;
        d->at = plain_end(d->at, d->end);
        size_t len = (size_t)(d->at - run);
        if (to) {
            memmove(to, run, len);
            to += len;
        }
        if (d->at == d->end || *d->at < ' ')
            return broken(d);
        if (*d->at == '"') {
            *out = bytes_of(start, (size_t)((to ? to : d->at) - start));
            d->at++;
            return true;
        }
        if (*d->at == '\\') {
            to = to ? to : d->at;
            d->at++;
            to = unescape(d, to);
            if (!to)
                return broken(d);
            continue;
        }
        size_t wide = utf8_len(d->at, d->end);
        if (wide == 0)
            return broken(d);
        if (to) {
            memmove(to, d->at, wide);
            to += wide;
        }
        d->at += wide;
    }
}

static bool digits(struct decoder *d)
{
    uint8_t *from = d->at;
    while (d->at < d->end && *d->at >= '0' && *d->at <= '9')
        d->at++;
    return d->at > from;
}

/* RFC 8259 section 6. */
static bool number(struct decoder *d, double *out)
{
    uint8_t *from = d->at;
    if (d->at < d->end && *d->at == '-')
        d->at++;
    bool zero = d->at < d->end && *d->at == '0';
    if (zero ? (d->at++, false) : !digits(d))
        return broken(d);
    if (d->at < d->end && *d->at == '.' && (d->at++, !digits(d)))
        return broken(d);
    if (d->at < d->end && (*d->at | 0x20) == 'e') {
        d->at++;
        if (d->at < d->end && (*d->at == '+' || *d->at == '-'))
            d->at++;
        if (!digits(d))
            return broken(d);
    }
    char text[64];
    size_t len = (size_t)(d->at - from);
    len = len < sizeof(text) ? len : sizeof(text) - 1; /* 63 characters say more than a double
                                                          holds, but for a long exponent's tail */
    memcpy(text, from, len);
    text[len] = '\0';
    *out = strtod(text, NULL);
    return true;
}

static bool literal(struct decoder *d, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(d->end - d->at) < len || memcmp(d->at, text, len) != 0)
        return broken(d);
    d->at += len;
    return true;
}

/* ---- skipping ---- */

static bool skip_members(struct decoder *d, uint8_t close, unsigned depth)
{
    bool object = close == '}';
    if (take(d, close))
        return true;
    do {
        struct bytes name;
        if (object && (!take(d, '"') || !string_rest(d, &name) || !take(d, ':')))
            return broken(d);
        if (!skip_value(d, depth))
            return false;
    } while (take(d, ','));
    return take(d, close) || broken(d);
}

static bool skip_value(struct decoder *d, unsigned depth)
{
    struct bytes ignored;
    double nothing;
    skip_space(d);
    if (d->at == d->end || depth > JSON_DEPTH_MAX)
        return broken(d);
    switch (*d->at) {
    case '{':
        d->at++;
        return skip_members(d, '}', depth + 1);
    case '[':
        d->at++;
        return skip_members(d, ']', depth + 1);
    case '"':
        d->at++;
        return string_rest(d, &ignored);
    case 't':
        return literal(d, "true");
    case 'f':
        return literal(d, "false");
    case 'n':
        return literal(d, "null");
    default:
        return number(d, &nothing);
    }
}

/* ---- values by shape ---- */

static const char *java_name(enum shape_kind kind)
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
    default:
        return "an Integer";
    }
}

/* A scalar where another kind was due. */
static void wrong_scalar(struct decoder *d, enum shape_kind wanted, const char *java_class)
{
    if (wanted == SHAPE_STRUCTURE) {
        wrong_type(d, "Expected null", "");
    } else if (wanted == SHAPE_LIST || wanted == SHAPE_MAP) {
        wrong_type(d, wanted == SHAPE_LIST ? "Expected list or null" : "Expected map or null", "");
    } else {
        char text[160];
        snprintf(text, sizeof(text), "class %s can not be converted to %s", java_class,
                 wanted == SHAPE_TIMESTAMP ? "milliseconds since epoch" : java_name(wanted));
        wrong_type(d, text, "");
    }
}

static int64_t clamp(double number, double least, double most)
{
    return number != number  ? 0
           : number <= least ? (int64_t)least
           : number >= most  ? (int64_t)most
                             : (int64_t)number;
}

static bool number_value(struct decoder *d, const struct shape *s, void *out)
{
    double n;
    if (!number(d, &n))
        return false;
    switch (s->kind) {
    case SHAPE_INTEGER:
        *(struct opt_int *)out = (struct opt_int){clamp(n, INT32_MIN, INT32_MAX), true};
        break;
    case SHAPE_LONG:
        *(struct opt_int *)out = (struct opt_int){clamp(n, -9.2e18, 9.2e18), true};
        break;
    case SHAPE_TIMESTAMP:
        *(struct opt_int *)out = (struct opt_int){clamp(round(n * 1000), -9e15, 9e15), true};
        break;
    case SHAPE_DOUBLE:
        *(struct opt_double *)out = (struct opt_double){n, true};
        break;
    default:
        wrong_scalar(d, s->kind, "com.amazon.coral.value.json.numbers.TruncatingBigNumber");
    }
    return true;
}

static bool string_value(struct decoder *d, const struct shape *s, void *out)
{
    struct bytes text;
    d->at++;
    if (!string_rest(d, &text))
        return false;
    if (s->kind == SHAPE_STRING) {
        *(struct bytes *)out = text;
    } else if (s->kind == SHAPE_BLOB) {
        struct fault f = {0};
        size_t len = 0;
        if (base64_decode(text, (uint8_t *)(uintptr_t)text.at, &len, &f) == OK)
            *(struct bytes *)out = bytes_of(text.at, len);
        else
            wrong_type(d, f.text, "");
    } else {
        wrong_scalar(d, s->kind, "java.lang.String");
    }
    return true;
}

static bool boolean_value(struct decoder *d, const struct shape *s, void *out)
{
    bool yes = *d->at == 't';
    if (!literal(d, yes ? "true" : "false"))
        return false;
    if (s->kind == SHAPE_BOOLEAN)
        *(struct opt_int *)out = (struct opt_int){yes, true};
    else
        wrong_scalar(d, s->kind, "java.lang.Boolean");
    return true;
}

static bool structure_members(struct decoder *d, const struct shape *s, void *out, unsigned depth)
{
    uint32_t hint = 0;
    if (take(d, '}'))
        return true;
    do {
        struct bytes name;
        if (!take(d, '"') || !string_rest(d, &name) || !take(d, ':'))
            return broken(d);
        const struct shape_field *field = shape_field_find(s, name, &hint);
        if (field ? !value(d, field->shape, (uint8_t *)out + field->offset, depth)
                  : !skip_value(d, depth))
            return false;
    } while (take(d, ','));
    return take(d, '}') || broken(d);
}

/* Room for one more element: doubled in the arena. */
static void *next_element(struct decoder *d, struct shape_list *list, uint32_t *room, size_t size)
{
    if (list->count == *room) {
        uint32_t more = *room ? 2 * *room : 8;
        uint8_t *grown = arena_take(d->arena, more * size);
        if (!grown)
            return NULL;
        if (list->count)
            memcpy(grown, list->at, list->count * size);
        list->at = grown;
        *room = more;
    }
    void *element = (uint8_t *)list->at + list->count++ * size;
    memset(element, 0, size);
    return element;
}

static bool list_elements(struct decoder *d, const struct shape *s, struct shape_list *list,
                          unsigned depth)
{
    uint32_t room = 0;
    *list = (struct shape_list){.present = true};
    if (take(d, ']'))
        return true;
    do {
        void *element = next_element(d, list, &room, s->element->size);
        if (!element)
            return no_memory(d);
        /* A list's structures lie in it, where a member's would be a pointer. */
        bool fine;
        skip_space(d);
        if (s->element->kind == SHAPE_STRUCTURE && d->at < d->end && *d->at == '{') {
            d->at++;
            fine = depth <= JSON_DEPTH_MAX ? structure_members(d, s->element, element, depth + 1)
                                           : broken(d);
        } else if (s->element->kind == SHAPE_STRUCTURE) {
            void *unused = NULL;
            fine = value(d, s->element, &unused, depth);
        } else {
            fine = value(d, s->element, element, depth);
        }
        if (!fine)
            return false;
    } while (take(d, ','));
    return take(d, ']') || broken(d);
}

static bool map_pairs(struct decoder *d, const struct shape *s, struct shape_list *list,
                      unsigned depth)
{
    uint32_t room = 0;
    *list = (struct shape_list){.present = true};
    if (take(d, '}'))
        return true;
    do {
        struct shape_pair *pair = next_element(d, list, &room, sizeof(*pair));
        if (!pair)
            return no_memory(d);
        if (!take(d, '"') || !string_rest(d, &pair->key) || !take(d, ':'))
            return broken(d);
        if (!value(d, s->map_value, &pair->value, depth))
            return false;
    } while (take(d, ','));
    return take(d, '}') || broken(d);
}

static bool object_value(struct decoder *d, const struct shape *s, void *out, unsigned depth)
{
    d->at++;
    if (s->kind == SHAPE_STRUCTURE) {
        void *structure = arena_zero(d->arena, s->size ? s->size : 1);
        if (!structure)
            return no_memory(d);
        *(void **)out = structure;
        return structure_members(d, s, structure, depth + 1);
    }
    if (s->kind == SHAPE_MAP)
        return map_pairs(d, s, out, depth + 1);
    wrong_type(d,
               s->kind == SHAPE_LIST ? "Expected list or null"
                                     : "Start of structure or map found where not expected.",
               "");
    return skip_members(d, '}', depth + 1);
}

static bool array_value(struct decoder *d, const struct shape *s, void *out, unsigned depth)
{
    d->at++;
    if (s->kind == SHAPE_LIST)
        return list_elements(d, s, out, depth + 1);
    wrong_type(d,
               s->kind == SHAPE_STRUCTURE ? "Expected null"
               : s->kind == SHAPE_MAP     ? "Expected map or null"
                                          : "Start of list found where not expected",
               "");
    return skip_members(d, ']', depth + 1);
}

static bool value(struct decoder *d, const struct shape *s, void *out, unsigned depth)
{
    skip_space(d);
    if (d->at == d->end || depth > JSON_DEPTH_MAX)
        return broken(d);
    switch (*d->at) {
    case '{':
        return object_value(d, s, out, depth);
    case '[':
        return array_value(d, s, out, depth);
    case '"':
        return string_value(d, s, out);
    case 't':
    case 'f':
        return boolean_value(d, s, out);
    case 'n':
        return literal(d, "null");
    default:
        return number_value(d, s, out);
    }
}

static bool at_end(struct decoder *d)
{
    skip_space(d);
    return d->at == d->end || broken(d);
}

enum status json_decode(const struct shape *s, uint8_t *body, size_t len, struct arena *arena,
                        void *out, struct fault *f)
{
    struct fault unheard;
    struct decoder d = {.at = body, .end = body + len, .arena = arena, .fault = f ? f : &unheard};
    memset(out, 0, s->size);
    bool fine = (take(&d, '{') || broken(&d)) && structure_members(&d, s, out, 1) && at_end(&d);
    if (fine && d.wrong_type)
        return MALFORMED;
    if (fine)
        return OK;
    return fault_set(f, d.status, "%s", d.status == NO_MEMORY ? "no memory for the request" : "");
}

/* A copy of a string's text is not needed to check it: escapes are checked by a pass that writes
 * nothing. */
static bool check_string(struct decoder *d)
{
    uint8_t room[16];
    for (;;) {
        d->at = plain_end(d->at, d->end);
        if (d->at == d->end || *d->at < ' ')
            return false;
        if (*d->at == '"')
            return d->at++, true;
        if (*d->at == '\\') {
            d->at++;
            if (!unescape(d, room))
                return false;
            continue;
        }
        size_t wide = utf8_len(d->at, d->end);
        if (wide == 0)
            return false;
        d->at += wide;
    }
}

static bool check_value(struct decoder *d, unsigned depth)
{
    double nothing;
    skip_space(d);
    if (d->at == d->end || depth > JSON_DEPTH_MAX)
        return false;
    uint8_t open = *d->at;
    if (open == '"')
        return d->at++, check_string(d);
    if (open == 't' || open == 'f' || open == 'n')
        return literal(d, open == 't' ? "true" : open == 'f' ? "false" : "null");
    if (open != '{' && open != '[')
        return number(d, &nothing);
    uint8_t close = open == '{' ? '}' : ']';
    d->at++;
    if (take(d, close))
        return true;
    do {
        if (open == '{' && (!take(d, '"') || !check_string(d) || !take(d, ':')))
            return false;
        if (!check_value(d, depth + 1))
            return false;
    } while (take(d, ','));
    return take(d, close);
}

bool json_is_object(struct bytes body)
{
    struct decoder d = {.at = (uint8_t *)(uintptr_t)body.at,
                        .end = (uint8_t *)(uintptr_t)body.at + body.len};
    skip_space(&d);
    return d.at < d.end && *d.at == '{' && check_value(&d, 0) && at_end(&d);
}
