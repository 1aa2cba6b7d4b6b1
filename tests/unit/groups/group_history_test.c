/* group_history_test.c: random histories of a group, each step held against what group.h promises. SEED=n runs one history alone.
 *
 * After each step the group is taken down as rows, and compared with what it was before: what changed must have had a reason. Rows that changed
 * are also applied to a store, which must come out as the group is; now and then the group is thrown away and loaded from the store. */
#include "base/mem.h"
#include "base/random.h"
#include "groups/group.h"
#include "groups/group_json.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARDS = 24,
    MEMBERS = 6,
    STEPS = 400,
    HISTORIES = 300,
    TIMEOUT_MS = 50,
    HANDOVER_MS = 80,
    ROWS = SHARDS + MEMBERS + 1
};

struct picture {
    struct group_head head;
    struct group_member members[MEMBERS];
    size_t member_count;
    struct group_lease leases[SHARDS];
    size_t lease_count;
};

struct stream_shard {
    char id[16];
    int parents[2]; /* -1: none */
    bool open, gone;
};

struct history {
    struct random chance;
    struct group *group;
    uint64_t now_ms;
    uint64_t sessions[MEMBERS]; /* as last given */
    struct stream_shard shards[SHARDS];
    int shard_count;
    json_t *store; /* by kind and name */
    struct picture before, after;
    /* the reasons of this step */
    const char *leaver; /* left, or joined anew */
    char released[GROUP_SHARD_ID_BYTES];
    bool reset;
};

static const char *const names[MEMBERS] = {"a", "b", "c", "d", "e", "f"};

static uint64_t roll(struct history *h, uint64_t below)
{
    return random_below(&h->chance, below);
}

/* ---- pictures ---- */

static enum status take_row(void *arg, const struct group_row *row)
{
    struct picture *p = arg;
    assert_false(row->gone);
    if (row->kind == GROUP_ROW_HEAD)
        p->head = row->head;
    else if (row->kind == GROUP_ROW_MEMBER)
        p->members[p->member_count++] = row->member;
    else
        p->leases[p->lease_count++] = row->lease;
    return OK;
}

static void look(const struct group *g, struct picture *p)
{
    memset(p, 0, sizeof(*p));
    assert_int_equal(group_rows(g, GROUP_ALL, take_row, p), OK);
}

static const struct group_lease *lease_in(const struct picture *p, const char *shard)
{
    for (size_t i = 0; i < p->lease_count; i++)
        if (strcmp(p->leases[i].shard_id, shard) == 0)
            return &p->leases[i];
    return NULL;
}

static const struct group_member *member_in(const struct picture *p, const char *name)
{
    for (size_t i = 0; i < p->member_count; i++)
        if (strcmp(p->members[i].name, name) == 0)
            return &p->members[i];
    return NULL;
}

/* ---- the store ---- */

static void print_name(const struct group_row *row, char out[200])
{
    if (row->kind == GROUP_ROW_HEAD)
        snprintf(out, 200, "head");
    else if (row->kind == GROUP_ROW_MEMBER)
        snprintf(out, 200, "member/%s", row->member.name);
    else
        snprintf(out, 200, "shard/%s", row->lease.shard_id);
}

static enum status store_row(void *arg, const struct group_row *row)
{
    char name[200];
    print_name(row, name);
    if (row->gone)
        json_object_del(arg, name);
    else
        assert_int_equal(json_object_set_new(arg, name, group_row_json(row)), 0);
    return OK;
}

/* What the service writes of a row, as text: without what lives in memory alone. */
static enum status compare_row(void *arg, const struct group_row *row)
{
    const struct history *h = arg;
    char name[200];
    struct group_row stored;
    print_name(row, name);
    assert_true(group_row_of_json(json_object_get(h->store, name), &stored));
    assert_int_equal(stored.kind, row->kind);
    if (row->kind == GROUP_ROW_HEAD) {
        assert_int_equal(stored.head.last_session, row->head.last_session);
        assert_int_equal(stored.head.listed, row->head.listed);
    } else if (row->kind == GROUP_ROW_MEMBER) {
        assert_int_equal(stored.member.session, row->member.session);
        assert_int_equal(stored.member.leases_max, row->member.leases_max);
    } else {
        assert_int_equal(stored.lease.epoch, row->lease.epoch);
        assert_string_equal(stored.lease.owner, row->lease.owner);
        assert_string_equal(stored.lease.checkpoint.sequence, row->lease.checkpoint.sequence);
        assert_int_equal(stored.lease.checkpoint.sub, row->lease.checkpoint.sub);
    }
    return OK;
}

