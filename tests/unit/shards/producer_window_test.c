/* producer_window_test.c: which numbers are known, against a plain list of all that were ever added. */
#include "shards/producer_window.h"

#include "base/must.h"
#include "shards/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ALL_MAX = 40000, MANY = 500 };

struct fixture {
    struct producer_window w;
    struct number_run all[ALL_MAX]; /* of one number each, in the order of storing */
    size_t count;
    uint64_t random;
};

static struct fixture fixture;

static struct fixture *begin(uint64_t seed)
{
    struct fixture *x = &fixture;
    *x = (struct fixture){.random = seed * 2654435761u + 1};
    window_init(&x->w);
    window_begin(&x->w, 1);
    return x;
}

static uint64_t chance(struct fixture *x, uint64_t below)
{
    x->random = x->random * 6364136223846793005ull + 1442695040888963407ull;
    return (x->random >> 33) % below;
}

static void add(struct fixture *x, uint64_t first, uint32_t count, uint64_t offset, uint64_t time_s,
                uint32_t shard)
{
    struct number_run run = {first, offset, time_s, count, shard};
    window_add(&x->w, &run);
    for (uint32_t i = 0; i < count; i++) {
        must(x->count < ALL_MAX);
        x->all[x->count++] = (struct number_run){first + i, offset + i, time_s, 1, shard};
    }
}

static struct log_number look(struct producer_window *w, uint64_t number)
{
    struct log_number answer = {0};
    struct log_stamp s = {.numbers = &number, .count = 1, .answers = &answer};
    stamp_measure(&s);
    bool found = window_find(w, &s, false);
    assert_int_equal(window_find(w, &s, true), found);
    assert_int_equal(found, answer.state != NUMBER_NEW);
    return answer;
}

/* W1, W2; and what is told is true. */
static void check(struct fixture *x, struct producer_window *w)
{
    assert_true(w->numbers <= PRODUCER_NUMBERS_MIN + WINDOW_BLOCK_NUMBERS_MAX);
    for (size_t i = 0; i < x->count; i++) {
        const struct number_run *one = &x->all[i];
        struct log_number got = look(w, one->first);
        bool must_be_known = x->count - i <= PRODUCER_NUMBERS_MIN;
        assert_int_not_equal(got.state, NUMBER_NEW);
        assert_true(got.state == NUMBER_STORED || !must_be_known);
        if (got.state == NUMBER_STORED)
            assert_true(got.offset == one->offset && got.time_ms == one->time_s * 1000 &&
                        got.shard == one->shard);
    }
    assert_int_equal(look(w, w->highest + 1).state, NUMBER_NEW);
}

static void numbers_in_a_row_are_known(void **state)
{
    (void)state;
    struct fixture *x = begin(1);
    for (uint64_t i = 0; i < 40; i++)
        add(x, 1000 + i * MANY, MANY, i * MANY, 1700000000 + i, 3);
    check(x, &x->w);
    assert_true(x->w.block_count <= PRODUCER_NUMBERS_MIN / MANY + 2);
    assert_int_equal(look(&x->w, 999).state, NUMBER_FORGOTTEN);
    window_fini(&x->w);
}

static void sparse_numbers_take_two_bytes_each(void **state)
{
    (void)state;
    struct fixture *x = begin(2);
    uint64_t number = 0, offset = 0;
    for (int put = 0; put < 300; put++)
        for (int i = 0; i < 31; i++)
            add(x, number += 1 + chance(x, 32), 1, offset++, 1700000000 + (uint64_t)put / 10, 0);
    check(x, &x->w);
    assert_true(x->w.block_count * WINDOW_BLOCK_BYTES < PRODUCER_NUMBERS_MIN * 5 / 2);
    window_fini(&x->w);
}

/* Requests that overtake each other, from several shards. */
static void numbers_out_of_order_are_known(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct fixture *x = begin(seed);
        uint64_t waiting[8], next = 0, offset = 0;
        for (size_t i = 0; i < 8; i++, next += 40)
            waiting[i] = next;
        for (int put = 0; put < 400; put++) {
            uint64_t *one = &waiting[chance(x, 8)];
            uint32_t count = 1 + (uint32_t)chance(x, 20);
            offset += chance(x, 3);
            add(x, *one, count, offset, 1700000000 + chance(x, 100), (uint32_t)chance(x, 2));
            offset += count;
            *one = next;
            next += 40;
        }
        check(x, &x->w);
        assert_int_equal(look(&x->w, x->w.highest / 40 * 40 + 39).state, NUMBER_NEW);
        window_fini(&x->w);
    }
}

static void a_stamp_is_answered_number_by_number(void **state)
{
    (void)state;
    static const uint64_t orders[][6] = {{9, 10, 11, 14, 15, 21}, {21, 15, 9, 14, 11, 10}};
    struct fixture *x = begin(3);
    add(x, 10, 2, 100, 5, 1);
    add(x, 15, 6, 200, 6, 2);
    for (int order = 0; order < 2; order++) {
        struct log_number answers[6];
        struct log_stamp s = {.numbers = orders[order], .count = 6, .answers = answers};
        stamp_measure(&s);
        assert_true(window_find(&x->w, &s, true));
        for (int i = 0; i < 6; i++) {
            uint64_t n = orders[order][i];
            bool stored = n == 10 || n == 11 || n == 15;
            assert_int_equal(answers[i].state, stored ? NUMBER_STORED : NUMBER_NEW);
            if (stored)
                assert_int_equal(answers[i].offset, n < 15 ? 90 + n : 185 + n);
        }
    }
    window_fini(&x->w);
}

