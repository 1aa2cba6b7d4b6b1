/* fetch_poll.h: a shard's records by GetShardIterator and GetRecords. */
#ifndef SLUICE_CONSUMER_SDK_FETCH_POLL_H
#define SLUICE_CONSUMER_SDK_FETCH_POLL_H

#include "base/clock.h"
#include "base/random.h"
#include "consumer-sdk/fetch.h"

/* What all fetches of a worker have in common. */
struct fetch_setting {
    sluice_client *client;
    const struct clock *clock;
    struct random *random;
    const char *stream_arn;
    const char *consumer_arn; /* for push */
    bool push_only;           /* for push: polling will not do */
    unsigned records_max;
    unsigned poll_ms; /* between two calls that found nothing */
    unsigned
        spacing_ms; /* between any two calls of a shard: 200 where five a second are allowed, 0 where they cost nobody */
};

/* NULL: no memory. */
struct fetch *fetch_poll_open(const struct fetch_setting *setting, const char *shard_id,
                              const struct fetch_from *from) SLUICE_MUST_USE;

#endif
