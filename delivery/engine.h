/* engine.h: runs delivery streams: threads, lanes, memory. What is to run is said by delivery-control.
 *
 * Thread: delivery-control, for all but open and close (main). */
#ifndef SLUICE_DELIVERY_ENGINE_H
#define SLUICE_DELIVERY_ENGINE_H

#include "delivery/delivery.h"
#include "delivery/delivery_store.h"
#include "shards/stream_table.h"

struct master_keys;
struct destination_ops;
struct transforms;
struct conversions;

struct delivery_engine_settings {
    const struct clock *clock;
    struct log_engine *logs;
    struct stream_table *streams;
    struct master_keys *master_keys; /* NULL: none */
    struct delivery_store *store;
    uint32_t threads;    /* 0: one per core, at most 4 */
    uint64_t memory_max; /* of all buffers and batches in processing */
    /* Where S3 is: "" means AWS, by region. Path style when it is given. Credentials: given here, or in the environment
     * (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), or in ~/.aws/credentials (AWS_PROFILE). */
    const char *s3_endpoint, *s3_region, *s3_access_key, *s3_secret_key;
    bool s3_virtual_host;
    const char *ca_file; /* more CAs to trust, or "" */
    bool
        http_endpoint_plain; /* http:// and any port are taken for HTTP endpoints (a named switch) */
    const struct transforms *transforms;                                 /* NULL: none */
    struct conversions *conversions;                                     /* NULL: none */
    const struct destination_ops *(*destination_of)(enum delivery_kind); /* NULL: destination.h's */
};

struct delivery_engine;
enum status delivery_engine_open(const struct delivery_engine_settings *s,
                                 struct delivery_engine **out, struct fault *f) MUST_USE;
/* Stops reading and sending; what is under way is given up and comes again after the next start (F3). */
void delivery_engine_close(struct delivery_engine *e);

/* It begins, or its view changed: lanes follow, as they follow its source's shards by themselves. Idempotent. IO_FAILED, CORRUPT, NO_MEMORY: what is
 * stored of it cannot be read now, and it does not begin: to be said again. Blocks on the disk. */
enum status delivery_engine_set(struct delivery_engine *e, struct delivery *d) MUST_USE;
/* Its lanes end, whatever they hold; `done(arg)` when none is left (any thread). Rows of cursors, marks and plans are the
 * caller's to remove. */
void delivery_engine_remove(struct delivery_engine *e, struct delivery *d, void (*done)(void *),
                            void *arg);
/* Closes all outputs of all its lanes now, however little they hold; `done(arg, st, fault)` when all that was acknowledged
 * before the call is at its destination (OK), or the first failure after `within_ms` (TIMED_OUT). */
void delivery_engine_flush(struct delivery_engine *e, struct delivery *d, uint64_t within_ms,
                           void (*done)(void *, enum status, const struct fault *), void *arg);

#endif
