/* json_bench.c: what the codec costs: a full PutRecords read and checked, a full GetRecords
 * written, base64 by path.
 *
 * The limit, measured in the same run: copying the same bytes. Figures are medians. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "wire/base64.h"
#include "wire/check.h"
#include "wire/json.h"
#include "wire/model/kinesis.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ROUNDS = 101,
    PUT_RECORDS = 500,
    GET_RECORDS = 1024,
    RECORD_BYTES = 1024,
    BLOCK_BYTES = 64 * 1024
};

struct work {
    uint8_t *data;           /* records' data, or a block for base64 */
    struct buf body, answer; /* what is read, and what is written */
    uint8_t *scratch;
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

/* Median microseconds of `run`. `prepare` may be NULL and is not timed. */
static double measure(struct work *w, void (*prepare)(struct work *), void (*run)(struct work *),
                      unsigned times)
{
    double us[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (prepare != NULL)
            prepare(w);
        uint64_t begin = clock_mono_us(&clock_system);
        for (unsigned i = 0; i < times; i++)
            run(w);
        us[round] = (double)(clock_mono_us(&clock_system) - begin) / times;
    }
    qsort(us, ROUNDS, sizeof(us[0]), compare);
    return us[ROUNDS / 2];
}

static void make_body(struct work *w)
{
    static struct kinesis_put_records_request_entry entries[PUT_RECORDS];
    for (unsigned i = 0; i < PUT_RECORDS; i++) {
        entries[i].data = bytes_of(w->data + i * RECORD_BYTES, RECORD_BYTES);
        entries[i].partition_key = BYTES_LITERAL("partition-key-0123456789");
    }
    struct kinesis_put_records_input in = {.stream_name = BYTES_LITERAL("orders"),
                                           .records = {PUT_RECORDS, true, entries}};
    json_encode(&shape_kinesis_put_records_input, &in, &w->body);
    must(w->body.status == OK);
    w->scratch = mem_must(w->body.len);
}

static void make_answer(struct work *w)
{
    for (unsigned i = 0; i < GET_RECORDS; i++) {
        w->records[i] = (struct kinesis_record){
            .sequence_number =
                BYTES_LITERAL("49590338271490256608559692538361571095921575989136588898"),
            .approximate_arrival_timestamp = {1795478326123, true},
            .data = bytes_of(w->data + i * RECORD_BYTES, RECORD_BYTES),
            .partition_key = BYTES_LITERAL("partition-key-0123456789"),
        };
    }
    w->out = (struct kinesis_get_records_output){.records = {GET_RECORDS, true, w->records},
                                                 .millis_behind_latest = {0, true}};
}

static void copy_body(struct work *w)
{
    memcpy(w->scratch, w->body.at, w->body.len);
    arena_reset(&w->arena);
}

static void decode(struct work *w)
{
    struct fault f;
    must(json_decode(&shape_kinesis_put_records_input, w->scratch, w->body.len, &w->arena, &w->in,
                     &f) == OK);
}

static void check_decoded(struct work *w)
{
    struct fault f;
    must(check(&shape_kinesis_put_records_input, &w->in, &f) == OK);
}

static void look_only(struct work *w)
{
    must(json_is_object(buf_view(&w->body)));
}

static void encode(struct work *w)
{
    buf_clear(&w->answer);
    json_encode(&shape_kinesis_get_records_output, &w->out, &w->answer);
    must(w->answer.status == OK);
}

static void copy_answer(struct work *w)
{
    buf_clear(&w->body);
    buf_append(&w->body, buf_view(&w->answer));
}

static void encode_block(struct work *w)
{
    base64_encode(bytes_of(w->data, BLOCK_BYTES), w->answer.at);
}

static void decode_block(struct work *w)
{
    struct fault f;
    size_t len;
    must(base64_decode(bytes_of(w->answer.at, base64_encoded_len(BLOCK_BYTES)), w->data, &len,
                       &f) == OK);
}

int main(void)
{
    static const char *const names[] = {"portable", "SSSE3", "AVX2"};
    static struct work w;
    struct random r;
    random_seed(&r, 1);
    w.data = mem_must(GET_RECORDS * RECORD_BYTES);
    for (size_t i = 0; i < GET_RECORDS * RECORD_BYTES; i++)
        w.data[i] = (uint8_t)random_next(&r);
    buf_init(&w.body, 16u << 20);
    buf_init(&w.answer, 16u << 20);
    arena_init(&w.arena, 48u << 20);
    make_body(&w);
    make_answer(&w);
    enum base64_path fastest = base64_path();
    for (enum base64_path path = BASE64_PORTABLE; path <= fastest; path++) {
        must(base64_force(path));
        printf("base64 %s\n", names[path]);
        printf("  PutRecords 500 x 1 KiB, decoded   %8.1f us\n", measure(&w, copy_body, decode, 1));
        printf("  GetRecords 1024 x 1 KiB, encoded  %8.1f us\n", measure(&w, NULL, encode, 1));
        double encoded = measure(&w, NULL, encode_block, 10),
               decoded = measure(&w, NULL, decode_block, 10);
        printf("  base64 encoding, of data          %8.2f GB/s\n", BLOCK_BYTES / encoded / 1000);
        printf("  base64 decoding, of text          %8.2f GB/s\n",
               (double)base64_encoded_len(BLOCK_BYTES) / decoded / 1000);
    }
    printf("without base64\n");
    printf("  PutRecords, checked               %8.1f us\n", measure(&w, NULL, check_decoded, 1));
    printf("  PutRecords, whether it is JSON    %8.1f us\n", measure(&w, NULL, look_only, 1));
    encode(&w);
    printf("limit: the answer, copied           %8.1f us\n", measure(&w, NULL, copy_answer, 1));
    mem_free(w.data);
    mem_free(w.scratch);
    buf_fini(&w.body);
    buf_fini(&w.answer);
    arena_fini(&w.arena);
    return 0;
}
