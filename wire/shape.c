/* shape.c: look-ups in the tables that wire/model/generate.py makes.
 *
 * Idea: shapes have few fields, and clients send them in one order or another that rarely changes,
 * so a guess and a short walk beat a hash. Patterns are ready-made tables: a match costs one
 * look-up a byte, whatever the pattern says. Leaves to others: what a failed match means (check.c).
 * Thread: any. */
#include "wire/shape.h"

static bool field_is(const struct shape_field *field, struct bytes name)
{
    return field->name_len == name.len && memcmp(field->name, name.at, name.len) == 0;
}

const struct shape_field *shape_field_find(const struct shape *s, struct bytes name, uint32_t *hint)
{
    for (uint32_t i = 0; i < s->field_count; i++) {
        uint32_t at = *hint + i;
        at = at < s->field_count ? at : at % s->field_count;
        if (field_is(&s->fields[at], name)) {
            *hint = at + 1;
            return &s->fields[at];
        }
    }
    return NULL;
}

bool shape_is_present(const struct shape *s, const void *at)
{
    switch (s->kind) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
        return bytes_present(*(const struct bytes *)at);
    case SHAPE_DOUBLE:
        return ((const struct opt_double *)at)->present;
    case SHAPE_STRUCTURE:
        return *(const void *const *)at != NULL;
    case SHAPE_LIST:
    case SHAPE_MAP:
        return ((const struct shape_list *)at)->present;
    default:
        return ((const struct opt_int *)at)->present;
    }
}

int shape_enum_index(const struct shape *s, struct bytes value)
{
    for (int i = 0; s->enum_values != NULL && s->enum_values[i] != NULL; i++) {
        if (bytes_equal(bytes_text(s->enum_values[i]), value))
            return i;
    }
    return -1;
}

bool shape_pattern_matches(const struct shape_pattern *p, struct bytes text)
{
    uint32_t state = 1;
    for (size_t i = 0; i < text.len && state != 0; i++)
        state = p->next[state * p->classes + p->class_of[text.at[i]]];
    return p->accepts[state] != 0;
}
