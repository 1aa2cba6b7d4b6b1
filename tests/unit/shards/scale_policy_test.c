/* scale_policy_test.c: when on-demand streams split and merge, by numbers. */
#include "shards/scale_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MOST = 64 };

struct picture {
    struct scale_shard shards[MOST];
    struct scale_stream stream;
};

/* `count` shards, measured, busy with `share` each. */
static void paint(struct picture *p, uint32_t count, double share)
{
    p->stream = (struct scale_stream){
        .shards = p->shards, .count = count, .share = count * share, .most = MOST};
    for (uint32_t i = 0; i < count; i++)
        p->shards[i] =
            (struct scale_shard){.share = share, .measured = true, .width = U128_MAX / count};
}

static void quiet(struct picture *p)
{
    for (uint32_t i = 0; i < p->stream.count; i++)
        p->shards[i].quiet = true;
}

static void expect(const struct picture *p, enum scale_kind kind, uint32_t place)
{
    struct scale_step step = scale_decide(&p->stream);
    assert_int_equal(step.kind, kind);
    if (kind != SCALE_NOTHING)
        assert_int_equal(step.place, place);
}

static void a_share_is_the_worse_of_bytes_and_records(void **state)
{
    (void)state;
    assert_true(scale_share(&(struct rate){.bytes = 1048576, .records = 10}) == 1.0);
    assert_true(scale_share(&(struct rate){.bytes = 10, .records = 2000}) == 2.0);
}

static void a_shard_over_half_its_share_is_split(void **state)
{
    (void)state;
    struct picture p;
    paint(&p, 4, 0.5);
    expect(&p, SCALE_NOTHING, 0);
    p.shards[2].share = 0.51;
    expect(&p, SCALE_SPLIT, 2);
    p.shards[1].share = 0.8; /* P4 */
    expect(&p, SCALE_SPLIT, 1);
}

static void what_is_not_measured_yet_is_left_alone(void **state)
{
    (void)state;
    struct picture p;
    paint(&p, 4, 3);
    for (int i = 0; i < 4; i++)
        p.shards[i].measured = false;
    expect(&p, SCALE_NOTHING, 0);
    paint(&p, 8, 0);
    quiet(&p);
    p.shards[0].measured = p.shards[2].measured = p.shards[4].measured = p.shards[6].measured =
        false;
    expect(&p, SCALE_NOTHING, 0);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct picture p;
    paint(&p, 4, 0.9);
    p.stream.most = 4;
    expect(&p, SCALE_NOTHING, 0);
    p.stream.most = 5;
    expect(&p, SCALE_SPLIT, 0);
}

static void one_hot_key_does_not_shred_the_stream(void **state)
{
    (void)state;
    struct picture p;
    for (uint32_t count = 4; count <= 12;
         count++) { /* P3: 3.0 in all needs 6 shards, so 12 at most */
        paint(&p, count, 0);
        p.shards[1].share = 3;
        p.stream.share = 3;
        expect(&p, count < 12 ? SCALE_SPLIT : SCALE_NOTHING, 1);
    }
}

static void a_shard_of_a_few_keys_is_not_split(void **state)
{
    (void)state;
    struct picture p;
    paint(&p, 4, 0.9);
    p.shards[0].width = 3;
    expect(&p, SCALE_SPLIT, 1);
}

static void quiet_neighbours_merge_down_to_the_least(void **state)
{
    (void)state;
    struct picture p;
    paint(&p, 6, 0.01);
    expect(&p, SCALE_NOTHING, 0); /* not for long enough */
    quiet(&p);
    p.shards[3].share = p.shards[4].share = 0; /* P4 */
    expect(&p, SCALE_MERGE, 3);
    p.shards[4].quiet = false;
    expect(&p, SCALE_MERGE, 2);
    paint(&p, 4, 0); /* P2 */
    quiet(&p);
    expect(&p, SCALE_NOTHING, 0);
}

static void merging_leaves_room_for_twice_the_peak_and_for_what_is_warm(void **state)
{
    (void)state;
    struct picture p;
    paint(&p, 9, 0);
    quiet(&p);
    p.stream.peak_share = 4.5;
    expect(&p, SCALE_NOTHING, 0);
    p.stream.peak_share = 4;
    expect(&p, SCALE_MERGE, 0);
    p.stream.warm = 9;
    expect(&p, SCALE_NOTHING, 0);
}

static void warm_throughput_splits_the_widest_until_it_is_there(void **state)
{
    (void)state;
    struct picture p;
    paint(&p, 5, 0);
    p.stream.warm = 6;
    p.shards[3].width *= 2;
    p.shards[3].measured = false; /* not a matter of load */
    expect(&p, SCALE_SPLIT, 3);
    p.stream.warm = 5;
    expect(&p, SCALE_NOTHING, 0);
}

/* P1: whatever is done is not undone by the next look at the same load. */
static void neither_a_split_nor_a_merge_brings_the_other_about(void **state)
{
    (void)state;
    struct picture p;
    paint(&p, 5, 0.5001);
    expect(&p, SCALE_SPLIT, 0);
    paint(&p, 10, 0.25005); /* all split */
    quiet(&p);
    p.stream.peak_share = 0;
    expect(&p, SCALE_NOTHING, 0);
    paint(&p, 8, 0.05);
    quiet(&p);
    expect(&p, SCALE_MERGE, 0);
    paint(&p, 5, 0.1);
    quiet(&p);
    expect(&p, SCALE_NOTHING, 0);
}

static void a_peak_is_remembered_and_then_forgotten(void **state)
{
    (void)state;
    struct scale_peak peak = {0};
    uint64_t now = 1000, memory = 30000;
    scale_peak_note(&peak, now, memory, 7);
    for (int s = 0; s < 29; s++) {
        scale_peak_note(&peak, now += 1000, memory, 2);
        assert_true(scale_peak_of(&peak) == 7);
    }
    scale_peak_note(&peak, now += 1000, memory, 2);
    assert_true(scale_peak_of(&peak) == 2);
    scale_peak_note(&peak, now += 500, memory, 3); /* within the slot */
    scale_peak_note(&peak, now += 100, memory, 1);
    assert_true(scale_peak_of(&peak) == 3);
    scale_peak_note(&peak, now - 5000, memory, 4); /* time that goes back */
    assert_true(scale_peak_of(&peak) == 4);
    scale_peak_note(&peak, now + 1000000, memory, 0); /* a long sleep */
    assert_true(scale_peak_of(&peak) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_the_worse_of_bytes_and_records),
        cmocka_unit_test(a_shard_over_half_its_share_is_split),
        cmocka_unit_test(what_is_not_measured_yet_is_left_alone),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(one_hot_key_does_not_shred_the_stream),
        cmocka_unit_test(a_shard_of_a_few_keys_is_not_split),
        cmocka_unit_test(quiet_neighbours_merge_down_to_the_least),
        cmocka_unit_test(merging_leaves_room_for_twice_the_peak_and_for_what_is_warm),
        cmocka_unit_test(warm_throughput_splits_the_widest_until_it_is_there),
        cmocka_unit_test(neither_a_split_nor_a_merge_brings_the_other_about),
        cmocka_unit_test(a_peak_is_remembered_and_then_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
