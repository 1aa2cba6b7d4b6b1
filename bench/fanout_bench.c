/* fanout_bench.c: enhanced fan-out: how long from a synced put to its event, and what does one more consumer cost?
 *
 * 4 shards, records of 1 KiB at a fixed rate: PutRecord 1,000 times a second, and PutRecords of ten as often. 1, 5 and 20 consumers are
 * subscribed to all shards (HTTP/1.1). Time runs from just before a put is sent to when the reader has its event; the reader is one
 * thread, on the same cores. Cost is the server's processor time, puts included, beside that with one consumer. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "bench/support/fans.h"
#include "bench/support/load.h"
#include "bench/support/report.h"
#include "bench/support/server.h"
#include "wire/base64.h"

#include <stdio.h>

enum {
    SHARDS = 4,
    RECORD_BYTES = 1024,
    CALLS_PER_S = 1000,
    CONNECTIONS_MAX = 64,
    ROWS = 3,
    COLUMNS = 2
};
static const double WARM_S = 0.5;
static const unsigned consumers_of[ROWS] = {1, 5, 20}, records_of[COLUMNS] = {1, 10};

/* Requests made as they are sent, since each has the time in it. */
struct stamped {
    struct load_source source;
    const struct caller *caller;
    const char *stream;
    unsigned records; /* of a call; 1: PutRecord */
    uint64_t sent, count_from_us;
    struct fans *fans;
    char data[2048];
    struct slot {
        struct request request;
        struct buf head, body;
    } slots[CONNECTIONS_MAX];
};

static void append_record(struct stamped *s, struct buf *out)
{
    buf_printf(out, "\"Data\":\"%s\",\"PartitionKey\":\"%llu\"}", s->data,
               (unsigned long long)clock_mono_us(&clock_system));
}

static void write_body(struct stamped *s, struct buf *out)
{
    buf_clear(out);
    buf_printf(out, "{\"StreamName\":\"%s\",", s->stream);
    if (s->records == 1) {
        append_record(s, out);
        return;
    }
    buf_append_text(out, "\"Records\":[");
    for (unsigned i = 0; i < s->records; i++) {
        buf_append_text(out, i > 0 ? ",{" : "{");
        append_record(s, out);
    }
    buf_append_text(out, "]}");
}

static const struct request *next(struct load_source *source, unsigned connection)
{
    struct stamped *s = LIST_OWNER(source, struct stamped, source);
    struct slot *slot = &s->slots[connection];
    if (s->count_from_us && clock_mono_us(&clock_system) >= s->count_from_us) {
        s->count_from_us = 0;
        fans_count(s->fans);
    }
    write_body(s, &slot->body);
    buf_clear(&slot->head);
    caller_head(s->caller, s->records == 1 ? "PutRecord" : "PutRecords", buf_view(&slot->body),
                &slot->head);
    must(slot->body.status == OK && slot->head.status == OK);
    slot->request = (struct request){buf_view(&slot->head), buf_view(&slot->body), s->records};
    s->sent += s->records;
    return &slot->request;
}

static bool judge(struct load_source *source, unsigned connection, const struct request *request,
                  int status, struct bytes body, uint64_t *records)
{
    static const struct bytes one = BYTES_LITERAL("\"SequenceNumber\":\""),
                              many = BYTES_LITERAL("\"FailedRecordCount\":0,");
    struct bytes wanted = request->records == 1 ? one : many;
    (void)source;
    (void)connection;
    *records = request->records;
    return status == 200 && memmem(body.at, body.len, wanted.at, wanted.len) != NULL;
}

static void stamped_init(struct stamped *s, const struct caller *c, const char *stream,
                         unsigned records)
{
    uint8_t data[RECORD_BYTES];
    random_bytes(data, sizeof(data));
    *s = (struct stamped){
        .source = {next, judge}, .caller = c, .stream = stream, .records = records};
    base64_encode(bytes_of(data, sizeof(data)), (uint8_t *)s->data);
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        buf_init(&s->slots[i].head, MIB(1));
        buf_init(&s->slots[i].body, MIB(1));
    }
}

static void stamped_fini(struct stamped *s)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        buf_fini(&s->slots[i].head);
        buf_fini(&s->slots[i].body);
    }
}

