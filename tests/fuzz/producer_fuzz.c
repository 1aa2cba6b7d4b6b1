/* producer_fuzz.c: any bytes as the header of idempotent puts, as a stored stamp, and as a row of a producer's window: each is refused, or is what it would be
 * written as. */
#include "api/put_stamp.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/producer_window.h"
#include "shards/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a header says is stored, and read back. */
static void must_be_stored(const struct put_stamper *s, struct arena *a)
{
    struct put_batch batch = {.count = s->count};
    struct stamp_walk w;
    uint64_t first;
    uint32_t count, at = 0;
    must(put_stamp_begin(s, &batch, a, NULL) == OK);
    for (uint32_t i = 0; i < s->count; i++)
        put_stamp_number(&batch, i, s->numbers[i]);
    put_stamp_end(&batch);
    uint8_t *stored = mem_must(batch.stamp->stored_len);
    must(stamp_pack(stored, batch.stamp) == stored + batch.stamp->stored_len);
    must(stamp_walk_init(&w, bytes_of(stored, batch.stamp->stored_len), s->count, NULL) == OK);
    while (stamp_walk_next(&w, &first, &count, NULL) == OK)
        for (uint32_t i = 0; i < count; i++)
            must(s->numbers[at++] == first + i);
    must(at == s->count && w.rest.len == 0);
    mem_free(stored);
}

static void header(struct bytes text, uint32_t count)
{
    struct arena a;
    struct put_stamper *s;
    struct fault f;
    arena_init(&a, 1 << 20);
    enum status st = put_stamper_read(text, count, &a, &s, &f);
    must(st == OK || st == INVALID_ARGUMENT);
    if (st == OK && s)
        must_be_stored(s, &a);
    arena_fini(&a);
}

static void stamp(struct bytes stored, uint32_t count)
{
    struct stamp_walk w;
    uint64_t first, sum = 0;
    uint32_t run;
    enum status st = stamp_walk_init(&w, stored, count, NULL);
    while (st == OK && (st = stamp_walk_next(&w, &first, &run, NULL)) == OK) {
        must(run > 0 && first <= UINT64_MAX - run);
        sum += run;
    }
    must(st == CORRUPT || (st == END && sum == count));
}

/* Whatever is read can be looked into, taken over, and added to. */
static void window(struct bytes row)
{
    struct producer_window w, other;
    window_init(&w);
    window_begin(&w, 1);
    window_init(&other);
    if (window_load(&w, 5, row, NULL) == OK) {
        uint64_t number = window_last(&w)->lowest;
        struct log_number answer;
        struct log_stamp s = {.numbers = &number, .count = 1, .answers = &answer};
        if (number < UINT64_MAX) {
            stamp_measure(&s);
            must(window_find(&w, &s, true) && answer.state == NUMBER_STORED);
        }
        window_take(&other, &w);
        window_cut(&w, 0, 1000);
        window_insert(&w, &other, 0);
        window_add(&w, &(struct number_run){1, 2, 3, 4, 5});
    }
    window_fini(&w);
    window_fini(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct bytes rest = bytes_of(data + 2, size - 2);
    uint32_t count = 1 + (data[1] | (uint32_t)(data[0] & 1) << 8) % PUT_RECORDS_MAX;
    switch (data[0] >> 1 & 3) {
    case 0:
        stamp(rest, count);
        break;
    case 1:
        window(rest);
        break;
    default:
        header(rest, count);
    }
    return 0;
}
