/* put_bench.c: figure b. PutRecord of 1 KiB over 16 shards, synced, signatures verified.
 *
 * First some hundreds of MiB are put, as on a server that has been at work for a minute: its write-ahead logs are files that were written before, so that a commit
 * changes no map of blocks. Then, at 64 kept connections, closed loop, beside mhd_echo (a bare libmicrohttpd that suspends, resumes
 * and answers 100 bytes), which is fed the same requests by the same client, in turns. Then with
 * more connections, each number beside the first in turns: the rate must not fall off at one of
 * them. Then at a fixed rate of half of what the closed loop reached: what a caller waits when the
 * server is not driven to its limit, counted from when each call was due. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/disk.h"
#include "bench/support/http.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/server.h"

#include <stdio.h>
#include <unistd.h>

enum {
    SHARDS = 16,
    RECORD_BYTES = 1024,
    REQUESTS = 16384,
    OTHER_ROUNDS_MAX = 3,
    BEFORE_REQUESTS = 1024
};
enum { ECHO_START_MS_MAX = 10000, ECHO_REPLY_BYTES = 100 };

struct putting {
    struct bench *bench;
    struct server server;
    struct ring ring;
    struct load_settings load; /* of the server at that many connections */
    struct load_result result;
    pid_t echo_pid;
    uint16_t echo_port;
};

static void echo_start(struct putting *t)
{
    t->echo_port = free_port();
    const char *const argv[] = {bench_program("bench/mhd_echo"),
                                text_of("%u", (unsigned)t->echo_port), NULL};
    t->echo_pid = process_start(argv, text_of("%s/echo.output", t->bench->folder));
    for (unsigned ms = 0;; ms++) {
        int fd = http_connect(t->echo_port);
        if (fd >= 0) {
            close(fd);
            return;
        }
        if (ms == ECHO_START_MS_MAX || process_ended(t->echo_pid))
            die("mhd_echo did not start");
        usleep(1000);
    }
}

static bool judge_echo(struct load_source *source, unsigned connection,
                       const struct request *request, int status, struct bytes body,
                       uint64_t *records)
{
    (void)source;
    (void)connection;
    *records = request->records;
    return status == 200 && body.len == ECHO_REPLY_BYTES;
}

/* The same requests to mhd_echo; calls a second. */
static double echo_rate(struct putting *t)
{
    struct load_source own = t->ring.source;
    struct load_settings load = t->load;
    load.port = t->echo_port;
    load.server_pid = t->echo_pid;
    t->ring.source.judge = judge_echo;
    load_run(&load, &t->ring.source, &t->result);
    load_must_be_right(&t->result, "mhd_echo");
    t->ring.source = own;
    return (double)t->result.answers / t->result.seconds;
}

/* Calls a second; the rest is in t->result. */
static double put_rate(struct putting *t, unsigned connections)
{
    struct load_settings load = t->load;
    load.connections = connections;
    load_run(&load, &t->ring.source, &t->result);
    load_must_be_right(&t->result, "PutRecord");
    disk_settle(t->bench->folder, 5);
    return (double)t->result.answers / t->result.seconds;
}

static double latency_ms(const struct putting *t, double part)
{
    return (double)latency_at(&t->result.latency, part) / 1e3;
}

/* Gives the median rate. */
static double beside_echo(struct putting *t)
{
    struct series rate = {0}, bare = {0}, p50 = {0}, p99 = {0}, cpu = {0}, bare_cpu = {0};
    const struct load_result *r = &t->result;
    unsigned connections = t->load.connections;
    for (unsigned i = 0; i < t->bench->rounds; i++) {
        series_add(&bare, echo_rate(t));
        series_add(&bare_cpu, r->server_cpu_s * 1e6 / (double)r->answers);
        series_add(&rate, put_rate(t, connections));
        series_add(&cpu, r->server_cpu_s * 1e6 / (double)r->answers);
        series_add(&p50, latency_ms(t, 0.5));
        series_add(&p99, latency_ms(t, 0.99));
        printf("  round %u: %.0f calls/s, p50 %.2f, p99 %.2f ms, server %.2f cores, client %.2f; "
               "mhd_echo %.0f calls/s\n",
               i + 1, rate.values[i], p50.values[i], p99.values[i], r->server_cpu_s / r->seconds,
               r->client_cpu_s / r->seconds, bare.values[i]);
    }
    report(&(struct figure){
        .id = "b",
        .what = text_of("PutRecord, 1 KiB, %d shards, %u connections", SHARDS, connections),
        .value = series_median(&rate),
        .unit = "calls/s",
        .limit_what = "bare libmicrohttpd",
        .limit = series_median(&bare),
        .ratio = series_ratio(&rate, &bare),
        .kind = FIGURE_RATIO_LEAST,
        .target = 0.5,
        .note = spread("", &rate, "calls/s")});
    report(&(struct figure){
        .id = "b",
        .what = "PutRecord, p99 at that load",
        .value = series_median(&p99),
        .unit = "ms",
        .kind = FIGURE_VALUE_MOST,
        .target = 10,
        .note = text_of("%s; p50 %.2f ms", spread("", &p99, "ms"), series_median(&p50))});
    report(&(struct figure){.id = "b",
                            .what = "PutRecord, processor time in the server",
                            .value = series_median(&cpu),
                            .unit = "us/call",
                            .limit_what = "bare libmicrohttpd",
                            .limit = series_median(&bare_cpu),
                            .ratio = series_ratio(&cpu, &bare_cpu)});
    return series_median(&rate);
}

