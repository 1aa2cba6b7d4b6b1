/* list_test.c: intrusive lists. */
#include "base/list.h"
#include "unit/base/cmocka_all.h"

struct item {
    int number;
    struct list node;
};

static int number_of(struct list *node)
{
    return LIST_OWNER(node, struct item, node)->number;
}

/* The numbers in a list, as decimal digits: 1, 2, 3 is 123. */
static int digits(const struct list *l)
{
    int all = 0;
    for (struct list *node = l->next; node != l; node = node->next)
        all = all * 10 + number_of(node);
    return all;
}

static void items_stand_in_the_order_of_adding(void **state)
{
    (void)state;
    struct list l;
    struct item a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    list_init(&l);
    assert_true(list_empty(&l));
    assert_null(list_first(&l));
    list_append(&l, &b.node);
    list_append(&l, &c.node);
    list_prepend(&l, &a.node);
    assert_int_equal(digits(&l), 123);
    assert_int_equal(number_of(list_first(&l)), 1);
}

static void removing_twice_does_nothing(void **state)
{
    (void)state;
    struct list l;
    struct item a = {.number = 1}, b = {.number = 2};
    list_init(&l);
    list_append(&l, &a.node);
    list_append(&l, &b.node);
    list_remove(&a.node);
    list_remove(&a.node);
    assert_int_equal(digits(&l), 2);
}

static void a_walk_may_remove_where_it_stands(void **state)
{
    (void)state;
    struct list l;
    struct item items[4];
    list_init(&l);
    for (int i = 0; i < 4; i++) {
        items[i].number = i + 1;
        list_append(&l, &items[i].node);
    }
    LIST_EACH(node, keep, &l)
    {
        if (number_of(node) % 2 == 0)
            list_remove(node);
    }
    assert_int_equal(digits(&l), 13);
}

static void a_splice_moves_all_to_the_end(void **state)
{
    (void)state;
    struct list to, from;
    struct item a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    list_init(&to);
    list_init(&from);
    list_splice(&to, &from);
    assert_true(list_empty(&to));
    list_append(&to, &a.node);
    list_append(&from, &b.node);
    list_append(&from, &c.node);
    list_splice(&to, &from);
    assert_int_equal(digits(&to), 123);
    assert_true(list_empty(&from));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stand_in_the_order_of_adding),
        cmocka_unit_test(removing_twice_does_nothing),
        cmocka_unit_test(a_walk_may_remove_where_it_stands),
        cmocka_unit_test(a_splice_moves_all_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
