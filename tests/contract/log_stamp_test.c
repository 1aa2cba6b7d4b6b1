/* log_stamp_test.c: the log contract's L9, on the embedded engine and on the tests' own in memory: a number of a producer is stored at most once. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "support/log_driver.h"
#include "support/log_fixture.h"
#include "support/log_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

static struct driver_put put;

static enum status put_row(struct log_engine *e, struct log *l, const char *producer,
                           uint64_t epoch, uint64_t first, uint32_t count)
{
    put = (struct driver_put){
        .log = l, .producer = producer, .epoch = epoch, .first = first, .count = count};
    driver_put_all(e, &put, 1);
    return put.status;
}

/* What the last put was told of its number `i`. */
static void assert_stored_at(uint32_t i, uint32_t shard, uint64_t offset)
{
    assert_int_equal(put.status, REPEATED);
    assert_int_equal(put.answers[i].state, NUMBER_STORED);
    assert_int_equal(put.answers[i].shard, shard);
    assert_int_equal(put.answers[i].offset, offset);
}

static void assert_all(struct log *l, const char *expected)
{
    char *all = driver_all(l);
    assert_string_equal(all, expected);
    mem_free(all);
}

/* ---- both engines ---- */

static void repeat_and_mix(struct log_engine *e)
{
    struct log *l = driver_open(e, 1, 0), *other = driver_open(e, 1, 1);
    assert_int_equal(put_row(e, l, "p", 1, 10, 3), OK);
    uint64_t time_ms = put.time_ms;
    assert_int_equal(put_row(e, l, "p", 1, 10, 3), REPEATED);
    for (uint32_t i = 0; i < 3; i++) {
        assert_stored_at(i, 0, i);
        assert_int_equal(put.answers[i].time_ms, time_ms / 1000 * 1000);
    }
    assert_int_equal(put_row(e, l, "p", 1, 12, 2), REPEATED);
    assert_stored_at(0, 0, 2);
    assert_int_equal(put.answers[1].state, NUMBER_NEW);
    assert_int_equal(put_row(e, l, "p", 1, 13, 1), OK);
    assert_int_equal(put_row(e, l, "q", 1, 13, 1), OK);    /* another producer's */
    assert_int_equal(put_row(e, other, "p", 1, 5, 1), OK); /* another log's */
    assert_int_equal(put_row(e, l, "p", 1, 5, 1), OK);     /* lower, and never seen here */
    assert_all(l, "p-1-10,p-1-11,p-1-12,p-1-13,q-1-13,p-1-5");
    assert_all(other, "p-1-5");
}

static void change_epochs(struct log_engine *e)
{
    struct log *l = driver_open(e, 1, 0);
    assert_int_equal(put_row(e, l, "p", 3, 1, 2), OK);
    assert_int_equal(put_row(e, l, "p", 2, 3, 1), FENCED);
    assert_int_equal(put.newest_epoch, 3);
    assert_int_equal(put_row(e, l, "p", 4, 1, 1), OK); /* a new window */
    assert_int_equal(put_row(e, l, "p", 3, 1, 2), FENCED);
    assert_int_equal(put_row(e, l, "p", 4, 1, 1), REPEATED);
    assert_stored_at(0, 0, 2);
    assert_all(l, "p-3-1,p-3-2,p-4-1");
}

/* Put twice at once, in several pieces. */
static void meet_what_is_on_its_way(struct log_engine *e)
{
    enum { PUTS = 40 };
    struct log *l = driver_open(e, 1, 0);
    struct driver_put *puts = mem_must(PUTS * sizeof(*puts));
    for (uint32_t i = 0; i < PUTS; i++)
        puts[i] = (struct driver_put){
            .log = l, .producer = "p", .epoch = 1, .first = i % 20 * 2, .count = i < 20 ? 2 : 3};
    driver_put_all(e, puts, PUTS);
    for (uint32_t i = 0; i < PUTS; i++) {
        assert_int_equal(puts[i].status, i < 20 ? OK : REPEATED);
        for (uint32_t k = 0; i >= 20 && k < 3; k++) {
            uint64_t number = puts[i].first + k;
            assert_int_equal(puts[i].answers[k].state, number < 40 ? NUMBER_STORED : NUMBER_NEW);
            assert_true(number == 40 || puts[i].answers[k].offset == number);
        }
    }
    struct driver_put epochs[3] = {
        {.log = l, .producer = "p", .epoch = 2, .first = 0, .count = 1},
        {.log = l, .producer = "p", .epoch = 1, .first = 100, .count = 1},
        {.log = l, .producer = "p", .epoch = 2, .first = 0, .count = 1},
    };
    driver_put_all(e, epochs, 3);
    assert_int_equal(epochs[0].status, OK);
    assert_int_equal(epochs[1].status, FENCED);
    assert_int_equal(epochs[2].status, REPEATED);
    assert_int_equal(epochs[2].answers[0].offset, 40);
    mem_free(puts);
}

