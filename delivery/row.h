/* row.h: a JSON object as a row of a table, in the form that columnar.h draws. Pure.
 *
 * What Hive's and OpenX's deserializers take is taken: numbers in quotes, anything as a string (objects and arrays as their JSON), an absent
 * member and null as null, members that no column asks for are passed over. Text longer than a char or varchar is cut, as Hive does. What
 * does not fit its column (text for a number, a number out of range) fails the record: nothing becomes null silently. Thread: any. */
#ifndef SLUICE_DELIVERY_ROW_H
#define SLUICE_DELIVERY_ROW_H

#include "base/buf.h"
#include "delivery/columns.h"

#include <jansson.h>

struct row_rules {
    struct columns columns;
    const struct bytes *keys; /* the member that each column is read from; by default its name */
    bool case_sensitive;
    bool dots_are_underscores; /* in members' names */
    bool
        hive; /* numbers are times only by the pattern "millis"; else seconds or milliseconds since 1970, by their size */
    uint32_t format_count;
    const struct bytes *formats; /* moment.h; before the standard forms */
};

/* Appends the row. INVALID_VALUE: it does not fit (the fault says which column), and `out` is as it was; NO_MEMORY. */
enum status row_append(const struct row_rules *r, const json_t *object, struct buf *out,
                       struct fault *f) MUST_USE;

#endif
