/* process_query.h: MetadataExtractionQuery: which JQ programs are run here, and which keys they make.
 *
 * libjq cannot be interrupted and knows no ceiling of memory, so what it is given must be bounded by its text. Taken is the part of the
 * language that says where a key is and how it reads, without loops:
 *
 *   paths (.a.b, ."a b", .[0], .[2:5]), one object with keys that stand in the text, pipes, variables, if, //, and, or, comparison, try, ?
 *   + / % on values, interpolation, and the functions of query_functions (process_query.c)
 *
 * Q1. No program that is taken makes more than one value at a time out of one: no `,` outside of the object, no .[] or .., no reduce,
 *     foreach, def, recurse, range. So its steps are as many as its text has.
 * Q2. What can make a value larger (+, interpolation, formats, tostring) stands at most QUERY_GROWTH_MAX times; there are no arrays or
 *     inner objects to be made, and no `*`. So what it makes is at most 2^QUERY_GROWTH_MAX times its input.
 * Q3. The same record gives the same keys (F3): no clock, no environment, no files, no input.
 *
 * Pure. Thread: any. */
#ifndef SLUICE_DELIVERY_PROCESS_QUERY_H
#define SLUICE_DELIVERY_PROCESS_QUERY_H

#include "base/bytes.h"
#include "base/status.h"

enum {
    QUERY_KEYS_MAX = 64,
    QUERY_DEPTH_MAX = 64,
    QUERY_GROWTH_MAX = 8,
    QUERY_INPUT_BYTES_MAX = 1024 * 1024
};
struct query_keys {
    uint32_t count;
    struct bytes at[QUERY_KEYS_MAX]; /* views of the text */
};
/* INVALID_ARGUMENT: says what is not taken. */
enum status query_scan(struct bytes text, struct query_keys *keys, struct fault *f) MUST_USE;

#endif
