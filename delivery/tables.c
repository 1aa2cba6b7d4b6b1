/* tables.c: see the header. The file is kept as parsed, and every table of it is checked at the start. */
#include "delivery/tables.h"

#include "base/file.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "delivery/columns.h"

#include <jansson.h>

struct tables {
    json_t *root;
};

static const json_t *columns_of(const json_t *table)
{
    return json_object_get(json_object_get(table, "StorageDescriptor"), "Columns");
}

static bool names(const json_t *table, const char *member, struct bytes name)
{
    const json_t *value = json_object_get(table, member);
    return bytes_equal_ignore_case(bytes_of(json_string_value(value), json_string_length(value)),
                                   name);
}

static enum status write_columns(const json_t *table, struct buf *out)
{
    const json_t *columns = columns_of(table);
    if (!columns) {
        buf_append_text(out, "null");
        return out->status;
    }
    return json_text_append(columns, JSON_COMPACT | JSON_ENCODE_ANY, out);
}

static enum status check_table(const json_t *table, struct fault *f)
{
    const char *database = json_string_value(json_object_get(table, "DatabaseName"));
    const char *name = json_string_value(json_object_get(table, "Name"));
    if (!database || !name)
        return fault_set(f, INVALID_VALUE, "a table has no DatabaseName or no Name");
    struct arena a;
    struct buf text;
    struct columns columns;
    struct fault why = {.text = ""};
    arena_init(&a, TABLES_FILE_BYTES_MAX);
    buf_init(&text, TABLES_FILE_BYTES_MAX);
    enum status st = write_columns(table, &text);
    if (st == OK)
        st = columns_parse(buf_view(&text), &a, &columns, &why);
    buf_fini(&text);
    arena_fini(&a);
    return st == OK ? OK : fault_set(f, st, "table %s.%s: %s", database, name, why.text);
}

static enum status check_all(const json_t *root, struct fault *f)
{
    const json_t *list = json_object_get(root, "TableList");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > TABLES_MAX)
        return fault_set(f, INVALID_VALUE, "the file of tables has no TableList of at most %d",
                         TABLES_MAX);
    enum status st = OK;
    for (size_t i = 0; i < count && st == OK; i++)
        st = check_table(json_array_get(list, i), f);
    return st;
}

enum status tables_open(const char *file, struct tables **out, struct fault *f)
{
    *out = NULL;
    if (!file || !file[0])
        return OK;
    struct buf text;
    json_error_t why;
    json_t *root = NULL;
    buf_init(&text, TABLES_FILE_BYTES_MAX);
    enum status st = file_read(file, &text, f);
    if (st == OK) {
        root = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &why);
        st = root ? check_all(root, f)
                  : fault_set(f, INVALID_VALUE, "%s, line %d: %s", file, why.line, why.text);
    }
    buf_fini(&text);
    if (st != OK) {
        json_decref(root);
        return st;
    }
    *out = MEM_NEW(struct tables);
    (*out)->root = root;
    return OK;
}

void tables_close(struct tables *t)
{
    if (!t)
        return;
    json_decref(t->root);
    mem_free(t);
}

enum status tables_find(const struct tables *t, struct bytes database, struct bytes table,
                        struct bytes version, struct buf *columns)
{
    const json_t *list = t ? json_object_get(t->root, "TableList") : NULL;
    bool any = !version.len || bytes_equal(version, BYTES_LITERAL("LATEST"));
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *row = json_array_get(list, i);
        if (names(row, "DatabaseName", database) && names(row, "Name", table) &&
            (any || names(row, "VersionId", version)))
            return write_columns(row, columns);
    }
    return NOT_FOUND;
}
