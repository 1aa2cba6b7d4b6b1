/* arena_test.c: memory freed all at once. */
/* link: -Wl,--wrap=mem_try */
#include "base/arena.h"
#include "unit/base/cmocka_all.h"

enum { CEILING = 1024 * 1024 };
static bool memory_is_out;

void *__real_mem_try(size_t size);
void *__wrap_mem_try(size_t size);

void *__wrap_mem_try(size_t size)
{
    return memory_is_out ? NULL : __real_mem_try(size);
}

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, CEILING);
    uint8_t *pieces[200];
    for (unsigned i = 0; i < 200; i++) {
        pieces[i] = arena_take(&a, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i);
    }
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_int_equal(pieces[i][j], i);
    }
    arena_fini(&a);
}

static void zeroed_pieces_are_zero_even_in_used_memory(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, CEILING);
    for (int round = 0; round < 3; round++) {
        uint8_t *p = arena_zero(&a, 1000);
        assert_non_null(p);
        for (int i = 0; i < 1000; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 1000);
        arena_reset(&a);
    }
    arena_fini(&a);
}

static void a_large_piece_leaves_the_open_block_in_use(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, CEILING);
    uint8_t *before = arena_take(&a, 16);
    uint8_t *large = arena_take(&a, 100000);
    uint8_t *after = arena_take(&a, 16);
    assert_non_null(large);
    memset(large, 1, 100000);
    assert_ptr_equal(after, before + 16);
    arena_fini(&a);
}

static void the_ceiling_holds(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 10000);
    assert_null(arena_take(&a, 10001));
    volatile size_t absurd = SIZE_MAX; /* volatile: the compiler would refuse such a constant */
    assert_null(arena_take(&a, absurd));
    assert_null(arena_take(&a, absurd - 15));
    a.ceiling = SIZE_MAX; /* then only the arithmetic stands in the way */
    assert_null(arena_take(&a, absurd));
    assert_null(arena_take(&a, absurd - 15));
    assert_null(arena_take(&a, absurd - 31));
    a.ceiling = 10000;
    size_t taken = 0;
    while (arena_take(&a, 96) != NULL)
        taken += 96;
    assert_true(a.used <= 10000);
    assert_true(taken > 9000); /* near the ceiling a smaller block is made rather than none */
    arena_fini(&a);
    assert_int_equal(a.used, 0);
}

static void a_first_piece_may_be_larger_than_a_block(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, CEILING);
    uint8_t *large = arena_take(&a, 50000);
    assert_non_null(large);
    memset(large, 1, 50000);
    uint8_t *small = arena_take(&a, 8);
    assert_non_null(small);
    memset(small, 2, 8);
    assert_int_equal(large[49999], 1);
    arena_reset(&a);
    assert_int_equal(a.used, 0); /* it was not worth keeping */
    assert_non_null(arena_take(&a, 8));
    arena_fini(&a);
}

static void a_reset_keeps_only_the_first_block(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, CEILING);
    uint8_t *first = arena_take(&a, 10);
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_take(&a, 100));
    size_t before = a.used;
    arena_reset(&a);
    assert_true(a.used > 0);
    assert_true(a.used <= 4096);
    assert_true(a.used < before);
    assert_ptr_equal(arena_take(&a, 10), first);
    arena_fini(&a);
}

static void no_memory_is_an_outcome(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, CEILING);
    memory_is_out = true;
    assert_null(arena_take(&a, 10));
    assert_null(arena_zero(&a, 10));
    assert_false(bytes_present(arena_copy(&a, BYTES_LITERAL("abc"))));
    assert_false(bytes_present(arena_printf(&a, "%d", 1)));
    memory_is_out = false;
    assert_int_equal(a.used, 0);
    assert_non_null(arena_take(&a, 10));
    arena_fini(&a);
}

static void copies_and_prints_end_in_an_uncounted_nul(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, CEILING);
    struct bytes copy = arena_copy(&a, BYTES_LITERAL("abc"));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.at, "abc", 4);
    struct bytes empty = arena_copy(&a, BYTES_NONE);
    assert_true(bytes_present(empty));
    assert_int_equal(empty.len, 0);
    struct bytes printed = arena_printf(&a, "%s-%d", "x", 42);
    assert_int_equal(printed.len, 4);
    assert_memory_equal(printed.at, "x-42", 5);
    assert_false(bytes_present(arena_copy(&a, bytes_of("", SIZE_MAX))));
    arena_fini(&a);
}

static void recycled_the_largest_block_serves_again(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, CEILING);
    arena_recycle(&a); /* nothing yet */
    assert_int_equal(a.used, 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_take(&a, 1000));
    uint8_t *alone = arena_take(&a, 200000);
    assert_non_null(alone);
    assert_non_null(arena_take(&a, 16));
    arena_recycle(&a);
    assert_in_range(a.used, 200000, 200100);
    assert_ptr_equal(arena_take(&a, 16), alone);
    memset(alone, 1, 16);
    assert_non_null(arena_take(&a, 199000));
    assert_in_range(a.used, 200000, 200100);
    assert_non_null(arena_take(&a, 5000)); /* no more room there: a new block */
    assert_true(a.used > 205000);
    arena_fini(&a);
    assert_int_equal(a.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(zeroed_pieces_are_zero_even_in_used_memory),
        cmocka_unit_test(a_large_piece_leaves_the_open_block_in_use),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(a_first_piece_may_be_larger_than_a_block),
        cmocka_unit_test(a_reset_keeps_only_the_first_block),
        cmocka_unit_test(recycled_the_largest_block_serves_again),
        cmocka_unit_test(no_memory_is_an_outcome),
        cmocka_unit_test(copies_and_prints_end_in_an_uncounted_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
