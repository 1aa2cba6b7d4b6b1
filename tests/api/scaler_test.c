/* scaler_test.c: on-demand streams over a loopback: the test counts as the data plane would, and lets time pass. */
#include "base/mem.h"
#include "shards/scaler.h"
#include "support/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

enum { WINDOW_MS = 11000, QUIET_MS = 20000, MEMORY_MS = 60000, SECOND_MS = 1000 };

struct stage {
    struct loopback loopback;
    struct scaler scaler;
    struct scope scope; /* of the streams that are loaded and looked at */
};

static void open_scaler(struct stage *s)
{
    scaler_init(&s->scaler, &(struct scaler_settings){
                                .catalog = s->loopback.service.catalog,
                                .streams = s->loopback.service.streams,
                                .clock = &s->loopback.clock.clock,
                                .shard_limit = s->loopback.shard_limit,
                                .window_ms = WINDOW_MS,
                                .quiet_ms = QUIET_MS,
                                .memory_ms = MEMORY_MS,
                            });
}

static int open_stage(void **state, uint64_t shard_limit)
{
    struct stage *s = MEM_NEW(struct stage);
    s->loopback.shard_limit = shard_limit;
    loopback_open(&s->loopback);
    s->scope = s->loopback.service.auth.home;
    open_scaler(s);
    *state = s;
    return 0;
}

static int setup(void **state)
{
    return open_stage(state, 40);
}

static int setup_few_shards(void **state)
{
    return open_stage(state, 20);
}

static int setup_nine_shards(void **state)
{
    return open_stage(state, 9);
}

static int teardown(void **state)
{
    struct stage *s = *state;
    scaler_fini(&s->scaler);
    loopback_close(&s->loopback);
    mem_free(s);
    return 0;
}

/* Who calls, and whose streams are loaded and looked at, from here on. */
static void be(struct stage *s, const char *account, const char *region)
{
    s->loopback.access_key = account;
    s->loopback.region = region;
    assert_true(scope_set(&s->scope, bytes_text(account), bytes_text(region)));
}

static void create(struct stage *s, const char *name)
{
    char json[64];
    snprintf(json, sizeof(json), "{\"StreamName\":\"%s\"}", name);
    answer_empty(&s->loopback, "CreateStream", json);
}

static struct stream_view *view(struct stage *s, const char *name)
{
    struct stream *stream =
        stream_table_find(s->loopback.service.streams, &s->scope, bytes_text(name));
    struct stream_view *v = stream_look(stream);
    stream_unref(stream);
    return v;
}

static uint32_t open_count(struct stage *s)
{
    struct stream_view *v = view(s, "s");
    uint32_t count = v->open_count;
    stream_view_unref(v);
    return count;
}

static bool is_active(void *arg, struct stream_view *v)
{
    return *(bool *)arg = v->settings.status == STREAM_ACTIVE;
}

/* Until everything that was asked for is refused or done, in all scopes. */
static void settle(struct stage *s)
{
    /* The catalog takes commands in turn: when it answers this one, those before it have been refused or begun. */
    mem_free(call_text(&s->loopback, "DeleteStream", "{\"StreamName\":\"none\"}", NULL));
    for (bool done = false; !done;)
        stream_table_each(s->loopback.service.streams, is_active, &done);
}

/* What a second brings: `mib` MiB for the whole stream, by hash evenly or (hot) nearly all in its first shard. */
static void load(struct stage *s, const char *name, double mib, bool hot)
{
    struct stream_view *v = view(s, name);
    uint64_t bytes = (uint64_t)(mib * 1048576);
    for (uint32_t i = 0; i < v->open_count; i++) {
        double part = (double)(v->open[i]->end - v->open[i]->start) / (double)U128_MAX;
        if (hot)
            part = i == 0 ? 0.7 : 0.3 / (v->open_count - 1);
        shard_rate_in(v->open[i]->rate, (uint64_t)(part * (double)bytes), 1);
    }
    shard_rate_in(v->settings.rate, bytes, v->open_count);
    stream_view_unref(v);
}

static void pass_second(struct stage *s)
{
    clock_manual_advance_ms(&s->loopback.clock, SECOND_MS);
    while (scaler_turn(&s->scaler))
        settle(s);
}

static void run(struct stage *s, int seconds, double mib, bool hot)
{
    for (int i = 0; i < seconds; i++) {
        load(s, "s", mib, hot);
        pass_second(s);
    }
}

static void a_stream_grows_with_its_load_and_shrinks_when_it_is_forgotten(void **state)
{
    struct stage *s = *state;
    create(s, "s");
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
    create(s, "s");
    run(s, 20, 1, false);
    run(s, 1, 12, false); /* 3 a shard for a second: 0.5 over the window with the rest */
    run(s, 20, 1, false);
    assert_int_equal(open_count(s), 4);
}

