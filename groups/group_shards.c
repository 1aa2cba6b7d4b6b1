/* group_shards.c: the list of shards taken in, and stored rows put back: the two ways in which a group learns of leases.
 *
 * A list is taken in whole: leases for new shards are made first, so that without memory nothing has changed (G7). */
#include "groups/group_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int by_shard_id(const void *a, const void *b)
{
    const struct lease *const *left = a, *const *right = b;
    return strcmp((*left)->values.shard_id, (*right)->values.shard_id);
}

static struct lease *lease_new(const struct group_lease *values)
{
    struct lease *l = mem_try(sizeof(*l));
    if (!l)
        return NULL;
    *l = (struct lease){.values = *values};
    memset(l->values.owner, 0, sizeof(l->values.owner));
    list_init(&l->node);
    list_init(&l->changed);
    return l;
}

/* ---- rows that were stored ---- */

static enum status no_memory(struct fault *f)
{
    return fault_set(f, NO_MEMORY, "no memory for the consumer group");
}

static enum status load_member(struct group *g, const struct group_member *values, struct fault *f)
{
    struct member *m = mem_try(sizeof(*m));
    if (!m)
        return no_memory(f);
    *m = (struct member){.values = *values};
    list_init(&m->leases);
    list_append(&g->members, &m->node);
    g->member_count++;
    return OK;
}

/* Rows come in any order; what is there already is found by its id. */
static enum status load_lease(struct group *g, const struct group_lease *values, struct fault *f)
{
    struct member *owner = values->owner[0] ? group_find_member(g, values->owner) : NULL;
    struct lease **grown = mem_resize_try(g->leases, (g->lease_count + 1) * sizeof(*grown));
    if (grown)
        g->leases = grown;
    struct lease *l = grown ? lease_new(values) : NULL;
    if (!l)
        return no_memory(f);
    size_t at = g->lease_count;
    while (at > 0 && strcmp(g->leases[at - 1]->values.shard_id, values->shard_id) > 0)
        at--;
    memmove(g->leases + at + 1, g->leases + at, (g->lease_count - at) * sizeof(*g->leases));
    g->leases[at] = l;
    g->lease_count++;
    l->owner = owner;
    l->values.revoked &= owner != NULL;
    if (l->values.revoked)
        owner->revoked_count++;
    list_append(owner ? &owner->leases : &g->free_leases, &l->node);
    return OK;
}

static bool row_is_fine(const struct group *g, const struct group_row *row)
{
    const struct group_lease *l = &row->lease;
    if (row->kind == GROUP_ROW_HEAD)
        return true;
    if (row->kind == GROUP_ROW_MEMBER)
        return row->member.name[0] && row->member.session <= g->head.last_session &&
               !group_find_member(g, row->member.name);
    return l->shard_id[0] && checkpoint_is_valid(&l->checkpoint) &&
           !group_find_lease(g, l->shard_id);
}

enum status group_load(struct group *g, const struct group_row *row, struct fault *f)
{
    g->unsettled = true;
    if (!row_is_fine(g, row))
        return fault_set(f, CORRUPT, "a row of a consumer group does not fit the others");
    if (row->kind == GROUP_ROW_MEMBER)
        return load_member(g, &row->member, f);
    if (row->kind == GROUP_ROW_LEASE)
        return load_lease(g, &row->lease, f);
    g->head = row->head;
    g->head_changed = g->changed = false;
    return OK;
}

/* ---- the list ---- */

/* Leases of shards that the group does not know, behind those it knows, in `all`. */
static enum status make_new(const struct group *g, const struct group_shard *shards, size_t count,
                            struct lease **all, size_t *total)
{
    for (size_t i = 0; i < count; i++) {
        struct group_lease values = {0};
        if (!group_copy_name(values.shard_id, sizeof(values.shard_id), shards[i].shard_id) ||
            !values.shard_id[0])
            return INVALID_ARGUMENT;
        struct lease *l = group_find_lease(g, values.shard_id);
        if (l) {
            l->listed = true;
            continue;
        }
        if (g->head.listed) /* G6 */
            memcpy(values.checkpoint.sequence, CHECKPOINT_HORIZON, sizeof(CHECKPOINT_HORIZON));
        l = lease_new(&values);
        if (!l)
            return NO_MEMORY;
        l->listed = true;
        all[(*total)++] = l;
    }
    return OK;
}

/* Those that are not listed go; `all` becomes the group's, by id. */
static void take_over(struct group *g, struct lease **all, size_t total)
{
    size_t kept = 0;
    for (size_t i = 0; i < total; i++) {
        struct lease *l = all[i];
        if (l->listed) {
            all[kept++] = l;
            l->listed = false;
            if (i >= g->lease_count) {
                list_append(&g->free_leases, &l->node);
                group_lease_changed(g, l);
            }
            continue;
        }
        group_let_go(g, l);
        list_remove(&l->node);
        list_remove(&l->changed);
        list_append(&g->gone_leases, &l->node);
        g->changed = true;
    }
    qsort(all, kept, sizeof(struct lease *), by_shard_id);
    mem_free(g->leases);
    g->leases = all;
    g->lease_count = kept;
}

static struct lease *parent_of(const struct group *g, const char *id)
{
    return id && id[0] ? group_find_lease(g, id) : NULL;
}

enum status group_set_shards(struct group *g, const struct group_shard *shards, size_t count,
                             uint64_t now_ms)
{
    group_begin(g, now_ms);
    size_t total = g->lease_count;
    struct lease **all = mem_try((total + count + 1) * sizeof(struct lease *));
    if (!all)
        return NO_MEMORY;
    if (total > 0)
        memcpy(all, g->leases, total * sizeof(struct lease *));
    enum status st = make_new(g, shards, count, all, &total);
    if (st != OK) {
        for (size_t i = g->lease_count; i < total; i++)
            mem_free(all[i]);
        for (size_t i = 0; i < g->lease_count; i++)
            all[i]->listed = false;
        mem_free(all);
        return st;
    }
    take_over(g, all, total);
    for (size_t i = 0; i < count; i++) {
        struct lease *l = group_find_lease(g, shards[i].shard_id);
        l->parents[0] = parent_of(g, shards[i].parent_id);
        l->parents[1] = parent_of(g, shards[i].adjacent_parent_id);
    }
    g->head_changed |= !g->head.listed;
    g->changed |= g->head_changed;
    g->head.listed = g->known = g->unsettled = true;
    group_assign(g);
    return OK;
}
