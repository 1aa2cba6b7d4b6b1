/* scaler_test.c: on-demand streams over a loopback: the test counts as the data plane would, and lets time pass. */
#include "base/mem.h"
#include "shards/scaler.h"
#include "support/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WINDOW_MS = 11000, QUIET_MS = 20000, MEMORY_MS = 60000, SECOND_MS = 1000 };

struct stage {
    struct loopback loopback;
    struct scaler scaler;
};

static void open_scaler(struct stage *s)
{
    scaler_init(&s->scaler, &(struct scaler_settings){
                                .catalog = s->loopback.service.catalog,
                                .streams = s->loopback.service.streams,
                                .clock = &s->loopback.clock.clock,
                                .shard_limit = 20,
                                .window_ms = WINDOW_MS,
                                .quiet_ms = QUIET_MS,
                                .memory_ms = MEMORY_MS,
                            });
}

static int setup(void **state)
{
    struct stage *s = MEM_NEW(struct stage);
    loopback_open(&s->loopback);
    open_scaler(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct stage *s = *state;
    scaler_fini(&s->scaler);
    loopback_close(&s->loopback);
    mem_free(s);
    return 0;
}

static struct stream_view *view(struct stage *s)
{
    struct stream *stream = stream_table_find(s->loopback.service.streams,
                                              &s->loopback.service.auth.home, bytes_text("s"));
    struct stream_view *v = stream_look(stream);
    stream_unref(stream);
    return v;
}

static uint32_t open_count(struct stage *s)
{
    struct stream_view *v = view(s);
    uint32_t count = v->open_count;
    stream_view_unref(v);
    return count;
}

/* What was asked for comes with the next view. */
static void wait_done(struct stage *s, uint64_t version)
{
    for (bool done = false; !done;) {
        struct stream_view *v = view(s);
        done = v->version > version && v->settings.status == STREAM_ACTIVE;
        stream_view_unref(v);
    }
}

/* A second in which the whole stream gets `mib` MiB, by hash evenly or (hot) nearly all in its first shard. */
static void second(struct stage *s, double mib, bool hot)
{
    struct stream_view *v = view(s);
    uint64_t bytes = (uint64_t)(mib * 1048576), version = v->version;
    for (uint32_t i = 0; i < v->open_count; i++) {
        double part = (double)(v->open[i]->end - v->open[i]->start) / (double)U128_MAX;
        if (hot)
            part = i == 0 ? 0.7 : 0.3 / (v->open_count - 1);
        shard_rate_in(v->open[i]->rate, (uint64_t)(part * (double)bytes), 1);
    }
    shard_rate_in(v->settings.rate, bytes, v->open_count);
    stream_view_unref(v);
    clock_manual_advance_ms(&s->loopback.clock, SECOND_MS);
    while (scaler_turn(&s->scaler)) {
        wait_done(s, version);
        v = view(s);
        version = v->version;
        stream_view_unref(v);
    }
}

static void run(struct stage *s, int seconds, double mib, bool hot)
{
    for (int i = 0; i < seconds; i++)
        second(s, mib, hot);
}

static void a_stream_grows_with_its_load_and_shrinks_when_it_is_forgotten(void **state)
{
    struct stage *s = *state;
    answer_empty(&s->loopback, "CreateStream", "{\"StreamName\":\"s\"}");
    run(s, 30, 1, false);
    assert_int_equal(open_count(s), 4);
    run(s, 60, 3, false); /* 0.75 a shard */
    assert_int_equal(open_count(s), 8);
    run(s, 60, 6, false); /* 0.75 again */
    assert_int_equal(open_count(s), 16);
    run(s, 45, 0, false); /* the peak is remembered: 2 * 6 */
    assert_int_equal(open_count(s), 12);
    run(s, 120, 0, false);
    assert_int_equal(open_count(s), 4);
}

static void a_burst_shorter_than_the_window_changes_nothing(void **state)
{
    struct stage *s = *state;
    answer_empty(&s->loopback, "CreateStream", "{\"StreamName\":\"s\"}");
    run(s, 20, 1, false);
    run(s, 1, 12, false); /* 3 a shard for a second: 0.5 over the window with the rest */
    run(s, 20, 1, false);
    assert_int_equal(open_count(s), 4);
}

static void the_shard_limit_holds(void **state)
{
    struct stage *s = *state;
    answer_empty(&s->loopback, "CreateStream", "{\"StreamName\":\"s\"}");
    run(s, 120, 100, false);
    assert_int_equal(open_count(s), 20);
}

static void a_hot_shard_is_split_and_the_others_are_not(void **state)
{
    struct stage *s = *state;
    answer_empty(&s->loopback, "CreateStream", "{\"StreamName\":\"s\"}");
    run(s, 15, 0.8, true);
    assert_int_equal(open_count(s), 4); /* P3: all of 0.8 has room in two shards */
    run(s, 10, 1.6, true);
    struct stream_view *v = view(s);
    assert_int_equal(v->open_count, 5);
    assert_int_equal(v->open[0]->parent, 0);
    assert_int_equal(v->open[2]->index, 1);
    stream_view_unref(v);
}

static void warm_throughput_is_there_at_once(void **state)
{
    struct stage *s = *state;
    answer_empty(&s->loopback, "CreateStream", "{\"StreamName\":\"s\"}");
    char *text = call_text(&s->loopback, "UpdateStreamWarmThroughput",
                           "{\"StreamName\":\"s\",\"WarmThroughputMiBps\":11}", NULL);
    mem_free(text);
    run(s, 1, 0, false);
    assert_int_equal(open_count(s), 11);
    assert_true(answer_shows(&s->loopback, "DescribeStreamSummary",
                             "\"WarmThroughput\":{\"TargetMiBps\":11,\"CurrentMiBps\":11}"));
    run(s, 200, 0, false);
    assert_int_equal(open_count(s), 11);
    mem_free(call_text(&s->loopback, "UpdateStreamWarmThroughput",
                       "{\"StreamName\":\"s\",\"WarmThroughputMiBps\":0}", NULL));
    run(s, 200, 0, false);
    assert_int_equal(open_count(s), 4);
}

static void provisioned_streams_are_left_alone(void **state)
{
    struct stage *s = *state;
    answer_empty(&s->loopback, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    run(s, 60, 10, false);
    assert_int_equal(open_count(s), 1);
    answer_empty(&s->loopback, "UpdateStreamMode",
                 "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\","
                 "\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"}}");
    assert_int_equal(open_count(s), 1);
    run(s, 60, 3, false);
    assert_int_equal(open_count(s), 8);
}

/* S2 */
static void a_restart_merges_nothing_early(void **state)
{
    struct stage *s = *state;
    answer_empty(&s->loopback, "CreateStream", "{\"StreamName\":\"s\"}");
    run(s, 60, 3, false);
    assert_int_equal(open_count(s), 8);
    scaler_fini(&s->scaler);
    loopback_reopen(&s->loopback);
    open_scaler(s);
    run(s, 50, 0, false);
    assert_int_equal(open_count(s), 8);
    run(s, 120, 0, false);
    assert_int_equal(open_count(s), 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_stream_grows_with_its_load_and_shrinks_when_it_is_forgotten),
        TEST(a_burst_shorter_than_the_window_changes_nothing),
        TEST(the_shard_limit_holds),
        TEST(a_hot_shard_is_split_and_the_others_are_not),
        TEST(warm_throughput_is_there_at_once),
        TEST(provisioned_streams_are_left_alone),
        TEST(a_restart_merges_nothing_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
