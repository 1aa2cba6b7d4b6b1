/* position.h: where to begin reading a shard: from the five ways to say it, as GetShardIterator and SubscribeToShard take them, to an
 * offset or a time. Thread: any. */
#ifndef SLUICE_API_POSITION_H
#define SLUICE_API_POSITION_H

#include "api/service.h"
#include "wire/model/kinesis.h"

struct position {
    struct bytes type; /* of the model's ShardIteratorType; checked */
    struct bytes sequence_number;
    struct opt_int timestamp;
    const char *operation; /* for the sentences: "GetShardIterator" */
};

/* What was asked for, once understood. */
struct position_found {
    bool by_time;
    uint64_t time_ms; /* by_time: the first record at or after it, none past retention */
    uint64_t offset;  /* otherwise */
};

/* INVALID_ARGUMENT in AWS's words. `shard` is one of `view`. */
enum status position_find(const struct service *s, const struct stream_view *view,
                          const struct shard *shard, const struct position *p,
                          struct position_found *out, struct fault *f) MUST_USE;

#endif
