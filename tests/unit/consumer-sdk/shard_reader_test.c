/* shard_reader_test.c: the life of one shard, with a fetch that does what the test says, and a clock that stands still. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "consumer-sdk/shard_reader.h"

#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "support/failing.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

enum { SECOND_US = 1000000 };

/* ---- the fetch, the host, the handler: what they were told, and what they answer ---- */

struct script {
    struct shard_host host;
    struct clock_manual clock;
    struct sluice_shard *shard;
    struct fetch fetch;
    unsigned opens, closes, commits, notices;
    bool open, open_fails, open_push;
    struct fetch_from opened_at;
    enum sluice_status commit_answer, handler_answer;
    struct sluice_checkpoint_at committed;
    enum sluice_status hopeless;
    bool checkpoints, checkpoints_end;
    unsigned begins, ends, batches;
    uint64_t records, last;
    enum sluice_end why;
    char said[512];
};
static struct script t;
static sluice_shard *handed_shard;
static char last_sequence[SLUICE_SEQUENCE_BYTES];

static uint64_t fetch_nothing(struct fetch *f, uint64_t now_us)
{
    (void)f;
    (void)now_us;
    return UINT64_MAX;
}

static void fetch_closed(struct fetch *f)
{
    (void)f;
    t.closes++;
    t.open = false;
}

static struct fetch *open_fetch(struct shard_host *host, const char *shard_id,
                                const struct fetch_from *from, bool push)
{
    static const struct fetch_ops ops = {fetch_nothing, fetch_closed};
    (void)host;
    assert_string_equal(shard_id, "shard-1");
    assert_false(t.open);
    if (t.open_fails)
        return NULL;
    t.opens++;
    t.open = true;
    t.open_push = push;
    t.opened_at = *from;
    t.fetch = (struct fetch){.ops = &ops, .from = *from, .push = push};
    return &t.fetch;
}

static enum sluice_status commit(struct shard_host *host, const struct sluice_lease *lease,
                                 const struct sluice_checkpoint_at *at, struct sluice_error *error)
{
    (void)host;
    assert_int_equal(lease->epoch, 3);
    t.commits++;
    if (t.commit_answer == SLUICE_OK)
        t.committed = *at;
    return t.commit_answer == SLUICE_OK ? SLUICE_OK : error_set(error, t.commit_answer, "no");
}

static void notice(struct shard_host *host, const char *shard_id, const char *text)
{
    (void)host;
    (void)shard_id;
    t.notices++;
    snprintf(t.said, sizeof(t.said), "%s", text);
}

static void hopeless(struct shard_host *host, const struct sluice_error *error)
{
    (void)host;
    t.hopeless = error->status;
}

static void on_begin(void *context, sluice_shard *shard)
{
    (void)context;
    handed_shard = shard;
    t.begins++;
}

static enum sluice_status on_records(void *context, sluice_shard *shard,
                                     const struct sluice_batch *batch)
{
    struct sluice_error e;
    (void)context;
    assert_int_equal(t.begins, 1);
    assert_int_equal(t.ends, 0);
    t.batches++;
    for (size_t i = 0; i < batch->count; i++) {
        t.records++;
        uint64_t number;
        assert_true(bytes_to_u64(bytes_text(batch->records[i].sequence_number), &number));
        assert_true(number > t.last); /* W2 */
        t.last = number;
        snprintf(last_sequence, sizeof(last_sequence), "%s", batch->records[i].sequence_number);
    }
    if (t.checkpoints)
        assert_int_equal(sluice_checkpoint_batch(shard, &e), t.commit_answer);
    return t.handler_answer;
}

static void on_end(void *context, sluice_shard *shard, enum sluice_end why)
{
    struct sluice_error e;
    (void)context;
    t.ends++;
    t.why = why;
    if (t.checkpoints_end)
        assert_int_equal(sluice_checkpoint_end(shard, &e), SLUICE_OK);
}

static void wake(void *arg)
{
    (void)arg;
}

