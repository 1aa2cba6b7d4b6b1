#include "groups/group.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 6000, HANDOVER_MS = 10000, MOST = 16 };

static struct group *group;
static uint64_t now_ms;

static int open_group(void **state)
{
    (void)state;
    now_ms = 1000;
    group = group_new(now_ms);
    return 0;
}

static int close_group(void **state)
{
    (void)state;
    group_free(group);
    return 0;
}

static void shards(size_t count, const struct group_shard *list)
{
    assert_int_equal(group_set_shards(group, list, count, now_ms), OK);
}

static struct group_session join(const char *name)
{
    struct group_session s = {.member = name};
    struct group_member m = {.session_timeout_ms = TIMEOUT_MS, .handover_ms = HANDOVER_MS};
    snprintf(m.name, sizeof(m.name), "%s", name);
    assert_int_equal(group_join(group, &m, now_ms, &s.session, NULL), OK);
    return s;
}

struct leases {
    struct group_lease at[MOST];
    size_t count;
};

static enum status take(void *arg, const struct group_lease *lease)
{
    struct leases *l = arg;
    assert_true(l->count < MOST);
    l->at[l->count++] = *lease;
    return OK;
}

static struct leases beat(const struct group_session *who)
{
    struct leases l = {0};
    assert_int_equal(group_heartbeat(group, who, NULL, 0, now_ms, NULL), OK);
    assert_int_equal(group_leases_of(group, who->member, take, &l), OK);
    return l;
}

static enum status let_go(const struct group_session *who, const struct group_lease *l)
{
    struct group_lease_id id = {l->shard_id, l->epoch};
    return group_heartbeat(group, who, &id, 1, now_ms, NULL);
}

static enum status commit(const struct group_session *who, const struct group_lease *l,
                          const char *sequence)
{
    struct checkpoint at = {0};
    snprintf(at.sequence, sizeof(at.sequence), "%s", sequence);
    return group_commit(group, who, &(struct group_lease_id){l->shard_id, l->epoch}, &at, now_ms,
                        NULL);
}

static const struct group_shard two[] = {{"s-0", NULL, NULL}, {"s-1", NULL, NULL}};

static void a_lone_member_has_all(void **state)
{
    (void)state;
    shards(2, two);
    struct group_session a = join("a");
    struct leases l = beat(&a);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.at[0].epoch, 1);
    assert_string_equal(l.at[0].checkpoint.sequence, "");
}

static void a_revoked_lease_moves_when_it_is_let_go(void **state)
{
    (void)state;
    shards(2, two);
    struct group_session a = join("a"), b = join("b");
    struct leases of_a = beat(&a);
    assert_int_equal(of_a.count, 2);
    size_t moved = of_a.at[0].revoked ? 0 : 1;
    assert_true(of_a.at[moved].revoked);
    assert_false(of_a.at[1 - moved].revoked);
    assert_int_equal(beat(&b).count, 0);
    assert_int_equal(commit(&a, &of_a.at[moved], "12"), OK);
    assert_int_equal(let_go(&a, &of_a.at[moved]), OK);
    struct leases of_b = beat(&b);
    assert_int_equal(of_b.count, 1);
    assert_int_equal(of_b.at[0].epoch, 2);
    assert_string_equal(of_b.at[0].checkpoint.sequence, "12");
    assert_int_equal(commit(&a, &of_a.at[moved], "13"), FENCED);
    assert_int_equal(commit(&b, &of_b.at[0], "13"), OK);
}

static void a_revoked_lease_is_taken_when_the_hand_over_time_is_over(void **state)
{
    (void)state;
    shards(2, two);
    struct group_session a = join("a"), b = join("b");
    for (int s = 0; s < HANDOVER_MS / 1000; s++) {
        beat(&a);
        assert_int_equal(beat(&b).count, 0);
        now_ms += 1000;
    }
    assert_int_equal(group_due_ms(group), now_ms);
    assert_int_equal(beat(&b).count, 1);
    assert_int_equal(beat(&a).count, 1);
}

static void who_is_silent_loses_all_at_once(void **state)
{
    (void)state;
    shards(2, two);
    struct group_session a = join("a");
    struct leases of_a = beat(&a);
    struct group_session b = join("b");
    now_ms += TIMEOUT_MS - 1;
    beat(&b);
    assert_int_equal(group_due_ms(group), now_ms + 1);
    now_ms += 1;
    assert_int_equal(beat(&b).count, 2);
    assert_int_equal(group_heartbeat(group, &a, NULL, 0, now_ms, NULL), FENCED);
    assert_int_equal(commit(&a, &of_a.at[0], "1"), FENCED);
    assert_int_equal(group_leave(group, &a, now_ms, NULL), FENCED);
}

static void a_commit_is_a_sign_of_life(void **state)
{
    (void)state;
    shards(2, two);
    struct group_session a = join("a");
    struct leases of_a = beat(&a);
    now_ms += TIMEOUT_MS - 1;
    assert_int_equal(commit(&a, &of_a.at[0], "1"), OK);
    now_ms += TIMEOUT_MS - 1;
    assert_int_equal(beat(&a).count, 2);
}

