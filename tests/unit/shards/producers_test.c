/* producers_test.c: what is pending, stored, failed, and read back in any order. */
#include "shards/producers.h"

#include "shards/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct log_place place = {1, 7};
static struct log a_log = {.place = {1, 7}};

static int setup(void **state)
{
    static struct producers producers;
    producers_init(&producers, 1 << 20);
    *state = &producers;
    return 0;
}

static int teardown(void **state)
{
    producers_fini(*state);
    return 0;
}

/* A batch of numbers in a row. */
struct one {
    struct log_append append;
    struct log_stamp stamp;
    uint64_t numbers[500];
    struct log_number answers[500];
};

static struct one *batch(struct one *o, char producer, uint64_t epoch, uint64_t first,
                         uint32_t count)
{
    *o = (struct one){.stamp = {.producer = {(uint8_t)producer}, .epoch = epoch, .count = count},
                      .append = {.log = &a_log, .count = count}};
    for (uint32_t i = 0; i < count; i++)
        o->numbers[i] = first + i;
    o->stamp.numbers = o->numbers;
    o->stamp.answers = o->answers;
    o->append.stamp = &o->stamp;
    stamp_measure(&o->stamp);
    return o;
}

static void store(struct producers *p, struct one *o, uint64_t offset)
{
    o->append.first_offset = offset;
    o->append.time_ms = 5000;
    producers_stored(p, &o->append);
}

static enum status ask(struct producers *p, uint64_t epoch, uint64_t number)
{
    struct one o;
    enum status st = producers_admit(p, &batch(&o, 'p', epoch, number, 1)->append, 1);
    if (st == OK)
        producers_cancel(p, &o.append);
    return st;
}

static uint64_t offset_of(struct producers *p, uint64_t number)
{
    struct one o;
    assert_int_equal(producers_admit(p, &batch(&o, 'p', 1, number, 1)->append, 1), REPEATED);
    producers_answer(p, &o.append);
    assert_int_equal(o.answers[0].state, NUMBER_STORED);
    return o.answers[0].offset;
}

static void what_is_pending_is_not_admitted_again_until_it_fails(void **state)
{
    struct producers *p = *state;
    struct one a, b, c;
    assert_int_equal(producers_admit(p, &batch(&a, 'p', 1, 10, 5)->append, 1), OK);
    assert_int_equal(producers_admit(p, &batch(&b, 'p', 1, 14, 2)->append, 1), REPEATED);
    assert_int_equal(producers_admit(p, &batch(&c, 'p', 1, 15, 2)->append, 1), OK);
    assert_int_equal(ask(p, 0, 20), FENCED);
    producers_cancel(p, &a.append);
    assert_int_equal(ask(p, 1, 14), OK);
    assert_int_equal(ask(p, 1, 15), REPEATED);
    producers_cancel(p, &c.append);
    assert_int_equal(p->by_key.count, 0); /* P2: nobody was seen */
    assert_int_equal(p->bytes, 0);
    assert_int_equal(ask(p, 0, 20), OK);
}

static void an_epoch_that_failed_fences_nobody(void **state)
{
    struct producers *p = *state;
    struct one a, b;
    producers_admit(p, &batch(&a, 'p', 1, 0, 1)->append, 1) == OK ? store(p, &a, 0) : fail();
    assert_int_equal(producers_admit(p, &batch(&b, 'p', 2, 0, 1)->append, 1), OK);
    assert_int_equal(ask(p, 1, 1), FENCED);
    producers_cancel(p, &b.append);
    assert_int_equal(ask(p, 1, 1), OK);
    assert_int_equal(offset_of(p, 0), 0);
}

static void replay(struct producers *p, uint64_t epoch, uint64_t first, uint32_t count,
                   uint64_t offset)
{
    struct one o;
    uint8_t stored[256];
    struct fault f;
    batch(&o, 'p', epoch, first, count);
    struct bytes stamp = bytes_of(stored, (size_t)(stamp_pack(stored, &o.stamp) - stored));
    struct batch_header h = {.count = count, .base_offset = offset, .base_time_ms = 9000};
    assert_int_equal(producers_replay(p, place, &h, stamp, &f), OK);
    h.count++;
    assert_int_equal(producers_replay(p, place, &h, stamp, &f), CORRUPT);
}

/* P3. Three segments: the middle one last, the last one twice. */
static void segments_are_replayed_in_any_order(void **state)
{
    struct producers *p = *state;
    for (uint64_t at = 0; at < 2000; at += 100)
        replay(p, 1, 50000 + at, 100, at);
    producers_replayed(p);
    for (int twice = 0; twice < 2; twice++) {
        for (uint64_t at = 4000; at < 6000; at += 100)
            replay(p, 1, 50000 + at, 100, at);
        producers_replayed(p);
    }
    for (uint64_t at = 2000; at < 4000; at += 100)
        replay(p, 1, 50000 + at, 100, at);
    producers_replayed(p);
    for (uint64_t at = 6000 - PRODUCER_NUMBERS_MIN; at < 6000; at++)
        assert_int_equal(offset_of(p, 50000 + at), at);
    assert_int_equal(ask(p, 1, 50000), REPEATED); /* forgotten */
    assert_int_equal(ask(p, 1, 56000), OK);
    replay(p, 0, 7, 1, 3); /* before the epoch */
    producers_replayed(p);
    assert_int_equal(offset_of(p, 55999), 5999);
}

static void a_log_that_ends_before_knows_no_more(void **state)
{
    struct producers *p = *state;
    struct one a;
    assert_int_equal(producers_admit(p, &batch(&a, 'p', 1, 10, 5)->append, 1), OK);
    store(p, &a, 100);
    producers_cut(p, place, 103);
    assert_int_equal(offset_of(p, 12), 102);
    assert_int_equal(ask(p, 1, 13), OK);
    replay(p, 1, 20, 1, 103); /* the place is another's now */
    assert_int_equal(offset_of(p, 20), 103);
}

static void who_has_something_pending_is_not_forgotten(void **state)
{
    struct producers *p = *state;
    struct one waits, o;
    p->bytes_max = 10000;
    assert_int_equal(producers_admit(p, &batch(&waits, 'w', 1, 0, 1)->append, 1), OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(producers_admit(p, &batch(&o, (char)i, 1, 0, 1)->append, 1), OK);
        store(p, &o, (uint64_t)i);
        assert_true(p->bytes <= p->bytes_max);
    }
    assert_int_equal(producers_admit(p, &batch(&o, 'w', 1, 0, 1)->append, 1), REPEATED);
    store(p, &waits, 100);
    assert_int_equal(producers_admit(p, &batch(&o, 0, 1, 0, 1)->append, 1), OK); /* forgotten */
    producers_cancel(p, &o.append);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_pending_is_not_admitted_again_until_it_fails),
        TEST(an_epoch_that_failed_fences_nobody),
        TEST(segments_are_replayed_in_any_order),
        TEST(a_log_that_ends_before_knows_no_more),
        TEST(who_has_something_pending_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
