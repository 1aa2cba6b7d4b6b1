/* group.c: a group's life, its rows, and the assigning of leases. Who does what to it: group_members.c, group_shards.c.
 *
 * Members and leases are few thousand small structs; what is asked at each heartbeat (a member's leases) is a list, and leases are assigned
 * anew only after something happened that can change the outcome. What is gone stays until its row is removed. */
#include "groups/group_internal.h"

#include "base/mem.h"
#include "groups/assign.h"

#include <string.h>

bool group_copy_name(char *to, size_t room, const char *text)
{
    size_t len = strnlen(text, room);
    if (len == room)
        return false;
    memcpy(to, text, len + 1);
    return true;
}

/* ---- life ---- */

struct group *group_new(uint64_t created_ms)
{
    struct group *g = mem_try(sizeof(*g));
    if (!g)
        return NULL;
    /* Sessions count from a time, so that a group made anew repeats none of its namesake's. */
    *g = (struct group){.head = {.created_ms = created_ms, .last_session = created_ms},
                        .head_changed = true,
                        .changed = true};
    list_init(&g->members);
    list_init(&g->free_leases);
    list_init(&g->changed_leases);
    list_init(&g->gone_members);
    list_init(&g->gone_leases);
    return g;
}

static void free_members(struct list *members)
{
    LIST_EACH(node, keep, members)
    {
        list_remove(node);
        mem_free(LIST_OWNER(node, struct member, node));
    }
}

static void free_gone(struct group *g)
{
    free_members(&g->gone_members);
    LIST_EACH(node, keep, &g->gone_leases)
    {
        list_remove(node);
        mem_free(LIST_OWNER(node, struct lease, node));
    }
}

void group_free(struct group *g)
{
    if (!g)
        return;
    free_gone(g);
    free_members(&g->members);
    for (size_t i = 0; i < g->lease_count; i++)
        mem_free(g->leases[i]);
    mem_free(g->leases);
    mem_free(g);
}

size_t group_member_count(const struct group *g)
{
    return g->member_count;
}

uint64_t group_created_ms(const struct group *g)
{
    return g->head.created_ms;
}

struct member *group_find_member(const struct group *g, const char *name)
{
    LIST_EACH(node, keep, &g->members)
    {
        struct member *m = LIST_OWNER(node, struct member, node);
        if (strcmp(m->values.name, name) == 0)
            return m;
    }
    return NULL;
}

