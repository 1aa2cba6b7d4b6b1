/* group_keeper.c: the keeper's thread: its turns, what it has in memory, its life.
 *
 * A turn: carry out all commands that have arrived, in memory; write the rows that changed, as one synced batch; answer. While it waits for the
 * disk, commands gather, and are the next turn: the more there are, the more share a sync. Two commits to one lease in a turn are one row.
 *
 * When the batch cannot be written, memory is ahead of the disk: every stream that had rows in it is forgotten and read anew when it is
 * next asked for, and its commands fail. Their askers ask again.
 *
 * Nothing waits for a session to expire but the memory it takes: whoever could get its leases asks, and that is when the time is looked
 * at. So there is no timer for each group, but one sweep a second, which also finds streams that are gone. */
#include "api/group_keeper_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/trace.h"

#include <stdio.h>
#include <string.h>

enum { SWEEP_MS = 1000, SWEEP_REMOVES_MAX = 64 };

uint64_t group_keeper_now_ms(const struct group_keeper *k)
{
    return clock_mono_us(k->settings.clock) / 1000;
}

/* ---- in memory ---- */

static struct bytes number_key(const uint64_t *number)
{
    return bytes_of(number, sizeof(*number));
}

struct kept_stream *kept_stream_make(struct group_keeper *k, uint64_t number)
{
    struct kept_stream *s = table_find(&k->streams, number_key(&number));
    if (s)
        return s;
    s = MEM_NEW(struct kept_stream);
    s->number = number;
    list_init(&s->groups);
    list_init(&s->pending);
    table_set(&k->streams, number_key(&s->number), s);
    return s;
}

struct kept_group *kept_group_find(const struct kept_stream *s, const char *name)
{
    LIST_EACH(node, keep, &s->groups)
    {
        struct kept_group *g = LIST_OWNER(node, struct kept_group, node);
        if (strcmp(g->name, name) == 0)
            return g;
    }
    return NULL;
}

struct kept_group *kept_group_add(struct kept_stream *s, const char *name, struct group *group)
{
    struct kept_group *g = group ? mem_try(sizeof(*g)) : NULL;
    struct list *before = s->groups.next;
    if (!g) {
        group_free(group);
        return NULL;
    }
    *g = (struct kept_group){.group = group, .stream = s};
    snprintf(g->name, sizeof(g->name), "%s", name);
    list_init(&g->touched);
    while (before != &s->groups &&
           strcmp(LIST_OWNER(before, struct kept_group, node)->name, name) < 0)
        before = before->next;
    list_insert_before(before, &g->node);
    s->group_count++;
    return g;
}

void kept_group_forget(struct kept_group *g)
{
    list_remove(&g->node);
    list_remove(&g->touched);
    g->stream->group_count--;
    group_free(g->group);
    mem_free(g);
}

void kept_stream_forget(struct kept_stream *s)
{
    LIST_EACH(node, keep, &s->groups)
    {
        kept_group_forget(LIST_OWNER(node, struct kept_group, node));
    }
    s->read = false;
}

void kept_group_touch(struct group_keeper *k, struct kept_group *g)
{
    list_remove(&g->touched);
    list_append(&k->touched, &g->touched);
}

static void kept_stream_free(struct group_keeper *k, struct kept_stream *s)
{
    table_remove(&k->streams, number_key(&s->number));
    kept_stream_forget(s);
    list_remove(&s->pending);
    mem_free(s);
}

/* ---- the end of a turn ---- */

static bool is_pending(struct group_keeper *k, const struct group_command *c)
{
    const struct kept_stream *s = table_find(&k->streams, number_key(&c->view->settings.number));
    return s && !list_empty(&s->pending);
}

static void fail_pending(struct group_keeper *k, enum status st, const struct fault *why)
{
    LIST_EACH(node, keep, &k->answers)
    {
        struct group_command *c = LIST_OWNER(node, struct group_command, node);
        if (c->status == OK && is_pending(k, c)) {
            c->status = st;
            c->fault = *why;
        }
    }
    LIST_EACH(at, next, &k->pending)
    {
        kept_stream_forget(LIST_OWNER(at, struct kept_stream, pending));
    }
}

static void write_changes(struct group_keeper *k)
{
    struct fault f;
    LIST_EACH(node, keep, &k->touched)
    {
        struct kept_group *g = LIST_OWNER(node, struct kept_group, touched);
        if (group_is_changed(g->group))
            group_rows_save(k, g);
    }
    enum status st = list_empty(&k->pending) ? OK : group_rows_write(k, &f);
    if (st != OK)
        fail_pending(k, st, &f);
    LIST_EACH(at, next, &k->touched)
    {
        group_settle(LIST_OWNER(at, struct kept_group, touched)->group);
        list_remove(at);
    }
    LIST_EACH(at, next, &k->pending)
    {
        list_remove(at);
    }
}

