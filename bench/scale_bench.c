/* scale_bench.c: figure f. Puts into very many shards and very many streams.
 *
 * One server holds all of it: a stream of 16 shards, which is the measure; one of 1,000 shards; and
 * 1,000 streams of one shard (and 100 of them for themselves: many producers into some streams).
 * PutRecord and PutRecords go to each in turns. */
#include "base/limits.h"
#include "base/mem.h"
#include "bench/support/disk.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/server.h"

#include <stdio.h>

enum { RECORD_BYTES = 1024, RECORDS = 500, BODIES = 32, MANY = 1000, SOME = 100, KINDS = 4 };

struct kind {
    const char *what, *prefix;
    unsigned streams, shards;
    double target; /* of the rate with 16 shards; 0: shown only */
};

static const struct kind kinds[KINDS] = {
    {"1 stream of 16 shards", "usual", 1, 16, 0},
    {"1 stream of 1,000 shards", "wide", 1, MANY, 0.5},
    {"1,000 streams of 1 shard", "many", MANY, 1, 0.5},
    {"100 streams of 1 shard", "many", SOME, 1, 0},
};

static void create(struct server *s)
{
    for (int k = 0; k < KINDS - 1; k++)
        for (unsigned i = 0; i < kinds[k].streams; i++)
            caller_create_stream(&s->caller, text_of("%s-%u", kinds[k].prefix, i), kinds[k].shards);
}

static struct put_plan plan_of(const struct kind *kind, unsigned records)
{
    unsigned requests = records ? (kind->streams > BODIES ? kind->streams : BODIES) : 4 * MANY;
    return (struct put_plan){.prefix = kind->prefix,
                             .streams = kind->streams,
                             .records = records,
                             .record_bytes = RECORD_BYTES,
                             .bodies = BODIES,
                             .requests = requests};
}

static void measure(struct bench *b, struct server *s, unsigned records, unsigned connections)
{
    struct load_result *r = mem_must(sizeof(*r));
    struct ring rings[KINDS];
    struct series rates[KINDS] = {0}, p99[KINDS] = {0};
    const char *operation = records ? "PutRecords, 500 x 1 KiB" : "PutRecord, 1 KiB";
    const struct load_settings load = {.port = s->port,
                                       .connections = connections,
                                       .warm_s = 0.3,
                                       .seconds = b->seconds,
                                       .answer_bytes_max = MIB(1),
                                       .server_pid = s->pid};
    for (int k = 0; k < KINDS; k++) {
        struct put_plan plan = plan_of(&kinds[k], records);
        ring_put(&rings[k], &s->caller, &plan);
    }
    for (unsigned i = 0; i < b->rounds; i++) {
        for (int k = 0; k < KINDS; k++) {
            load_run(&load, &rings[k].source, r);
            load_must_be_right(r, kinds[k].what);
            disk_settle(b->folder, 5);
            series_add(&rates[k], r->records_per_s);
            series_add(&p99[k], (double)latency_at(&r->latency, 0.99) / 1e3);
            printf("  round %u, %s, %s: %.0f records/s, p99 %.1f ms, server %.2f cores\n", i + 1,
                   operation, kinds[k].what, r->records_per_s, p99[k].values[i],
                   r->server_cpu_s / r->seconds);
        }
    }
    for (int k = 1; k < KINDS; k++)
        report(&(struct figure){
            .id = "f",
            .what = text_of("%s, %s, %u connections", operation, kinds[k].what, connections),
            .value = series_median(&rates[k]),
            .unit = "records/s",
            .limit_what = "16 shards",
            .limit = series_median(&rates[0]),
            .ratio = series_ratio(&rates[k], &rates[0]),
            .kind = kinds[k].target > 0 ? FIGURE_RATIO_LEAST : FIGURE_SHOWN,
            .target = kinds[k].target,
            .note = text_of("p99 %.1f ms, with 16 shards %.1f ms", series_median(&p99[k]),
                            series_median(&p99[0]))});
    for (int k = 0; k < KINDS; k++)
        ring_fini(&rings[k]);
    mem_free(r);
}

static void run(struct bench *b)
{
    struct server server;
    server_init(&server, b, "server");
    server_start(&server);
    create(&server);
    measure(b, &server, RECORDS, 16);
    measure(b, &server, 0, b->connections);
    struct process_usage usage = server_usage(&server);
    report(&(struct figure){.id = "f",
                            .what = "resident memory after that, 1,002 streams, 2,016 shards",
                            .value = (double)usage.resident_bytes / (double)MIB(1),
                            .unit = "MiB",
                            .note = text_of("%.1f MiB of it anonymous",
                                            (double)usage.anonymous_bytes / (double)MIB(1))});
    server_stop(&server);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 2, .rounds = 5, .connections = 64, .limit_s = 500};
    return bench_main(&b, "puts into many shards and many streams", argc, argv, run);
}