static void the_shard_limit_holds(void **state)
{
    struct stage *s = *state;
    create(s, "s");
    run(s, 120, 100, false);
    assert_int_equal(open_count(s), 20);
}

static void a_hot_shard_is_split_and_the_others_are_not(void **state)
{
    struct stage *s = *state;
    create(s, "s");
    run(s, 15, 0.8, true);
    assert_int_equal(open_count(s), 4); /* P3: all of 0.8 has room in two shards */
    run(s, 10, 1.6, true);
    struct stream_view *v = view(s, "s");
    assert_int_equal(v->open_count, 5);
    assert_int_equal(v->open[0]->parent, 0);
    assert_int_equal(v->open[2]->index, 1);
    stream_view_unref(v);
}

static void warm_throughput_is_there_at_once(void **state)
{
    struct stage *s = *state;
    create(s, "s");
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
    create(s, "s");
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

/* ---- streams of one name, and limits, in several scopes ---- */

static void opens_in(struct stage *s, const char *account, const char *region, uint32_t count)
{
    be(s, account, region);
    assert_int_equal(open_count(s), count);
}

static void streams_of_one_name_scale_apart(void **state)
{
    struct stage *s = *state;
    static const char *const scopes[][2] = {{"000000000000", "us-east-1"},
                                            {"000000000000", "eu-west-1"},
                                            {"111111111111", "us-east-1"}};
    for (size_t i = 0; i < 3; i++) {
        be(s, scopes[i][0], scopes[i][1]);
        create(s, "s");
    }
    be(s, "000000000000", "eu-west-1");
    run(s, 60, 3, false);
    opens_in(s, "000000000000", "us-east-1", 4);
    opens_in(s, "000000000000", "eu-west-1", 8);
    opens_in(s, "111111111111", "us-east-1", 4);
    run(s, 180, 3, false); /* now this one has the load, and the other is forgotten */
    opens_in(s, "000000000000", "us-east-1", 4);
    opens_in(s, "000000000000", "eu-west-1", 4);
    opens_in(s, "111111111111", "us-east-1", 8);
}

static void the_shard_limit_holds_in_each_scope_by_itself(void **state)
{
    struct stage *s = *state;
    create(s, "s");
    run(s, 60, 100, false);
    assert_int_equal(open_count(s), 20);
    be(s, "111111111111", "us-east-1");
    create(s, "s");
    run(s, 60, 100, false);
    opens_in(s, "111111111111", "us-east-1", 20);
    opens_in(s, "000000000000", "us-east-1", 20);
}

static uint64_t open_in_scope(struct stage *s)
{
    struct stream_totals totals;
    stream_table_totals(s->loopback.service.streams, &s->scope, &totals);
    return totals.open_shards;
}

/* S3 */
static void the_last_shard_of_a_limit_is_given_once(void **state)
{
    struct stage *s = *state;
    static const char *const accounts[] = {"000000000000", "111111111111"};
    for (int i = 0; i < 2; i++) {
        be(s, accounts[i], "us-east-1");
        create(s, "s");
        create(s, "t");
    }
    for (int second = 0; second < 30; second++) {
        for (int i = 0; i < 2; i++) {
            be(s, accounts[i], "us-east-1");
            load(s, "s", 10, false);
            load(s, "t", 10, false); /* both want more, in the same turn */
        }
        pass_second(s);
        for (int i = 0; i < 2; i++) {
            be(s, accounts[i], "us-east-1");
            assert_true(open_in_scope(s) <= 9);
        }
    }
    for (int i = 0; i < 2; i++) {
        be(s, accounts[i], "us-east-1");
        assert_int_equal(open_in_scope(s), 9);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_stream_grows_with_its_load_and_shrinks_when_it_is_forgotten),
        TEST(a_burst_shorter_than_the_window_changes_nothing),
        cmocka_unit_test_setup_teardown(the_shard_limit_holds, setup_few_shards, teardown),
        TEST(a_hot_shard_is_split_and_the_others_are_not),
        TEST(warm_throughput_is_there_at_once),
        TEST(provisioned_streams_are_left_alone),
        TEST(a_restart_merges_nothing_early),
        TEST(streams_of_one_name_scale_apart),
        cmocka_unit_test_setup_teardown(the_shard_limit_holds_in_each_scope_by_itself,
                                        setup_few_shards, teardown),
        cmocka_unit_test_setup_teardown(the_last_shard_of_a_limit_is_given_once, setup_nine_shards,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
