/* request.c: what many operations do first: find the stream they mean; and last: run a catalog
 * command. */
#include "api/operations.h"

#include "shards/stream_fault.h"

enum status request_stream_name(const struct exchange *x, struct bytes stream_name,
                                struct bytes stream_arn, struct scope *scope, struct bytes *name,
                                struct fault *f)
{
    if (!bytes_present(stream_arn)) {
        *name = stream_name;
        *scope = x->scope;
        if (bytes_present(stream_name))
            return OK;
        return fault_set(f, INVALID_ARGUMENT, "Either StreamName or StreamARN should be provided.");
    }
    struct stream_arn arn;
    if (!stream_arn_parse(stream_arn, &arn) || !account_is_valid(arn.account))
        return fault_set(f, INVALID_ARGUMENT, "StreamARN %.*s is not a valid stream ARN.",
                         BYTES_ARGS(stream_arn));
    *name = arn.name;
    if (bytes_present(stream_name) && !bytes_equal(stream_name, arn.name))
        return fault_set(f, INVALID_ARGUMENT, "StreamARN %.*s does not match StreamName %.*s.",
                         BYTES_ARGS(stream_arn), BYTES_ARGS(stream_name));
    bool here = bytes_equal(arn.region, bytes_text(x->scope.region));
    if (!here || !scope_set(scope, arn.account, arn.region))
        return fault_set(f, NOT_FOUND, "Stream %.*s under account %.*s not found.",
                         BYTES_ARGS(arn.name), BYTES_ARGS(arn.account));
    return OK;
}

/* Whether the caller may touch it, and that often. */
static enum status admit(const struct service *s, const struct exchange *x,
                         const struct access_target *t, struct fault *f)
{
    enum status st = access_check(x, t, f);
    if (st == OK && s->quotas && !quotas_call_stream(s->quotas, x->action, &t->scope, t->stream))
        st = fault_rate_exceeded(f, t->stream, t->scope.account);
    return st;
}

/* The stream, or NULL when there is none, if the caller may touch what it asks for: the stream, or a consumer of it. */
static enum status look_up(const struct service *s, const struct exchange *x,
                           struct access_target *t, struct stream **stream,
                           struct stream_view **view, struct fault *f)
{
    *stream = stream_table_find(s->streams, &t->scope, t->stream);
    *view = *stream ? stream_look(*stream) : NULL;
    t->view = *view;
    enum status st = admit(s, x, t, f);
    if (st != OK) {
        stream_view_unref(*view);
        stream_unref(*stream);
        *view = NULL;
        *stream = NULL;
    }
    return st;
}

/* By name or ARN; `of` is the consumer, or NULL. References nothing unless OK. */
static enum status find(const struct service *s, const struct exchange *x, struct bytes stream_name,
                        struct bytes stream_arn, const struct consumer_name *of,
                        struct stream **stream, struct stream_view **view,
                        struct consumer **consumer, struct fault *f)
{
    struct access_target t = {.view = NULL};
    struct stream *found = NULL;
    if (of) {
        t.consumer_name = of->consumer;
        t.consumer_created_s = of->created_s;
    }
    enum status st = request_stream_name(x, stream_name, stream_arn, &t.scope, &t.stream, f);
    if (st == OK)
        st = look_up(s, x, &t, &found, view, f);
    if (st != OK)
        return st;
    if (!found)
        return fault_stream_not_found(f, t.stream, t.scope.account);
    if (consumer)
        *consumer = access_consumer(&t);
    if (bytes_present(t.consumer_name) && !access_consumer(&t)) {
        st = fault_consumer_not_found(f, t.consumer_name, t.stream, t.scope.account);
        stream_view_unref(*view);
        stream_unref(found);
    } else if (stream) {
        *stream = found;
    } else {
        stream_unref(found);
    }
    return st;
}

enum status request_stream(const struct service *s, const struct exchange *x,
                           struct bytes stream_name, struct bytes stream_arn,
                           struct stream **stream, struct stream_view **view, struct fault *f)
{
    return find(s, x, stream_name, stream_arn, NULL, stream, view, NULL, f);
}

