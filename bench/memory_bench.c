/* memory_bench.c: figure e, the short part. Resident memory at rest, and bytes written for each
 * byte put.
 *
 * Resident memory is VmRSS, with its anonymous part beside it: the rest is the program's own pages
 * and what LevelDB has mapped of its tables, which the kernel takes back when it wants to. Bytes
 * written are counted twice, see disk.c: by the device, with the file system's journal and whatever
 * else the machine wrote meanwhile, to the end of the server; and by the kernel for the server's
 * process, without the journal. The long part is retained_bench. */
#include "base/limits.h"
#include "base/mem.h"
#include "bench/support/disk.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/server.h"

#include <stdio.h>
#include <unistd.h>

enum {
    STREAMS = 100,
    SHARDS = 4,
    RECORD_BYTES = 1024,
    RECORDS = 500,
    BODIES = 32,
    SECONDS_AT_REST = 3
};

static void report_rest(const struct server *s, const char *when)
{
    sleep(SECONDS_AT_REST);
    struct process_usage usage = server_usage(s);
    report(&(struct figure){
        .id = "e",
        .what = text_of("resident memory, %d streams of %d shards, %s", STREAMS, SHARDS, when),
        .value = (double)usage.resident_bytes / (double)MIB(1),
        .unit = "MiB",
        .kind = FIGURE_VALUE_MOST,
        .target = 40,
        .note =
            text_of("%.1f MiB of it anonymous", (double)usage.anonymous_bytes / (double)MIB(1))});
}

/* Puts that many requests and gives the payload. */
static double put(struct server *s, const struct put_plan *plan, unsigned connections,
                  uint64_t requests)
{
    struct load_result *r = mem_must(sizeof(*r));
    struct ring ring;
    const struct load_settings load = {
        .port = s->port, .connections = connections, .answer_bytes_max = MIB(1)};
    ring_put(&ring, &s->caller, plan);
    ring.left = requests;
    load_run(&load, &ring.source, r);
    load_must_be_right(r, "puts");
    ring_fini(&ring);
    double payload = (double)r->records * RECORD_BYTES;
    mem_free(r);
    return payload;
}

static void rest(struct bench *b)
{
    struct server server;
    server_init(&server, b, "rest");
    server_start(&server);
    for (unsigned i = 0; i < STREAMS; i++)
        caller_create_stream(&server.caller, text_of("rest-%u", i), SHARDS);
    report_rest(&server, "new");
    const struct put_plan plan = {.prefix = "rest",
                                  .streams = STREAMS,
                                  .records = 50,
                                  .record_bytes = RECORD_BYTES,
                                  .bodies = 4,
                                  .requests = STREAMS};
    put(&server, &plan, 4, STREAMS);
    report_rest(&server, "each with 50 records put");
    server_stop(&server);
    server_start(&server);
    report_rest(&server, "the same after a restart");
    server_stop(&server);
}

static void written(struct bench *b, const char *what, const struct put_plan *plan,
                    unsigned connections, uint64_t requests, enum figure_kind kind)
{
    struct server server;
    server_init(&server, b, plan->prefix);
    server_start(&server);
    caller_create_stream(&server.caller, text_of("%s-0", plan->prefix), 16);
    disk_settle(b->folder, 10);
    uint64_t device = disk_written(b->folder), own = server_usage(&server).written_bytes;
    double payload = put(&server, plan, connections, requests);
    disk_settle(b->folder, 20);
    own = server_usage(&server).written_bytes - own;
    server_stop(&server);
    sync();
    device = disk_written(b->folder) - device;
    report(&(struct figure){.id = "e",
                            .what = text_of("bytes written for each byte put, %s", what),
                            .value = (double)device / payload,
                            .unit = "bytes",
                            .kind = kind,
                            .target = 2.2,
                            .note = text_of("%.0f MiB put; by the device; %.2f by the process",
                                            payload / (double)MIB(1), (double)own / payload)});
}

static void run(struct bench *b)
{
    const struct put_plan large = {.prefix = "large",
                                   .streams = 1,
                                   .records = RECORDS,
                                   .record_bytes = RECORD_BYTES,
                                   .bodies = BODIES,
                                   .requests = BODIES};
    const struct put_plan small = {
        .prefix = "small", .streams = 1, .record_bytes = RECORD_BYTES, .requests = 4096};
    rest(b);
    written(b, "PutRecords of 500 x 1 KiB, 16 shards", &large, 16, b->mib * 1024 / RECORDS + 1,
            FIGURE_VALUE_MOST);
    written(b, "PutRecord of 1 KiB, 16 shards, 64 connections", &small, 64, b->mib * 1024 / 4,
            FIGURE_SHOWN);
}

int main(int argc, char **argv)
{
    struct bench b = {.mib = 1024, .limit_s = 300};
    return bench_main(&b, "resident memory, and bytes written", argc, argv, run);
}
