/* worker.c: the loop of a worker: callbacks that came back, what they ask for, the group, the shards, the network.
 *
 * One thread does it all, the one that is in sluice_worker_run; only callbacks may be elsewhere (callback_pool.h). So nothing here needs a
 * lock, and a program that wants no threads has none.
 *
 * W3. A worker that hears nothing from the group for its session time-out takes its leases for lost, and begins no more callbacks
 *     until it hears.
 *
 * Left to others: the group (worker_leases.c), a shard's life (shard_reader.c).
 * Thread: that of sluice_worker_run. */
#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/fetch_error.h"
#include "consumer-sdk/fetch_push.h"
#include "consumer-sdk/lease_service.h"
#include "consumer-sdk/worker_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { TURN_MS_MAX = 1000, POLITE_MS = 200 };

/* ---- words and failures ---- */

void worker_note(struct sluice_worker *w, const char *shard_id, const char *format, ...)
{
    char text[768];
    if (!w->host.handler.notice)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    w->host.handler.notice(w->host.context, shard_id, text);
}

void worker_fail(struct sluice_worker *w, const struct sluice_error *error)
{
    if (w->failed != SLUICE_OK)
        return;
    w->failed = error->status;
    w->error = *error;
}

bool worker_may_retry(struct sluice_worker *w, const char *what, const struct sluice_error *error)
{
    enum fetch_verdict verdict = fetch_verdict_of(error);
    if (verdict != FETCH_AGAIN && verdict != FETCH_THROTTLED && verdict != FETCH_BUSY) {
        worker_fail(w, error);
        return false;
    }
    if (!w->told)
        worker_note(w, "", "%s is tried again: %s %s", what, error->type, error->message);
    w->told = true;
    return true;
}

void worker_wait(struct sluice_worker *w, unsigned ms)
{
    uint64_t until = worker_now_us(w) + ms * 1000ull;
    for (uint64_t now = worker_now_us(w); now < until && !worker_stops(w); now = worker_now_us(w))
        if (sluice_client_turn(w->client, (int)((until - now + 999) / 1000)) != SLUICE_OK)
            return;
}

/* ---- what the shards ask of it ---- */

static struct sluice_worker *worker_of(struct shard_host *host)
{
    return LIST_OWNER(host, struct sluice_worker, host);
}

static struct fetch *open_fetch(struct shard_host *host, const char *shard_id,
                                const struct fetch_from *from, bool push)
{
    const struct fetch_setting *setting = &worker_of(host)->fetch;
    return push ? fetch_push_open(setting, shard_id, from)
                : fetch_poll_open(setting, shard_id, from);
}

static enum sluice_status commit(struct shard_host *host, const struct sluice_lease *lease,
                                 const struct sluice_checkpoint_at *at, struct sluice_error *error)
{
    struct sluice_worker *w = worker_of(host);
    enum sluice_status st = w->store->commit(w->store->self, &w->member, lease, at, error);
    if (st == SLUICE_FENCED)
        w->heartbeat_us = 0; /* the group knows more than we do */
    return st;
}

static void shard_note(struct shard_host *host, const char *shard_id, const char *text)
{
    worker_note(worker_of(host), shard_id, "%s", text);
}

static void hopeless(struct shard_host *host, const struct sluice_error *error)
{
    worker_fail(worker_of(host), error);
}

static void wake(void *arg)
{
    sluice_client_wake(arg);
}

/* ---- the loop ---- */

static void callbacks(struct sluice_worker *w)
{
    struct list done;
    list_init(&done);
    callback_pool_serve(w->host.pool);
    callback_pool_take_done(w->host.pool, &done);
    uint64_t now = worker_now_us(w);
    LIST_EACH(node, keep, &done)
    {
        list_remove(node);
        shard_reader_task_done(shard_of_task(node), now);
    }
}

