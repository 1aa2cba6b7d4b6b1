/* check.c: a struct against its shape's bounds.
 *
 * Walks the struct with its table. Nothing is allocated or written while all is well; each
 * violation appends one sentence, in AWS's words, to a text of bounded size. Paths are built on the
 * stack, a link for each member on the way. Thread: any. */
#include "wire/check.h"

#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>

/* AWS stops at ten. Of a value or list it shows all; we show what a fault has room for. */
enum { VIOLATIONS_MAX = 10, VALUE_SHOWN_MAX = 512, ITEMS_SHOWN_MAX = 64 };

/* One step of a path: a member's name, or a list's index (from 1). */
struct step {
    const struct step *up;
    const char *name; /* NULL: an index */
    uint32_t index;
};

struct checker {
    unsigned violations;
    size_t len;
    char text[FAULT_TEXT_BYTES_MAX];
};

static void say(struct checker *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct checker *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(c->text + c->len, sizeof(c->text) - c->len, format, args);
    va_end(args);
    if (len > 0)
        c->len +=
            (size_t)len < sizeof(c->text) - c->len ? (size_t)len : sizeof(c->text) - c->len - 1;
}

static void say_path(struct checker *c, const struct step *s)
{
    if (s->up)
        say_path(c, s->up);
    if (s->name)
        say(c, "%s%s", s->up ? "." : "", s->name);
    else
        say(c, ".%u.member", s->index);
}

/* Cut between characters. */
static void say_text(struct checker *c, struct bytes text)
{
    size_t len = text.len < VALUE_SHOWN_MAX ? text.len : VALUE_SHOWN_MAX;
    while (len > 0 && len < text.len && (text.at[len] & 0xc0) == 0x80)
        len--;
    if (bytes_present(text))
        say(c, "%.*s", (int)len, (const char *)text.at);
    else
        say(c, "null");
}

static void say_list(struct checker *c, const struct shape_list *list)
{
    const struct bytes *items = list->at;
    say(c, "[");
    for (uint32_t i = 0; i < list->count && i < ITEMS_SHOWN_MAX; i++) {
        say(c, "%s", i ? ", " : "");
        say_text(c, items[i]);
    }
    say(c, "]");
}

static void say_map(struct checker *c, const struct shape_list *map)
{
    const struct shape_pair *pairs = map->at;
    say(c, "{");
    for (uint32_t i = 0; i < map->count && i < ITEMS_SHOWN_MAX; i++) {
        say(c, "%s", i ? ", " : "");
        say_text(c, pairs[i].key);
        say(c, "=");
        say_text(c, pairs[i].value);
    }
    say(c, "}");
}

/* AWS does not tell the value of blobs, of what its model calls sensitive, nor of what holds such.
 */
static bool value_is_told(const struct shape *s)
{
    if (s->sensitive || (s->element != NULL && s->element->sensitive))
        return false;
    if (s->kind == SHAPE_LIST)
        return s->element->kind == SHAPE_STRING;
    return s->kind != SHAPE_BLOB && s->kind != SHAPE_STRUCTURE;
}

/* "Value 'x' at 'a.b'" and what follows up to the rule. */
static void say_value(struct checker *c, const struct shape *s, const void *in,
                      const struct step *path)
{
    say(c, "%sValue ", c->violations++ ? "; " : "");
    if (value_is_told(s)) {
        say(c, "'");
        if (s->kind == SHAPE_STRING)
            say_text(c, *(const struct bytes *)in);
        else if (s->kind == SHAPE_LIST)
            say_list(c, in);
        else if (s->kind == SHAPE_MAP)
            say_map(c, in);
        else if (s->kind == SHAPE_DOUBLE)
            say(c, "%.15g", ((const struct opt_double *)in)->value);
        else
            say(c, "%" PRId64, ((const struct opt_int *)in)->value);
        say(c, "' ");
    }
    say(c, "at '");
    say_path(c, path);
    say(c, "' failed to satisfy constraint: ");
}

