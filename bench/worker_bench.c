/* worker_bench.c: how many records a second the SDK's worker takes out of a stream, and what each costs it.
 *
 * Records of 1 KiB are put, and are still in the server's memory when a worker of a new group reads them all from TRIM_HORIZON: by
 * GetRecords in CBOR and in JSON, with callbacks on its own thread and on another, and by SubscribeToShard. Its handler adds up what it gets, and
 * checkpoints each batch. Server and worker share the machine.
 *
 * The limit is a program that sends as many bytes of the same answers and nothing else, to a client that throws them away. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/sender.h"
#include "bench/support/server.h"

#include <sluice/consumer.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SHARDS = 4,
    RECORD_BYTES = 1024,
    RECORDS = 500,
    BODIES = 32,
    CBOR_ANSWER_BYTES = 10000 * 1200
};
static const char stream[] = "worked-0";

struct reading {
    struct bench *bench;
    struct server server;
    struct load_result result;
    uint64_t total;
    unsigned groups; /* made so far: each run is of a new one */
};

struct mode {
    const char *name;
    enum sluice_codec codec;
    enum sluice_fetch fetch;
    unsigned threads;
    struct series rate, cpu;
};

struct run {
    sluice_worker *worker;
    uint64_t total;
    _Atomic uint64_t records, bytes;
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

static enum sluice_status on_records(void *context, sluice_shard *shard,
                                     const struct sluice_batch *batch)
{
    struct run *r = context;
    struct sluice_error e;
    uint64_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += batch->records[i].data.len;
    r->bytes += bytes;
    if (batch->count > 0 && sluice_checkpoint_batch(shard, &e) != SLUICE_OK)
        die("checkpoint: %s %s", e.type, e.message);
    if ((r->records += batch->count) >= r->total)
        sluice_worker_stop(r->worker);
    return SLUICE_OK;
}

static void on_notice(void *context, const char *shard_id, const char *text)
{
    (void)context;
    if (!strstr(text, "lease taken"))
        printf("  %s %s\n", shard_id, text);
}

static void one_round(struct reading *t, struct mode *m)
{
    struct run r = {.total = t->total};
    struct sluice_worker_options o;
    struct sluice_error e;
    sluice_worker_options_init(&o);
    o.client.endpoint = text_of("http://127.0.0.1:%u", t->server.port);
    o.client.region = "us-east-1";
    o.client.access_key_id = t->server.caller.access_key;
    o.client.secret_access_key = t->server.caller.secret;
    o.client.codec = m->codec;
    o.stream = stream;
    o.group = text_of(
        "g%u", t->groups++ % 15); /* as many consumers as a stream may have, and some to spare */
    o.fetch = m->fetch;
    o.threads = m->threads;
    o.handler = (struct sluice_handler){.records = on_records, .notice = on_notice};
    o.context = &r;
    if (sluice_worker_new(&o, &r.worker, &e) != SLUICE_OK)
        die("worker: %s", e.message);
    double cpu = process_cpu_s(getpid());
    uint64_t from = clock_mono_us(&clock_system);
    if (sluice_worker_run(r.worker, &e) != SLUICE_OK)
        die("worker: %s %s", e.type, e.message);
    double seconds = (double)(clock_mono_us(&clock_system) - from) / 1e6;
    cpu = process_cpu_s(getpid()) - cpu;
    sluice_worker_free(r.worker);
    if (r.records != t->total || r.bytes != t->total * RECORD_BYTES)
        die("%llu records were put, %llu came", (unsigned long long)t->total,
            (unsigned long long)r.records);
    series_add(&m->rate, (double)t->total / seconds);
    series_add(&m->cpu, cpu / (double)t->total * 1e6);
    printf("  %s: %.0f records/s, %.2f us of processor each\n", m->name, (double)t->total / seconds,
           cpu / (double)t->total * 1e6);
}

static bool judge_any(struct load_source *source, unsigned connection,
                      const struct request *request, int status, struct bytes body,
                      uint64_t *records)
{
    (void)source;
    (void)connection;
    (void)request;
    (void)body;
    *records = 10000;
    return status == 200;
}

/* Records a second of a program that only sends. */
static void bare_round(struct reading *t, uint16_t port, pid_t pid, struct series *rate)
{
    struct ring ring;
    static char iterators[1][ITERATOR_BYTES_MAX];
    caller_iterator(&t->server.caller, stream, 0, "TRIM_HORIZON", iterators[0]);
    ring_get(&ring, &t->server.caller, iterators, 1, 10000);
    struct load_source source = {.next = ring.source.next, .judge = judge_any};
    struct load_source own = ring.source;
    ring.source = source;
    struct load_settings load = {.port = port,
                                 .server_pid = pid,
                                 .connections = SHARDS,
                                 .warm_s = 0.2,
                                 .seconds = t->bench->seconds,
                                 .answer_bytes_max = MIB(16)};
    load_run(&load, &ring.source, &t->result);
    load_must_be_right(&t->result, "sending");
    ring.source = own;
    series_add(rate, (double)t->result.records / t->result.seconds);
    ring_fini(&ring);
}

static void run(struct bench *b)
{
    struct mode modes[] = {
        {"GetRecords, CBOR", SLUICE_CBOR, SLUICE_FETCH_POLL, 0, {0}, {0}},
        {"GetRecords, CBOR, callbacks on a thread", SLUICE_CBOR, SLUICE_FETCH_POLL, 1, {0}, {0}},
        {"GetRecords, JSON", SLUICE_JSON, SLUICE_FETCH_POLL, 0, {0}, {0}},
        {"SubscribeToShard", SLUICE_JSON, SLUICE_FETCH_PUSH, 0, {0}, {0}},
    };
    enum { MODES = sizeof(modes) / sizeof(*modes) };
    struct series bare = {0};
    struct reading *t = mem_must(sizeof(*t));
    uint16_t bare_port;
    pid_t bare_pid = sender_start(CBOR_ANSWER_BYTES, &bare_port);
    t->bench = b;
    server_init(&t->server, b, "server");
    server_start(&t->server);
    caller_create_stream(&t->server.caller, stream, SHARDS);
    put(t);
    for (unsigned i = 0; i < b->rounds; i++) {
        bare_round(t, bare_port, bare_pid, &bare);
        printf("  bare sending: %.0f records/s\n", bare.values[i]);
        for (unsigned m = 0; m < MODES; m++)
            one_round(t, &modes[m]);
    }
    for (unsigned m = 0; m < MODES; m++)
        report(&(struct figure){
            .id = "",
            .what = text_of("worker, %s, 1 KiB records from the tail", modes[m].name),
            .value = series_median(&modes[m].rate),
            .unit = "records/s",
            .limit_what = "bare send() of as many bytes",
            .limit = series_median(&bare),
            .ratio = series_ratio(&modes[m].rate, &bare),
            .kind = m == 0 ? FIGURE_VALUE_LEAST : FIGURE_SHOWN,
            .target = 500000,
            .note = text_of("%.2f us of the worker's processor a record",
                            series_median(&modes[m].cpu))});
    server_stop(&t->server);
    process_kill(bare_pid);
    mem_free(t);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 2, .rounds = 3, .mib = 192, .limit_s = 300};
    return bench_main(&b, "the SDK's worker reading from the tail", argc, argv, run);
}