static void forget_what_is_old(struct log_engine *e)
{
    struct log *l = driver_open(e, 1, 0);
    for (uint64_t first = 0; first < PRODUCER_NUMBERS_MIN + 2000; first += 100)
        assert_int_equal(put_row(e, l, "p", 1, 100 + first, 100), OK);
    uint64_t last = 100 + PRODUCER_NUMBERS_MIN + 2000 - PRODUCER_NUMBERS_MIN % 100; /* about */
    assert_int_equal(put_row(e, l, "p", 1, last - PRODUCER_NUMBERS_MIN + 100, 1), REPEATED);
    assert_int_equal(put.answers[0].state, NUMBER_STORED);
    assert_int_equal(put_row(e, l, "p", 1, 100, 1), REPEATED);
    assert_int_equal(put.answers[0].state, NUMBER_FORGOTTEN);
    assert_int_equal(put_row(e, l, "p", 1, 7, 1), REPEATED); /* never stored; that is not known */
    assert_int_equal(put.answers[0].state, NUMBER_FORGOTTEN);
}

static void take_over(struct log_engine *e)
{
    struct log *left = driver_open(e, 1, 0), *right = driver_open(e, 1, 1);
    struct log *child = driver_open(e, 1, 2), *a = driver_open(e, 1, 3), *b = driver_open(e, 1, 4);
    struct fault f;
    assert_int_equal(put_row(e, left, "p", 1, 0, 2), OK);
    assert_int_equal(put_row(e, right, "p", 1, 2, 2), OK);
    assert_int_equal(put_row(e, right, "q", 5, 0, 1), OK);
    assert_int_equal(driver_seal(e, left), OK);
    assert_int_equal(driver_seal(e, right), OK);
    assert_int_equal(put_row(e, left, "p", 1, 0, 2), SEALED);
    assert_int_equal(log_take_over((struct log *[]){left, right}, 2, &child, 1, &f), OK);
    assert_int_equal(put_row(e, child, "p", 1, 0, 5), REPEATED);
    for (uint32_t i = 0; i < 4; i++)
        assert_stored_at(i, i / 2, i % 2);
    assert_int_equal(put.answers[4].state, NUMBER_NEW);
    assert_int_equal(put_row(e, child, "q", 4, 0, 1), FENCED);
    assert_int_equal(put_row(e, child, "p", 1, 4, 1), OK);
    assert_int_equal(driver_seal(e, child), OK);
    assert_int_equal(log_take_over(&child, 1, (struct log *[]){a, b}, 2, &f), OK);
    assert_int_equal(log_take_over(&child, 1, (struct log *[]){a, b}, 2, &f), OK); /* again */
    assert_int_equal(put_row(e, b, "p", 1, 1, 4), REPEATED);
    assert_stored_at(0, 0, 1);
    assert_stored_at(3, 2, 0);
    assert_int_equal(put_row(e, a, "q", 5, 0, 1), REPEATED);
}

#define ON_BOTH(test, work)                                                                        \
    static void test(void **state)                                                                 \
    {                                                                                              \
        struct log_fixture *x = *state;                                                            \
        struct log_engine *memory = log_memory_new(&x->clock.clock);                               \
        work(memory);                                                                              \
        memory->ops->close(memory);                                                                \
        work(x->engine);                                                                           \
    }
ON_BOTH(a_number_is_stored_once, repeat_and_mix)
ON_BOTH(an_older_epoch_is_fenced, change_epochs)
ON_BOTH(a_number_that_is_too_old_is_not_stored, forget_what_is_old)
ON_BOTH(children_know_what_their_parents_stored, take_over)

