/* subscription.c: SubscribeToShard: an answer that goes on, frame after frame, and events out of it.
 *
 *   sluice_subscribe -> OPEN -> (frames: `event` each) -> (the answer ends) -> `end`
 *                         \-> an exception in the stream, a frame that is none, sluice_subscription_cancel -> ENDING -> `end`
 *   any: sluice_client_free -> `end`
 *
 * What has arrived lies in the call's answer until it makes a frame; the frame is read where it lies.
 *
 * I1. `end` comes once, last, from a turn or from the client's end.
 * I2. While it is paused nothing is read and nothing told, its end neither: events that came before the end are told before it.
 * I3. Memory: what libcurl hands over in a turn, and one frame.
 *
 * Left to others: frames (wire/event_stream), trying again: whoever subscribed knows from where.
 * Thread: one at a time, whoever is in the client. */
#include "base/limits.h"
#include "base/mem.h"
#include "consumer-sdk/answer.h"
#include "consumer-sdk/call.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/request.h"
#include "wire/cbor.h"
#include "wire/event_stream.h"
#include "wire/json.h"
#include "wire/model/kinesis.h"

#include <sluice/kinesis.h>

enum { HTTP_OK = 200, WAITING_BYTES_MAX = 2 * EVENT_STREAM_FRAME_BYTES_MAX };

struct sluice_subscription {
    struct web_call web; /* first */
    struct sluice_client *client;
    struct list node; /* in client->subscriptions */
    struct request request;
    struct sluice_subscription_events events;
    void *context;
    struct arena arena; /* of one event */
    struct loop_timer next_turn;
    bool paused, ending; /* ending: nothing more is told but `error` */
    bool over;           /* the answer has ended; `error` says why, unless it ended well */
    struct sluice_error error;
};

static void finish(struct sluice_subscription *s)
{
    struct sluice_client *client = s->client;
    web_cancel(client->web, &s->web);
    buf_fini(&s->web.answer);
    loop_timer_cancel(client->loop, &s->next_turn);
    list_remove(&s->node);
    request_fini(&s->request);
    arena_fini(&s->arena);
    s->error.attempts = 1;
    answer_text(s->error.request_id, sizeof(s->error.request_id), s->web.answer_request_id);
    client->inside++;
    s->events.end(s->context, &s->error);
    client->inside--;
    mem_free(s);
}

void subscriptions_cancel_all(struct sluice_client *client)
{
    for (struct list *node; (node = list_first(&client->subscriptions)) != NULL;) {
        struct sluice_subscription *s = LIST_OWNER(node, struct sluice_subscription, node);
        error_set(&s->error, SLUICE_CANCELLED, "the subscription was cancelled");
        finish(s);
    }
}

/* Nothing more is wanted of the service; `end` comes in the next turn. */
static void end_soon(struct sluice_subscription *s)
{
    s->ending = true;
    web_cancel(s->client->web, &s->web);
    loop_timer_set(s->client->loop, &s->next_turn, 0);
}

/* ---- frames ---- */

static bool is_cbor(const struct event_stream_message *m)
{
    return bytes_starts_with(event_stream_string(m, ":content-type"),
                             BYTES_LITERAL("application/x-amz-cbor"));
}

/* It lies in our own buffer. */
static uint8_t *writable(struct bytes payload)
{
    return (uint8_t *)(uintptr_t)payload.at;
}

static enum sluice_status tell_event(struct sluice_subscription *s,
                                     const struct event_stream_message *m)
{
    const struct shape *shape = &shape_kinesis_subscribe_to_shard_event;
    struct kinesis_subscribe_to_shard_event event;
    struct fault f;
    arena_reset(&s->arena);
    enum status st =
        is_cbor(m)
            ? cbor_decode(shape, writable(m->payload), m->payload.len, &s->arena, &event, &f)
            : json_decode(shape, writable(m->payload), m->payload.len, &s->arena, &event, &f);
    if (st == NO_MEMORY)
        return error_set(&s->error, SLUICE_NO_MEMORY, "no memory for an event");
    if (st != OK)
        return error_set(&s->error, SLUICE_PROTOCOL, "an event cannot be read: %s", f.text);
    s->client->inside++;
    s->events.event(s->context, (const struct sluice_kinesis_subscribe_to_shard_event *)&event);
    s->client->inside--;
    return SLUICE_OK;
}

/* The service ends the subscription, and says why. */
static enum sluice_status take_exception(struct sluice_subscription *s,
                                         const struct event_stream_message *m)
{
    struct bytes type = event_stream_string(m, ":exception-type");
    struct bytes code = event_stream_string(m, ":error-code"); /* of the transport's own errors */
    struct bytes words = event_stream_string(m, ":error-message");
    s->error = (struct sluice_error){.http_status = HTTP_OK};
    answer_error(&s->error, writable(m->payload), m->payload.len, is_cbor(m),
                 bytes_present(type) ? type : code);
    if (bytes_present(words))
        answer_text(s->error.message, sizeof(s->error.message), words);
    enum retry_cause cause = retry_cause_of(&s->error);
    s->error.retryable = cause == RETRY_THROTTLE || cause == RETRY_TRANSIENT;
    return SLUICE_SERVICE;
}

