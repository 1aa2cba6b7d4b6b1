/* startup_bench.c: from exec to the first 200 of /health: of a new folder (with its certificates
 * and first key to make), of one with streams and data, and of the same after kill -9, when the
 * unsealed segments are read again. */
#include "base/limits.h"
#include "base/mem.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/server.h"

#include <stdio.h>

enum { STREAMS = 100, SHARDS = 4, RECORD_BYTES = 1024, RECORDS = 500, BODIES = 16 };

static void report_starts(const char *what, const struct series *ms, enum figure_kind kind)
{
    report(&(struct figure){.id = "",
                            .what = text_of("from start to healthy, %s", what),
                            .value = series_median(ms),
                            .unit = "ms",
                            .kind = kind,
                            .target = 100,
                            .note = spread("", ms, "ms")});
}

static void put_some(struct server *s, uint64_t mib)
{
    struct load_result *r = mem_must(sizeof(*r));
    struct ring ring;
    const struct put_plan plan = {.prefix = "start",
                                  .streams = STREAMS,
                                  .records = RECORDS,
                                  .record_bytes = RECORD_BYTES,
                                  .bodies = BODIES,
                                  .requests = STREAMS};
    const struct load_settings load = {
        .port = s->port, .connections = 8, .answer_bytes_max = MIB(1)};
    ring_put(&ring, &s->caller, &plan);
    ring.left = mib * 1024 / RECORDS + 1;
    load_run(&load, &ring.source, r);
    load_must_be_right(r, "PutRecords");
    ring_fini(&ring);
    mem_free(r);
}

static void run(struct bench *b)
{
    struct server server;
    struct series fresh = {0}, again = {0}, after_kill = {0};
    for (unsigned i = 0; i < b->rounds; i++) {
        server_init(&server, b, text_of("server-%u", i));
        server_start(&server);
        series_add(&fresh, server.ready_s * 1e3);
        if (i + 1 < b->rounds)
            server_stop(&server);
    }
    for (unsigned i = 0; i < STREAMS; i++)
        caller_create_stream(&server.caller, text_of("start-%u", i), SHARDS);
    for (unsigned i = 0; i < b->rounds; i++) {
        put_some(&server, b->mib);
        server_stop(&server);
        server_start(&server);
        series_add(&again, server.ready_s * 1e3);
        put_some(&server, b->mib);
        server_kill(&server);
        server_start(&server);
        series_add(&after_kill, server.ready_s * 1e3);
    }
    report_starts("new folder", &fresh, FIGURE_VALUE_MOST);
    report_starts(text_of("%d streams of %d shards", STREAMS, SHARDS), &again, FIGURE_VALUE_MOST);
    report_starts(text_of("the same, killed after %llu MiB of puts", (unsigned long long)b->mib),
                  &after_kill, FIGURE_SHOWN);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    struct bench b = {.rounds = 5, .mib = 100, .limit_s = 120};
    return bench_main(&b, "how soon the server answers", argc, argv, run);
}
