/* op_consumer.c: RegisterStreamConsumer, DescribeStreamConsumer, ListStreamConsumers, DeregisterStreamConsumer. */
#include "api/operations.h"
#include "api/tag_check.h"

#include "shards/stream_fault.h"
#include "shards/tags.h"

#include <stdio.h>

enum { PAGE_MOST = 100 };

static struct kinesis_consumer describe(struct arena *a, const struct scope *scope,
                                        const char *stream, const struct consumer *c)
{
    return (struct kinesis_consumer){
        .consumer_name = bytes_text(c->name),
        .consumer_arn = consumer_arn_print(a, scope, stream, c),
        .consumer_status = bytes_text(consumer_status_name(c->status)),
        .consumer_creation_timestamp = {(int64_t)c->created_s * 1000, true},
    };
}

/* ---- register, deregister ---- */

/* The client hears CREATING, as AWS says it, even when there is nothing to wait for. */
static void answer_registered(struct control_command *c)
{
    char stream[STREAM_NAME_BYTES_MAX + 1];
    struct consumer *made = c->command.consumer.made;
    snprintf(stream, sizeof(stream), "%.*s", BYTES_ARGS(c->command.stream));
    struct kinesis_consumer shown = describe(&c->exchange->arena, &c->command.scope, stream, made);
    shown.consumer_status = bytes_text(consumer_status_name(CONSUMER_CREATING));
    struct kinesis_register_stream_consumer_output out = {.consumer = &shown};
    reply_shape(c->exchange, &shape_kinesis_register_stream_consumer_output, &out);
    consumer_unref(made);
}

static enum status take_tags(struct exchange *x,
                             const struct kinesis_register_stream_consumer_input *in,
                             struct catalog_command *c, struct fault *f)
{
    uint32_t count = in->tags.count;
    struct stream_tag *tags = request_tags(x, &in->tags);
    if (!tags)
        return fault_set(f, NO_MEMORY, "no memory for the tags");
    if (count > STREAM_TAGS_MAX)
        return fault_tags_too_many(f, in->consumer_name, x->scope.account);
    enum status st = tags_check(&x->scope, in->consumer_name, tags, count, f);
    c->consumer.tags = tags;
    c->consumer.tag_count = stream_tags_sort(tags, count);
    return st;
}

void op_register_stream_consumer(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_register_stream_consumer_input *in = input;
    struct control_command *c = control_command_new(x);
    struct fault f = {0};
    if (!c)
        return;
    c->answer = answer_registered;
    c->command.verb = CATALOG_REGISTER_CONSUMER;
    c->command.consumer.name = in->consumer_name;
    if (take_tags(x, in, &c->command, &f) == OK)
        control_command_run(s, c, BYTES_NONE, in->stream_arn);
    else
        reply_fault(x, &f);
}

void op_deregister_stream_consumer(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_deregister_stream_consumer_input *in = input;
    struct control_command *c = control_command_new(x);
    struct fault f = {0};
    struct consumer_name name;
    if (!c)
        return;
    enum status st = request_consumer_name(
        &(struct consumer_asked){in->consumer_arn, in->consumer_name, in->stream_arn}, &name, &f);
    if (st != OK) {
        reply_fault(x, &f);
        return;
    }
    c->command.verb = CATALOG_DEREGISTER_CONSUMER;
    c->command.consumer.name = name.consumer;
    c->command.consumer.created_s = name.created_s;
    control_command_run_on(s, c, BYTES_NONE, name.stream_arn, &name);
}

/* ---- describe ---- */

void op_describe_stream_consumer(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_describe_stream_consumer_input *in = input;
    struct fault f = {0};
    struct stream_view *v;
    struct consumer *c;
    enum status st = request_consumer(
        s, x, &(struct consumer_asked){in->consumer_arn, in->consumer_name, in->stream_arn}, NULL,
        &v, &c, &f);
    if (st != OK) {
        reply_fault(x, &f);
        return;
    }
    struct kinesis_consumer shown = describe(&x->arena, &v->settings.scope, v->settings.name, c);
    struct kinesis_consumer_description description = {
        .consumer_name = shown.consumer_name,
        .consumer_arn = shown.consumer_arn,
        .consumer_status = shown.consumer_status,
        .consumer_creation_timestamp = shown.consumer_creation_timestamp,
        .stream_arn = stream_arn_print(&x->arena, &v->settings),
    };
    struct kinesis_describe_stream_consumer_output out = {.consumer_description = &description};
    reply_shape(x, &shape_kinesis_describe_stream_consumer_output, &out);
    stream_view_unref(v);
}

/* ---- list ---- */

/* StreamCreationTimestamp tells streams of one name apart. Clients send whole seconds. */
static enum status check_created(const struct stream_view *v, struct opt_int created_ms,
                                 struct fault *f)
{
    if (!created_ms.present || created_ms.value / 1000 == (int64_t)v->settings.created_ms / 1000)
        return OK;
    return fault_stream_not_found(f, bytes_text(v->settings.name), v->settings.scope.account);
}

static enum status page_start(const struct service *s,
                              const struct kinesis_list_stream_consumers_input *in,
                              const struct stream_view *v, struct iterator *it, struct fault *f)
{
    if (!bytes_present(in->next_token))
        return check_created(v, in->stream_creation_timestamp, f);
    if (in->stream_creation_timestamp.present)
        return fault_set(f, INVALID_ARGUMENT,
                         "NextToken and StreamCreationTimestamp cannot be provided together.");
    enum status st = page_token_open(s, in->next_token, ITERATOR_LIST_CONSUMERS, it, f);
    if (st == OK && it->stream != v->settings.number)
        st = fault_set(f, INVALID_ARGUMENT, "NextToken is invalid.");
    return st;
}

void op_list_stream_consumers(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_list_stream_consumers_input *in = input;
    struct fault f = {0};
    struct iterator after = {0};
    struct stream_view *v;
    if (request_stream(s, x, BYTES_NONE, in->stream_arn, NULL, &v, &f) != OK ||
        request_made(v, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    if (page_start(s, in, v, &after, &f) != OK) {
        stream_view_unref(v);
        reply_fault(x, &f);
        return;
    }
    uint32_t most = in->max_results.present && in->max_results.value < PAGE_MOST
                        ? (uint32_t)in->max_results.value
                        : PAGE_MOST;
    const struct consumer_set *set = v->settings.consumers;
    struct kinesis_consumer shown[PAGE_MOST];
    struct kinesis_list_stream_consumers_output out = {.consumers = {.present = true, .at = shown}};
    for (uint32_t i = 0; i < consumer_set_count(set) && !bytes_present(out.next_token); i++) {
        const struct consumer *c = set->at[i];
        if (bytes_compare(bytes_text(c->name), bytes_text(after.name)) <= 0)
            continue;
        if (out.consumers.count < most) {
            shown[out.consumers.count++] =
                describe(&x->arena, &v->settings.scope, v->settings.name, c);
            continue;
        }
        struct iterator next = {.kind = ITERATOR_LIST_CONSUMERS, .stream = v->settings.number};
        snprintf(next.name, sizeof(next.name), "%s", set->at[i - 1]->name);
        out.next_token = page_token_seal(s, x, &next);
    }
    reply_shape(x, &shape_kinesis_list_stream_consumers_output, &out);
    stream_view_unref(v);
}
