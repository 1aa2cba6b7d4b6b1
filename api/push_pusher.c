/* push_pusher.c: one loop's subscriptions by time: empty events, the end of their life, second tries, events that nobody needs kept.
 *
 * One timer for all of them, a few times a second while there are any. Everything that waits for a time waits equally long, so each list
 * is in order by being appended to, and a tick looks at the front only.
 *
 * Thread: the loop's own. */
#include "api/push_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"

static void start_tick(struct pusher *u)
{
    loop_timer_set(u->loop, &u->tick, PUSH_TICK_MS);
}

static void beat(struct pusher *u, uint64_t now_us)
{
    struct list *node;
    while ((node = list_first(&u->beats)) != NULL) {
        struct subscription *s = LIST_OWNER(node, struct subscription, beat);
        if (s->beat_us > now_us)
            return;
        pusher_put_off_beat(s);
        s->beat_due = true;
        subscription_ready(s);
    }
}

static void end_lives(struct pusher *u, uint64_t now_us)
{
    struct list *node;
    while ((node = list_first(&u->lives)) != NULL) {
        struct subscription *s = LIST_OWNER(node, struct subscription, life);
        if (now_us - s->begun_us < PUSH_LIFE_US)
            return;
        list_remove(node);
        s->over = true;
        subscription_ready(s);
    }
}

static void feed_hungry(struct pusher *u)
{
    struct list hungry, *node;
    list_init(&hungry);
    list_splice(&hungry, &u->hungry);
    while ((node = list_first(&hungry)) != NULL)
        subscription_ready(LIST_OWNER(node, struct subscription, waiting));
}

static void on_tick(struct loop_timer *t)
{
    struct pusher *u = LIST_OWNER(t, struct pusher, tick);
    uint64_t now_us = push_now_us(u->push);
    start_tick(u);
    LIST_EACH(node, keep, &u->warm)
    feed_drop_events(LIST_OWNER(node, struct feed, warm), now_us - PUSH_TICK_MS * 1000ull);
    end_lives(u, now_us);
    beat(u, now_us);
    feed_hungry(u);
}

void pusher_put_off_beat(struct subscription *s)
{
    s->beat_due = false;
    s->beat_us = push_now_us(s->pusher->push) + PUSH_BEAT_US;
    list_remove(&s->beat);
    list_append(&s->pusher->beats, &s->beat);
}

void pusher_add(struct pusher *u, struct subscription *s)
{
    s->pusher = u;
    s->begun_us = push_now_us(u->push);
    list_append(&u->lives, &s->life);
    pusher_put_off_beat(s);
    metric_add(u->push->subscriptions, 1);
    if (u->count++ == 0)
        start_tick(u);
}

void pusher_remove(struct pusher *u, struct subscription *s)
{
    list_remove(&s->life);
    list_remove(&s->beat);
    metric_add(u->push->subscriptions, UINT64_MAX); /* one less, in two's complement */
    must(u->count > 0);
    if (--u->count == 0)
        loop_timer_cancel(u->loop, &u->tick);
}

/* Gives up one thing that holds events, if there is one to give up. */
static bool give_back(struct pusher *u)
{
    struct list *warm = list_first(&u->warm), *longest = list_first(&u->holders);
    if (warm != NULL) { /* nobody reads those now */
        feed_drop_events(LIST_OWNER(warm, struct feed, warm), UINT64_MAX);
        return true;
    }
    if (longest == NULL)
        return false;
    struct subscription *s = LIST_OWNER(longest, struct subscription, holding);
    if (push_now_us(u->push) - s->progress_us < PUSH_STALL_US)
        return false;
    subscription_cut(s);
    return true;
}

bool pusher_has_room(struct pusher *u)
{
    const struct push *p = u->push;
    bool tried = true;
    while (tried &&
           atomic_load_explicit(&p->event_bytes, memory_order_relaxed) >= p->event_bytes_max)
        tried = give_back(u);
    return tried;
}

static struct pusher *pusher_new(struct push *p, struct loop *loop)
{
    struct pusher *u = MEM_NEW(struct pusher);
    u->push = p;
    u->loop = loop;
    u->tick.fire = on_tick;
    list_init(&u->beats);
    list_init(&u->lives);
    list_init(&u->hungry);
    list_init(&u->holders);
    list_init(&u->warm);
    table_init(&u->feeds);
    table_init(&u->watches);
    arena_init(&u->arena, EVENT_ARENA_BYTES_MAX);
    buf_init(&u->scratch, REPLY_BYTES_MAX);
    return u;
}

struct pusher *pusher_of(struct push *p, struct loop *loop)
{
    struct pusher *found = NULL;
    lock_take(&p->mu);
    LIST_EACH(node, keep, &p->pushers)
    {
        struct pusher *u = LIST_OWNER(node, struct pusher, node);
        if (u->loop == loop)
            found = u;
    }
    if (!found) {
        found = pusher_new(p, loop);
        list_append(&p->pushers, &found->node);
    }
    lock_drop(&p->mu);
    return found;
}

void pusher_free(struct pusher *u)
{
    must(u->count == 0 && u->feeds.count == 0 && u->watches.count == 0);
    table_fini(&u->feeds);
    table_fini(&u->watches);
    arena_fini(&u->arena);
    buf_fini(&u->scratch);
    mem_free(u->spare);
    mem_free(u);
}
