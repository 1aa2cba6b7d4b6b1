/* columns.h: the columns of a table, as Glue and Hive name their types: "bigint", "decimal(10,2)", "array<struct<a:int,b:string>>".
 *
 * Pure. Thread: any. */
#ifndef SLUICE_DELIVERY_COLUMNS_H
#define SLUICE_DELIVERY_COLUMNS_H

#include "base/arena.h"
#include "delivery/columnar/columnar.h"

enum {
    COLUMNS_MAX = 1000,
    COLUMN_NAME_BYTES_MAX = 255,
    COLUMN_TYPE_BYTES_MAX = 131072,
    COLUMN_DEPTH_MAX = 16
};

struct columns {
    uint32_t count;
    struct column *at;
};

/* Fills out->kind and what belongs to it; names of fields are in the arena, in lower case. INVALID_VALUE says what is wrong; NO_MEMORY. */
enum status column_parse(struct bytes type, struct arena *a, struct column *out,
                         struct fault *f) MUST_USE;

/* From the stored form, [["name", "type"], ...] in JSON, and from Glue's, [{"Name": ..., "Type": ...}, ...]. */
enum status columns_parse(struct bytes json, struct arena *a, struct columns *out,
                          struct fault *f) MUST_USE;

#endif
