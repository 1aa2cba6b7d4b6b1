/* shard_rate.c: the life of the counters. */
#include "shards/shard_rate.h"

#include "base/mem.h"

struct shard_rate *shard_rate_new(void)
{
    struct shard_rate *r = MEM_NEW(struct shard_rate);
    atomic_store(&r->refs, 1);
    return r;
}

struct shard_rate *shard_rate_ref(struct shard_rate *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void shard_rate_unref(struct shard_rate *r)
{
    if (r && atomic_fetch_sub(&r->refs, 1) == 1)
        mem_free(r);
}
