/* buf_test.c: growing buffers. */
/* link: -Wl,--wrap=mem_resize_try -Wl,--wrap=mem_try */
#include "base/buf.h"
#include "base/mem.h"
#include "unit/base/cmocka_all.h"

static bool memory_is_out;

void *__real_mem_resize_try(void *old, size_t size);
void *__wrap_mem_resize_try(void *old, size_t size);
void *__real_mem_try(size_t size);
void *__wrap_mem_try(size_t size);

void *__wrap_mem_resize_try(void *old, size_t size)
{
    return memory_is_out ? NULL : __real_mem_resize_try(old, size);
}

void *__wrap_mem_try(size_t size)
{
    return memory_is_out ? NULL : __real_mem_try(size);
}

static void assert_holds(const struct buf *b, const char *text)
{
    assert_int_equal(b->status, OK);
    assert_true(bytes_equal(buf_view(b), bytes_text(text)));
}

static void pieces_stand_one_after_another(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_append_text(&b, "a");
    buf_append_byte(&b, 'b');
    buf_append(&b, BYTES_LITERAL("cd"));
    buf_append(&b, BYTES_NONE);
    buf_append_u64(&b, 0);
    buf_append_u64(&b, UINT64_MAX);
    buf_printf(&b, "%s-%d", "e", 7);
    assert_holds(&b, "abcd018446744073709551615e-7");
    buf_fini(&b);
}

static void growth_keeps_the_content(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    for (unsigned i = 0; i < 100000; i++)
        buf_append_byte(&b, (uint8_t)(i * 7));
    assert_int_equal(b.status, OK);
    assert_int_equal(b.len, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.at[i], (uint8_t)(i * 7));
    buf_fini(&b);
}

static void the_ceiling_is_reached_exactly_and_never_passed(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 300);
    for (int i = 0; i < 300; i++)
        buf_append_byte(&b, 'x');
    assert_int_equal(b.status, OK);
    assert_int_equal(b.len, 300);
    assert_true(b.room <= 300);
    buf_append_byte(&b, 'y');
    assert_int_equal(b.status, TOO_LARGE);
    assert_int_equal(b.len, 300);
    buf_fini(&b);
}

static void the_first_failure_latches_until_cleared(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_append_text(&b, "abc");
    buf_append_text(&b, "de");
    assert_int_equal(b.status, TOO_LARGE);
    buf_append_text(&b, "f"); /* would fit, but what came before it is missing */
    buf_printf(&b, "g");
    assert_null(buf_reserve(&b, 0));
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("abc")));
    buf_clear(&b);
    buf_append_text(&b, "wxyz");
    assert_holds(&b, "wxyz");
    buf_fini(&b);
}

static void no_memory_is_an_outcome(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    buf_append_text(&b, "abc");
    memory_is_out = true;
    assert_null(buf_reserve(&b, 50000));
    memory_is_out = false;
    assert_int_equal(b.status, NO_MEMORY);
    buf_append_text(&b, "d");
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("abc")));
    buf_clear(&b);
    memory_is_out = true;
    buf_printf(&b, "%600s", "wide");
    memory_is_out = false;
    assert_int_equal(b.status, NO_MEMORY);
    buf_fini(&b);
}

static void reserved_room_counts_once_committed(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    uint8_t *to = buf_reserve(&b, 10);
    assert_non_null(to);
    memcpy(to, "hello", 5);
    assert_int_equal(b.len, 0);
    buf_add(&b, 5);
    assert_holds(&b, "hello");
    buf_fini(&b);
}

static void an_absurd_reserve_does_not_wrap_round(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, SIZE_MAX);
    buf_append_text(&b, "abc");
    memory_is_out = true; /* only the arithmetic is wanted */
    assert_null(buf_reserve(&b, SIZE_MAX - 2));
    assert_int_equal(b.status, TOO_LARGE);
    buf_clear(&b);
    assert_null(buf_reserve(&b, SIZE_MAX));
    memory_is_out = false;
    assert_int_equal(b.status, NO_MEMORY);
    buf_fini(&b);
}

static void long_texts_are_printed_whole_or_not_at_all(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 2000);
    buf_printf(&b, "%1500s!", "x");
    assert_int_equal(b.status, OK);
    assert_int_equal(b.len, 1501);
    assert_int_equal(b.at[0], ' ');
    assert_int_equal(b.at[1499], 'x');
    assert_int_equal(b.at[1500], '!');
    buf_printf(&b, "%600s", "y");
    assert_int_equal(b.status, TOO_LARGE);
    assert_int_equal(b.len, 1501);
    buf_fini(&b);
}

static void a_print_may_fill_the_buf_to_the_last_byte(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    buf_printf(&b, "%s", "abcde");
    assert_holds(&b, "abcde");
    buf_fini(&b);
}

static void taken_memory_belongs_to_the_taker(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_append_text(&b, "abc");
    size_t len;
    uint8_t *taken = buf_take(&b, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(taken, "abc", 3);
    assert_int_equal(buf_view(&b).len, 0);
    buf_append_text(&b, "next");
    assert_holds(&b, "next");
    mem_free(taken);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_stand_one_after_another),
        cmocka_unit_test(growth_keeps_the_content),
        cmocka_unit_test(the_ceiling_is_reached_exactly_and_never_passed),
        cmocka_unit_test(the_first_failure_latches_until_cleared),
        cmocka_unit_test(no_memory_is_an_outcome),
        cmocka_unit_test(reserved_room_counts_once_committed),
        cmocka_unit_test(an_absurd_reserve_does_not_wrap_round),
        cmocka_unit_test(long_texts_are_printed_whole_or_not_at_all),
        cmocka_unit_test(a_print_may_fill_the_buf_to_the_last_byte),
        cmocka_unit_test(taken_memory_belongs_to_the_taker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
