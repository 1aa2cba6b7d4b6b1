/* push.h: enhanced fan-out: subscriptions of consumers to shards, fed as records become durable, at each reader's own pace.
 *
 * U1. A subscription gets every record from its position on, once, in order; each event says where to go on from.
 * U2. What is durable is on its way at once; when there is nothing, an empty event comes at least every 5 seconds.
 * U3. A reader who does not take what there is costs a position and at most one event, and slows nobody. When events together take more
 *     than PUSH_EVENT_BYTES_MAX, those who have taken nothing for longest are cut.
 * U4. One subscription per consumer and shard: another one is refused within 5 seconds of the first, and takes its place later.
 * U5. A subscription ends after 5 minutes; at the end of a closed shard, with its children; and when its consumer or stream is gone,
 *     with the exception.
 * U6. A batch is encoded once for all who read it through one loop in one content type.
 *
 * Thread: each subscription is its exchange's loop's own. */
#ifndef SLUICE_API_PUSH_H
#define SLUICE_API_PUSH_H

#include "api/exchange.h"
#include "shards/stream.h"

struct service;
struct push;

struct push *push_new(const struct service *s);
/* No subscription may be left. Waits for reads that the disk still has. */
void push_free(struct push *p);

struct push_request {
    struct stream *stream;
    const struct shard *shard;
    const struct consumer *consumer; /* ACTIVE */
    uint64_t offset;                 /* of the first record wanted */
};
/* OK: it has answered with a stream (exchange.h: the exchange is not the caller's any more). IN_USE (U4), LIMIT_EXCEEDED or
 * NO_MEMORY: the exchange is still to be answered. */
enum status push_subscribe(struct push *p, struct exchange *x, const struct push_request *r,
                           struct fault *f) MUST_USE;

#endif
