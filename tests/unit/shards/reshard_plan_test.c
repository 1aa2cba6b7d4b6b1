/* reshard_plan_test.c: from any row of shards to any count: even at the end, legal on the way. */
#include "base/mem.h"
#include "base/random.h"
#include "shards/reshard_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A stream: its open shards in order, each with the index it would have, and how many were ever made. */
struct row {
    u128 *starts;
    uint32_t *indexes;
    uint32_t count, room, made, most_open, splits, merges;
};

static void row_init(struct row *r, uint32_t room)
{
    *r = (struct row){.room = room};
    r->starts = mem_must(room * sizeof(*r->starts));
    r->indexes = mem_must(room * sizeof(*r->indexes));
}

static void row_fini(struct row *r)
{
    mem_free(r->starts);
    mem_free(r->indexes);
}

static void row_even(struct row *r, uint32_t count)
{
    row_init(r, 4 * count + 8);
    r->count = r->made = r->most_open = count;
    for (uint32_t i = 0; i < count; i++) {
        r->starts[i] = plan_even_start(count, i);
        r->indexes[i] = i;
    }
}

static u128 end_of(const struct row *r, uint32_t place)
{
    return place + 1 < r->count ? r->starts[place + 1] - 1 : U128_MAX;
}

/* Does the step as reshard.c would, and holds it to AWS's rules. */
static void apply(struct row *r, const struct plan_step *step)
{
    uint32_t p = step->place;
    if (step->kind == PLAN_SPLIT) {
        assert_true(p < r->count && r->count < r->room);
        assert_true(step->at > r->starts[p] + 1 && step->at < end_of(r, p)); /* E2 */
        memmove(r->starts + p + 2, r->starts + p + 1, (r->count - p - 1) * sizeof(*r->starts));
        memmove(r->indexes + p + 2, r->indexes + p + 1, (r->count - p - 1) * sizeof(*r->indexes));
        r->starts[p + 1] = step->at;
        r->indexes[p] = r->made++;
        r->indexes[p + 1] = r->made++;
        r->count++;
        r->splits++;
    } else {
        assert_true(p + 1 < r->count);
        memmove(r->starts + p + 1, r->starts + p + 2, (r->count - p - 2) * sizeof(*r->starts));
        memmove(r->indexes + p + 1, r->indexes + p + 2, (r->count - p - 2) * sizeof(*r->indexes));
        r->indexes[p] = r->made++;
        r->count--;
        r->merges++;
    }
    r->most_open = r->count > r->most_open ? r->count : r->most_open;
}

static void assert_even(const struct row *r, uint32_t target)
{
    u128 share = target == 1 ? U128_MAX : plan_even_start(target, 1);
    assert_int_equal(r->count, target);
    for (uint32_t i = 0; i < target; i++) {
        u128 wanted = plan_even_start(target, i);
        u128 off = r->starts[i] > wanted ? r->starts[i] - wanted : wanted - r->starts[i];
        assert_true(off <= share / 1000); /* E1 */
    }
}

static void bring_to(struct row *r, uint32_t target)
{
    struct plan_step step;
    uint32_t most = r->splits + r->merges + 2 * (r->count + target) + 2;
    for (plan_even_step(r->starts, r->count, target, &step); step.kind != PLAN_DONE;
         plan_even_step(r->starts, r->count, target, &step)) {
        assert_true(r->splits + r->merges < most); /* it ends */
        apply(r, &step);
    }
    assert_even(r, target);
}

static void as_many_shards_are_made_as_aws_makes(void **state)
{
    (void)state;
    static const uint32_t cases[][3] = {{2, 4, 6},  {4, 5, 15},   {4, 2, 6}, {4, 3, 11}, {1, 2, 3},
                                        {8, 4, 12}, {10, 20, 30}, {3, 6, 9}, {6, 3, 9}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct row r;
        row_even(&r, cases[i][0]);
        bring_to(&r, cases[i][1]);
        assert_int_equal(r.made, cases[i][2]);
        row_fini(&r);
    }
}

/* Seen on AWS: four shards brought to three leave 6, 9 and 10 open. */
static void the_order_is_awss_too(void **state)
{
    (void)state;
    struct row r;
    row_even(&r, 4);
    bring_to(&r, 3);
    assert_int_equal(r.indexes[0], 6);
    assert_int_equal(r.indexes[1], 9);
    assert_int_equal(r.indexes[2], 10);
    row_fini(&r);
}

