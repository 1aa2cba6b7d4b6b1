/* moment_test.c: times as java.sql.Timestamp, ISO 8601 and Joda's patterns write them. Numbers by `date -u -d ... +%s`. */
#include "delivery/moment.h"

#include "unit/base/cmocka_all.h"

struct row {
    const char *pattern, *text;
    int64_t micros;
};

static void the_standard_forms_are_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", "2026-11-26 07:00:01.25", 1795676401250000},
        {"", "2026-11-26T07:00:01Z", 1795676401000000},
        {"", "2026-11-26T07:00:01.123456789+02:00", 1795669201123456},
        {"", "2026-11-26T07:00:01-0230", 1795685401000000},
        {"", "2026-11-26T07:00", 1795676400000000},
        {"", "2026-11-26", 1795651200000000},
        {"", "1969-12-31 23:59:59.5", -500000},
        {"", "2024-02-29 00:00:00", 1709164800000000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t micros = 0;
        assert_true(moment_standard(bytes_text(rows[i].text), &micros));
        assert_int_equal(micros, rows[i].micros);
    }
}

static void what_is_no_time_is_not_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "2026",
                                        "2026-13-01",
                                        "2026-02-29",
                                        "2026-11-31",
                                        "2026-11-26 24:00:00",
                                        "2026-11-26T07:60:00",
                                        "2026-11-26 07:00:00.",
                                        "2026-11-26x",
                                        "2026-11-26 07:00:00+2",
                                        "26-11-26",
                                        "2026-11-26T07:00:00Zx"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t micros;
        assert_false(moment_standard(bytes_text(texts[i]), &micros));
    }
}

static void patterns_are_jodas(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"yyyy-MM-dd'T'HH:mm:ss.SSS", "2026-11-26T07:00:01.250", 1795676401250000},
        {"dd/MMM/yyyy:HH:mm:ss Z", "26/Nov/2026:07:00:01 +0200", 1795669201000000},
        {"EEE, dd MMMM yy hh a", "Thu, 26 November 26 12 AM", 1795651200000000},
        {"M/d/yyyy h:mm a", "11/26/2026 12:05 pm", 1795694700000000},
        {"yyyyMMdd", "20261126", 1795651200000000},
        {"'it''s' yyyy", "it's 1970", 0},
        {"millis", "1700000000123", 1700000000123000},
        {"millis", "-5", -5000},
        {"kk:mm", "24:01", 60000000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t micros = 1;
        struct fault f;
        assert_int_equal(moment_pattern_check(bytes_text(rows[i].pattern), &f), OK);
        if (!moment_by_pattern(bytes_text(rows[i].text), bytes_text(rows[i].pattern), &micros))
            fail_msg("%s does not read %s", rows[i].pattern, rows[i].text);
        assert_int_equal(micros, rows[i].micros);
    }
}

static void a_pattern_takes_what_it_says_and_no_more(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"yyyy-MM-dd", "2026-11-26x", 0},
        {"yyyy-MM-dd", "2026-11", 0},
        {"MMM", "Nox", 0},
        {"h a", "13 AM", 0},
        {"millis", "12x", 0},
        {"millis", "", 0},
        {"'T'yyyy", "2026", 0},
        {"yy", "1", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t micros;
        assert_false(
            moment_by_pattern(bytes_text(rows[i].text), bytes_text(rows[i].pattern), &micros));
    }
    static const char *const bad[] = {"", "yyyy-qq", "'open", "G", "SSSSSSSSSS"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fault f;
        assert_int_equal(moment_pattern_check(bytes_text(bad[i]), &f), INVALID_ARGUMENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_forms_are_read),
        cmocka_unit_test(what_is_no_time_is_not_read),
        cmocka_unit_test(patterns_are_jodas),
        cmocka_unit_test(a_pattern_takes_what_it_says_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
