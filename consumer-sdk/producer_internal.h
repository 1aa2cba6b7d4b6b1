/* producer_internal.h: a producer from within.
 *
 *   put (any thread) -> intake -> turn (one thread at a time) -> dispatch -> PutRecords through the client -> dispatch -> delivered
 *
 * Thread: any for what is under the intake's lock; the rest is whoever turns. */
#ifndef SLUICE_SDK_PRODUCER_INTERNAL_H
#define SLUICE_SDK_PRODUCER_INTERNAL_H

#include "consumer-sdk/dispatch.h"

#include <pthread.h>
#include <sluice/kinesis.h>

enum { PRODUCER_ID_BYTES = 33 };

struct sluice_producer {
    /* fixed at birth */
    struct sluice_producer_options options; /* its texts are not to be read */
    sluice_client *client;
    char *stream;
    bool by_arn;
    char id[PRODUCER_ID_BYTES];
    size_t wake_bytes;
    pthread_t thread; /* with run_thread */

    struct intake intake;
    /* under intake.mu */
    struct signal room;   /* there is room, or it is closing */
    struct signal turned; /* a turn is over, or a part of one that somebody waits for */
    bool turning, closing, cancelled, stopped;
    pthread_t turner; /* while turning */
    bool asleep;      /* whoever turns looks again at planned_us; sooner only when woken */
    bool room_wanted; /* a put found none, and nobody waits for it: `room` is to be called */
    unsigned inside;  /* threads that wait in put or flush */
    uint64_t planned_us;
    uint64_t flush_order; /* puts up to this one are to go at once */
    /* All before done_order have their completion, as far as those up to known_order go: of the last turn. */
    uint64_t done_order, known_order;
    uint64_t bytes_put;
    struct dispatch_counts counts;

    /* the turner's */
    struct dispatch dispatch;
    struct sluice_kinesis_put_records_request_entry *entries; /* of the call that is being made */
    struct buf header;
    struct shard_map *listing;
    sluice_call_handle *list_call;
};

static inline struct bytes bytes_from(struct sluice_bytes b)
{
    return bytes_of(b.at, b.len);
}
static inline struct sluice_bytes view_of(struct bytes b)
{
    return sluice_view(b.at, b.len);
}

/* Whether this thread is in a turn: a completion of the user's. Under mu. */
bool producer_is_turner(const struct sluice_producer *p);
/* One turn, waiting up to wait_ms. The caller has set `turning`, or is the producer's thread. */
void producer_turn(struct sluice_producer *p, int wait_ms);
/* What ends a wait of the turner, when it is asleep. Under mu; true: sluice_client_wake is to follow, without mu. */
bool producer_must_wake(struct sluice_producer *p);

/* ---- calls ---- */

/* Starts it; when it cannot be, it has ended already. */
void producer_start_call(struct sluice_producer *p, struct put_call *call, uint64_t now_us);
void producer_start_listing(struct sluice_producer *p);
/* Ends all calls: their completions come in the next turn. */
void producer_cancel_calls(struct sluice_producer *p);

#endif
