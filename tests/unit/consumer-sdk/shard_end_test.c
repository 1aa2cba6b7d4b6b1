/* shard_end_test.c: checkpoints of a shard, its end, and its being let go. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "unit/consumer-sdk/shard_script.h"

static void the_end_comes_after_the_last_batch_and_is_saved_by_itself(void **state)
{
    (void)state;
    begin_at("", 1000);
    run_callbacks();
    fetched(1, 2, 0);
    t.fetch.sink->ended(&t.fetch);
    run_callbacks();
    assert_int_equal(t.records, 2);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.why, SLUICE_SHARD_ENDED);
    assert_string_equal(t.committed.sequence_number, SLUICE_SHARD_END);
    assert_int_equal(t.shard->state, SHARD_OVER);
    finish();
}

static void an_end_before_shard_begin_returned_waits_for_it(void **state)
{
    (void)state;
    begin_at("", 0);
    step();
    t.fetch.sink->ended(&t.fetch);
    step();
    assert_int_equal(t.ends, 0);
    run_callbacks();
    assert_int_equal(t.begins, 1);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.shard->state, SHARD_OVER);
    assert_int_equal(t.commits, 0); /* the handler has a shard_end, and did not */
    finish();
}

static void the_handler_marks_the_end_but_not_before_it(void **state)
{
    (void)state;
    struct sluice_error e;
    begin_at("", 0);
    run_callbacks();
    fetched(1, 2, 0);
    run_callbacks();
    assert_int_equal(sluice_checkpoint_end(t.shard, &e), SLUICE_INVALID_ARGUMENT);
    t.checkpoints_end = true;
    t.fetch.sink->ended(&t.fetch);
    run_callbacks();
    assert_string_equal(t.committed.sequence_number, SLUICE_SHARD_END);
    assert_int_equal(t.commits, 1);
    finish();
}

static void a_revoked_shard_finishes_its_batch_drops_the_rest_and_is_saved(void **state)
{
    (void)state;
    begin_at("", 60000);
    run_callbacks();
    fetched(1, 4, 5);
    fetched(5, 4, 5);
    step();
    shard_reader_leave(t.shard, SLUICE_SHARD_REVOKED);
    run_callbacks();
    assert_true(t.records ==
                0); /* the batch under way saw that it is to leave before its first slice */
    assert_int_equal(t.why, SLUICE_SHARD_REVOKED);
    finish();

    begin_at("", 60000);
    run_callbacks();
    fetched(1, 4, 5);
    step();
    callback();
    fetched(5, 4, 5);
    shard_reader_leave(t.shard, SLUICE_SHARD_REVOKED);
    run_callbacks();
    assert_int_equal(t.records, 4);
    assert_string_equal(t.committed.sequence_number, "4");
    assert_int_equal(t.shard->state, SHARD_OVER);
    finish();
}

static void nothing_is_saved_for_a_shard_that_was_lost(void **state)
{
    (void)state;
    begin_at("", 60000);
    run_callbacks();
    fetched(1, 4, 5);
    run_callbacks();
    shard_reader_leave(t.shard, SLUICE_SHARD_REVOKED);
    shard_reader_leave(t.shard, SLUICE_SHARD_LOST);
    run_callbacks();
    assert_int_equal(t.why, SLUICE_SHARD_LOST);
    assert_int_equal(t.commits, 0);
    finish();
}

static void a_fenced_checkpoint_loses_the_shard(void **state)
{
    (void)state;
    begin_at("", 0);
    run_callbacks();
    t.checkpoints = true;
    t.commit_answer = SLUICE_FENCED;
    fetched(1, 4, 5);
    run_callbacks();
    assert_int_equal(t.why, SLUICE_SHARD_LOST);
    assert_int_equal(t.shard->state, SHARD_OVER);
    finish();
}

static void what_was_handled_is_saved_at_intervals(void **state)
{
    (void)state;
    begin_at("", 5000);
    run_callbacks();
    fetched(1, 4, 5);
    run_callbacks();
    assert_int_equal(t.commits, 0);
    later(5000);
    assert_int_equal(t.commits, 1);
    assert_string_equal(t.committed.sequence_number, "4");
    later(5000);
    assert_int_equal(t.commits, 1); /* nothing new */
    leave_and_finish();
}

static void the_last_checkpoint_is_tried_again_but_not_for_ever(void **state)
{
    (void)state;
    begin_at("", 60000);
    run_callbacks();
    fetched(1, 4, 5);
    run_callbacks();
    t.commit_answer = SLUICE_TRANSPORT;
    shard_reader_leave(t.shard, SLUICE_SHARD_REVOKED);
    run_callbacks();
    assert_int_equal(t.shard->state, SHARD_SAVES);
    for (int i = 0; i < 50 && t.shard->state == SHARD_SAVES; i++)
        later(5000);
    assert_int_equal(t.shard->state, SHARD_OVER);
    assert_in_range(t.commits, 10, 20);
    finish();
}

static void a_checkpoint_beyond_what_was_handed_out_is_refused(void **state)
{
    (void)state;
    struct sluice_error e;
    struct sluice_received r = {.sequence_number = "5"};
    begin_at("", 0);
    run_callbacks();
    assert_int_equal(sluice_checkpoint_batch(t.shard, &e), SLUICE_OK); /* nothing yet */
    assert_int_equal(t.commits, 0);
    fetched(1, 4, 0);
    run_callbacks();
    assert_int_equal(sluice_checkpoint(t.shard, &r, &e), SLUICE_INVALID_ARGUMENT);
    r.sequence_number = "3";
    assert_int_equal(sluice_checkpoint(t.shard, &r, &e), SLUICE_OK);
    r.sequence_number = "2";
    assert_int_equal(sluice_checkpoint(t.shard, &r, &e), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_checkpoint_batch(t.shard, &e), SLUICE_OK);
    assert_string_equal(t.committed.sequence_number, "4");
    leave_and_finish();
}

static void while_the_lease_is_in_doubt_nothing_is_handed_out(void **state)
{
    (void)state;
    begin_at("", 0);
    run_callbacks();
    fetched(1, 4, 0);
    shard_reader_step(t.shard, clock_mono_us(&t.clock.clock), true);
    assert_false(t.shard->busy);
    run_callbacks();
    assert_int_equal(t.records, 4);
    leave_and_finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_comes_after_the_last_batch_and_is_saved_by_itself),
        cmocka_unit_test(an_end_before_shard_begin_returned_waits_for_it),
        cmocka_unit_test(the_handler_marks_the_end_but_not_before_it),
        cmocka_unit_test(a_revoked_shard_finishes_its_batch_drops_the_rest_and_is_saved),
        cmocka_unit_test(nothing_is_saved_for_a_shard_that_was_lost),
        cmocka_unit_test(a_fenced_checkpoint_loses_the_shard),
        cmocka_unit_test(what_was_handled_is_saved_at_intervals),
        cmocka_unit_test(the_last_checkpoint_is_tried_again_but_not_for_ever),
        cmocka_unit_test(a_checkpoint_beyond_what_was_handed_out_is_refused),
        cmocka_unit_test(while_the_lease_is_in_doubt_nothing_is_handed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
