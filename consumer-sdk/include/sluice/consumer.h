/* sluice/consumer.h: a worker: one of a group that shares out a stream's shards, and hands their records to the program in order.
 *
 * A group is a name that belongs to a stream. Workers of one group, in any number of processes, share its shards evenly; each shard is
 * leased to one worker at a time. Leases and checkpoints are objects of the service (or of a file: sluice/lease_store.h): no second
 * database.
 *
 * W1. At least once: records after the last checkpoint come again when a lease moves. A checkpoint is taken only from the worker that
 *     has the lease (its epoch fences all others): who handles records with effects elsewhere commits result and checkpoint together
 *     and has exactly once.
 * W2. Order: batches of a shard come one after the other, in the order of the sequence numbers; parents end before their children
 *     begin, across splits and merges.
 * W3. A worker that dies loses its leases after session_timeout_ms; one that leaves hands them over at once; one that joins gets its
 *     share by graceful hand-over: the owner finishes the batch under way, checkpoints, and lets go.
 * W4. Memory is bounded: batches_max batches read ahead in each shard, records_max records in each.
 * W5. A shard that makes no progress for stuck_ms while there is something to read is restarted, and `notice` says so.
 *
 * Threads: sluice_worker_run works on the thread that calls it, and on `threads` threads for the callbacks when they are asked for
 * (0, the default: on its own; then a callback that takes longer than session_timeout_ms costs the worker its leases). Nothing else is
 * made. `notice` is always called on the thread of sluice_worker_run. */
#ifndef SLUICE_CONSUMER_H
#define SLUICE_CONSUMER_H

#include <sluice/client.h>
#include <sluice/lease_store.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_worker sluice_worker;
typedef struct sluice_shard
    sluice_shard; /* a shard under lease here; valid from shard_begin to shard_end */

enum sluice_fetch {
    SLUICE_FETCH_AUTO, /* push, and polling where push cannot be had */
    SLUICE_FETCH_POLL, /* GetRecords */
    SLUICE_FETCH_PUSH  /* SubscribeToShard, by a registered consumer named after the group */
};
enum sluice_start {
    SLUICE_TRIM_HORIZON,
    SLUICE_LATEST,
    SLUICE_AT_TIMESTAMP
}; /* of shards without a checkpoint */

struct sluice_received {
    struct sluice_bytes data, partition_key,
        explicit_hash_key; /* the last: only of an aggregated record that has one */
    const char *sequence_number;
    uint64_t sub_sequence_number; /* of a record that came in an aggregated one */
    int64_t arrived_ms;           /* ApproximateArrivalTimestamp */
};
struct sluice_batch {
    const struct sluice_received *records;
    size_t count;      /* 0: nothing new; behind_ms is */
    int64_t behind_ms; /* MillisBehindLatest */
};

enum sluice_end {
    /* All of it was handled: sluice_checkpoint_end hands its children out. Without it, or when it fails, the shard is given back, and comes
     * again; it is called by itself when there is no shard_end, or checkpoint_every_ms is set. */
    SLUICE_SHARD_ENDED,
    SLUICE_SHARD_REVOKED, /* another worker's share: the last moment to checkpoint */
    SLUICE_SHARD_LOST,    /* the lease is gone: nothing can be committed any more */
    SLUICE_WORKER_STOPS
};

struct sluice_handler {
    void (*shard_begin)(void *context, sluice_shard *shard); /* may be NULL */
    /* The batch and all it points to live until this returns. Batches of a shard: one at a time. SLUICE_OK: go on. Anything else: the
     * worker stops with it. */
    enum sluice_status (*records)(void *context, sluice_shard *shard,
                                  const struct sluice_batch *batch);
    void (*shard_end)(void *context, sluice_shard *shard, enum sluice_end why); /* may be NULL */
    /* Something a person may want to know: a lease taken or lost, a stuck shard restarted, push given up for polling, an error that is
     * being retried. One sentence; may be NULL. */
    void (*notice)(void *context, const char *shard_id, const char *text);
};