struct lease *group_find_lease(const struct group *g, const char *shard_id)
{
    size_t low = 0, high = g->lease_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(shard_id, g->leases[middle]->values.shard_id);
        if (order == 0)
            return g->leases[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- rows ---- */

struct group_lease group_lease_values(const struct lease *l)
{
    struct group_lease values = l->values;
    if (l->owner)
        memcpy(values.owner, l->owner->values.name, sizeof(values.owner));
    return values;
}

typedef enum status row_fn(void *arg, const struct group_row *row);

static enum status give_gone(const struct group *g, row_fn *each, void *arg)
{
    enum status st = OK;
    struct group_row row = {.kind = GROUP_ROW_LEASE, .gone = true};
    LIST_EACH(node, keep, &g->gone_leases)
    {
        row.lease = LIST_OWNER(node, struct lease, node)->values;
        st = st == OK ? each(arg, &row) : st;
    }
    row.kind = GROUP_ROW_MEMBER;
    LIST_EACH(node, keep, &g->gone_members)
    {
        row.member = LIST_OWNER(node, struct member, node)->values;
        st = st == OK ? each(arg, &row) : st;
    }
    return st;
}

static enum status give_lease(const struct lease *l, row_fn *each, void *arg)
{
    struct group_row row = {.kind = GROUP_ROW_LEASE, .lease = group_lease_values(l)};
    return each(arg, &row);
}

static enum status give_leases(const struct group *g, enum group_which which, row_fn *each,
                               void *arg)
{
    enum status st = OK;
    for (size_t i = 0; which == GROUP_ALL && i < g->lease_count && st == OK; i++)
        st = give_lease(g->leases[i], each, arg);
    if (which == GROUP_ALL)
        return st;
    LIST_EACH(node, keep, &g->changed_leases)
    {
        st = st == OK ? give_lease(LIST_OWNER(node, struct lease, changed), each, arg) : st;
    }
    return st;
}

static enum status give_live(const struct group *g, enum group_which which, row_fn *each, void *arg)
{
    enum status st = OK;
    struct group_row row = {.kind = GROUP_ROW_HEAD, .head = g->head};
    if (which == GROUP_ALL || g->head_changed)
        st = each(arg, &row);
    row.kind = GROUP_ROW_MEMBER;
    LIST_EACH(node, keep, &g->members)
    {
        const struct member *m = LIST_OWNER(node, struct member, node);
        row.member = m->values;
        if (st == OK && (which == GROUP_ALL || m->changed))
            st = each(arg, &row);
    }
    return st == OK ? give_leases(g, which, each, arg) : st;
}

enum status group_rows(const struct group *g, enum group_which which, row_fn *each, void *arg)
{
    if (which == GROUP_CHANGED && !g->changed)
        return OK;
    enum status st = which == GROUP_CHANGED ? give_gone(g, each, arg) : OK;
    return st == OK ? give_live(g, which, each, arg) : st;
}

bool group_is_changed(const struct group *g)
{
    return g->changed;
}

void group_settle(struct group *g)
{
    if (!g->changed)
        return;
    free_gone(g);
    g->head_changed = g->changed = false;
    LIST_EACH(node, keep, &g->members)
    {
        LIST_OWNER(node, struct member, node)->changed = false;
    }
    LIST_EACH(at, next, &g->changed_leases)
    {
        list_remove(at);
    }
}

/* ---- leases ---- */

void group_lease_changed(struct group *g, struct lease *l)
{
    list_remove(&l->changed);
    list_append(&g->changed_leases, &l->changed);
    g->changed = true;
}

void group_let_go(struct group *g, struct lease *l)
{
    if (!l->owner)
        return;
    l->owner->revoked_count -= l->values.revoked;
    l->values.revoked = false;
    l->owner = NULL;
    list_remove(&l->node);
    list_append(&g->free_leases, &l->node);
    group_lease_changed(g, l);
    g->unsettled = true;
}

void group_drop_member(struct group *g, struct member *m)
{
    LIST_EACH(node, keep, &m->leases)
    {
        group_let_go(g, LIST_OWNER(node, struct lease, node));
    }
    list_remove(&m->node);
    list_append(&g->gone_members, &m->node);
    g->member_count--;
    g->unsettled = g->changed = true;
}

/* G3. */
static bool may_be_worked_on(const struct lease *l)
{
    for (size_t i = 0; i < 2; i++)
        if (l->parents[i] && !checkpoint_is_end(&l->parents[i]->values.checkpoint))
            return false;
    return !checkpoint_is_end(&l->values.checkpoint);
}

static void give(struct group *g, struct lease *l, struct member *m)
{
    l->owner = m;
    l->values.epoch++; /* G2 */
    list_remove(&l->node);
    list_append(&m->leases, &l->node);
    group_lease_changed(g, l);
}

/* What was decided about one that has an owner. */
static void set_revoked(const struct group *g, struct lease *l, bool revoked)
{
    if (revoked == l->values.revoked)
        return;
    l->values.revoked = revoked;
    l->values.revoked_ms = revoked ? g->now_ms : 0;
    if (revoked)
        l->owner->revoked_count++;
    else
        l->owner->revoked_count--;
}

struct assignment {
    struct assign_member *members;
    struct member **member_at;
    struct assign_lease *leases;
    struct lease **lease_at;
    uint32_t member_count, lease_count;
};

static void assignment_fini(struct assignment *a)
{
    mem_free(a->members);
    mem_free(a->member_at);
    mem_free(a->leases);
    mem_free(a->lease_at);
}

static bool assignment_init(struct assignment *a, struct group *g)
{
    *a = (struct assignment){
        .members = mem_try((g->member_count + 1) * sizeof(*a->members)),
        .member_at = mem_try((g->member_count + 1) * sizeof(struct member *)),
        .leases = mem_try((g->lease_count + 1) * sizeof(*a->leases)),
        .lease_at = mem_try((g->lease_count + 1) * sizeof(struct lease *)),
    };
    if (!a->members || !a->member_at || !a->leases || !a->lease_at)
        return false;
    LIST_EACH(node, keep, &g->members)
    {
        struct member *m = LIST_OWNER(node, struct member, node);
        uint32_t most = m->values.leases_max;
        m->place = a->member_count++;
        a->members[m->place] = (struct assign_member){.leases_max = most ? most : UINT32_MAX};
        a->member_at[m->place] = m;
    }
    for (size_t i = 0; i < g->lease_count; i++) {
        struct lease *l = g->leases[i];
        if (!l->owner && !may_be_worked_on(l))
            continue;
        a->leases[a->lease_count] = (struct assign_lease){
            .owner = l->owner ? l->owner->place : ASSIGN_NOBODY, .revoked = l->values.revoked};
        a->lease_at[a->lease_count++] = l;
    }
    return true;
}

void group_assign(struct group *g)
{
    struct assignment a;
    if (!g->unsettled || !g->known)
        return;
    if (assignment_init(&a, g)) {
        assign(a.members, a.member_count, a.leases, a.lease_count); /* G4 */
        for (uint32_t i = 0; i < a.lease_count; i++) {
            struct lease *l = a.lease_at[i];
            if (l->owner)
                set_revoked(g, l, a.leases[i].revoked);
            else if (a.leases[i].owner != ASSIGN_NOBODY)
                give(g, l, a.member_at[a.leases[i].owner]);
        }
        g->unsettled = false;
    }
    assignment_fini(&a);
}

enum status group_leases_of(const struct group *g, const char *member,
                            enum status (*each)(void *arg, const struct group_lease *lease),
                            void *arg)
{
    const struct member *m = group_find_member(g, member);
    enum status st = OK;
    if (!m)
        return OK;
    LIST_EACH(node, keep, &m->leases)
    {
        struct group_lease values = group_lease_values(LIST_OWNER(node, struct lease, node));
        st = st == OK ? each(arg, &values) : st;
    }
    return st;
}