static void save(struct history *h)
{
    assert_int_equal(group_rows(h->group, GROUP_CHANGED, store_row, h->store), OK);
    group_settle(h->group);
    assert_false(group_is_changed(h->group));
    assert_int_equal(group_rows(h->group, GROUP_ALL, compare_row, h), OK);
    assert_int_equal(json_object_size(h->store), 1 + h->after.member_count + h->after.lease_count);
}

static void load_kind(struct history *h, enum group_row_kind kind)
{
    const char *name;
    json_t *value;
    json_object_foreach(h->store, name, value)
    {
        struct group_row row;
        assert_true(group_row_of_json(value, &row));
        if (row.kind != kind)
            continue;
        row.lease.revoked = row.kind == GROUP_ROW_LEASE ? false : row.lease.revoked;
        if (row.kind == GROUP_ROW_MEMBER)
            row.member.heartbeat_ms = h->now_ms;
        assert_int_equal(group_load(h->group, &row, NULL), OK);
    }
}

/* ---- steps ---- */

static void list_shards(struct history *h)
{
    struct group_shard list[SHARDS];
    size_t count = 0;
    for (int i = 0; i < h->shard_count; i++) {
        const struct stream_shard *s = &h->shards[i];
        if (!s->gone)
            list[count++] =
                (struct group_shard){s->id, s->parents[0] < 0 ? NULL : h->shards[s->parents[0]].id,
                                     s->parents[1] < 0 ? NULL : h->shards[s->parents[1]].id};
    }
    assert_int_equal(group_set_shards(h->group, list, count, h->now_ms), OK);
}

static void restart(struct history *h)
{
    group_free(h->group);
    h->group = group_new(0);
    load_kind(h, GROUP_ROW_HEAD);
    load_kind(h, GROUP_ROW_MEMBER);
    load_kind(h, GROUP_ROW_LEASE);
    list_shards(h);
}

static void add_shard(struct history *h, int parent, int adjacent)
{
    struct stream_shard *s = &h->shards[h->shard_count];
    *s = (struct stream_shard){.parents = {parent, adjacent}, .open = true};
    snprintf(s->id, sizeof(s->id), "s-%02d", h->shard_count++);
}

static int open_shard(struct history *h, int but)
{
    for (int tries = 0; tries < 100; tries++) {
        int i = (int)roll(h, (uint64_t)h->shard_count);
        if (h->shards[i].open && i != but)
            return i;
    }
    return -1;
}

static void reshard(struct history *h)
{
    int one = open_shard(h, -1), other = roll(h, 2) ? open_shard(h, one) : -1;
    if (one < 0 || h->shard_count + 2 > SHARDS)
        return;
    h->shards[one].open = false;
    if (other >= 0)
        h->shards[other].open = false;
    add_shard(h, one, other);
    if (other < 0)
        add_shard(h, one, -1);
    list_shards(h);
}

static void trim(struct history *h)
{
    int i = (int)roll(h, (uint64_t)h->shard_count);
    if (h->shards[i].open)
        return;
    h->shards[i].gone = true;
    list_shards(h);
}

static struct group_session someone(struct history *h, size_t *at)
{
    *at = (size_t)roll(h, MEMBERS);
    uint64_t old = roll(h, 10) == 0;
    return (struct group_session){names[*at], h->sessions[*at] - (h->sessions[*at] ? old : 0)};
}

static void join(struct history *h)
{
    size_t at = (size_t)roll(h, MEMBERS);
    uint64_t before = h->before.head.last_session;
    struct group_member m = {.session_timeout_ms = TIMEOUT_MS,
                             .handover_ms = HANDOVER_MS,
                             .leases_max = roll(h, 4) ? 0 : 1 + (uint32_t)roll(h, 3)};
    snprintf(m.name, sizeof(m.name), "%s", names[at]);
    assert_int_equal(group_join(h->group, &m, h->now_ms, &h->sessions[at], NULL), OK);
    assert_true(h->sessions[at] > before);
    h->leaver = names[at];
}

static bool is_fenced(const struct history *h, const struct group_session *who)
{
    const struct group_member *m = member_in(&h->before, who->member);
    return !m || m->session != who->session || h->now_ms - m->heartbeat_ms >= TIMEOUT_MS;
}

