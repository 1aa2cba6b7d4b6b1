/* read_bench.c: figure c. GetRecords from memory and from the disk.
 *
 * At the tail: answers of 1 MiB of records (1,024 of 1 KiB, 1.4 MB of JSON) from the newest
 * batches, as much as the server can send; the figure is payload by processor time spent in the
 * server. Its limit is a program that sends as many bytes from one place in memory, by its own
 * processor time.
 *
 * Cold: a stream is written, the server restarted, the caches dropped, and all of it read from
 * TRIM_HORIZON. Its limit is reading the same files from end to end with caches dropped, in turns
 * with it. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/disk.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/scan.h"
#include "bench/support/sender.h"

#include <stdio.h>

enum { SHARDS = 4, RECORD_BYTES = 1024, RECORDS = 500, BODIES = 32, ITERATORS = 64 };
enum { TAIL_LIMIT = 1024, TAIL_REQUESTS = 16, SENT_BYTES = 1475000, COLD_ROUNDS_MAX = 5 };

struct reading {
    struct bench *bench;
    struct server server;
    struct load_result result;
};

static void put(struct reading *t, const char *prefix, uint64_t requests)
{
    const struct put_plan plan = {.prefix = prefix,
                                  .streams = 1,
                                  .records = RECORDS,
                                  .record_bytes = RECORD_BYTES,
                                  .bodies = BODIES,
                                  .requests = BODIES};
    ring_put_all(&t->server.caller, &plan, requests, &t->result);
}

static void tail_round(struct reading *t, const struct load_settings *load,
                       struct load_source *source, struct series *rate, struct series *wall)
{
    const struct load_result *r = &t->result;
    load_run(load, source, &t->result);
    load_must_be_right(r, "GetRecords");
    series_add(rate, (double)r->answers * MIB(1) / r->server_cpu_s / 1e9);
    series_add(wall, (double)r->answers * MIB(1) / r->seconds / 1e9);
}

static bool judge_any(struct load_source *source, unsigned connection,
                      const struct request *request, int status, struct bytes body,
                      uint64_t *records)
{
    (void)source;
    (void)connection;
    (void)body;
    *records = request->records;
    return status == 200;
}

static void tail(struct reading *t)
{
    static char iterators[ITERATORS][ITERATOR_BYTES_MAX];
    struct series rate = {0}, wall = {0}, bare = {0}, bare_wall = {0};
    struct ring ring;
    uint16_t bare_port;
    pid_t bare_pid = sender_start(SENT_BYTES, &bare_port);
    caller_create_stream(&t->server.caller, "tail-0", SHARDS);
    put(t, "tail", TAIL_REQUESTS);
    for (unsigned i = 0; i < ITERATORS; i++)
        caller_iterator(&t->server.caller, "tail-0", i % SHARDS, "TRIM_HORIZON", iterators[i]);
    ring_get(&ring, &t->server.caller, iterators, ITERATORS, TAIL_LIMIT);
    struct load_source plain = {.next = ring.source.next, .judge = judge_any};
    struct load_settings load = {.connections = t->bench->connections,
                                 .warm_s = 0.3,
                                 .seconds = t->bench->seconds,
                                 .answer_bytes_max = MIB(4)};
    for (unsigned i = 0; i < t->bench->rounds; i++) {
        load.port = bare_port;
        load.server_pid = bare_pid;
        struct load_source own = ring.source;
        ring.source = plain;
        tail_round(t, &load, &ring.source, &bare, &bare_wall);
        ring.source = own;
        load.port = t->server.port;
        load.server_pid = t->server.pid;
        tail_round(t, &load, &ring.source, &rate, &wall);
        printf("  round %u: %.2f GB/s per core (%.2f GB/s in all); bare sending %.2f (%.2f)\n",
               i + 1, rate.values[i], wall.values[i], bare.values[i], bare_wall.values[i]);
    }
    report(&(struct figure){.id = "c",
                            .what = "GetRecords at the tail, 1 MiB answers, payload per core",
                            .value = series_median(&rate),
                            .unit = "GB/s",
                            .limit_what = "bare send() of as many bytes",
                            .limit = series_median(&bare),
                            .ratio = series_ratio(&rate, &bare),
                            .kind = FIGURE_VALUE_LEAST,
                            .target = 1,
                            .note = spread("", &rate, "GB/s")});
    report(&(struct figure){
        .id = "c",
        .what = text_of("GetRecords at the tail, payload by the clock, %u connections",
                        t->bench->connections),
        .value = series_median(&wall),
        .unit = "GB/s"});
    process_kill(bare_pid);
    ring_fini(&ring);
}

static void cold(struct reading *t)
{
    struct series rate = {0}, disk = {0};
    uint64_t bytes, requests = t->bench->mib * 1024 / RECORDS + 1;
    const struct scan_plan plan = {.stream = "cold-0", .shards = SHARDS};
    caller_create_stream(&t->server.caller, "cold-0", SHARDS);
    put(t, "cold", requests);
    disk_settle(t->bench->folder, 20);
    unsigned rounds = t->bench->rounds < COLD_ROUNDS_MAX ? t->bench->rounds : COLD_ROUNDS_MAX;
    for (unsigned i = 0; i < rounds; i++) {
        server_stop(&t->server);
        disk_forget(t->bench->folder);
        series_add(&disk, disk_read_rate(t->server.folder, &bytes) / 1e6);
        disk_forget(t->bench->folder);
        server_start(&t->server);
        disk_forget(t->bench->folder);
        scan_run(&t->server, &plan, &t->result);
        if (t->result.records != requests * RECORDS)
            die("%llu records were put, %llu came back", (unsigned long long)requests * RECORDS,
                (unsigned long long)t->result.records);
        series_add(&rate, (double)t->result.records * RECORD_BYTES / t->result.seconds / 1e6);
        printf("  round %u: cold %.0f MB/s (server %.2f cores, client %.2f), the files themselves "
               "%.0f MB/s\n",
               i + 1, rate.values[i], t->result.server_cpu_s / t->result.seconds,
               t->result.client_cpu_s / t->result.seconds, disk.values[i]);
    }
    report(&(struct figure){
        .id = "c",
        .what = text_of("GetRecords, cold, %llu MiB, payload", (unsigned long long)t->bench->mib),
        .value = series_median(&rate),
        .unit = "MB/s",
        .limit_what = "reading the same files",
        .limit = series_median(&disk),
        .ratio = series_ratio(&rate, &disk),
        .kind = FIGURE_RATIO_LEAST,
        .target = 0.5,
        .note = text_of("%u shards, each on its connection", SHARDS)});
}

static void run(struct bench *b)
{
    struct reading *t = mem_must(sizeof(*t));
    t->bench = b;
    server_init(&t->server, b, "server");
    server_start(&t->server);
    tail(t);
    cold(t);
    server_stop(&t->server);
    mem_free(t);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 3, .rounds = 5, .connections = 4, .mib = 1024, .limit_s = 400};
    return bench_main(&b, "GetRecords at the tail and from the disk", argc, argv, run);
}
