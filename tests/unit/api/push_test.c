/* push_test.c: what subscriptions cost, and who pays: events that are shared, readers who do not read. */
#include "api/push_internal.h"

#include "base/mem.h"
#include "support/answers.h"
#include "support/fanout.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

static void a_reader_who_does_not_read_slows_nobody_and_misses_nothing(void **state)
{
    struct loopback *l = *state;
    struct subscriber slow, fast;
    subscriber_begin(&slow, l, FANOUT_ARN("a"), 0, fanout_from_start);
    subscriber_begin(&fast, l, FANOUT_ARN("b"), 0, fanout_from_start);
    for (int i = 0; i < 50; i++) {
        fanout_put_many(l, 10 * i, 10);
        if (i == 5)
            fanout_taste(&slow, 100); /* and stops in the middle of one */
        mem_free(fanout_expect(&fast, 10 * i, 10));
    }
    uint64_t held = l->service.push->event_bytes;
    assert_true(held < 128 * 1024); /* U3: one event of 60 records, and what is kept for others */
    fanout_expect_only(&slow, 0, 500);
    subscriber_close(&slow);
    subscriber_close(&fast);
}

static void a_batch_is_encoded_once_for_all_who_are_at_the_tip(void **state)
{
    enum { CONSUMERS = 10 };
    struct loopback *l = *state;
    struct subscriber s[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++) {
        char json[256], arn[256];
        snprintf(json, sizeof(json),
                 "{\"StreamARN\":\"" FANOUT_STREAM "\",\"ConsumerName\":\"c%d\"}", i);
        json_decref(answer_ok(l, "RegisterStreamConsumer", json));
        snprintf(arn, sizeof(arn), FANOUT_STREAM "/consumer/c%d:1700000000", i);
        subscriber_begin(&s[i], l, arn, 0, fanout_from_start);
    }
    for (int i = 0; i < CONSUMERS; i++)
        assert_false(subscriber_poll(&s[i]));
    fanout_put_large(l, 300000);
    for (int i = 0; i < CONSUMERS; i++) {
        fanout_taste(&s[i], 1000);
    }
    assert_in_range(l->service.push->event_bytes, 400000, 410000); /* U6: one, not ten */
    for (int i = 0; i < CONSUMERS; i++) {
        json_t *event = subscriber_event(&s[i]);
        assert_int_equal(json_array_size(fanout_records(event)), 1);
        json_decref(event);
        subscriber_close(&s[i]);
    }
    assert_int_equal(l->service.push->event_bytes, 0);
}

static void who_holds_memory_for_longest_is_cut_when_it_is_short(void **state)
{
    struct loopback *l = *state;
    l->service.push->event_bytes_max = 500000;
    for (int i = 0; i < 4; i++)
        fanout_put_large(l, 600000);
    struct subscriber stalled, reads;
    subscriber_begin(&stalled, l, FANOUT_ARN("a"), 0, fanout_from_start);
    assert_false(subscriber_poll(&stalled));
    fanout_taste(&stalled, 10);
    subscriber_begin(&reads, l, FANOUT_ARN("b"), 0, fanout_from_start);
    assert_false(subscriber_poll(&reads)); /* he has just taken something: others wait */
    clock_manual_advance_ms(&l->clock, 1500);
    for (int i = 0; i < 4; i++) {
        json_t *event = subscriber_event(&reads);
        assert_int_equal(json_array_size(fanout_records(event)), 1);
        json_decref(event);
    }
    assert_int_equal(subscriber_read(&stalled, 10), 0);
    assert_true(stalled.ended && stalled.cut); /* U3 */
    subscriber_close(&stalled);
    subscriber_close(&reads);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fanout_open, fanout_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reader_who_does_not_read_slows_nobody_and_misses_nothing),
        TEST(a_batch_is_encoded_once_for_all_who_are_at_the_tip),
        TEST(who_holds_memory_for_longest_is_cut_when_it_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
