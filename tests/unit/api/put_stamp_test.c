/* put_stamp_test.c: the header of idempotent puts. */
#include "api/put_stamp.h"

#include "shards/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define ID "00112233445566778899AABBccddeeff"

static int setup(void **state)
{
    static struct arena arena;
    arena_init(&arena, 1 << 20);
    *state = &arena;
    return 0;
}

static int teardown(void **state)
{
    arena_fini(*state);
    return 0;
}

static struct put_stamper *read_ok(struct arena *a, const char *header, uint32_t count)
{
    struct put_stamper *s;
    struct fault f = {0};
    assert_int_equal(put_stamper_read(bytes_text(header), count, a, &s, &f), OK);
    assert_non_null(s);
    assert_int_equal(s->count, count);
    return s;
}

static void a_first_number_counts_all_records(void **state)
{
    static const uint8_t id[] = "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";
    struct put_stamper *s = read_ok(*state, ID ";7;100", 3);
    assert_memory_equal(s->producer, id, PRODUCER_ID_BYTES);
    assert_int_equal(s->epoch, 7);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(s->numbers[i], 100 + i);
    assert_true(read_ok(*state, ID ";18446744073709551615;18446744073709551614", 1)->epoch ==
                UINT64_MAX);
}

static void ranges_cover_the_records_in_order(void **state)
{
    static const uint64_t wanted[] = {110, 111, 100, 101, 102, 0};
    struct put_stamper *s = read_ok(*state, ID ";0;110+2,100+3,0+1", 6);
    assert_memory_equal(s->numbers, wanted, sizeof(wanted));
}

static void without_a_header_there_is_no_stamp(void **state)
{
    struct put_stamper *s;
    assert_int_equal(put_stamper_read(BYTES_NONE, 3, *state, &s, NULL), OK);
    assert_null(s);
}

static void what_is_not_of_the_form_is_refused(void **state)
{
    static const char *const headers[] = {
        "",
        ";",
        ";;",
        ID,
        ID ";",
        ID ";1",
        ID ";1;",
        ID ";;1",
        ID ";1; 1",
        ID ";1;+1",
        ID ";1;1+",
        ID ";1;1+2",
        ID ";1;1+4",
        ID ";1;1+0,1+3",
        ID ";1;1+2,3",
        ID ";1;1+2,,4+1",
        ID ";1;1+3,",
        ID ";1;1+18446744073709551615",
        ID ";1;18446744073709551613",
        ID ";1;x",
        ID "0;1;1",
        "0" ID ";1;1",
        " " ID ";1;1",
        ID ";1;1;1",
        ID ";-1;1",
        ID ";18446744073709551616;1",
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        struct put_stamper *s;
        struct fault f = {0};
        enum status st = put_stamper_read(bytes_text(headers[i]), 3, *state, &s, &f);
        if (st != INVALID_ARGUMENT)
            fprintf(stderr, "%s\n", headers[i]);
        assert_int_equal(st, INVALID_ARGUMENT);
        assert_null(s);
    }
}

static void no_number_is_given_twice(void **state)
{
    struct put_stamper *s;
    struct fault f = {0};
    struct bytes header = BYTES_LITERAL(ID ";1;9+1,3+5,7+1");
    assert_int_equal(put_stamper_read(header, 7, *state, &s, &f), INVALID_ARGUMENT);
    assert_string_equal(f.text, "The header x-sluice-producer gives number 7 to two records.");
}

static void a_batch_has_the_numbers_of_its_records(void **state)
{
    struct put_stamper *s = read_ok(*state, ID ";7;100", 5);
    struct put_batch batch = {.count = 2};
    assert_int_equal(put_stamp_begin(s, &batch, *state, NULL), OK);
    put_stamp_number(&batch, 0, s->numbers[1]);
    put_stamp_number(&batch, 1, s->numbers[4]);
    put_stamp_end(&batch);
    assert_int_equal(batch.stamp->lowest, 101);
    assert_int_equal(batch.stamp->highest, 104);
    assert_int_equal(batch.stamp->epoch, 7);
    assert_int_equal(batch.stamp->stored_len, STAMP_HEAD_BYTES + 2 + 1 + 1 + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_first_number_counts_all_records),  TEST(ranges_cover_the_records_in_order),
        TEST(without_a_header_there_is_no_stamp), TEST(what_is_not_of_the_form_is_refused),
        TEST(no_number_is_given_twice),           TEST(a_batch_has_the_numbers_of_its_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
