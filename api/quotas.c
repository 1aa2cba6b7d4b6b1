/* quotas.c: a table of buckets, made when they are first needed.
 *
 * A bucket that is full again says the same as none. So when the table has grown to BUCKETS_KEPT, those are thrown out; what then is still there
 * was called within the last second. The next look comes when it has doubled, so that a new bucket costs no walk on the average. */
#include "api/quotas.h"

#include "base/limits.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/table.h"
#include "shards/quota.h"

#include <stdio.h>

enum { BUCKETS_KEPT = 4096, BUCKETS_MAX = 65536 };
enum of_what { ACCOUNT, STREAM };

static const struct quota_row {
    struct bytes operation;
    uint32_t per_s;
    enum of_what of;
} rows[] = {
#define QUOTA(name, per_s, of) {BYTES_LITERAL(#name), per_s, of},
#include "api/quotas.def"
#undef QUOTA
};

struct quotas {
    const struct clock *clock; /* fixed at birth */
    struct lock mu;
    size_t forget_at;     /* under mu: how many entries are enough to look for full ones */
    struct table entries; /* under mu; by key */
};

struct entry {
    struct bucket bucket;
    size_t key_len;
    char key[]; /* row, account, region, stream */
};

struct quotas *quotas_new(const struct clock *clock)
{
    struct quotas *q = MEM_NEW(struct quotas);
    q->clock = clock;
    lock_init(&q->mu, LOCK_QUOTA);
    q->forget_at = BUCKETS_KEPT;
    table_init(&q->entries);
    return q;
}

/* Those that were full at now_ns. */
static void forget(struct quotas *q, uint64_t now_ns)
{
    void *value;
    size_t at = 0;
    struct table kept;
    table_init(&kept);
    while (table_next(&q->entries, &at, &value)) {
        struct entry *e = value;
        if (e->bucket.full_ns > now_ns)
            table_set(&kept, bytes_of(e->key, e->key_len), e);
        else
            mem_free(e);
    }
    table_fini(&q->entries);
    q->entries = kept;
}

void quotas_free(struct quotas *q)
{
    if (!q)
        return;
    forget(q, UINT64_MAX);
    table_fini(&q->entries);
    lock_fini(&q->mu);
    mem_free(q);
}

uint64_t quotas_now_ns(const struct quotas *q)
{
    return clock_mono_us(q->clock) * 1000;
}

static const struct quota_row *row_of(struct bytes operation)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (bytes_equal(rows[i].operation, operation))
            return &rows[i];
    return NULL;
}

/* NULL when there are too many. */
static struct entry *entry_of(struct quotas *q, struct bytes key, uint64_t now_ns)
{
    struct entry *e = table_find(&q->entries, key);
    if (e)
        return e;
    if (q->entries.count >= q->forget_at) {
        forget(q, now_ns);
        q->forget_at = q->entries.count * 2 > BUCKETS_KEPT ? q->entries.count * 2 : BUCKETS_KEPT;
    }
    if (q->entries.count >= BUCKETS_MAX)
        return NULL;
    e = mem_must(sizeof(*e) + key.len);
    e->bucket = (struct bucket){0};
    e->key_len = key.len;
    memcpy(e->key, key.at, key.len);
    table_set(&q->entries, bytes_of(e->key, key.len), e);
    return e;
}

static bool take(struct quotas *q, const struct quota_row *row, const struct scope *scope,
                 struct bytes stream)
{
    char key[sizeof(struct scope) + STREAM_NAME_BYTES_MAX + 16];
    int len = snprintf(
        key, sizeof(key), "%zu/%s/%s/%.*s", (size_t)(row - rows), scope->account, scope->region,
        (int)(stream.len < STREAM_NAME_BYTES_MAX ? stream.len : STREAM_NAME_BYTES_MAX),
        (const char *)stream.at);
    uint64_t now_ns = quotas_now_ns(q), second_ns = bucket_cost_ns(1, 1);
    lock_take(&q->mu);
    struct entry *e = entry_of(q, bytes_of(key, (size_t)len), now_ns);
    bool taken = e && bucket_take(&e->bucket, now_ns, bucket_cost_ns(1, row->per_s), second_ns);
    lock_drop(&q->mu);
    return taken;
}

bool quotas_call(struct quotas *q, struct bytes operation, const struct scope *caller)
{
    const struct quota_row *row = row_of(operation);
    return !row || row->of != ACCOUNT || take(q, row, caller, BYTES_LITERAL(""));
}

bool quotas_call_stream(struct quotas *q, struct bytes operation, const struct scope *scope,
                        struct bytes stream)
{
    const struct quota_row *row = row_of(operation);
    return !row || row->of != STREAM || take(q, row, scope, stream);
}
