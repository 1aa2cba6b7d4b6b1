/* subscriber.h: a client of SubscribeToShard over a loopback: reads the stream as slowly as a test wants, and takes it apart into
 * messages. Thread: the test's. */
#ifndef SLUICE_TESTS_SUPPORT_SUBSCRIBER_H
#define SLUICE_TESTS_SUPPORT_SUBSCRIBER_H

#include "support/loopback.h"

#include <jansson.h>

struct subscriber {
    struct call call;
    struct buf got;   /* read, and not yet taken as messages */
    bool ended, cut;  /* the stream's end; or it was cut */
    char kind[64];    /* of the last message: its :event-type or :exception-type */
    bool exception;   /* it was one */
    struct bytes raw; /* its payload; until the next read */
};

/* Subscribes; false: it was refused, and call.text says why (subscriber_close all the same). */
bool subscriber_open(struct subscriber *s, struct loopback *l, const char *json);
/* The usual: that consumer's ARN, shard index and StartingPosition. The initial-response is taken. */
void subscriber_begin(struct subscriber *s, struct loopback *l, const char *consumer_arn,
                      unsigned shard, const char *position);
void subscriber_close(struct subscriber *s);
/* Reads at most `room` bytes, once; how many. */
size_t subscriber_read(struct subscriber *s, size_t room);
/* Takes the next message that is there now, reading what it needs; false: there is none. */
bool subscriber_poll(struct subscriber *s);
/* Runs the loop until there is one; false at the stream's end. */
bool subscriber_wait(struct subscriber *s);
/* The next event's payload; NULL at the end. Exceptions fail the test. json_decref it. */
json_t *subscriber_event(struct subscriber *s);
/* The stream ends now, without another message. */
void subscriber_expect_end(struct subscriber *s);
/* The next message is that exception with that text, and the stream ends. */
void subscriber_expect_exception(struct subscriber *s, const char *name, const char *text);

#endif
