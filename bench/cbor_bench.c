/* cbor_bench.c: what CBOR costs: a full PutRecords read, a full GetRecords written.
 *
 * The limit, measured in the same run: copying the same bytes. Reading copies nothing but is bound
 * to look at each name and key; writing is that copy and a few heads. Figures are medians. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "wire/cbor.h"
#include "wire/model/kinesis.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 201, PUT_RECORDS = 500, GET_RECORDS = 1024, RECORD_BYTES = 1024 };

struct work {
    uint8_t data[RECORD_BYTES];
    struct buf body, answer, copy;
    struct arena arena;
    struct kinesis_put_records_input in;
    struct kinesis_record records[GET_RECORDS];
    struct kinesis_get_records_output out;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_us(struct work *w, void (*run)(struct work *))
{
    enum { TIMES = 5 };
    double us[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin = clock_mono_us(&clock_system);
        for (unsigned i = 0; i < TIMES; i++)
            run(w);
        us[round] = (double)(clock_mono_us(&clock_system) - begin) / TIMES;
    }
    qsort(us, ROUNDS, sizeof(us[0]), compare);
    return us[ROUNDS / 2];
}

static void make_body(struct work *w)
{
    static struct kinesis_put_records_request_entry entries[PUT_RECORDS];
    for (unsigned i = 0; i < PUT_RECORDS; i++)
        entries[i] = (struct kinesis_put_records_request_entry){
            .data = bytes_of(w->data, RECORD_BYTES),
            .partition_key = BYTES_LITERAL("partition-key-0123456789")};
    struct kinesis_put_records_input in = {.stream_name = BYTES_LITERAL("orders"),
                                           .records = {PUT_RECORDS, true, entries}};
    cbor_encode(&shape_kinesis_put_records_input, &in, &w->body);
    must(w->body.status == OK);
}

static void make_answer(struct work *w)
{
    for (unsigned i = 0; i < GET_RECORDS; i++)
        w->records[i] =
            (struct kinesis_record){.sequence_number = BYTES_LITERAL(
                                        "49590338271490256608559692538361571095921575989136588898"),
                                    .approximate_arrival_timestamp = {1795478326123, true},
                                    .data = bytes_of(w->data, RECORD_BYTES),
                                    .partition_key = BYTES_LITERAL("partition-key-0123456789")};
    w->out = (struct kinesis_get_records_output){.records = {GET_RECORDS, true, w->records},
                                                 .millis_behind_latest = {0, true}};
}

/* Nothing comes in pieces, so the body stays as it is. */
static void decode(struct work *w)
{
    struct fault f;
    arena_reset(&w->arena);
    must(cbor_decode(&shape_kinesis_put_records_input, w->body.at, w->body.len, &w->arena, &w->in,
                     &f) == OK);
}

static void look_only(struct work *w)
{
    must(cbor_is_map(buf_view(&w->body)));
}

static void encode(struct work *w)
{
    buf_clear(&w->answer);
    cbor_encode(&shape_kinesis_get_records_output, &w->out, &w->answer);
    must(w->answer.status == OK);
}

static void copy_body(struct work *w)
{
    buf_clear(&w->copy);
    buf_append(&w->copy, buf_view(&w->body));
}

static void copy_answer(struct work *w)
{
    buf_clear(&w->copy);
    buf_append(&w->copy, buf_view(&w->answer));
}

int main(void)
{
    static struct work w;
    buf_init(&w.body, 16u << 20);
    buf_init(&w.answer, 16u << 20);
    buf_init(&w.copy, 16u << 20);
    arena_init(&w.arena, 48u << 20);
    make_body(&w);
    make_answer(&w);
    printf("PutRecords 500 x 1 KiB, decoded   %8.1f us\n", median_us(&w, decode));
    printf("PutRecords, whether it is a map   %8.1f us\n", median_us(&w, look_only));
    printf("limit: the request, copied        %8.1f us\n", median_us(&w, copy_body));
    printf("GetRecords 1024 x 1 KiB, encoded  %8.1f us\n", median_us(&w, encode));
    printf("limit: the answer, copied         %8.1f us\n", median_us(&w, copy_answer));
    buf_fini(&w.body);
    buf_fini(&w.answer);
    buf_fini(&w.copy);
    arena_fini(&w.arena);
    return 0;
}
