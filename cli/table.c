/* table.c: aligned columns. Widths are counted in characters of UTF-8; control characters of names would disturb a terminal and are
 * printed as '?'. */
#include "cli/table.h"

#include "base/clock.h"

#include <stdbool.h>
#include <string.h>

enum { CELL_BYTES_MAX = 512, COLUMNS_MAX = 10, GAP = 2, PATH_BYTES_MAX = 256 };

/* ---- paths ---- */

json_t *json_at(const json_t *from, const char *path)
{
    json_t *at = (json_t *)(uintptr_t)from;
    while (at && path[0] != '\0') {
        const char *dot = strchr(path, '.');
        size_t len = dot ? (size_t)(dot - path) : strlen(path);
        at = json_object_getn(at, path, len);
        path += len + (dot ? 1 : 0);
    }
    return at;
}

void json_put(json_t *into, const char *path, json_t *value)
{
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        size_t len = (size_t)(dot - path);
        json_t *next = json_object_getn(into, path, len);
        if (next == NULL) {
            json_object_setn_new(into, path, len, json_object());
            next = json_object_getn(into, path, len);
        }
        into = next;
    }
    json_object_set_new(into, path, value);
}

/* ---- cells ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);
    return len >= tail && strcmp(text + len - tail, end) == 0;
}

static void cell_text(const json_t *value, const char *name, char out[CELL_BYTES_MAX])
{
    out[0] = '\0';
    if (json_is_string(value))
        snprintf(out, CELL_BYTES_MAX, "%s", json_string_value(value));
    else if (json_is_number(value) && ends_with(name, "Timestamp"))
        clock_print_iso((uint64_t)(json_number_value(value) * 1000 + 0.5), out);
    else if (json_is_integer(value))
        snprintf(out, CELL_BYTES_MAX, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, CELL_BYTES_MAX, "%g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(out, CELL_BYTES_MAX, "%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_array(value))
        snprintf(out, CELL_BYTES_MAX, "%zu", json_array_size(value));
    for (char *c = out; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    }
}

static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void pad(const char *text, size_t width, bool last, FILE *to)
{
    fputs(text, to);
    for (size_t i = width_of(text); !last && i < width + GAP; i++)
        fputc(' ', to);
}

/* ---- tables ---- */

void table_print(const struct column *columns, const json_t *list, FILE *to)
{
    size_t widths[COLUMNS_MAX] = {0}, count = 0;
    char cell[CELL_BYTES_MAX];
    while (count < COLUMNS_MAX && columns[count].title)
        count++;
    for (size_t c = 0; c < count; c++) {
        widths[c] = width_of(columns[c].title);
        for (size_t i = 0; i < json_array_size(list); i++) {
            cell_text(json_at(json_array_get(list, i), columns[c].path), columns[c].path, cell);
            widths[c] = width_of(cell) > widths[c] ? width_of(cell) : widths[c];
        }
        pad(columns[c].title, widths[c], c + 1 == count, to);
    }
    fputc('\n', to);
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t c = 0; c < count; c++) {
            cell_text(json_at(json_array_get(list, i), columns[c].path), columns[c].path, cell);
            pad(cell[0] ? cell : "-", widths[c], c + 1 == count, to);
        }
        fputc('\n', to);
    }
}

/* ---- objects ---- */

struct flat {
    FILE *to;
    size_t width;  /* of the longest path */
    bool measures; /* the first walk */
};

static void flatten(struct flat *f, const json_t *value, const char *path, const char *name)
{
    char below[PATH_BYTES_MAX], cell[CELL_BYTES_MAX];
    if (json_is_object(value) && json_object_size(value) > 0) {
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            snprintf(below, sizeof(below), "%s%s%s", path, path[0] ? "." : "", key);
            flatten(f, member, below, key);
        }
        return;
    }
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            snprintf(below, sizeof(below), "%s[%zu]", path, i);
            flatten(f, json_array_get(value, i), below, name);
        }
        return;
    }
    if (f->measures) {
        f->width = width_of(path) > f->width ? width_of(path) : f->width;
        return;
    }
    cell_text(value, name, cell);
    pad(path, f->width, false, f->to);
    fprintf(f->to, "%s\n", cell);
}

void object_print(const json_t *object, FILE *to)
{
    struct flat f = {.to = to, .measures = true};
    flatten(&f, object, "", "");
    f.measures = false;
    flatten(&f, object, "", "");
}

void json_print(const json_t *value, FILE *to)
{
    json_dumpf(value, to,
               JSON_COMPACT | JSON_ENCODE_ANY | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    fputc('\n', to);
}
