/* dispatch_test.c: the middle of a producer against a service that throttles, fails, loses answers, splits and merges, all by a seed. */
#include "unit/consumer-sdk/dispatch_fixture.h"

enum { RECORDS = 3000, SEEDS = 12 };

static const struct fake_manners good = {0};
static const struct fake_manners bad = {.throttle = 30,
                                        .internal = 20,
                                        .lose_before = 30,
                                        .lose_after = 30,
                                        .reshard = 8,
                                        .list_fails = 200};

static void all_is_stored(struct dispatch_options o, struct fake_manners m, unsigned stored_most,
                          bool in_order)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fake *f = fake_new(o, m, seed, 1 + (unsigned)seed % 5);
        play(f, RECORDS);
        for (unsigned i = 0; i < RECORDS; i++) {
            assert_int_equal(f->records[i].status, SLUICE_OK);
            assert_true(f->records[i].stored >= 1);
            if (stored_most && f->records[i].stored > stored_most)
                fail_msg("record %u lies there %u times", i, f->records[i].stored);
        }
        if (in_order)
            stored_in_order(f);
        assert_int_equal(f->dispatch.counts.stored, RECORDS);
        fake_free(f);
    }
}

static void a_good_service_gets_each_record_once(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    all_is_stored(o, good, 1, false);
    o.aggregate_bytes_max = 1000;
    all_is_stored(o, good, 1, false);
    o.ordered = true;
    all_is_stored(o, good, 1, true);
}

static void a_bad_one_gets_each_at_least_once(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    all_is_stored(o, bad, 0, false);
    o.aggregate_bytes_max = 1000;
    all_is_stored(o, bad, 0, false);
}

static void order_is_kept_whatever_happens(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    o.ordered = true;
    all_is_stored(o, bad, 0, true);
    o.aggregate_bytes_max = 1000;
    all_is_stored(o, bad, 0, true);
    o.idempotent = true;
    all_is_stored(o, bad, 0, true);
}

static void lost_answers_store_nothing_twice_with_numbers(void **state)
{
    (void)state;
    struct fake_manners m = bad;
    struct dispatch_options o = fake_options();
    o.idempotent = true;
    all_is_stored(o, m, 1, false);
    o.aggregate_bytes_max =
        1000; /* what is packed anew for new shards has new numbers, and readers drop what it was before */
    all_is_stored(o, m, 1, false);
    o.ordered = true;
    all_is_stored(o, m, 1, true);
    o.ordered = false;
    o.idempotent = false; /* the test can tell: without numbers there are doubles */
    struct fake *f = fake_new(o, m, 1, 3);
    play(f, RECORDS);
    unsigned doubles = 0;
    for (unsigned i = 0; i < RECORDS; i++)
        doubles += f->records[i].stored > 1;
    assert_true(doubles > 0);
    fake_free(f);
}

static void calls_are_filled_and_not_too_many(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    o.calls_max = 3;
    o.batch_bytes_max = 1000000;
    struct fake *f = fake_new(o, good, 5, 4);
    for (unsigned i = 0; i < 1000; i++)
        fake_put(f);
    fake_take(f);
    drain(f);
    assert_int_equal(f->call_most, 3);
    assert_int_equal(f->in_call_most, o.batch_records_max);
    fake_free(f);
}

/* P3: when one fails for good, those behind it in its shard fail, and later ones are stored. */
static void those_behind_a_failed_one_fail_when_order_is_to_be_kept(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    struct fake_manners m = {.fatal = 20, .throttle = 50, .lose_before = 20, .reshard = 5};
    o.ordered = true;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fake *f = fake_new(o, m, seed, 3);
        play(f, RECORDS);
        unsigned cancelled = 0, failed = 0, stored = 0;
        for (unsigned i = 0; i < RECORDS; i++) {
            cancelled += f->records[i].status == SLUICE_CANCELLED;
            failed += f->records[i].status == SLUICE_SERVICE;
            stored += f->records[i].status == SLUICE_OK;
        }
        assert_true(failed > 0 && cancelled > 0 && stored > 0);
        assert_int_equal(failed + cancelled + stored, RECORDS);
        stored_in_order(f);
        fake_free(f);
    }
}

static void only_what_failed_is_sent_again(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    struct fake_manners m = {.throttle = 100, .internal = 100};
    struct fake *f = fake_new(o, m, 3, 2);
    play(f, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++)
        assert_int_equal(f->records[i].seen, 1);
    assert_true(f->dispatch.counts.retried > RECORDS / 10);
    assert_true(f->dispatch.counts.throttled > RECORDS / 20);
    fake_free(f);
}

/* Nobody answers: each record has its completion when its time is up, not before. */
static void time_runs_out(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    o.timeout_us = 2000000;
    struct fake *f = fake_new(o, (struct fake_manners){.throttle = 1000}, 3, 2);
    uint64_t put_us = f->now_us;
    for (unsigned i = 0; i < 100; i++)
        fake_put(f);
    fake_take(f);
    while (!f->records[0].completions) {
        assert_true(f->now_us < put_us + 2100000);
        step(f);
    }
    assert_true(f->now_us >= put_us + 1990000);
    drain(f);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(f->records[i].status, SLUICE_TIMED_OUT);
    fake_free(f);
}

