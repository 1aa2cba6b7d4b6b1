/* push_internal.h: what the parts of push share.
 *
 *   push ---- pusher, one a loop ---- watch, one a stream ---- feed, one a shard ---- subscription, one a consumer ---- exchange
 *                |                       its view                its log's waiter         its position, its event
 *                +-- timer, lists by time                        its newest events, encoded
 *
 * Everything below a pusher is its loop's own, so it needs no lock. What other threads touch: a message (committer, catalog, disk
 * reader), the register of who is subscribed (under push.mu), the count of bytes. */
#ifndef SLUICE_API_PUSH_INTERNAL_H
#define SLUICE_API_PUSH_INTERNAL_H

#include "api/codec.h"
#include "api/push.h"
#include "api/record_page.h"
#include "api/service.h"
#include "base/arena.h"
#include "base/lock.h"
#include "base/table.h"

#include <stdatomic.h>

enum {
    PUSH_TAKE_OVER_US = 5000000,
    PUSH_LIFE_US = 300000000,
    PUSH_BEAT_US = 4500000, /* with a tick and the way to the client within 5 s */
    PUSH_TICK_MS = 250,
    PUSH_STALL_US = 1000000, /* who took nothing for so long may be cut when memory is short */
    FEED_EVENTS = 4,
};

struct push {
    /* fixed at birth */
    const struct service *service;
    uint64_t event_bytes_max;
    struct metric *subscriptions, *event_bytes_total, *event_records, *behind_ms;

    _Atomic uint64_t event_bytes; /* of all events in memory */

    struct lock mu;
    struct signal read_back; /* an orphan came back */
    /* under mu */
    struct table active; /* subscriptions by key */
    struct list pushers;
    size_t orphans; /* reads at the disk that nobody waits for any more */
};

/* One loop's part. Its own but for `node`. */
struct pusher {
    struct list node; /* under push.mu */
    struct push *push;
    struct loop *loop;

    size_t count; /* subscriptions */
    struct loop_timer tick;
    struct list beats; /* subscription.beat: soonest first */
    struct list lives; /* subscription.life: oldest first */
    struct list
        hungry; /* subscription.waiting: no memory, or the disk has too much to do: tried again at the tick */
    struct list
        holders;      /* subscription.holding: who holds an event, longest without progress first */
    struct list warm; /* feed.warm: feeds that keep events */
    struct table feeds;   /* by log */
    struct table watches; /* by stream */
    struct arena arena;   /* for one event while it is made */
    struct buf scratch;   /* likewise */
    struct fetch *spare;
};

/* What a message of a subscription is. */
struct event_facts {
    const struct codec *codec;
    uint64_t from,
        to; /* offsets: for whoever is at `from`, who then is at `to`; equal: no records */
    uint32_t records;
    uint64_t record_bytes;
    uint64_t behind_ms;
};
/* One message, framed. Immutable; counted by its loop. */
struct event {
    uint32_t refs;
    struct event_facts is;
    uint64_t made_us;
    size_t len;
    uint8_t bytes[];
};

struct watch {
    uint32_t refs; /* its feeds; its waiter while it waits or its message is under way */
    struct pusher *pusher;
    struct stream *stream;
    struct stream_view *view; /* the newest seen */
    struct list feeds;
    struct stream_waiter waiter;
    struct message message;
    bool waiting;
    bool
        sent; /* written by the waker, under the stream's lock; read after stream_cancel, or by the message */
};

struct feed {
    uint32_t refs; /* its subscriptions; its waiter, as above */
    struct pusher *pusher;
    struct watch *watch;
    struct shard *shard; /* as it was when the feed began; its log is the feed's key */
    struct list of_watch, warm;
    struct list subscriptions; /* subscription.of_feed */
    struct list idle;          /* subscription.waiting: they have all there is */
    uint32_t count;
    struct log_waiter waiter;
    struct message message;
    bool waiting, sent; /* as in a watch, under the log engine's lock */
    struct event *kept[FEED_EVENTS];
    uint32_t next_kept;
};

/* Who is subscribed to what: the register's key. No padding inside `len` bytes. */
struct subscription_key {
    uint64_t stream, created_s;
    uint32_t shard;
    char consumer[CONSUMER_NAME_BYTES_MAX];
    uint32_t consumer_len;
};

