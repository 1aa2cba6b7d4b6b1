/* retained_bench.c: figure e, the long part. Resident memory when little and when much is retained.
 *
 * Puts at full speed until 1 GiB is retained, lets the server come to rest, and looks; reads some of
 * the oldest, so that sealed segments have been opened, and looks again at rest; then the same with
 * --mib. What is in the segment being written is in memory: up to 32 MiB, as it happens. So each
 * look is the mean of LOOKS, spread evenly over the filling of one segment. The server has read
 * before the first of them: buffers that it keeps are not what is asked for.
 * Takes minutes and the disk's room, so it runs only when it is named. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/disk.h"
#include "bench/support/report.h"
#include "bench/support/ring.h"
#include "bench/support/scan.h"

#include <stdio.h>
#include <unistd.h>

enum { SHARDS = 16, RECORD_BYTES = 1024, RECORDS = 500, BODIES = 32, STEP_MIB = 512 };
enum { SECONDS_AT_REST = 3, READ_RECORDS_EACH = 20000, FIRST_MIB = 1024 };
enum { LOOKS = 8, LOOK_STEP_MIB = 4 }; /* together a segment's 32 MiB */

static const struct put_plan plan = {.prefix = "kept",
                                     .streams = 1,
                                     .records = RECORDS,
                                     .record_bytes = RECORD_BYTES,
                                     .bodies = BODIES,
                                     .requests = BODIES};

/* In steps, each with new signatures: they hold for 15 minutes only. */
static double put_until(struct server *s, uint64_t *put_mib, uint64_t until_mib)
{
    struct load_result *r = mem_must(sizeof(*r));
    double payload = 0;
    const struct load_settings load = {
        .port = s->port, .connections = 16, .answer_bytes_max = MIB(1)};
    while (*put_mib < until_mib) {
        uint64_t step = until_mib - *put_mib < STEP_MIB ? until_mib - *put_mib : STEP_MIB;
        struct ring ring;
        ring_put(&ring, &s->caller, &plan);
        ring.left = step * 1024 / RECORDS + 1;
        load_run(&load, &ring.source, r);
        load_must_be_right(r, "PutRecords");
        ring_fini(&ring);
        *put_mib += step;
        payload += (double)r->records * RECORD_BYTES;
        printf("  %llu MiB put, %.0f MiB/s\n", (unsigned long long)*put_mib,
               r->records_per_s / 1024);
    }
    mem_free(r);
    return payload;
}

/* At rest after puts, and again after some of the oldest was read. */
struct seen {
    struct process_usage after_puts, after_reads;
};

static void print_usage(const char *when, const struct process_usage *u)
{
    printf("  at rest after %s: %.1f MiB resident, %.1f anonymous, %.1f of files; peak %.1f\n",
           when, (double)u->resident_bytes / (double)MIB(1),
           (double)u->anonymous_bytes / (double)MIB(1), (double)u->file_bytes / (double)MIB(1),
           (double)u->peak_bytes / (double)MIB(1));
}

static void add_usage(struct process_usage *sum, const struct process_usage *u)
{
    sum->resident_bytes += u->resident_bytes / LOOKS;
    sum->anonymous_bytes += u->anonymous_bytes / LOOKS;
}

static void read_some(struct server *s)
{
    struct load_result *r = mem_must(sizeof(*r));
    const struct scan_plan some = {
        .stream = "kept-0", .shards = SHARDS, .records_max = READ_RECORDS_EACH};
    scan_run(s, &some, r);
    mem_free(r);
}

static struct seen look(struct server *s, uint64_t *put_mib, double *payload)
{
    struct seen seen = {0};
    read_some(s);
    for (int i = 0; i < LOOKS; i++) {
        struct process_usage u;
        *payload += put_until(s, put_mib, *put_mib + LOOK_STEP_MIB);
        disk_settle(s->folder, 60);
        sleep(SECONDS_AT_REST);
        u = server_usage(s);
        print_usage("puts", &u);
        add_usage(&seen.after_puts, &u);
        read_some(s);
        sleep(SECONDS_AT_REST);
        u = server_usage(s);
        print_usage("reads", &u);
        add_usage(&seen.after_reads, &u);
    }
    return seen;
}

static void report_memory(const char *when, uint64_t mib, const struct process_usage *much,
                          const struct process_usage *little)
{
    report(&(struct figure){.id = "e",
                            .what = text_of("resident memory at rest after %s, %llu MiB retained",
                                            when, (unsigned long long)mib),
                            .value = (double)much->resident_bytes / (double)MIB(1),
                            .unit = "MiB",
                            .limit_what = "1,024 MiB retained",
                            .limit = (double)little->resident_bytes / (double)MIB(1),
                            .kind = FIGURE_RATIO_MOST,
                            .target = 1.1,
                            .note = text_of("anonymous %.1f and %.1f MiB",
                                            (double)much->anonymous_bytes / (double)MIB(1),
                                            (double)little->anonymous_bytes / (double)MIB(1))});
}

static void run(struct bench *b)
{
    struct server server;
    uint64_t put_mib = 0;
    if (disk_free(b->folder) < MIB(b->mib) * 5 / 4 + MIB(4096))
        die("%s has no room for %llu MiB", b->folder, (unsigned long long)b->mib);
    server_init(&server, b, "server");
    server_start(&server);
    caller_create_stream(&server.caller, "kept-0", SHARDS);
    uint64_t device = disk_written(b->folder), own = server_usage(&server).written_bytes;
    double payload = put_until(&server, &put_mib, FIRST_MIB);
    struct seen little = look(&server, &put_mib, &payload);
    payload += put_until(&server, &put_mib, b->mib);
    struct seen much = look(&server, &put_mib, &payload);
    own = server_usage(&server).written_bytes - own;
    device = disk_written(b->folder) - device;
    report_memory("puts", b->mib, &much.after_puts, &little.after_puts);
    report_memory("reads", b->mib, &much.after_reads, &little.after_reads);
    report(&(struct figure){
        .id = "e",
        .what = text_of("bytes written for each byte put, %llu MiB", (unsigned long long)b->mib),
        .value = (double)device / payload,
        .unit = "bytes",
        .kind = FIGURE_VALUE_MOST,
        .target = 2.2,
        .note = text_of("by the device; %.2f by the process", (double)own / payload)});
    server_stop(&server);
}

int main(int argc, char **argv)
{
    struct bench b = {.mib = 20480, .limit_s = 1800};
    return bench_main(&b, "resident memory when much is retained (long)", argc, argv, run);
}
