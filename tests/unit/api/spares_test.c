/* spares_test.c: what is kept for its next use, and given up. */
#include "api/spares.h"

#include "unit/base/cmocka_all.h"

static void the_last_given_is_the_first_taken_and_there_is_an_end(void **state)
{
    (void)state;
    struct spares s;
    struct list nodes[3];
    spares_init(&s, 2);
    assert_null(spares_take(&s));
    for (int i = 0; i < 3; i++) {
        list_init(&nodes[i]);
        assert_int_equal(spares_give(&s, &nodes[i]), i < 2);
    }
    assert_ptr_equal(spares_take(&s), &nodes[1]);
    assert_ptr_equal(spares_take(&s), &nodes[0]);
    assert_null(spares_take(&s));
}

static void what_lay_unused_between_two_trims_is_given_up(void **state)
{
    (void)state;
    struct spares s;
    struct list nodes[4];
    spares_init(&s, 4);
    for (int i = 0; i < 4; i++) {
        list_init(&nodes[i]);
        assert_true(spares_give(&s, &nodes[i]));
    }
    assert_null(spares_trim(&s)); /* all of them are new */
    struct list *used = spares_take(&s);
    assert_true(spares_give(&s, used));
    assert_ptr_equal(spares_trim(&s), &nodes[0]); /* unused the longest first */
    assert_ptr_equal(spares_trim(&s), &nodes[1]);
    assert_ptr_equal(spares_trim(&s), &nodes[2]);
    assert_null(spares_trim(&s));
    assert_int_equal(s.count, 1);
    assert_ptr_equal(spares_trim(&s), &nodes[3]);
    assert_null(spares_trim(&s));
    assert_int_equal(s.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_given_is_the_first_taken_and_there_is_an_end),
        cmocka_unit_test(what_lay_unused_between_two_trims_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
