/* quota.c: see quota.h. The numbers are AWS's ("Quotas and limits", Kinesis Data Streams Developer Guide). */
#include "shards/quota.h"

#include "base/limits.h"

enum { READS_PER_S = 5, ITERATORS_PER_S = 5 };
#define SECOND_NS        UINT64_C(1000000000)
#define READ_BYTES_PER_S MIB(2)

uint64_t bucket_cost_ns(uint64_t amount, uint64_t per_s)
{
    return amount * SECOND_NS / per_s;
}

bool bucket_take(struct bucket *b, uint64_t now_ns, uint64_t cost_ns, uint64_t burst_ns)
{
    uint64_t full = atomic_load_explicit(&b->full_ns, memory_order_relaxed);
    uint64_t needed = cost_ns < burst_ns ? cost_ns : burst_ns;
    uint64_t from;
    do {
        from = full > now_ns ? full : now_ns;
        if (from + needed > now_ns + burst_ns)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&b->full_ns, &full, from + cost_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void bucket_return(struct bucket *b, uint64_t cost_ns)
{
    atomic_fetch_sub_explicit(&b->full_ns, cost_ns, memory_order_relaxed);
}

bool shard_quota_write(struct shard_quota *q, uint64_t now_ns, uint64_t bytes,
                       uint64_t record_bytes_max)
{
    uint64_t record = bucket_cost_ns(1, SHARD_WRITE_RECORDS_PER_S);
    uint64_t cost = bucket_cost_ns(bytes, SHARD_WRITE_BYTES_PER_S);
    uint64_t most =
        record_bytes_max > SHARD_WRITE_BYTES_PER_S ? record_bytes_max : SHARD_WRITE_BYTES_PER_S;
    if (!bucket_take(&q->write_records, now_ns, record, SECOND_NS))
        return false;
    if (bucket_take(&q->write_bytes, now_ns, cost, bucket_cost_ns(most, SHARD_WRITE_BYTES_PER_S)))
        return true;
    bucket_return(&q->write_records, record);
    return false;
}

/* Reading is paid for afterwards, when it is known how much it was: whoever finds the bucket open may read. */
static bool is_open(const struct bucket *b, uint64_t now_ns)
{
    return atomic_load_explicit(&b->full_ns, memory_order_relaxed) < now_ns + SECOND_NS;
}

/* What was more than a second's worth is waited for to its end. */
static void pay(struct bucket *b, uint64_t now_ns, uint64_t bytes)
{
    uint64_t cost = bucket_cost_ns(bytes, READ_BYTES_PER_S);
    if (cost > SECOND_NS)
        cost += SECOND_NS;
    (void)bucket_take(b, now_ns, cost, UINT64_MAX / 2);
}

bool shard_quota_read(struct shard_quota *q, uint64_t now_ns)
{
    return is_open(&q->read_bytes, now_ns) &&
           bucket_take(&q->reads, now_ns, bucket_cost_ns(1, READS_PER_S), SECOND_NS);
}

void shard_quota_read_done(struct shard_quota *q, uint64_t now_ns, uint64_t bytes)
{
    pay(&q->read_bytes, now_ns, bytes);
}

bool shard_quota_iterator(struct shard_quota *q, uint64_t now_ns)
{
    return bucket_take(&q->iterators, now_ns, bucket_cost_ns(1, ITERATORS_PER_S), SECOND_NS);
}

bool consumer_quota_open(const struct bucket *b, uint64_t now_ns)
{
    return is_open(b, now_ns);
}

void consumer_quota_done(struct bucket *b, uint64_t now_ns, uint64_t bytes)
{
    pay(b, now_ns, bytes);
}
