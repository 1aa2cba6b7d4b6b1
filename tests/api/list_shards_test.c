/* list_shards_test.c: ListShards by time over a loopback exchange, with a clock that stands where a test wants it. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define HALF "170141183460469231731687303715884105728"

static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    loopback_open(l);
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

/* The indexes of the shards that were open so many ms after the clock's beginning, as "1,2". */
static void open_at(struct loopback *l, const char *filter, uint64_t ms, const char *expected)
{
    char ask[256], got[64] = "";
    snprintf(ask, sizeof(ask),
             "{\"StreamName\":\"s\",\"ShardFilter\":{\"Type\":\"%s\",\"Timestamp\":%.3f}}", filter,
             1700000000 + (double)ms / 1000);
    json_t *answer = answer_ok(l, "ListShards", ask), *shard;
    size_t i;
    json_array_foreach(json_object_get(answer, "Shards"), i, shard)
    {
        const char *id = json_string_value(json_object_get(shard, "ShardId"));
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%c", i ? "," : "",
                 id[strlen(id) - 1]);
    }
    assert_string_equal(got, expected);
    json_decref(answer);
}

/* Who begins to read at a time must be told of every shard that may hold what came then. */
static void at_every_time_the_open_shards_cover_all_keys(void **state)
{
    struct loopback *l = *state;
    clock_manual_advance_ms(&l->clock, 5300);
    answer_empty(l, "SplitShard",
                 "{\"StreamName\":\"s\",\"ShardToSplit\":\"0\",\"NewStartingHashKey\":\"" HALF
                 "\"}");
    answer_wait_active(l);
    clock_manual_advance_ms(&l->clock, 4400);
    answer_empty(l, "MergeShards",
                 "{\"StreamName\":\"s\",\"ShardToMerge\":\"1\",\"AdjacentShardToMerge\":\"2\"}");
    answer_wait_active(l);
    clock_manual_advance_ms(&l->clock, 1000);
    open_at(l, "AT_TIMESTAMP", 5299, "0");
    open_at(l, "AT_TIMESTAMP", 5300, "0");
    open_at(l, "AT_TIMESTAMP", 5301, "1,2"); /* their numbers begin at 6000 */
    open_at(l, "AT_TIMESTAMP", 5999, "1,2");
    open_at(l, "AT_TIMESTAMP", 6000, "1,2");
    open_at(l, "AT_TIMESTAMP", 9700, "1,2");
    open_at(l, "AT_TIMESTAMP", 9701, "3");
    open_at(l, "AT_TIMESTAMP", 10699, "3");
    open_at(l, "FROM_TIMESTAMP", 5301, "1,2,3");
}

static void the_trim_horizon_may_fall_just_behind_a_split(void **state)
{
    struct loopback *l = *state;
    clock_manual_advance_ms(&l->clock, 5300);
    answer_empty(l, "SplitShard",
                 "{\"StreamName\":\"s\",\"ShardToSplit\":\"0\",\"NewStartingHashKey\":\"" HALF
                 "\"}");
    answer_wait_active(l);
    clock_manual_advance_ms(&l->clock, 24 * 3600 * 1000);
    open_at(l, "AT_TRIM_HORIZON", 0, "0");
    clock_manual_advance_ms(&l->clock, 1);
    open_at(l, "AT_TRIM_HORIZON", 0, "1,2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_every_time_the_open_shards_cover_all_keys, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_trim_horizon_may_fall_just_behind_a_split, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
