/* group_memory_test.c: each allocation fails in turn: an error each time, and the group is as it was. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "groups/group.h"
#include "support/failing.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static const struct group_shard shards[] = {
    {"s-0", NULL, NULL}, {"s-1", "s-0", NULL}, {"s-2", "s-0", NULL}, {"s-3", NULL, NULL}};

struct rows {
    struct group_row at[16];
    size_t count;
};

static enum status take(void *arg, const struct group_row *row)
{
    struct rows *r = arg;
    r->at[r->count++] = *row;
    return OK;
}

static struct rows rows_of(const struct group *g)
{
    struct rows r;
    memset(&r, 0, sizeof(r));
    assert_int_equal(group_rows(g, GROUP_ALL, take, &r), OK);
    return r;
}

/* Runs `step` with every allocation failing in turn, until none of them is met any more. */
static void torture(struct group *g, enum status (*step)(struct group *))
{
    enum status st = NO_MEMORY;
    for (int at = 0; st == NO_MEMORY; at++) {
        struct rows before = rows_of(g);
        failing_begin(at + 1);
        st = step(g);
        (void)failing_end();
        struct rows after = rows_of(g);
        if (st == NO_MEMORY)
            assert_memory_equal(&before, &after, sizeof(before)); /* G7 */
        assert_true(at < 64);
    }
    assert_int_equal(st, OK);
}

static enum status list(struct group *g)
{
    return group_set_shards(g, shards, 4, 1000);
}

static enum status join(struct group *g)
{
    uint64_t session;
    struct group_member m = {.name = "a", .session_timeout_ms = 1000};
    return group_join(g, &m, 1000, &session, NULL);
}

static void what_fails_for_memory_has_changed_nothing(void **state)
{
    (void)state;
    failing_begin(1);
    assert_null(group_new(0));
    (void)failing_end();
    struct group *g = group_new(0);
    torture(g, list);
    torture(g, join);
    group_free(g);
}

static enum status count(void *arg, const struct group_lease *l)
{
    (void)l;
    ++*(int *)arg;
    return OK;
}

static int held(const struct group *g)
{
    int leases = 0;
    assert_int_equal(group_leases_of(g, "a", count, &leases), OK);
    return leases;
}

static void leases_that_could_not_be_assigned_are_at_the_next_chance(void **state)
{
    (void)state;
    enum { ARRAYS = 4 }; /* of an assignment, behind the member itself */
    for (int at = 1; at <= ARRAYS; at++) {
        struct group *g = group_new(0);
        assert_int_equal(list(g), OK);
        failing_begin(at + 1);
        assert_int_equal(join(g), OK);
        (void)failing_end();
        assert_int_equal(held(g), 0);
        group_expire(g, 1000);
        assert_int_equal(held(g), 2);
        group_free(g);
    }
}

static void a_row_without_memory_is_not_loaded(void **state)
{
    (void)state;
    struct group *g = group_new(0), *copy = group_new(0);
    assert_int_equal(list(g), OK);
    assert_int_equal(join(g), OK);
    struct rows r = rows_of(g);
    for (size_t i = 0; i < r.count; i++) {
        enum status st = NO_MEMORY;
        for (int at = 0; st == NO_MEMORY; at++) {
            failing_begin(at + 1);
            st = group_load(copy, &r.at[i], NULL);
            (void)failing_end();
        }
        assert_int_equal(st, OK);
    }
    struct rows again = rows_of(copy);
    assert_memory_equal(&r, &again, sizeof(r));
    group_free(copy);
    group_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fails_for_memory_has_changed_nothing),
        cmocka_unit_test(leases_that_could_not_be_assigned_are_at_the_next_chance),
        cmocka_unit_test(a_row_without_memory_is_not_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
