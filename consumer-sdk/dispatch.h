/* dispatch.h: the middle of a producer: from records that were put to calls that are to be made, and from answers to completions.
 *
 * It makes no call, waits for nothing and reads no clock: its owner hands in records, maps of shards, answers and the time, and takes
 * calls out. So any history can be played to it (tests/unit/consumer-sdk/dispatch_test.c).
 *
 *   dispatch_put -> [no map yet: unrouted] -> a queue a shard -> dispatch_next: a call -> dispatch_record, dispatch_ended -> delivered
 *                                               ^------------ what failed and may go again ---------'
 *
 * The promises are sluice/producer.h's, P1 to P6. How the less plain ones are kept:
 * P1. A parcel is in one place: unrouted, a queue, a call, or stray; completing it frees it.
 * P3. A call carries one parcel of a shard in ordered mode, and no other until it came back: a PutRecords may store a later record of a
 *     call and refuse an earlier one. When shards change, nothing goes to a child while something is on its way to its parent.
 * P4. What comes back from another shard than it was packed for is looked at when the new map is there: when one of its records does not
 *     belong to that shard, readers drop it whole, and so it is sent again whole.
 * P5. A parcel has its number from its first sending on, and never another; a packed one whose answer was lost is never packed anew.
 *
 * Thread: whoever turns the producer. */
#ifndef SLUICE_SDK_DISPATCH_H
#define SLUICE_SDK_DISPATCH_H

#include "base/buf.h"
#include "base/random.h"

#include "consumer-sdk/intake.h"
#include "consumer-sdk/shard_queue.h"

#include <sluice/producer.h>

enum {
    DISPATCH_WINDOW = 4096,  /* numbers that the service remembers of a producer, a shard */
    DISPATCH_RUNS_MAX = 256, /* of numbers, in a header */
};
#define DISPATCH_NEVER UINT64_MAX

struct dispatch_options {
    size_t batch_bytes_max, aggregate_bytes_max; /* the latter 0: nothing is aggregated */
    uint32_t batch_records_max, calls_max;
    uint64_t linger_us, timeout_us, map_age_us;
    bool ordered, idempotent;
    uint64_t seed; /* of back-off's chance */
    void (*delivered)(void *context, void *record_context, const struct sluice_delivered *result);
    void *context;
};

/* A PutRecords: under way from dispatch_next to dispatch_ended. */
struct put_call {
    struct list node;
    void *owner;             /* the caller's */
    void *handle;            /* likewise */
    struct list back;        /* those that are to be sent again */
    uint64_t sent_us, order; /* the oldest put of its records */
    uint64_t until_us;       /* when its newest record's time is up */
    size_t bytes;
    uint32_t count;
    struct parcel *parcels[]; /* NULL: has its answer */
};
struct put_result {
    struct bytes shard_id, sequence_number, error_code, error_message;
};

struct dispatch_counts {
    uint64_t stored, failed, retried, throttled, calls, calls_failed, kinesis_records;
    uint64_t latency_us_sum, latency_us_max;
};

struct dispatch {
    struct dispatch_options options;
    struct intake *intake;
    struct random random;
    struct shard_map *map, *next_map;
    struct shard_queue **queues; /* of the map's shards */
    struct list active; /* queues in which something waits: those served least lately first */
    struct list unrouted, calls, strays;
    struct list closed; /* shards of the latest list: the last ones of it first */
    uint32_t closed_count;
    uint32_t calls_under_way;
    uint64_t flush_order; /* puts up to this one do not linger */
    uint64_t number;      /* the next */
    uint64_t map_us;      /* when the map came, or the last try for one failed */
    uint64_t map_after_us, map_asks;
    struct backoff map_backoff;
    bool map_wanted, map_asked, cancelled;
    uint64_t again_us; /* an allocation failed: try again then; 0: none did */
    struct dispatch_counts counts;
};

void dispatch_init(struct dispatch *d, const struct dispatch_options *options, struct intake *in);
/* No call may be under way. All that waits is freed, without completions: dispatch_cancel first. */
void dispatch_fini(struct dispatch *d);

/* Takes the records, in order; hashed. */
void dispatch_put(struct dispatch *d, struct list *parcels, uint64_t now_us);
/* Completes what waited too long. */
void dispatch_expire(struct dispatch *d, uint64_t now_us);
/* Completes with SLUICE_CANCELLED all that waits, and all that comes back from now on. */
void dispatch_cancel(struct dispatch *d, uint64_t now_us);
/* The oldest put that has no completion; DISPATCH_NEVER: all have. (What the intake holds is not known here.) */
uint64_t dispatch_oldest(const struct dispatch *d);
/* When something is to be done next, as far as is known now; DISPATCH_NEVER. */
uint64_t dispatch_due_us(struct dispatch *d, uint64_t now_us);

/* The next call that is due; NULL: none. */
struct put_call *dispatch_next(struct dispatch *d, uint64_t now_us);
/* Its records have digests where they want them, and some of those that go next have theirs: just before it is sent. */
void dispatch_seal(struct dispatch *d, struct put_call *call);
/* "100", or "100+3,110+497": the numbers of its records, in order. */
void dispatch_numbers(const struct put_call *call, struct buf *out);
/* The answer to one record; each at most once. Then dispatch_ended. */
void dispatch_record(struct dispatch *d, struct put_call *call, uint32_t place,
                     const struct put_result *result, uint64_t now_us);
/* The call has ended: `error` is for those that have no answer. The call is freed. */
void dispatch_ended(struct dispatch *d, struct put_call *call, const struct sluice_error *error,
                    uint64_t now_us);

/* Whether the next list should have the closed shards too: something lies in a shard that may be one of them. */
static inline bool dispatch_wants_closed(const struct dispatch *d)
{
    return !list_empty(&d->strays);
}
/* One of them; before dispatch_set_map. */
void dispatch_closed(struct dispatch *d, const struct shard_range *range);
/* Whether the shards should be listed now; true: dispatch_set_map or dispatch_map_failed follows. */
bool dispatch_wants_map(struct dispatch *d, uint64_t now_us);
/* Takes the map. */
void dispatch_set_map(struct dispatch *d, struct shard_map *map, uint64_t now_us);
void dispatch_map_failed(struct dispatch *d, const struct sluice_error *error, uint64_t now_us);

#endif
