/* bucket.h: a destination in memory, behind destination.h: keeps what was sent to it by name, and misbehaves as it is told. Any number of engines one after
 * the other; what is in it outlives them, as a bucket does. */
#ifndef SLUICE_TESTS_SUPPORT_BUCKET_H
#define SLUICE_TESTS_SUPPORT_BUCKET_H

#include "delivery/destination.h"

/* Empties it. */
void bucket_reset(void);
/* Everything that takes effect after so many steps is lost: 0 is never. Steps are objects that arrive and whatever calls bucket_step. */
void bucket_crash_after(unsigned steps);
/* Whether this step still takes effect. */
bool bucket_step(void);
bool bucket_crashed(void);
/* Until so many objects were sent after the last step. */
void bucket_wait_lost(unsigned count);
unsigned bucket_steps(void);
/* Objects arrive, but nobody is told until it is off again. */
void bucket_hold(bool hold);
/* Likewise those whose names begin so, and no attempt of them ever ends. NULL: none. */
void bucket_hang(const char *names);
/* The S3 bucket of that name is not there: what is for it is tried again and again (D4). NULL: all are. */
void bucket_missing(const char *bucket);
/* The next so many MAIN parcels that are not for S3 are refused. */
void bucket_refuse(unsigned count);
size_t bucket_count(void);
/* Until there are so many. */
void bucket_wait(size_t count);
/* The i-th object, in order of arrival. */
void bucket_object(size_t i, const char **name, struct bytes *body);
/* How often an object arrived that was there already, with the same bytes. With others the test fails. */
unsigned bucket_repeats(void);
const struct destination_ops *bucket_of(enum delivery_kind kind);

#endif
