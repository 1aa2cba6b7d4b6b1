/* fetch_push.h: a shard's records by SubscribeToShard. */
#ifndef SLUICE_CONSUMER_SDK_FETCH_PUSH_H
#define SLUICE_CONSUMER_SDK_FETCH_PUSH_H

#include "consumer-sdk/fetch_poll.h"

/* NULL: no memory. */
struct fetch *fetch_push_open(const struct fetch_setting *setting, const char *shard_id,
                              const struct fetch_from *from) SLUICE_MUST_USE;

#endif
