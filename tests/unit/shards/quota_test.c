/* quota_test.c: buckets and what shards take, by numbers. */
#include "base/limits.h"
#include "shards/quota.h"
#include "unit/base/cmocka_all.h"

#define SECOND UINT64_C(1000000000)
#define NOW    (1000 * SECOND)

static void a_bucket_gives_its_burst_then_its_rate(void **state)
{
    (void)state;
    struct bucket b = {0};
    uint64_t cost = bucket_cost_ns(1, 5);
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&b, NOW, cost, SECOND));
    assert_false(bucket_take(&b, NOW, cost, SECOND));
    assert_false(bucket_take(&b, NOW + SECOND / 5 - 1, cost, SECOND));
    assert_true(bucket_take(&b, NOW + SECOND / 5, cost, SECOND));
    assert_false(bucket_take(&b, NOW + SECOND / 5, cost, SECOND));
}

static void a_bucket_does_not_drift(void **state)
{
    (void)state;
    struct bucket b = {0};
    uint64_t cost = bucket_cost_ns(1, 1000), taken = 0;
    for (uint64_t ms = 0; ms < 100000; ms++)
        for (int i = 0; i < 3; i++)
            taken += bucket_take(&b, NOW + ms * SECOND / 1000, cost, SECOND);
    assert_int_equal(taken, 1000 + 99999);
}

static void what_is_returned_can_be_taken_again(void **state)
{
    (void)state;
    struct bucket b = {0};
    assert_true(bucket_take(&b, NOW, SECOND, SECOND));
    bucket_return(&b, SECOND / 2);
    assert_false(bucket_take(&b, NOW, SECOND, SECOND));
    assert_true(bucket_take(&b, NOW, SECOND / 2, SECOND));
}

static void an_amount_larger_than_the_bucket_needs_it_full_and_is_paid_off(void **state)
{
    (void)state;
    struct bucket b = {0};
    assert_true(bucket_take(&b, NOW, 3 * SECOND, SECOND));
    assert_false(bucket_take(&b, NOW + 3 * SECOND - 1, 3 * SECOND, SECOND));
    assert_true(bucket_take(&b, NOW + 3 * SECOND, 3 * SECOND, SECOND));
}

static uint64_t writes(struct shard_quota *q, uint64_t now_ns, uint64_t bytes)
{
    uint64_t count = 0;
    while (shard_quota_write(q, now_ns, bytes, MIB(1)))
        count++;
    return count;
}

static void a_shard_takes_a_thousand_records_a_second(void **state)
{
    (void)state;
    struct shard_quota q = {0};
    assert_int_equal(writes(&q, NOW, 10), 1000);
    assert_int_equal(writes(&q, NOW + SECOND / 10, 10), 100);
}

static void a_shard_takes_a_mebibyte_a_second(void **state)
{
    (void)state;
    struct shard_quota q = {0};
    assert_int_equal(writes(&q, NOW, KIB(16)), 64);
    assert_int_equal(writes(&q, NOW + SECOND / 2, KIB(16)), 32);
    /* What the bytes refused cost no records. */
    assert_int_equal(writes(&q, NOW + SECOND / 2, 0), 1000 - 32);
}

static void a_stream_of_large_records_has_a_burst_of_one(void **state)
{
    (void)state;
    struct shard_quota q = {0};
    assert_true(shard_quota_write(&q, NOW, MIB(10), MIB(10)));
    assert_false(shard_quota_write(&q, NOW, 1, MIB(10)));
    assert_true(shard_quota_write(&q, NOW + SECOND, MIB(1), MIB(10)));
    assert_false(shard_quota_write(&q, NOW + 2 * SECOND, MIB(2), MIB(10)));
}

static void a_shard_answers_five_reads_a_second(void **state)
{
    (void)state;
    struct shard_quota q = {0};
    for (int i = 0; i < 5; i++) {
        assert_true(shard_quota_read(&q, NOW));
        shard_quota_read_done(&q, NOW, KIB(1));
    }
    assert_false(shard_quota_read(&q, NOW));
    assert_true(shard_quota_read(&q, NOW + SECOND / 5));
}

static void ten_mebibytes_read_keep_readers_out_for_five_seconds(void **state)
{
    (void)state;
    struct shard_quota q = {0};
    assert_true(shard_quota_read(&q, NOW));
    shard_quota_read_done(&q, NOW, MIB(10));
    assert_false(shard_quota_read(&q, NOW + 5 * SECOND));
    assert_true(shard_quota_read(&q, NOW + 5 * SECOND + 1));
}

static void a_consumer_is_given_two_mebibytes_a_second(void **state)
{
    (void)state;
    struct bucket b = {0};
    uint64_t given = 0;
    for (uint64_t ms = 0; ms < 10000; ms++)
        if (consumer_quota_open(&b, NOW + ms * SECOND / 1000)) {
            consumer_quota_done(&b, NOW + ms * SECOND / 1000, KIB(64));
            given += KIB(64);
        }
    assert_in_range(given, MIB(20), MIB(22) + KIB(64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_its_burst_then_its_rate),
        cmocka_unit_test(a_bucket_does_not_drift),
        cmocka_unit_test(what_is_returned_can_be_taken_again),
        cmocka_unit_test(an_amount_larger_than_the_bucket_needs_it_full_and_is_paid_off),
        cmocka_unit_test(a_shard_takes_a_thousand_records_a_second),
        cmocka_unit_test(a_shard_takes_a_mebibyte_a_second),
        cmocka_unit_test(a_stream_of_large_records_has_a_burst_of_one),
        cmocka_unit_test(a_shard_answers_five_reads_a_second),
        cmocka_unit_test(ten_mebibytes_read_keep_readers_out_for_five_seconds),
        cmocka_unit_test(a_consumer_is_given_two_mebibytes_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
