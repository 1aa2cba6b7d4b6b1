/* tags_test.c: a set of tags stays in order of code point, with each key once. */
#include "shards/tags.h"

#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define TAG(key, value)                                                                            \
    (struct stream_tag)                                                                            \
    {                                                                                              \
        (char *)(uintptr_t)(key), (char *)(uintptr_t)(value)                                       \
    }

static void assert_set(const struct stream_tag *set, uint32_t count, const char *expected)
{
    char text[256] = "";
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s=%s ", set[i].key, set[i].value);
    assert_string_equal(text, expected);
}

static void tags_are_put_replaced_and_removed_in_order(void **state)
{
    (void)state;
    struct stream_tag set[8];
    uint32_t count = 0;
    stream_tags_change(set, &count, TAG("b", "1"));
    stream_tags_change(set, &count, TAG("\xc3\xbc", "2"));
    stream_tags_change(set, &count, TAG("a", "3"));
    stream_tags_change(set, &count, TAG("Z", ""));
    stream_tags_change(set, &count, TAG("ab", "4"));
    assert_set(set, count, "Z= a=3 ab=4 b=1 \xc3\xbc=2 ");
    stream_tags_change(set, &count, TAG("ab", "5"));
    stream_tags_change(set, &count, TAG("nobody", NULL));
    stream_tags_change(set, &count, TAG("Z", NULL));
    stream_tags_change(set, &count, TAG("\xc3\xbc", NULL));
    assert_set(set, count, "a=3 ab=5 b=1 ");
}

static void any_array_becomes_a_set_and_the_later_of_a_key_stays(void **state)
{
    (void)state;
    struct stream_tag tags[] = {TAG("c", "1"), TAG("a", "1"), TAG("c", "2"), TAG("b", "1"),
                                TAG("a", "2")};
    assert_set(tags, stream_tags_sort(tags, 5), "a=2 b=1 c=2 ");
    assert_int_equal(stream_tags_sort(NULL, 0), 0);
}

static void the_place_after_a_key_needs_no_such_key(void **state)
{
    (void)state;
    const struct stream_tag set[] = {TAG("b", "1"), TAG("d", "1")};
    static const struct {
        const char *key;
        uint32_t place;
    } cases[] = {{NULL, 0}, {"a", 0}, {"b", 1}, {"bb", 1}, {"c", 1}, {"d", 2}, {"e", 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(stream_tags_after(set, 2, bytes_text(cases[i].key)), cases[i].place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_put_replaced_and_removed_in_order),
        cmocka_unit_test(any_array_becomes_a_set_and_the_later_of_a_key_stays),
        cmocka_unit_test(the_place_after_a_key_needs_no_such_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
