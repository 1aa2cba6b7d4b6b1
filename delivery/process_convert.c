/* process_convert.c: data format conversion, a record's half of it: JSON into rows (row.h). What makes files of them is compress.c.
 *
 * A record is one JSON object, or several with nothing or white space between (AWS's guide, "Convert input data format"): each is a row. What
 * cannot become rows goes whole to the error output, as format-conversion-failed. */
#include "delivery/conversion.h"
#include "delivery/process_internal.h"

#include <jansson.h>

static enum status open(const struct process_parameters *p, void **out, struct fault *f)
{
    const struct conversion *conversion = p->settings->conversion;
    *out = (void *)(uintptr_t)conversion;
    return conversion ? OK : fault_set(f, UNSUPPORTED, "%s", p->settings->no_conversion);
}

static bool only_spaces(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\r\n", text.at[i]) || !text.at[i])
            return false;
    return true;
}

/* Each object of the record, appended as a row. MALFORMED: it is not JSON, or not objects; INVALID_VALUE. */
static enum status append_rows(const struct row_rules *r, struct bytes data, struct buf *out,
                               struct fault *f)
{
    enum status st = OK;
    do {
        json_error_t why;
        json_t *object = json_loadb((const char *)data.at, data.len,
                                    JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &why);
        if (!json_is_object(object)) {
            st = fault_set(f, MALFORMED, "The record is not a JSON object.");
        } else {
            size_t taken = (size_t)why.position;
            data = bytes_of(data.at + taken, data.len - taken);
            st = row_append(r, object, out, f);
        }
        json_decref(object);
    } while (st == OK && !only_spaces(data));
    return st;
}

static enum status fail(struct process_work *w, struct process_item *i, const struct conversion *c,
                        enum status why, const struct fault *f)
{
    struct bytes words = arena_copy(&w->batch->arena, bytes_text(f->text));
    if (!bytes_present(words))
        return NO_MEMORY;
    enum status st = item_fail(w, i,
                               why == MALFORMED ? "DataFormatConversion.ParseError"
                                                : "DataFormatConversion.MalformedData",
                               (const char *)words.at);
    if (st == OK)
        i->failure->schema = c->schema;
    return st;
}

static enum status convert_item(const struct conversion *c, struct process_work *w,
                                struct process_item *i, struct buf *rows)
{
    struct fault why = {.text = ""};
    buf_clear(rows);
    enum status st = append_rows(&c->rows, i->data, rows, &why);
    if (st == MALFORMED || st == INVALID_VALUE)
        return fail(w, i, c, st, &why);
    if (st != OK)
        return st;
    i->data = arena_copy(&w->batch->arena, buf_view(rows));
    return bytes_present(i->data) ? OK : NO_MEMORY;
}

static enum status run(void *own, struct process_work *w)
{
    struct buf rows;
    buf_init(&rows, SIZE_MAX / 2);
    enum status st = OK;
    for (uint32_t n = 0; n < w->count && st == OK; n++)
        if (w->items[n].fate == ITEM_GOES_ON)
            st = convert_item(own, w, &w->items[n], &rows);
    buf_fini(&rows);
    return st;
}

const struct process_step_kind process_convert = {.open = open, .run = run};