static void without_a_map_nothing_goes_and_time_runs_out(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    o.timeout_us = 500000;
    struct fake *f = fake_new(o, (struct fake_manners){.list_fails = 1000}, 3, 2);
    for (unsigned i = 0; i < 10; i++)
        fake_put(f);
    fake_take(f);
    drain(f);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(f->records[i].status, SLUICE_TIMED_OUT);
    assert_int_equal(f->dispatch.counts.calls, 0);
    fake_free(f);
}

static void what_is_cancelled_is_completed(void **state)
{
    (void)state;
    struct dispatch_options o = fake_options();
    o.aggregate_bytes_max = 1000;
    struct fake *f = fake_new(o, bad, 3, 2);
    for (unsigned i = 0; i < 1000; i++) {
        fake_put(f);
        fake_take(f);
        step(f);
    }
    dispatch_cancel(&f->dispatch, f->now_us);
    drain(f);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(f->records[i].completions, 1);
    fake_free(f);
}

static void numbers_are_named_by_their_runs(void **state)
{
    (void)state;
    struct parcel parcels[5] = {
        {.number = 100}, {.number = 101}, {.number = 102}, {.number = 110}, {.number = 111}};
    struct put_call *c = mem_must(sizeof(*c) + sizeof(parcels));
    struct buf out;
    buf_init(&out, 100);
    for (c->count = 0; c->count < 5; c->count++)
        c->parcels[c->count] = &parcels[c->count];
    dispatch_numbers(c, &out);
    assert_true(bytes_equal(buf_view(&out), BYTES_LITERAL("100+3,110+2")));
    buf_clear(&out);
    c->count = 3;
    dispatch_numbers(c, &out);
    assert_true(bytes_equal(buf_view(&out), BYTES_LITERAL("100")));
    buf_fini(&out);
    mem_free(c);
}

/* A record that lingers has its moment; until then nothing is due, and nothing goes. */
static void a_lone_record_lingers_no_longer_than_it_was_told(void **state)
{
    (void)state;
    struct fake *f = fake_new(fake_options(), good, 3, 1);
    while (!f->dispatch.map)
        step(f);
    fake_put(f);
    uint64_t put_us = f->now_us;
    fake_take(f);
    assert_null(dispatch_next(&f->dispatch, put_us + 4999));
    assert_int_equal(dispatch_due_us(&f->dispatch, put_us), put_us + 5000);
    f->calls[f->call_count++] = dispatch_next(&f->dispatch, put_us + 5000);
    assert_non_null(f->calls[0]);
    fake_put(f);
    fake_take(f);
    f->dispatch.flush_order = f->intake.order; /* a flush waits for nobody */
    f->calls[f->call_count++] = dispatch_next(&f->dispatch, put_us + 1);
    assert_non_null(f->calls[1]);
    drain(f);
    fake_free(f);
}

/* Packed ones that wait; of these, or only of those that have their digests. */
static unsigned packed_waiting(const struct fake *f, bool sealed)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < f->dispatch.map->count; i++) {
        LIST_EACH(node, keep, &f->dispatch.queues[i]->ready)
        {
            const struct parcel *p = parcel_of(node);
            count += p->entries && (p->sealed || !sealed);
        }
    }
    return count;
}

/* That they are the right ones is seen by whoever takes them apart. */
static void what_goes_next_is_sealed_with_a_call_as_far_as_lanes_are_free(void **state)
{
    (void)state;
    const unsigned lanes = (unsigned)digest_md5_width();
    struct dispatch_options o = fake_options();
    o.aggregate_bytes_max = 1000;
    o.batch_records_max = 5;
    struct fake *f = fake_new(o, good, 3, 3);
    while (!f->dispatch.map)
        step(f);
    for (unsigned i = 0; i < RECORDS; i++)
        fake_put(f);
    fake_take(f);
    assert_int_equal(packed_waiting(f, true), 0);
    struct put_call *c = dispatch_next(&f->dispatch, f->now_us);
    assert_non_null(c);
    unsigned own = 0;
    for (uint32_t i = 0; i < c->count; i++)
        own += c->parcels[i]->entries != NULL;
    assert_true(own > 0 && packed_waiting(f, false) > 2 * MD5_WIDTH_MAX);
    dispatch_seal(&f->dispatch, c);
    assert_int_equal(packed_waiting(f, true), (lanes - own % lanes) % lanes);
    f->calls[f->call_count++] = c;
    drain(f);
    for (unsigned i = 0; i < RECORDS; i++)
        assert_int_equal(f->records[i].seen, 1);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_service_gets_each_record_once),
        cmocka_unit_test(a_bad_one_gets_each_at_least_once),
        cmocka_unit_test(order_is_kept_whatever_happens),
        cmocka_unit_test(lost_answers_store_nothing_twice_with_numbers),
        cmocka_unit_test(calls_are_filled_and_not_too_many),
        cmocka_unit_test(those_behind_a_failed_one_fail_when_order_is_to_be_kept),
        cmocka_unit_test(only_what_failed_is_sent_again),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(without_a_map_nothing_goes_and_time_runs_out),
        cmocka_unit_test(what_is_cancelled_is_completed),
        cmocka_unit_test(numbers_are_named_by_their_runs),
        cmocka_unit_test(a_lone_record_lingers_no_longer_than_it_was_told),
        cmocka_unit_test(what_goes_next_is_sealed_with_a_call_as_far_as_lanes_are_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
