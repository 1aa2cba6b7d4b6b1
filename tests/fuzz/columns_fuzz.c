/* columns_fuzz.c: a column's type and a record, any bytes: what is taken makes a row that ends where it says. The first line is the type. */
#include "base/limits.h"
#include "base/must.h"
#include "delivery/moment.h"
#include "delivery/row.h"

/* Reads a value as columnar.cc does. */
static const uint8_t *skip(const struct column *c, const uint8_t *at, const uint8_t *end);

static const uint8_t *skip_count(const struct column *c, uint32_t each, const uint8_t *at,
                                 const uint8_t *end)
{
    must(end - at >= 4);
    uint32_t count =
        (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    at += 4;
    for (uint64_t i = 0; i < (uint64_t)count * each; i++)
        at = skip(&c->children[i % each], at, end);
    return at;
}

static const uint8_t *skip_fixed(size_t len, const uint8_t *at, const uint8_t *end)
{
    must((size_t)(end - at) >= len);
    return at + len;
}

static const uint8_t *skip(const struct column *c, const uint8_t *at, const uint8_t *end)
{
    must(at < end && *at <= 1);
    if (*at++ == 0)
        return at;
    switch (c->kind) {
    case COLUMN_BOOLEAN:
        return skip_fixed(1, at, end);
    case COLUMN_DECIMAL:
        return skip_fixed(16, at, end);
    case COLUMN_STRING:
    case COLUMN_CHAR:
    case COLUMN_VARCHAR:
    case COLUMN_BINARY:
        must(end - at >= 4);
        return skip_fixed((size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 |
                              (size_t)at[3] << 24,
                          at + 4, end);
    case COLUMN_ARRAY:
        return skip_count(c, 1, at, end);
    case COLUMN_MAP:
        return skip_count(c, 2, at, end);
    case COLUMN_STRUCT:
        for (uint32_t i = 0; i < c->count; i++)
            at = skip(&c->children[i], at, end);
        return at;
    default:
        return skip_fixed(8, at, end);
    }
}

static void try_record(struct column *c, struct bytes record)
{
    const struct bytes key = BYTES_LITERAL("v"), format = BYTES_LITERAL("dd/MMM/yyyy hh:mm a");
    struct column named = *c;
    named.name = "v";
    const struct row_rules rules = {
        .columns = {1, &named}, .keys = &key, .format_count = 1, .formats = &format};
    struct buf out;
    struct fault f;
    json_t *object = json_loadb((const char *)record.at, record.len, JSON_ALLOW_NUL, NULL);
    buf_init(&out, MIB(16));
    if (json_is_object(object) && row_append(&rules, object, &out, &f) == OK)
        must(skip(&named, out.at + 4, out.at + out.len) == out.at + out.len);
    buf_fini(&out);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    if (!line)
        return 0;
    struct bytes type = bytes_of(data, (size_t)(line - data));
    struct bytes record = bytes_of(line + 1, size - type.len - 1);
    struct arena a;
    struct fault f;
    struct column c = {0};
    int64_t micros;
    arena_init(&a, MIB(16));
    if (column_parse(type, &a, &c, &f) == OK)
        try_record(&c, record);
    else if (moment_pattern_check(type, &f) == OK)
        (void)moment_by_pattern(record, type, &micros);
    arena_fini(&a);
    return 0;
}