static void null_value(struct checker *c, const struct step *path)
{
    if (c->violations >= VIOLATIONS_MAX)
        return;
    say(c, "%sValue null at '", c->violations++ ? "; " : "");
    say_path(c, path);
    say(c, "' failed to satisfy constraint: Member must not be null");
}

/* Java's String.length: UTF-16 code units. */
static int64_t java_length(struct bytes text)
{
    int64_t units = 0;
    for (size_t i = 0; i < text.len; i++)
        units += (text.at[i] & 0xc0) != 0x80 ? (text.at[i] >= 0xf0 ? 2 : 1) : 0;
    return units;
}

static bool in_bounds(const struct shape *s, int64_t n)
{
    return (!s->has_min || n >= s->min) && (!s->has_max || n <= s->max);
}

/* Lengths and values: one sentence each for what is broken. */
static void check_bounds(struct checker *c, const struct shape *s, const void *in, int64_t n,
                         const char *what, const struct step *path)
{
    if (in_bounds(s, n) || c->violations >= VIOLATIONS_MAX)
        return;
    say_value(c, s, in, path);
    bool over = s->has_max && n > s->max;
    say(c, "Member must have %s%s than or equal to %" PRId64, what, over ? "less" : "greater",
        over ? s->max : s->min);
}

static void check_string(struct checker *c, const struct shape *s, const struct bytes *text,
                         const struct step *path)
{
    /* As many bytes as fit need no counting; a text of n bytes has at least n / 3 units. */
    if (s->has_min || s->has_max) {
        bool short_enough = !s->has_max || text->len <= (uint64_t)s->max;
        bool long_enough = !s->has_min || text->len >= 3 * (uint64_t)s->min;
        if (!short_enough || !long_enough)
            check_bounds(c, s, text, java_length(*text), "length ", path);
    }
    if (s->pattern && !shape_pattern_matches(s->pattern, *text) && c->violations < VIOLATIONS_MAX) {
        say_value(c, s, text, path);
        say(c, "Member must satisfy regular expression pattern: %s", s->pattern->text);
    }
    if (s->enum_values && shape_enum_index(s, *text) < 0 && c->violations < VIOLATIONS_MAX) {
        say_value(c, s, text, path);
        say(c, "Member must satisfy enum value set: %s", s->enum_text);
    }
}

static bool string_fits(const struct shape *s, struct bytes text)
{
    return in_bounds(s, java_length(text)) &&
           (!s->pattern || shape_pattern_matches(s->pattern, text));
}

/* "[Member must have length less than or equal to 128, Member must have length greater than or
 * equal to 1]" */
static void say_constraints(struct checker *c, const struct shape *s)
{
    const char *comma = "";
    say(c, "[");
    if (s->has_max)
        say(c, "Member must have length less than or equal to %" PRId64, s->max), comma = ", ";
    if (s->has_min)
        say(c, "%sMember must have length greater than or equal to %" PRId64, comma, s->min),
            comma = ", ";
    if (s->pattern)
        say(c, "%sMember must satisfy regular expression pattern: %s", comma, s->pattern->text),
            comma = ", ";
    if (s->enum_values)
        say(c, "%sMember must satisfy enum value set: %s", comma, s->enum_text);
    say(c, "]");
}

static void check_structure(struct checker *c, const struct shape *s, const void *in,
                            const struct step *up);

static void check_list(struct checker *c, const struct shape *s, const struct shape_list *list,
                       const struct step *path)
{
    check_bounds(c, s, list, list->count, "length ", path);
    if (s->has_max && list->count > s->max)
        return;
    for (uint32_t i = 0; i < list->count && c->violations < VIOLATIONS_MAX; i++) {
        const void *element = (const uint8_t *)list->at + i * (size_t)s->element->size;
        struct step here = {.up = path, .index = i + 1};
        if (s->element->kind == SHAPE_STRUCTURE) {
            check_structure(c, s->element, element, &here);
            continue;
        }
        const struct bytes *text = element;
        bool fine = s->element->kind != SHAPE_STRING ||
                    (bytes_present(*text) && string_fits(s->element, *text) &&
                     (!s->element->enum_values || shape_enum_index(s->element, *text) >= 0));
        if (fine)
            continue;
        say_value(c, s, list, path);
        say(c, "Member must satisfy constraint: ");
        say_constraints(c, s->element);
        return;
    }
}

