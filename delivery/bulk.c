/* bulk.c: see the header.
 *
 * AWS's guide gives myindex-2016-w08 for 2016-02-25 and beside it the rule that week 1 is the first with a Saturday in the year, by which it is w09.
 * The rule is kept.
 *
 * Left to others: answers (bulk_answer.c). Thread: any. */
#include "delivery/bulk.h"

#include "wire/json.h"

#include <stdio.h>
#include <time.h>

enum { DAYS_A_WEEK = 7, SATURDAY = 6, DAY_S = 86400 };

/* ---- names */

static void print_week(const char *index, int index_len, time_t at_s, char out[BULK_INDEX_BYTES])
{
    struct tm day, saturday;
    gmtime_r(&at_s, &day);
    time_t end_s = at_s + (time_t)(SATURDAY - day.tm_wday) * DAY_S;
    gmtime_r(&end_s, &saturday);
    snprintf(out, BULK_INDEX_BYTES, "%.*s-%04d-w%02d", index_len, index, saturday.tm_year + 1900,
             saturday.tm_yday / DAYS_A_WEEK + 1);
}

void bulk_index_name(struct bytes index, struct bytes rotation, uint64_t arrival_ms,
                     char out[BULK_INDEX_BYTES])
{
    time_t at_s = (time_t)(arrival_ms / 1000);
    int len = (int)index.len;
    const char *name = (const char *)index.at;
    struct tm at;
    gmtime_r(&at_s, &at);
    int year = at.tm_year + 1900, month = at.tm_mon + 1;
    if (bytes_equal(rotation, BYTES_LITERAL("NoRotation")))
        snprintf(out, BULK_INDEX_BYTES, "%.*s", len, name);
    else if (bytes_equal(rotation, BYTES_LITERAL("OneHour")))
        snprintf(out, BULK_INDEX_BYTES, "%.*s-%04d-%02d-%02d-%02d", len, name, year, month,
                 at.tm_mday, at.tm_hour);
    else if (bytes_equal(rotation, BYTES_LITERAL("OneWeek")))
        print_week(name, len, at_s, out);
    else if (bytes_equal(rotation, BYTES_LITERAL("OneMonth")))
        snprintf(out, BULK_INDEX_BYTES, "%.*s-%04d-%02d", len, name, year, month);
    else
        snprintf(out, BULK_INDEX_BYTES, "%.*s-%04d-%02d-%02d", len, name, year, month, at.tm_mday);
}

/* ---- requests */

static void member(struct buf *out, const char *name, struct bytes value)
{
    if (value.len == 0)
        return;
    buf_printf(out, ",\"%s\":", name);
    json_append_string(out, value);
}

static void append_on_one_line(struct buf *out, struct bytes document)
{
    uint8_t *at = buf_reserve(out, document.len + 1);
    if (at == NULL)
        return;
    for (size_t i = 0; i < document.len; i++)
        at[i] = document.at[i] == '\n' || document.at[i] == '\r' ? ' ' : document.at[i];
    at[document.len] = '\n';
    buf_add(out, document.len + 1);
}

void bulk_append(const struct bulk_action *a, struct buf *out)
{
    buf_append_text(out, "{\"index\":{\"_index\":");
    json_append_string(out, a->index);
    member(out, "_type", a->type);
    member(out, "_id", a->id);
    buf_append_text(out, "}}\n");
    append_on_one_line(out, a->document);
}

bool bulk_is_document(struct bytes data)
{
    return json_is_object(data);
}
