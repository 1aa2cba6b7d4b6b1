/* stamp_test.c: stamps as stored bytes. */
#include "shards/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct log_stamp make(const uint64_t *numbers, uint32_t count)
{
    struct log_stamp s = {
        .producer = "0123456789abcde", .epoch = 7, .numbers = numbers, .count = count};
    stamp_measure(&s);
    return s;
}

static size_t pack(const struct log_stamp *s, uint8_t *out)
{
    size_t len = (size_t)(stamp_pack(out, s) - out);
    assert_int_equal(len, s->stored_len);
    return len;
}

static void what_is_packed_is_walked(void **state)
{
    static const uint64_t numbers[] = {5, 6, 7, 100, 3, 4, 0, UINT64_MAX - 1, 8};
    static const uint64_t runs[][2] = {{5, 3}, {100, 1}, {3, 2}, {0, 1}, {UINT64_MAX - 1, 1},
                                       {8, 1}};
    uint8_t bytes[256];
    struct stamp_walk w;
    uint64_t first;
    uint32_t count;
    (void)state;
    struct log_stamp s = make(numbers, 9);
    assert_false(s.ascending);
    assert_int_equal(s.lowest, 0);
    assert_int_equal(s.highest, UINT64_MAX - 1);
    assert_int_equal(stamp_walk_init(&w, bytes_of(bytes, pack(&s, bytes)), 9, NULL), OK);
    assert_memory_equal(w.producer.at, s.producer, PRODUCER_ID_BYTES);
    assert_int_equal(w.epoch, 7);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(stamp_walk_next(&w, &first, &count, NULL), OK);
        assert_int_equal(first, runs[i][0]);
        assert_int_equal(count, runs[i][1]);
    }
    assert_int_equal(stamp_walk_next(&w, &first, &count, NULL), END);
}

static void numbers_in_a_row_take_few_bytes(void **state)
{
    uint64_t numbers[500];
    (void)state;
    for (uint64_t i = 0; i < 500; i++)
        numbers[i] = 1000000 + i;
    struct log_stamp s = make(numbers, 500);
    assert_true(s.ascending);
    assert_true(s.stored_len <= STAMP_HEAD_BYTES + 5);
}

/* Not as many numbers as records; cut anywhere; a number past the last. */
static void what_is_not_a_stamp_of_the_batch_is_corrupt(void **state)
{
    static const uint64_t numbers[] = {5, 6, 9};
    uint8_t bytes[256];
    uint64_t first;
    uint32_t count;
    (void)state;
    struct log_stamp s = make(numbers, 3);
    size_t len = pack(&s, bytes);
    for (uint32_t records = 1; records < 6; records++)
        for (size_t cut = 0; cut <= len; cut++) {
            struct stamp_walk w;
            enum status st = stamp_walk_init(&w, bytes_of(bytes, cut), records, NULL);
            while (st == OK)
                st = stamp_walk_next(&w, &first, &count, NULL);
            bool whole =
                (records == 3 && cut == len) || (records == 2 && cut == STAMP_HEAD_BYTES + 2);
            assert_int_equal(st, whole ? END : CORRUPT);
        }
    struct stamp_walk w;
    uint8_t *end = varint_put(bytes + STAMP_HEAD_BYTES, zigzag(UINT64_MAX));
    end = varint_put(end, 0);
    assert_int_equal(stamp_walk_init(&w, bytes_of(bytes, (size_t)(end - bytes)), 1, NULL), OK);
    assert_int_equal(stamp_walk_next(&w, &first, &count, NULL), CORRUPT);
}

static void any_number_survives_a_varint(void **state)
{
    static const uint64_t numbers[] = {0,     1,         127,        128,       16383,
                                       16384, INT64_MAX, 1ull << 63, UINT64_MAX};
    uint8_t bytes[VARINT_BYTES_MAX + 1];
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        uint64_t back;
        struct bytes from = bytes_of(bytes, (size_t)(varint_put(bytes, numbers[i]) - bytes));
        assert_true(varint_take(&from, &back));
        assert_true(back == numbers[i] && from.len == 0);
        assert_true(zagzig(zigzag(numbers[i])) == numbers[i]);
    }
    memset(bytes, 0xff, sizeof(bytes));
    struct bytes endless = bytes_of(bytes, sizeof(bytes));
    uint64_t n;
    assert_false(varint_take(&endless, &n));
    bytes[VARINT_BYTES_MAX - 1] = 2; /* bit 64 */
    endless = bytes_of(bytes, sizeof(bytes));
    assert_false(varint_take(&endless, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_walked),
        cmocka_unit_test(numbers_in_a_row_take_few_bytes),
        cmocka_unit_test(what_is_not_a_stamp_of_the_batch_is_corrupt),
        cmocka_unit_test(any_number_survives_a_varint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
