/* put_records_bench.c: figure a. PutRecords of 500 records of 1 KiB over 16 shards, synced,
 * signatures verified.
 *
 * Its limit is the same bytes in LevelDB directly (support/direct.c), measured in turns with it:
 * what the network, HTTP, JSON, base64, signatures and the shards' bookkeeping take away. The
 * client that makes the load runs on the same cores; nothing of that kind burdens the limit. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/direct.h"
#include "bench/support/disk.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/server.h"

#include <stdio.h>

enum { SHARDS = 16, RECORDS = 500, RECORD_BYTES = 1024, KEY_BYTES = 16, BODIES = 48 };
/* What a record and a batch take when stored, beside data and key (shards/record.h). */
enum { RECORD_OVERHEAD = 11, BATCH_OVERHEAD = 40 };

static void print_round(unsigned round, const struct load_result *r, double direct)
{
    printf("  round %u: %.0f records/s (%.0f MiB/s), p50 %.1f ms, p99 %.1f ms, server %.2f cores, "
           "client %.2f; directly %.0f records/s\n",
           round + 1, r->records_per_s, r->records_per_s / 1024,
           (double)latency_at(&r->latency, 0.5) / 1e3, (double)latency_at(&r->latency, 0.99) / 1e3,
           r->server_cpu_s / r->seconds, r->client_cpu_s / r->seconds, direct);
}

struct figures {
    struct series rate, direct, p99, cpu;
};

static void report_all(const struct figures *g, unsigned connections)
{
    report(&(struct figure){
        .id = "a",
        .what = text_of("PutRecords, 500 x 1 KiB, %d shards, %u connections", SHARDS, connections),
        .value = series_median(&g->rate),
        .unit = "records/s",
        .limit_what = "LevelDB directly",
        .limit = series_median(&g->direct),
        .ratio = series_ratio(&g->rate, &g->direct),
        .kind = FIGURE_RATIO_LEAST,
        .target = 0.6,
        .note = spread("", &g->rate, "records/s")});
    report(&(struct figure){.id = "a",
                            .what = "PutRecords, p99 of a call at that load",
                            .value = series_median(&g->p99),
                            .unit = "ms"});
    report(&(struct figure){.id = "a",
                            .what = "PutRecords, processor time in the server",
                            .value = series_median(&g->cpu),
                            .unit = "us/record"});
}

static void measure(struct bench *b, const struct server *server, struct ring *ring,
                    struct figures *g)
{
    struct load_result *r = mem_must(sizeof(*r));
    const struct direct_plan direct_plan = {
        .keys = SHARDS,
        .value_bytes =
            BATCH_OVERHEAD + RECORDS * (RECORD_BYTES + KEY_BYTES + RECORD_OVERHEAD) / SHARDS,
        .segment_bytes = MIB(32),
        .sealing_max = 8};
    const struct load_settings load = {.port = server->port,
                                       .connections = b->connections,
                                       .warm_s = 0.5,
                                       .seconds = b->seconds,
                                       .answer_bytes_max = MIB(1),
                                       .server_pid = server->pid};
    const char *folder = text_of("%s/direct", b->folder);
    for (unsigned i = 0; i < b->rounds; i++) {
        double direct = direct_write_rate(folder, &direct_plan, b->seconds) * RECORDS;
        disk_settle(b->folder, 5);
        load_run(&load, &ring->source, r);
        load_must_be_right(r, "PutRecords");
        disk_settle(b->folder, 5);
        series_add(&g->direct, direct);
        series_add(&g->rate, r->records_per_s);
        series_add(&g->p99, (double)latency_at(&r->latency, 0.99) / 1e3);
        series_add(&g->cpu, r->server_cpu_s * 1e6 / (double)r->records);
        print_round(i, r, direct);
    }
    mem_free(r);
}

static void run(struct bench *b)
{
    struct server server;
    struct ring ring;
    struct figures figures = {0};
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
    measure(b, &server, &ring, &figures);
    report_all(&figures, b->connections);
    ring_fini(&ring);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 4, .rounds = 5, .connections = 16, .limit_s = 300};
    return bench_main(&b, "PutRecords beside LevelDB written to directly", argc, argv, run);
}
