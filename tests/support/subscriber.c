/* subscriber.c: see subscriber.h. */
#include "support/subscriber.h"

#include "base/limits.h"
#include "unit/base/cmocka_all.h"
#include "wire/event_stream.h"

#include <stdio.h>

bool subscriber_open(struct subscriber *s, struct loopback *l, const char *json)
{
    *s = (struct subscriber){0};
    buf_init(&s->got, 2 * EVENT_STREAM_FRAME_BYTES_MAX);
    call_start(&s->call, l, "SubscribeToShard", json);
    call_wait(&s->call);
    return s->call.exchange.source != NULL;
}

void subscriber_begin(struct subscriber *s, struct loopback *l, const char *consumer_arn,
                      unsigned shard, const char *position)
{
    char json[1024];
    snprintf(json, sizeof(json),
             "{\"ConsumerARN\":\"%s\",\"ShardId\":\"shardId-%012u\",\"StartingPosition\":%s}",
             consumer_arn, shard, position);
    if (!subscriber_open(s, l, json))
        fail_msg("%d %s", s->call.status, s->call.text);
    assert_int_equal(s->call.status, 200);
    assert_true(subscriber_poll(s));
    assert_string_equal(s->kind, "initial-response");
}

void subscriber_close(struct subscriber *s)
{
    call_end(&s->call);
    buf_fini(&s->got);
}

size_t subscriber_read(struct subscriber *s, size_t room)
{
    struct exchange_source *source = s->call.exchange.source;
    s->call.ready = false;
    if (source == NULL)
        return 0;
    uint8_t *at = buf_reserve(&s->got, room);
    assert_non_null(at);
    ptrdiff_t got = source->read(source, at, room);
    if (got >= 0) {
        assert_true((size_t)got <= room);
        buf_add(&s->got, (size_t)got);
        return (size_t)got;
    }
    s->ended = true;
    s->cut = got == SOURCE_BROKEN;
    s->call.exchange.source = NULL;
    source->closed(source);
    return 0;
}

/* Takes a whole message from the front of `got`. */
static bool take(struct subscriber *s)
{
    struct event_stream_message message;
    struct fault f;
    size_t taken = 0;
    if (s->raw.at != NULL) { /* of the last one */
        size_t len = (size_t)(s->raw.at + s->raw.len + 4 - s->got.at);
        memmove(s->got.at, s->got.at + len, s->got.len - len);
        s->got.len -= len;
        s->raw = BYTES_NONE;
    }
    enum status st = event_stream_parse(buf_view(&s->got), &message, &taken, &f);
    if (st == END)
        return false;
    if (st != OK)
        fail_msg("a frame is broken: %s", f.text);
    s->exception =
        bytes_equal(event_stream_string(&message, ":message-type"), BYTES_LITERAL("exception"));
    struct bytes kind =
        event_stream_string(&message, s->exception ? ":exception-type" : ":event-type");
    snprintf(s->kind, sizeof(s->kind), "%.*s", BYTES_ARGS(kind));
    s->raw = message.payload;
    return true;
}

bool subscriber_poll(struct subscriber *s)
{
    while (!take(s))
        if (subscriber_read(s, 8192) == 0)
            return false;
    return true;
}

bool subscriber_wait(struct subscriber *s)
{
    while (!subscriber_poll(s)) {
        if (s->ended)
            return false;
        while (!s->call.ready)
            loop_run(s->call.loopback->loop);
    }
    return true;
}

json_t *subscriber_event(struct subscriber *s)
{
    if (!subscriber_wait(s))
        return NULL;
    if (s->exception)
        fail_msg("%s: %.*s", s->kind, BYTES_ARGS(s->raw));
    assert_string_equal(s->kind, "SubscribeToShardEvent");
    json_t *event = json_loadb((const char *)s->raw.at, s->raw.len, 0, NULL);
    assert_non_null(event);
    return event;
}

void subscriber_expect_end(struct subscriber *s)
{
    if (subscriber_wait(s))
        fail_msg("another %s: %.*s", s->kind, BYTES_ARGS(s->raw));
    assert_false(s->cut);
    assert_int_equal(s->got.len, 0);
}

void subscriber_expect_exception(struct subscriber *s, const char *name, const char *text)
{
    assert_true(subscriber_wait(s));
    assert_true(s->exception);
    assert_string_equal(s->kind, name);
    json_t *payload = json_loadb((const char *)s->raw.at, s->raw.len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(payload, "message")), text);
    json_decref(payload);
    subscriber_expect_end(s);
}
