/* process_cut.h: one record into several: what each way to cut gives. Parts are views of the record, in its order.
 *
 * Pure. Thread: any. */
#ifndef SLUICE_DELIVERY_PROCESS_CUT_H
#define SLUICE_DELIVERY_PROCESS_CUT_H

#include "base/bytes.h"
#include "base/status.h"

enum {
    SPLIT_RECORDS_MAX =
        500, /* of RecordDeAggregation; beyond it a record passes whole, as on AWS */
    KPL_RECORDS_MAX = 100000 /* in one aggregated record; one with more passes as it is */
};

struct process_parts {
    struct bytes *at; /* mem_free it */
    uint32_t count, room;
};
/* NO_MEMORY. */
enum status parts_add(struct process_parts *p, struct bytes part) MUST_USE;

/* Appends the record's parts. MALFORMED, TOO_LARGE: it is to stay whole, as it is when it has no part; NO_MEMORY. */
typedef enum status process_cut_fn(const void *own, struct bytes data, struct process_parts *parts);
process_cut_fn kpl_cut;       /* what the Kinesis Producer Library put together */
process_cut_fn json_cut;      /* consecutive objects */
process_cut_fn delimiter_cut; /* own: a struct bytes, not empty */

#endif
