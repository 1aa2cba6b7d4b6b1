/* account_test.c: account settings over a loopback exchange: each account's and region's own, and kept. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#define WISH(status) "{\"MinimumThroughputBillingCommitment\":{\"Status\":\"" status "\"}}"
#define SHOWN(rest)  "{\"MinimumThroughputBillingCommitment\":{" rest "}}"
#define DAY_MS       (24 * 3600 * 1000)

static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    loopback_open(l);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

static void a_commitment_is_enabled_scheduled_to_end_and_ends(void **state)
{
    struct loopback *l = *state;
    answer_is(l, "DescribeAccountSettings", "{}", SHOWN("\"Status\":\"DISABLED\""));
    answer_is(l, "UpdateAccountSettings", WISH("ENABLED"),
              SHOWN("\"EarliestAllowedEndAt\":1700086400,\"StartedAt\":1700000000,"
                    "\"Status\":\"ENABLED\""));
    answer_is(l, "UpdateAccountSettings", WISH("DISABLED"),
              SHOWN("\"EarliestAllowedEndAt\":1700086400,\"StartedAt\":1700000000,"
                    "\"Status\":\"ENABLED_UNTIL_EARLIEST_ALLOWED_END\""));
    loopback_reopen(l);
    answer_is(l, "DescribeAccountSettings", "{}",
              SHOWN("\"EarliestAllowedEndAt\":1700086400,\"StartedAt\":1700000000,"
                    "\"Status\":\"ENABLED_UNTIL_EARLIEST_ALLOWED_END\""));
    clock_manual_advance_ms(&l->clock, DAY_MS);
    answer_is(l, "DescribeAccountSettings", "{}",
              SHOWN("\"EndedAt\":1700086400,\"StartedAt\":1700000000,"
                    "\"Status\":\"DISABLED\""));
}

static void each_account_and_region_has_its_own(void **state)
{
    struct loopback *l = *state;
    json_decref(answer_ok(l, "UpdateAccountSettings", WISH("ENABLED")));
    l->region = "eu-west-1";
    answer_is(l, "DescribeAccountSettings", "{}", SHOWN("\"Status\":\"DISABLED\""));
    l->region = NULL;
    l->access_key = "222222222222";
    answer_is(l, "DescribeAccountSettings", "{}", SHOWN("\"Status\":\"DISABLED\""));
}

static void what_is_asked_for_must_be_said(void **state)
{
    struct loopback *l = *state;
    answer_fails(l, "UpdateAccountSettings", "{}",
                 "{\"__type\":\"ValidationException\",\"message\":\"1 validation error detected: "
                 "Value null at 'minimumThroughputBillingCommitment' failed to satisfy constraint: "
                 "Member must not be null\"}");
    answer_fails(
        l, "UpdateAccountSettings", WISH("MAYBE"),
        "{\"__type\":\"ValidationException\",\"message\":\"1 validation error detected: Value "
        "'MAYBE' at 'minimumThroughputBillingCommitment.status' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ENABLED, DISABLED]\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_commitment_is_enabled_scheduled_to_end_and_ends, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(each_account_and_region_has_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_asked_for_must_be_said, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
