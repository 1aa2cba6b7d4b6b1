/* request.c: what many operations do first: find the stream they mean; and last: run a catalog
 * command. */
#include "api/operations.h"

#include "shards/stream_fault.h"

struct stream_arn {
    struct bytes region, account, name;
};

/* "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"; the model's pattern has been checked. */
static bool arn_parse(struct bytes arn, struct stream_arn *out)
{
    struct bytes parts[6];
    struct bytes rest = arn;
    for (int i = 0; i < 5; i++) {
        const uint8_t *colon = memchr(rest.at, ':', rest.len);
        if (!colon)
            return false;
        parts[i] = bytes_of(rest.at, (size_t)(colon - rest.at));
        rest = bytes_of(colon + 1, rest.len - parts[i].len - 1);
    }
    static const struct bytes kind = BYTES_LITERAL("stream/");
    if (!bytes_starts_with(rest, kind))
        return false;
    *out =
        (struct stream_arn){parts[3], parts[4], bytes_of(rest.at + kind.len, rest.len - kind.len)};
    return true;
}

static bool is_ours(const struct service *s, const struct stream_arn *arn)
{
    return bytes_equal(arn->account, bytes_text(s->account)) &&
           (s->any_region || bytes_equal(arn->region, bytes_text(s->region)));
}

enum status request_stream_name(const struct service *s, struct bytes stream_name,
                                struct bytes stream_arn, struct bytes *name, struct fault *f)
{
    if (!bytes_present(stream_arn)) {
        *name = stream_name;
        if (bytes_present(stream_name))
            return OK;
        return fault_set(f, INVALID_ARGUMENT, "Either StreamName or StreamARN should be provided.");
    }
    struct stream_arn arn;
    if (!arn_parse(stream_arn, &arn))
        return fault_set(f, INVALID_ARGUMENT, "StreamARN %.*s is not a valid stream ARN.",
                         BYTES_ARGS(stream_arn));
    *name = arn.name;
    if (bytes_present(stream_name) && !bytes_equal(stream_name, arn.name))
        return fault_set(f, INVALID_ARGUMENT, "StreamARN %.*s does not match StreamName %.*s.",
                         BYTES_ARGS(stream_arn), BYTES_ARGS(stream_name));
    if (!is_ours(s, &arn))
        return fault_set(f, NOT_FOUND, "Stream %.*s under account %.*s not found.",
                         BYTES_ARGS(arn.name), BYTES_ARGS(arn.account));
    return OK;
}

enum status request_stream(const struct service *s, struct bytes stream_name,
                           struct bytes stream_arn, struct stream **stream,
                           struct stream_view **view, struct fault *f)
{
    struct bytes name;
    enum status st = request_stream_name(s, stream_name, stream_arn, &name, f);
    if (st != OK)
        return st;
    struct stream *found = stream_table_find(s->streams, name);
    if (!found)
        return fault_stream_not_found(f, name, s->account);
    *view = stream_look(found);
    if (stream)
        *stream = found;
    else
        stream_unref(found);
    return OK;
}

struct bytes stream_arn_print(const struct service *s, struct arena *a, const char *name)
{
    return arena_printf(a, "arn:aws:kinesis:%s:%s:stream/%s", s->region, s->account, name);
}

/* ---- consumers ---- */

/* "...:stream/NAME/consumer/CONSUMER:SECONDS" */
static bool consumer_arn_parse(struct bytes arn, struct stream_arn *stream, struct bytes *consumer,
                               uint64_t *created_s)
{
    static const struct bytes kind = BYTES_LITERAL("consumer/");
    if (!arn_parse(arn, stream))
        return false;
    struct bytes path = stream->name;
    const uint8_t *slash = path.len ? memchr(path.at, '/', path.len) : NULL;
    const uint8_t *colon = path.len ? memrchr(path.at, ':', path.len) : NULL;
    if (!slash || !colon || colon < slash)
        return false;
    stream->name.len = (size_t)(slash - path.at);
    struct bytes rest = bytes_of(slash + 1, (size_t)(colon - slash - 1));
    if (!bytes_starts_with(rest, kind))
        return false;
    *consumer = bytes_of(rest.at + kind.len, rest.len - kind.len);
    return bytes_to_u64(bytes_of(colon + 1, (size_t)(path.at + path.len - colon - 1)), created_s);
}

