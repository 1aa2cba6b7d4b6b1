/* producer_bench.c: the SDK's producer: what it takes away from the server's own figure, and what a record costs the program that puts it.
 *
 * The limit of each round is PutRecords of 500 records of 1 KiB, made and signed before the clock starts (figure a's load), on the same
 * server and stream. The producer makes its requests as it goes, over its own client, in CBOR: the thread that puts also works; beside it, once with a thread of
 * the producer's own, which takes each record over from another core. Client and server share the cores, so what the client spends the server lacks.
 *
 * What the client spends stands beside what nobody can do without: MD5 of each aggregated record, SHA-256 of each body, and the kernel's
 * send, by the same functions, over bytes that lie ready. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "bench/support/disk.h"
#include "bench/support/http.h"
#include "bench/support/process.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/server.h"
#include "bench/support/sink.h"

#include <sluice/producer.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    SHARDS = 16,
    RECORDS = 500,
    RECORD_BYTES = 1024,
    BODIES = 48,
    KEY_BYTES = 16,
    DIFFERENT = 1024
};

struct producing {
    _Atomic uint64_t stored, failed;
    const struct caller *caller;
    uint16_t port;
    bool aggregate, own_thread;
    double seconds;
    uint8_t data[DIFFERENT][RECORD_BYTES];
    char keys[DIFFERENT][KEY_BYTES + 1];
    /* found */
    double records_per_s, us_per_record;
    uint64_t calls, kinesis_records;
};

static void delivered(void *context, void *record_context, const struct sluice_delivered *result)
{
    (void)record_context;
    struct producing *g = context;
    atomic_fetch_add_explicit(result->status == SLUICE_OK ? &g->stored : &g->failed, 1,
                              memory_order_relaxed);
}

