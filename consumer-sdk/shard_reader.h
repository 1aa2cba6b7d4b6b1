/* shard_reader.h: the life of one shard under lease: read ahead, handed out batch by batch, checkpointed, ended.
 *
 * The public `sluice_shard` is the reader itself. Its callbacks run wherever the host's pool runs them, one at a time (W2); everything else is the
 * worker's thread's. While a callback is under way the fields of `progress` are its thread's; the pool's lock hands them over.
 *
 *   state          left by                         for
 *   BEGINS         shard_begin returned            READS
 *   READS          the shard's end was read        DRAINS
 *   DRAINS         the last batch was handled      ENDS (SLUICE_SHARD_ENDED)
 *   BEGINS READS
 *   DRAINS         shard_reader_leave              LEAVES: the callback under way is waited for, what was read ahead is dropped
 *   LEAVES         no callback under way           ENDS (why it was let go)
 *   ENDS           shard_end returned              SAVES
 *   SAVES          the last checkpoint is saved,   OVER
 *                  or none is due, or it cannot be
 *
 * Thread: the worker's, unless a function says otherwise. */
#ifndef SLUICE_CONSUMER_SDK_SHARD_READER_H
#define SLUICE_CONSUMER_SDK_SHARD_READER_H

#include "base/backoff.h"
#include "base/clock.h"
#include "consumer-sdk/callback_pool.h"
#include "consumer-sdk/fetch.h"
#include "consumer-sdk/fetched.h"
#include "consumer-sdk/progress.h"

struct shard_host;
struct shard_host_ops {
    /* A fetch of the shard from there on; NULL: no memory. */
    struct fetch *(*fetch_open)(struct shard_host *, const char *shard_id,
                                const struct fetch_from *, bool push);
    enum sluice_status (*commit)(struct shard_host *, const struct sluice_lease *,
                                 const struct sluice_checkpoint_at *, struct sluice_error *);
    void (*notice)(struct shard_host *, const char *shard_id, const char *text);
    /* Something does not pass: the worker stops with it. */
    void (*hopeless)(struct shard_host *, const struct sluice_error *);
};
/* What all shards of a worker have in common. */
struct shard_host {
    const struct shard_host_ops *ops;
    struct callback_pool *pool;
    const struct clock *clock;
    struct random random;
    struct sluice_handler handler;
    void *context;
    unsigned checkpoint_every_ms, records_max, batches_max, stuck_ms;
    bool keep_aggregated;
    bool push;               /* as long as it can be had */
    bool push_only;          /* polling will not do */
    struct fetch_from first; /* of shards without a checkpoint */
};

enum shard_state {
    SHARD_BEGINS,
    SHARD_READS,
    SHARD_DRAINS,
    SHARD_LEAVES,
    SHARD_ENDS,
    SHARD_SAVES,
    SHARD_OVER
};

struct sluice_shard {
    /* fixed at birth */
    struct list node; /* the owner's */
    struct shard_host *host;
    struct sluice_lease lease;
    bool is_child; /* and so may hold what was on its way to its parents; then: */
    struct fetched_range range;

    /* the worker's thread's */
    enum shard_state state;
    enum sluice_end why; /* it is let go */
    struct fetch *fetch;
    bool fetch_over, push_off, drained;
    struct fetch_from from;             /* where the next fetch is opened */
    uint64_t open_us, hand_us, save_us; /* not before */
    struct backoff open_backoff, hand_backoff, save_backoff;
    struct list ahead;
    unsigned ahead_count;
    bool busy; /* a callback is under way */
    struct callback_task task;
    uint64_t busy_us, moved_us,
        saved_us; /* when it began; when it last got further; when it was last checkpointed */
    int64_t fetched_behind_ms;

    /* the callback's while one is under way */
    struct progress progress;
    struct fetched *batch; /* that is being handed out */
    size_t batch_at;       /* how many of its records were */
    enum sluice_end told;  /* why, as shard_end hears it */
    enum sluice_status result;
    struct sluice_error error;

    /* any thread's */
    _Atomic int64_t behind_ms;
    _Atomic bool leaving;
};

/* NULL: no memory. `lease` is copied. shard_begin is submitted at once. */
struct sluice_shard *shard_reader_new(struct shard_host *host,
                                      const struct sluice_lease *lease) SLUICE_MUST_USE;
/* It has parents, and these keys. Before its first step. */
void shard_reader_is_child(struct sluice_shard *s, const struct fetched_range *range);
/* Only in state OVER, or when its callbacks will never run. */
void shard_reader_free(struct sluice_shard *s);

/* Does what is due; returns when it wants to be called again (UINT64_MAX: when something happened). `paused`: no callback may begin,
 * since the lease may be gone. */
uint64_t shard_reader_step(struct sluice_shard *s, uint64_t now_us, bool paused);
/* Its callback came back from the pool. */
void shard_reader_task_done(struct sluice_shard *s, uint64_t now_us);
/* The shard is let go: SLUICE_SHARD_REVOKED, SLUICE_SHARD_LOST or SLUICE_WORKER_STOPS. Of two, the loss counts. */
void shard_reader_leave(struct sluice_shard *s, enum sluice_end why);

static inline struct sluice_shard *shard_of_task(struct list *node)
{
    return LIST_OWNER(LIST_OWNER(node, struct callback_task, node), struct sluice_shard, task);
}

#endif
