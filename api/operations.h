/* operations.h: the handlers of operations.def, and what they share.
 *
 * A handler gets the decoded, checked input (in the exchange's arena), and answers now or later,
 * always through reply.h, on the exchange's loop. Thread: the exchange's loop. */
#ifndef SLUICE_API_OPERATIONS_H
#define SLUICE_API_OPERATIONS_H

#include "api/access.h"
#include "api/monitoring.h"
#include "api/reply.h"
#include "api/service.h"
#include "wire/model/kinesis.h"

typedef void operation_fn(struct service *, struct exchange *, const void *input);
#define OPERATION(name, index, handler) operation_fn handler;
#include "api/delivery_operations.def"
#include "api/operations.def"
#undef OPERATION
/* Of our own, beside AWS's. */
operation_fn op_get_fault_rules, op_put_fault_rules, op_flush_delivery;
operation_fn op_create_group, op_delete_group, op_describe_group, op_list_groups, op_reset_group;
operation_fn op_join_group, op_heartbeat_group, op_commit_group, op_leave_group;

/* The stream that a request means by StreamName or StreamARN (either may be absent, not both): in the
 * caller's scope, or where the ARN says. Whether it is there, and the caller may touch it
 * (access.h), is not asked yet. INVALID_ARGUMENT, or NOT_FOUND for an ARN of another region. `name`
 * is a view of the input. */
enum status request_stream_name(const struct exchange *x, struct bytes stream_name,
                                struct bytes stream_arn, struct scope *scope, struct bytes *name,
                                struct fault *f) MUST_USE;
/* The same, looks the stream up and asks whether the caller may do what it asks: its view is
 * referenced. `stream` may be NULL. */
enum status request_stream(const struct service *s, const struct exchange *x,
                           struct bytes stream_name, struct bytes stream_arn,
                           struct stream **stream, struct stream_view **view,
                           struct fault *f) MUST_USE;
/* For what can be looked at as soon as its stream is there: IN_USE while that is CREATING; the view is then given back. */
enum status request_made(struct stream_view *v, struct fault *f) MUST_USE;
/* The stream that an iterator or a page token is bound to, likewise. */
enum status request_stream_number(const struct service *s, const struct exchange *x,
                                  const struct iterator *it, struct stream_view **view,
                                  struct fault *f) MUST_USE;
/* A ShardIterator as clients hold it; of any age. INVALID_ARGUMENT. */
enum status shard_iterator_open(const struct service *s, struct bytes text,
                                struct iterator *out) MUST_USE;
/* What a ResourceARN names: a stream, or a consumer of one. INVALID_ARGUMENT, NOT_FOUND. */
struct resource {
    struct bytes stream_arn; /* a view of it */
    struct bytes consumer;   /* "NAME:SECONDS"; absent: the stream itself */
};
enum status request_resource(struct bytes resource_arn, struct resource *out,
                             struct fault *f) MUST_USE;
/* "arn:aws:kinesis:us-east-1:000000000000:stream/NAME" in the arena. */
struct bytes stream_arn_print(struct arena *a, const struct stream_settings *settings);

/* A consumer as requests name it: by ARN, or by name and stream ARN, or by all three if they agree. */
struct consumer_asked {
    struct bytes arn, name, stream_arn;
};
struct consumer_name {
    struct bytes stream_arn, consumer; /* views of the input */
    uint64_t created_s;                /* 0: whichever has the name */
};
/* INVALID_ARGUMENT when it is half a name, or two. */
enum status request_consumer_name(const struct consumer_asked *asked, struct consumer_name *out,
                                  struct fault *f) MUST_USE;
/* The same, looks it up and asks whether the caller may: the view is referenced, and has the consumer; so is `stream`,
 * which may be NULL. */
enum status request_consumer(const struct service *s, const struct exchange *x,
                             const struct consumer_asked *asked, struct stream **stream,
                             struct stream_view **view, struct consumer **consumer,
                             struct fault *f) MUST_USE;
/* What bears tags and policies: the stream or the consumer (`consumer` is absent: the stream) that a ResourceARN names. */
enum status request_bearer_name(struct bytes resource_arn, struct consumer_name *out,
                                struct fault *f) MUST_USE;
/* Looks it up and asks whether the caller may: the view is referenced, and has the consumer; NULL: it is the stream itself. */
enum status request_bearer(const struct service *s, const struct exchange *x,
                           const struct consumer_name *name, struct stream_view **view,
                           struct consumer **consumer, struct fault *f) MUST_USE;
/* "arn:...:stream/NAME/consumer/CONSUMER:SECONDS" in the arena. */
struct bytes consumer_arn_print(struct arena *a, const struct scope *scope, const char *stream,
                                const struct consumer *c);

/* Runs a catalog command for an exchange; when it is done, answers 200 with an empty body (or as
 * `answer` does), or the fault. Takes the stream by name or ARN, and asks whether the caller may. */
struct control_command {
    struct catalog_command command;
    struct exchange *exchange;
    const struct service *service;            /* set by control_command_run */
    void (*answer)(struct control_command *); /* of an operation with an output; may be NULL */
};
struct control_command *control_command_new(struct exchange *x);
void control_command_run(const struct service *s, struct control_command *c,
                         struct bytes stream_name, struct bytes stream_arn);
/* The same of a consumer, or of the stream itself when of->consumer is absent. */
void control_command_run_on(const struct service *s, struct control_command *c,
                            struct bytes stream_name, struct bytes stream_arn,
                            const struct consumer_name *of);
/* The ARN of the command's stream, for an answer. */
struct bytes control_command_arn(const struct control_command *c);
/* The same of a command that is about no stream. */
void control_command_submit(const struct service *s, struct control_command *c);

/* The tags of a request (tags->count of them), in the arena; NULL when it had no room. */
struct stream_tag *request_tags(struct exchange *x, const struct kinesis_tag_map *tags);
/* The same of keys alone: tags without values. */
struct stream_tag *request_tag_keys(struct exchange *x, const struct kinesis_tag_key_list *keys);

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
