/* date_pattern_test.c: patterns against what java.time itself printed (golden/date_patterns.txt: zone, milliseconds, pattern, text, from JDK 17 in the
 * locale en_US), and what it refuses. */
#include "delivery/date_pattern.h"

#include "base/file.h"
#include "base/limits.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

static struct bytes take(struct bytes *rest, uint8_t end)
{
    const uint8_t *at = memchr(rest->at, end, rest->len);
    assert_non_null(at);
    struct bytes piece = bytes_of(rest->at, (size_t)(at - rest->at));
    *rest = bytes_of(at + 1, rest->len - piece.len - 1);
    return piece;
}

static void patterns_print_as_javas_do(void **state)
{
    (void)state;
    struct buf file, out;
    struct fault f = {0};
    char path[512];
    snprintf(path, sizeof(path), "%.*sgolden/date_patterns.txt",
             (int)(strlen(__FILE__) - strlen("unit/delivery/date_pattern_test.c")), __FILE__);
    buf_init(&file, MIB(4));
    buf_init(&out, KIB(4));
    assert_int_equal(file_read(path, &file, &f), OK);
    struct bytes rest = buf_view(&file);
    unsigned count = 0, wrong = 0;
    while (rest.len) {
        struct bytes zone_name = take(&rest, '\t'), ms = take(&rest, '\t');
        struct bytes pattern = take(&rest, '\t'), expected = take(&rest, '\n');
        uint64_t unix_ms;
        struct time_zone *zone;
        assert_true(bytes_to_u64(ms, &unix_ms));
        assert_int_equal(time_zone_open(zone_name, &zone, &f), OK);
        assert_int_equal(date_pattern_check(pattern, &f), OK);
        buf_clear(&out);
        date_pattern_print(pattern, unix_ms, zone, &out);
        count++;
        if (!bytes_equal(buf_view(&out), expected)) {
            print_error("%.*s %.*s \"%.*s\": \"%.*s\" and not \"%.*s\"\n", BYTES_ARGS(zone_name),
                        BYTES_ARGS(ms), BYTES_ARGS(pattern), BYTES_ARGS(buf_view(&out)),
                        BYTES_ARGS(expected));
            wrong++;
        }
        time_zone_free(zone);
    }
    assert_true(count > 500);
    assert_int_equal(wrong, 0);
    buf_fini(&out);
    buf_fini(&file);
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
