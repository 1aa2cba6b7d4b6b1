/* delivery_rig.h: an engine of delivery threads over a log in memory and a real store, with one delivery stream. */
#ifndef SLUICE_TESTS_SUPPORT_DELIVERY_RIG_H
#define SLUICE_TESTS_SUPPORT_DELIVERY_RIG_H

#include "delivery/engine.h"
#include "support/bucket.h"

#define RIG_S3_IN(bucket) "\"RoleARN\":\"r\",\"BucketARN\":\"arn:aws:s3:::" bucket "\""
#define RIG_S3            RIG_S3_IN("b")
#define RIG_HINTS(mb, s)  "\"BufferingHints\":{\"SizeInMBs\":" #mb ",\"IntervalInSeconds\":" #s "}"

struct rig {
    char folder[64];
    struct log_engine *logs;
    struct stream_table *streams;
    struct stream *source;
    uint32_t shards;
    struct log *log[8];
    struct delivery_store *store;
    struct delivery_engine *engine;
    struct delivery *delivery, *other; /* the other may be NULL */
    uint64_t memory_max;               /* 0: 64 MiB */
    uint32_t threads;                  /* 0: 2 */
    uint64_t version, stream;          /* of the view; the source's number */
    enum stream_status status;
    enum status set; /* what the engine said to the delivery stream, at the last start */
};

/* `config`: a CreateDeliveryStreamInput without name and source. The source (hidden, or a Kinesis stream) has that many shards. */
void rig_open(struct rig *r, const char *config, bool kinesis, uint32_t shards);
void rig_close(struct rig *r);
/* The engine and its store, as a restart has them; logs and bucket stay. */
void rig_stop(struct rig *r);
void rig_start(struct rig *r);
/* Another configuration, as UpdateDestination makes it. */
void rig_update(struct rig *r, const char *config);
/* A second delivery stream of the same Kinesis source. */
void rig_add(struct rig *r, const char *config);
enum status rig_flush(struct rig *r, uint64_t within_ms, struct fault *f);
enum status rig_flush_of(struct rig *r, struct delivery *d, uint64_t within_ms, struct fault *f);
/* All of it, in time; says why not. */
bool rig_flushed(struct rig *r);
/* Until all is delivered (false), or the bucket's steps are used up (true). */
bool rig_run_until_crash(struct rig *r);
/* Until it has counted so many: records read, objects delivered. */
void rig_wait_read(struct rig *r, uint64_t records);
void rig_wait_delivered(struct rig *r, uint64_t objects);
/* Shards that are children of `parent`, which is sealed. */
void rig_split(struct rig *r, uint32_t parent);
/* The source is deleted, and another one of its name is made, with one shard. */
void rig_recreate(struct rig *r);
/* How many rows are stored whose keys begin so. */
unsigned rig_rows(struct rig *r, const char *prefix);
/* All data in the bucket whose names begin so, as words, joined in order of arrival; mem_free it. */
char *rig_words(const char *prefix);
/* Whether the bucket holds prefix-0 ... prefix-(count-1), each just once. */
bool rig_has_all(const char *name_prefix, const char *prefix, unsigned count);

#endif
