/* push_fetch.c: reads of the log for subscriptions.
 *
 * At the tip memory answers at once, on the loop. Otherwise the disk does, later, on a thread of its own, and its answer is a message. A
 * client may go meanwhile, and after him the whole loop: whoever closes says so under the lock under which the answer is sent, so
 * that a message is never sent to a loop that may be gone.
 *
 * Thread: the loop's own; on_done also a disk reader's. */
#include "api/push_internal.h"

#include "base/limits.h"
#include "base/mem.h"

static void fetch_free(struct fetch *t)
{
    if (t->read.status == OK)
        log_read_release(&t->read);
    mem_free(t);
}

/* Keeps one, since most are done at once. */
static void fetch_give_back(struct pusher *u, struct fetch *t)
{
    if (t->read.status == OK)
        log_read_release(&t->read);
    if (u->spare)
        mem_free(t);
    else
        u->spare = t;
}

static void on_message(struct message *m)
{
    struct fetch *t = LIST_OWNER(m, struct fetch, message);
    struct subscription *s = t->owner;
    if (s == NULL) {
        fetch_free(t);
        return;
    }
    s->fetch = NULL;
    bool moved = feed_take(s, &t->read);
    fetch_give_back(s->pusher, t);
    if (moved)
        subscription_ready(s);
    else
        subscription_starve(s);
}

static void on_done(struct log_read *read)
{
    struct fetch *t = LIST_OWNER(read, struct fetch, read);
    struct push *p = t->push;
    if (loop_is_mine(t->loop)) {
        t->here = true;
        return;
    }
    lock_take(&p->mu);
    bool orphan = t->orphan;
    if (orphan) {
        p->orphans--;
        signal_all(&p->read_back);
    } else {
        t->sent = true;
        loop_send(t->loop, &t->message);
    }
    lock_drop(&p->mu);
    if (orphan)
        fetch_free(t);
}

bool fetch_begin(struct subscription *s, int kind, uint64_t offset, uint64_t time_ms)
{
    struct pusher *u = s->pusher;
    struct fetch *t = u->spare ? u->spare : mem_try(sizeof(*t));
    u->spare = NULL;
    if (!t) {
        subscription_starve(s);
        return false;
    }
    t->message = (struct message){.handle = on_message};
    t->push = u->push;
    t->loop = u->loop;
    t->owner = s;
    t->here = t->sent = t->orphan = false;
    t->read = (struct log_read){
        .log = s->feed->shard->log,
        .from = offset,
        .time_ms = time_ms,
        .bytes_max = EVENT_BYTES_MAX,
        .count_max = EVENT_RECORDS_MAX,
        .done = on_done,
    };
    t->read.kind = kind == LOG_FIND_TIME ? LOG_FIND_TIME : LOG_READ_FROM;
    s->fetch = t;
    log_read(&t->read);
    if (!t->here)
        return false;
    s->fetch = NULL;
    bool moved = feed_take(s, &t->read);
    fetch_give_back(u, t);
    if (!moved)
        subscription_starve(s);
    return moved;
}

void fetch_abandon(struct subscription *s)
{
    struct fetch *t = s->fetch;
    if (t == NULL)
        return;
    struct push *p = t->push;
    s->fetch = NULL;
    lock_take(&p->mu);
    t->owner = NULL;
    if (!t->sent) {
        t->orphan = true;
        p->orphans++;
    }
    lock_drop(&p->mu);
}