static void a_number_on_its_way_is_not_stored_twice(void **state)
{
    struct log_fixture *x = *state;
    meet_what_is_on_its_way(x->engine);
}

/* ---- the disk ---- */

/* The windows out of rows, and the stamps of what no row knows yet. */
static void put_rows(struct log_fixture *x)
{
    struct log *l = driver_open(x->engine, 1, 0);
    for (uint64_t first = 0; first < 3000; first += 30)
        assert_int_equal(put_row(x->engine, l, "p", 1, first, 30), OK);
    assert_int_equal(put_row(x->engine, l, "q", 7, 0, 5), OK);
    assert_int_equal(put_row(x->engine, l, "q", 8, 0, 5), OK);
}

static void assert_rows(struct log_fixture *x)
{
    struct log *l = driver_open(x->engine, 1, 0);
    for (uint64_t first = 0; first < 3000; first += 500) {
        assert_int_equal(put_row(x->engine, l, "p", 1, first, 500), REPEATED);
        for (uint32_t i = 0; i < 500; i++)
            assert_stored_at(i, 0, first + i);
    }
    assert_int_equal(put_row(x->engine, l, "q", 8, 3, 2), REPEATED);
    assert_stored_at(1, 0, 3009);
    assert_int_equal(put_row(x->engine, l, "q", 7, 3, 2), FENCED);
}

static void what_is_known_survives_closing_and_crashes(void **state)
{
    struct log_fixture *x = *state;
    put_rows(x);
    log_fixture_reopen(x);
    assert_rows(x);
    log_fixture_crash(x, assert_rows);
    log_fixture_open(x);
    assert_rows(x);
}

static void stamps_are_read_back_after_a_crash(void **state)
{
    struct log_fixture *x = *state;
    log_fixture_crash(x, put_rows);
    log_fixture_open(x);
    assert_rows(x);
    log_fixture_crash(x, assert_rows);
    log_fixture_open(x);
    assert_rows(x);
}

/* Segments fill and are sealed while numbers go on; what is on the disk differs at each crash. */
static void put_through_segments(struct log_fixture *x)
{
    struct log *l = driver_open(x->engine, 1, 0);
    struct log_bounds bounds;
    log_bounds(l, &bounds);
    for (uint64_t put_count = 0; put_count < 100; put_count++, bounds.end += 50) {
        assert_int_equal(put_row(x->engine, l, "p", 1, bounds.end, 50), OK);
        assert_int_equal(put.offset, bounds.end);
    }
}

static void segments_that_seal_and_crash_in_turn_lose_nothing(void **state)
{
    struct log_fixture *x = *state;
    log_fixture_close(x);
    x->settings.segment_bytes = 16 * 1024;
    log_fixture_open(x);
    for (int turn = 0; turn < 6; turn++) {
        log_fixture_crash(x, put_through_segments);
        log_fixture_open(x);
        struct log *l = driver_open(x->engine, 1, 0);
        uint64_t end = 5000 * ((uint64_t)turn + 1);
        for (uint64_t first = end - PRODUCER_NUMBERS_MIN; first < end; first += 256) {
            assert_int_equal(put_row(x->engine, l, "p", 1, first, 256), REPEATED);
            for (uint32_t i = 0; i < 256; i++)
                assert_stored_at(i, 0, first + i);
        }
    }
}

static void windows_outlive_their_segments(void **state)
{
    struct log_fixture *x = *state;
    struct log_fixture_keeper all_goes = log_fixture_keep(UINT64_MAX - 1, UINT64_MAX);
    put_rows(x);
    log_fixture_reopen(x); /* seals */
    clock_manual_advance_ms(&x->clock, 1000);
    log_fixture_trim(x, &all_goes);
    struct log *l = driver_open(x->engine, 1, 0);
    assert_all(l, "");
    assert_rows(x);
    log_fixture_reopen(x);
    assert_rows(x);
}