static void heartbeat(struct history *h)
{
    size_t at;
    struct group_session who = someone(h, &at);
    const struct group_lease *l =
        h->before.lease_count ? &h->before.leases[roll(h, h->before.lease_count)] : NULL;
    bool lets_go = l && (l->revoked || roll(h, 4) == 0);
    struct group_lease_id id = {lets_go ? l->shard_id : NULL, lets_go ? l->epoch : 0};
    enum status st =
        group_heartbeat(h->group, &who, lets_go ? &id : NULL, lets_go, h->now_ms, NULL);
    assert_int_equal(st, is_fenced(h, &who) ? FENCED : OK);
    if (st == OK && lets_go && strcmp(l->owner, who.member) == 0)
        snprintf(h->released, sizeof(h->released), "%s", l->shard_id);
}

static void leave(struct history *h)
{
    size_t at;
    struct group_session who = someone(h, &at);
    enum status st = group_leave(h->group, &who, h->now_ms, NULL);
    assert_int_equal(st, is_fenced(h, &who) ? FENCED : OK);
    if (st == OK)
        h->leaver = names[at];
}

/* G2, G5: of a commit to `l`. */
static enum status outcome_of(const struct history *h, const struct group_session *who,
                              const struct group_lease *l, const struct group_lease_id *id,
                              const struct checkpoint *to)
{
    bool again = checkpoint_is_end(to) && checkpoint_is_end(&l->checkpoint);
    bool owns = strcmp(l->owner, who->member) == 0 || again;
    bool late = l->revoked && h->now_ms - l->revoked_ms >= HANDOVER_MS;
    if (is_fenced(h, who) || id->epoch != l->epoch || !owns || late)
        return FENCED;
    return checkpoint_compare(to, &l->checkpoint) < 0 ? INVALID_ARGUMENT : OK;
}

/* Mostly by its owner, mostly ahead. */
static void commit(struct history *h)
{
    const struct group_lease *l = &h->before.leases[roll(h, h->before.lease_count)];
    size_t at;
    struct group_session who = someone(h, &at);
    for (size_t i = 0; i < MEMBERS && roll(h, 8); i++)
        if (strcmp(names[i], l->owner) == 0)
            who = (struct group_session){names[i], h->sessions[i]};
    struct group_lease_id id = {l->shard_id, l->epoch - (l->epoch && roll(h, 8) == 0)};
    struct checkpoint to = {.sub = roll(h, 3)};
    snprintf(to.sequence, sizeof(to.sequence), "%llu",
             (unsigned long long)(strtoull(l->checkpoint.sequence, NULL, 10) + roll(h, 4)));
    if (roll(h, 4) == 0)
        to = (struct checkpoint){.sequence = CHECKPOINT_END};
    enum status st = group_commit(h->group, &who, &id, &to, h->now_ms, NULL);
    assert_int_equal(st, outcome_of(h, &who, l, &id, &to));
    if (st == OK && checkpoint_is_end(&to))
        snprintf(h->released, sizeof(h->released), "%s", l->shard_id);
}

static void reset(struct history *h)
{
    struct checkpoint to = {.sequence = CHECKPOINT_TIMESTAMP, .sub = h->now_ms};
    h->reset = group_reset(h->group, NULL, &to, h->now_ms, NULL) == OK;
    look(h->group, &h->after);
    assert_int_equal(h->reset, h->after.member_count == 0);
}

static void step(struct history *h)
{
    static const struct {
        unsigned below;
        void (*run)(struct history *);
    } kinds[] = {{12, join},    {45, heartbeat}, {50, leave},   {85, commit},
                 {90, reshard}, {93, trim},      {95, restart}, {97, reset}};
    unsigned kind = (unsigned)roll(h, 100);
    h->now_ms += roll(h, 12);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (kind < kinds[i].below) {
            kinds[i].run(h);
            return;
        }
    h->now_ms += roll(h, TIMEOUT_MS);
    group_expire(h->group, h->now_ms);
}

/* ---- what is promised ---- */

