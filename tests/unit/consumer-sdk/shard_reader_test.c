/* shard_reader_test.c: a shard being read: where it begins, what is handed out, the watchdog, memory. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "unit/consumer-sdk/shard_script.h"

static void a_shard_begins_where_its_checkpoint_says(void **state)
{
    (void)state;
    static const struct {
        const char *checkpoint;
        enum fetch_place place;
        const char *sequence;
    } rows[] = {{"", FETCH_LATEST, ""},
                {SLUICE_AT_TRIM_HORIZON, FETCH_HORIZON, ""},
                {SLUICE_AT_TIME, FETCH_TIME, ""},
                {"77", FETCH_AT, "77"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        begin_at(rows[i].checkpoint, 0);
        run_callbacks();
        assert_int_equal(t.opened_at.place, rows[i].place);
        assert_string_equal(t.opened_at.sequence, rows[i].sequence);
        assert_string_equal(sluice_shard_checkpoint(t.shard, NULL), rows[i].sequence);
        leave_and_finish();
    }
}

static void records_are_handed_out_in_slices_and_in_order_after_shard_begin(void **state)
{
    (void)state;
    begin_at("9", 0);
    step();
    fetched(9, 10, 0); /* the first was handled before */
    assert_int_equal(t.batches, 0);
    run_callbacks();
    assert_int_equal(t.records, 9);
    assert_int_equal(t.batches, 3);
    assert_int_equal(t.last, 18);
    leave_and_finish();
}

/* W4 */
static void no_more_is_wanted_while_batches_wait(void **state)
{
    (void)state;
    begin_at("", 0);
    run_callbacks();
    assert_true(t.fetch.wanted);
    fetched(1, 1, 5);
    fetched(2, 1, 5);
    fetched(3, 1, 5);
    step(); /* one goes to the pool, two wait */
    assert_false(t.fetch.wanted);
    callback();
    assert_true(t.fetch.wanted);
    run_callbacks();
    assert_int_equal(t.records, 3);
    leave_and_finish();
}

static void news_of_nothing_are_handed_out_only_when_nothing_else_is(void **state)
{
    (void)state;
    begin_at("", 0);
    run_callbacks();
    fetched(1, 0, 0);
    run_callbacks();
    assert_int_equal(t.batches, 1);
    fetched(1, 1, 0);
    fetched(1, 0, 0);
    run_callbacks();
    assert_int_equal(t.batches, 2);
    leave_and_finish();
}

/* W5 */
static void a_fetch_that_is_stuck_is_opened_anew_where_it_was(void **state)
{
    (void)state;
    begin_at("", 0);
    run_callbacks();
    fetched(1, 4, 7000);
    run_callbacks();
    later(59000);
    assert_int_equal(t.opens, 1);
    assert_int_equal(t.notices, 0);
    later(2000);
    run_callbacks();
    assert_int_equal(t.opens, 2);
    assert_int_equal(t.notices, 1);
    assert_int_equal(t.opened_at.place, FETCH_AFTER);
    assert_string_equal(t.opened_at.sequence, "4");
    fetched(5, 1, 0);
    run_callbacks();
    assert_int_equal(t.records, 5);
    leave_and_finish();
}

static void a_fetch_at_the_tip_is_not_stuck(void **state)
{
    (void)state;
    begin_at("", 0);
    run_callbacks();
    for (int i = 0; i < 10; i++) {
        later(30000);
        fetched(1, 0, 0);
    }
    run_callbacks();
    assert_int_equal(t.opens, 1);
    assert_int_equal(t.notices, 0);
    leave_and_finish();
}

static void a_handler_that_does_not_return_is_told_of(void **state)
{
    (void)state;
    begin_at("", 0);
    run_callbacks();
    fetched(1, 4, 0);
    step(); /* handed to the pool, and not run */
    clock_manual_advance_ms(&t.clock, 59000);
    fetched(5, 0, 0);
    step();
    assert_int_equal(t.notices, 0);
    clock_manual_advance_ms(&t.clock, 2000);
    step();
    assert_int_equal(t.notices, 1);
    assert_non_null(strstr(t.said, "handler has not returned"));
    leave_and_finish();
}

static void without_push_a_shard_is_polled_where_it_was(void **state)
{
    (void)state;
    struct sluice_error e;
    begin_at("", 0);
    t.host.push = true;
    run_callbacks();
    assert_true(t.open_push);
    fetched(1, 4, 0);
    error_set(&e, SLUICE_SERVICE, "no");
    t.fetch.sink->failed(&t.fetch, FETCH_NO_PUSH, &e);
    run_callbacks();
    assert_int_equal(t.opens, 2);
    assert_false(t.open_push);
    assert_string_equal(t.opened_at.sequence, "4");
    assert_int_equal(t.hopeless, SLUICE_OK);
    leave_and_finish();
}

static void failures_that_do_not_pass_stop_the_worker(void **state)
{
    (void)state;
    struct sluice_error e;
    begin_at("", 0);
    run_callbacks();
    error_set(&e, SLUICE_CREDENTIALS, "no");
    t.fetch.sink->failed(&t.fetch, FETCH_HOPELESS, &e);
    assert_int_equal(t.hopeless, SLUICE_CREDENTIALS);
    leave_and_finish();

    begin_at("", 0);
    run_callbacks();
    t.handler_answer = SLUICE_IO;
    fetched(1, 4, 0);
    run_callbacks();
    assert_int_equal(t.hopeless, SLUICE_IO);
    leave_and_finish();
}

static void without_memory_a_batch_is_tried_again(void **state)
{
    (void)state;
    begin_at("", 0);
    run_callbacks();
    for (long i = 1; i < 20; i++) {
        fetched(1 + 4 * ((uint64_t)i - 1), 4, 0);
        step();
        failing_begin(i);
        callback_pool_run_one(t.host.pool);
        bool failed = failing_end();
        run_callbacks();
        for (int wait = 0; wait < 20; wait++)
            later(6000);
        assert_int_equal(t.records, 4 * i);
        if (!failed)
            break;
        assert_true(t.notices > 0);
    }
    leave_and_finish();
}

static void without_memory_no_shard_begins(void **state)
{
    (void)state;
    begin_at("", 0);
    const struct sluice_lease lease = {.shard_id = "shard-2", .epoch = 3};
    failing_begin(1);
    assert_null(shard_reader_new(&t.host, &lease, KEY_RANGE_ALL));
    failing_end();
    t.open_fails = true;
    run_callbacks();
    assert_int_equal(t.opens, 0);
    t.open_fails = false;
    later(200);
    assert_int_equal(t.opens, 1);
    leave_and_finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shard_begins_where_its_checkpoint_says),
        cmocka_unit_test(records_are_handed_out_in_slices_and_in_order_after_shard_begin),
        cmocka_unit_test(no_more_is_wanted_while_batches_wait),
        cmocka_unit_test(news_of_nothing_are_handed_out_only_when_nothing_else_is),
        cmocka_unit_test(a_fetch_that_is_stuck_is_opened_anew_where_it_was),
        cmocka_unit_test(a_fetch_at_the_tip_is_not_stuck),
        cmocka_unit_test(a_handler_that_does_not_return_is_told_of),
        cmocka_unit_test(without_push_a_shard_is_polled_where_it_was),
        cmocka_unit_test(failures_that_do_not_pass_stop_the_worker),
        cmocka_unit_test(without_memory_a_batch_is_tried_again),
        cmocka_unit_test(without_memory_no_shard_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
