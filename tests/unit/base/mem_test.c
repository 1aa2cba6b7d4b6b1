/* mem_test.c: heap memory. */
#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <string.h>

static void must_memory_is_zeroed(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        unsigned char *p = mem_must(1000);
        for (int i = 0; i < 1000; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 1000); /* so that the next round may get it dirty */
        mem_free(p);
    }
}

static void no_bytes_are_still_memory(void **state)
{
    (void)state;
    void *a = mem_try(0), *b = mem_resize_try(NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    a = mem_resize_try(a, 0);
    assert_non_null(a);
    mem_free(a);
    mem_free(b);
}

static void resizing_keeps_the_content(void **state)
{
    (void)state;
    char *p = mem_try(4);
    assert_non_null(p);
    memcpy(p, "abc", 4);
    p = mem_resize_try(p, 100000);
    assert_non_null(p);
    assert_string_equal(p, "abc");
    mem_free(p);
}

static void a_copied_text_is_its_own(void **state)
{
    (void)state;
    char text[] = "sluice";
    char *copy = mem_strdup(text);
    text[0] = 'x';
    assert_string_equal(copy, "sluice");
    mem_free(copy);
}

static void freeing_nothing_is_allowed(void **state)
{
    (void)state;
    mem_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(must_memory_is_zeroed),      cmocka_unit_test(no_bytes_are_still_memory),
        cmocka_unit_test(resizing_keeps_the_content), cmocka_unit_test(a_copied_text_is_its_own),
        cmocka_unit_test(freeing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
