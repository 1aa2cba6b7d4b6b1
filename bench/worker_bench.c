/* worker_bench.c: how many records a second the SDK's worker takes out of a stream, and what each costs it.
 *
 * Records of 1 KiB are put, and are still in the server's memory (its --tail-memory is set to hold them all) when a worker of a new group
 * reads them from TRIM_HORIZON: by GetRecords in CBOR and in JSON, with callbacks on its own thread and on others, and by
 * SubscribeToShard. Its handler adds up what it gets. What was handled is checkpointed every second, by the SDK's own setting; or, in the rows that
 * say so, by the handler after each batch, whose wait for the disk is then part of the figure. Time counts from the first lease taken to the last
 * record handled: joining the group is not reading. Server and worker share the machine.
 *
 * Its limits: a program that sends as many bytes in answers of the same size and does nothing else, and the server itself, both to a client that
 * throws away what it gets, on as many connections. The server is asked for the first answer of each shard again and again, which caches help: it is a
 * limit, not a reader's rate. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/sender.h"
#include "bench/support/server.h"

#include <sluice/consumer.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SHARDS = 4,
    RECORD_BYTES = 1024,
    RECORDS = 500,
    BODIES = 32,
    ANSWER_RECORDS = 1024, /* as the worker asks for: 1 MiB of data */
    ANSWER_BYTES = ANSWER_RECORDS * 1210
};
enum { CHECKPOINT_MS = 1000 };
static const char stream[] = "worked-0";

struct reading {
    struct bench *bench;
    struct server server;
    struct load_result result;
    uint64_t total;
    unsigned groups; /* made so far: each run is of a new one; a stream may have 100 */
};

struct mode {
    const char *name;
    enum sluice_codec codec;
    enum sluice_fetch fetch;
    unsigned threads;
    bool each; /* batch is checkpointed by the handler */
    struct series rate, cpu, server_cpu;
};

struct run {
    sluice_worker *worker;
    uint64_t total;
    bool each;
    _Atomic uint64_t records, bytes;
    _Atomic uint64_t first_us, last_us; /* the first lease, the last batch */
};

static void put(struct reading *t)
{
    uint64_t requests = t->bench->mib * 1024 / RECORDS;
    const struct put_plan plan = {.prefix = "worked",
                                  .streams = 1,
                                  .records = RECORDS,
                                  .record_bytes = RECORD_BYTES,
                                  .bodies = BODIES,
                                  .requests = BODIES};
    ring_put_all(&t->server.caller, &plan, requests, &t->result);
    t->total = requests * RECORDS;
}

static void on_begin(void *context, sluice_shard *shard)
{
    struct run *r = context;
    uint64_t none = 0;
    (void)shard;
    atomic_compare_exchange_strong(&r->first_us, &none, clock_mono_us(&clock_system));
}

static enum sluice_status on_records(void *context, sluice_shard *shard,
                                     const struct sluice_batch *batch)
{
    struct run *r = context;
    struct sluice_error e;
    uint64_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += batch->records[i].data.len;
    r->bytes += bytes;
    if (r->each && batch->count > 0 && sluice_checkpoint_batch(shard, &e) != SLUICE_OK)
        die("checkpoint: %s %s", e.type, e.message);
    if ((r->records += batch->count) < r->total)
        return SLUICE_OK;
    r->last_us = clock_mono_us(&clock_system);
    sluice_worker_stop(r->worker);
    return SLUICE_OK;
}

static void on_notice(void *context, const char *shard_id, const char *text)
{
    (void)context;
    if (!strstr(text, "lease taken"))
        printf("  %s %s\n", shard_id, text);
}

static void set_options(struct reading *t, const struct mode *m, struct run *r,
                        struct sluice_worker_options *o)
{
    sluice_worker_options_init(o);
    o->client.endpoint = text_of("http://127.0.0.1:%u", t->server.port);
    o->client.region = "us-east-1";
    o->client.access_key_id = t->server.caller.access_key;
    o->client.secret_access_key = t->server.caller.secret;
    o->client.codec = m->codec;
    o->stream = stream;
    o->group = text_of("g%u", t->groups++);
    o->fetch = m->fetch;
    o->threads = m->threads;
    o->checkpoint_every_ms = m->each ? 0 : CHECKPOINT_MS;
    o->handler = (struct sluice_handler){
        .shard_begin = on_begin, .records = on_records, .notice = on_notice};
    o->context = r;
}

static void one_round(struct reading *t, struct mode *m)
{
    struct run r = {.total = t->total, .each = m->each};
    struct sluice_worker_options o;
    struct sluice_error e;
    set_options(t, m, &r, &o);
    if (sluice_worker_new(&o, &r.worker, &e) != SLUICE_OK)
        die("worker: %s", e.message);
    double cpu = process_cpu_s(getpid()), server_cpu = process_cpu_s(t->server.pid);
    if (sluice_worker_run(r.worker, &e) != SLUICE_OK)
        die("worker: %s %s", e.type, e.message);
    double each_us = 1e6 / (double)t->total;
    cpu = (process_cpu_s(getpid()) - cpu) * each_us;
    server_cpu = (process_cpu_s(t->server.pid) - server_cpu) * each_us;
    sluice_worker_free(r.worker);
    if (r.records != t->total || r.bytes != t->total * RECORD_BYTES)
        die("%llu records were put, %llu came", (unsigned long long)t->total,
            (unsigned long long)r.records);
    double rate = (double)t->total * 1e6 / (double)(r.last_us - r.first_us);
    series_add(&m->rate, rate);
    series_add(&m->cpu, cpu);
    series_add(&m->server_cpu, server_cpu);
    printf("  %s: %.0f records/s, %.2f us of the worker's processor each, %.2f of the server's\n",
           m->name, rate, cpu, server_cpu);
}

