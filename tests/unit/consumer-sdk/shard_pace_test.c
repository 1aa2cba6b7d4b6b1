/* shard_pace_test.c: a shard that takes so much is learnt, kept below, and freed again. */
#include "consumer-sdk/shard_pace.h"

#include "unit/base/cmocka_all.h"

/* A shard of AWS's kind: a bucket that fills at `rate` and holds a second's worth. */
struct limit {
    double rate, tokens;
    uint64_t at_us;
};

static bool takes(struct limit *l, double cost, uint64_t now_us)
{
    l->tokens += (double)(now_us - l->at_us) / 1e6 * l->rate;
    l->tokens = l->tokens > l->rate ? l->rate : l->tokens;
    l->at_us = now_us;
    if (l->tokens < cost)
        return false;
    l->tokens -= cost;
    return true;
}

struct outcome {
    unsigned sent, stored, throttled;
};

/* As much as the pace allows, of records of so many bytes, for so long; an answer takes 5 ms. */
static struct outcome offer(struct shard_pace *p, struct limit *l, size_t bytes, uint64_t *now_us,
                            uint64_t seconds)
{
    struct outcome o = {0};
    double cost = shard_pace_cost(bytes);
    for (uint64_t end_us = *now_us + seconds * 1000000; *now_us < end_us; *now_us += 5000) {
        uint64_t sent_us = *now_us;
        for (int i = 0; i < 100 && shard_pace_ready_us(p, sent_us) <= sent_us; i++) {
            shard_pace_spend(p, cost, sent_us);
            o.sent++;
            if (takes(l, cost, sent_us)) {
                o.stored++;
                shard_pace_taken(p, cost, sent_us + 5000);
            } else {
                o.throttled++;
                shard_pace_throttled(p, sent_us, sent_us + 5000);
            }
        }
    }
    return o;
}

static void a_shard_that_does_not_throttle_is_free(void **state)
{
    (void)state;
    struct shard_pace p = {0};
    struct limit l = {.rate = 1000, .tokens = 1000};
    uint64_t now_us = 1000000;
    struct outcome o = offer(&p, &l, 1024, &now_us, 2);
    assert_int_equal(o.throttled, 0);
    assert_int_equal(o.sent, 2 * 200 * 100); /* all that was offered */
    assert_true(p.rate == 0);
}

static void the_rate_of_a_shard_is_learnt(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        double rate, records_per_s;
    } cases[] = {
        {100, 1, 1000},     /* by count */
        {64 * 1024, 1, 16}, /* by bytes */
        {100, 0.3, 300},
        {100, 5, 5000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shard_pace p = {0};
        struct limit l = {.rate = cases[i].rate, .tokens = cases[i].rate};
        uint64_t now_us = 1000000;
        (void)offer(&p, &l, cases[i].bytes, &now_us, 20); /* to learn */
        struct outcome o = offer(&p, &l, cases[i].bytes, &now_us, 60);
        double stored = o.stored / 60.0 / cases[i].records_per_s;
        if (stored < 0.85 || o.throttled > o.sent / 20)
            fail_msg("case %zu: %.2f of the rate, %u of %u throttled", i, stored, o.throttled,
                     o.sent);
    }
}

static void a_throttle_of_before_the_last_cut_says_nothing_new(void **state)
{
    (void)state;
    struct shard_pace p = {0};
    shard_pace_taken(&p, 1.0, 1000000);
    shard_pace_throttled(&p, 1900000, 2000000);
    double rate = p.rate;
    assert_true(rate > 0);
    for (int i = 0; i < 100; i++)
        shard_pace_throttled(&p, 1950000, 2001000); /* of the same burst */
    assert_true(p.rate == rate);
    shard_pace_throttled(&p, 2000001, 2001000);
    assert_true(p.rate < rate);
}

static void a_shard_that_takes_more_than_before_is_found_out(void **state)
{
    (void)state;
    struct shard_pace p = {0};
    struct limit l = {.rate = 0.5, .tokens = 0.5};
    uint64_t now_us = 1000000;
    (void)offer(&p, &l, 100, &now_us, 20);
    assert_true(p.rate < 1);
    l.rate = 4;
    (void)offer(&p, &l, 100, &now_us, 120);
    assert_true(p.rate > 3);
}

static void the_largest_record_finds_its_way_through_the_slowest_bucket(void **state)
{
    (void)state;
    struct shard_pace p = {0};
    uint64_t now_us = 1000000;
    for (int i = 0; i < 50; i++, now_us += 1000)
        shard_pace_throttled(&p, now_us, now_us);
    assert_true(p.rate > 0); /* it never stops */
    double cost = shard_pace_cost(1024 * 1024);
    uint64_t ready_us = shard_pace_ready_us(&p, now_us);
    shard_pace_spend(&p, cost, ready_us);
    uint64_t next_us = shard_pace_ready_us(&p, ready_us);
    assert_true(next_us > ready_us + 1000000); /* it is paid for afterwards */
    assert_true(shard_pace_ready_us(&p, next_us) <= next_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shard_that_does_not_throttle_is_free),
        cmocka_unit_test(the_rate_of_a_shard_is_learnt),
        cmocka_unit_test(a_throttle_of_before_the_last_cut_says_nothing_new),
        cmocka_unit_test(a_shard_that_takes_more_than_before_is_found_out),
        cmocka_unit_test(the_largest_record_finds_its_way_through_the_slowest_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