/* G1: why a lease that was `was`'s may be somebody else's, or nobody's, now. */
static bool may_have_moved(const struct history *h, const struct group_lease *was)
{
    const struct group_member *owner = member_in(&h->before, was->owner);
    bool expired = h->now_ms - owner->heartbeat_ms >= TIMEOUT_MS;
    bool late = was->revoked && h->now_ms - was->revoked_ms >= HANDOVER_MS;
    return expired || late || strcmp(h->released, was->shard_id) == 0 ||
           (h->leaver && strcmp(h->leaver, was->owner) == 0);
}

static void check_lease(const struct history *h, const struct group_lease *was,
                        const struct group_lease *is)
{
    bool moved = strcmp(was->owner, is->owner) != 0 || was->epoch != is->epoch;
    assert_true(is->epoch >= was->epoch); /* G2 */
    assert_true(is->epoch - was->epoch <= 1);
    if (is->owner[0] && strcmp(was->owner, is->owner) != 0)
        assert_int_equal(is->epoch, was->epoch + 1);
    if (was->owner[0] && moved)
        assert_true(may_have_moved(h, was)); /* G1 */
    if (!h->reset)
        assert_true(checkpoint_compare(&was->checkpoint, &is->checkpoint) <= 0); /* G5 */
}

/* G3, G6 */
static bool is_ready(const struct history *h, const struct group_lease *l)
{
    const struct stream_shard *s = &h->shards[strtol(l->shard_id + 2, NULL, 10)];
    for (int i = 0; i < 2; i++) {
        const struct group_lease *parent =
            s->parents[i] < 0 ? NULL : lease_in(&h->after, h->shards[s->parents[i]].id);
        if (parent && !checkpoint_is_end(&parent->checkpoint))
            return false;
    }
    return !checkpoint_is_end(&l->checkpoint);
}

static size_t held_by(const struct picture *p, const char *name, bool with_revoked)
{
    size_t count = 0;
    for (size_t i = 0; i < p->lease_count; i++)
        count += strcmp(p->leases[i].owner, name) == 0 && (with_revoked || !p->leases[i].revoked);
    return count;
}

/* G4, of what assign.h promises. */
static void check_shares(const struct history *h)
{
    const struct picture *p = &h->after;
    size_t least = SIZE_MAX, most = 0, free = 0, revoked = 0;
    bool room = false;
    for (size_t i = 0; i < p->lease_count; i++) {
        free += !p->leases[i].owner[0] && is_ready(h, &p->leases[i]);
        revoked += p->leases[i].revoked;
    }
    for (size_t i = 0; i < p->member_count; i++) {
        const struct group_member *m = &p->members[i];
        size_t held = held_by(p, m->name, true), kept = held_by(p, m->name, false);
        assert_true(!m->leases_max || kept <= m->leases_max);
        if (m->leases_max && held >= m->leases_max)
            continue;
        room = true;
        least = kept < least ? kept : least;
        most = kept > most ? kept : most;
    }
    assert_true(!room || free == 0);
    if (room && revoked == 0)
        assert_true(most - least <= 1);
}

static void check(const struct history *h)
{
    for (size_t i = 0; i < h->after.lease_count; i++) {
        const struct group_lease *is = &h->after.leases[i];
        const struct group_lease *was = lease_in(&h->before, is->shard_id);
        if (was)
            check_lease(h, was, is);
        else if (h->before.head.listed)
            assert_string_equal(is->checkpoint.sequence, CHECKPOINT_HORIZON); /* G6 */
        assert_true(!is->owner[0] || is_ready(h, is));                        /* G3 */
        assert_true(!is->owner[0] || member_in(&h->after, is->owner));
    }
    check_shares(h);
}

static void run_history(uint64_t seed)
{
    static struct history h;
    h = (struct history){.now_ms = 1000, .group = group_new(1000), .store = json_object()};
    random_seed(&h.chance, seed);
    for (uint64_t i = 0; i <= roll(&h, 6); i++)
        add_shard(&h, -1, -1);
    list_shards(&h);
    look(h.group, &h.after);
    save(&h);
    for (int i = 0; i < STEPS; i++) {
        look(h.group, &h.before);
        h.leaver = NULL;
        h.released[0] = '\0';
        h.reset = false;
        step(&h);
        look(h.group, &h.after);
        check(&h);
        save(&h);
    }
    group_free(h.group);
    json_decref(h.store);
}

static void every_history_keeps_the_promises(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + (given ? 1 : HISTORIES); seed++) {
        print_message("\rSEED=%llu", (unsigned long long)seed);
        run_history(seed);
    }
    print_message("\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_history_keeps_the_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
