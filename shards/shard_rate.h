/* shard_rate.h: what went through a shard, or through a whole stream: counters that outlive the views that show it.
 *
 * A shard is made anew in memory when its state changes (reshard.c); its counters are not. Adding is one or two relaxed atomic additions.
 * On-demand scaling samples them (retention/scaler.h), /metrics prints them (api/monitoring.h). Not durable: they count from the
 * server's start, as Prometheus expects. */
#ifndef SLUICE_SHARDS_SHARD_RATE_H
#define SLUICE_SHARDS_SHARD_RATE_H

#include "shards/quota.h"
#include "shards/rate_window.h"

#include <stdatomic.h>

/* Counted. */
struct shard_rate {
    _Atomic uint32_t refs;
    /* Thread: any */
    _Atomic uint64_t in_bytes, in_records, out_bytes, out_records, write_refused, read_refused;
    _Atomic int64_t iterator_age_ms; /* of the last read */
    struct shard_quota quota;        /* Thread: any; touched only when quotas are held */
    /* housekeeping's own: */
    struct rate_window window;
    uint64_t busy_ms; /* when it last had more than a quiet shard's share; 0: not looked at yet */
};

/* One reference. */
struct shard_rate *shard_rate_new(void);
struct shard_rate *shard_rate_ref(struct shard_rate *r);
void shard_rate_unref(struct shard_rate *r);

static inline void shard_rate_in(struct shard_rate *r, uint64_t bytes, uint64_t records)
{
    atomic_fetch_add_explicit(&r->in_bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->in_records, records, memory_order_relaxed);
}
/* A read's answer: age_ms is how far behind the tip its last record is. */
static inline void shard_rate_out(struct shard_rate *r, uint64_t bytes, uint64_t records,
                                  uint64_t age_ms)
{
    if (records) {
        atomic_fetch_add_explicit(&r->out_bytes, bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&r->out_records, records, memory_order_relaxed);
    }
    atomic_store_explicit(&r->iterator_age_ms, (int64_t)age_ms, memory_order_relaxed);
}
static inline void shard_rate_write_refused(struct shard_rate *r, uint64_t records)
{
    atomic_fetch_add_explicit(&r->write_refused, records, memory_order_relaxed);
}
static inline void shard_rate_read_refused(struct shard_rate *r)
{
    atomic_fetch_add_explicit(&r->read_refused, 1, memory_order_relaxed);
}

#endif
