/* parcel_unpack.c: a packed parcel taken apart, when the shards that it was packed for are no more.
 *
 * Readers leave out an aggregated record when the key of one of its records does not belong to the shard that it lies in (the KCL and our
 * worker do). So what was packed for a shard that has split since must not stay together.
 *
 * Thread: whoever turns the producer. */
#include "base/arena.h"
#include "consumer-sdk/intake.h"
#include "consumer-sdk/shard_queue.h"

#define ARENA_BYTES_MAX ((size_t)64 << 20)

/* It was written here: only memory can be missing. */
static bool read_all(const struct parcel *p, struct arena *a, struct aggregate_record **records)
{
    uint32_t count;
    arena_init(a, ARENA_BYTES_MAX);
    if (!p->sealed) {
        uint8_t *whole = (uint8_t *)(uintptr_t)p->data.at;
        aggregate_seal(&whole, &p->data.len, 1);
    }
    return aggregate_read(p->data, p->count, a, records, &count) == OK && count == p->count;
}

bool parcel_within(const struct parcel *p, const struct shard_range *range)
{
    if (p->count == 1)
        return shard_range_has(range, p->hash);
    struct arena a;
    struct aggregate_record *records;
    bool within = read_all(p, &a, &records);
    for (uint32_t i = 0; within && i < p->count; i++)
        within = shard_range_has(range, aggregate_hash(&records[i]));
    arena_fini(&a);
    return within;
}

static struct parcel lone(const struct parcel *p, const struct aggregate_record *r, uint32_t i)
{
    return (struct parcel){
        .hash = aggregate_hash(r),
        .partition_key = r->partition_key,
        .explicit_hash_key = r->explicit_hash_key,
        .data = r->data,
        .order = p->entries[i].order,
        .put_us = p->entries[i].put_us,
        .context = p->entries[i].context,
        .attempts = p->attempts,
    };
}

bool parcel_unpack(struct parcel *p, const struct shard_range *range, struct list *out,
                   struct intake *in, void (*kept)(void *arg, struct parcel *p, uint32_t place),
                   void *arg)
{
    struct arena a;
    struct aggregate_record *records;
    struct chunk *chunk = NULL;
    bool done = read_all(p, &a, &records);
    size_t room = 0;
    for (uint32_t i = 0; done && i < p->count; i++) {
        struct parcel one = lone(p, &records[i], i);
        room += range && shard_range_has(range, one.hash) ? 0 : parcel_room(&one);
    }
    if (done && room) {
        chunk = intake_chunk(in, room);
        done = chunk != NULL;
    }
    for (uint32_t i = 0; done && i < p->count; i++) {
        struct parcel one = lone(p, &records[i], i);
        if (!range || !shard_range_has(range, one.hash))
            chunk_add(chunk, &one);
        else if (kept)
            kept(arg, p, i);
    }
    arena_fini(&a);
    if (!done)
        return false;
    if (chunk)
        list_splice(out, &chunk->parcels);
    parcel_free(p, in);
    return true;
}
