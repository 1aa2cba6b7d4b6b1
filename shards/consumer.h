/* consumer.h: a registered consumer of a stream (enhanced fan-out): a name that may subscribe to its shards. Part of what a stream
 * is, so it is immutable and counted like a shard, and a change makes a new set (stream_view.h). Thread: any. */
#ifndef SLUICE_SHARDS_CONSUMER_H
#define SLUICE_SHARDS_CONSUMER_H

#include "base/bytes.h"
#include "base/limits.h"
#include "shards/policy.h"
#include "shards/scope.h"

#include <stdatomic.h>

enum consumer_status { CONSUMER_CREATING, CONSUMER_ACTIVE, CONSUMER_DELETING };

struct stream_tag;

struct consumer {
    _Atomic uint32_t refs;
    char name[CONSUMER_NAME_BYTES_MAX + 1];
    uint64_t created_s; /* part of its ARN: a consumer registered again is another one */
    enum consumer_status status;
    uint64_t
        settles_us; /* CREATING, DELETING: when that ends, on the catalog's clock (monotonic) */
    uint32_t tag_count;
    struct stream_tag *tags; /* its own; by key, each once (tags.h) */
    struct policy *policy;   /* counted; NULL: none */
};

/* "arn:aws:kinesis:REGION:ACCOUNT:stream/STREAM/consumer/NAME:SECONDS", NUL-terminated. */
enum { CONSUMER_ARN_BYTES = STREAM_ARN_BYTES + 10 + CONSUMER_NAME_BYTES_MAX + 1 + 20 + 1 };
void consumer_arn(const struct consumer *c, const struct scope *scope, const char *stream,
                  char out[CONSUMER_ARN_BYTES]);

/* All consumers of a stream, by name. NULL is the empty set. */
struct consumer_set {
    _Atomic uint32_t refs;
    uint32_t count;
    struct consumer *at[];
};

/* Copies, tags too; one reference to it, and its own to the policy. */
struct consumer *consumer_new(const struct consumer *values);
/* A consumer's values, to be changed and made anew: all but its references, which others may be counting just now. */
struct consumer consumer_values(const struct consumer *c);
struct consumer *consumer_ref(struct consumer *c);
void consumer_unref(struct consumer *c);
const char *consumer_status_name(enum consumer_status status);

struct consumer_set *consumer_set_ref(struct consumer_set *s);
void consumer_set_unref(struct consumer_set *s);
static inline uint32_t consumer_set_count(const struct consumer_set *s)
{
    return s ? s->count : 0;
}
/* NULL when it is not there; lives as long as the set. */
struct consumer *consumer_set_find(const struct consumer_set *s, struct bytes name);
/* A new set in which `c` (taken over) stands, also in place of one of its name; the old set is left as it is. */
struct consumer_set *consumer_set_with(const struct consumer_set *s, struct consumer *c);
/* A new set without that name. */
struct consumer_set *consumer_set_without(const struct consumer_set *s, struct bytes name);

#endif
