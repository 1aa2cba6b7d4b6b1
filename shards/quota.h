/* quota.h: rates that are held exactly: what a shard takes and gives a second, on AWS.
 *
 * A bucket is one number: the time at which it will be full again. Taking moves that time on by what the amount costs at the rate; who would
 * move it further than `burst` ahead of now is refused. Nothing drifts, nothing needs a timer, and an untouched bucket is full.
 * (The generic cell rate algorithm: ITU-T I.371, annex A.)
 *
 * Times are nanoseconds of a monotonic clock. Thread: any. */
#ifndef SLUICE_SHARDS_QUOTA_H
#define SLUICE_SHARDS_QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* When it is full. All zero: now. */
struct bucket {
    _Atomic uint64_t full_ns;
};
/* What `amount` costs in a bucket that fills at `per_s`. */
uint64_t bucket_cost_ns(uint64_t amount, uint64_t per_s);
/* False, and nothing taken, when there is too little. An amount larger than the whole bucket is given when it is full. */
bool bucket_take(struct bucket *b, uint64_t now_ns, uint64_t cost_ns, uint64_t burst_ns);
/* What was taken for something that did not happen. */
void bucket_return(struct bucket *b, uint64_t cost_ns);

/* One shard's. Lives as long as its counters (shard_rate.h), through all views of it. */
struct shard_quota {
    struct bucket write_bytes, write_records, read_bytes, reads, iterators;
};
/* One record of so many bytes, key and data; the shard's largest may be record_bytes_max. */
bool shard_quota_write(struct shard_quota *q, uint64_t now_ns, uint64_t bytes,
                       uint64_t record_bytes_max);
/* A GetRecords may be answered; then what its answer had. 10 MiB keep the shard's readers out for five seconds, as on AWS. */
bool shard_quota_read(struct shard_quota *q, uint64_t now_ns);
void shard_quota_read_done(struct shard_quota *q, uint64_t now_ns, uint64_t bytes);
bool shard_quota_iterator(struct shard_quota *q, uint64_t now_ns);
/* One consumer's, of one shard: may it have another event; then what the event had. */
bool consumer_quota_open(const struct bucket *b, uint64_t now_ns);
void consumer_quota_done(struct bucket *b, uint64_t now_ns, uint64_t bytes);

#endif
