/* fetch.h: where a shard's records come from: GetRecords (fetch_poll.c), SubscribeToShard (fetch_push.c), or a test's script.
 *
 * A fetch reads one shard from a place on, and hands batches to its sink, in order, without a gap. Errors that pass it sits out by
 * itself, and says so; others end it.
 *
 * F1. Batches come from turns of the client (sluice_client_turn, or a call that waits), never from fetch_step.
 * F2. `from` is the place after the last batch handed over: a fetch opened there goes on where this one was.
 * F3. While `wanted` is false, no more is asked for; what was asked for before still comes.
 * F4. After fetch_close nothing is handed over. It frees itself, when its call under way has ended.
 *
 * Thread: the worker's. */
#ifndef SLUICE_CONSUMER_SDK_FETCH_H
#define SLUICE_CONSUMER_SDK_FETCH_H

#include "consumer-sdk/fetched.h"

enum fetch_place { FETCH_HORIZON, FETCH_LATEST, FETCH_TIME, FETCH_AT, FETCH_AFTER };
struct fetch_from {
    enum fetch_place place;
    int64_t time_ms;                      /* FETCH_TIME */
    char sequence[SLUICE_SEQUENCE_BYTES]; /* FETCH_AT, FETCH_AFTER */
};

/* Moves it behind that record. false: it is no sequence number; then *from is as it was. */
bool fetch_after(struct fetch_from *from, struct sluice_bytes sequence);
/* In AWS's words; views of *from. */
void fetch_position(const struct fetch_from *from, struct sluice_kinesis_starting_position *out);

enum fetch_trouble {
    FETCH_GONE,    /* the shard is not there any more: past its retention */
    FETCH_NO_PUSH, /* SubscribeToShard cannot be had; GetRecords may do */
    FETCH_HOPELESS /* it does not pass: the stream is gone, the credentials are wrong */
};

struct fetch;
struct fetch_sink {
    /* Takes the batch over. An empty one: nothing new, at the tip. */
    void (*batch)(struct fetch *, struct fetched *);
    /* The last two: nothing comes after them. The sink closes it, later. */
    void (*ended)(struct fetch *);
    void (*failed)(struct fetch *, enum fetch_trouble, const struct sluice_error *);
    void (*notice)(struct fetch *, const char *text);
};

struct fetch_ops {
    /* Does what is due at now_us; returns when it wants to be called again (UINT64_MAX: when something happened). */
    uint64_t (*step)(struct fetch *, uint64_t now_us);
    void (*close)(struct fetch *);
};

struct fetch {
    const struct fetch_ops *ops;
    const struct fetch_sink *sink;
    void *owner;
    bool push;
    bool wanted;            /* the owner's */
    struct fetch_from from; /* the fetch's own */
};

static inline uint64_t fetch_step(struct fetch *f, uint64_t now_us)
{
    return f->ops->step(f, now_us);
}
static inline void fetch_close(struct fetch *f)
{
    if (f)
        f->ops->close(f);
}

#endif