static void a_deleted_streams_producers_are_forgotten(void **state)
{
    struct log_fixture *x = *state;
    struct log_usage usage;
    struct log_fixture_keeper k = log_fixture_keep(0, 1);
    put_rows(x);
    assert_int_equal(put_row(x->engine, driver_open(x->engine, 2, 0), "p", 1, 0, 1), OK);
    log_fixture_reopen(x);
    x->engine->ops->usage(x->engine, &usage);
    assert_int_equal(usage.producers, 3);
    log_fixture_trim(x, &k);
    x->engine->ops->usage(x->engine, &usage);
    assert_int_equal(usage.producers, 1);
    log_fixture_reopen(x);
    x->engine->ops->usage(x->engine, &usage);
    assert_int_equal(usage.producers, 1);
}

static void take_over_once(struct log_fixture *x)
{
    take_over(x->engine);
}

static void children_know_it_after_a_crash(void **state)
{
    struct log_fixture *x = *state;
    struct fault f;
    log_fixture_crash(x, take_over_once);
    log_fixture_open(x);
    struct log *logs[5];
    for (uint32_t i = 0; i < 5; i++)
        logs[i] = driver_open(x->engine, 1, i);
    /* As when the crash came before the catalog knew. */
    assert_int_equal(log_take_over(&logs[2], 1, &logs[3], 2, &f), OK);
    for (int child = 3; child < 5; child++) {
        assert_int_equal(put_row(x->engine, logs[child], "p", 1, 1, 5), REPEATED);
        assert_stored_at(0, 0, 1);
        assert_stored_at(1, 1, 0);
        assert_stored_at(3, 2, 0);
        assert_int_equal(put.answers[4].state, NUMBER_NEW);
    }
}

/* ---- threads ---- */

enum { PUTTERS = 4, PUTS_EACH = 150, NUMBERS_EACH = 20, RACE_LOGS = 3 };

struct putter {
    pthread_t thread;
    struct log_engine *engine;
    struct log *logs[RACE_LOGS];
    unsigned number;
    uint64_t offsets[RACE_LOGS]
                    [PUTS_EACH * NUMBERS_EACH]; /* where it was told that each number is */
};

/* All numbers there are, in pieces of its own: those that are new are put again, until none is. */
static void put_piece(struct putter *p, unsigned log, uint64_t first, uint32_t count)
{
    uint64_t numbers[NUMBERS_EACH];
    struct driver_put *one = mem_must(sizeof(*one));
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = first + i;
    while (count > 0) {
        *one = (struct driver_put){
            .log = p->logs[log], .producer = "p", .epoch = 1, .numbers = numbers, .count = count};
        driver_put_all(p->engine, one, 1);
        must(one->status == OK || one->status == REPEATED);
        uint32_t left = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (one->status == REPEATED && one->answers[i].state == NUMBER_NEW)
                numbers[left++] = numbers[i];
            else
                p->offsets[log][numbers[i]] =
                    one->status == OK ? one->offset + i : one->answers[i].offset;
        }
        count = left;
    }
    mem_free(one);
}

static void *put_on(void *arg)
{
    struct putter *p = arg;
    uint64_t all = PUTS_EACH * NUMBERS_EACH;
    uint32_t step = NUMBERS_EACH - p->number * 3; /* so that pieces overlap in all ways */
    for (unsigned log = 0; log < RACE_LOGS; log++)
        for (uint64_t at = 0; at < all; at += step)
            put_piece(p, log, at, (uint32_t)(all - at < step ? all - at : step));
    return NULL;
}

static void threads_that_race_store_each_number_once(void **state)
{
    struct log_fixture *x = *state;
    struct log_fixture_keeper k = log_fixture_keep(0, 99);
    struct putter *all = mem_must(PUTTERS * sizeof(*all));
    struct log_usage usage;
    log_fixture_close(x);
    x->settings.segment_bytes = 16 * 1024;
    log_fixture_open(x);
    for (unsigned i = 0; i < PUTTERS; i++) {
        all[i].engine = x->engine;
        all[i].number = i;
        for (uint32_t log = 0; log < RACE_LOGS; log++) {
            must(x->engine->ops->open(x->engine, (struct log_place){1 + log, 0}, 24 * (1 + log),
                                      &all[i].logs[log], NULL) == OK);
        }
    }
    for (unsigned i = 0; i < PUTTERS; i++)
        must(pthread_create(&all[i].thread, NULL, put_on, &all[i]) == 0);
    for (int turn = 0; turn < 20; turn++) {
        log_fixture_trim(x, &k);
        x->engine->ops->usage(x->engine, &usage);
    }
    for (unsigned i = 0; i < PUTTERS; i++)
        must(pthread_join(all[i].thread, NULL) == 0);
    for (unsigned log = 0; log < RACE_LOGS; log++) {
        struct log_bounds bounds;
        log_bounds(all[0].logs[log], &bounds);
        assert_int_equal(bounds.end, PUTS_EACH * NUMBERS_EACH);
        for (unsigned i = 1; i < PUTTERS; i++)
            assert_memory_equal(all[i].offsets[log], all[0].offsets[log],
                                sizeof(all[0].offsets[0]));
    }
    mem_free(all);
}

