/* bytes_test.c: questions asked of borrowed bytes. */
#include "base/bytes.h"
#include "unit/base/cmocka_all.h"

static void absent_and_empty_are_told_apart_and_compare_equal(void **state)
{
    (void)state;
    assert_false(bytes_present(BYTES_NONE));
    assert_true(bytes_present(BYTES_LITERAL("")));
    assert_false(bytes_present(bytes_text(NULL)));
    assert_true(bytes_equal(BYTES_NONE, BYTES_LITERAL("")));
    assert_int_equal(bytes_compare(BYTES_NONE, BYTES_LITERAL("")), 0);
    assert_true(bytes_starts_with(BYTES_NONE, BYTES_NONE));
    assert_true(bytes_equal_constant_time(BYTES_NONE, BYTES_LITERAL("")));
}

static void equality_sees_every_byte_and_the_length(void **state)
{
    (void)state;
    uint8_t a[64] = {0}, b[64] = {0};
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] = 1;
        assert_false(bytes_equal(bytes_of(a, sizeof(a)), bytes_of(b, sizeof(b))));
        assert_false(bytes_equal_constant_time(bytes_of(a, sizeof(a)), bytes_of(b, sizeof(b))));
        assert_true(bytes_equal_constant_time(bytes_of(a, i), bytes_of(b, i)));
        b[i] = 0;
    }
    assert_true(bytes_equal_constant_time(bytes_of(a, 64), bytes_of(b, 64)));
    assert_false(bytes_equal_constant_time(bytes_of(a, 64), bytes_of(b, 63)));
    assert_false(bytes_equal(bytes_of(a, 64), bytes_of(b, 63)));
}

static void order_is_by_bytes_then_by_length(void **state)
{
    (void)state;
    assert_true(bytes_compare(BYTES_LITERAL("a"), BYTES_LITERAL("b")) < 0);
    assert_true(bytes_compare(BYTES_LITERAL("b"), BYTES_LITERAL("a")) > 0);
    assert_true(bytes_compare(BYTES_LITERAL("a"), BYTES_LITERAL("ab")) < 0);
    assert_true(bytes_compare(BYTES_LITERAL("ab"), BYTES_LITERAL("a")) > 0);
    assert_true(bytes_compare(BYTES_LITERAL("b"), BYTES_LITERAL("ab")) > 0);
    assert_true(bytes_compare(BYTES_LITERAL("\x80"), BYTES_LITERAL("\x7f")) > 0);
    assert_int_equal(bytes_compare(BYTES_LITERAL("ab"), BYTES_LITERAL("ab")), 0);
}

static void a_prefix_is_no_longer_than_the_whole(void **state)
{
    (void)state;
    assert_true(
        bytes_starts_with(BYTES_LITERAL("Kinesis_20131202.Put"), BYTES_LITERAL("Kinesis_")));
    assert_true(bytes_starts_with(BYTES_LITERAL("ab"), BYTES_LITERAL("ab")));
    assert_false(bytes_starts_with(BYTES_LITERAL("a"), BYTES_LITERAL("ab")));
    assert_false(bytes_starts_with(BYTES_LITERAL("ba"), BYTES_LITERAL("a")));
}

static void case_is_ignored_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(
        bytes_equal_ignore_case(BYTES_LITERAL("X-Amz-Target"), BYTES_LITERAL("x-aMZ-tARGET")));
    assert_false(bytes_equal_ignore_case(BYTES_LITERAL("a"), BYTES_LITERAL("ab")));
    assert_false(bytes_equal_ignore_case(BYTES_LITERAL("@"), BYTES_LITERAL("`")));
    assert_false(bytes_equal_ignore_case(BYTES_LITERAL("["), BYTES_LITERAL("{")));
    assert_false(bytes_equal_ignore_case(BYTES_LITERAL("\xc9"), BYTES_LITERAL("\xe9")));
}

/* The loop that says what both must do, against steps of eight: each byte at each place, each length. */
static uint8_t lower_one(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static void case_is_ignored_at_every_place_of_every_length(void **state)
{
    (void)state;
    enum { LONGEST = 26 };
    uint8_t text[LONGEST], same[LONGEST], lower[LONGEST + 1];
    for (size_t len = 1; len <= LONGEST; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                memset(text, 'q', sizeof(text));
                memset(same, 'Q', sizeof(same));
                text[at] = (uint8_t)c;
                same[at] = lower_one((uint8_t)c);
                assert_true(bytes_equal_ignore_case(bytes_of(text, len), bytes_of(same, len)));
                same[at] = (uint8_t)(c ^ 0x20);
                bool letter = lower_one((uint8_t)c) == lower_one((uint8_t)(c ^ 0x20));
                assert_int_equal(bytes_equal_ignore_case(bytes_of(text, len), bytes_of(same, len)),
                                 letter);
                memset(lower, '!', sizeof(lower));
                bytes_lower_into(lower, bytes_of(text, len));
                assert_int_equal(lower[at], lower_one((uint8_t)c));
                assert_int_equal(lower[len], '!');
            }
        }
    }
    assert_true(bytes_equal_ignore_case(BYTES_NONE, BYTES_LITERAL("")));
    bytes_lower_into(NULL, BYTES_NONE);
}

static void blanks_are_cut_from_the_ends_only(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_trim(BYTES_LITERAL(" \t a b\t ")), BYTES_LITERAL("a b")));
    assert_int_equal(bytes_trim(BYTES_LITERAL(" \t ")).len, 0);
    assert_int_equal(bytes_trim(BYTES_NONE).len, 0);
    assert_true(bytes_equal(bytes_trim(BYTES_LITERAL("\na\n")), BYTES_LITERAL("\na\n")));
}

static void a_decimal_is_digits_only_and_fits(void **state)
{
    (void)state;
    uint64_t n = 7;
    assert_true(bytes_to_u64(BYTES_LITERAL("0"), &n));
    assert_int_equal(n, 0);
    assert_true(bytes_to_u64(BYTES_LITERAL("18446744073709551615"), &n));
    assert_true(n == UINT64_MAX);
    assert_true(bytes_to_u64(BYTES_LITERAL("0012"), &n));
    assert_int_equal(n, 12);
    static const char *const wrong[] = {
        "", " 1", "1 ", "+1", "-1", "1.0", "0x1", "18446744073709551616", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(bytes_to_u64(bytes_text(wrong[i]), &n));
    assert_int_equal(n, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_and_empty_are_told_apart_and_compare_equal),
        cmocka_unit_test(equality_sees_every_byte_and_the_length),
        cmocka_unit_test(order_is_by_bytes_then_by_length),
        cmocka_unit_test(a_prefix_is_no_longer_than_the_whole),
        cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
        cmocka_unit_test(case_is_ignored_at_every_place_of_every_length),
        cmocka_unit_test(blanks_are_cut_from_the_ends_only),
        cmocka_unit_test(a_decimal_is_digits_only_and_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