struct measured {
    struct series p50, p99, p999, cpu;
};

static void measure(const struct bench *b, const struct server *server, unsigned consumers,
                    unsigned records, unsigned round, struct measured *m)
{
    struct stamped *s = MEM_NEW(struct stamped);
    struct load_result *r = MEM_NEW(struct load_result);
    struct latency *latency = MEM_NEW(struct latency);
    const char *stream = text_of("fan-%u-%u-%u", consumers, records, round);
    caller_create_stream(&server->caller, stream, SHARDS);
    stamped_init(s, &server->caller, stream, records);
    s->fans = fans_open(&server->caller, stream, SHARDS, consumers);
    s->count_from_us = clock_mono_us(&clock_system) + (uint64_t)(WARM_S * 1e6);
    load_run(&(struct load_settings){.port = server->port,
                                     .connections = b->connections,
                                     .warm_s = WARM_S,
                                     .seconds = b->seconds,
                                     .calls_per_s = CALLS_PER_S,
                                     .answer_bytes_max = MIB(1),
                                     .server_pid = server->pid},
             &s->source, r);
    load_must_be_right(r, "a put");
    fans_close(s->fans, s->sent * consumers, latency);
    series_add(&m->p50, (double)latency_at(latency, 0.5) / 1e3);
    series_add(&m->p99, (double)latency_at(latency, 0.99) / 1e3);
    series_add(&m->p999, (double)latency_at(latency, 0.999) / 1e3);
    series_add(&m->cpu, r->server_cpu_s / r->seconds);
    printf("  round %u: %2u consumers, %5.0f records/s: p50 %.2f, p99 %.2f, p99.9 %.2f ms; put p99 "
           "%.2f "
           "ms; server %.3f cores, putting %.3f\n",
           round + 1, consumers, r->records_per_s, m->p50.values[round], m->p99.values[round],
           m->p999.values[round], (double)latency_at(&r->latency, 0.99) / 1e3, m->cpu.values[round],
           r->client_cpu_s / r->seconds);
    stamped_fini(s);
    mem_free(latency);
    mem_free(r);
    mem_free(s);
}

static void tell(struct measured m[ROWS], unsigned rate)
{
    for (unsigned row = 0; row < ROWS; row++) {
        bool held = rate == 1000 && consumers_of[row] == 5;
        report(&(struct figure){
            .id = "",
            .what =
                text_of("put to event, %u consumers, %u records/s, p99", consumers_of[row], rate),
            .value = series_median(&m[row].p99),
            .unit = "ms",
            .kind = held ? FIGURE_VALUE_MOST : FIGURE_SHOWN,
            .target = 5,
            .note = text_of("p50 %.2f, p99.9 %.2f ms; %s", series_median(&m[row].p50),
                            series_median(&m[row].p999), spread("p99 ", &m[row].p99, "ms"))});
    }
    report(&(struct figure){
        .id = "",
        .what = text_of("server's processor time, 20 consumers, %u records/s", rate),
        .value = series_median(&m[ROWS - 1].cpu),
        .unit = "cores",
        .limit_what = "with 1 consumer",
        .limit = series_median(&m[0].cpu),
        .ratio = series_ratio(&m[ROWS - 1].cpu, &m[0].cpu),
        .kind = FIGURE_RATIO_MOST,
        .target = 3});
}

static void run(struct bench *b)
{
    static struct measured measured[COLUMNS][ROWS];
    struct server server;
    must(b->connections <= CONNECTIONS_MAX);
    server_init(&server, b, "server");
    server_start(&server);
    for (unsigned round = 0; round < b->rounds; round++)
        for (unsigned column = 0; column < COLUMNS; column++)
            for (unsigned row = 0; row < ROWS; row++)
                measure(b, &server, consumers_of[row], records_of[column], round,
                        &measured[column][row]);
    for (unsigned column = 0; column < COLUMNS; column++)
        tell(measured[column], CALLS_PER_S * records_of[column]);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 4, .rounds = 3, .connections = 16, .limit_s = 170};
    return bench_main(&b, "put to event, and what a consumer costs", argc, argv, run);
}
