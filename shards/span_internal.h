/* span_internal.h: a stored value in memory: how spans are made and looked into. */
#ifndef SLUICE_SHARDS_SPAN_INTERNAL_H
#define SLUICE_SHARDS_SPAN_INTERNAL_H

#include "shards/log.h"
#include "shards/record.h"

struct tail_log;

/* Every span lives in one of these, so that the tail can link it without memory of its own. */
struct span_box {
    struct list node;       /* the tail's: by age; the committer's before that */
    struct tail_log *owner; /* the tail's */
    struct log_span span;
};

static inline struct span_box *span_box(struct log_span *s)
{
    return LIST_OWNER(s, struct span_box, span);
}

/* One reference, `len` bytes not yet written, counts and times 0. NULL: no memory. */
struct log_span *span_new(size_t len) MUST_USE;

/* What the headers of a stored value say. */
struct span_facts {
    uint64_t first_offset, first_ms, last_ms;
    uint32_t count;
    bool seals;   /* its last batch does */
    bool stamped; /* any of its batches is */
};
/* Reads all headers of a stored value. CORRUPT unless batches fill it exactly, offsets follow
 * without a gap and times never decrease. `bodies` says whether to check the bodies' CRCs as well.
 */
enum status span_survey(struct bytes value, bool bodies, struct span_facts *out,
                        struct fault *f) MUST_USE;
/* Like span_new, from a stored value, all of it checked. NO_MEMORY, CORRUPT. */
enum status span_from_value(struct bytes value, struct log_span **out, struct fault *f) MUST_USE;
/* The first offset in the span whose batch's time is at least time_ms; END when there is none. The
 * span was checked before. */
enum status span_find_time(const struct log_span *s, uint64_t time_ms, uint64_t *offset) MUST_USE;

#endif
