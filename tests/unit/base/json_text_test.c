/* json_text_test.c: a tree as text, whole or not at all. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "base/json_text.h"

#include "base/mem.h"
#include "support/failing.h"
#include "unit/base/cmocka_all.h"

#include <jansson.h>

static const char long_name[] = "a name that is longer than the room that any buffer begins with, "
                                "so that it is here that memory has to grow, or fails";

static json_t *tree(void)
{
    return json_pack("{s:i s:[i,i] s:{s:s}}", "id", 59, long_name, 1, 2, "inner", long_name,
                     "text");
}

static void what_is_appended_is_what_jansson_says(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    buf_append_text(&out, "before ");
    json_t *value = tree();
    assert_int_equal(json_text_append(value, JSON_COMPACT | JSON_SORT_KEYS, &out), OK);
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    assert_int_equal(out.len, strlen("before ") + strlen(text));
    assert_memory_equal(out.at + strlen("before "), text, strlen(text));
    mem_free(text);
    json_decref(value);
    buf_fini(&out);
}

static void without_memory_for_a_piece_it_is_not_ok(void **state)
{
    (void)state;
    json_t *value = tree();
    long which = 1;
    for (bool failed = true; failed; which++) {
        struct buf out;
        buf_init(&out, 4096);
        failing_begin(which);
        enum status st = json_text_append(value, JSON_COMPACT, &out);
        failed = failing_end();
        assert_int_equal(st, failed ? NO_MEMORY : OK);
        buf_fini(&out);
    }
    assert_true(which > 3);
    json_decref(value);
}

/* Each piece that the ceiling cuts: names are among them, which jansson does not look back at. */
static void a_ceiling_anywhere_is_too_large(void **state)
{
    (void)state;
    json_t *value = tree();
    struct buf whole;
    buf_init(&whole, 4096);
    assert_int_equal(json_text_append(value, JSON_COMPACT, &whole), OK);
    for (size_t ceiling = 0; ceiling < whole.len; ceiling++) {
        struct buf out;
        buf_init(&out, ceiling);
        assert_int_equal(json_text_append(value, JSON_COMPACT, &out), TOO_LARGE);
        buf_fini(&out);
    }
    json_decref(value);
    buf_fini(&whole);
}

static void no_tree_is_no_memory_and_a_latched_buf_stays(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 2);
    assert_int_equal(json_text_append(NULL, JSON_ENCODE_ANY, &out), NO_MEMORY);
    assert_int_equal(out.status, OK);
    buf_append_text(&out, "too long");
    json_t *empty = json_object();
    assert_int_equal(json_text_append(empty, 0, &out), TOO_LARGE);
    json_decref(empty);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_is_what_jansson_says),
        cmocka_unit_test(without_memory_for_a_piece_it_is_not_ok),
        cmocka_unit_test(a_ceiling_anywhere_is_too_large),
        cmocka_unit_test(no_tree_is_no_memory_and_a_latched_buf_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