/* When a shard wants to be stepped again. */
static uint64_t step_shards(struct sluice_worker *w, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    bool stops = worker_stops(w);
    bool paused = now > w->alive_us && now - w->alive_us >= w->options.session_timeout_ms * 1000ull;
    LIST_EACH(node, keep, &w->shards)
    {
        struct sluice_shard *s = LIST_OWNER(node, struct sluice_shard, node);
        if (stops)
            shard_reader_leave(s, SLUICE_WORKER_STOPS);
        uint64_t due = shard_reader_step(s, now, paused);
        if (s->state == SHARD_OVER)
            due = worker_let_go(w, s) ? w->heartbeat_us : now + 1000;
        next = due < next ? due : next;
    }
    return next;
}

static void turn(struct sluice_worker *w)
{
    callbacks(w);
    uint64_t now = worker_now_us(w);
    if (!worker_stops(w))
        worker_beat(w, now);
    uint64_t next = step_shards(w, now);
    if (!worker_stops(w) && w->heartbeat_us < next)
        next = w->heartbeat_us;
    if (callback_pool_run_one(w->host.pool))
        next = 0;
    now = worker_now_us(w);
    uint64_t wait_ms = next <= now ? 0 : (next - now + 999) / 1000;
    struct sluice_error error = {.message = "the client's loop failed"};
    error.status =
        sluice_client_turn(w->client, (int)(wait_ms > TURN_MS_MAX ? TURN_MS_MAX : wait_ms));
    if (error.status != SLUICE_OK && error.status != SLUICE_NO_MEMORY)
        worker_fail(w, &error);
}

static void begin(struct sluice_worker *w)
{
    w->failed = SLUICE_OK;
    w->joined = w->told = false;
    w->heartbeat_us = w->listed_us = 0;
    w->host.push = w->options.fetch != SLUICE_FETCH_POLL;
    w->host.push_only = w->options.fetch == SLUICE_FETCH_PUSH;
    w->member = (struct sluice_lease_member){
        .stream_arn = w->stream_arn,
        .group = w->group,
        .member = w->member_name,
        .session_timeout_ms = w->options.session_timeout_ms,
        .handover_ms = w->options.handover_ms,
        .leases_max = w->options.leases_max,
    };
    w->fetch = (struct fetch_setting){
        .client = w->client,
        .clock = w->host.clock,
        .random = &w->host.random,
        .stream_arn = w->stream_arn,
        .consumer_arn = w->consumer_arn,
        .push_only = w->host.push_only,
        .records_max = w->options.records_max > 10000 ? 10000 : w->options.records_max,
        .poll_ms = w->options.poll_ms,
        .spacing_ms = w->own_store ? 0 : POLITE_MS, /* who has our groups does not count reads */
    };
}

static void work(struct sluice_worker *w)
{
    if (!worker_find_stream(w))
        return;
    if (w->host.push)
        worker_find_consumer(w);
    w->alive_us = worker_now_us(w);
    while (!worker_stops(w) || !list_empty(&w->shards))
        turn(w);
    worker_leave(w);
    (void)sluice_client_turn(w->client, 0); /* what was cancelled ends */
}

enum sluice_status sluice_worker_run(sluice_worker *w, struct sluice_error *error)
{
    if (w->running)
        return error_set(error, SLUICE_STATE, "the worker runs already");
    begin(w);
    enum sluice_status st =
        callback_pool_new(w->options.threads, wake, w->client, &w->host.pool, error);
    if (st != SLUICE_OK)
        return st;
    w->running = true;
    work(w);
    callback_pool_free(w->host.pool);
    w->host.pool = NULL;
    w->running = false;
    w->stop = false;
    if (w->failed != SLUICE_OK && error)
        *error = w->error;
    return w->failed;
}

void sluice_worker_stop(sluice_worker *worker)
{
    worker->stop = true;
    sluice_client_wake(worker->client);
}

/* ---- life ---- */

void sluice_worker_options_init(struct sluice_worker_options *options)
{
    *options = (struct sluice_worker_options){
        .size = sizeof(*options),
        .session_timeout_ms = 6000,
        .poll_ms = 200,
        .records_max = 10000,
        .batches_max = 2,
        .stuck_ms = 60000,
        .handover_ms = 10000,
    };
    sluice_client_options_init(&options->client);
}

