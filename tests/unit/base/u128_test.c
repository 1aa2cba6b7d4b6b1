/* u128_test.c: 128-bit numbers as text. */
#include "base/random.h"
#include "base/u128.h"
#include "unit/base/cmocka_all.h"

static void assert_prints(u128 value, const char *text)
{
    char out[U128_DECIMAL_BYTES_MAX];
    memset(out, 'x', sizeof(out));
    assert_int_equal(u128_print(value, out), strlen(text));
    assert_string_equal(out, text);
    u128 back = 0;
    assert_true(u128_parse(bytes_text(text), &back));
    assert_true(back == value);
}

static void known_numbers_print_and_parse(void **state)
{
    (void)state;
    assert_prints(0, "0");
    assert_prints(9, "9");
    assert_prints(UINT64_MAX, "18446744073709551615");
    assert_prints((u128)UINT64_MAX + 1, "18446744073709551616");
    assert_prints((u128)10000000000000000000u * 10, "100000000000000000000");
    assert_prints((u128)10000000000000000000u * 10000000000000000000u,
                  "100000000000000000000000000000000000000");
    assert_prints((u128)1 << 127, "170141183460469231731687303715884105728");
    assert_prints(U128_MAX - 1, "340282366920938463463374607431768211454");
    assert_prints(U128_MAX, "340282366920938463463374607431768211455");
}

static void what_is_printed_parses_to_the_same_number(void **state)
{
    (void)state;
    struct random chance;
    random_seed(&chance, 2);
    for (int i = 0; i < 20000; i++) {
        u128 value = ((u128)random_next(&chance) << 64 | random_next(&chance)) >>
                     random_below(&chance, 128),
             back;
        char out[U128_DECIMAL_BYTES_MAX];
        size_t length = u128_print(value, out);
        assert_true(length == 1 || out[0] != '0');
        assert_true(u128_parse(bytes_of(out, length), &back));
        assert_true(back == value);
    }
}

static void anything_but_digits_in_range_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1e3",
                                        "0x10",
                                        "340282366920938463463374607431768211456",
                                        "340282366920938463463374607431768211460",
                                        "1000000000000000000000000000000000000000",
                                        "99999999999999999999999999999999999999999"};
    u128 value = 5;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(u128_parse(bytes_text(wrong[i]), &value));
    assert_true(value == 5);
}

static void leading_zeros_are_taken(void **state)
{
    (void)state;
    u128 value = 5;
    assert_true(
        u128_parse(BYTES_LITERAL("0000000000000000000000000000000000000000000000007"), &value));
    assert_true(value == 7);
}

static void bytes_are_read_big_end_first(void **state)
{
    (void)state;
    uint8_t bytes[16] = {0x80};
    assert_true(u128_from_be(bytes) == (u128)1 << 127);
    bytes[0] = 0;
    bytes[15] = 3;
    bytes[14] = 1;
    assert_true(u128_from_be(bytes) == 259);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers_print_and_parse),
        cmocka_unit_test(what_is_printed_parses_to_the_same_number),
        cmocka_unit_test(anything_but_digits_in_range_is_refused),
        cmocka_unit_test(leading_zeros_are_taken),
        cmocka_unit_test(bytes_are_read_big_end_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