static void joining_again_fences_the_former_session(void **state)
{
    (void)state;
    shards(2, two);
    struct group_session first = join("a");
    struct leases before = beat(&first);
    struct group_session second = join("a");
    assert_true(second.session > first.session);
    assert_int_equal(group_member_count(group), 1);
    assert_int_equal(group_heartbeat(group, &first, NULL, 0, now_ms, NULL), FENCED);
    struct leases after = beat(&second);
    assert_int_equal(after.count, 2);
    assert_true(after.at[0].epoch > before.at[0].epoch);
    assert_int_equal(commit(&second, &before.at[0], "1"), FENCED);
}

static void a_checkpoint_never_goes_back(void **state)
{
    (void)state;
    shards(2, two);
    struct group_session a = join("a");
    struct leases l = beat(&a);
    assert_int_equal(commit(&a, &l.at[0], "100"), OK);
    assert_int_equal(commit(&a, &l.at[0], "100"), OK);
    assert_int_equal(commit(&a, &l.at[0], "99"), INVALID_ARGUMENT);
    assert_int_equal(commit(&a, &l.at[0], "TRIM_HORIZON"), INVALID_ARGUMENT);
    assert_int_equal(commit(&a, &l.at[0], ""), INVALID_ARGUMENT);
    assert_int_equal(commit(&a, &(struct group_lease){.shard_id = "s-7", .epoch = 1}, "1"),
                     NOT_FOUND);
    assert_string_equal(beat(&a).at[0].checkpoint.sequence, "100");
}

static const struct group_shard split[] = {
    {"s-0", NULL, NULL}, {"s-1", "s-0", NULL}, {"s-2", "s-0", ""}, {"s-3", "s-1", "s-2"}};

static void children_wait_for_all_their_parents(void **state)
{
    (void)state;
    struct leases l;
    shards(4, split);
    struct group_session a = join("a");
    l = beat(&a);
    assert_int_equal(l.count, 1);
    assert_string_equal(l.at[0].shard_id, "s-0");
    assert_int_equal(commit(&a, &l.at[0], "SHARD_END"), OK);
    assert_int_equal(commit(&a, &l.at[0], "SHARD_END"), OK); /* its answer was lost */
    l = beat(&a);
    assert_int_equal(l.count, 2);
    assert_int_equal(commit(&a, &l.at[0], "SHARD_END"), OK);
    assert_int_equal(beat(&a).count, 1);
    assert_int_equal(commit(&a, &l.at[1], "SHARD_END"), OK);
    l = beat(&a);
    assert_int_equal(l.count, 1);
    assert_string_equal(l.at[0].shard_id, "s-3");
}

static void a_parent_that_is_gone_counts_as_done(void **state)
{
    (void)state;
    shards(4, split);
    struct group_session a = join("a");
    assert_int_equal(beat(&a).count, 1);
    shards(3, split + 1);
    assert_int_equal(beat(&a).count, 2);
}

static void a_shard_that_appears_later_begins_at_its_beginning(void **state)
{
    (void)state;
    shards(1, split);
    struct group_session a = join("a");
    struct leases l = beat(&a);
    assert_string_equal(l.at[0].checkpoint.sequence, "");
    shards(3, split);
    assert_int_equal(commit(&a, &l.at[0], "SHARD_END"), OK);
    l = beat(&a);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.at[0].checkpoint.sequence, "TRIM_HORIZON");
    assert_string_equal(l.at[1].checkpoint.sequence, "TRIM_HORIZON");
}

static void only_a_group_without_members_is_reset(void **state)
{
    (void)state;
    struct checkpoint at = {.sequence = "AT_TIMESTAMP", .sub = 77};
    shards(2, two);
    struct group_session a = join("a");
    struct leases l = beat(&a);
    assert_int_equal(commit(&a, &l.at[0], "SHARD_END"), OK);
    assert_int_equal(group_reset(group, NULL, &at, now_ms, NULL), IN_USE);
    assert_int_equal(group_leave(group, &a, now_ms, NULL), OK);
    assert_int_equal(group_reset(group, "s-9", &at, now_ms, NULL), NOT_FOUND);
    assert_int_equal(group_reset(group, NULL, &at, now_ms, NULL), OK);
    a = join("a");
    l = beat(&a);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.at[0].checkpoint.sequence, "AT_TIMESTAMP");
    assert_int_equal(l.at[0].checkpoint.sub, 77);
}

static void members_are_bounded(void **state)
{
    (void)state;
    struct fault f;
    uint64_t session;
    char name[16];
    struct group_member m = {.session_timeout_ms = TIMEOUT_MS};
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        join(name);
    }
    snprintf(m.name, sizeof(m.name), "one-more");
    assert_int_equal(group_join(group, &m, now_ms, &session, &f), LIMIT_EXCEEDED);
    join("m7");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_group, close_group)
    const struct CMUnitTest tests[] = {
        TEST(a_lone_member_has_all),
        TEST(a_revoked_lease_moves_when_it_is_let_go),
        TEST(a_revoked_lease_is_taken_when_the_hand_over_time_is_over),
        TEST(who_is_silent_loses_all_at_once),
        TEST(a_commit_is_a_sign_of_life),
        TEST(joining_again_fences_the_former_session),
        TEST(a_checkpoint_never_goes_back),
        TEST(children_wait_for_all_their_parents),
        TEST(a_parent_that_is_gone_counts_as_done),
        TEST(a_shard_that_appears_later_begins_at_its_beginning),
        TEST(only_a_group_without_members_is_reset),
        TEST(members_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
