/* fanout.h: a loopback with a stream "s" of one shard and its consumers "a" and "b"; records that are numbered, and what subscribers must
 * see of them. Thread: the test's. */
#ifndef SLUICE_TESTS_SUPPORT_FANOUT_H
#define SLUICE_TESTS_SUPPORT_FANOUT_H

#include "support/subscriber.h"

#define FANOUT_STREAM        "arn:aws:kinesis:us-east-1:000000000000:stream/s"
#define FANOUT_ARN(consumer) FANOUT_STREAM "/consumer/" consumer ":1700000000"

extern const char fanout_from_start[], fanout_from_now[]; /* starting positions */

/* For cmocka: *state is the loopback. */
int fanout_open(void **state);
int fanout_close(void **state);

/* A record whose key is the number; its sequence number, to be mem_free'd. */
char *fanout_put(struct loopback *l, int number);
void fanout_put_many(struct loopback *l, int first, int count);
/* One record of that many bytes. */
void fanout_put_large(struct loopback *l, size_t bytes);

const json_t *fanout_records(const json_t *event);
const char *fanout_next(const json_t *event); /* ContinuationSequenceNumber, or NULL */
/* Reads events until `count` records came, which must be those from `first` on; the last event's ContinuationSequenceNumber, to be
 * mem_free'd. */
char *fanout_expect(struct subscriber *s, int first, int count);
/* The same, and nothing follows now. */
void fanout_expect_only(struct subscriber *s, int first, int count);
/* The empty event that comes when there is nothing; its number, to be mem_free'd. */
char *fanout_expect_beat(struct subscriber *s);
/* Begins to read what there is, and stops after so many bytes. */
void fanout_taste(struct subscriber *s, size_t bytes);

#endif
