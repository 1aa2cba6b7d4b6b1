/* columns.c: see the header. Types by recursive descent, at most COLUMN_DEPTH_MAX deep. */
#include "delivery/columns.h"

#include <jansson.h>

static const struct {
    const char *name;
    enum column_kind kind;
} simple[] = {
    {"boolean", COLUMN_BOOLEAN}, {"tinyint", COLUMN_TINYINT},     {"smallint", COLUMN_SMALLINT},
    {"int", COLUMN_INT},         {"integer", COLUMN_INT},         {"bigint", COLUMN_BIGINT},
    {"float", COLUMN_FLOAT},     {"real", COLUMN_FLOAT},          {"double", COLUMN_DOUBLE},
    {"string", COLUMN_STRING},   {"binary", COLUMN_BINARY},       {"date", COLUMN_DATE},
    {"char", COLUMN_CHAR},       {"varchar", COLUMN_VARCHAR},     {"decimal", COLUMN_DECIMAL},
    {"array", COLUMN_ARRAY},     {"timestamp", COLUMN_TIMESTAMP}, {"map", COLUMN_MAP},
    {"struct", COLUMN_STRUCT},
};

struct parser {
    struct bytes rest;
    struct arena *arena;
    struct fault *fault;
    int depth;
};

static enum status parse_type(struct parser *p, struct column *out);

/* ---- words ---- */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static void skip_spaces(struct parser *p)
{
    while (p->rest.len && p->rest.at[0] == ' ')
        p->rest = bytes_of(p->rest.at + 1, p->rest.len - 1);
}

static bool take(struct parser *p, char c)
{
    skip_spaces(p);
    if (!p->rest.len || p->rest.at[0] != (uint8_t)c)
        return false;
    p->rest = bytes_of(p->rest.at + 1, p->rest.len - 1);
    skip_spaces(p);
    return true;
}

static enum status expect(struct parser *p, char c)
{
    if (take(p, c))
        return OK;
    return fault_set(p->fault, INVALID_VALUE, "a '%c' is missing in a column's type", c);
}

/* Up to one of the characters that end a word; in lower case. */
static enum status take_word(struct parser *p, const char **out)
{
    skip_spaces(p);
    size_t len = 0;
    while (len < p->rest.len && !strchr("<>(),: ", p->rest.at[len]))
        len++;
    if (len == 0 || len > COLUMN_NAME_BYTES_MAX)
        return fault_set(p->fault, INVALID_VALUE, "a name in a column's type is empty or too long");
    struct bytes word = arena_copy(p->arena, bytes_of(p->rest.at, len));
    if (!bytes_present(word))
        return fault_set(p->fault, NO_MEMORY, "no memory for a column's type");
    uint8_t *at = (uint8_t *)(uintptr_t)word.at;
    for (size_t i = 0; i < len; i++)
        at[i] = lower(at[i]);
    p->rest = bytes_of(p->rest.at + len, p->rest.len - len);
    *out = (const char *)at;
    return OK;
}

static enum status take_number(struct parser *p, uint32_t least, uint32_t most, uint32_t *out)
{
    skip_spaces(p);
    size_t len = 0;
    uint64_t n = 0;
    while (len < p->rest.len && len < 9 && p->rest.at[len] >= '0' && p->rest.at[len] <= '9')
        n = 10 * n + (uint64_t)(p->rest.at[len++] - '0');
    if (len == 0 || n < least || n > most)
        return fault_set(p->fault, INVALID_VALUE, "a number in a column's type is not %u to %u",
                         least, most);
    p->rest = bytes_of(p->rest.at + len, p->rest.len - len);
    *out = (uint32_t)n;
    return OK;
}

/* ---- types with parameters ---- */

static enum status parse_decimal(struct parser *p, struct column *c)
{
    c->precision = 10; /* Hive's */
    c->scale = 0;
    if (!take(p, '('))
        return OK;
    enum status st = take_number(p, 1, 38, &c->precision);
    if (st == OK && take(p, ','))
        st = take_number(p, 0, c->precision, &c->scale);
    return st == OK ? expect(p, ')') : st;
}

static enum status parse_length(struct parser *p, struct column *c, uint32_t most)
{
    enum status st = expect(p, '(');
    if (st == OK)
        st = take_number(p, 1, most, &c->length);
    return st == OK ? expect(p, ')') : st;
}

static enum status add_child(struct parser *p, struct column **children, uint32_t *count,
                             uint32_t *room)
{
    if (*count == *room) {
        uint32_t more = *room ? 2 * *room : 2;
        struct column *at = arena_zero(p->arena, more * sizeof(*at));
        if (!at)
            return fault_set(p->fault, NO_MEMORY, "no memory for a column's type");
        if (*count)
            memcpy(at, *children, *count * sizeof(*at));
        *children = at;
        *room = more;
    }
    (*children)[*count].name = "";
    (*count)++;
    return *count <= COLUMNS_MAX ? OK
                                 : fault_set(p->fault, INVALID_VALUE,
                                             "a struct has more than %d fields", COLUMNS_MAX);
}

