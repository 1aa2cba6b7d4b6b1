/* host.c: see host.h.
 *
 * Calls that come together are all started before any is waited for, and each is answered the moment it is done: so a kill finds some
 * acknowledged, some durable and not acknowledged, some neither. Housekeeping has no thread here: its turns come when the run says so, between calls. */
#include "sim/host.h"

#include "api/quotas.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "retention/reaper.h"
#include "retention/sweeper.h"
#include "shards/log_leveldb.h"
#include "shards/scaler.h"
#include "sim/frame.h"
#include "support/subscriber.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct slot {
    bool open;
    struct subscriber subscriber;
};

struct host {
    int fd;
    struct loopback loopback;
    struct sweeper sweeper;
    struct reaper reaper;
    struct scaler scaler;
    struct frame asked[HOST_CALLS_MAX];
    uint32_t asked_count;
    struct slot slots[HOST_SLOTS];
};

/* ---- opening and closing ---- */

static void make_folder(char path[160], const char *under, const char *name)
{
    struct fault f;
    snprintf(path, 160, "%s/%s", under, name);
    must(folder_make(path, &f) == OK);
}

static void host_open(struct host *h, const struct host_settings *s)
{
    static char logs[160], catalog[160]; /* as long as the service */
    struct loopback *l = &h->loopback;
    struct log_leveldb_settings to;
    struct fault f = {0};
    make_folder(logs, s->folder, "log");
    make_folder(catalog, s->folder, "catalog");
    clock_manual_init(&l->clock, s->now_ms);
    log_leveldb_defaults(&to);
    to.folder = logs;
    to.clock = &l->clock.clock;
    to.segment_bytes = s->segment_bytes;
    to.tail_bytes_max = s->tail_bytes_max;
    to.open_segments_max = 3;
    to.disk_reserve_bytes = 0;
    if (log_leveldb_open(&to, &l->logs, &f) != OK) {
        fprintf(stderr, "the logs do not open: %s\n", f.text);
        _exit(3);
    }
    l->catalog_folder = catalog;
    l->begin_ms = s->now_ms;
    l->shard_limit = s->shard_limit;
    l->master_keys = s->master_keys;
    loopback_open(l);
    if (s->quotas)
        l->service.quotas = quotas_new(&l->clock.clock);
    sweeper_init(&h->sweeper, l->service.logs, l->service.streams, &l->clock.clock);
    h->reaper = (struct reaper){l->service.catalog, l->service.streams, &l->clock.clock};
    scaler_init(&h->scaler, &(struct scaler_settings){
                                .catalog = l->service.catalog,
                                .streams = l->service.streams,
                                .clock = &l->clock.clock,
                                .shard_limit = s->shard_limit,
                                .window_ms = HOST_SCALE_WINDOW_MS,
                                .quiet_ms = HOST_SCALE_QUIET_MS,
                                .memory_ms = HOST_SCALE_MEMORY_MS,
                            });
}

static void hang_up(struct slot *slot)
{
    if (slot->open)
        subscriber_close(&slot->subscriber);
    slot->open = false;
}

_Noreturn static void host_close(struct host *h)
{
    for (int i = 0; i < HOST_SLOTS; i++)
        hang_up(&h->slots[i]);
    loop_stop(h->loopback.loop); /* reads that came back for them meanwhile */
    loop_run(h->loopback.loop);
    scaler_fini(&h->scaler);
    loopback_close(&h->loopback);
    exit(0); /* by the way of the leak checker */
}

/* ---- calls ---- */

static void answer(struct host *h, uint32_t tag, int status, const char *text)
{
    const struct frame f = {
        .kind = FRAME_ANSWER, .tag = tag, .number = status, .text = (char *)(uintptr_t)text};
    if (!frame_send(h->fd, &f))
        _exit(0); /* the run is over */
}

/* Answers those that are done; how many there were. */
static uint32_t answer_done(struct host *h, struct call *calls, bool *answered)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < h->asked_count; i++) {
        if (answered[i] || !calls[i].finished)
            continue;
        answer(h, h->asked[i].tag, calls[i].status, calls[i].text);
        call_end(&calls[i]);
        answered[i] = true;
        done++;
    }
    return done;
}

static void run_calls(struct host *h)
{
    static struct call calls[HOST_CALLS_MAX];
    bool answered[HOST_CALLS_MAX] = {false};
    for (uint32_t i = 0; i < h->asked_count; i++)
        call_start(&calls[i], &h->loopback, h->asked[i].name, h->asked[i].text);
    for (uint32_t left = h->asked_count; left > 0;) {
        uint32_t done = answer_done(h, calls, answered);
        left -= done;
        if (left > 0 && done == 0)
            loop_run(h->loopback.loop);
    }
    for (uint32_t i = 0; i < h->asked_count; i++)
        frame_free(&h->asked[i]);
    h->asked_count = 0;
}

