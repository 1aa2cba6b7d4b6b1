/* assign.c: shares first, then who gives up and who takes.
 *
 * A share is found as water finds its level: every member gets the same, up to its ceiling, and what is left over goes, one each, to those who
 * hold most just now, so that the fewest leases move. */
#include "groups/assign.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Every member `level` leases, as far as it may: how many that makes. */
static uint64_t poured(const struct assign_member *members, uint32_t count, uint32_t level)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += smaller(members[i].leases_max, level);
    return sum;
}

/* The highest level that `leases` suffice for. */
static uint32_t level_of(const struct assign_member *members, uint32_t count, uint32_t leases)
{
    uint32_t low = 0, high = leases;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (poured(members, count, middle) <= leases)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* A2. */
static void set_shares(struct assign_member *members, uint32_t count, uint32_t leases)
{
    uint32_t level = level_of(members, count, leases);
    uint32_t over = leases - (uint32_t)poured(members, count, level);
    for (uint32_t i = 0; i < count; i++)
        members[i].share = smaller(members[i].leases_max, level);
    /* Those who hold more than the level keep one of the rest; then, if any of it is left, anybody. */
    for (int anybody = 0; anybody < 2; anybody++)
        for (uint32_t i = 0; i < count && over > 0; i++) {
            struct assign_member *m = &members[i];
            if (m->share == level && m->leases_max > level && (anybody || m->held > level)) {
                m->share++;
                over--;
            }
        }
}

/* A3, A4. Leases that are being let go already go first: their readers are ending. One revoked in the first round is met again in the second,
 * when its owner has its share: it stays revoked. */
static void revoke(struct assign_member *members, struct assign_lease *leases, uint32_t count)
{
    for (int revoked = 0; revoked < 2; revoked++)
        for (uint32_t i = 0; i < count; i++) {
            struct assign_lease *l = &leases[i];
            if (l->owner == ASSIGN_NOBODY || l->revoked != revoked)
                continue;
            struct assign_member *m = &members[l->owner];
            bool keeps = m->kept < m->share;
            m->kept += keeps;
            l->revoked = !keeps;
        }
}

/* Who is furthest from its share's worth of work; ASSIGN_NOBODY when all have theirs. */
static uint32_t neediest(const struct assign_member *members, uint32_t count)
{
    uint32_t found = ASSIGN_NOBODY;
    for (uint32_t i = 0; i < count; i++)
        if (members[i].held < members[i].share &&
            (found == ASSIGN_NOBODY || members[i].held < members[found].held))
            found = i;
    return found;
}

static void hand_out(struct assign_member *members, uint32_t member_count,
                     struct assign_lease *leases, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t to =
            leases[i].owner == ASSIGN_NOBODY ? neediest(members, member_count) : ASSIGN_NOBODY;
        if (to != ASSIGN_NOBODY) {
            leases[i].owner = to;
            members[to].held++;
        }
    }
}

void assign(struct assign_member *members, uint32_t member_count, struct assign_lease *leases,
            uint32_t lease_count)
{
    for (uint32_t i = 0; i < member_count; i++)
        members[i].held = members[i].kept = 0;
    for (uint32_t i = 0; i < lease_count; i++)
        if (leases[i].owner != ASSIGN_NOBODY)
            members[leases[i].owner].held++;
    set_shares(members, member_count, lease_count);
    revoke(members, leases, lease_count);
    hand_out(members, member_count, leases, lease_count);
}
