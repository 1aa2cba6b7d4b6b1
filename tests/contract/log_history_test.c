/* log_history_test.c: logs that live long: their retention changes, all of theirs is taken by
 * retention, their streams are deleted, the machine fails in between. On the embedded engine. */
#include "base/mem.h"
#include "base/must.h"
#include "support/log_driver.h"
#include "support/log_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static void append_from(struct log_fixture *x, struct log *l, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        char text[32];
        uint64_t offset;
        snprintf(text, sizeof(text), "r-%u", i);
        assert_int_equal(driver_append(x->engine, l, text, &offset), OK);
        assert_int_equal(offset, i);
    }
}

/* Pushes everything else out of the tail. */
static void crowd_the_tail(struct log_fixture *x)
{
    struct log *other = driver_open(x->engine, 77, 0);
    assert_int_equal(driver_append_many(x->engine, other, "x", 100, 1000), 100);
}

static void wander(struct log_fixture *x)
{
    struct log *l = driver_open(x->engine, 1, 0);
    append_from(x, l, 0, 10);
    x->engine->ops->set_retention(l, 48);
    append_from(x, l, 10, 10);
    x->engine->ops->set_retention(l, 24);
    append_from(x, l, 20, 10);
    x->engine->ops->set_retention(l, 48);
    append_from(x, l, 30, 10);
}

static void a_log_whose_retention_changes_and_changes_back_is_read_whole(void **state)
{
    struct log_fixture *x = *state;
    wander(x);
    struct log *l = driver_open(x->engine, 1, 0);
    assert_log_is(l, "r", 40);
    crowd_the_tail(x);
    assert_log_is(l, "r", 40);
    log_fixture_reopen(x);
    l = driver_open(x->engine, 1, 0);
    assert_log_is(l, "r", 40);
    append_from(x, l, 40, 5);
    assert_log_is(l, "r", 45);
}

static void a_crash_after_retention_changed_back_loses_nothing(void **state)
{
    struct log_fixture *x = *state;
    log_fixture_crash(x, wander);
    log_fixture_open(x);
    struct log *l = driver_open(x->engine, 1, 0);
    assert_log_is(l, "r", 40);
    append_from(x, l, 40, 5);
    log_fixture_reopen(x);
    assert_log_is(driver_open(x->engine, 1, 0), "r", 45);
}

static void times_are_found_across_changes_of_retention(void **state)
{
    struct log_fixture *x = *state;
    struct log *l = driver_open(x->engine, 1, 0);
    for (unsigned i = 0; i < 6; i++) {
        x->engine->ops->set_retention(l, i % 2 ? 48 : 24);
        append_from(x, l, 10 * i, 10);
        clock_manual_advance_ms(&x->clock, 1000);
    }
    for (int round = 0; round < 2; round++) {
        crowd_the_tail(x);
        for (unsigned i = 0; i < 6; i++) {
            uint64_t offset;
            assert_int_equal(driver_find_time(l, LOG_FIXTURE_START_MS + 1000 * i, &offset), OK);
            assert_int_equal(offset, 10 * i);
        }
        log_fixture_reopen(x);
        l = driver_open(x->engine, 1, 0);
    }
}

static void a_log_that_lost_all_to_retention_still_knows_its_end(void **state)
{
    struct log_fixture *x = *state;
    struct log *l = driver_open(x->engine, 1, 0), *sealed = driver_open(x->engine, 1, 1);
    struct log_bounds bounds;
    append_from(x, l, 0, 20);
    append_from(x, sealed, 0, 3);
    assert_int_equal(driver_seal(x->engine, sealed), OK);
    log_fixture_reopen(x);
    struct log_fixture_keeper k = log_fixture_keep(LOG_FIXTURE_START_MS + 1, 0);
    log_fixture_trim(x, &k);
    log_fixture_reopen(x);
    l = driver_open(x->engine, 1, 0);
    sealed = driver_open(x->engine, 1, 1);
    log_bounds(l, &bounds);
    assert_int_equal(bounds.begin, 20);
    assert_int_equal(bounds.end, 20);
    assert_int_equal(bounds.last_ms, LOG_FIXTURE_START_MS);
    log_bounds(sealed, &bounds);
    assert_int_equal(bounds.end, 4);
    assert_true(bounds.sealed);
    assert_int_equal(driver_append(x->engine, sealed, "late", NULL), SEALED);
    append_from(x, l, 20, 5);
    log_fixture_reopen(x);
    log_bounds(driver_open(x->engine, 1, 0), &bounds);
    assert_int_equal(bounds.begin, 20);
    assert_int_equal(bounds.end, 25);
}