static void check_map(struct checker *c, const struct shape *s, const struct shape_list *list,
                      const struct step *path)
{
    check_bounds(c, s, list, list->count, "length ", path);
    bool keys_fit = true, values_fit = true;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct shape_pair *pair = (const struct shape_pair *)list->at + i;
        keys_fit = keys_fit && string_fits(s->element, pair->key);
        values_fit =
            values_fit && bytes_present(pair->value) && string_fits(s->map_value, pair->value);
    }
    if (!keys_fit && c->violations < VIOLATIONS_MAX) {
        say_value(c, s, list, path);
        say(c, "Map keys must satisfy constraint: ");
        say_constraints(c, s->element);
    }
    if (!values_fit && c->violations < VIOLATIONS_MAX) {
        say_value(c, s, list, path);
        say(c, "Map value must satisfy constraint: ");
        say_constraints(c, s->map_value);
    }
}

static void check_double(struct checker *c, const struct shape *s, const struct opt_double *number,
                         const struct step *path)
{
    bool over = s->has_max && number->value > (double)s->max;
    bool under = s->has_min && number->value < (double)s->min;
    if ((!over && !under) || c->violations >= VIOLATIONS_MAX)
        return;
    say_value(c, s, number, path);
    say(c, "Member must have value %s than or equal to %" PRId64, over ? "less" : "greater",
        over ? s->max : s->min);
}

/* False when the member is absent. */
static bool check_if_present(struct checker *c, const struct shape *s, const void *member,
                             const struct step *path)
{
    const struct bytes *bytes = member;
    const struct shape_list *list = member;
    const struct opt_int *number = member;
    switch (s->kind) {
    case SHAPE_STRING:
        if (bytes_present(*bytes))
            check_string(c, s, bytes, path);
        return bytes_present(*bytes);
    case SHAPE_BLOB:
        if (bytes_present(*bytes))
            check_bounds(c, s, bytes, (int64_t)bytes->len, "length ", path);
        return bytes_present(*bytes);
    case SHAPE_STRUCTURE:
        if (*(const void *const *)member != NULL)
            check_structure(c, s, *(const void *const *)member, path);
        return *(const void *const *)member != NULL;
    case SHAPE_LIST:
        if (list->present)
            check_list(c, s, list, path);
        return list->present;
    case SHAPE_MAP:
        if (list->present)
            check_map(c, s, list, path);
        return list->present;
    case SHAPE_DOUBLE:
        if (((const struct opt_double *)member)->present)
            check_double(c, s, member, path);
        return ((const struct opt_double *)member)->present;
    default:
        if (number->present) /* booleans and timestamps have no bounds */
            check_bounds(c, s, number, number->value, "value ", path);
        return number->present;
    }
}

static void check_structure(struct checker *c, const struct shape *s, const void *in,
                            const struct step *up)
{
    for (uint32_t i = 0; i < s->field_count; i++) {
        const struct shape_field *field = &s->fields[i];
        struct step here = {.up = up, .name = field->path};
        const void *member = (const uint8_t *)in + field->offset;
        if (!check_if_present(c, field->shape, member, &here) && field->required)
            null_value(c, &here);
    }
}

enum status check(const struct shape *s, const void *in, struct fault *f)
{
    struct checker c;
    c.violations = 0;
    c.len = 0;
    c.text[0] = '\0';
    check_structure(&c, s, in, NULL);
    if (c.violations == 0)
        return OK;
    return fault_set(f, INVALID_VALUE, "%u validation error%s detected: %s", c.violations,
                     c.violations == 1 ? "" : "s", c.text);
}