static uint64_t end_turn(void *arg)
{
    struct group_keeper *k = arg;
    write_changes(k);
    LIST_EACH(node, keep, &k->answers)
    {
        struct group_command *c = LIST_OWNER(node, struct group_command, node);
        list_remove(node);
        c->done(c); /* K1 */
    }
    return UINT64_MAX;
}

/* ---- commands ---- */

static void handle(struct message *m)
{
    struct group_command *c = LIST_OWNER(m, struct group_command, message);
    struct group_keeper *k = c->keeper;
    thread_must_be(THREAD_GROUPS);
    c->status = group_command_run(k, c);
    list_append(&k->answers, &c->node);
}

void group_command_submit(struct group_keeper *k, struct group_command *c)
{
    c->keeper = k;
    c->message.handle = handle;
    c->asked_ms = group_keeper_now_ms(k); /* K4 */
    loop_send(k->loop, &c->message);
}

void group_command_fini(struct group_command *c)
{
    for (size_t i = 0; c->verb == GROUP_COMMIT && i < c->commits.count; i++) {
        mem_free(c->commits.at[i].text);
        c->commits.at[i].text = NULL;
    }
    mem_free(c->leases);
    mem_free(c->members);
    mem_free(c->held);
    mem_free(c->summaries);
    c->leases = NULL;
    c->members = NULL;
    c->held = NULL;
    c->summaries = NULL;
}

/* ---- the sweep ---- */

static void expire_groups(struct group_keeper *k, const struct kept_stream *s, uint64_t now_ms)
{
    LIST_EACH(node, keep, &s->groups)
    {
        struct kept_group *g = LIST_OWNER(node, struct kept_group, node);
        if (group_due_ms(g->group) > now_ms)
            continue;
        group_expire(g->group, now_ms);
        kept_group_touch(k, g);
    }
}

static void sweep(struct loop_timer *t)
{
    struct group_keeper *k = LIST_OWNER(t, struct group_keeper, sweep);
    struct kept_stream *removes[SWEEP_REMOVES_MAX];
    uint64_t now_ms = group_keeper_now_ms(k);
    size_t at = 0, count = 0;
    void *value;
    while (table_next(&k->streams, &at, &value)) {
        struct kept_stream *s = value;
        struct stream *stream = stream_table_find_number(k->settings.streams, s->number);
        expire_groups(k, s, now_ms);
        if (!stream)
            group_keeper_drop_stream(k, s);
        stream_unref(stream);
        if (count < SWEEP_REMOVES_MAX && s->group_count == 0 && list_empty(&s->pending))
            removes[count++] = s;
    }
    for (size_t i = 0; i < count; i++)
        kept_stream_free(k, removes[i]);
    loop_timer_set(k->loop, &k->sweep, SWEEP_MS);
}

/* ---- life ---- */

static void run(void *arg)
{
    struct group_keeper *k = arg;
    loop_set_after_turn(k->loop, end_turn, k);
    loop_timer_set(k->loop, &k->sweep, SWEEP_MS);
    loop_run(k->loop);
    loop_timer_cancel(k->loop, &k->sweep);
    (void)end_turn(k);
}

static void free_all(struct group_keeper *k)
{
    size_t at = 0;
    void *value;
    while (table_next(&k->streams, &at, &value)) {
        struct kept_stream *s = value;
        kept_stream_forget(s);
        mem_free(s);
    }
    table_fini(&k->streams);
    group_rows_close(k);
    loop_free(k->loop);
    mem_free(k);
}

enum status group_keeper_open(const struct group_keeper_settings *settings,
                              struct group_keeper **out, struct fault *f)
{
    *out = NULL;
    struct group_keeper *k = MEM_NEW(struct group_keeper);
    k->settings = *settings;
    k->sweep.fire = sweep;
    table_init(&k->streams);
    list_init(&k->touched);
    list_init(&k->pending);
    list_init(&k->answers);
    enum status st = group_rows_open(k, f);
    if (st == OK)
        st = loop_new(&k->loop, settings->clock, f);
    if (st != OK) {
        free_all(k);
        return st;
    }
    thread_start(&k->thread, THREAD_GROUPS, "groups", run, k);
    *out = k;
    return OK;
}

void group_keeper_close(struct group_keeper *k)
{
    if (!k)
        return;
    loop_stop(k->loop);
    thread_join(&k->thread);
    free_all(k);
}
