/* body_test.c: request bodies within a budget, and the buffers that are used again. */
#include "api/body.h"

#include "base/limits.h"
#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>

enum { MOST = 1024 * 1024 };

struct fixture {
    struct buffers buffers;
    struct body_budget budget;
    struct body body;
};

static uint8_t piece[300 * 1024];

static void open_with(struct fixture *t, uint64_t budget)
{
    *t = (struct fixture){.budget.most = budget};
    buffers_init(&t->buffers);
    body_init(&t->body, &t->budget, &t->buffers, MOST);
    for (size_t i = 0; i < sizeof(piece); i++)
        piece[i] = (uint8_t)(i * 7);
}

static void close_it(struct fixture *t)
{
    body_fini(&t->body);
    assert_int_equal(atomic_load(&t->budget.used), 0);
    buffers_fini(&t->buffers);
}

static void a_body_of_known_length_never_moves(void **state)
{
    (void)state;
    struct fixture t;
    open_with(&t, MOST);
    body_expect(&t.body, 200000);
    const uint8_t *at = t.body.buffer.at;
    for (size_t i = 0; i < 200000; i += 10000)
        body_append(&t.body, bytes_of(piece + i, 10000));
    assert_int_equal(t.body.status, OK);
    assert_int_equal(t.body.len, 200000);
    assert_ptr_equal(t.body.buffer.at, at);
    assert_memory_equal(t.body.buffer.at, piece, 200000);
    close_it(&t);
}

static void a_body_of_unknown_length_grows(void **state)
{
    (void)state;
    struct fixture t;
    open_with(&t, 2 * MOST);
    body_expect(&t.body, BODY_LENGTH_UNKNOWN);
    for (size_t i = 0; i < sizeof(piece); i += 1024)
        body_append(&t.body, bytes_of(piece + i, 1024));
    assert_int_equal(t.body.status, OK);
    assert_int_equal(t.body.len, sizeof(piece));
    assert_memory_equal(t.body.buffer.at, piece, sizeof(piece));
    close_it(&t);
}

static void an_announced_body_costs_the_budget_only_what_has_arrived(void **state)
{
    (void)state;
    struct fixture t;
    open_with(&t, MOST);
    body_expect(&t.body, MOST);
    assert_int_equal(t.body.status, OK);
    assert_int_equal(atomic_load(&t.budget.used), 0);
    body_append(&t.body, bytes_of(piece, 1000));
    assert_in_range(atomic_load(&t.budget.used), 1000, 128 * 1024);
    close_it(&t);
}

static void a_small_body_is_charged_its_length(void **state)
{
    (void)state;
    struct fixture t;
    open_with(&t, MOST);
    body_expect(&t.body, 1500);
    body_append(&t.body, bytes_of(piece, 1500));
    assert_int_equal(atomic_load(&t.budget.used), 1500);
    close_it(&t);
}

static void a_body_over_its_ceiling_is_thrown_away_and_counted(void **state)
{
    (void)state;
    struct fixture t;
    open_with(&t, 4 * MOST);
    body_expect(&t.body, BODY_LENGTH_UNKNOWN);
    uint64_t sent = 0;
    for (int i = 0; i < 5; i++, sent += sizeof(piece))
        body_append(&t.body, bytes_of(piece, sizeof(piece)));
    assert_int_equal(t.body.status, TOO_LARGE);
    assert_null(t.body.buffer.at);
    assert_int_equal(t.body.discarded, sent);
    assert_int_equal(atomic_load(&t.budget.used), 0);
    close_it(&t);
}

static void an_announcement_over_the_ceiling_is_refused_at_once(void **state)
{
    (void)state;
    struct fixture t;
    open_with(&t, 4 * MOST);
    body_expect(&t.body, MOST + 1);
    assert_int_equal(t.body.status, TOO_LARGE);
    close_it(&t);
}

