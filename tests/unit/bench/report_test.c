/* report_test.c: rounds to medians, figures to rows. */
#include "base/file.h"
#include "bench/support/report.h"
#include "unit/base/cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

static struct series series_of(unsigned count, const double *values)
{
    struct series s = {0};
    for (unsigned i = 0; i < count; i++)
        series_add(&s, values[i]);
    return s;
}

static void the_median_ratio_is_that_of_the_rounds(void **state)
{
    (void)state;
    /* a machine that was slow in the second round: both halves of it were */
    struct series rate = series_of(3, (double[]){100, 10, 110});
    struct series limit = series_of(3, (double[]){200, 20, 200});
    assert_true(series_median(&rate) == 100);
    assert_true(series_ratio(&rate, &limit) == 0.5);
    struct series even = series_of(2, (double[]){3, 1});
    assert_true(series_median(&even) == 2);
}

static void a_spread_names_the_ends(void **state)
{
    (void)state;
    struct series s = series_of(3, (double[]){38996, 21676.4, 30000});
    assert_string_equal(spread("", &s, "calls/s"), "21,676 to 38,996 calls/s in 3 rounds");
    struct series one = series_of(1, (double[]){5.504});
    assert_string_equal(spread("p99 ", &one, "ms"), "p99 5.50 to 5.50 ms in 1 round");
}

/* The row that a figure becomes. */
static void expect_row(const struct figure *figure, const char *row)
{
    char path[] = "/tmp/report_test.XXXXXX";
    struct buf text;
    struct fault f;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    report_open(path);
    report(figure);
    report_close();
    buf_init(&text, 1 << 16);
    assert_int_equal(file_read(path, &text, &f), OK);
    buf_append_byte(&text, '\0');
    unlink(path);
    const char *got = (const char *)text.at;
    for (int header = 0; header < 2; header++)
        got = strchr(got, '\n') + 1;
    assert_string_equal(got, row);
    buf_fini(&text);
}

static void a_ratio_is_held_to_its_target(void **state)
{
    (void)state;
    struct figure f = {.id = "b",
                       .what = "calls",
                       .value = 1234567,
                       .unit = "calls/s",
                       .limit_what = "bare",
                       .limit = 2469134,
                       .kind = FIGURE_RATIO_LEAST,
                       .target = 0.5,
                       .note = "noted"};
    expect_row(&f, "| b | calls | 1,234,567 calls/s | bare: 2,469,134 calls/s | 0.50 | at least "
                   "0.50 | PASS | noted |\n");
    f.ratio = 0.49; /* of the rounds: it goes before that of the medians */
    expect_row(&f, "| b | calls | 1,234,567 calls/s | bare: 2,469,134 calls/s | 0.49 | at least "
                   "0.50 | **SHORT** | noted |\n");
    f.kind = FIGURE_RATIO_MOST;
    expect_row(&f, "| b | calls | 1,234,567 calls/s | bare: 2,469,134 calls/s | 0.49 | at most "
                   "0.50 | PASS | noted |\n");
}

static void a_value_is_held_to_its_target(void **state)
{
    (void)state;
    struct figure f = {.id = "",
                       .what = "start",
                       .value = 99.95,
                       .unit = "ms",
                       .kind = FIGURE_VALUE_MOST,
                       .target = 99};
    expect_row(&f, "|  | start | 100 ms |  |  | at most 99.0 ms | **SHORT** |  |\n");
    f.kind = FIGURE_VALUE_LEAST;
    expect_row(&f, "|  | start | 100 ms |  |  | at least 99.0 ms | PASS |  |\n");
    f.kind = FIGURE_SHOWN;
    f.value = 9.994;
    expect_row(&f, "|  | start | 9.99 ms |  |  |  |  |  |\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_ratio_is_that_of_the_rounds),
        cmocka_unit_test(a_spread_names_the_ends),
        cmocka_unit_test(a_ratio_is_held_to_its_target),
        cmocka_unit_test(a_value_is_held_to_its_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