enum status request_resource(struct bytes resource_arn, struct resource *out, struct fault *f)
{
    static const struct bytes kind = BYTES_LITERAL("/consumer/");
    struct stream_arn arn;
    if (!stream_arn_parse(resource_arn, &arn))
        return fault_set(f, INVALID_ARGUMENT, "ResourceARN %.*s is not a valid ARN.",
                         BYTES_ARGS(resource_arn));
    const uint8_t *slash = arn.name.len ? memchr(arn.name.at, '/', arn.name.len) : NULL;
    struct bytes rest =
        slash ? bytes_of(slash, (size_t)(arn.name.at + arn.name.len - slash)) : BYTES_LITERAL("");
    *out = (struct resource){bytes_of(resource_arn.at, resource_arn.len - rest.len), BYTES_NONE};
    if (!slash)
        return OK;
    if (!bytes_starts_with(rest, kind))
        return fault_set(f, INVALID_ARGUMENT, "ResourceARN %.*s is not a valid ARN.",
                         BYTES_ARGS(resource_arn));
    out->consumer = bytes_of(rest.at + kind.len, rest.len - kind.len);
    return OK;
}

enum status request_stream_number(const struct service *s, const struct exchange *x,
                                  const struct iterator *it, struct stream_view **view,
                                  struct fault *f)
{
    *view = NULL;
    struct stream *stream = stream_table_find_number(s->streams, it->stream);
    if (!stream)
        return fault_stream_not_found(f, bytes_text(it->name), x->scope.account);
    struct stream_view *v = stream_look(stream);
    stream_unref(stream);
    enum status st =
        admit(s, x,
              &(struct access_target){
                  .scope = v->settings.scope, .stream = bytes_text(v->settings.name), .view = v},
              f);
    if (st == OK)
        *view = v;
    else
        stream_view_unref(v);
    return st;
}

enum status request_made(struct stream_view *v, struct fault *f)
{
    if (v->settings.status != STREAM_CREATING)
        return OK;
    enum status st = fault_stream_unsettled(f, &v->settings);
    stream_view_unref(v);
    return st;
}

struct bytes stream_arn_print(struct arena *a, const struct stream_settings *settings)
{
    char arn[STREAM_ARN_BYTES];
    scope_stream_arn(&settings->scope, settings->name, arn);
    return arena_copy(a, bytes_text(arn));
}

/* ---- consumers ---- */

/* "NAME:SECONDS" */
static bool take_consumer(struct bytes text, struct consumer_name *out)
{
    const uint8_t *colon = text.len ? memrchr(text.at, ':', text.len) : NULL;
    if (!colon || colon == text.at)
        return false;
    out->consumer = bytes_of(text.at, (size_t)(colon - text.at));
    return bytes_to_u64(bytes_of(colon + 1, text.len - out->consumer.len - 1), &out->created_s);
}

static enum status by_arn(const struct consumer_asked *asked, struct consumer_name *out,
                          struct fault *f)
{
    struct resource resource;
    if (request_resource(asked->arn, &resource, NULL) != OK || !bytes_present(resource.consumer) ||
        !take_consumer(resource.consumer, out))
        return fault_set(f, INVALID_ARGUMENT, "ConsumerARN %.*s is not a valid consumer ARN.",
                         BYTES_ARGS(asked->arn));
    out->stream_arn = resource.stream_arn;
    if (bytes_present(asked->name) && !bytes_equal(asked->name, out->consumer))
        return fault_set(f, INVALID_ARGUMENT, "ConsumerARN %.*s does not match ConsumerName %.*s.",
                         BYTES_ARGS(asked->arn), BYTES_ARGS(asked->name));
    if (bytes_present(asked->stream_arn) && !bytes_equal(asked->stream_arn, out->stream_arn))
        return fault_set(f, INVALID_ARGUMENT, "ConsumerARN %.*s does not match StreamARN %.*s.",
                         BYTES_ARGS(asked->arn), BYTES_ARGS(asked->stream_arn));
    return OK;
}

enum status request_consumer_name(const struct consumer_asked *asked, struct consumer_name *out,
                                  struct fault *f)
{
    *out = (struct consumer_name){0};
    if (bytes_present(asked->arn))
        return by_arn(asked, out, f);
    if (!bytes_present(asked->name) || !bytes_present(asked->stream_arn))
        return fault_set(f, INVALID_ARGUMENT,
                         "Either ConsumerARN or both StreamARN and ConsumerName must be provided.");
    out->stream_arn = asked->stream_arn;
    out->consumer = asked->name;
    return OK;
}

