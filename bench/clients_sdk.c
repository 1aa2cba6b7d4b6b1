/* clients_sdk.c: our side of clients_bench.py: the SDK's producer or worker at work on a stream.
 *
 *   clients_sdk produce STREAM RECORDS WARM
 *   clients_sdk poll|push STREAM RECORDS GROUP START_MS
 *
 * It does what tests/interop/kcl/Load.java does with the KPL and the KCL, and speaks as it does: it says "begin" (a producer when WARM records are stored,
 * a worker when its first shard is leased and nothing of it was asked for) and waits for a line, so that its processor time can be read while it stands
 * still; a worker says "half SECONDS RECORDS SUM" on its way; after RECORDS records it says "end SECONDS RECORDS SUM", and waits again. Records are
 * 1 KiB, of which the first 8 bytes are their number from 0 on; SUM is of all numbers that were read.
 *
 * Where the service is and who we are: the environment, as with any program of the SDK. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"

#include <inttypes.h>
#include <sluice/consumer.h>
#include <sluice/producer.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES = 1024, KEY_BYTES = 16, DIFFERENT = 1024, CHECKPOINT_MS = 1000 };

static void tell(const char *words)
{
    puts(words);
    fflush(stdout);
}

/* Tells it, and waits until whoever started us has seen it. */
static void say(const char *words)
{
    char line[8];
    tell(words);
    if (!fgets(line, sizeof(line), stdin))
        exit(1);
}

static double now_s(void)
{
    return (double)clock_mono_us(&clock_system) / 1e6;
}

/* "end SECONDS RECORDS SUM". */
static const char *so_far(const char *what, double begin_s, uint64_t records, uint64_t sum)
{
    static char words[100];
    snprintf(words, sizeof(words), "%s %.6f %" PRIu64 " %" PRIu64, what, now_s() - begin_s, records,
             sum);
    return words;
}

/* ---- producer ---- */

struct producing {
    sluice_producer *producer;
    _Atomic uint64_t stored;
    uint64_t put;
    uint8_t data[DIFFERENT][RECORD_BYTES];
    char keys[DIFFERENT][KEY_BYTES + 1];
};

static void delivered(void *context, void *record_context, const struct sluice_delivered *result)
{
    struct producing *g = context;
    (void)record_context;
    if (result->status != SLUICE_OK)
        die("a record failed: %s", result->error->message);
    atomic_fetch_add_explicit(&g->stored, 1, memory_order_relaxed);
}

static void put(struct producing *g, uint64_t records)
{
    for (uint64_t end = g->put + records; g->put < end; g->put++) {
        uint8_t *data = g->data[g->put % DIFFERENT];
        for (unsigned i = 0; i < 8; i++)
            data[i] = (uint8_t)(g->put >> (56 - 8 * i));
        const struct sluice_record r = {.data = sluice_view(data, RECORD_BYTES),
                                        .partition_key =
                                            sluice_view(g->keys[g->put % DIFFERENT], KEY_BYTES)};
        must(sluice_producer_put(g->producer, &r, NULL) == SLUICE_OK);
    }
    if (sluice_producer_flush(g->producer, 120000) != SLUICE_OK || g->stored != g->put)
        die("not all was stored");
}

static void produce(const char *stream, uint64_t records, uint64_t warm)
{
    struct producing *g = mem_must(sizeof(*g));
    struct sluice_producer_options o;
    struct sluice_error e = {0};
    *g = (struct producing){0};
    random_noise(g->data, sizeof(g->data));
    for (unsigned i = 0; i < DIFFERENT; i++)
        hex_print(bytes_of(g->data[i] + 8, KEY_BYTES / 2), g->keys[i]);
    sluice_producer_options_init(&o);
    o.client.codec = SLUICE_CBOR;
    o.stream = stream;
    o.aggregate = true;
    o.run_thread = true;
    o.delivered = delivered;
    o.context = g;
    if (sluice_producer_new(&o, &g->producer, &e) != SLUICE_OK)
        die("producer: %s", e.message);
    put(g, warm);
    say("begin");
    double begin_s = now_s();
    put(g, records);
    say(so_far("end", begin_s, records, 0));
    must(sluice_producer_close(g->producer, 60000) == SLUICE_OK);
    mem_free(g);
}

/* ---- worker ---- */

struct consuming {
    sluice_worker *worker;
    uint64_t total, records, sum;
    double begin_s; /* 0: not yet */
};

static void on_begin(void *context, sluice_shard *shard)
{
    struct consuming *c = context;
    (void)shard;
    if (c->begin_s > 0)
        return;
    say("begin");
    c->begin_s = now_s();
}

static enum sluice_status on_records(void *context, sluice_shard *shard,
                                     const struct sluice_batch *batch)
{
    struct consuming *c = context;
    (void)shard;
    for (size_t i = 0; i < batch->count; i++) {
        const struct sluice_bytes *data = &batch->records[i].data;
        uint64_t number = 0;
        if (data->len != RECORD_BYTES)
            die("a record of %zu bytes", data->len);
        for (unsigned at = 0; at < 8; at++)
            number = number << 8 | data->at[at];
        c->sum += number;
    }
    if (c->records < c->total / 2 && c->records + batch->count >= c->total / 2)
        tell(so_far("half", c->begin_s, c->records + batch->count, c->sum));
    c->records += batch->count;
    if (batch->count > 0 && c->records >= c->total) {
        say(so_far("end", c->begin_s, c->records, c->sum));
        sluice_worker_stop(c->worker);
    }
    return SLUICE_OK;
}

static void on_notice(void *context, const char *shard_id, const char *text)
{
    (void)context;
    if (!strstr(text, "lease taken"))
        fprintf(stderr, "%s %s\n", shard_id, text);
}

static void consume(enum sluice_fetch fetch, const char *stream, uint64_t records, char **more)
{
    struct consuming c = {.total = records};
    struct sluice_worker_options o;
    struct sluice_error e = {0};
    sluice_worker_options_init(&o);
    o.client.codec = SLUICE_CBOR;
    o.stream = stream;
    o.group = more[0];
    o.start = SLUICE_AT_TIMESTAMP;
    o.start_ms = strtoll(more[1], NULL, 10);
    o.fetch = fetch;
    o.checkpoint_every_ms = CHECKPOINT_MS;
    o.handler = (struct sluice_handler){
        .shard_begin = on_begin, .records = on_records, .notice = on_notice};
    o.context = &c;
    if (sluice_worker_new(&o, &c.worker, &e) != SLUICE_OK ||
        sluice_worker_run(c.worker, &e) != SLUICE_OK)
        die("worker: %s %s", e.type, e.message);
    sluice_worker_free(c.worker);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "produce") == 0)
        produce(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    else if (argc == 6)
        consume(strcmp(argv[1], "push") == 0 ? SLUICE_FETCH_PUSH : SLUICE_FETCH_POLL, argv[2],
                strtoull(argv[3], NULL, 10), argv + 4);
    else
        die("usage: clients_sdk produce STREAM RECORDS WARM | poll|push STREAM RECORDS GROUP "
            "START_MS");
    return 0;
}