/* "<", types with commas between, ">"; `names`: each with "name:" before. */
static enum status parse_children(struct parser *p, struct column *c, bool names)
{
    struct column *children = NULL;
    uint32_t count = 0, room = 0;
    enum status st = expect(p, '<');
    do {
        if (st == OK)
            st = add_child(p, &children, &count, &room);
        if (st == OK && names)
            st = take_word(p, &children[count - 1].name);
        if (st == OK && names)
            st = expect(p, ':');
        if (st == OK)
            st = parse_type(p, &children[count - 1]);
    } while (st == OK && take(p, ','));
    if (st == OK)
        st = expect(p, '>');
    c->children = children;
    c->count = count;
    return st;
}

static enum status parse_map(struct parser *p, struct column *c)
{
    enum status st = parse_children(p, c, false);
    if (st != OK)
        return st;
    if (c->count != 2)
        return fault_set(p->fault, INVALID_VALUE, "a map has a key's type and a value's");
    return c->children[0].kind < COLUMN_ARRAY
               ? OK
               : fault_set(p->fault, INVALID_VALUE, "a map's key is an array, a map or a struct");
}

static enum status parse_array(struct parser *p, struct column *c)
{
    enum status st = parse_children(p, c, false);
    if (st == OK && c->count != 1)
        st = fault_set(p->fault, INVALID_VALUE, "an array has one type");
    return st;
}

static enum status parse_parameters(struct parser *p, struct column *c)
{
    switch (c->kind) {
    case COLUMN_DECIMAL:
        return parse_decimal(p, c);
    case COLUMN_CHAR:
        return parse_length(p, c, 255);
    case COLUMN_VARCHAR:
        return parse_length(p, c, 65535);
    case COLUMN_ARRAY:
        return parse_array(p, c);
    case COLUMN_MAP:
        return parse_map(p, c);
    case COLUMN_STRUCT:
        return parse_children(p, c, true);
    default:
        return OK;
    }
}

static enum status parse_type(struct parser *p, struct column *out)
{
    const char *word = NULL;
    if (p->depth == COLUMN_DEPTH_MAX)
        return fault_set(p->fault, INVALID_VALUE, "a column's type is more than %d deep",
                         COLUMN_DEPTH_MAX);
    enum status st = take_word(p, &word);
    if (st != OK)
        return st;
    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
        if (strcmp(word, simple[i].name) != 0)
            continue;
        out->kind = simple[i].kind;
        p->depth++;
        st = parse_parameters(p, out);
        p->depth--;
        return st;
    }
    return fault_set(p->fault, INVALID_VALUE, "'%s' is not a type of a column", word);
}

enum status column_parse(struct bytes type, struct arena *a, struct column *out, struct fault *f)
{
    struct parser p = {.rest = type, .arena = a, .fault = f};
    if (type.len > COLUMN_TYPE_BYTES_MAX || memchr(type.at, '\0', type.len))
        return fault_set(f, INVALID_VALUE, "a column's type is too long, or not a text");
    enum status st = parse_type(&p, out);
    skip_spaces(&p);
    if (st == OK && p.rest.len)
        st = fault_set(f, INVALID_VALUE, "a column's type goes on after its end: '%.*s'",
                       (int)(p.rest.len < 64 ? p.rest.len : 64), (const char *)p.rest.at);
    return st;
}

/* ---- columns ---- */

static enum status parse_column(const json_t *row, struct arena *a, struct column *c,
                                struct fault *f)
{
    const json_t *name = json_is_array(row) ? json_array_get(row, 0) : json_object_get(row, "Name");
    const json_t *type = json_is_array(row) ? json_array_get(row, 1) : json_object_get(row, "Type");
    size_t len = json_string_length(name);
    if (!json_is_string(name) || !json_is_string(type) || len == 0 || len > COLUMN_NAME_BYTES_MAX)
        return fault_set(f, INVALID_VALUE, "a column has no Name or no Type");
    struct bytes copy = arena_copy(a, bytes_of(json_string_value(name), len));
    if (!bytes_present(copy))
        return fault_set(f, NO_MEMORY, "no memory for columns");
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)(uintptr_t)copy.at)[i] = lower(copy.at[i]);
    c->name = (const char *)copy.at;
    struct fault why = {.text = ""};
    enum status st =
        column_parse(bytes_of(json_string_value(type), json_string_length(type)), a, c, &why);
    return st == OK ? OK : fault_set(f, st, "column %s: %s", c->name, why.text);
}

static bool is_double(const struct columns *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(c->at[i].name, c->at[k].name) == 0)
                return true;
    return false;
}

enum status columns_parse(struct bytes json, struct arena *a, struct columns *out, struct fault *f)
{
    *out = (struct columns){0};
    json_t *root = json_loadb((const char *)json.at, json.len, JSON_REJECT_DUPLICATES, NULL);
    size_t count = json_array_size(root);
    enum status st = OK;
    if (count == 0 || count > COLUMNS_MAX)
        st = fault_set(f, INVALID_VALUE, "columns are not a list of 1 to %d", COLUMNS_MAX);
    out->at = st == OK ? arena_zero(a, count * sizeof(*out->at)) : NULL;
    if (st == OK && !out->at)
        st = fault_set(f, NO_MEMORY, "no memory for columns");
    for (; st == OK && out->count < count; out->count++)
        st = parse_column(json_array_get(root, out->count), a, &out->at[out->count], f);
    json_decref(root);
    if (st == OK && is_double(out))
        st = fault_set(f, INVALID_VALUE, "two columns have one name");
    return st;
}
