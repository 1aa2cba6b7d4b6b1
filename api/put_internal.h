/* put_internal.h: one PutRecord or PutRecords on its way: what op_put.c, which takes it through, and put_answer.c, which answers it, share. Thread: the exchange's
 * loop, but for `outstanding`. */
#ifndef SLUICE_API_PUT_INTERNAL_H
#define SLUICE_API_PUT_INTERNAL_H

#include "api/operations.h"
#include "api/put_stamp.h"

enum {
    ROUTES_MAX = 32
}; /* reshards that one put may meet before it gives up; a recount is a row of them */

/* One record on its way. */
struct put_record {
    struct bytes key, data;
    u128 hash;
    bool explicit_hash;
    bool stored, refused;
    uint32_t part;       /* the batch it is in; then */
    uint32_t place;      /* its place in that batch */
    struct shard *shard; /* once stored */
    uint64_t offset, time_ms;
    const char *error_code; /* of a refused one */
    struct bytes error_text;
};

/* One batch. */
struct put_part {
    struct put_batch batch;
    struct put *put;
};

struct put {
    struct service *service;
    struct exchange *exchange;
    struct stream *stream;                 /* referenced */
    struct stream_view *view;              /* referenced: keeps the shards of `records` */
    struct stream_view *views[ROUTES_MAX]; /* earlier ones, likewise */
    uint32_t routes;
    struct put_record *records;
    uint32_t count;
    struct put_stamper *stamper; /* NULL: anybody's */
    struct put_part *parts;
    uint32_t part_count;
    struct log_append **appends;
    _Atomic uint32_t outstanding;
    struct stream_waiter waiter;
    bool one; /* PutRecord */
};

/* The answer; the put is over. */
void put_answer(struct put *p);
/* Likewise, of a put that failed as a whole. */
void put_fail(struct put *p, const struct fault *f);
/* Why a batch was refused, as a client hears it. */
enum status put_refusal(struct put *p, enum status status, const struct shard *s, struct fault *f);
/* A record that was not stored; what its batch met is worded once, and kept. */
void put_describe_refused(struct put *p, struct put_record *r,
                          struct kinesis_put_records_result_entry *out);

#endif
