/* shard_queue.c: what waits for one shard.
 *
 * P3, its part: `ready` and `open` are each in the order of the puts, and all of `ready` is before all of `open`.
 *
 * Thread: whoever turns the producer. */
#include "consumer-sdk/shard_queue.h"

#include "base/mem.h"
#include "consumer-sdk/intake.h"

enum { BACKOFF_MS = 50, BACKOFF_MAX_MS = 5000 };

struct shard_queue *shard_queue_new(const struct shard_range *range)
{
    struct shard_queue *q = mem_try(sizeof(*q));
    if (!q)
        return NULL;
    *q = (struct shard_queue){.range = range,
                              .backoff = {.first_ms = BACKOFF_MS, .most_ms = BACKOFF_MAX_MS}};
    list_init(&q->active_node);
    list_init(&q->ready);
    list_init(&q->open);
    list_init(&q->numbered);
    aggregate_writer_init(&q->writer);
    return q;
}

void shard_queue_free(struct shard_queue *q)
{
    if (!q)
        return;
    list_remove(&q->active_node);
    aggregate_writer_fini(&q->writer);
    mem_free(q);
}

/* Before it is appended. What was taken since left from the front: so of the ring only the last ready_count are still there. */
static void link_ahead(struct shard_queue *q, struct parcel *p)
{
    struct parcel **slot = &q->tail[q->tail_at++ % PARCELS_AHEAD];
    q->tail_count = q->tail_count < q->ready_count ? q->tail_count : q->ready_count;
    if (q->tail_count >= PARCELS_AHEAD)
        (*slot)->ahead = p;
    *slot = p;
    q->tail_count++;
}

static void append_ready(struct shard_queue *q, struct parcel *p)
{
    link_ahead(q, p);
    list_append(&q->ready, &p->node);
    q->ready_count++;
    q->ready_bytes += parcel_size(p);
}

void shard_queue_put(struct shard_queue *q, struct parcel *p, size_t bytes_max, struct intake *in)
{
    if (!bytes_max) {
        append_ready(q, p);
        return;
    }
    struct aggregate_record r = {p->partition_key, p->explicit_hash_key, p->data};
    enum status st = aggregate_add(&q->writer, &r, bytes_max);
    if (st == TOO_LARGE && !list_empty(&q->open)) {
        shard_queue_pack(q, in);
        st = aggregate_add(&q->writer, &r, bytes_max);
    }
    if (st == OK) {
        list_append(&q->open, &p->node);
        return;
    }
    shard_queue_pack(q, in); /* none may overtake */
    append_ready(q, p);
}

void shard_queue_return(struct shard_queue *q, struct list *parcels)
{
    LIST_EACH(node, keep, parcels)
    {
        q->ready_count++;
        q->ready_bytes += parcel_size(parcel_of(node));
    }
    parcel_merge(&q->ready, parcels);
    q->tail_count = 0;
}

/* One block: the parcel, an entry a record, its hash key as text, the envelope. */
static struct parcel *packed_new(const struct shard_queue *q, struct intake *in)
{
    const struct aggregate_writer *w = &q->writer;
    size_t data_len = aggregate_bytes(w), entries_len = w->count * sizeof(struct parcel_entry);
    size_t bytes = sizeof(struct parcel) + entries_len + U128_DECIMAL_BYTES_MAX + data_len;
    struct parcel *p = intake_take_memory(in, &bytes);
    if (!p)
        return NULL;
    const struct parcel *first = parcel_first(&q->open);
    struct parcel_entry *entries = (struct parcel_entry *)(p + 1);
    char *hash_key = (char *)(entries + w->count);
    uint8_t *data = (uint8_t *)hash_key + U128_DECIMAL_BYTES_MAX;
    *p = (struct parcel){
        .hash = first->hash,
        .partition_key =
            BYTES_LITERAL(AGGREGATE_PARTITION_KEY), /* as the KPL's: the hash key decides */
        .explicit_hash_key = bytes_of(hash_key, u128_print(first->hash, hash_key)),
        .data = bytes_of(data, data_len),
        .order = first->order,
        .put_us = first->put_us,
        .entries = entries,
        .bytes = bytes,
        .count = w->count,
    };
    list_init(&p->numbered_node);
    aggregate_write(w, data);
    return p;
}

void shard_queue_pack(struct shard_queue *q, struct intake *in)
{
    struct parcel *packed = q->writer.count > 1 ? packed_new(q, in) : NULL;
    uint32_t place = 0;
    LIST_EACH(node, keep, &q->open)
    {
        struct parcel *p = parcel_of(node);
        list_remove(node);
        if (!packed) {
            append_ready(q, p);
            continue;
        }
        packed->entries[place++] = (struct parcel_entry){p->context, p->put_us, p->order};
        parcel_free(p, in);
    }
    aggregate_writer_clear(&q->writer);
    if (packed)
        append_ready(q, packed);
}

struct parcel *shard_queue_take(struct shard_queue *q)
{
    struct parcel *p = parcel_first(&q->ready);
    list_remove(&p->node);
    if (p->ahead)
        parcel_prefetch(p->ahead);
    p->ahead = NULL;
    q->ready_count--;
    q->ready_bytes -= parcel_size(p);
    q->in_flight++;
    p->queue = q;
    return p;
}

void shard_queue_empty(struct shard_queue *q, struct list *out)
{
    list_splice(out, &q->ready);
    list_splice(out, &q->open);
    aggregate_writer_clear(&q->writer);
    q->ready_count = 0;
    q->ready_bytes = 0;
    q->tail_count = 0;
}

struct parcel *shard_queue_oldest(const struct shard_queue *q)
{
    struct parcel *p = parcel_first(&q->ready);
    return p ? p : parcel_first(&q->open);
}
