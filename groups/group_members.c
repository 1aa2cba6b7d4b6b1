/* group_members.c: what members do, and what time does to them. */
#include "groups/group_internal.h"

#include "base/limits.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

/* ---- time ---- */

static bool is_over(uint64_t since_ms, uint64_t lasts_ms, uint64_t now_ms)
{
    return now_ms - since_ms >= lasts_ms;
}

/* Leases whose owner had its time to hand them over. */
static void take_back(struct group *g, struct member *m)
{
    LIST_EACH(node, keep, &m->leases)
    {
        struct lease *l = LIST_OWNER(node, struct lease, node);
        if (l->values.revoked && is_over(l->values.revoked_ms, m->values.handover_ms, g->now_ms))
            group_let_go(g, l);
    }
}

/* Clocks of several machines, or one that was set back: what lies in the future is now. */
static void set_now(struct group *g, uint64_t now_ms)
{
    if (now_ms > g->now_ms)
        g->now_ms = now_ms;
    LIST_EACH(node, keep, &g->members)
    {
        struct member *m = LIST_OWNER(node, struct member, node);
        if (m->values.heartbeat_ms > g->now_ms)
            m->values.heartbeat_ms = g->now_ms;
    }
}

void group_begin(struct group *g, uint64_t now_ms)
{
    set_now(g, now_ms);
    LIST_EACH(node, keep, &g->members)
    {
        struct member *m = LIST_OWNER(node, struct member, node);
        if (is_over(m->values.heartbeat_ms, m->values.session_timeout_ms, g->now_ms))
            group_drop_member(g, m);
        else if (m->revoked_count > 0)
            take_back(g, m);
    }
}