struct subscription {
    struct exchange_source source; /* first */
    struct exchange *exchange;     /* NULL once closed */
    struct pusher *pusher;
    struct feed *feed;
    struct list of_feed, waiting, beat, life, holding;
    const struct codec *codec;
    struct bucket quota;   /* of this consumer and shard */
    uint64_t next;         /* offset */
    struct event *current; /* being read */
    size_t sent;           /* bytes of it */
    uint64_t begun_us, beat_us, progress_us;
    struct fetch *fetch; /* the disk has it */
    enum status fate;    /* not OK: ends with that exception */
    bool greeted;        /* initial-response was made */
    bool beat_due, over; /* over: its time is up */
    bool past_retention; /* what it comes to next is: to be skipped over */
    bool last;           /* `current` is the last event */
    bool broken;

    struct message message; /* somebody took its place */
    struct subscription_key key;
    /* under push.mu */
    bool registered, ousted, ousting_seen;
};

/* A read of the log for a subscription. */
struct fetch {
    struct log_read read;
    struct message message;
    struct push *push;
    struct loop *loop;
    struct subscription *owner; /* the loop's own */
    bool here;                  /* memory had it: answered on the loop, at once */
    /* under push.mu */
    bool sent, orphan;
};

/* push.c */
uint64_t push_now_us(const struct push *p);
/* Its place in the register, and its own end. */
void push_forget(struct subscription *s);

/* push_pusher.c */
/* The loop's; made when it has none. Thread: that loop's. */
struct pusher *pusher_of(struct push *p, struct loop *loop);
void pusher_free(struct pusher *u);
void pusher_add(struct pusher *u, struct subscription *s);
void pusher_remove(struct pusher *u, struct subscription *s);
/* It got an event: the next empty one is due a while later. */
void pusher_put_off_beat(struct subscription *s);
/* Whether another event may be made. U3: cuts those who stall, while that helps. */
bool pusher_has_room(struct pusher *u);

/* push_watch.c */
struct watch *watch_of(struct pusher *u, struct stream *stream);
void watch_unref(struct watch *w);
/* Nothing is fed from it any more. */
void watch_retire(struct watch *w);
/* What the view in force means for a subscription. */
enum status watch_fate(const struct watch *w, const struct subscription *s);

/* push_feed.c */
struct feed *feed_of(struct pusher *u, struct stream *stream, const struct shard *shard);
void feed_add(struct feed *d, struct subscription *s);
void feed_remove(struct subscription *s);
/* Wakes all who had nothing to read. */
void feed_wake(struct feed *d);
/* Finds or makes what comes next for s: an event, or a change of its state (true); or it waits (false), and will be made ready. */
bool feed_next(struct subscription *s);
void feed_drop_events(struct feed *d, uint64_t older_than_us);

/* push_fetch.c */
/* True: memory had it, and s has moved on. False: it waits. */
bool fetch_begin(struct subscription *s, int kind, uint64_t offset, uint64_t time_ms);
/* Nobody waits for it any more. */
void fetch_abandon(struct subscription *s);
/* push_feed.c: what a read brought: s moves on. False: to be tried again. */
bool feed_take(struct subscription *s, struct log_read *read);

/* push_subscription.c */
struct subscription *subscription_new(struct exchange *x, const struct push_request *r);
void subscription_free(struct subscription *s);
/* It is to be read again. */
void subscription_ready(struct subscription *s);
/* Gives it an event (the reference is taken over) to be read. */
void subscription_give(struct subscription *s, struct event *e);
/* Tried again at the next tick. */
void subscription_starve(struct subscription *s);
/* Takes its event away, for good. */
void subscription_cut(struct subscription *s);

/* push_event.c: NULL when there is no memory. */
struct event *event_ref(struct event *e);
void event_unref(struct push *p, struct event *e);
struct event *event_greeting(struct pusher *u, const struct codec *codec);
struct event *event_of_page(struct pusher *u, const struct codec *codec, uint64_t from,
                            const struct record_page *page, uint64_t behind_ms);
/* Nothing to read. */
struct event *event_beat(struct pusher *u, const struct codec *codec, const struct shard *shard,
                         uint64_t next);
/* The end of a closed shard. */
struct event *event_end(struct pusher *u, const struct codec *codec, const struct stream_view *v,
                        const struct shard *shard);
struct event *event_exception(struct subscription *s);
void push_print_in_use(const struct subscription *s, const struct stream_settings *stream,
                       char *text, size_t room);

#endif