/* ---- housekeeping ---- */

static bool is_settled(void *arg, struct stream_view *v)
{
    bool *settled = arg;
    *settled = *settled && v->settings.status == STREAM_ACTIVE;
    return true;
}

/* Until what was asked of the catalog is done. It has begun when a later command is answered; its end has no condition to wait for. */
static void settle(struct host *h)
{
    mem_free(call_text(&h->loopback, "DescribeAccountSettings", "{}", NULL));
    for (bool settled = false; !settled;) {
        usleep(500); /* a sleep: see above */
        settled = true;
        stream_table_each(h->loopback.service.streams, is_settled, &settled);
    }
}

static void tidy(struct host *h)
{
    struct fault f;
    enum status st;
    while ((st = sweeper_turn(&h->sweeper, &f)) == OK)
        continue;
    must(st == END);
    while (reaper_turn(&h->reaper) > 0)
        settle(h);
}

static void scale(struct host *h)
{
    unsigned turns = 0;
    while (scaler_turn(&h->scaler) > 0 && turns++ < 64)
        settle(h);
}

/* ---- fan-out ---- */

static void subscribe(struct host *h, const struct frame *f)
{
    struct slot *slot = &h->slots[f->tag];
    hang_up(slot);
    slot->open = true;
    bool taken = subscriber_open(&slot->subscriber, &h->loopback, f->text);
    answer(h, f->tag, slot->subscriber.call.status, taken ? "" : slot->subscriber.call.text);
    if (!taken)
        hang_up(slot);
}

/* {"Events": [...], "Exception": kind, "Ended": bool}, when `wanted` records have come, or the end has. */
static void poll_slot(struct host *h, const struct frame *f)
{
    struct slot *slot = &h->slots[f->tag];
    struct subscriber *s = &slot->subscriber;
    json_t *events = json_array(), *said = json_object();
    size_t wanted = (size_t)f->number, got = 0;
    bool ended = !slot->open;
    while (!ended && (subscriber_poll(s) || (got < wanted && subscriber_wait(s)))) {
        if (s->exception)
            json_object_set_new(said, "Exception", json_string(s->kind));
        if (s->exception || strcmp(s->kind, "SubscribeToShardEvent") != 0)
            continue;
        json_t *event = json_loadb((const char *)s->raw.at, s->raw.len, 0, NULL);
        got += json_array_size(json_object_get(event, "Records"));
        json_array_append_new(events, event);
    }
    ended = ended || s->ended;
    json_object_set_new(said, "Events", events);
    json_object_set_new(said, "Ended", json_boolean(ended));
    char *text = json_dumps(said, JSON_COMPACT);
    answer(h, f->tag, 200, text);
    mem_free(text);
    json_decref(said);
    if (ended)
        hang_up(slot);
}

/* ---- frames ---- */

static void take_call(struct host *h, const struct frame *f)
{
    must(h->asked_count < HOST_CALLS_MAX);
    h->asked[h->asked_count++] = *f;
    if (!f->more)
        run_calls(h);
}

static void take(struct host *h, struct frame *f)
{
    uint64_t now_ms = clock_wall_ms(&h->loopback.clock.clock);
    switch (f->kind) {
    case FRAME_CALL:
        take_call(h, f);
        return; /* its texts are kept until it is run */
    case FRAME_TIME:
        clock_manual_advance_ms(&h->loopback.clock, f->time_ms - now_ms);
        break;
    case FRAME_TIDY:
        tidy(h);
        answer(h, 0, 200, "");
        break;
    case FRAME_SCALE:
        scale(h);
        answer(h, 0, 200, "");
        break;
    case FRAME_SUBSCRIBE:
        subscribe(h, f);
        break;
    case FRAME_POLL:
        poll_slot(h, f);
        break;
    case FRAME_HANG_UP:
        hang_up(&h->slots[f->tag]);
        break;
    default:
        host_close(h);
    }
    frame_free(f);
}

void host_run(const struct host_settings *s, int fd)
{
    static struct host h;
    struct frame f;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    trace_set_level(getenv("SIM_TRACE") ? TRACE_DEBUG : TRACE_ERROR - 1);
    h.fd = fd;
    host_open(&h, s);
    while (frame_receive(fd, &f))
        take(&h, &f);
    _exit(0);
}