static void default_if_zero(unsigned *value, unsigned otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static bool copy_name(char *to, size_t room, const char *from)
{
    return from && from[0] && (size_t)snprintf(to, room, "%s", from) < room;
}

/* Host, process and chance: letters that the service takes. */
static void make_name(char name[WORKER_NAME_BYTES])
{
    char host[65] = "host";
    uint32_t noise;
    random_bytes(&noise, sizeof(noise));
    if (gethostname(host, sizeof(host) - 1) != 0)
        snprintf(host, sizeof(host), "host");
    for (char *at = host; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *at))
            *at = '-';
    snprintf(name, WORKER_NAME_BYTES, "%s-%ld-%08x", host, (long)getpid(), noise);
}

/* The options, as far as the caller's struct goes: it may be of an earlier version. */
static enum sluice_status take_options(struct sluice_worker *w,
                                       const struct sluice_worker_options *given,
                                       struct sluice_error *error)
{
    struct sluice_worker_options *o = &w->options;
    sluice_worker_options_init(o);
    size_t size = given->size < sizeof(*o) ? given->size : sizeof(*o);
    memcpy(o, given, size);
    o->size = sizeof(*o);
    default_if_zero(&o->session_timeout_ms, 6000);
    default_if_zero(&o->poll_ms, 200);
    default_if_zero(&o->records_max, 10000);
    default_if_zero(&o->batches_max, 2);
    default_if_zero(&o->stuck_ms, 60000);
    default_if_zero(&o->handover_ms, 10000);
    if (!o->handler.records)
        return error_set(error, SLUICE_INVALID_ARGUMENT, "a worker needs a handler for records");
    if (!copy_name(w->stream, sizeof(w->stream), o->stream) ||
        !copy_name(w->group, sizeof(w->group), o->group))
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "a worker needs a stream and a group of at most 128 characters");
    if (!o->member)
        make_name(w->member_name);
    else if (!copy_name(w->member_name, sizeof(w->member_name), o->member))
        return error_set(error, SLUICE_INVALID_ARGUMENT, "a member's name has 1 to 128 characters");
    return SLUICE_OK;
}

static void init_host(struct sluice_worker *w)
{
    static const struct shard_host_ops ops = {open_fetch, commit, shard_note, hopeless};
    static const enum fetch_place places[] = {[SLUICE_TRIM_HORIZON] = FETCH_HORIZON,
                                              [SLUICE_LATEST] = FETCH_LATEST,
                                              [SLUICE_AT_TIMESTAMP] = FETCH_TIME};
    const struct sluice_worker_options *o = &w->options;
    uint64_t seed;
    random_bytes(&seed, sizeof(seed));
    w->host = (struct shard_host){
        .ops = &ops,
        .clock = &clock_system,
        .handler = o->handler,
        .context = o->context,
        .checkpoint_every_ms = o->checkpoint_every_ms,
        .records_max = o->records_max,
        .batches_max = o->batches_max,
        .stuck_ms = o->stuck_ms,
        .keep_aggregated = o->keep_aggregated,
        .first = {.place = places[o->start], .time_ms = o->start_ms},
    };
    random_seed(&w->host.random, seed);
}

enum sluice_status sluice_worker_new(const struct sluice_worker_options *options,
                                     sluice_worker **worker, struct sluice_error *error)
{
    *worker = NULL;
    struct sluice_worker *w = mem_try(sizeof(*w));
    if (!w)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a worker");
    *w = (struct sluice_worker){0};
    list_init(&w->shards);
    enum sluice_status st = take_options(w, options, error);
    if (st == SLUICE_OK)
        st = sluice_client_new(&w->options.client, &w->client, error);
    if (st == SLUICE_OK) {
        init_host(w);
        w->store =
            w->options.store ? w->options.store : (w->own_store = lease_service_new(w->client));
        if (!w->store)
            st = error_set(error, SLUICE_NO_MEMORY, "no memory for a worker");
    }
    if (st == SLUICE_OK)
        *worker = w;
    else
        sluice_worker_free(w);
    return st;
}

void sluice_worker_free(sluice_worker *w)
{
    if (!w)
        return;
    sluice_client_free(w->client);
    lease_service_free(w->own_store);
    mem_free(w->released);
    mem_free(w->leases);
    mem_free(w->listed);
    mem_free(w->listed_views);
    mem_free(w);
}
