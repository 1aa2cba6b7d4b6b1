/* settings_print.c: settings as JSON that can be read back, and as help.
 *
 * Both are made from the same rows as the parser, so neither can be out of date.
 *
 * I1. What settings_print_json prints, settings_from_json reads to the same values, but for secrets.
 * I2. No secret is printed.
 *
 * Thread: its caller's. */
#include "base/must.h"
#include "base/settings_internal.h"

enum { HELP_COLUMN = 34 };

static const void *place_of(const struct setting *row, const void *values)
{
    return (const char *)values + row->offset;
}

static void print_string(struct bytes text, struct buf *out)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\')
            buf_append_byte(out, '\\');
        if (text.at[i] < 0x20)
            buf_printf(out, "\\u%04x", text.at[i]);
        else
            buf_append_byte(out, text.at[i]);
    }
    buf_append_byte(out, '"');
}

static void print_value(const struct setting *row, const void *values, struct buf *out)
{
    const void *place = place_of(row, values);
    if (row->kind == SETTING_TEXT) {
        const char *text = *(char *const *)place;
        print_string(bytes_text(text == NULL ? "" : text), out);
        return;
    }
    if (row->kind == SETTING_BOOL) {
        buf_append_text(out, *(const bool *)place ? "true" : "false");
        return;
    }
    uint64_t number = *(const uint64_t *)place;
    if (row->kind == SETTING_CHOICE) {
        print_string(setting_choice(row, number), out);
        return;
    }
    /* JSON readers know whole numbers up to 2^63 only: a larger one goes as a string, as units do.
     */
    bool quoted = row->kind != SETTING_COUNT || number > INT64_MAX;
    if (quoted)
        buf_append_byte(out, '"');
    setting_print_number(row->kind, number, out);
    if (quoted)
        buf_append_byte(out, '"');
}

void settings_print_json(const struct setting *rows, size_t count, const void *values,
                         struct buf *out)
{
    const char *between = "{\n";
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind == SETTING_SECRET)
            continue; /* I2 */
        buf_append_text(out, between);
        buf_append_text(out, "  ");
        print_string(bytes_text(rows[i].name), out);
        buf_append_text(out, ": ");
        print_value(&rows[i], values, out);
        between = ",\n";
    }
    buf_append_text(out, "\n");
    buf_append_text(out, "}\n");
}

static void print_bounds(const struct setting *row, struct buf *out)
{
    buf_append_text(out, "; from ");
    setting_print_number(row->kind, row->least, out);
    if (row->most == UINT64_MAX)
        return;
    buf_append_text(out, " to ");
    setting_print_number(row->kind, row->most, out);
}

static void print_row(const struct setting *row, struct buf *out)
{
    static const char *const value_words[] = {" TEXT", "",  " NUMBER", " SIZE",
                                              " TIME", " ", " TEXT"};
    size_t start = out->len;
    buf_printf(out, "  --%s%s%s%s", row->kind == SETTING_BOOL ? "[no-]" : "", row->name,
               value_words[row->kind], row->kind == SETTING_CHOICE ? row->choices : "");
    size_t width = out->len - start;
    if (width < HELP_COLUMN - 1)
        buf_printf(out, "%*s", (int)(HELP_COLUMN - width), "");
    else
        buf_printf(out, "\n%*s", HELP_COLUMN, "");
    const char *standard =
        row->standard == NULL || row->standard[0] == '\0' ? "none" : row->standard;
    buf_printf(out, "%s\n%*s(default: %s", row->help, HELP_COLUMN, "", standard);
    if (row->kind == SETTING_COUNT || row->kind == SETTING_BYTES || row->kind == SETTING_MS)
        print_bounds(row, out);
    buf_append_text(out, ")\n");
}

void settings_print_help(const struct setting *rows, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        print_row(&rows[i], out);
}
