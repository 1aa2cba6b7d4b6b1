/* monitoring.h: what went through streams and shards, as Prometheus text under AWS's names. */
#ifndef SLUICE_API_MONITORING_H
#define SLUICE_API_MONITORING_H

#include "api/service.h"

/* "IncomingBytes" */
const char *shard_metric_name(enum shard_metric metric);

/* Every stream's own metrics, and those of its shards that EnableEnhancedMonitoring asked for. What does not fit `out` any more is left
 * out, whole lines, and the page says so. Thread: any. */
void monitoring_print(struct stream_table *streams, struct buf *out);

#endif
