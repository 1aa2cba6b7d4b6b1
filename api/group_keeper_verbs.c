/* group_keeper_verbs.c: what each command does, in memory. What it changed is written at the end of the turn (group_keeper.c). */
#include "api/group_keeper_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/stream_fault.h"

#include <string.h>

/* ---- streams and groups ---- */

void group_keeper_drop_stream(struct group_keeper *k, struct kept_stream *s)
{
    LIST_EACH(node, keep, &s->groups)
    {
        struct kept_group *g = LIST_OWNER(node, struct kept_group, node);
        group_rows_remove(k, g);
        kept_group_forget(g);
    }
}

/* The command's stream with its groups, and its view in force, referenced. */
static enum status find_stream(struct group_keeper *k, struct group_command *c,
                               struct kept_stream **out, struct stream_view **view)
{
    const struct stream_settings *asked = &c->view->settings;
    struct kept_stream *s = kept_stream_make(k, asked->number);
    struct stream *stream = stream_table_find_number(k->settings.streams, asked->number);
    *out = s;
    *view = stream ? stream_look(stream) : NULL;
    stream_unref(stream);
    if (*view && (*view)->settings.status != STREAM_DELETING)
        return s->read ? OK : group_rows_read(k, s, &c->fault);
    group_keeper_drop_stream(k, s);
    return fault_stream_not_found(&c->fault, bytes_text(asked->name), asked->scope.account);
}

static enum status no_memory(struct group_command *c)
{
    return fault_set(&c->fault, NO_MEMORY, "no memory for the consumer group");
}

struct shard_names {
    char id[SHARD_ID_BYTES], parent[SHARD_ID_BYTES], adjacent[SHARD_ID_BYTES];
};

static void print_parent(int64_t index, char out[SHARD_ID_BYTES])
{
    out[0] = '\0';
    if (index != SHARD_NONE)
        shard_id_print((uint32_t)index, out);
}

/* K3. Shards about to be are not there yet: their parents have not ended. */
static enum status refresh(struct group_keeper *k, struct kept_group *g,
                           const struct stream_view *v, struct group_command *c)
{
    if (g->version == v->version)
        return OK;
    struct group_shard *shards = mem_try((v->shard_count + 1) * sizeof(*shards));
    struct shard_names *names = mem_try((v->shard_count + 1) * sizeof(*names));
    enum status st = shards && names ? OK : NO_MEMORY;
    size_t count = 0;
    for (uint32_t i = 0; i < v->shard_count && st == OK; i++) {
        const struct shard *s = v->shards[i];
        struct shard_names *n = &names[count];
        if (s->state == SHARD_PENDING)
            continue;
        shard_id_print(s->index, n->id);
        print_parent(s->parent, n->parent);
        print_parent(s->adjacent, n->adjacent);
        shards[count++] = (struct group_shard){n->id, n->parent, n->adjacent};
    }
    if (st == OK)
        st = group_set_shards(g->group, shards, count, c->asked_ms);
    mem_free(shards);
    mem_free(names);
    if (st != OK)
        return no_memory(c);
    g->version = v->version;
    kept_group_touch(k, g);
    return OK;
}

static enum status not_found(struct group_command *c)
{
    const struct stream_settings *s = &c->view->settings;
    return fault_set(&c->fault, NOT_FOUND,
                     "Consumer group %s of stream %s under account %s not found.", c->name, s->name,
                     s->scope.account);
}

static enum status make_group(struct group_keeper *k, struct kept_stream *s,
                              const struct stream_view *v, struct group_command *c,
                              struct kept_group **out)
{
    if (s->group_count >= GROUPS_MAX)
        return fault_set(&c->fault, LIMIT_EXCEEDED,
                         "Stream %s under account %s has %d consumer "
                         "groups: it can have no more.",
                         v->settings.name, v->settings.scope.account, GROUPS_MAX);
    struct kept_group *g = kept_group_add(s, c->name, group_new(clock_wall_ms(k->settings.clock)));
    enum status st = g ? refresh(k, g, v, c) : no_memory(c);
    if (st != OK && g)
        kept_group_forget(g);
    *out = st == OK ? g : NULL;
    return st;
}

