/* lone_put_bench.c: figure d. One client, one connection, PutRecord of 1 KiB, one after the other,
 * synced.
 *
 * Nobody shares its commit, so a call is one round trip and one fdatasync. Its limit is appending 4
 * KiB to a file and fdatasync, on the same file system, in turns with it. */
#include "base/limits.h"
#include "base/mem.h"
#include "bench/support/disk.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/server.h"

#include <stdio.h>

enum { RECORD_BYTES = 1024, REQUESTS = 4096 };

static void run(struct bench *b)
{
    struct server server;
    struct ring ring;
    struct series p50 = {0}, p99 = {0}, disk50 = {0}, disk99 = {0};
    struct load_result *r = mem_must(sizeof(*r));
    struct latency *disk = mem_must(sizeof(*disk));
    const struct put_plan plan = {
        .prefix = "lone", .streams = 1, .record_bytes = RECORD_BYTES, .requests = REQUESTS};
    server_init(&server, b, "server");
    server_start(&server);
    caller_create_stream(&server.caller, "lone-0", 1);
    ring_put(&ring, &server.caller, &plan);
    const struct load_settings load = {.port = server.port,
                                       .connections = 1,
                                       .warm_s = 0.2,
                                       .seconds = b->seconds,
                                       .answer_bytes_max = MIB(1)};
    for (unsigned i = 0; i < b->rounds; i++) {
        latency_clear(disk);
        disk_sync_latency(b->folder, b->seconds, disk);
        load_run(&load, &ring.source, r);
        load_must_be_right(r, "PutRecord");
        series_add(&p50, (double)latency_at(&r->latency, 0.5));
        series_add(&p99, (double)latency_at(&r->latency, 0.99));
        series_add(&disk50, (double)latency_at(disk, 0.5));
        series_add(&disk99, (double)latency_at(disk, 0.99));
        printf("  round %u: PutRecord p50 %.0f, p99 %.0f us; fdatasync p50 %.0f, p99 %.0f us\n",
               i + 1, p50.values[i], p99.values[i], disk50.values[i], disk99.values[i]);
    }
    report(&(struct figure){.id = "d",
                            .what = "PutRecord, 1 KiB, one client, one connection, p50",
                            .value = series_median(&p50),
                            .unit = "us",
                            .limit_what = "fdatasync of 4 KiB appended, p50",
                            .limit = series_median(&disk50),
                            .ratio = series_ratio(&p50, &disk50),
                            .kind = FIGURE_RATIO_MOST,
                            .target = 2,
                            .note = spread("", &p50, "us")});
    report(&(struct figure){.id = "d",
                            .what = "the same, p99",
                            .value = series_median(&p99),
                            .unit = "us",
                            .limit_what = "fdatasync of 4 KiB appended, p99",
                            .limit = series_median(&disk99),
                            .ratio = series_ratio(&p99, &disk99)});
    ring_fini(&ring);
    server_stop(&server);
    mem_free(disk);
    mem_free(r);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 1, .rounds = 9, .connections = 1, .limit_s = 120};
    return bench_main(&b, "one PutRecord at a time beside fdatasync", argc, argv, run);
}