static void a_log_begins_behind_what_was_dropped_even_if_older_segments_stay(void **state)
{
    struct log_fixture *x = *state;
    struct log *l = driver_open(x->engine, 1, 0), *pin = driver_open(x->engine, 2, 0);
    struct log_bounds bounds;
    append_from(x, l, 0, 10);
    append_from(x, pin, 0, 1); /* kept: so its segment stays */
    log_fixture_reopen(x);
    append_from(x, driver_open(x->engine, 1, 0), 10, 10);
    log_fixture_reopen(x);
    append_from(x, driver_open(x->engine, 1, 0), 20, 1);
    driver_open(x->engine, 2, 0);
    struct log_fixture_keeper k = log_fixture_keep(LOG_FIXTURE_START_MS + 1, 0);
    k.kept = 2;
    log_fixture_trim(x, &k);
    for (int round = 0; round < 2; round++) {
        l = driver_open(x->engine, 1, 0);
        log_bounds(l, &bounds);
        assert_int_equal(bounds.begin, 20);
        assert_int_equal(bounds.end, 21);
        char *all = driver_all(l);
        assert_string_equal(all, "r-20");
        mem_free(all);
        assert_log_is(driver_open(x->engine, 2, 0), "r", 1);
        log_fixture_reopen(x);
    }
}

static void what_a_deleted_stream_left_in_the_index_goes_too(void **state)
{
    struct log_fixture *x = *state;
    struct log *l = driver_open(x->engine, 5, 0);
    append_from(x, l, 0, 10);
    log_fixture_reopen(x);
    struct log_fixture_keeper expired = log_fixture_keep(LOG_FIXTURE_START_MS + 1, 0);
    log_fixture_trim(x, &expired);
    struct log_fixture_keeper deleted = log_fixture_keep(0, 5);
    log_fixture_trim(x, &deleted);
    log_fixture_reopen(x);
    struct log_bounds bounds;
    log_bounds(driver_open(x->engine, 5, 0), &bounds); /* as if it had never been */
    assert_int_equal(bounds.end, 0);
}

/* More readers than segments that may be open: each evicts what another is about to open. */
static void many_readers_of_many_segments_are_all_answered(void **state)
{
    enum { RECORDS = 300, READS = 60, ROUNDS = 30 };
    struct log_fixture *x = *state;
    log_fixture_close(x);
    x->settings.open_segments_max = 1;
    x->settings.readers = 4;
    log_fixture_open(x);
    struct log *l = driver_open(x->engine, 1, 0);
    assert_int_equal(driver_append_many(x->engine, l, "r", RECORDS, 10000), RECORDS);
    log_fixture_reopen(x);
    l = driver_open(x->engine, 1, 0);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(driver_read_many(l, READS, RECORDS / READS), READS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_setup, log_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_log_whose_retention_changes_and_changes_back_is_read_whole),
        TEST(a_crash_after_retention_changed_back_loses_nothing),
        TEST(times_are_found_across_changes_of_retention),
        TEST(a_log_that_lost_all_to_retention_still_knows_its_end),
        TEST(a_log_begins_behind_what_was_dropped_even_if_older_segments_stay),
        TEST(what_a_deleted_stream_left_in_the_index_goes_too),
        TEST(many_readers_of_many_segments_are_all_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