static bool judge_any(struct load_source *source, unsigned connection,
                      const struct request *request, int status, struct bytes body,
                      uint64_t *records)
{
    (void)source;
    (void)connection;
    (void)request;
    (void)body;
    *records = ANSWER_RECORDS;
    return status == 200;
}

/* Records a second that come from there to a client that throws them away. */
static void thrown_away(struct reading *t, struct ring *ring, uint16_t port, pid_t pid,
                        struct series *rate)
{
    const struct load_settings load = {.port = port,
                                       .server_pid = pid,
                                       .connections = SHARDS,
                                       .warm_s = 0.2,
                                       .seconds = t->bench->seconds,
                                       .answer_bytes_max = MIB(2)};
    load_run(&load, &ring->source, &t->result);
    load_must_be_right(&t->result, "sending");
    series_add(rate, (double)t->result.records / t->result.seconds);
}

struct limits {
    uint16_t bare_port;
    pid_t bare_pid;
    struct series bare, server;
};

static void measure_limits(struct reading *t, struct limits *l)
{
    struct ring ring;
    static char iterators[SHARDS][ITERATOR_BYTES_MAX];
    for (unsigned i = 0; i < SHARDS; i++)
        caller_iterator(&t->server.caller, stream, i, "TRIM_HORIZON", iterators[i]);
    struct caller caller = t->server.caller;
    ring_get(&ring, &caller, iterators, SHARDS, ANSWER_RECORDS);
    ring.source.judge = judge_any;
    thrown_away(t, &ring, l->bare_port, l->bare_pid, &l->bare);
    ring_fini(&ring);
    caller.cbor = true;
    ring_get(&ring, &caller, iterators, SHARDS, ANSWER_RECORDS);
    thrown_away(t, &ring, t->server.port, t->server.pid, &l->server);
    ring_fini(&ring);
    printf("  to a client that throws it away: %.0f records/s from a bare sender, %.0f from the "
           "server\n",
           l->bare.values[l->bare.count - 1], l->server.values[l->server.count - 1]);
}

static void tell(struct mode *m, unsigned at, const struct limits *l)
{
    report(&(struct figure){
        .id = "",
        .what = text_of("worker, %s, 1 KiB records from the tail", m->name),
        .value = series_median(&m->rate),
        .unit = "records/s",
        .limit_what = "the server alone",
        .limit = series_median(&l->server),
        .ratio = series_ratio(&m->rate, &l->server),
        .kind = at == 0 ? FIGURE_VALUE_LEAST : FIGURE_SHOWN,
        .target = 500000,
        .note = text_of("%.2f us of the worker's processor a record, %.2f us of the server's",
                        series_median(&m->cpu), series_median(&m->server_cpu))});
}

static void run(struct bench *b)
{
    struct mode modes[] = {
        {.name = "GetRecords, CBOR", .codec = SLUICE_CBOR, .fetch = SLUICE_FETCH_POLL},
        {.name = "GetRecords, CBOR, each batch checkpointed",
         .codec = SLUICE_CBOR,
         .fetch = SLUICE_FETCH_POLL,
         .each = true},
        {.name = "GetRecords, CBOR, each batch checkpointed, callbacks on 4 threads",
         .codec = SLUICE_CBOR,
         .fetch = SLUICE_FETCH_POLL,
         .threads = SHARDS,
         .each = true},
        {.name = "GetRecords, JSON", .codec = SLUICE_JSON, .fetch = SLUICE_FETCH_POLL},
        {.name = "SubscribeToShard", .codec = SLUICE_JSON, .fetch = SLUICE_FETCH_PUSH},
    };
    enum { MODES = sizeof(modes) / sizeof(*modes) };
    struct limits limits = {0};
    struct reading *t = mem_must(sizeof(*t));
    limits.bare_pid = sender_start(ANSWER_BYTES, &limits.bare_port);
    t->bench = b;
    server_init(&t->server, b, "server");
    t->server.tail_memory = text_of("%lluMiB", (unsigned long long)b->mib * 2);
    server_start(&t->server);
    caller_create_stream(&t->server.caller, stream, SHARDS);
    put(t);
    for (unsigned i = 0; i < b->rounds; i++) {
        measure_limits(t, &limits);
        for (unsigned m = 0; m < MODES; m++)
            one_round(t, &modes[m]);
    }
    for (unsigned m = 0; m < MODES; m++)
        tell(&modes[m], m, &limits);
    report(&(struct figure){
        .id = "",
        .what = "the server alone: GetRecords, CBOR, to a client that throws it away",
        .value = series_median(&limits.server),
        .unit = "records/s",
        .limit_what = "bare send() of as many bytes",
        .limit = series_median(&limits.bare),
        .ratio = series_ratio(&limits.server, &limits.bare)});
    server_stop(&t->server);
    process_kill(limits.bare_pid);
    mem_free(t);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 1, .rounds = 5, .mib = 384, .limit_s = 300};
    return bench_main(&b, "the SDK's worker reading from the tail", argc, argv, run);
}
