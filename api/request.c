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
    bool ours = bytes_equal(arn.account, bytes_text(s->account)) &&
                (s->any_region || bytes_equal(arn.region, bytes_text(s->region)));
    if (!ours)
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
    c->exchange->operation = c;
    c->service = s;
    c->command.done = done;
    catalog_submit(s->catalog, &c->command);
}

struct bytes control_command_arn(const struct control_command *c)
{
    struct arena *a = &c->exchange->arena;
    struct bytes name = arena_copy(a, c->command.stream);
    return bytes_present(name) ? stream_arn_print(c->service, a, (const char *)name.at)
                               : BYTES_NONE;
}