struct sluice_worker_options {
    size_t size;
    struct sluice_client_options client;
    const char *stream; /* name or ARN */
    const char *group;
    /* This worker's name, unique in the group; NULL: host, process and a random number. */
    const char *member;
    enum sluice_fetch fetch;
    enum sluice_start start;
    int64_t start_ms;            /* SLUICE_AT_TIMESTAMP: milliseconds since 1970 */
    unsigned session_timeout_ms; /* 6,000 */
    /* 0: only where the handler asks; else what was handled is checkpointed so often, and at the end. */
    unsigned checkpoint_every_ms;
    unsigned poll_ms;     /* between two GetRecords that found nothing: 200 */
    unsigned records_max; /* of a batch: 10,000 */
    unsigned batches_max; /* read ahead in a shard: 2 */
    unsigned leases_max;  /* 0: no limit */
    unsigned stuck_ms;    /* 60,000 */
    unsigned handover_ms; /* how long a hand-over may take before the lease is taken: 10,000 */
    unsigned threads;
    /* Do not take aggregated records apart. (Else one with a key of another shard is left out whole, as the KCL does: a shard split under
     * it, and its producer puts all of it again.) */
    bool keep_aggregated;
    const sluice_lease_store *store; /* NULL: the service's groups. Borrowed; of one worker */
    struct sluice_handler handler;
    void *context;
};
/* Every option as it is by default; then set stream, group, handler.records, and what else is to differ. */
SLUICE_API void sluice_worker_options_init(struct sluice_worker_options *options);

/* Copies the options, texts too. Nothing is called before sluice_worker_run. SLUICE_INVALID_ARGUMENT, SLUICE_NO_MEMORY, SLUICE_IO. */
SLUICE_API enum sluice_status sluice_worker_new(const struct sluice_worker_options *options,
                                                sluice_worker **worker,
                                                struct sluice_error *error) SLUICE_MUST_USE;
/* Joins the group and works until sluice_worker_stop, or until something fails that does not pass (credentials, no such stream). */
SLUICE_API enum sluice_status sluice_worker_run(sluice_worker *worker, struct sluice_error *error);
/* Lets the callbacks under way finish, checkpoints by the settings, leaves the group. Before sluice_worker_run: the next run ends at once.
 * Thread: any; also signal handlers. */
SLUICE_API void sluice_worker_stop(sluice_worker *worker);
/* Not while it runs. NULL is fine. */
SLUICE_API void sluice_worker_free(sluice_worker *worker);

/* "shardId-000000000000". Lives as long as the shard. */
SLUICE_API const char *sluice_shard_id(const sluice_shard *shard);
/* Larger with each change of owner: what a store of the program's own compares before it takes a result. */
SLUICE_API uint64_t sluice_shard_epoch(const sluice_shard *shard);
/* Where this lease began: the last checkpoint's sequence number, or "" without one. */
SLUICE_API const char *sluice_shard_checkpoint(const sluice_shard *shard,
                                               uint64_t *sub_sequence_number);
/* How far the last batch handed out was behind the newest record, in milliseconds. Thread: any, while the shard lives. */
SLUICE_API int64_t sluice_shard_behind_ms(const sluice_shard *shard);

/* All up to and with this record is done. Waits for the lease store. SLUICE_OK; SLUICE_FENCED: the lease is another's; SLUICE_INVALID_ARGUMENT:
 * before an earlier checkpoint, or beyond what was handed out; SLUICE_SERVICE and the like. From the shard's callbacks. */
SLUICE_API enum sluice_status sluice_checkpoint(sluice_shard *shard,
                                                const struct sluice_received *record,
                                                struct sluice_error *error);
/* All of the batch that is being handled, or of the last one. */
SLUICE_API enum sluice_status sluice_checkpoint_batch(sluice_shard *shard,
                                                      struct sluice_error *error);
/* The shard is done: its children can begin. From shard_end, after SLUICE_SHARD_ENDED; before, SLUICE_INVALID_ARGUMENT. */
SLUICE_API enum sluice_status sluice_checkpoint_end(sluice_shard *shard,
                                                    struct sluice_error *error);

/* --- For who reads without a worker --- */

struct sluice_kinesis_record; /* sluice/kinesis.h */
typedef struct sluice_unpacked sluice_unpacked;

/* Records as GetRecords and SubscribeToShard give them, into those that a program put: aggregated ones taken apart, the others as they
 * are, in their order. Data and keys stay where they are: the answer must live as long as *unpacked. What a split put into a shard that does not own all
 * of its keys is among them; a worker, which knows the shards, leaves it out.
 * SLUICE_NO_MEMORY; SLUICE_PROTOCOL: a sequence number that is none. Thread: any. */
SLUICE_API enum sluice_status sluice_unpack(const struct sluice_kinesis_record *records,
                                            uint32_t count, sluice_unpacked **unpacked,
                                            struct sluice_error *error) SLUICE_MUST_USE;
/* They live until sluice_unpacked_free. */
SLUICE_API const struct sluice_received *sluice_unpacked_records(const sluice_unpacked *unpacked,
                                                                 size_t *count);
SLUICE_API void sluice_unpacked_free(sluice_unpacked *unpacked); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
