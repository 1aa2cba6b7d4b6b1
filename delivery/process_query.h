/* process_query.h: MetadataExtractionQuery: which JQ programs are taken, and which keys they make, as far as their text says.
 *
 * A helper runs them within bounds (query_helper.h), so nearly all of JQ 1.6 is taken. Refused, in a sentence that names it, is what would see
 * more than its record: the clock, the environment, files, modules, other input. Whether the whole is a program libjq says (query_try).
 *
 * Pure. Thread: any. */
#ifndef SLUICE_DELIVERY_PROCESS_QUERY_H
#define SLUICE_DELIVERY_PROCESS_QUERY_H

#include "base/bytes.h"
#include "base/status.h"

enum { QUERY_KEYS_MAX = 256, QUERY_DEPTH_MAX = 256 };
struct query_keys {
    uint32_t count;
    struct bytes at[QUERY_KEYS_MAX]; /* of all its objects; views of the text */
    bool computed;                   /* others may be made: nobody knows before there is a record */
};
/* INVALID_ARGUMENT: says what is not taken. */
enum status query_scan(struct bytes text, struct query_keys *keys, struct fault *f) MUST_USE;

#endif
