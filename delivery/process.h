/* process.h: what happens to records between their log and an output: decompress or de-aggregate -> transform -> partition ->
 * delimit. Made of a view's ProcessingConfiguration; a chain of steps, each a row of a table.
 *
 * A lane gives records in batches, in order of their log, and may have several batches under way; each comes back whole and
 * with its results in order. A record may become none (Dropped), one or many results, or a failure, whose result is
 * AWS's error record for the error output.
 *
 * The same records give the same results, however they fall into batches (F3), as far as a transform answers the same.
 * Nothing here blocks; HTTP and child processes are driven by the lane's loop. */
#ifndef SLUICE_DELIVERY_PROCESS_H
#define SLUICE_DELIVERY_PROCESS_H

#include "base/arena.h"
#include "base/loop.h"
#include "delivery/delivery.h"
#include "wire/web.h"

/* A record as its source has it. Views; they last until the batch is done. */
struct process_record {
    uint64_t offset;
    uint64_t time_ms;
    struct bytes data;
    struct bytes key, sequence, shard_id; /* of a Kinesis source; else absent */
};

enum output_channel { OUTPUT_MAIN, OUTPUT_ERROR, OUTPUT_BACKUP };

/* One result. `offset`, `sub` say where it came from: the sub-th result of that record, from 0. */
struct process_result {
    uint64_t offset;
    uint32_t sub;
    uint64_t time_ms;
    enum output_channel channel; /* MAIN, or ERROR */
    /* MAIN with dynamic partitioning: "name=value" pairs as "query:name\0value\0lambda:name\0value\0", sorted, which prefixes are
     * expanded from (object_key.h); otherwise empty. ERROR: the error-output-type ("processing-failed"). */
    struct bytes partition;
    struct bytes
        data; /* what goes into the object, delimiter and all; of an error, a line of JSON with its newline */
};

struct process_batch {
    /* set before */
    const struct process_record *records;
    /* When process_run returns it may be less: those behind become too large together, and are to come again in a later batch. At least
     * one is taken. By then `arena` holds most of what the batch will take. */
    uint32_t count;
    void (*done)(struct process_batch *); /* on the lane's loop, never before process_run returns */
    /* set before done */
    struct arena arena; /* of the results; the owner ends it */
    struct process_result *results;
    uint32_t result_count;
    uint32_t dropped;
    enum status status; /* OK; NO_MEMORY; CLOSING */
    struct list node;   /* the chain's own */
};

struct process;
struct transforms;
struct conversion;
/* What a lane's chain needs of its surroundings. */
struct process_settings {
    const struct delivery_view *view; /* must outlive it */
    struct delivery *delivery;        /* for counters and errors */
    struct loop *loop;
    struct web *web; /* HTTP of this loop */
    const struct clock *clock;
    const struct transforms *transforms; /* NULL: none */
    const struct conversion *conversion; /* of a view that converts; NULL: it cannot be done, and */
    const char *no_conversion;           /* why. All three must outlive the chain */
    uint64_t seed;                       /* for jitter */
};
/* True when records pass as they are: a lane then needs no chain, and may take data from the log without a copy. */
bool process_is_plain(const struct delivery_view *v);
/* INVALID_ARGUMENT in AWS's words when the configuration cannot run (checked at create and update too, by process_check). */
enum status process_new(const struct process_settings *s, struct process **out,
                        struct fault *f) MUST_USE;
/* Batches under way are done with CLOSING first. */
void process_free(struct process *p);
void process_run(struct process *p, struct process_batch *b);
/* Whether records of a Kinesis source need their key, sequence number and shard: a transform is told them. */
bool process_names_records(const struct delivery_view *v);

/* Whether AWS, and we, would take this configuration. */
struct process_rules {
    const struct firehose_processing_configuration *processing; /* NULL: none */
    bool partitioning;
    struct bytes prefix;                 /* of a destination that partitions */
    const struct transforms *transforms; /* NULL: none */
};
enum status process_check(const struct process_rules *r, struct fault *f) MUST_USE;

#endif