static void begin_at(const char *checkpoint, unsigned checkpoint_every_ms)
{
    static const struct shard_host_ops ops = {open_fetch, commit, notice, hopeless};
    struct sluice_error e;
    struct sluice_lease lease = {.shard_id = "shard-1", .epoch = 3};
    snprintf(lease.checkpoint.sequence_number, sizeof(lease.checkpoint.sequence_number), "%s",
             checkpoint);
    t = (struct script){.commit_answer = SLUICE_OK};
    clock_manual_init(&t.clock, 1000000);
    clock_manual_advance_ms(&t.clock, 1000);
    t.host = (struct shard_host){.ops = &ops,
                                 .clock = &t.clock.clock,
                                 .handler = {on_begin, on_records, on_end, NULL},
                                 .checkpoint_every_ms = checkpoint_every_ms,
                                 .records_max = 4,
                                 .batches_max = 2,
                                 .stuck_ms = 60000,
                                 .first = {.place = FETCH_LATEST}};
    random_seed(&t.host.random, 1);
    assert_int_equal(callback_pool_new(0, wake, NULL, &t.host.pool, &e), SLUICE_OK);
    t.shard = shard_reader_new(&t.host, &lease);
    assert_non_null(t.shard);
}

static void step(void)
{
    shard_reader_step(t.shard, clock_mono_us(&t.clock.clock), false);
}

/* The callback that waits, if one does; then a step. */
static bool callback(void)
{
    struct list done;
    bool ran = callback_pool_run_one(t.host.pool);
    list_init(&done);
    callback_pool_take_done(t.host.pool, &done);
    LIST_EACH(node, keep, &done)
    {
        list_remove(node);
        shard_reader_task_done(shard_of_task(node), clock_mono_us(&t.clock.clock));
    }
    step();
    return ran;
}

static void run_callbacks(void)
{
    step();
    while (callback())
        ;
}

static void later(unsigned ms)
{
    clock_manual_advance_ms(&t.clock, ms);
    run_callbacks();
}

/* Records first to first + count - 1, from the fetch. */
static void fetched(uint64_t first, uint32_t count, int64_t behind_ms)
{
    static struct sluice_kinesis_record records[64];
    static char numbers[64][24];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "%llu", (unsigned long long)first + i);
        records[i] = (struct sluice_kinesis_record){.sequence_number = sluice_text(numbers[i]),
                                                    .data = sluice_text("d"),
                                                    .partition_key = sluice_text("k")};
    }
    struct fetched *b = fetched_copy(records, count, behind_ms);
    assert_non_null(b);
    if (count > 0)
        assert_true(fetch_after(&t.fetch.from, records[count - 1].sequence_number));
    t.fetch.sink->batch(&t.fetch, b);
}

static void finish(void)
{
    shard_reader_free(t.shard);
    callback_pool_free(t.host.pool);
    assert_int_equal(t.opens, t.closes);
}

static void leave_and_finish(void)
{
    shard_reader_leave(t.shard, SLUICE_SHARD_LOST);
    run_callbacks();
    assert_int_equal(t.shard->state, SHARD_OVER);
    finish();
}

/* ---- tests ---- */

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
    assert_null(shard_reader_new(&t.host, &lease));
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
        cmocka_unit_test(the_end_comes_after_the_last_batch_and_is_saved_by_itself),
        cmocka_unit_test(an_end_before_shard_begin_returned_waits_for_it),
        cmocka_unit_test(the_handler_marks_the_end_but_not_before_it),
        cmocka_unit_test(a_revoked_shard_finishes_its_batch_drops_the_rest_and_is_saved),
        cmocka_unit_test(nothing_is_saved_for_a_shard_that_was_lost),
        cmocka_unit_test(a_fenced_checkpoint_loses_the_shard),
        cmocka_unit_test(what_was_handled_is_saved_at_intervals),
        cmocka_unit_test(the_last_checkpoint_is_tried_again_but_not_for_ever),
        cmocka_unit_test(a_fetch_that_is_stuck_is_opened_anew_where_it_was),
        cmocka_unit_test(a_fetch_at_the_tip_is_not_stuck),
        cmocka_unit_test(a_handler_that_does_not_return_is_told_of),
        cmocka_unit_test(without_push_a_shard_is_polled_where_it_was),
        cmocka_unit_test(failures_that_do_not_pass_stop_the_worker),
        cmocka_unit_test(a_checkpoint_beyond_what_was_handed_out_is_refused),
        cmocka_unit_test(while_the_lease_is_in_doubt_nothing_is_handed_out),
        cmocka_unit_test(without_memory_a_batch_is_tried_again),
        cmocka_unit_test(without_memory_no_shard_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
