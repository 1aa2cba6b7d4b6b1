/* delivery_table_test.c: delivery streams are found by name and number and listed in order, each scope by itself. */
#include "delivery/delivery_table.h"

#include "unit/base/cmocka_all.h"

#include <stdio.h>

static struct scope scope_of(const char *region)
{
    struct scope s;
    assert_true(scope_set(&s, BYTES_LITERAL("000000000000"), bytes_text(region)));
    return s;
}

static struct delivery *add(struct delivery_table *t, const char *region, const char *name,
                            uint64_t number)
{
    struct firehose_s3_destination_configuration s3 = {0};
    struct firehose_create_delivery_stream_input config = {.s3_destination_configuration = &s3};
    struct delivery_view values = {.number = number, .scope = scope_of(region)}, *v;
    struct fault f;
    snprintf(values.name, sizeof(values.name), "%s", name);
    assert_int_equal(delivery_view_new(&values, &config, &v, &f), OK);
    struct delivery *d = delivery_new(v);
    delivery_table_add(t, d);
    return d;
}

/* The numbers, in order. */
static void assert_page(struct delivery **page, size_t count, const char *expected)
{
    char text[64] = "";
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        struct delivery_view *v = delivery_look(page[i]);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%llu ",
                                (unsigned long long)v->number);
        delivery_view_unref(v);
        delivery_unref(page[i]);
    }
    assert_string_equal(text, expected);
}

static void they_are_found_and_listed_in_their_scope(void **state)
{
    (void)state;
    struct delivery_table *t = delivery_table_new();
    struct scope east = scope_of("us-east-1"), west = scope_of("us-west-1");
    struct delivery *page[8], *d;
    delivery_unref(add(t, "us-west-1", "a", 1));
    delivery_unref(add(t, "us-east-1", "c", 2));
    d = add(t, "us-east-1", "a", 3);
    delivery_unref(add(t, "us-east-1", "b", 4));
    assert_page(page, delivery_table_list(t, &east, BYTES_NONE, page, 8), "3 4 2 ");
    assert_page(page, delivery_table_list(t, &east, BYTES_LITERAL("a"), page, 1), "4 ");
    assert_page(page, delivery_table_list(t, &east, BYTES_LITERAL("aa"), page, 8), "4 2 ");
    assert_page(page, delivery_table_list(t, &east, BYTES_LITERAL("c"), page, 8), "");
    assert_page(page, delivery_table_list(t, &west, BYTES_NONE, page, 8), "1 ");
    size_t count = delivery_table_walk(t, NULL, page, 2);
    struct delivery_view *last = delivery_look(page[1]);
    assert_page(page, count, "3 4 ");
    assert_page(page, delivery_table_walk(t, last, page, 8), "2 1 ");
    delivery_view_unref(last);
    assert_int_equal(delivery_table_count(t, &east), 3);
    assert_int_equal(delivery_table_count(t, NULL), 4);

    struct delivery *found = delivery_table_find(t, &east, BYTES_LITERAL("a"));
    assert_ptr_equal(found, d);
    delivery_unref(found);
    found = delivery_table_find_number(t, 3);
    assert_ptr_equal(found, d);
    delivery_unref(found);
    assert_null(delivery_table_find(t, &west, BYTES_LITERAL("b")));
    assert_null(delivery_table_find_number(t, 9));

    delivery_table_remove(t, d);
    assert_null(delivery_table_find(t, &east, BYTES_LITERAL("a")));
    assert_page(page, delivery_table_list(t, &east, BYTES_NONE, page, 8), "4 2 ");
    delivery_unref(d);
    delivery_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_found_and_listed_in_their_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