static void what_is_even_already_is_left_alone(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 300; n++) {
        struct row r;
        row_even(&r, n);
        bring_to(&r, n);
        assert_int_equal(r.made, n);
        row_fini(&r);
    }
}

/* A border that every n-th share has in common is never made anew, though the floors differ by some keys. */
static void doubling_and_halving_make_no_border_twice(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 200; n++) {
        struct row r;
        row_even(&r, n);
        bring_to(&r, 2 * n);
        assert_int_equal(r.merges, 0);
        assert_int_equal(r.splits, n);
        bring_to(&r, n);
        assert_int_equal(r.merges, n);
        assert_int_equal(r.splits, n);
        row_fini(&r);
    }
}

static u128 any(struct random *chance)
{
    return (u128)random_next(chance) << 64 | random_next(chance);
}

static int by_value(const void *a, const void *b)
{
    const u128 *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

/* Shards as operators leave them: some even, some crowded at one end, some of three keys. */
static u128 any_start(struct random *chance, uint64_t crowd, uint32_t place)
{
    switch (crowd) {
    case 0:
        return any(chance) >> random_below(chance, 100);
    case 1:
        return ~(any(chance) >> random_below(chance, 100));
    case 2:
        return (u128)place * 3;
    default:
        return any(chance);
    }
}

static void row_any(struct row *r, uint32_t count, struct random *chance)
{
    row_init(r, 8 * count + 8);
    uint64_t crowd = random_below(chance, 4);
    for (uint32_t i = 1; i < count; i++)
        r->starts[i] = any_start(chance, crowd, i);
    r->starts[0] = 0;
    qsort(r->starts, count, sizeof(*r->starts), by_value);
    r->count = 1;
    for (uint32_t i = 1; i < count; i++)
        if (r->starts[i] > r->starts[r->count - 1] + 2)
            r->starts[r->count++] = r->starts[i];
    r->made = r->most_open = r->count;
    for (uint32_t i = 0; i < r->count; i++)
        r->indexes[i] = i;
}

static void any_row_comes_to_any_allowed_count(void **state)
{
    (void)state;
    const char *given = getenv("SEED"); /* a failure prints its own: run that alone */
    uint64_t first = given ? strtoull(given, NULL, 10) : 20131202;
    for (uint64_t seed = first; seed < first + (given ? 1 : 3000); seed++) {
        struct random chance;
        random_seed(&chance, seed);
        struct row r;
        row_any(&r, 1 + (uint32_t)random_below(&chance, 60), &chance);
        uint32_t before = r.count, least = (before + 1) / 2;
        uint32_t target = least + (uint32_t)random_below(&chance, 2 * before - least + 1);
        print_message("\rSEED=%llu", (unsigned long long)seed);
        bring_to(&r, target);
        assert_int_equal(before + r.splits - r.merges, target);
        assert_true(r.splits <= target - 1); /* each border once */
        row_fini(&r);
    }
}

static void a_row_half_way_goes_on_to_the_same_end(void **state)
{
    (void)state;
    for (uint32_t steps = 0; steps < 40; steps++) {
        struct row whole, cut;
        struct plan_step step;
        row_even(&whole, 10);
        row_even(&cut, 10);
        bring_to(&whole, 13);
        for (uint32_t i = 0; i < steps; i++) {
            plan_even_step(cut.starts, cut.count, 13, &step);
            if (step.kind != PLAN_DONE)
                apply(&cut, &step);
        }
        bring_to(&cut, 13); /* E3 */
        assert_int_equal(cut.made, whole.made);
        assert_memory_equal(cut.indexes, whole.indexes, 13 * sizeof(*cut.indexes));
        row_fini(&whole);
        row_fini(&cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_shards_are_made_as_aws_makes),
        cmocka_unit_test(the_order_is_awss_too),
        cmocka_unit_test(what_is_even_already_is_left_alone),
        cmocka_unit_test(doubling_and_halving_make_no_border_twice),
        cmocka_unit_test(any_row_comes_to_any_allowed_count),
        cmocka_unit_test(a_row_half_way_goes_on_to_the_same_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