static enum status by_arn(const struct service *s, const struct consumer_asked *asked,
                          struct consumer_name *out, struct fault *f)
{
    struct stream_arn arn;
    if (!consumer_arn_parse(asked->arn, &arn, &out->consumer, &out->created_s))
        return fault_set(f, INVALID_ARGUMENT, "ConsumerARN %.*s is not a valid consumer ARN.",
                         BYTES_ARGS(asked->arn));
    out->stream = arn.name;
    if (bytes_present(asked->name) && !bytes_equal(asked->name, out->consumer))
        return fault_set(f, INVALID_ARGUMENT, "ConsumerARN %.*s does not match ConsumerName %.*s.",
                         BYTES_ARGS(asked->arn), BYTES_ARGS(asked->name));
    struct stream_arn given;
    if (bytes_present(asked->stream_arn) &&
        !(arn_parse(asked->stream_arn, &given) && bytes_equal(given.name, arn.name) &&
          bytes_equal(given.account, arn.account) && bytes_equal(given.region, arn.region)))
        return fault_set(f, INVALID_ARGUMENT, "ConsumerARN %.*s does not match StreamARN %.*s.",
                         BYTES_ARGS(asked->arn), BYTES_ARGS(asked->stream_arn));
    if (!is_ours(s, &arn))
        return fault_stream_not_found(f, arn.name, s->account);
    return OK;
}

enum status request_consumer_name(const struct service *s, const struct consumer_asked *asked,
                                  struct consumer_name *out, struct fault *f)
{
    *out = (struct consumer_name){0};
    if (bytes_present(asked->arn))
        return by_arn(s, asked, out, f);
    if (!bytes_present(asked->name) || !bytes_present(asked->stream_arn))
        return fault_set(f, INVALID_ARGUMENT,
                         "Either ConsumerARN or both StreamARN and ConsumerName must be provided.");
    out->consumer = asked->name;
    return request_stream_name(s, BYTES_NONE, asked->stream_arn, &out->stream, f);
}

enum status request_consumer(const struct service *s, const struct consumer_asked *asked,
                             struct stream **stream, struct stream_view **view,
                             struct consumer **consumer, struct fault *f)
{
    struct consumer_name name;
    enum status st = request_consumer_name(s, asked, &name, f);
    if (st == OK)
        st = request_stream(s, name.stream, BYTES_NONE, stream, view, f);
    if (st != OK)
        return st;
    *consumer = consumer_set_find((*view)->settings.consumers, name.consumer);
    if (*consumer && (!name.created_s || (*consumer)->created_s == name.created_s))
        return OK;
    stream_view_unref(*view);
    if (stream)
        stream_unref(*stream);
    return fault_consumer_not_found(f, name.consumer, name.stream, s->account);
}

struct bytes consumer_arn_print(const struct service *s, struct arena *a, const char *stream,
                                const struct consumer *c)
{
    struct bytes arn = stream_arn_print(s, a, stream);
    return arena_printf(a, "%.*s/consumer/%s:%llu", BYTES_ARGS(arn), c->name,
                        (unsigned long long)c->created_s);
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

void control_command_run(const struct service *s, struct control_command *c,
                         struct bytes stream_name, struct bytes stream_arn)
{
    struct fault f = {0};
    if (request_stream_name(s, stream_name, stream_arn, &c->command.stream, &f) != OK) {
        reply_fault(c->exchange, &f);
        return;
    }
    c->service = s;
    c->exchange->operation = c;
    c->command.done = done;
    catalog_submit(s->catalog, &c->command);
}