void group_expire(struct group *g, uint64_t now_ms)
{
    group_begin(g, now_ms);
    group_assign(g);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t hand_over_due_ms(const struct member *m)
{
    uint64_t due_ms = UINT64_MAX;
    LIST_EACH(node, keep, &m->leases)
    {
        const struct lease *l = LIST_OWNER(node, struct lease, node);
        if (l->values.revoked)
            due_ms = sooner(due_ms, l->values.revoked_ms + m->values.handover_ms);
    }
    return due_ms;
}

uint64_t group_due_ms(const struct group *g)
{
    uint64_t due_ms = UINT64_MAX;
    LIST_EACH(node, keep, &g->members)
    {
        const struct member *m = LIST_OWNER(node, struct member, node);
        due_ms = sooner(due_ms, m->values.heartbeat_ms + m->values.session_timeout_ms);
        if (m->revoked_count > 0)
            due_ms = sooner(due_ms, hand_over_due_ms(m));
    }
    return due_ms;
}

/* ---- members ---- */

static enum status find_session(struct group *g, const struct group_session *who,
                                struct member **out, struct fault *f)
{
    struct member *m = group_find_member(g, who->member);
    *out = m;
    if (!m || m->values.session != who->session)
        return fault_set(f, FENCED,
                         "Session %" PRIu64
                         " of member %s is over: it was silent for its session time-out, left, or "
                         "joined again.",
                         who->session, who->member);
    m->values.heartbeat_ms = g->now_ms;
    return OK;
}

enum status group_join(struct group *g, const struct group_member *values, uint64_t now_ms,
                       uint64_t *session, struct fault *f)
{
    group_begin(g, now_ms);
    struct member *before = group_find_member(g, values->name);
    if (!values->name[0] || values->session_timeout_ms == 0)
        return fault_set(f, INVALID_ARGUMENT, "A member needs a name and a session time-out.");
    if (!before && g->member_count >= GROUP_MEMBERS_MAX)
        return fault_set(f, LIMIT_EXCEEDED, "A consumer group may have %d members.",
                         GROUP_MEMBERS_MAX);
    struct member *m = mem_try(sizeof(*m));
    if (!m)
        return fault_set(f, NO_MEMORY, "no memory for another member");
    if (before)
        group_drop_member(g, before);
    *m = (struct member){.values = *values, .changed = true};
    list_init(&m->leases);
    m->values.session = ++g->head.last_session;
    m->values.heartbeat_ms = g->now_ms;
    list_append(&g->members, &m->node);
    g->member_count++;
    g->head_changed = g->changed = g->unsettled = true;
    *session = m->values.session;
    group_assign(g);
    return OK;
}

enum status group_heartbeat(struct group *g, const struct group_session *who,
                            const struct group_lease_id *released, size_t count, uint64_t now_ms,
                            struct fault *f)
{
    struct member *m;
    group_begin(g, now_ms);
    enum status st = find_session(g, who, &m, f);
    for (size_t i = 0; i < count && st == OK; i++) {
        struct lease *l = group_find_lease(g, released[i].shard_id);
        if (l && l->owner == m && l->values.epoch == released[i].epoch)
            group_let_go(g, l);
    }
    group_assign(g);
    return st;
}

enum status group_leave(struct group *g, const struct group_session *who, uint64_t now_ms,
                        struct fault *f)
{
    struct member *m;
    group_begin(g, now_ms);
    enum status st = find_session(g, who, &m, f);
    if (st == OK)
        group_drop_member(g, m);
    group_assign(g);
    return st;
}

/* ---- checkpoints ---- */

static void set_checkpoint(struct group *g, struct lease *l, const struct checkpoint *at)
{
    l->values.checkpoint = *at;
    group_lease_changed(g, l);
    if (checkpoint_is_end(at)) {
        group_let_go(g, l);
        g->unsettled = true; /* its children */
    }
}

static enum status fault_shard(struct fault *f, const char *shard_id)
{
    return fault_set(f, NOT_FOUND, "The consumer group knows no shard %s.", shard_id);
}

static enum status commit(struct group *g, const struct member *m,
                          const struct group_lease_id *lease, const struct checkpoint *at,
                          struct fault *f)
{
    struct lease *l = group_find_lease(g, lease->shard_id);
    if (!l)
        return fault_shard(f, lease->shard_id);
    int order = checkpoint_compare(at, &l->values.checkpoint);
    bool again = order == 0 && checkpoint_is_end(at); /* nobody's since the first time */
    if (l->values.epoch != lease->epoch || (l->owner != m && !again)) /* G2 */
        return fault_set(f, FENCED,
                         "The lease of shard %s with epoch %" PRIu64
                         " is another's, or free: its epoch is %" PRIu64 ".",
                         lease->shard_id, lease->epoch, l->values.epoch);
    if (order < 0) /* G5 */
        return fault_set(f, INVALID_ARGUMENT,
                         "The checkpoint %s:%" PRIu64 " of shard %s is behind the one there is, "
                         "%s:%" PRIu64 ".",
                         at->sequence, at->sub, lease->shard_id, l->values.checkpoint.sequence,
                         l->values.checkpoint.sub);
    if (order > 0)
        set_checkpoint(g, l, at);
    return OK;
}

static enum status check_checkpoint(const struct checkpoint *at, struct fault *f)
{
    if (at->sequence[0] && checkpoint_is_valid(at))
        return OK;
    return fault_set(f, INVALID_ARGUMENT, "That is not a checkpoint.");
}

enum status group_commit(struct group *g, const struct group_session *who,
                         const struct group_lease_id *lease, const struct checkpoint *at,
                         uint64_t now_ms, struct fault *f)
{
    struct member *m;
    group_begin(g, now_ms);
    enum status st = find_session(g, who, &m, f);
    if (st == OK)
        st = check_checkpoint(at, f);
    if (st == OK)
        st = commit(g, m, lease, at, f);
    group_assign(g);
    return st;
}

enum status group_reset(struct group *g, const char *shard_id, const struct checkpoint *at,
                        uint64_t now_ms, struct fault *f)
{
    group_expire(g, now_ms);
    enum status st = check_checkpoint(at, f);
    if (st != OK)
        return st;
    if (g->member_count > 0)
        return fault_set(f, IN_USE,
                         "The consumer group has %zu members: it can be reset when they "
                         "have left or expired.",
                         g->member_count);
    if (shard_id && !group_find_lease(g, shard_id))
        return fault_shard(f, shard_id);
    for (size_t i = 0; i < g->lease_count; i++)
        if (!shard_id || strcmp(g->leases[i]->values.shard_id, shard_id) == 0)
            set_checkpoint(g, g->leases[i], at);
    return OK;
}
