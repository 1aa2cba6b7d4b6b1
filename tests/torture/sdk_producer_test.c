/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
/* sdk_producer_test.c: a producer while memory is short: each allocation fails in turn, one run an allocation, until a run comes
 * through without. Every record that was taken has one completion; what was said to be stored is; nothing leaks. */
#include "consumer-sdk/producer_fixture.h"
#include "support/failing.h"

enum { COUNT = 60, KEYS = 7, RUNS_MAX = 2000 };

static void split_first(const char *stream, const char *shard)
{
    sluice_client *c = client_open();
    struct sluice_error e = {0};
    const struct sluice_kinesis_split_shard_input in = {
        .stream_name = sluice_text(stream),
        .shard_to_split = sluice_text(shard),
        .new_starting_hash_key = sluice_text("50000000000000000000000000000000000000")};
    must_be_ok(sluice_kinesis_split_shard(c, &in, NULL, &e), &e);
    wait_until_active(c, stream);
    sluice_client_free(c);
}

/* The n-th allocation fails. True: there was one. */
static bool run(const char *stream, bool split, long n)
{
    struct sluice_producer_options o = {.size = sizeof(o),
                                        .client = options_with((struct sluice_client_options){0}),
                                        .stream = stream,
                                        .aggregate = true,
                                        .ordered = true,
                                        .idempotent = true,
                                        .aggregate_bytes_max = 1000,
                                        .linger_ms = 1,
                                        .record_timeout_ms = 10000,
                                        .delivered = record_delivered};
    sluice_producer *p = NULL;
    struct sluice_error e = {0};
    bool taken[COUNT] = {false};
    expect(COUNT);
    failing_begin(n);
    enum sluice_status st = sluice_producer_new(&o, &p, &e);
    assert_true(st == SLUICE_OK || (failing.failed && st == SLUICE_NO_MEMORY && !p));
    for (unsigned i = 0; p && i < COUNT; i++) {
        if (split && i == COUNT / 2) {
            failing.fail_at = 0; /* what others allocate is not the producer's */
            assert_int_equal(sluice_producer_flush(p, 60000), SLUICE_OK);
            split_first(stream, "shardId-000000000000");
            failing.fail_at = failing.failed ? 0 : n;
        }
        taken[i] = put_one(p, i, KEYS, 100) == SLUICE_OK;
        assert_true(taken[i] || failing.failed);
    }
    if (p)
        assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
    bool failed = failing_end();
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(expected[i].completions, taken[i]);
        assert_true(!taken[i] || expected[i].status == SLUICE_OK || failed);
    }
    return failed;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    long n = 1;
    unsigned stored = 0;
    stream_of("short", 2);
    while (n < RUNS_MAX && run("short", false, n)) {
        for (unsigned i = 0; i < COUNT; i++)
            stored += expected[i].completions && expected[i].status == SLUICE_OK;
        n++;
    }
    assert_true(n > 30 && n < RUNS_MAX);
    /* An allocation that fails delays, and seldom more. */
    assert_true(stored > (unsigned)n * COUNT * 7 / 10);
}

/* The allocations that only a reshard makes: a stream for each. */
static void every_allocation_of_a_reshard_may_fail(void **state)
{
    (void)state;
    char stream[32];
    for (long n = 20; n < 200; n += 3) {
        snprintf(stream, sizeof(stream), "short-%ld", n);
        stream_of(stream, 1);
        if (!run(stream, true, n))
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_allocation_of_a_reshard_may_fail),
    };
    return cmocka_run_group_tests(tests, start, stop_and_forget);
}
