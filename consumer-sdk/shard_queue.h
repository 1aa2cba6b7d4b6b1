/* shard_queue.h: what waits for one shard, in the order of the puts.
 *
 *   put -> open, while they are being aggregated -> ready -> on its way -> completed
 *                                                     ^------- failed ------'
 *
 * Thread: whoever turns the producer. */
#ifndef SLUICE_SDK_SHARD_QUEUE_H
#define SLUICE_SDK_SHARD_QUEUE_H

#include "base/backoff.h"
#include "consumer-sdk/parcel.h"
#include "consumer-sdk/shard_map.h"
#include "consumer-sdk/shard_pace.h"
#include "wire/aggregate.h"

struct shard_queue {
    struct list active_node;         /* the dispatch's, while something waits */
    const struct shard_range *range; /* of the map in force */
    struct list ready;
    uint32_t ready_count;
    size_t ready_bytes;
    struct parcel *tail[PARCELS_AHEAD]; /* a ring: the last of `ready` */
    uint32_t tail_at, tail_count;       /* the latter: as far as they were appended in a row */
    struct list open;                   /* records of the aggregated one under way */
    struct aggregate_writer writer;
    struct list
        numbered;       /* parcels that have a number and no answer, in the order of the numbers */
    uint32_t in_flight; /* parcels on their way */
    bool held; /* its shard is closed: nothing goes until all that is on its way came back */
    struct shard_pace pace;
    struct backoff backoff;
    uint64_t not_before_us; /* after a failure */
};

/* NULL: no memory. */
struct shard_queue *shard_queue_new(const struct shard_range *range);
/* Must be empty. NULL is fine. */
void shard_queue_free(struct shard_queue *q);

/* The newest record. bytes_max: of an aggregated one; 0: nothing is aggregated. */
void shard_queue_put(struct shard_queue *q, struct parcel *p, size_t bytes_max, struct intake *in);
/* Parcels that are to be sent again, or come from elsewhere: in order; before all that is open. Emptied. */
void shard_queue_return(struct shard_queue *q, struct list *parcels);
/* What is open becomes ready: as one, or as they are when there is no memory for it. */
void shard_queue_pack(struct shard_queue *q, struct intake *in);
/* The first that is ready; it is counted as on its way. */
struct parcel *shard_queue_take(struct shard_queue *q);
/* Moves all that waits, ready and open, to the end of `out`. */
void shard_queue_empty(struct shard_queue *q, struct list *out);
/* The oldest that waits; NULL: nothing. */
struct parcel *shard_queue_oldest(const struct shard_queue *q);

/* A packed parcel taken apart: its records, from `out`'s end on, as they were put; the parcel is freed. But when `range` is given
 * and has them all, it stays whole, and `kept` is called for each with its place. False: no memory; nothing has happened. */
bool parcel_unpack(struct parcel *p, const struct shard_range *range, struct list *out,
                   struct intake *in, void (*kept)(void *arg, struct parcel *p, uint32_t place),
                   void *arg);
/* Every record of it lies within the range. False also when there is no memory to look. */
bool parcel_within(const struct parcel *p, const struct shard_range *range);

#endif
