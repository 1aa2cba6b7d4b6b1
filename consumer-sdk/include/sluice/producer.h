/* sluice/producer.h: many records into a stream, quickly, in order, with bounded memory.
 *
 * Records are gathered by shard into PutRecords calls (at most 500 records and 10 MiB each), closed by size, count or linger, whichever
 * comes first. Only what failed is sent again.
 *
 * P1. Every record that sluice_producer_put took has exactly one completion: with shard and sequence number, or with an error.
 * P2. Memory held for records never exceeds memory_max.
 * P3. ordered: records of a shard are stored in the order of their puts. One record of the stream (with aggregate, an aggregated one) is on
 *     its way to a shard at a time: PutRecords may refuse a record and store a later one. When one fails for good, those behind it in the
 *     shard fail too (SLUICE_CANCELLED), so that none overtakes.
 * P4. aggregate: records are packed in the KPL's format (protobuf, magic F3899AC2, MD5), never across the hash range of one shard, so
 *     that the KCL, Flink, Spark and our worker take them apart. A lone record is sent as it is.
 * P5. idempotent: a retry after a lost answer is stored once. Sluice only: the service keeps, for each shard, what it stored lately for
 *     this producer (header x-sluice-producer: id, epoch, counter); other services do not know the header, and ignore it.
 * P6. It learns each shard's rate from throttles, and keeps below it.
 *
 * Threads: put, flush, close and metrics from any. The work is done by a thread of its own when run_thread is set (the default is not
 * to make one); otherwise by whoever calls sluice_producer_turn, one at a time. Completions come from that thread. */
#ifndef SLUICE_PRODUCER_H
#define SLUICE_PRODUCER_H

#include <sluice/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_producer sluice_producer;

enum sluice_when_full {
    SLUICE_FULL_BLOCKS, /* put waits until there is room (with run_thread; else it turns the producer itself) */
    SLUICE_FULL_FAILS /* put answers SLUICE_FULL; `room` is called when there is room again */
};

struct sluice_record {
    struct sluice_bytes data;
    struct sluice_bytes partition_key;     /* 1 to 256 characters */
    struct sluice_bytes explicit_hash_key; /* absent: the MD5 of the partition key */
    void *context;                         /* handed to the completion */
};

struct sluice_delivered {
    enum sluice_status status;        /* SLUICE_OK: stored and synced */
    const struct sluice_error *error; /* when it is not */
    const char *shard_id;             /* "" when it is not */
    const char *sequence_number;
    uint64_t sub_sequence_number; /* its place in an aggregated record; else 0 */
    unsigned attempts;
};

struct sluice_producer_options {
    size_t size;
    struct sluice_client_options client;
    const char *stream; /* name or ARN */
    size_t memory_max;  /* 64 MiB of records not yet completed */
    enum sluice_when_full when_full;
    unsigned
        linger_ms; /* how long the first record of a batch may wait for others: 10 (0 means the default; see no_linger) */
    bool no_linger;             /* a batch is sent as soon as a connection is free */
    unsigned batch_records_max; /* 500 */
    size_t batch_bytes_max;     /* 1 MiB */
    unsigned calls_max;         /* PutRecords calls under way: 16 */
    unsigned record_timeout_ms; /* from put to completion: 120,000; then SLUICE_TIMED_OUT */
    bool ordered, aggregate, idempotent, run_thread;
    size_t aggregate_bytes_max; /* of one aggregated record: 50 KiB, as the KPL's */
    unsigned
        shard_map_ms; /* how old the map of shards may get: 60,000; it is read again at once when a shard closes */
    /* One completion a record. The views live until it returns. */
    void (*delivered)(void *context, void *record_context, const struct sluice_delivered *result);
    void (*room)(void *context);
    void *context;
};
/* Everything as the comments above say by default; the stream is to be named. First, always: it says which struct the caller knows. */
SLUICE_API void sluice_producer_options_init(struct sluice_producer_options *options);

/* Copies the options and their texts. The map of shards is asked for in the first turn, not here.
 * SLUICE_OK; SLUICE_INVALID_ARGUMENT; SLUICE_NO_MEMORY; what sluice_client_new answers. */
SLUICE_API enum sluice_status sluice_producer_new(const struct sluice_producer_options *options,
                                                  sluice_producer **producer,
                                                  struct sluice_error *error) SLUICE_MUST_USE;
/* Copies the record. SLUICE_OK; SLUICE_FULL; SLUICE_INVALID_ARGUMENT; SLUICE_NO_MEMORY; SLUICE_STATE after close. Thread: any. */
SLUICE_API enum sluice_status sluice_producer_put(sluice_producer *producer,
                                                  const struct sluice_record *record,
                                                  struct sluice_error *error) SLUICE_MUST_USE;
/* Sends what lingers, and waits until all that was put before has its completion, at most timeout_ms (-1: no limit).
 * SLUICE_OK, SLUICE_TIMED_OUT; SLUICE_STATE from a completion. */
SLUICE_API enum sluice_status sluice_producer_flush(sluice_producer *producer, int timeout_ms);
/* flush, then no more puts; what has no completion by the deadline is completed with SLUICE_CANCELLED. Frees it. */
SLUICE_API enum sluice_status sluice_producer_close(sluice_producer *producer, int timeout_ms);

/* Without run_thread: as sluice_client_turn, _fd, _timeout and _wake. */
SLUICE_API enum sluice_status sluice_producer_turn(sluice_producer *producer, int wait_ms);
SLUICE_API int sluice_producer_fd(const sluice_producer *producer);
SLUICE_API int sluice_producer_timeout(const sluice_producer *producer);

struct sluice_producer_metrics {
    size_t size; /* set by the caller: sizeof the struct it knows */
    uint64_t records_put, records_stored, records_failed, records_retried, records_throttled;
    uint64_t bytes_put; /* data and keys */
    uint64_t calls, calls_failed;
    uint64_t kinesis_records; /* as stored: fewer than records when they are aggregated */
    uint64_t memory;          /* held now */
    uint64_t latency_us_sum;  /* from put to completion, of records_stored */
    uint64_t latency_us_max;
};
/* As they were after the last turn; `memory` and what was put, as they are now. Thread: any. */
SLUICE_API void sluice_producer_metrics(sluice_producer *producer,
                                        struct sluice_producer_metrics *metrics);

#ifdef __cplusplus
}
#endif
#endif
