/* push_feed.c: one shard's records for the subscriptions of one loop.
 *
 *   committer: a batch is durable --> on_durable: a message to the loop --> feed_wake: all who are idle are made ready
 *   --> each is read: the first reads the log and encodes, the rest find its event --> idle again
 *
 * An event is known by where it begins. Those who keep up all are at the end of the log, so they share; who lags makes events of his
 * own, and meets the others again when he has caught up. The newest few are kept until the next tick, and only when there is somebody
 * to share with.
 *
 * Thread: the loop's own; on_durable the committer's. */
#include "api/push_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/horizon.h"

/* ---- life ---- */

static void feed_unref(struct feed *d)
{
    if (--d->refs > 0)
        return;
    must(list_empty(&d->subscriptions));
    shard_unref(d->shard);
    watch_unref(d->watch);
    mem_free(d);
}

/* Thread: the committer's, under the log engine's lock. */
static void on_durable(struct log_waiter *waiter)
{
    struct feed *d = LIST_OWNER(waiter, struct feed, waiter);
    d->sent = true;
    loop_send(d->pusher->loop, &d->message);
}

void feed_wake(struct feed *d)
{
    struct list woken, *node;
    list_init(&woken);
    list_splice(&woken, &d->idle);
    d->refs++; /* whoever is read may close */
    while ((node = list_first(&woken)) != NULL)
        subscription_ready(LIST_OWNER(node, struct subscription, waiting));
    feed_unref(d);
}

static void on_message(struct message *m)
{
    struct feed *d = LIST_OWNER(m, struct feed, message);
    d->waiting = false;
    feed_wake(d);
    feed_unref(d);
}

/* Waits for the end to move past `end`, unless it waits already. */
static void feed_arm(struct feed *d, uint64_t end)
{
    struct log *log = d->shard->log;
    if (d->waiting)
        return;
    d->refs++;
    d->waiting = true;
    d->sent = false;
    log->engine->ops->wait(log, end, &d->waiter);
}

struct feed *feed_of(struct pusher *u, struct stream *stream, const struct shard *shard)
{
    struct feed *d = table_find(&u->feeds, bytes_of(&shard->log, sizeof(struct log *)));
    if (d)
        return d;
    d = MEM_NEW(struct feed);
    d->pusher = u;
    d->shard = shard_ref((struct shard *)(uintptr_t)shard);
    d->waiter.wake = on_durable;
    d->message.handle = on_message;
    list_init(&d->waiter.node);
    list_init(&d->of_watch);
    list_init(&d->warm);
    list_init(&d->subscriptions);
    list_init(&d->idle);
    d->watch = watch_of(u, stream);
    d->watch->refs++;
    list_append(&d->watch->feeds, &d->of_watch);
    table_set(&u->feeds, bytes_of(&d->shard->log, sizeof(struct log *)), d);
    return d;
}

void feed_add(struct feed *d, struct subscription *s)
{
    s->feed = d;
    d->refs++;
    d->count++;
    list_append(&d->subscriptions, &s->of_feed);
}

static void feed_retire(struct feed *d)
{
    struct log *log = d->shard->log;
    table_remove(&d->pusher->feeds, bytes_of(&d->shard->log, sizeof(struct log *)));
    feed_drop_events(d, UINT64_MAX);
    list_remove(&d->of_watch);
    if (list_empty(&d->watch->feeds))
        watch_retire(d->watch);
    if (!d->waiting)
        return;
    log->engine->ops->cancel(log, &d->waiter);
    if (!d->sent) { /* else the message has its reference, and gives it back */
        d->waiting = false;
        feed_unref(d);
    }
}

void feed_remove(struct subscription *s)
{
    struct feed *d = s->feed;
    list_remove(&s->of_feed);
    if (--d->count == 0)
        feed_retire(d);
    s->feed = NULL;
    feed_unref(d);
}

/* ---- events that are shared ---- */

void feed_drop_events(struct feed *d, uint64_t older_than_us)
{
    bool left = false;
    for (uint32_t i = 0; i < FEED_EVENTS; i++) {
        struct event *e = d->kept[i];
        if (e && e->made_us < older_than_us) {
            event_unref(d->pusher->push, e);
            d->kept[i] = NULL;
        }
        left = left || d->kept[i];
    }
    if (!left)
        list_remove(&d->warm);
}

static struct event *feed_find(const struct feed *d, const struct subscription *s)
{
    for (uint32_t i = 0; i < FEED_EVENTS; i++) {
        struct event *e = d->kept[i];
        if (e && e->is.from == s->next && e->is.codec == s->codec)
            return e;
    }
    return NULL;
}

