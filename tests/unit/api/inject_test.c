/* inject_test.c: which rules hit, and that they hit the same again. */
#include "api/inject.h"

#include "shards/stream_view.h"
#include "unit/base/cmocka_all.h"

#include <pthread.h>

enum { MANY = 20000 };

struct fixture {
    struct inject *inject;
    struct arena arena;
};

static int setup(void **state)
{
    static struct fixture f;
    f.inject = inject_new();
    arena_init(&f.arena, 1 << 20);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    inject_free(f->inject);
    arena_fini(&f->arena);
    return 0;
}

static void put_rules(struct fixture *f, const char *json)
{
    struct inject_rules *rules;
    struct fault fault;
    assert_int_equal(inject_rules_parse(bytes_text(json), &rules, &fault), OK);
    inject_set(f->inject, rules);
}

static struct inject_question question(unsigned operation, const char *stream, int64_t shard)
{
    return (struct inject_question){.operation = &kinesis_operations[operation],
                                    .account = BYTES_LITERAL("000000000000"),
                                    .stream = stream ? bytes_text(stream) : BYTES_NONE,
                                    .shard = shard};
}

static struct inject_verdict judge(struct fixture *f, unsigned operation, const char *stream,
                                   int64_t shard)
{
    struct inject_verdict verdict;
    struct inject_question q = question(operation, stream, shard);
    inject_judge(f->inject, &q, &f->arena, &verdict);
    return verdict;
}

static void a_rule_hits_what_it_names_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    assert_false(inject_is_armed(f->inject));
    put_rules(f, "{\"Rules\":[{\"Operation\":\"GetShardIterator\",\"Account\":\"000000000000\","
                 "\"StreamName\":\"s\",\"ShardId\":\"3\",\"Drop\":\"BEFORE\"}]}");
    assert_true(inject_is_armed(f->inject));
    unsigned op = KINESIS_OP_GET_SHARD_ITERATOR;
    assert_int_equal(judge(f, op, "s", 3).action, INJECT_DROP_BEFORE);
    assert_int_equal(judge(f, op, "s", 4).action, INJECT_NOTHING);
    assert_int_equal(judge(f, op, "s", SHARD_NONE).action, INJECT_NOTHING);
    assert_int_equal(judge(f, op, "t", 3).action, INJECT_NOTHING);
    assert_int_equal(judge(f, op, NULL, 3).action, INJECT_NOTHING);
    assert_int_equal(judge(f, KINESIS_OP_LIST_SHARDS, "s", 3).action, INJECT_NOTHING);
    struct inject_question q = question(op, "s", 3);
    struct inject_verdict verdict;
    q.account = BYTES_LITERAL("111111111111");
    inject_judge(f->inject, &q, &f->arena, &verdict);
    assert_int_equal(verdict.action, INJECT_NOTHING);
    put_rules(f, "{\"Rules\":[]}");
    assert_false(inject_is_armed(f->inject));
    assert_int_equal(judge(f, op, "s", 3).action, INJECT_NOTHING);
}

/* J2. */
static void latencies_add_up_and_the_first_other_rule_decides(void **state)
{
    struct fixture *f = *state;
    put_rules(f, "{\"Rules\":[{\"Latency\":{\"MinMs\":5}},{\"Latency\":{\"MinMs\":7}},"
                 "{\"Error\":{\"Name\":\"InternalFailure\",\"Message\":\"x\"}},"
                 "{\"Latency\":{\"MinMs\":100}},{\"Drop\":\"AFTER\"}]}");
    struct inject_verdict verdict = judge(f, KINESIS_OP_LIST_STREAMS, NULL, SHARD_NONE);
    assert_int_equal(verdict.latency_ms, 12);
    assert_int_equal(verdict.action, INJECT_ERROR);
    assert_int_equal(verdict.http_status, 500);
    assert_string_equal(verdict.name, "InternalFailure");
    assert_true(bytes_equal(verdict.text, BYTES_LITERAL("x")));
    put_rules(f, "{\"Rules\":[{\"Latency\":{\"MinMs\":60000}},{\"Latency\":{\"MinMs\":60000}}]}");
    assert_int_equal(judge(f, KINESIS_OP_LIST_STREAMS, NULL, SHARD_NONE).latency_ms, 60000);
}

