/* access.h: whether a caller may do to a stream, or to a consumer of it, what it asks. Thread: any. */
#ifndef SLUICE_API_ACCESS_H
#define SLUICE_API_ACCESS_H

#include "api/exchange.h"
#include "shards/stream_view.h"

/* What is to be touched. */
struct access_target {
    struct scope scope;
    struct bytes stream;            /* its name */
    const struct stream_view *view; /* NULL: there is no such stream */
    struct bytes consumer_name;     /* a consumer of it; absent: the stream itself */
    uint64_t consumer_created_s;    /* 0: whichever has the name */
};
/* The consumer that it means; NULL when there is none. */
struct consumer *access_consumer(const struct access_target *t);

/* Whether the caller of `x` may do x->action to that. OK also when it is not there and the caller could have seen it: saying so is the
 * operation's. NOT_FOUND when the stream is in another region than the one asked, ACCESS_DENIED in AWS's words. */
enum status access_check(const struct exchange *x, const struct access_target *t,
                         struct fault *f) MUST_USE;

#endif
