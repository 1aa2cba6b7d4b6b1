/* shape.h: the tables that describe AWS shapes, and how a shape lies in a C struct.
 *
 * wire/model/generate.py makes, for each structure of a service model, a C struct and a `struct shape` from
 * wire/model/<service>.json. The codecs (json, cbor) and check are small machines driven by these tables.
 *
 * How a member lies in its struct (names in snake_case: PartitionKey -> partition_key):
 *   string, enum, blob     struct bytes                    at == NULL: absent. Text is UTF-8; blobs are decoded
 *   integer, long, boolean, timestamp (milliseconds)       struct opt_int
 *   double                 struct opt_double
 *   structure              struct <service>_<shape> *      NULL: absent
 *   list                   struct { uint32_t count; bool present; <element> *at; }    elements lie as members do, but structures one
 *                                                        after the other, not pointers to them (stride: element->size)
 *   map string -> string   struct { uint32_t count; bool present; struct shape_pair *at; }
 * All of it lives in the exchange's arena or borrows from the request's bytes; nothing is freed alone. */
#ifndef SLUICE_WIRE_SHAPE_H
#define SLUICE_WIRE_SHAPE_H

#include "base/bytes.h"

enum shape_kind {
    SHAPE_STRING,
    SHAPE_BLOB,
    SHAPE_INTEGER,
    SHAPE_LONG,
    SHAPE_BOOLEAN,
    SHAPE_TIMESTAMP,
    SHAPE_DOUBLE,
    SHAPE_STRUCTURE,
    SHAPE_LIST,
    SHAPE_MAP
};

struct opt_int {
    int64_t value;
    bool present;
};
struct opt_double {
    double value;
    bool present;
};
struct shape_pair {
    struct bytes key, value;
};
/* What every list and map member looks like to the codecs. */
struct shape_list {
    uint32_t count;
    bool present;
    void *at;
};

struct shape;

struct shape_field {
    const char *name; /* as on the wire: "PartitionKey" */
    const char *path; /* as in violations: "partitionKey" */
    uint16_t name_len;
    bool required;
    uint32_t offset; /* in the C struct */
    const struct shape *shape;
};

/* A pattern as a table of states: next[state * classes + class_of[byte]]; state 0 is dead, 1 the
 * start. */
struct shape_pattern {
    const char *text;        /* as AWS prints it in violations */
    const uint8_t *class_of; /* 256 */
    const uint16_t *next;
    const uint8_t *accepts; /* by state */
    uint16_t states, classes;
};

struct shape {
    const char *name; /* "PutRecordInput" */
    enum shape_kind kind;
    uint32_t size;    /* of one value in memory: struct size, or of the element types above */
    int64_t min, max; /* length in characters (string), bytes (blob), items (list, map), or value
                         (numbers) */
    bool has_min, has_max;
    bool sensitive; /* its value stays out of violations */
    const struct shape_pattern *pattern;
    const char *const *enum_values; /* NULL-terminated; for check */
    const char *enum_text;          /* "[A, B]" in the model's order, as violations print it */
    const struct shape_field *fields;
    uint32_t field_count;
    const struct shape *element; /* of a list; a map's key */
    const struct shape *map_value;
};

struct operation_model {
    const char *name;
    const struct shape *input, *output; /* NULL when it has none */
    const char *const *errors;          /* NULL-terminated exception names */
};

/* The field of that wire name, or NULL. Guesses `*hint` first (the field after the last one found),
 * as members mostly come in order. */
const struct shape_field *shape_field_find(const struct shape *s, struct bytes name,
                                           uint32_t *hint);
/* Whether a member of that shape, which lies at `at` in its struct, is there. */
bool shape_is_present(const struct shape *s, const void *at);
/* Index in enum_values, or -1. The generator's C enums have the same order. */
int shape_enum_index(const struct shape *s, struct bytes value);
bool shape_pattern_matches(const struct shape_pattern *p, struct bytes text);

#endif