static void puts_and_reads_are_throttled_by_shard_only(void **state)
{
    struct fixture *f = *state;
    put_rules(f, "{\"Rules\":[{\"ShardId\":\"1\",\"Throttle\":true},{\"Latency\":{\"MinMs\":5}}]}");
    struct inject_question first = question(KINESIS_OP_PUT_RECORDS, "s", 0);
    struct inject_question second = question(KINESIS_OP_PUT_RECORDS, "s", 1);
    assert_false(inject_throttles(f->inject, &first));
    assert_true(inject_throttles(f->inject, &second));
    assert_int_equal(judge(f, KINESIS_OP_GET_RECORDS, "s", 1).action, INJECT_NOTHING);
    assert_int_equal(judge(f, KINESIS_OP_GET_SHARD_ITERATOR, "s", 1).action, INJECT_THROTTLE);
}

static void a_rule_hits_as_often_as_it_says(void **state)
{
    struct fixture *f = *state;
    put_rules(f, "{\"Rules\":[{\"Times\":3,\"Drop\":\"BEFORE\"},"
                 "{\"Operation\":\"ListStreams\",\"Probability\":0.3,\"Drop\":\"AFTER\"}]}");
    int hits[INJECT_ACTIONS] = {0};
    for (int i = 0; i < MANY; i++)
        hits[judge(f, KINESIS_OP_LIST_STREAMS, NULL, SHARD_NONE).action]++;
    assert_int_equal(hits[INJECT_DROP_BEFORE], 3);
    assert_in_range(hits[INJECT_DROP_AFTER], (uintmax_t)(MANY * 0.29), (uintmax_t)(MANY * 0.31));
    struct inject_rules *rules = inject_look(f->inject);
    assert_int_equal(atomic_load(&rules->at[0].matched), MANY);
    assert_int_equal(atomic_load(&rules->at[0].injected), 3);
    assert_int_equal(atomic_load(&rules->at[1].matched), MANY - 3);
    assert_int_equal(atomic_load(&rules->at[1].injected), hits[INJECT_DROP_AFTER]);
    inject_rules_unref(rules);
    put_rules(f, "{\"Rules\":[{\"Probability\":0,\"Drop\":\"BEFORE\"}]}");
    assert_int_equal(judge(f, KINESIS_OP_LIST_STREAMS, NULL, SHARD_NONE).action, INJECT_NOTHING);
}

/* What so many requests meet, as one number. */
static uint64_t run_of(struct fixture *f, const char *json)
{
    uint64_t sum = 0;
    put_rules(f, json);
    for (int i = 0; i < 1000; i++) {
        struct inject_verdict v = judge(f, KINESIS_OP_LIST_STREAMS, NULL, SHARD_NONE);
        sum = sum * 31 + v.latency_ms * 10 + v.action;
    }
    return sum;
}

/* J1. */
static void the_same_seed_draws_the_same(void **state)
{
#define RULES(seed)                                                                                \
    "{\"Rules\":[{\"Probability\":0.5,\"Seed\":" seed ",\"Latency\":{\"MinMs\":1,\"MaxMs\":99}},"  \
    "{\"Probability\":0.1,\"Seed\":" seed ",\"Drop\":\"AFTER\"}]}"
    uint64_t seven = run_of(*state, RULES("7"));
    assert_int_equal(run_of(*state, RULES("7")), seven);
    assert_int_not_equal(run_of(*state, RULES("8")), seven);
}

static void *ask_often(void *arg)
{
    struct fixture own = *(struct fixture *)arg;
    arena_init(&own.arena, 1 << 20);
    for (int i = 0; i < MANY / 4; i++)
        judge(&own, KINESIS_OP_LIST_STREAMS, NULL, SHARD_NONE);
    arena_fini(&own.arena);
    return NULL;
}

static void threads_ask_while_rules_change(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, f), 0);
    for (int i = 0; i < 200; i++)
        put_rules(f, "{\"Rules\":[{\"Times\":5,\"Drop\":\"AFTER\"}]}");
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    struct inject_rules *rules = inject_look(f->inject);
    assert_true(atomic_load(&rules->at[0].injected) <= 5);
    inject_rules_unref(rules);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rule_hits_what_it_names_and_nothing_else),
        TEST(latencies_add_up_and_the_first_other_rule_decides),
        TEST(puts_and_reads_are_throttled_by_shard_only),
        TEST(a_rule_hits_as_often_as_it_says),
        TEST(the_same_seed_draws_the_same),
        TEST(threads_ask_while_rules_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