static void a_new_epoch_knows_nothing(void **state)
{
    (void)state;
    struct fixture *x = begin(4);
    add(x, 0, MANY, 0, 1, 0);
    window_begin(&x->w, 2);
    assert_int_equal(x->w.block_count, 0);
    assert_int_equal(look(&x->w, 3).state, NUMBER_NEW);
    window_fini(&x->w);
}

/* Blocks, through their rows. What is cut short is refused, or is another block: it never harms. */
static void what_is_loaded_is_what_was_there(void **state)
{
    (void)state;
    struct fixture *x = begin(5);
    struct producer_window back, scratch;
    for (uint64_t i = 0; i < 3000; i++)
        add(x, i * 7, 1 + (uint32_t)chance(x, 3), i * 9, i / 50, (uint32_t)i % 3);
    window_init(&back);
    window_begin(&back, 1);
    LIST_EACH(node, keep, &x->w.blocks)
    {
        struct window_block *b = LIST_OWNER(node, struct window_block, node);
        assert_int_equal(window_load(&back, b->place, bytes_of(b->bytes, b->len), NULL), OK);
        window_init(&scratch);
        for (uint32_t cut = 0; cut < b->len; cut += 7) {
            enum status st = window_load(&scratch, cut, bytes_of(b->bytes, cut), NULL);
            assert_true(st == OK || st == CORRUPT);
        }
        assert_int_equal(window_load(&scratch, 0, bytes_of(b->bytes, b->len), NULL), CORRUPT);
        window_fini(&scratch);
    }
    back.floor = x->w.floor;
    assert_int_equal(back.numbers, x->w.numbers);
    window_fini(&x->w);
    check(x, &back);
    window_add(&back, &(struct number_run){30000, 90000, 99, 10, 1});
    assert_int_equal(look(&back, 30009).offset, 90009);
    window_fini(&back);
}

static void a_merge_knows_the_last_of_both_and_each_once(void **state)
{
    (void)state;
    struct fixture *x = begin(6);
    struct producer_window other, lower;
    window_init(&other);
    window_begin(&other, 1);
    window_init(&lower);
    window_begin(&lower, 0);
    window_add(&lower, &(struct number_run){.first = 900000, .count = 1});
    for (uint64_t i = 0; i < 3000; i++)
        window_add(i % 2 ? &x->w : &other, &(struct number_run){i, i / 2, i, 1, i % 2});
    window_take(&x->w, &other);
    window_take(&x->w, &other); /* as after a crash */
    window_take(&x->w, &lower);
    assert_int_equal(x->w.numbers, 3000);
    for (uint64_t i = 0; i < 3000; i++) {
        struct log_number got = look(&x->w, i);
        assert_int_equal(got.state, NUMBER_STORED);
        assert_true(got.shard == i % 2 && got.offset == i / 2);
    }
    assert_int_equal(look(&x->w, 900000).state, NUMBER_NEW);
    window_fini(&x->w);
    window_fini(&other);
    window_fini(&lower);
}

/* Two parts of a log, read back in the wrong order, the one twice, and the end of the other known before. */
static void what_is_found_late_is_put_in_its_place(void **state)
{
    (void)state;
    struct fixture *x = begin(8);
    struct producer_window known, late;
    window_init(&known);
    window_begin(&known, 1);
    window_init(&late);
    window_begin(&late, 1);
    window_add(&known, &(struct number_run){1000000, 77, 1, 3, 4}); /* taken over */
    for (uint32_t i = 0; i < 6000; i += 10)
        add(x, 2000000 - i, 5, i, i, 9);
    for (size_t i = 0; i < x->count; i++)
        if (i < 100 || i >= 2000)
            window_add(&known, &x->all[i]);
    for (size_t i = 50; i < 2100; i++)
        window_add(&late, &x->all[i]);
    window_insert(&known, &late, 9);
    window_insert(&known, &late, 9);
    assert_int_equal(known.numbers, 3003);
    window_fini(&x->w);
    check(x, &known);
    assert_int_equal(look(&known, 1000002).offset, 79);
    window_begin(&late, 0); /* an older epoch's */
    window_insert(&known, &late, 9);
    assert_int_equal(known.numbers, 3003);
    window_fini(&late);
    window_fini(&known);
}

static void what_the_log_lost_is_cut_off(void **state)
{
    (void)state;
    struct fixture *x = begin(7);
    add(x, 0, 10, 500, 1, 8); /* a parent's */
    add(x, 10, 10, 0, 2, 9);
    add(x, 20, 10, 10, 3, 9);
    window_cut(&x->w, 9, 14);
    assert_int_equal(x->w.numbers, 24);
    assert_int_equal(look(&x->w, 23).state, NUMBER_STORED);
    assert_int_equal(look(&x->w, 24).state, NUMBER_NEW);
    assert_int_equal(look(&x->w, 9).state, NUMBER_STORED);
    window_fini(&x->w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_a_row_are_known),
        cmocka_unit_test(sparse_numbers_take_two_bytes_each),
        cmocka_unit_test(numbers_out_of_order_are_known),
        cmocka_unit_test(a_stamp_is_answered_number_by_number),
        cmocka_unit_test(a_new_epoch_knows_nothing),
        cmocka_unit_test(what_is_loaded_is_what_was_there),
        cmocka_unit_test(a_merge_knows_the_last_of_both_and_each_once),
        cmocka_unit_test(what_is_found_late_is_put_in_its_place),
        cmocka_unit_test(what_the_log_lost_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