enum status request_consumer(const struct service *s, const struct exchange *x,
                             const struct consumer_asked *asked, struct stream **stream,
                             struct stream_view **view, struct consumer **consumer, struct fault *f)
{
    struct consumer_name name;
    enum status st = request_consumer_name(asked, &name, f);
    return st == OK ? find(s, x, BYTES_NONE, name.stream_arn, &name, stream, view, consumer, f)
                    : st;
}

enum status request_bearer_name(struct bytes resource_arn, struct consumer_name *out,
                                struct fault *f)
{
    struct resource resource;
    enum status st = request_resource(resource_arn, &resource, f);
    *out = (struct consumer_name){.stream_arn = resource.stream_arn};
    if (st == OK && bytes_present(resource.consumer) && !take_consumer(resource.consumer, out))
        st = fault_set(f, INVALID_ARGUMENT, "ResourceARN %.*s is not a valid ARN.",
                       BYTES_ARGS(resource_arn));
    return st;
}

enum status request_bearer(const struct service *s, const struct exchange *x,
                           const struct consumer_name *name, struct stream_view **view,
                           struct consumer **consumer, struct fault *f)
{
    return find(s, x, BYTES_NONE, name->stream_arn, name, NULL, view, consumer, f);
}

struct bytes consumer_arn_print(struct arena *a, const struct scope *scope, const char *stream,
                                const struct consumer *c)
{
    char arn[CONSUMER_ARN_BYTES];
    consumer_arn(c, scope, stream, arn);
    return arena_copy(a, bytes_text(arn));
}

/* ---- catalog commands ---- */

struct control_command *control_command_new(struct exchange *x)
{
    struct control_command *c = arena_zero(&x->arena, sizeof(*c));
    if (c)
        c->exchange = x;
    else
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
    return c;
}

static void answered(struct message *m)
{
    struct exchange *x = LIST_OWNER(m, struct exchange, message);
    struct control_command *c = x->operation;
    if (c->command.status == OK && c->answer) {
        c->answer(c);
    } else if (c->command.status == OK) {
        reply_empty(x);
    } else {
        c->command.fault.status = c->command.status;
        reply_fault(x, &c->command.fault);
    }
}

/* Thread: the catalog's. */
static void done(struct catalog_command *command)
{
    exchange_send(LIST_OWNER(command, struct control_command, command)->exchange, answered);
}

void control_command_submit(const struct service *s, struct control_command *c)
{
    c->service = s;
    c->exchange->operation = c;
    c->command.done = done;
    catalog_submit(s->catalog, &c->command);
}

void control_command_run_on(const struct service *s, struct control_command *c,
                            struct bytes stream_name, struct bytes stream_arn,
                            const struct consumer_name *of)
{
    struct fault f = {0};
    struct stream *stream = NULL;
    struct stream_view *view = NULL;
    struct access_target t = {.consumer_name = of->consumer, .consumer_created_s = of->created_s};
    enum status st =
        request_stream_name(c->exchange, stream_name, stream_arn, &t.scope, &t.stream, &f);
    if (st == OK)
        st = look_up(s, c->exchange, &t, &stream, &view, &f);
    stream_view_unref(view);
    stream_unref(stream);
    if (st != OK) {
        reply_fault(c->exchange, &f);
        return;
    }
    c->command.scope = t.scope;
    c->command.stream = t.stream;
    c->command.of_consumer.name = of->consumer;
    c->command.of_consumer.created_s = of->created_s;
    control_command_submit(s, c);
}

void control_command_run(const struct service *s, struct control_command *c,
                         struct bytes stream_name, struct bytes stream_arn)
{
    control_command_run_on(s, c, stream_name, stream_arn, &(struct consumer_name){0});
}

struct bytes control_command_arn(const struct control_command *c)
{
    struct arena *a = &c->exchange->arena;
    struct bytes name = arena_copy(a, c->command.stream);
    char arn[STREAM_ARN_BYTES];
    if (!bytes_present(name))
        return BYTES_NONE;
    scope_stream_arn(&c->command.scope, (const char *)name.at, arn);
    return arena_copy(a, bytes_text(arn));
}
