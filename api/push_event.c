/* push_event.c: the messages of a subscription: encoded into the loop's scratch buffer, then kept in exactly as many bytes as they are.
 *
 * Left to others: which message, and when (push_feed.c); who shares it. Thread: the loop's own. */
#include "api/exception.h"
#include "api/push_internal.h"
#include "base/mem.h"
#include "wire/event_stream.h"

#include <stdio.h>

enum { SCRATCH_KEPT = 2 * 1024 * 1024 };

static const char event_type[] = "SubscribeToShardEvent";

struct event *event_ref(struct event *e)
{
    e->refs++;
    return e;
}

void event_unref(struct push *p, struct event *e)
{
    if (e == NULL || --e->refs > 0)
        return;
    atomic_fetch_sub_explicit(&p->event_bytes, sizeof(*e) + e->len, memory_order_relaxed);
    mem_free(e);
}

/* What stands in the scratch buffer, with one reference. */
static struct event *event_made(struct pusher *u, struct event_facts facts)
{
    struct buf *b = &u->scratch;
    struct event *e = b->status == OK ? mem_try(sizeof(*e) + b->len) : NULL;
    if (e) {
        e->refs = 1;
        e->is = facts;
        e->made_us = push_now_us(u->push);
        e->len = b->len;
        memcpy(e->bytes, b->at, b->len);
        atomic_fetch_add_explicit(&u->push->event_bytes, sizeof(*e) + e->len, memory_order_relaxed);
    }
    if (b->room > SCRATCH_KEPT) {
        size_t ceiling = b->ceiling;
        buf_fini(b);
        buf_init(b, ceiling);
    }
    buf_clear(b);
    return e;
}

static struct event *of_shape(struct pusher *u,
                              const struct kinesis_subscribe_to_shard_event *shape,
                              struct event_facts facts)
{
    struct event_stream_frame frame;
    event_stream_begin_event(&u->scratch, &frame, event_type, facts.codec->content_type);
    facts.codec->encode(&shape_kinesis_subscribe_to_shard_event, shape, &u->scratch);
    event_stream_end(&u->scratch, &frame);
    return event_made(u, facts);
}

struct event *event_greeting(struct pusher *u, const struct codec *codec)
{
    struct event_stream_frame frame;
    struct kinesis_subscribe_to_shard_output nothing = {0};
    event_stream_begin_event(&u->scratch, &frame, "initial-response", codec->content_type);
    codec->encode(&shape_kinesis_subscribe_to_shard_output, &nothing, &u->scratch);
    event_stream_end(&u->scratch, &frame);
    return event_made(u, (struct event_facts){.codec = codec});
}

struct event *event_of_page(struct pusher *u, const struct codec *codec, uint64_t from,
                            const struct record_page *page, uint64_t behind_ms)
{
    struct kinesis_subscribe_to_shard_event shape = {
        .records = {.count = page->count, .present = true, .at = page->records},
        .continuation_sequence_number = page->records[page->count - 1].sequence_number,
        .millis_behind_latest = {(int64_t)behind_ms, true},
    };
    return of_shape(u, &shape,
                    (struct event_facts){.codec = codec,
                                         .from = from,
                                         .to = page->next,
                                         .records = page->count,
                                         .record_bytes = page->bytes,
                                         .behind_ms = behind_ms});
}

struct event *event_beat(struct pusher *u, const struct codec *codec, const struct shard *shard,
                         uint64_t next)
{
    char text[SEQUENCE_TEXT_BYTES];
    size_t len = shard_sequence_behind(shard, next, clock_wall_ms(u->push->service->clock), text);
    struct kinesis_subscribe_to_shard_event shape = {
        .records = {.present = true},
        .continuation_sequence_number = bytes_of(text, len),
        .millis_behind_latest = {0, true},
    };
    return of_shape(u, &shape, (struct event_facts){.codec = codec, .from = next, .to = next});
}

struct event *event_end(struct pusher *u, const struct codec *codec, const struct stream_view *v,
                        const struct shard *shard)
{
    struct kinesis_subscribe_to_shard_event shape = {
        .records = {.present = true},
        .millis_behind_latest = {0, true},
        .child_shards = children_describe(v, shard, &u->arena),
    };
    struct event *e = of_shape(u, &shape, (struct event_facts){.codec = codec});
    arena_reset(&u->arena);
    return e;
}

/* ---- exceptions ---- */

static bool is_about_keys(enum status fate)
{
    return fate == KEY_NOT_FOUND || fate == KEY_DISABLED || fate == KEY_DENIED ||
           fate == KEY_INVALID;
}

/* The names that the model gives to exceptions within the stream. */
static const char *exception_name(enum status fate)
{
    bool named = fate == NOT_FOUND || fate == IN_USE || is_about_keys(fate);
    return named ? exception_of(SERVICE_KINESIS, fate)->name : "InternalFailureException";
}

void push_print_in_use(const struct subscription *s, const struct stream_settings *stream,
                       char *text, size_t room)
{
    char shard[SHARD_ID_BYTES];
    shard_id_print(s->key.shard, shard);
    snprintf(text, room, "Another active subscription exists for this consumer: %s:%s:%s:%.*s",
             stream->scope.account, stream->name, shard, (int)s->key.consumer_len, s->key.consumer);
}

static void exception_text(const struct subscription *s, char *text, size_t room)
{
    const struct stream_settings *stream = &s->feed->watch->view->settings;
    const struct subscription_key *key = &s->key;
    if (s->fate == NOT_FOUND && stream->status == STREAM_DELETING)
        snprintf(text, room, "Stream %s under account %s not found.", stream->name,
                 stream->scope.account);
    else if (s->fate == NOT_FOUND)
        snprintf(text, room, "Consumer %.*s under stream %s not found for account %s.",
                 (int)key->consumer_len, key->consumer, stream->name, stream->scope.account);
    else if (s->fate == IN_USE)
        push_print_in_use(s, stream, text, room);
    else if (is_about_keys(s->fate))
        snprintf(text, room,
                 "Records of stream %s under account %s are encrypted under a key that cannot be "
                 "used now.",
                 stream->name, stream->scope.account);
    else
        snprintf(text, room, "The records of the shard cannot be read.");
}

struct event *event_exception(struct subscription *s)
{
    struct buf *b = &s->pusher->scratch;
    struct event_stream_frame frame;
    char text[512];
    exception_text(s, text, sizeof(text));
    const char *name = exception_name(s->fate);
    event_stream_begin_exception(b, &frame, name, s->codec->content_type);
    s->codec->encode_error(b, name, "message", bytes_text(text));
    event_stream_end(b, &frame);
    return event_made(s->pusher, (struct event_facts){.codec = s->codec});
}
