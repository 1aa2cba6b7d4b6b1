/* metric.h: counters, gauges and histograms, printed as Prometheus text (exposition format 0.0.4).
 * A metric lives for ever once made; updating one is one relaxed atomic operation. Thread: any. */
#ifndef SLUICE_BASE_METRIC_H
#define SLUICE_BASE_METRIC_H

#include "base/buf.h"

#include <stdint.h>

struct metric;

/* Same name and labels: the same metric. `labels` is ready text such as `operation="PutRecord"`, or
 * "". Dies when there is no memory: label values come from tables of ours, never from the network.
 */
struct metric *metric_counter(const char *name, const char *help, const char *labels);
struct metric *metric_gauge(const char *name, const char *help, const char *labels);
/* Buckets are powers of two of microseconds, 16 us to 16 s, printed in seconds. */
struct metric *metric_histogram(const char *name, const char *help, const char *labels);
void metric_add(struct metric *m, uint64_t n);
void metric_set(struct metric *m, int64_t value);
void metric_observe_us(struct metric *m, uint64_t us);
uint64_t metric_value(const struct metric *m); /* a counter's, a gauge's, a histogram's count */
/* All of them, grouped by name with # HELP and # TYPE. */
void metric_print(struct buf *out);

#endif
