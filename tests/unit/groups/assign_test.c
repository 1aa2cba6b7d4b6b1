#include "groups/assign.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MOST = 64 };

struct share {
    struct assign_member members[MOST];
    struct assign_lease leases[MOST];
    uint32_t member_count, lease_count;
};

static struct share share_of(uint32_t members, uint32_t leases)
{
    struct share s = {.member_count = members, .lease_count = leases};
    for (uint32_t i = 0; i < members; i++)
        s.members[i].leases_max = UINT32_MAX;
    for (uint32_t i = 0; i < leases; i++)
        s.leases[i].owner = ASSIGN_NOBODY;
    return s;
}

static void run(struct share *s)
{
    assign(s->members, s->member_count, s->leases, s->lease_count);
}

static uint32_t held(const struct share *s, uint32_t member)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->lease_count; i++)
        count += s->leases[i].owner == member;
    return count;
}

static uint32_t revoked(const struct share *s, uint32_t member)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->lease_count; i++)
        count += s->leases[i].owner == member && s->leases[i].revoked;
    return count;
}

/* Owners let go of what is revoked. */
static void release(struct share *s)
{
    for (uint32_t i = 0; i < s->lease_count; i++)
        if (s->leases[i].revoked)
            s->leases[i] = (struct assign_lease){.owner = ASSIGN_NOBODY};
}

static void shares_are_even(void **state)
{
    (void)state;
    struct share s = share_of(3, 16);
    run(&s);
    assert_int_equal(held(&s, 0), 6);
    assert_int_equal(held(&s, 1), 5);
    assert_int_equal(held(&s, 2), 5);
}

static void without_members_everything_stays_free(void **state)
{
    (void)state;
    struct share s = share_of(0, 4);
    run(&s);
    assert_int_equal(held(&s, ASSIGN_NOBODY), 4);
}

static void a_ceiling_holds_and_the_others_take_the_rest(void **state)
{
    (void)state;
    struct share s = share_of(3, 11);
    s.members[1].leases_max = 1;
    run(&s);
    assert_int_equal(held(&s, 0), 5);
    assert_int_equal(held(&s, 1), 1);
    assert_int_equal(held(&s, 2), 5);
    s.members[0].leases_max = s.members[2].leases_max = 3;
    s.members[1].leases_max = 2;
    run(&s);
    assert_int_equal(revoked(&s, 0), 2);
    release(&s);
    run(&s);
    assert_int_equal(held(&s, 0), 3);
    assert_int_equal(held(&s, 1), 2);
    assert_int_equal(held(&s, 2), 3);
    assert_int_equal(held(&s, ASSIGN_NOBODY), 3);
}

static void who_joins_gets_a_share_only_as_it_is_let_go(void **state)
{
    (void)state;
    struct share s = share_of(1, 8);
    run(&s);
    s.member_count = 2;
    s.members[1].leases_max = UINT32_MAX;
    run(&s);
    assert_int_equal(held(&s, 0), 8);
    assert_int_equal(revoked(&s, 0), 4);
    struct share same = s;
    run(&same);
    for (uint32_t i = 0; i < s.lease_count; i++)
        assert_int_equal(same.leases[i].revoked, s.leases[i].revoked);
    release(&s);
    run(&s);
    assert_int_equal(held(&s, 0), 4);
    assert_int_equal(held(&s, 1), 4);
    assert_int_equal(revoked(&s, 0) + revoked(&s, 1), 0);
}

static void who_leaves_again_leaves_the_others_what_they_had(void **state)
{
    (void)state;
    struct share s = share_of(1, 8);
    run(&s);
    s.member_count = 2;
    s.members[1].leases_max = UINT32_MAX;
    run(&s);
    s.member_count = 1;
    run(&s);
    assert_int_equal(held(&s, 0), 8);
    assert_int_equal(revoked(&s, 0), 0);
}

/* 4, 3, 3 of ten; one more member: 3, 3, 2, 2. The one with 4 and one of those with 3 give one up, and nobody else. */
static void no_more_moves_than_must(void **state)
{
    (void)state;
    struct share s = share_of(3, 10);
    run(&s);
    s.member_count = 4;
    s.members[3].leases_max = UINT32_MAX;
    run(&s);
    assert_int_equal(revoked(&s, 0) + revoked(&s, 1) + revoked(&s, 2), 2);
    assert_int_equal(revoked(&s, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_even),
        cmocka_unit_test(without_members_everything_stays_free),
        cmocka_unit_test(a_ceiling_holds_and_the_others_take_the_rest),
        cmocka_unit_test(who_joins_gets_a_share_only_as_it_is_let_go),
        cmocka_unit_test(who_leaves_again_leaves_the_others_what_they_had),
        cmocka_unit_test(no_more_moves_than_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