/* ---- verbs: `g` is there, and knows the shards ---- */

static enum status grow(void **list, size_t count, size_t size)
{
    /* by doubling, as counts reach powers of two */
    if (count & (count - 1))
        return OK;
    void *grown = mem_resize_try(*list, (count ? 2 * count : 1) * size);
    if (!grown)
        return NO_MEMORY;
    *list = grown;
    return OK;
}

static enum status add_lease(void *arg, const struct group_lease *lease)
{
    struct group_command *c = arg;
    enum status st = grow((void **)&c->leases, c->lease_count, sizeof(*lease));
    if (st == OK)
        c->leases[c->lease_count++] = *lease;
    return st;
}

static enum status heartbeat(struct kept_group *g, struct group_command *c)
{
    enum status st = group_heartbeat(g->group, &c->who, c->released.at, c->released.count,
                                     c->asked_ms, &c->fault);
    if (st == OK && group_leases_of(g->group, c->who.member, add_lease, c) != OK)
        st = no_memory(c);
    return st;
}

/* An answer for each; only a session that is over fails them all. */
static enum status commit(struct kept_group *g, struct group_command *c)
{
    struct fault f;
    enum status st = group_heartbeat(g->group, &c->who, NULL, 0, c->asked_ms, &c->fault);
    if (st != OK)
        return st;
    for (size_t i = 0; i < c->commits.count; i++) {
        struct group_commit_one *one = &c->commits.at[i];
        if (one->status != OK)
            continue;
        one->status = group_commit(g->group, &c->who, &one->lease, &one->at, c->asked_ms, &f);
        if (one->status != OK)
            one->text = mem_strdup(f.text);
    }
    return OK;
}

static enum status join(struct kept_group *g, struct group_command *c)
{
    return group_join(g->group, &c->member, c->asked_ms, &c->session, &c->fault);
}

static enum status leave(struct kept_group *g, struct group_command *c)
{
    return group_leave(g->group, &c->who, c->asked_ms, &c->fault);
}

static enum status reset(struct kept_group *g, struct group_command *c)
{
    return group_reset(g->group, c->reset.shard_id, &c->reset.at, c->asked_ms, &c->fault);
}

static enum status count_lease(void *arg, const struct group_lease *lease)
{
    (void)lease;
    ++*(uint32_t *)arg;
    return OK;
}

struct describing {
    struct group_command *command;
    const struct group *group;
};

static enum status describe_member(const struct describing *d, const struct group_member *m)
{
    struct group_command *c = d->command;
    size_t at = c->member_count;
    enum status st = grow((void **)&c->members, at, sizeof(*m));
    if (st == OK)
        st = grow((void **)&c->held, at, sizeof(*c->held));
    if (st != OK)
        return st;
    c->members[at] = *m;
    c->held[at] = 0;
    c->member_count++;
    return group_leases_of(d->group, m->name, count_lease, &c->held[at]);
}

static enum status describe_row(void *arg, const struct group_row *row)
{
    const struct describing *d = arg;
    struct group_command *c = d->command;
    if (row->kind == GROUP_ROW_MEMBER)
        return describe_member(d, &row->member);
    if (row->kind != GROUP_ROW_LEASE)
        return OK;
    if (c->page.after && strcmp(row->lease.shard_id, c->page.after) <= 0)
        return OK;
    c->more_leases = c->lease_count == c->page.most;
    return c->more_leases ? OK : add_lease(c, &row->lease);
}

static enum status describe(struct kept_group *g, struct group_command *c)
{
    struct describing d = {.command = c, .group = g->group};
    group_expire(g->group, c->asked_ms);
    c->now_ms = c->asked_ms;
    c->created_ms = group_created_ms(g->group);
    return group_rows(g->group, GROUP_ALL, describe_row, &d) == OK ? OK : no_memory(c);
}

