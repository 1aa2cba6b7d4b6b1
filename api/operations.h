/* operations.h: the handlers of operations.def, and what they share.
 *
 * A handler gets the decoded, checked input (in the exchange's arena), and answers now or later,
 * always through reply.h, on the exchange's loop. Thread: the exchange's loop. */
#ifndef SLUICE_API_OPERATIONS_H
#define SLUICE_API_OPERATIONS_H

#include "api/monitoring.h"
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

/* Runs a catalog command for an exchange; when it is done, answers 200 with an empty body (or as
 * `answer` does), or the fault. Takes the stream by name or ARN. */
struct control_command {
    struct catalog_command command;
    struct exchange *exchange;
    const struct service *service;
    void (*answer)(struct control_command *); /* of an operation with an output; may be NULL */
};
struct control_command *control_command_new(struct exchange *x);
void control_command_run(const struct service *s, struct control_command *c,
                         struct bytes stream_name, struct bytes stream_arn);
/* The ARN of the command's stream, for an answer. */
struct bytes control_command_arn(const struct control_command *c);

/* Page tokens: iterator.h's, as base64. Sealing sets the time; an absent view when the arena had no
 * room. Opening: INVALID_ARGUMENT or EXPIRED_TOKEN. */
struct bytes page_token_seal(const struct service *s, struct exchange *x, struct iterator *it);
enum status page_token_open(const struct service *s, struct bytes token, enum iterator_kind kind,
                            struct iterator *out, struct fault *f) MUST_USE;

/* A mask of enum shard_metric as AWS names it. */
struct kinesis_metrics_name_list metric_names_describe(uint32_t metrics, struct arena *a);
/* The WarmThroughput of a stream; NULL when it has none, or at the end of the memory. */
struct kinesis_warm_throughput_object *warm_describe(uint32_t target_mibps, uint32_t open_shards,
                                                     struct arena *a);

/* Shards as AWS shows them. */
enum status shard_describe(const struct shard *s, struct arena *a,
                           struct kinesis_shard *out) MUST_USE;
struct kinesis_hash_key_range *hash_range_describe(const struct shard *s, struct arena *a);

#endif
