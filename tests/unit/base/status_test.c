/* status_test.c: outcomes and faults. */
#include "base/status.h"
#include "unit/base/cmocka_all.h"

#include <string.h>

enum { LAST = FENCED };

static void every_status_has_its_own_name(void **state)
{
    (void)state;
    assert_string_equal(status_name(OK), "OK");
    assert_string_equal(status_name(END), "END");
    assert_string_equal(status_name(INVALID_ARGUMENT), "INVALID_ARGUMENT");
    assert_string_equal(status_name(SEALED), "SEALED");
    assert_string_equal(status_name(INTERNAL), "INTERNAL");
    for (int a = OK; a >= LAST; a--) {
        assert_string_not_equal(status_name((enum status)a), "UNKNOWN");
        for (int b = a - 1; b >= LAST; b--)
            assert_string_not_equal(status_name((enum status)a), status_name((enum status)b));
    }
}

static void a_number_that_is_no_status_is_unknown(void **state)
{
    (void)state;
    assert_string_equal(status_name((enum status)(LAST - 1)), "UNKNOWN");
    assert_string_equal(status_name((enum status)2), "UNKNOWN");
}

static void a_fault_keeps_status_and_words(void **state)
{
    (void)state;
    struct fault f;
    assert_int_equal(fault_set(&f, NOT_FOUND, "stream %s has %d shards", "a", 3), NOT_FOUND);
    assert_int_equal(f.status, NOT_FOUND);
    assert_string_equal(f.text, "stream a has 3 shards");
}

static void a_fault_may_be_absent(void **state)
{
    (void)state;
    assert_int_equal(fault_set(NULL, THROTTLED, "%d", 1), THROTTLED);
}

static void a_fault_too_long_is_cut_and_terminated(void **state)
{
    (void)state;
    char text[FAULT_TEXT_BYTES_MAX * 2];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    struct fault f;
    memset(&f, 'y', sizeof(f));
    assert_int_equal(fault_set(&f, TOO_LARGE, "%s", text), TOO_LARGE);
    assert_int_equal(strlen(f.text), FAULT_TEXT_BYTES_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_own_name),
        cmocka_unit_test(a_number_that_is_no_status_is_unknown),
        cmocka_unit_test(a_fault_keeps_status_and_words),
        cmocka_unit_test(a_fault_may_be_absent),
        cmocka_unit_test(a_fault_too_long_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
