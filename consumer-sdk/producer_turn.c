/* producer_turn.c: a producer's turns: what was put goes in, calls go out, and the turner sleeps until there is a reason not to.
 *
 * A put wakes the turner only when it would look too late: the first record of an idle producer, and then whenever a good part of a call
 * has gathered. So at high rates a wake is spread over hundreds of records, and at low ones a record leaves when its linger is over.
 *
 * Thread: one at a time, whoever turns. */
#include "base/clock.h"
#include "consumer-sdk/call.h"
#include "consumer-sdk/producer_internal.h"

enum { WAIT_MS_MAX = 60000 };

bool producer_is_turner(const struct sluice_producer *p)
{
    return p->turning && pthread_equal(p->turner, pthread_self());
}

bool producer_must_wake(struct sluice_producer *p)
{
    bool was = p->asleep;
    p->asleep = false;
    return was;
}

/* Under mu: the oldest put that is still in the intake; NEVER. */
static uint64_t oldest_untaken(const struct sluice_producer *p)
{
    if (!p->intake.waiting)
        return DISPATCH_NEVER;
    return parcel_first(&p->intake.oldest->parcels)->order;
}

/* What happened is made known: counts, room, and how far completions are. */
static void publish(struct sluice_producer *p)
{
    struct intake *in = &p->intake;
    uint64_t oldest = dispatch_oldest(&p->dispatch);
    bool call_room = false;
    lock_take(&in->mu);
    intake_settle(in);
    p->counts = p->dispatch.counts;
    uint64_t untaken = oldest_untaken(p);
    p->done_order = oldest < untaken ? oldest : untaken;
    p->known_order = in->order;
    if (in->roomier) {
        in->roomier = false;
        signal_all(&p->room);
        call_room = p->room_wanted;
        p->room_wanted = false;
    }
    signal_all(&p->turned);
    lock_drop(&in->mu);
    if (call_room && p->options.room)
        p->options.room(p->options.context);
}

static void work(struct sluice_producer *p)
{
    struct list taken;
    list_init(&taken);
    lock_take(&p->intake.mu);
    struct chunk *detached = intake_detach(&p->intake);
    p->dispatch.flush_order = p->flush_order;
    bool cancelled = p->cancelled;
    lock_drop(&p->intake.mu);
    intake_take(detached, &taken);
    uint64_t now_us = clock_mono_us(&clock_system);
    if (cancelled && !p->dispatch.cancelled) {
        dispatch_cancel(&p->dispatch, now_us);
        producer_cancel_calls(p);
    }
    parcel_hash_all(&taken);
    dispatch_put(&p->dispatch, &taken, now_us);
    dispatch_expire(&p->dispatch, now_us);
    if (dispatch_wants_map(&p->dispatch, now_us))
        producer_start_listing(p);
    calls_cork(p->client);
    for (struct put_call *call; (call = dispatch_next(&p->dispatch, now_us)) != NULL;)
        producer_start_call(p, call, now_us);
    calls_uncork(p->client);
    publish(p);
}

/* Under mu: until when nothing is to be done, as far as is known. */
static uint64_t plan(const struct sluice_producer *p, uint64_t due_us)
{
    const struct intake *in = &p->intake;
    if (!in->waiting)
        return due_us;
    if (in->waiting >= p->wake_bytes || p->flush_order > p->dispatch.flush_order)
        return 0;
    uint64_t lingers_us = in->first_us + p->dispatch.options.linger_us;
    return lingers_us < due_us ? lingers_us : due_us;
}

/* How long to wait, at most wait_ms; puts wake from now on. */
static int go_to_sleep(struct sluice_producer *p, int wait_ms)
{
    uint64_t now_us = clock_mono_us(&clock_system);
    uint64_t due_us = dispatch_due_us(&p->dispatch, now_us);
    lock_take(&p->intake.mu);
    p->planned_us = plan(p, due_us);
    bool cancel = p->cancelled && !p->dispatch.cancelled;
    bool stay = p->planned_us <= now_us || cancel || p->stopped;
    p->asleep = !stay;
    uint64_t planned_us = p->planned_us;
    lock_drop(&p->intake.mu);
    if (stay)
        return 0;
    uint64_t ms = (planned_us - now_us + 999) / 1000;
    ms = ms < WAIT_MS_MAX ? ms : WAIT_MS_MAX;
    return wait_ms >= 0 && (uint64_t)wait_ms < ms ? wait_ms : (int)ms;
}

void producer_turn(struct sluice_producer *p, int wait_ms)
{
    work(p);
    int ms = go_to_sleep(p, wait_ms);
    (void)sluice_client_turn(p->client, ms);
    if (p->options.run_thread)
        return; /* it turns again at once */
    work(p);
    (void)go_to_sleep(p, 0); /* for who waits on the descriptor: from now on a put wakes */
}
