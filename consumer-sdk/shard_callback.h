/* shard_callback.h: what runs in a shard's callbacks. Thread: one of the pool's, or the worker's (callback_pool.h). */
#ifndef SLUICE_CONSUMER_SDK_SHARD_CALLBACK_H
#define SLUICE_CONSUMER_SDK_SHARD_CALLBACK_H

#include "consumer-sdk/callback_pool.h"

void shard_callback_begin(struct callback_task *task);
/* Hands out s->batch, records_max at a time, until it is empty (then it is gone), the handler failed, or the shard is let go. */
void shard_callback_records(struct callback_task *task);
void shard_callback_end(struct callback_task *task);

#endif
