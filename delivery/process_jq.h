/* process_jq.h: MetadataExtraction: partition keys by JQ 1.6. */
#ifndef SLUICE_DELIVERY_PROCESS_JQ_H
#define SLUICE_DELIVERY_PROCESS_JQ_H

#include "delivery/process_internal.h"

/* Whether the query runs here and makes the keys that the prefix takes from it. INVALID_ARGUMENT. Compiles it: some milliseconds.
 * Thread: any. */
enum status process_jq_check(struct bytes query, struct bytes prefix, struct fault *f) MUST_USE;

extern const struct process_step_kind process_jq;

#endif
