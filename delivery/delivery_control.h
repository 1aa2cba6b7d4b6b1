/* delivery_control.h: every change of delivery streams: a command, carried out on a thread of its own: checked against the state, written as one
 * synced batch, then published and told to who runs it. As the catalog does for streams (shards/catalog.h), whose commands it uses for the
 * hidden streams of DirectPut.
 *
 * K1. A command answers OK only after its batch is durable and its view published.
 * K2. A delivery stream found CREATING or DELETING at start is brought to its end. A hidden stream that no delivery stream owns goes.
 * K3. A hidden stream is there before the row that says so, and goes before the row goes: no row is without its stream. */
#ifndef SLUICE_DELIVERY_DELIVERY_CONTROL_H
#define SLUICE_DELIVERY_DELIVERY_CONTROL_H

#include "base/clock.h"
#include "base/mailbox.h"
#include "delivery/delivery_store.h"
#include "delivery/delivery_table.h"
#include "shards/catalog.h"

struct delivery_control;

/* Who runs delivery streams: the engine (engine.h), or a test's. Thread: delivery-control. */
struct delivery_runner {
    /* It begins, or its view changed. Idempotent. Another status than OK: it could not begin, and is to be set again. */
    enum status (*set)(void *arg, struct delivery *d);
    /* It ends; done(done_arg) when nothing of it runs any more. Thread of done: any. */
    void (*remove)(void *arg, struct delivery *d, void (*done)(void *), void *done_arg);
    /* Delivers what it holds now, however little; done(done_arg, OK) when all that was acknowledged before is delivered, or why not
     * within `within_ms`. Thread of done: any. */
    void (*flush)(void *arg, struct delivery *d, uint64_t within_ms,
                  void (*done)(void *, enum status, const struct fault *), void *done_arg);
    void *arg;
};

struct transforms;
struct conversions;
struct delivery_control_settings {
    const struct clock *clock;
    struct catalog *catalog;
    struct stream_table *streams;
    struct delivery_store *store;
    struct delivery_table *table;
    struct delivery_runner runner;
    uint64_t limit; /* of each scope */
    uint64_t
        state_delay_ms; /* how long CREATING, DELETING, ENABLING and DISABLING last; 0: as short as can be */
    bool plain_http;                     /* HTTP endpoints may be http:// */
    const struct transforms *transforms; /* what LambdaArn may name; NULL: nothing */
    struct conversions *conversions;     /* what SchemaConfiguration may name; NULL: nothing */
};

enum delivery_verb {
    DELIVERY_CREATE,
    DELIVERY_DELETE,
    DELIVERY_UPDATE,
    DELIVERY_SET_TAGS,
    DELIVERY_START_ENCRYPTION,
    DELIVERY_STOP_ENCRYPTION,
    DELIVERY_FLUSH,
    DELIVERY_VERBS
};

struct delivery_command {
    enum delivery_verb verb;
    struct scope scope;
    struct bytes name; /* views must last until done, as must all below */
    union {
        const struct firehose_create_delivery_stream_input *create;
        const struct firehose_update_destination_input *update;
        struct {
            const struct firehose_tag *put;
            uint32_t put_count;
            const struct bytes *removed; /* keys */
            uint32_t removed_count;
        } tags;
        const struct firehose_delivery_stream_encryption_configuration_input *start;
        uint64_t within_ms; /* flush */
    };
    void (*done)(
        struct delivery_command
            *); /* Thread: delivery-control; of a flush, any. Must not block; may free the command */
    enum status
        status; /* set before done; NOT_FOUND, IN_USE, LIMIT_EXCEEDED, INVALID_ARGUMENT, INVALID_VALUE, CHANGED, TIMED_OUT (of a flush that failed), KEY_*,
                           IO_FAILED, NO_SPACE, CLOSING */
    struct fault fault;
    /* the control's own */
    struct message message;
    struct delivery_control *control;
};

/* Reads all rows into the table, then starts the thread, which sets everything running (K2). Blocks on the disk. CORRUPT and what the
 * store says. */
enum status delivery_control_open(const struct delivery_control_settings *s,
                                  struct delivery_control **out, struct fault *f) MUST_USE;
/* The runner must still run. Removes all from the table. */
void delivery_control_close(struct delivery_control *c);
/* Thread: any. */
void delivery_control_submit(struct delivery_control *c, struct delivery_command *command);

/* "Firehose N under account A not found." */
enum status fault_delivery_not_found(struct fault *f, struct bytes name, const char *account);

#endif
