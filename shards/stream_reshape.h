/* stream_reshape.h: what a stream remembers of how it was reshaped: a recount under way, how often it was asked for, which metrics of its
 * shards are wanted. Plain values, a part of stream_settings; durable in its row (catalog_store_reshape.c). */
#ifndef SLUICE_SHARDS_STREAM_RESHAPE_H
#define SLUICE_SHARDS_STREAM_RESHAPE_H

#include "base/limits.h"

#include <stdint.h>

/* AWS's shard-level metrics, in the model's order; a set of them is a mask of 1 << metric. */
enum shard_metric {
    SHARD_METRIC_INCOMING_BYTES,
    SHARD_METRIC_INCOMING_RECORDS,
    SHARD_METRIC_OUTGOING_BYTES,
    SHARD_METRIC_OUTGOING_RECORDS,
    SHARD_METRIC_WRITE_EXCEEDED,
    SHARD_METRIC_READ_EXCEEDED,
    SHARD_METRIC_ITERATOR_AGE,
    SHARD_METRICS
};
enum { SHARD_METRICS_ALL = (1 << SHARD_METRICS) - 1 };

struct stream_reshape {
    uint32_t target_shards;             /* of the recount under way (stream UPDATING); 0: none */
    uint32_t shard_metrics;             /* mask */
    uint64_t recounts_ms[RECOUNTS_MAX]; /* the latest UpdateShardCounts; 0: none */
    uint64_t switches_ms[MODE_SWITCHES_MAX]; /* the latest UpdateStreamModes */
};

#endif