static void feed_keep(struct feed *d, struct event *e)
{
    if (d->count < 2)
        return;
    struct event **place = &d->kept[d->next_kept++ % FEED_EVENTS];
    event_unref(d->pusher->push, *place);
    *place = event_ref(e);
    list_remove(&d->warm);
    list_append(&d->pusher->warm, &d->warm);
}

/* ---- what comes next ---- */

/* Behind the last record of a sealed log nothing more will come: its seal takes the last offset. */
static bool is_at_end(uint64_t next, const struct log_bounds *bounds)
{
    return next + (bounds->sealed ? 1 : 0) >= bounds->end;
}

static bool give(struct subscription *s, struct event *e)
{
    if (!e) {
        subscription_starve(s);
        return false;
    }
    subscription_give(s, e);
    return true;
}

/* s has all there is. */
static bool at_end(struct subscription *s, const struct log_bounds *bounds)
{
    struct feed *d = s->feed;
    const struct stream_view *v = d->watch->view;
    const struct shard *shard = stream_view_shard(v, d->shard->index);
    if (bounds->sealed &&
        (!shard || shard->state == SHARD_CLOSED)) { /* U5; its children are there */
        s->last = give(s, event_end(s->pusher, s->codec, v, shard ? shard : d->shard));
        return s->last;
    }
    if (s->beat_due)
        return give(s, event_beat(s->pusher, s->codec, d->shard, s->next)); /* U2 */
    list_append(&d->idle, &s->waiting);
    feed_arm(d, bounds->end);
    return false;
}

static uint64_t horizon_ms(const struct subscription *s)
{
    return horizon_begin_ms(s->feed->watch->view->settings.retention_hours,
                            clock_wall_ms(s->pusher->push->service->clock));
}

bool feed_next(struct subscription *s)
{
    struct event *e = feed_find(s->feed, s);
    if (e) { /* U6 */
        s->next = e->is.to;
        subscription_give(s, event_ref(e));
        return true;
    }
    struct log_bounds bounds;
    log_bounds(s->feed->shard->log, &bounds);
    if (is_at_end(s->next, &bounds))
        return at_end(s, &bounds);
    if (!pusher_has_room(s->pusher)) {
        subscription_starve(s);
        return false;
    }
    bool skip = s->past_retention;
    s->past_retention = false;
    return skip ? fetch_begin(s, LOG_FIND_TIME, 0, horizon_ms(s))
                : fetch_begin(s, LOG_READ_FROM, s->next, 0);
}

static uint64_t behind_ms(const struct subscription *s, const struct record_page *page)
{
    struct log_bounds bounds;
    log_bounds(page->shard->log, &bounds);
    if (is_at_end(page->next, &bounds))
        return 0;
    uint64_t now_ms = clock_wall_ms(s->pusher->push->service->clock);
    return now_ms > page->last_ms ? now_ms - page->last_ms : 1;
}

/* The next event from the spans read. */
static enum status take_records(struct subscription *s, const struct log_read *read,
                                struct fault *f)
{
    struct feed *d = s->feed;
    struct pusher *u = s->pusher;
    struct record_page page = {
        .service = u->push->service,
        .view = d->watch->view,
        .shard = d->shard,
        .arena = &u->arena,
        .horizon_ms = horizon_ms(s),
        .records_max = EVENT_RECORDS_MAX,
        .bytes_max = EVENT_BYTES_MAX,
        .next = s->next,
    };
    enum status st = record_page_fill(&page, read, f);
    struct event *e = NULL;
    if (st == OK && page.count > 0) {
        e = event_of_page(u, s->codec, s->next, &page, behind_ms(s, &page));
        if (!e)
            st = NO_MEMORY;
    }
    arena_reset(&u->arena);
    if (st != OK)
        return st;
    s->next = page.next; /* U1 */
    if (e) {
        feed_keep(d, e);
        subscription_give(s, e);
    }
    return OK;
}

static void fail(struct subscription *s, const struct fault *f)
{
    TRACE_SELDOM(TRACE_ERROR, "push", "%s/%u: %s: %s", s->feed->watch->view->settings.name,
                 s->feed->shard->index, status_name(f->status), f->text);
    s->fate = f->status;
}

bool feed_take(struct subscription *s, struct log_read *read)
{
    struct fault *f = &read->fault;
    enum status st = read->status;
    if (st == END || (st == OK && read->kind == LOG_FIND_TIME)) {
        s->next = read->offset > s->next ? read->offset : s->next;
        return true;
    }
    if (st == OK && read->spans[0]->last_ms < horizon_ms(s)) {
        s->past_retention = true; /* without walking through all of it */
        return true;
    }
    if (st == OK)
        st = take_records(s, read, f);
    if (st == THROTTLED || st == NO_MEMORY)
        return false;
    if (st == CLOSING) {
        s->over = true;
    } else if (st != OK) {
        f->status = st;
        fail(s, f);
    }
    return true;
}
