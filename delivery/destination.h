/* destination.h: the contract of whoever takes what an output closed: S3 (destination_s3.c), HTTP endpoints (destination_http.c),
 * Splunk's HEC (destination_splunk.c), OpenSearch's bulk (destination_opensearch.c).
 *
 * D1. done comes once for each send, on the lane's loop, never before send returns.
 * D2. A destination tries again by itself as its RetryOptions say, with back-off and jitter; the parcel stays the caller's until done.
 * D3. SENT only after the far side has agreed to all of it. */
#ifndef SLUICE_DELIVERY_DESTINATION_H
#define SLUICE_DELIVERY_DESTINATION_H

#include "delivery/delivery.h"
#include "wire/web.h"

enum parcel_outcome {
    PARCEL_SENT,
    PARCEL_REFUSED, /* for good (retries are used up): what cannot go goes to the error output, as `refusals` say */
    PARCEL_GONE,   /* for good, and AWS keeps nothing of it (a 413 of an HTTP endpoint) */
    PARCEL_STOPPED /* the lane ends */
};

/* One result in a parcel, for destinations that send records and not bytes. */
struct parcel_record {
    uint64_t offset, time_ms;
    uint32_t sub;
    size_t at, len; /* in body */
};
/* Why one record was refused (OpenSearch refuses single ones); `record` is its place. */
struct parcel_refusal {
    uint32_t record;
    const char *code; /* "HttpEndpoint.DestinationException" */
    char text[160];
};

/* What an output closed, on its way. */
struct parcel {
    /* set before */
    struct delivery_view *view; /* referenced by its plan: settings at the time it was planned */
    const char *
        name; /* S3: the object's key. Others: the request id (a UUID), the same for all attempts, also after a crash */
    const char *bucket;  /* S3 */
    const char *kms_key; /* S3: the key to encrypt under, or NULL */
    bool
        again; /* it may have been sent before a crash: what that left behind is to be cleared away */
    struct bytes body; /* S3: as stored (compressed). Others: data of the records, end to end */
    const struct parcel_record *records; /* others than S3 */
    uint32_t record_count;
    uint64_t first_ms; /* arrival of the oldest */
    void (*done)(struct parcel *);
    /* set before done */
    enum parcel_outcome outcome;
    uint32_t attempts;
    uint64_t ended_ms; /* of the last attempt */
    struct parcel_refusal *
        refusals; /* REFUSED: all of them when NULL, for `code` and `fault`; the destination's, until done returns */
    uint32_t refusal_count;
    const char *code;
    struct fault fault;
    void *own; /* the destination's, while under way */
};

struct destination;
struct destination_settings {
    const struct delivery_engine_settings *engine;
    struct delivery *delivery;
    struct loop *loop;
    struct web *web;
    const struct clock *clock;
};
struct destination_ops {
    enum status (*open)(const struct destination_settings *s, struct destination **out,
                        struct fault *f);
    void (*send)(struct destination *d, struct parcel *p);
    /* Parcels under way are done with STOPPED first. */
    void (*close)(struct destination *d);
};
struct destination {
    const struct destination_ops *ops;
};
extern const struct destination_ops destination_s3, destination_http, destination_splunk,
    destination_opensearch;
/* NULL: it is not served. */
const struct destination_ops *destination_of(enum delivery_kind kind);

#endif
