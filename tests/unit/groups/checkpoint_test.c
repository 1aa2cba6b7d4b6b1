#include "groups/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct checkpoint at(const char *sequence, uint64_t sub)
{
    struct checkpoint c = {.sub = sub};
    snprintf(c.sequence, sizeof(c.sequence), "%s", sequence);
    return c;
}

static void a_later_one_compares_as_larger(void **state)
{
    (void)state;
    const struct checkpoint rising[] = {
        at("", 0),
        at(CHECKPOINT_HORIZON, 99),
        at(CHECKPOINT_TIMESTAMP, 1),
        at(CHECKPOINT_TIMESTAMP, 2),
        at("0", 0),
        at("9", 7),
        at("10", 0),
        at("49590338271490256608559692538361571095921575989136588898", 0),
        at("49590338271490256608559692538361571095921575989136588898", 1),
        at("49590338271490256608559692538361571095921575989136588899", 0),
        at("149590338271490256608559692538361571095921575989136588898", 0),
        at(CHECKPOINT_END, 0),
    };
    enum { COUNT = sizeof(rising) / sizeof(*rising) };
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            int order = checkpoint_compare(&rising[i], &rising[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

static void what_is_neither_a_number_nor_a_word_is_not_valid(void **state)
{
    (void)state;
    static const char *const fine[] = {
        "", "0", "7", "120", "SHARD_END", "TRIM_HORIZON", "AT_TIMESTAMP"};
    static const char *const wrong[] = {"00",         "01",     "1a",        "-1", " 1",
                                        "SHARD_ENDS", "LATEST", "shard_end", "1.0"};
    for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
        struct checkpoint c = at(fine[i], 0);
        assert_true(checkpoint_is_valid(&c));
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct checkpoint c = at(wrong[i], 0);
        assert_false(checkpoint_is_valid(&c));
    }
    struct checkpoint endless;
    memset(&endless, '1', sizeof(endless));
    assert_false(checkpoint_is_valid(&endless));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_one_compares_as_larger),
        cmocka_unit_test(what_is_neither_a_number_nor_a_word_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