static enum sluice_status take_message(struct sluice_subscription *s,
                                       const struct event_stream_message *m)
{
    if (!bytes_equal(event_stream_string(m, ":message-type"), BYTES_LITERAL("event")))
        return take_exception(s, m);
    if (bytes_equal(event_stream_string(m, ":event-type"), BYTES_LITERAL("SubscribeToShardEvent")))
        return tell_event(s, m);
    return SLUICE_OK; /* "initial-response", and what a later service may add */
}

/* Tells all whole frames that are there. */
static void drain(struct sluice_subscription *s)
{
    struct buf *b = &s->web.answer;
    size_t taken = 0;
    while (taken < b->len && !s->paused && !s->ending) {
        struct event_stream_message message;
        struct fault f;
        size_t len;
        enum status st =
            event_stream_parse(bytes_of(b->at + taken, b->len - taken), &message, &len, &f);
        if (st == END)
            break;
        enum sluice_status outcome = st == OK
                                         ? take_message(s, &message)
                                         : error_set(&s->error, SLUICE_PROTOCOL,
                                                     "the stream of events is broken: %s", f.text);
        taken += st == OK ? len : 0;
        if (outcome != SLUICE_OK && !s->ending)
            end_soon(s);
    }
    if (taken > 0)
        memmove(b->at, b->at + taken, b->len - taken);
    b->len -= taken;
}

/* ---- what web and the loop tell ---- */

static void arrived(struct web_call *web)
{
    drain((struct sluice_subscription *)web);
}

/* The answer has ended well: so did the subscription, if no frame is left half. */
static void judge_end(struct sluice_subscription *s)
{
    if (s->web.answer.len == 0)
        s->error = (struct sluice_error){.status = SLUICE_END, .http_status = HTTP_OK};
    else {
        error_set(&s->error, SLUICE_TRANSPORT, "the stream of events ends within a frame");
        s->error.http_status = HTTP_OK;
        s->error.retryable = true;
    }
}

static void take_failure(struct sluice_subscription *s)
{
    if (s->web.status != OK) {
        answer_failure(&s->web, &s->error);
        s->error.http_status = s->web.code; /* it broke after its head, or there was no answer */
        return;
    }
    s->error = (struct sluice_error){.http_status = s->web.code};
    answer_error(&s->error, s->web.answer.at, s->web.answer.len, answer_is_cbor(&s->web),
                 s->web.answer_error_type);
    enum retry_cause cause = retry_cause_of(&s->error);
    s->error.retryable = cause == RETRY_THROTTLE || cause == RETRY_TRANSIENT ||
                         call_put_right(s->client, cause, &s->web);
    buf_clear(&s->web.answer); /* no frames: the error's words */
}

static void advance(struct sluice_subscription *s)
{
    drain(s);
    if (s->ending || s->paused || !s->over) /* ending: its turn comes */
        return;
    if (s->error.status == SLUICE_OK)
        judge_end(s);
    finish(s);
}

static void answer_over(struct web_call *web)
{
    struct sluice_subscription *s = (struct sluice_subscription *)web;
    s->over = true;
    if (web->status != OK || web->code >= 300)
        take_failure(s);
    advance(s);
}

static void turn_came(struct loop_timer *timer)
{
    struct sluice_subscription *s = LIST_OWNER(timer, struct sluice_subscription, next_turn);
    if (s->ending)
        finish(s);
    else
        advance(s);
}

/* ---- the user's side ---- */

void sluice_subscription_pause(sluice_subscription *s, bool paused)
{
    if (s->paused == paused)
        return;
    s->paused = paused;
    web_pause(s->client->web, &s->web, paused);
    if (!paused)
        loop_timer_set(s->client->loop, &s->next_turn, 0); /* frames may lie here */
}

void sluice_subscription_cancel(sluice_subscription *s)
{
    error_set(&s->error, SLUICE_CANCELLED, "the subscription was cancelled");
    end_soon(s);
}

enum sluice_status sluice_subscribe(sluice_client *client,
                                    const struct sluice_kinesis_subscribe_to_shard_input *input,
                                    size_t input_size,
                                    const struct sluice_subscription_events *events, void *context,
                                    sluice_subscription **subscription, struct sluice_error *error)
{
    *subscription = NULL;
    if (client->closing)
        return error_set(error, SLUICE_STATE, "the client is being freed");
    struct sluice_subscription *s = MEM_TRY_NEW(struct sluice_subscription);
    if (s == NULL)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a subscription");
    s->client = client;
    s->events = *events;
    s->context = context;
    s->next_turn.fire = turn_came;
    s->web.answer_bytes_max = WAITING_BYTES_MAX;
    s->web.timeout_ms = client->config.said.attempt_timeout_ms;
    s->web.keep_error_body = true;
    s->web.arrived = arrived;
    s->web.done = answer_over;
    arena_init(&s->arena, EVENT_ARENA_BYTES_MAX);
    enum sluice_status st =
        request_init(&s->request, client, &sluice_kinesis_subscribe_to_shard_operation, input,
                     input_size, NULL, error);
    if (st == SLUICE_OK)
        st = request_sign(&s->request, &s->web, error);
    if (st != SLUICE_OK) {
        request_fini(&s->request);
        mem_free(s);
        return st;
    }
    list_append(&client->subscriptions, &s->node);
    web_start(client->web, &s->web);
    *subscription = s;
    return SLUICE_OK;
}
