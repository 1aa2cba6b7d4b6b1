/* fetched.h: records on their way from an answer to the handler.
 *
 * A batch keeps the answer it came in (`free_source` lets go of it), or a copy. Opening it makes of the records that the service stored those that a
 * program wrote: aggregated ones are taken apart, and what was handled before is left out. That is done where the handler runs, so
 * that it costs the worker's thread nothing.
 *
 * Moved from owner to owner, never shared. Thread: its owner's. */
#ifndef SLUICE_CONSUMER_SDK_FETCHED_H
#define SLUICE_CONSUMER_SDK_FETCHED_H

#include "base/arena.h"
#include "base/list.h"
#include "base/u128.h"

#include <sluice/consumer.h>
#include <sluice/kinesis.h>

struct fetched {
    struct list node;
    const struct sluice_kinesis_record *stored;
    uint32_t stored_count;
    int64_t behind_ms;
    void *source;
    void (*free_source)(void *source);
    /* once it is open */
    struct arena arena;
    struct sluice_received *records;
    size_t count;
};

/* Of records that live in `source`, which the batch takes over. NULL: no memory, and `source` is still the caller's. */
struct fetched *fetched_new(const struct sluice_kinesis_record *stored, uint32_t count,
                            int64_t behind_ms, void *source,
                            void (*free_source)(void *source)) SLUICE_MUST_USE;
/* Of records that go when the caller returns: with a copy of them. NULL: no memory. */
struct fetched *fetched_copy(const struct sluice_kinesis_record *stored, uint32_t count,
                             int64_t behind_ms) SLUICE_MUST_USE;
void fetched_free(struct fetched *b);

/* Hash keys. */
struct fetched_range {
    u128 first, last;
};
struct fetched_rules {
    const struct sluice_checkpoint_at *after; /* what is not after this was handled before */
    bool keep_aggregated;
    const struct fetched_range *range; /* the shard's, where K4 is to be looked at; NULL: nowhere */
};
/* SLUICE_OK; SLUICE_NO_MEMORY: it is as it was; SLUICE_PROTOCOL: a sequence number that is none. */
enum sluice_status fetched_open(struct fetched *b, const struct fetched_rules *rules,
                                struct sluice_error *error) SLUICE_MUST_USE;

#endif
