/* shard_map_test.c: which shard owns a key, and what is no map. */
#include "consumer-sdk/shard_map.h"

#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

static enum status add(struct shard_map *m, const char *id, const char *first, const char *last)
{
    return shard_map_add(m, bytes_text(id), bytes_text(first), bytes_text(last));
}

#define LAST   "340282366920938463463374607431768211455"
#define MIDDLE "170141183460469231731687303715884105728"
#define BELOW  "170141183460469231731687303715884105727"

static void every_key_has_its_shard(void **state)
{
    (void)state;
    struct shard_map *m = shard_map_new();
    u128 middle = (u128)1 << 127;
    assert_int_equal(add(m, "shardId-000000000002", MIDDLE, LAST), OK); /* in any order */
    assert_int_equal(add(m, "shardId-000000000000", "0", "99"), OK);
    assert_int_equal(add(m, "shardId-000000000001", "100", BELOW), OK);
    assert_int_equal(shard_map_finish(m), OK);
    assert_string_equal(m->shards[shard_map_find(m, 0)].id, "shardId-000000000000");
    assert_string_equal(m->shards[shard_map_find(m, 99)].id, "shardId-000000000000");
    assert_string_equal(m->shards[shard_map_find(m, 100)].id, "shardId-000000000001");
    assert_string_equal(m->shards[shard_map_find(m, middle - 1)].id, "shardId-000000000001");
    assert_string_equal(m->shards[shard_map_find(m, middle)].id, "shardId-000000000002");
    assert_string_equal(m->shards[shard_map_find(m, U128_MAX)].id, "shardId-000000000002");
    shard_map_free(m);
}

static void shards_are_found_by_their_names(void **state)
{
    (void)state;
    struct shard_map *m = shard_map_new();
    char id[32], first[U128_DECIMAL_BYTES_MAX], last[U128_DECIMAL_BYTES_MAX];
    u128 each = U128_MAX / 100;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "shard-%u", (i * 37) % 100); /* names out of order */
        u128_print(each * i, first);
        u128_print(i == 99 ? U128_MAX : each * (i + 1) - 1, last);
        assert_int_equal(add(m, id, first, last), OK);
    }
    assert_int_equal(shard_map_finish(m), OK);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "shard-%u", (i * 37) % 100);
        assert_int_equal(shard_map_named(m, bytes_text(id)), i);
        assert_true(shard_range_has(&m->shards[i], each * i + 5));
        assert_int_equal(shard_map_find(m, each * i + 5), i);
    }
    assert_int_equal(shard_map_named(m, bytes_text("shard-100")), SHARD_NONE);
    assert_int_equal(shard_map_named(m, bytes_text("shard-")), SHARD_NONE);
    assert_int_equal(shard_map_named(m, bytes_text("")), SHARD_NONE);
    shard_map_free(m);
}

static void what_does_not_cover_every_key_once_is_no_map(void **state)
{
    (void)state;
    static const char *const cases[][2][2] = {
        {{"0", "99"}, {"101", LAST}},  /* a gap */
        {{"0", "100"}, {"100", LAST}}, /* twice */
        {{"1", "99"}, {"100", LAST}},  /* not from the first */
        {{"0", "99"}, {"100", BELOW}}, /* not to the last */
        {{"0", LAST}, {"0", LAST}},    /* all twice */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shard_map *m = shard_map_new();
        assert_int_equal(add(m, "a", cases[i][0][0], cases[i][0][1]), OK);
        assert_int_equal(add(m, "b", cases[i][1][0], cases[i][1][1]), OK);
        assert_int_equal(shard_map_finish(m), CHANGED);
        shard_map_free(m);
    }
    struct shard_map *m = shard_map_new();
    assert_int_equal(shard_map_finish(m), CHANGED); /* nothing at all */
    shard_map_free(m);
}

static void what_is_not_a_shard_is_refused(void **state)
{
    (void)state;
    struct shard_map *m = shard_map_new();
    char id[SHARD_ID_TEXT_BYTES + 1];
    memset(id, 'i', sizeof(id));
    id[SHARD_ID_TEXT_BYTES] = '\0';
    assert_int_equal(add(m, id, "0", LAST), MALFORMED);
    assert_int_equal(add(m, "", "0", LAST), MALFORMED);
    assert_int_equal(add(m, "a", "x", LAST), MALFORMED);
    assert_int_equal(add(m, "a", "0", LAST "0"), MALFORMED);
    assert_int_equal(add(m, "a", "5", "4"), MALFORMED);
    assert_int_equal(m->count, 0);
    shard_map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_has_its_shard),
        cmocka_unit_test(shards_are_found_by_their_names),
        cmocka_unit_test(what_does_not_cover_every_key_once_is_no_map),
        cmocka_unit_test(what_is_not_a_shard_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
