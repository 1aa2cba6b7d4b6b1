/* date_pattern_test.c: patterns against what java.time itself printed (date_patterns_golden.h), and what it refuses. */
#include "delivery/date_pattern.h"

#include "base/limits.h"
#include "unit/base/cmocka_all.h"

static const struct {
    const char *zone;
    uint64_t unix_ms;
    const char *pattern, *text;
} golden[] = {
#include "unit/delivery/date_patterns_golden.h"
};

static void patterns_print_as_javas_do(void **state)
{
    (void)state;
    struct buf out;
    struct fault f = {0};
    unsigned wrong = 0;
    buf_init(&out, KIB(4));
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        struct time_zone *zone;
        struct bytes pattern = bytes_text(golden[i].pattern);
        assert_int_equal(time_zone_open(bytes_text(golden[i].zone), &zone, &f), OK);
        assert_int_equal(date_pattern_check(pattern, &f), OK);
        buf_clear(&out);
        date_pattern_print(pattern, golden[i].unix_ms, zone, &out);
        if (!bytes_equal(buf_view(&out), bytes_text(golden[i].text))) {
            print_error("%s %llu \"%s\": \"%.*s\" and not \"%s\"\n", golden[i].zone,
                        (unsigned long long)golden[i].unix_ms, golden[i].pattern,
                        BYTES_ARGS(buf_view(&out)), golden[i].text);
            wrong++;
        }
        time_zone_free(zone);
    }
    assert_int_equal(wrong, 0);
    buf_fini(&out);
}

static void what_java_refuses_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"b",      "ddd",        "yyyy'", "HHH", "V",      "VVV",
                                      "a a aa", "#",          "{}",    "]",   "MMMMMM", "cc",
                                      "FF",     "SSSSSSSSSS", "OO",    "zzzz"};
    struct fault f;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (date_pattern_check(bytes_text(bad[i]), &f) != INVALID_ARGUMENT)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(date_pattern_check(BYTES_LITERAL("'#{}'"), &f), OK);
}

static void names_that_are_no_zones_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "Europe/Nowhere", "../etc/passwd", "/etc/passwd", "Europe//Berlin",
        "Europe", "posixrules/",    "tzdata.zi"};
    struct time_zone *zone;
    struct fault f;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (time_zone_open(bytes_text(bad[i]), &zone, &f) == OK)
            fail_msg("taken: %s", bad[i]);
}

/* 2100 is beyond the transitions of any file: the rule in its footer holds. */
static void the_far_future_follows_the_rule(void **state)
{
    (void)state;
    struct time_zone *zone;
    struct time_zone_moment m;
    struct fault f;
    assert_int_equal(time_zone_open(BYTES_LITERAL("Europe/Berlin"), &zone, &f), OK);
    time_zone_at(zone, 4118083200, &m); /* 1 July 2100 */
    assert_int_equal(m.offset_s, 7200);
    assert_string_equal(m.abbreviation, "CEST");
    time_zone_at(zone, 4102444800, &m); /* 1 January 2100 */
    assert_int_equal(m.offset_s, 3600);
    time_zone_free(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_print_as_javas_do),
        cmocka_unit_test(what_java_refuses_is_refused),
        cmocka_unit_test(names_that_are_no_zones_are_refused),
        cmocka_unit_test(the_far_future_follows_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
