/* operations.h: the handlers of operations.def, and what they share.
 *
 * A handler gets the decoded, checked input (in the exchange's arena), and answers now or later,
 * always through reply.h, on the exchange's loop. Thread: the exchange's loop. */
#ifndef SLUICE_API_OPERATIONS_H
#define SLUICE_API_OPERATIONS_H

#include "api/reply.h"
#include "api/service.h"
#include "wire/model/kinesis.h"

typedef void operation_fn(struct service *, struct exchange *, const void *input);
#define OPERATION(name, index, handler) operation_fn handler;
#include "api/operations.def"
#undef OPERATION

/* The stream that a request means by StreamName or StreamARN (either may be absent, not both).
 * INVALID_ARGUMENT, or NOT_FOUND for an ARN of another account. `name` is a view of the input. */
enum status request_stream_name(const struct service *s, struct bytes stream_name,
                                struct bytes stream_arn, struct bytes *name,
                                struct fault *f) MUST_USE;
/* The same, and looks the stream up: its view is referenced. `stream` may be NULL. */
enum status request_stream(const struct service *s, struct bytes stream_name,
                           struct bytes stream_arn, struct stream **stream,
                           struct stream_view **view, struct fault *f) MUST_USE;
/* "arn:aws:kinesis:us-east-1:000000000000:stream/NAME" in the arena. */
struct bytes stream_arn_print(const struct service *s, struct arena *a, const char *name);

/* A consumer as requests name it: by ARN, or by name and stream ARN, or by all three if they agree. */
struct consumer_asked {
    struct bytes arn, name, stream_arn;
};
struct consumer_name {
    struct bytes stream, consumer; /* views of the input */
    uint64_t created_s;            /* 0: whichever has the name */
};
/* INVALID_ARGUMENT, or NOT_FOUND for another account. */
enum status request_consumer_name(const struct service *s, const struct consumer_asked *asked,
                                  struct consumer_name *out, struct fault *f) MUST_USE;
/* The same, and looks it up: the view is referenced, and has the consumer; so is `stream`, which may be NULL. */
enum status request_consumer(const struct service *s, const struct consumer_asked *asked,
                             struct stream **stream, struct stream_view **view,
                             struct consumer **consumer, struct fault *f) MUST_USE;
/* "arn:...:stream/NAME/consumer/CONSUMER:SECONDS" in the arena. */
struct bytes consumer_arn_print(const struct service *s, struct arena *a, const char *stream,
                                const struct consumer *c);

/* Runs a catalog command for an exchange; when it is done, answers 200 with an empty body, or the
 * fault. Takes the stream by name or ARN. */
struct control_command {
    struct catalog_command command;
    struct exchange *exchange;
    const struct service *service;            /* set by control_command_run */
    void (*answer)(struct control_command *); /* instead of the empty 200; may be NULL */
};
struct control_command *control_command_new(struct exchange *x);
void control_command_run(const struct service *s, struct control_command *c,
                         struct bytes stream_name, struct bytes stream_arn);

/* The tags of a request (tags->count of them), in the arena; NULL when it had no room. */
struct stream_tag *request_tags(struct exchange *x, const struct kinesis_tag_map *tags);

/* Page tokens: iterator.h's, as base64. Sealing sets the time; an absent view when the arena had no
 * room. Opening: INVALID_ARGUMENT or EXPIRED_TOKEN. */
struct bytes page_token_seal(const struct service *s, struct exchange *x, struct iterator *it);
enum status page_token_open(const struct service *s, struct bytes token, enum iterator_kind kind,
                            struct iterator *out, struct fault *f) MUST_USE;

/* Shards as AWS shows them. */
enum status shard_describe(const struct shard *s, struct arena *a,
                           struct kinesis_shard *out) MUST_USE;
struct kinesis_hash_key_range *hash_range_describe(const struct shard *s, struct arena *a);

#endif