static void a_full_budget_throttles_and_others_keep_what_they_have(void **state)
{
    (void)state;
    struct fixture t;
    open_with(&t, MOST);
    struct body other;
    body_init(&other, &t.budget, &t.buffers, MOST);
    body_expect(&other, 600 * 1024);
    body_append(&other, bytes_of(piece, sizeof(piece)));
    body_append(&other, bytes_of(piece, sizeof(piece)));
    assert_int_equal(other.status, OK);
    body_expect(&t.body, 600 * 1024); /* seen to be too much at once */
    assert_int_equal(t.body.status, THROTTLED);
    struct body third; /* seen only while it arrives */
    body_init(&third, &t.budget, &t.buffers, MOST);
    body_expect(&third, BODY_LENGTH_UNKNOWN);
    body_append(&third, bytes_of(piece, sizeof(piece)));
    assert_int_equal(third.status, OK);
    body_append(&third, bytes_of(piece, sizeof(piece)));
    assert_int_equal(third.status, THROTTLED);
    assert_int_equal(third.discarded, 2 * sizeof(piece));
    assert_int_equal(other.len, 2 * sizeof(piece));
    body_fini(&third);
    body_fini(&other);
    close_it(&t);
}

static void a_large_buffer_is_used_again(void **state)
{
    (void)state;
    struct buffers b;
    buffers_init(&b);
    struct buffer first = buffers_take(&b, 500000);
    assert_true(first.room >= 500000);
    buffers_give(&b, first);
    assert_int_equal(b.count, 1);
    struct buffer again = buffers_take(&b, 510000);
    assert_ptr_equal(again.at, first.at);
    assert_int_equal(b.bytes, 0);
    buffers_give(&b, again);
    struct buffer small = buffers_take(&b, 40000);
    assert_ptr_not_equal(small.at, first.at); /* far too large for that */
    buffers_give(&b, small);
    struct buffer tiny = buffers_take(&b, 100);
    buffers_give(&b, tiny);
    assert_int_equal(b.count, 2); /* not worth keeping */
    buffers_fini(&b);
}

static void buffers_unused_between_two_trims_are_freed(void **state)
{
    (void)state;
    struct buffers b;
    buffers_init(&b);
    struct buffer taken[3];
    for (int i = 0; i < 3; i++)
        taken[i] = buffers_take(&b, 100000);
    for (int i = 0; i < 3; i++)
        buffers_give(&b, taken[i]);
    buffers_trim(&b);
    assert_int_equal(b.count, 3);
    buffers_give(&b, buffers_take(&b, 100000)); /* one of them is in use */
    buffers_trim(&b);
    assert_int_equal(b.count, 1);
    buffers_trim(&b);
    assert_int_equal(b.count, 0);
    buffers_fini(&b);
}

static void kept_buffers_are_bounded(void **state)
{
    (void)state;
    struct buffers b;
    buffers_init(&b);
    for (int i = 0; i < 12; i++) {
        uint8_t *at = mem_try(BUFFER_KEPT_MOST);
        buffers_give(&b, (struct buffer){.at = at, .room = BUFFER_KEPT_MOST});
    }
    assert_int_equal(b.bytes, BUFFERS_KEPT_BYTES_MAX);
    buffers_give(&b, buffers_take(&b, BUFFER_KEPT_MOST + 1));
    assert_int_equal(b.bytes, BUFFERS_KEPT_BYTES_MAX);
    buffers_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_known_length_never_moves),
        cmocka_unit_test(a_body_of_unknown_length_grows),
        cmocka_unit_test(an_announced_body_costs_the_budget_only_what_has_arrived),
        cmocka_unit_test(a_small_body_is_charged_its_length),
        cmocka_unit_test(a_body_over_its_ceiling_is_thrown_away_and_counted),
        cmocka_unit_test(an_announcement_over_the_ceiling_is_refused_at_once),
        cmocka_unit_test(a_full_budget_throttles_and_others_keep_what_they_have),
        cmocka_unit_test(a_large_buffer_is_used_again),
        cmocka_unit_test(buffers_unused_between_two_trims_are_freed),
        cmocka_unit_test(kept_buffers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
