/* metric_test.c: counters, gauges and histograms, and the page of them. */
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

static struct buf page;

static const char *print_page(void)
{
    buf_init(&page, 1024 * 1024);
    metric_print(&page);
    buf_append_byte(&page, '\0');
    assert_int_equal(page.status, OK);
    return (const char *)page.at;
}

static void assert_page_has(const char *lines)
{
    if (strstr(print_page(), lines) == NULL)
        fail_msg("no such lines:\n%s\nin:\n%s", lines, (const char *)page.at);
    buf_fini(&page);
}

static void the_same_name_and_labels_are_the_same_metric(void **state)
{
    (void)state;
    struct metric *a = metric_counter("same_total", "Help.", "x=\"1\"");
    assert_ptr_equal(metric_counter("same_total", "Help.", "x=\"1\""), a);
    assert_ptr_not_equal(metric_counter("same_total", "Help.", "x=\"2\""), a);
    assert_ptr_not_equal(metric_counter("other_total", "Help.", "x=\"1\""), a);
}

static void families_are_printed_together_under_one_head(void **state)
{
    (void)state;
    metric_add(metric_counter("puts_total", "Puts taken.", "operation=\"PutRecord\""), 3);
    metric_set(metric_gauge("open_connections", "Connections.", ""), 17);
    metric_add(metric_counter("puts_total", "Puts taken.", "operation=\"PutRecords\""), 4);
    assert_page_has(
        "# HELP puts_total Puts taken.\n# TYPE puts_total counter\n"
        "puts_total{operation=\"PutRecord\"} 3\nputs_total{operation=\"PutRecords\"} 4\n");
    assert_page_has("# HELP open_connections Connections.\n# TYPE open_connections "
                    "gauge\nopen_connections 17\n");
}

static void gauges_go_both_ways_and_below_zero(void **state)
{
    (void)state;
    struct metric *g = metric_gauge("offset_ms", "An offset.", "");
    metric_set(g, -5);
    assert_page_has("\noffset_ms -5\n");
    metric_add(g, (uint64_t)-10);
    assert_page_has("\noffset_ms -15\n");
    metric_add(g, 20);
    assert_page_has("\noffset_ms 5\n");
    assert_int_equal(metric_value(g), 5);
}

static void a_histogram_counts_up_to_each_bound_inclusively(void **state)
{
    (void)state;
    struct metric *h = metric_histogram("put_seconds", "Time of a put.", "stage=\"sync\"");
    static const uint64_t observed[] = {0, 16, 17, 32, 33, 1000000, 16777216, 16777217, 100000000};
    uint64_t count = sizeof(observed) / sizeof(observed[0]);
    for (size_t i = 0; i < count; i++)
        metric_observe_us(h, observed[i]);
    assert_int_equal(metric_value(h), count);
    assert_page_has("# TYPE put_seconds histogram\n"
                    "put_seconds_bucket{stage=\"sync\",le=\"0.000016\"} 2\n"
                    "put_seconds_bucket{stage=\"sync\",le=\"0.000032\"} 4\n"
                    "put_seconds_bucket{stage=\"sync\",le=\"0.000064\"} 5\n");
    assert_page_has("put_seconds_bucket{stage=\"sync\",le=\"0.524288\"} 5\n"
                    "put_seconds_bucket{stage=\"sync\",le=\"1.048576\"} 6\n");
    assert_page_has("put_seconds_bucket{stage=\"sync\",le=\"8.388608\"} 6\n"
                    "put_seconds_bucket{stage=\"sync\",le=\"16.777216\"} 7\n"
                    "put_seconds_bucket{stage=\"sync\",le=\"+Inf\"} 9\n"
                    "put_seconds_sum{stage=\"sync\"} 134.554531\n"
                    "put_seconds_count{stage=\"sync\"} 9\n");
}

static void a_histogram_without_labels_is_well_formed(void **state)
{
    (void)state;
    metric_observe_us(metric_histogram("plain_seconds", "Plain.", ""), 20);
    assert_page_has(
        "plain_seconds_bucket{le=\"0.000016\"} 0\nplain_seconds_bucket{le=\"0.000032\"} 1\n");
    assert_page_has("plain_seconds_sum 0.000020\nplain_seconds_count 1\n");
}

static void count_much(void *arg)
{
    struct metric *c = metric_counter("shared_total", "Shared.", "");
    struct metric *h = metric_histogram("shared_seconds", "Shared.", "");
    (void)arg;
    for (uint64_t i = 0; i < 10000; i++) {
        metric_add(c, 2);
        metric_observe_us(h, i);
    }
    struct buf mine;
    buf_init(&mine, 1024 * 1024);
    metric_print(&mine);
    buf_fini(&mine);
}

static void threads_lose_no_update(void **state)
{
    (void)state;
    struct thread threads[4] = {0};
    for (int i = 0; i < 4; i++)
        thread_start(&threads[i], THREAD_READER, "counter", count_much, NULL);
    for (int i = 0; i < 4; i++)
        thread_join(&threads[i]);
    assert_int_equal(metric_value(metric_counter("shared_total", "Shared.", "")), 80000);
    assert_int_equal(metric_value(metric_histogram("shared_seconds", "Shared.", "")), 40000);
}

static void make_two_kinds(void *arg)
{
    (void)arg;
    metric_counter("kind_total", "Help.", "");
    metric_gauge("kind_total", "Help.", "");
}

static void add_to_histogram(void *arg)
{
    (void)arg;
    metric_add(metric_histogram("kind_seconds", "Help.", ""), 1);
}

static void mixing_kinds_breaks_a_promise(void **state)
{
    (void)state;
    assert_true(child_breaks(make_two_kinds, NULL, "kind"));
    assert_true(child_breaks(add_to_histogram, NULL, "HISTOGRAM"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_and_labels_are_the_same_metric),
        cmocka_unit_test(families_are_printed_together_under_one_head),
        cmocka_unit_test(gauges_go_both_ways_and_below_zero),
        cmocka_unit_test(a_histogram_counts_up_to_each_bound_inclusively),
        cmocka_unit_test(a_histogram_without_labels_is_well_formed),
        cmocka_unit_test(threads_lose_no_update),
        cmocka_unit_test(mixing_kinds_breaks_a_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