/* ---- verbs about groups as such ---- */

static enum status create(struct group_keeper *k, struct kept_stream *s,
                          const struct stream_view *v, struct group_command *c)
{
    struct kept_group *made;
    if (kept_group_find(s, c->name))
        return fault_set(&c->fault, IN_USE,
                         "Consumer group %s of stream %s already exists for account %s.", c->name,
                         v->settings.name, v->settings.scope.account);
    return make_group(k, s, v, c, &made);
}

static enum status delete (struct group_keeper *k, struct kept_stream *s,
                           const struct stream_view *v, struct group_command *c) {
    struct kept_group *g = kept_group_find(s, c->name); if (!g) return not_found(c);
    group_expire(g->group, c->asked_ms);
    kept_group_touch(k, g);
    if (group_member_count(g->group) > 0) return fault_set(
        &c->fault, IN_USE,
        "Consumer group %s of stream %s has %zu members: it can be deleted when "
        "they have left or expired.",
        c->name, v->settings.name, group_member_count(g->group));
    group_rows_remove(k, g);
    kept_group_forget(g);
    return OK;
}

static enum status list(struct group_keeper *k, struct kept_stream *s, const struct stream_view *v,
                        struct group_command *c)
{
    (void)v;
    c->summaries = mem_try((s->group_count + 1) * sizeof(*c->summaries));
    if (!c->summaries)
        return no_memory(c);
    LIST_EACH(node, keep, &s->groups)
    {
        struct kept_group *g = LIST_OWNER(node, struct kept_group, node);
        struct group_summary *out = &c->summaries[c->summary_count++];
        group_expire(g->group, c->asked_ms);
        kept_group_touch(k, g);
        memcpy(out->name, g->name, sizeof(out->name));
        out->created_ms = group_created_ms(g->group);
        out->member_count = group_member_count(g->group);
    }
    return OK;
}

/* ---- the table ---- */

static const struct verb {
    /* one of the two */
    enum status (*of_stream)(struct group_keeper *, struct kept_stream *,
                             const struct stream_view *, struct group_command *);
    enum status (*of_group)(struct kept_group *, struct group_command *);
    bool makes; /* the group when there is none */
} verbs[GROUP_VERBS] = {
    [GROUP_CREATE] = {.of_stream = create},
    [GROUP_DELETE] = {.of_stream = delete},
    [GROUP_LIST] = {.of_stream = list},
    [GROUP_DESCRIBE] = {.of_group = describe},
    [GROUP_JOIN] = {.of_group = join, .makes = true},
    [GROUP_HEARTBEAT] = {.of_group = heartbeat},
    [GROUP_COMMIT] = {.of_group = commit},
    [GROUP_LEAVE] = {.of_group = leave},
    [GROUP_RESET] = {.of_group = reset},
};

static enum status run_on_group(struct group_keeper *k, struct kept_stream *s,
                                const struct stream_view *v, struct group_command *c)
{
    const struct verb *verb = &verbs[c->verb];
    struct kept_group *g = kept_group_find(s, c->name);
    enum status st = g             ? refresh(k, g, v, c)
                     : verb->makes ? make_group(k, s, v, c, &g)
                                   : not_found(c);
    if (st != OK)
        return st;
    kept_group_touch(k, g);
    return verb->of_group(g, c);
}

enum status group_command_run(struct group_keeper *k, struct group_command *c)
{
    struct kept_stream *s;
    struct stream_view *v;
    must(c->verb < GROUP_VERBS);
    enum status st = find_stream(k, c, &s, &v);
    if (st == OK)
        st = verbs[c->verb].of_stream ? verbs[c->verb].of_stream(k, s, v, c)
                                      : run_on_group(k, s, v, c);
    stream_view_unref(v);
    return st;
}
