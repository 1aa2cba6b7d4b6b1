/* progress_test.c: places in a shard, and which may be saved. */
#include "consumer-sdk/progress.h"
#include "unit/base/cmocka_all.h"

static struct sluice_checkpoint_at at(const char *sequence, uint64_t sub)
{
    struct sluice_checkpoint_at made = {.sub_sequence_number = sub};
    strncpy(made.sequence_number, sequence, sizeof(made.sequence_number) - 1);
    return made;
}

static void places_are_in_order_as_numbers(void **state)
{
    (void)state;
    const struct sluice_checkpoint_at order[] = {at("", 0),
                                                 at(SLUICE_AT_TRIM_HORIZON, 0),
                                                 at(SLUICE_AT_TIME, 5),
                                                 at(SLUICE_AT_TIME, 6),
                                                 at("9", 0),
                                                 at("9", 1),
                                                 at("10", 0),
                                                 at("11", 7),
                                                 at("100", 0),
                                                 at(SLUICE_SHARD_END, 0)};
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
        for (size_t j = 0; j < sizeof(order) / sizeof(*order); j++) {
            int wanted = (i > j) - (i < j), got = place_compare(&order[i], &order[j]);
            assert_int_equal((got > 0) - (got < 0), wanted);
        }
}

static void only_numbers_are_places_of_records(void **state)
{
    (void)state;
    static const char *const none[] = {"", "x", "12x", SLUICE_SHARD_END, SLUICE_AT_TIME, "-1"};
    char long_one[SLUICE_SEQUENCE_BYTES + 1];
    struct sluice_checkpoint_at to = at("7", 3);
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        assert_false(place_set(&to, bytes_text(none[i]), 0));
    memset(long_one, '1', sizeof(long_one));
    assert_false(place_set(&to, bytes_of(long_one, SLUICE_SEQUENCE_BYTES), 0));
    assert_string_equal(to.sequence_number, "7");
    assert_int_equal(to.sub_sequence_number, 3);
    assert_true(place_set(&to, bytes_of(long_one, SLUICE_SEQUENCE_BYTES - 1), 9));
    assert_int_equal(to.sub_sequence_number, 9);
}

static void a_letter_anywhere_makes_it_no_number(void **state)
{
    (void)state;
    static const char near_digits[] = {'/', ':', '?', '0' + 16, '0' - 16, (char)0xb5, 0};
    char text[SLUICE_SEQUENCE_BYTES];
    for (size_t len = 1; len < sizeof(text); len++) {
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)('0' + (i + 1) % 10);
        assert_true(place_is_number(bytes_of(text, len)));
        for (size_t at = 0; at < len; at++)
            for (size_t i = 0; i < sizeof(near_digits); i++) {
                char digit = text[at];
                text[at] = near_digits[i];
                assert_false(place_is_number(bytes_of(text, len)));
                text[at] = digit;
            }
    }
}

static void expect(const struct progress *p, struct sluice_checkpoint_at to,
                   enum sluice_status wanted)
{
    struct sluice_error error;
    assert_int_equal(progress_may_save(p, &to, &error), wanted);
}

/* K1 */
static void a_checkpoint_lies_between_the_last_one_and_what_was_handed_out(void **state)
{
    (void)state;
    struct progress p;
    const struct sluice_checkpoint_at saved = at("100", 2);
    progress_init(&p, &saved);
    p.handed = at("300", 0);
    expect(&p, at("100", 1), SLUICE_INVALID_ARGUMENT);
    expect(&p, at("100", 2), SLUICE_END);
    expect(&p, at("100", 3), SLUICE_OK);
    expect(&p, at("300", 0), SLUICE_OK);
    expect(&p, at("300", 1), SLUICE_INVALID_ARGUMENT);
    expect(&p, at(SLUICE_SHARD_END, 0), SLUICE_INVALID_ARGUMENT);
    p.whole = true;
    expect(&p, at(SLUICE_SHARD_END, 0), SLUICE_OK);
    p.saved = at(SLUICE_SHARD_END, 0);
    expect(&p, at(SLUICE_SHARD_END, 0), SLUICE_END);
    expect(&p, at("300", 0), SLUICE_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_in_order_as_numbers),
        cmocka_unit_test(only_numbers_are_places_of_records),
        cmocka_unit_test(a_letter_anywhere_makes_it_no_number),
        cmocka_unit_test(a_checkpoint_lies_between_the_last_one_and_what_was_handed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
