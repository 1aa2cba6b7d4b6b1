/* operations.h: the handlers of operations.def, and what they share.
 *
 * A handler gets the decoded, checked input (in the exchange's arena), and answers now or later,
 * always through reply.h, on the exchange's loop. Thread: the exchange's loop. */
#ifndef SLUICE_API_OPERATIONS_H
#define SLUICE_API_OPERATIONS_H

#include "api/access.h"
#include "api/reply.h"
#include "api/service.h"
#include "wire/model/kinesis.h"

typedef void operation_fn(struct service *, struct exchange *, const void *input);
#define OPERATION(name, index, handler) operation_fn handler;
#include "api/operations.def"
#undef OPERATION
/* Of our own, beside AWS's. */
operation_fn op_get_fault_rules, op_put_fault_rules;

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
/* The stream's ARN, when that is what it names; no other resource can be looked up. */
enum status request_resource_stream(struct bytes resource_arn, struct bytes *stream_arn,
                                    struct fault *f) MUST_USE;
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

/* Runs a catalog command for an exchange; when it is done, answers 200 with an empty body, or the
 * fault. Takes the stream by name or ARN, and asks whether the caller may. */
struct control_command {
    struct catalog_command command;
    struct exchange *exchange;
};
struct control_command *control_command_new(struct exchange *x);
void control_command_run(const struct service *s, struct control_command *c,
                         struct bytes stream_name, struct bytes stream_arn);

/* The tags of a request (tags->count of them), in the arena; NULL when it had no room. */
struct stream_tag *request_tags(struct exchange *x, const struct kinesis_tag_map *tags);
/* The same of keys alone: tags without values. */
struct stream_tag *request_tag_keys(struct exchange *x, const struct kinesis_tag_key_list *keys);

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