static double own_cpu_s(void)
{
    struct rusage u;
    must(getrusage(RUSAGE_SELF, &u) == 0);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double now_s(void)
{
    return (double)clock_mono_us(&clock_system) / 1e6;
}

static void put_for(struct producing *g, sluice_producer *p, double seconds)
{
    uint64_t n = 0;
    for (double end_s = now_s() + seconds; (n & 255) || now_s() < end_s; n++) {
        const struct sluice_record r = {.data = sluice_view(g->data[n % DIFFERENT], RECORD_BYTES),
                                        .partition_key =
                                            sluice_view(g->keys[n % DIFFERENT], KEY_BYTES)};
        must(sluice_producer_put(p, &r, NULL) == SLUICE_OK);
    }
}

/* Ends the benchmark when anything failed. */
static void produce(struct producing *g)
{
    struct sluice_producer_options o;
    struct sluice_error e = {0};
    sluice_producer *p;
    sluice_producer_options_init(&o);
    o.client.endpoint = text_of("http://127.0.0.1:%u", g->port);
    o.client.region = "us-east-1";
    o.client.access_key_id = g->caller->access_key;
    o.client.secret_access_key = g->caller->secret;
    o.client.codec = SLUICE_CBOR;
    o.stream = "put-0";
    o.aggregate = g->aggregate;
    o.run_thread = g->own_thread;
    o.delivered = delivered;
    o.context = g;
    g->stored = g->failed = 0;
    if (sluice_producer_new(&o, &p, &e) != SLUICE_OK)
        die("producer: %s", e.message);
    put_for(g, p, 0.5); /* warm */
    double cpu_s = own_cpu_s(), begin_s = now_s();
    uint64_t before = g->stored;
    put_for(g, p, g->seconds);
    g->records_per_s = (double)(g->stored - before) / (now_s() - begin_s);
    must(sluice_producer_flush(p, 60000) == SLUICE_OK);
    struct sluice_producer_metrics m = {.size = sizeof(m)};
    sluice_producer_metrics(p, &m);
    g->us_per_record = (own_cpu_s() - cpu_s) * 1e6 / (double)(g->stored - before);
    g->calls = m.calls;
    g->kinesis_records = m.kinesis_records;
    must(sluice_producer_close(p, 60000) == SLUICE_OK);
    if (g->failed || m.records_retried)
        die("%llu records failed, %llu were sent again", (unsigned long long)g->failed,
            (unsigned long long)m.records_retried);
}

/* ---- what nobody can do without ---- */

enum { ENVELOPES = 20, ENVELOPE_RECORDS = 48, FLOOR_TIMES = 64 };
enum { BODY_BYTES = ENVELOPES * ENVELOPE_RECORDS * RECORD_BYTES };

static double thread_cpu_s(void)
{
    struct timespec t;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void digest_envelopes(struct bytes body)
{
    struct bytes one[ENVELOPES];
    uint8_t digests[ENVELOPES][MD5_BYTES], *outs[ENVELOPES];
    for (size_t i = 0; i < ENVELOPES; i++) {
        one[i] = bytes_of(body.at + i * (BODY_BYTES / ENVELOPES), BODY_BYTES / ENVELOPES);
        outs[i] = digests[i];
    }
    digest_md5_each(one, outs, ENVELOPES);
}

/* Processor time a record, aggregated or not. */
static double floor_us(bool aggregate)
{
    uint8_t *at = mem_must(2 * BODY_BYTES), digests[2][SHA256_BYTES];
    const struct bytes two[] = {bytes_of(at, BODY_BYTES), bytes_of(at + BODY_BYTES, BODY_BYTES)};
    int fd = sink_open();
    random_noise(at, 2 * BODY_BYTES);
    double begin_s = thread_cpu_s();
    for (unsigned n = 0; n < FLOOR_TIMES; n++) {
        for (int i = 0; aggregate && i < 2; i++)
            digest_envelopes(two[i]);
        digest_sha256_pair(rope_of(&two[0]), rope_of(&two[1]), digests[0], digests[1]);
        for (int i = 0; i < 2; i++)
            must(http_send(fd, two[i]));
    }
    double spent_s = thread_cpu_s() - begin_s;
    must(close(fd) == 0);
    mem_free(at);
    return spent_s * 1e6 / (2.0 * FLOOR_TIMES * ENVELOPES * ENVELOPE_RECORDS);
}

/* Of one manner of producing. */
struct manner {
    const char *name;
    bool aggregate, own_thread;
    struct series rate, us, floor;
};
enum { PACKED, PLAIN, PACKED_OWN_THREAD, MANNERS };

struct figures {
    struct series limit;
    struct manner manners[MANNERS];
};

static void round_of(struct producing *g, struct manner *m, const struct bench *b)
{
    g->aggregate = m->aggregate;
    g->own_thread = m->own_thread;
    series_add(&m->floor, floor_us(m->aggregate));
    produce(g);
    disk_settle(b->folder, 5);
    series_add(&m->rate, g->records_per_s);
    series_add(&m->us, g->us_per_record);
    printf("  %s: %.0f records/s, %.2f us of client processor time a record (digests and send "
           "alone: %.2f), %.0f records a call\n",
           m->name, g->records_per_s, g->us_per_record, m->floor.values[m->floor.count - 1],
           (double)g->stored / (double)g->calls);
}

static void report_manner(const struct manner *m, const struct series *limit)
{
    bool wanted = !m->own_thread;
    report(&(struct figure){.id = "",
                            .what = text_of("producer, 1 KiB records, %s", m->name),
                            .value = series_median(&m->rate),
                            .unit = "records/s",
                            .limit_what = "PutRecords made before",
                            .limit = series_median(limit),
                            .ratio = series_ratio(&m->rate, limit),
                            .kind = wanted ? FIGURE_RATIO_LEAST : FIGURE_SHOWN,
                            .target = 0.9,
                            .note = spread("", &m->rate, "records/s")});
    report(&(struct figure){.id = "",
                            .what = "the same, client processor time",
                            .value = series_median(&m->us),
                            .unit = "us/record",
                            .limit_what = "digests and send alone",
                            .limit = series_median(&m->floor),
                            .ratio = series_ratio(&m->us, &m->floor),
                            .kind = wanted && m->aggregate ? FIGURE_VALUE_MOST : FIGURE_SHOWN,
                            .target = 1.5,
                            .note = spread("", &m->us, "us/record")});
}

static void measure(struct bench *b, const struct server *server, struct ring *ring,
                    struct producing *g, struct figures *f)
{
    struct load_result *r = mem_must(sizeof(*r));
    const struct load_settings load = {.port = server->port,
                                       .connections = b->connections,
                                       .warm_s = 0.5,
                                       .seconds = b->seconds,
                                       .answer_bytes_max = MIB(1),
                                       .server_pid = server->pid};
    for (unsigned i = 0; i < b->rounds; i++) {
        load_run(&load, &ring->source, r);
        load_must_be_right(r, "PutRecords");
        disk_settle(b->folder, 5);
        series_add(&f->limit, r->records_per_s);
        printf("round %u: PutRecords made before: %.0f records/s\n", i + 1, r->records_per_s);
        for (unsigned k = 0; k < MANNERS; k++)
            round_of(g, &f->manners[k], b);
    }
    mem_free(r);
}

static void run(struct bench *b)
{
    struct server server;
    struct ring ring;
    static struct figures figures = {
        .manners = {[PACKED] = {.name = "aggregated", .aggregate = true},
                    [PLAIN] = {.name = "one by one"},
                    [PACKED_OWN_THREAD] = {.name = "aggregated, by a thread of its own",
                                           .aggregate = true,
                                           .own_thread = true}}};
    struct producing *g = mem_must(sizeof(*g));
    const struct put_plan plan = {.prefix = "put",
                                  .streams = 1,
                                  .records = RECORDS,
                                  .record_bytes = RECORD_BYTES,
                                  .bodies = BODIES,
                                  .requests = BODIES};
    server_init(&server, b, "server");
    server_start(&server);
    caller_create_stream(&server.caller, "put-0", SHARDS);
    ring_put(&ring, &server.caller, &plan);
    random_noise(g->data, sizeof(g->data));
    for (unsigned i = 0; i < DIFFERENT; i++)
        hex_print(bytes_of(g->data[i], KEY_BYTES / 2), g->keys[i]);
    g->caller = &server.caller;
    g->port = server.port;
    g->seconds = b->seconds;
    measure(b, &server, &ring, g, &figures);
    for (unsigned k = 0; k < MANNERS; k++)
        report_manner(&figures.manners[k], &figures.limit);
    mem_free(g);
    ring_fini(&ring);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 2, .rounds = 9, .connections = 16, .limit_s = 300};
    return bench_main(&b, "the producer beside PutRecords made before", argc, argv, run);
}