/* ---- bounds ---- */

static void the_producers_of_a_log_are_bounded(void **state)
{
    struct log_fixture *x = *state;
    struct log *l = driver_open(x->engine, 1, 0);
    struct log_usage usage;
    for (unsigned i = 0; i < PRODUCERS_MAX + 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%u", i);
        assert_int_equal(put_row(x->engine, l, name, 1, 0, 1), OK);
        assert_int_equal(put_row(x->engine, l, "p0", 1, 0, 1), REPEATED); /* seen all the time */
    }
    x->engine->ops->usage(x->engine, &usage);
    assert_int_equal(usage.producers, PRODUCERS_MAX);
    assert_int_equal(put_row(x->engine, l, "p11", 1, 0, 1), REPEATED);
    assert_int_equal(put_row(x->engine, l, "p1", 1, 0, 1), OK); /* forgotten */
    log_fixture_reopen(x);
    l = driver_open(x->engine, 1, 0);
    x->engine->ops->usage(x->engine, &usage);
    assert_int_equal(usage.producers, PRODUCERS_MAX);
    assert_int_equal(put_row(x->engine, l, "p0", 1, 0, 1), REPEATED);
    assert_int_equal(put_row(x->engine, l, "p1", 1, 0, 1), REPEATED);
}

static void the_memory_of_all_is_bounded(void **state)
{
    struct log_fixture *x = *state;
    struct log_usage usage;
    log_fixture_close(x);
    x->settings.producer_bytes_max = 20000;
    log_fixture_open(x);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(put_row(x->engine, driver_open(x->engine, 1, i), "p", 1, 0, 1), OK);
        x->engine->ops->usage(x->engine, &usage);
        assert_true(usage.producer_bytes <= 20000);
    }
    assert_true(usage.producers > 10);
    assert_int_equal(put_row(x->engine, driver_open(x->engine, 1, 199), "p", 1, 0, 1), REPEATED);
    log_fixture_reopen(x);
    assert_int_equal(put_row(x->engine, driver_open(x->engine, 1, 199), "p", 1, 0, 1), REPEATED);
    assert_int_equal(put_row(x->engine, driver_open(x->engine, 1, 0), "p", 1, 0, 1), OK);
}

static void what_is_not_stamped_is_not_known(void **state)
{
    struct log_fixture *x = *state;
    struct log_usage usage;
    assert_int_equal(driver_append_many(x->engine, driver_open(x->engine, 1, 0), "r", 100, 0), 100);
    x->engine->ops->usage(x->engine, &usage);
    assert_int_equal(usage.producers + usage.producer_bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_setup, log_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_number_is_stored_once),
        TEST(an_older_epoch_is_fenced),
        TEST(a_number_that_is_too_old_is_not_stored),
        TEST(children_know_what_their_parents_stored),
        TEST(a_number_on_its_way_is_not_stored_twice),
        TEST(what_is_known_survives_closing_and_crashes),
        TEST(stamps_are_read_back_after_a_crash),
        TEST(segments_that_seal_and_crash_in_turn_lose_nothing),
        TEST(windows_outlive_their_segments),
        TEST(a_deleted_streams_producers_are_forgotten),
        TEST(children_know_it_after_a_crash),
        TEST(threads_that_race_store_each_number_once),
        TEST(the_producers_of_a_log_are_bounded),
        TEST(the_memory_of_all_is_bounded),
        TEST(what_is_not_stamped_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
