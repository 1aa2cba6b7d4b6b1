/* retention.c: the housekeeping thread: a loop with three timers. A turn that leaves work to do is
 * followed by the next at once, with a breath between, so that trimming never starves the disk. */
#include "retention/retention.h"

#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/trace.h"
#include "retention/reaper.h"
#include "retention/sweeper.h"

enum { BREATH_MS = 20 };

struct retention {
    /* fixed at birth */
    struct retention_settings settings;
    struct loop *loop;
    struct thread thread;
    /* housekeeping's own */
    struct sweeper sweeper;
    struct reaper reaper;
    struct scaler scaler;
    struct loop_timer sweep, reap, scale;
};

void retention_defaults(struct retention_settings *s)
{
    *s = (struct retention_settings){.clock = &clock_system,
                                     .sweep_ms = 1000,
                                     .reap_ms = 60000,
                                     .shard_limit = STREAM_SHARDS_MAX,
                                     .scale_window_ms = 60000,
                                     .scale_quiet_ms = 3600000,
                                     .scale_memory_ms = UINT64_C(30) * 86400000};
}

static void sweep_fire(struct loop_timer *t)
{
    struct retention *r = LIST_OWNER(t, struct retention, sweep);
    struct fault f = {0};
    enum status st = sweeper_turn(&r->sweeper, &f);
    if (st < 0)
        TRACE_SELDOM(TRACE_WARN, "sweeper", "%s", f.text);
    loop_timer_set(r->loop, &r->sweep, st == OK ? BREATH_MS : r->settings.sweep_ms);
}

static void reap_fire(struct loop_timer *t)
{
    struct retention *r = LIST_OWNER(t, struct retention, reap);
    reaper_turn(&r->reaper);
    loop_timer_set(r->loop, &r->reap, r->settings.reap_ms);
}

static void scale_fire(struct loop_timer *t)
{
    struct retention *r = LIST_OWNER(t, struct retention, scale);
    unsigned asked = scaler_turn(&r->scaler);
    loop_timer_set(r->loop, &r->scale, asked ? BREATH_MS : scaler_turn_ms(&r->scaler));
}

static void thread_run(void *arg)
{
    loop_run(((struct retention *)arg)->loop);
}

enum status retention_open(const struct retention_settings *s, struct retention **out,
                           struct fault *f)
{
    struct retention *r = MEM_NEW(struct retention);
    r->settings = *s;
    enum status st = loop_new(&r->loop, s->clock, f);
    if (st != OK) {
        mem_free(r);
        return st;
    }
    sweeper_init(&r->sweeper, s->logs, s->streams, s->clock);
    r->reaper = (struct reaper){.catalog = s->catalog, .streams = s->streams, .clock = s->clock};
    scaler_init(&r->scaler, &(struct scaler_settings){
                                .catalog = s->catalog,
                                .streams = s->streams,
                                .clock = s->clock,
                                .shard_limit = s->shard_limit,
                                .window_ms = s->scale_window_ms,
                                .quiet_ms = s->scale_quiet_ms,
                                .memory_ms = s->scale_memory_ms,
                            });
    r->scale.fire = scale_fire;
    r->sweep.fire = sweep_fire;
    r->reap.fire = reap_fire;
    loop_timer_set(r->loop, &r->sweep, s->sweep_ms);
    loop_timer_set(r->loop, &r->reap, s->reap_ms);
    loop_timer_set(r->loop, &r->scale, 0);
    thread_start(&r->thread, THREAD_HOUSEKEEPING, "housekeeping", thread_run, r);
    *out = r;
    return OK;
}

void retention_close(struct retention *r)
{
    if (!r)
        return;
    loop_stop(r->loop);
    thread_join(&r->thread);
    loop_timer_cancel(r->loop, &r->sweep);
    loop_timer_cancel(r->loop, &r->reap);
    loop_timer_cancel(r->loop, &r->scale);
    scaler_fini(&r->scaler);
    loop_free(r->loop);
    mem_free(r);
}
