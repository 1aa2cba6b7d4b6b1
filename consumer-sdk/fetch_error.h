/* fetch_error.h: what a failed read means for whoever reads. Pure. Thread: any. */
#ifndef SLUICE_CONSUMER_SDK_FETCH_ERROR_H
#define SLUICE_CONSUMER_SDK_FETCH_ERROR_H

#include <sluice/types.h>

enum fetch_verdict {
    FETCH_AGAIN,     /* it passes: the same again, later */
    FETCH_THROTTLED, /* likewise, and more slowly */
    FETCH_EXPIRED,   /* the iterator is of no use: another one, at once */
    FETCH_FUTURE,    /* the time to begin at is not yet come by the service's clock */
    FETCH_BUSY,      /* the consumer has a subscription to this shard already */
    FETCH_NOT_FOUND, /* the shard, or the stream, or the consumer */
    FETCH_REFUSED    /* it does not pass */
};
enum fetch_verdict fetch_verdict_of(const struct sluice_error *error);
/* Nobody was there to answer. That passes, and tells nothing about what the service can do. */
bool fetch_unanswered(const struct sluice_error *error);

#endif