static void beside_first(struct putting *t, unsigned connections)
{
    struct series rate = {0}, first = {0}, p99 = {0};
    unsigned rounds = t->bench->rounds < OTHER_ROUNDS_MAX ? t->bench->rounds : OTHER_ROUNDS_MAX;
    for (unsigned i = 0; i < rounds; i++) {
        series_add(&first, put_rate(t, t->load.connections));
        series_add(&rate, put_rate(t, connections));
        series_add(&p99, latency_ms(t, 0.99));
        printf("  %u connections, round %u: %.0f calls/s, p99 %.2f ms; %u connections: %.0f\n",
               connections, i + 1, rate.values[i], p99.values[i], t->load.connections,
               first.values[i]);
    }
    report(&(struct figure){.id = "b",
                            .what = text_of("PutRecord, %u connections", connections),
                            .value = series_median(&rate),
                            .unit = "calls/s",
                            .limit_what = text_of("%u connections", t->load.connections),
                            .limit = series_median(&first),
                            .ratio = series_ratio(&rate, &first),
                            .kind = FIGURE_RATIO_LEAST,
                            .target = 0.8,
                            .note = text_of("p99 %.2f ms", series_median(&p99))});
}

static void at_fixed_rate(struct putting *t, double calls_per_s)
{
    struct series p50 = {0}, p99 = {0}, p999 = {0};
    const struct load_result *r = &t->result;
    double closed = t->load.calls_per_s;
    t->load.calls_per_s = calls_per_s;
    for (unsigned i = 0; i < t->bench->rounds; i++) {
        put_rate(t, t->load.connections);
        series_add(&p50, latency_ms(t, 0.5));
        series_add(&p99, latency_ms(t, 0.99));
        series_add(&p999, latency_ms(t, 0.999));
        printf("  %.0f calls/s due, round %u: p50 %.2f, p99 %.2f, p99.9 %.2f ms, most %.2f; server "
               "%.2f cores, client %.2f\n",
               calls_per_s, i + 1, p50.values[i], p99.values[i], p999.values[i],
               (double)r->latency.most_us / 1e3, r->server_cpu_s / r->seconds,
               r->client_cpu_s / r->seconds);
    }
    t->load.calls_per_s = closed;
    report(&(struct figure){
        .id = "b",
        .what = "PutRecord, p99 at a fixed rate of half of that",
        .value = series_median(&p99),
        .unit = "ms",
        .kind = FIGURE_VALUE_MOST,
        .target = 10,
        .note =
            text_of("%.0f calls/s due on %u connections; p50 %.2f ms, p99.9 %.2f ms", calls_per_s,
                    t->load.connections, series_median(&p50), series_median(&p999))});
}

/* Every write-ahead log is one that was there before. */
static void put_before(struct putting *t)
{
    const struct put_plan plan = {.prefix = "one",
                                  .streams = 1,
                                  .records = 500,
                                  .record_bytes = RECORD_BYTES,
                                  .bodies = 16,
                                  .requests = 16};
    ring_put_all(&t->server.caller, &plan, BEFORE_REQUESTS, &t->result);
    disk_settle(t->bench->folder, 30);
}

static void run(struct bench *b)
{
    static const unsigned others[] = {100, 128, 200, 256, 512};
    struct putting *t = mem_must(sizeof(*t));
    const struct put_plan plan = {
        .prefix = "one", .streams = 1, .record_bytes = RECORD_BYTES, .requests = REQUESTS};
    t->bench = b;
    server_init(&t->server, b, "server");
    server_start(&t->server);
    echo_start(t);
    caller_create_stream(&t->server.caller, "one-0", SHARDS);
    put_before(t);
    ring_put(&t->ring, &t->server.caller, &plan);
    t->load = (struct load_settings){.port = t->server.port,
                                     .connections = b->connections,
                                     .warm_s = 0.3,
                                     .seconds = b->seconds,
                                     .answer_bytes_max = KIB(16),
                                     .server_pid = t->server.pid};
    double rate = beside_echo(t);
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        beside_first(t, others[i]);
    at_fixed_rate(t, rate / 2);
    process_stop(t->echo_pid, "mhd_echo");
    ring_fini(&t->ring);
    server_stop(&t->server);
    mem_free(t);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 2, .rounds = 15, .connections = 64, .limit_s = 600};
    return bench_main(&b, "PutRecord beside a bare HTTP server", argc, argv, run);
}
