/* reply.c: see the header. The last that was freed is the first to be used: it is still in the caches.
 *
 * Thread: any. */
#include "consumer-sdk/reply.h"

#include "base/limits.h"
#include "base/lock.h"
#include "base/mem.h"

enum { OUTPUT_BYTES_MAX = MIB(256) };

struct reply_spares {
    struct lock mu;
    /* under mu */
    struct list kept;
    size_t count, bytes;
    size_t users; /* the client, and replies that will come here */
    bool closed;
};

static size_t bytes_of_reply(const struct sluice_reply *r)
{
    return r->room + r->arena.used;
}

static void destroy(struct sluice_reply *r)
{
    arena_fini(&r->arena);
    mem_free(r->body);
    mem_free(r);
}

static void destroy_all(struct list *replies)
{
    LIST_EACH(node, keep, replies)
    {
        destroy(LIST_OWNER(node, struct sluice_reply, node));
    }
}

struct reply_spares *reply_spares_new(void)
{
    struct reply_spares *s = mem_try(sizeof(*s));
    if (s == NULL)
        return NULL;
    *s = (struct reply_spares){.users = 1};
    lock_init(&s->mu, LOCK_SDK_REPLIES);
    list_init(&s->kept);
    return s;
}

static void let_go(struct reply_spares *s)
{
    lock_take(&s->mu);
    bool last = --s->users == 0;
    lock_drop(&s->mu);
    if (!last)
        return;
    lock_fini(&s->mu);
    mem_free(s);
}

void reply_spares_close(struct reply_spares *s)
{
    if (s == NULL)
        return;
    struct list all;
    list_init(&all);
    lock_take(&s->mu);
    s->closed = true;
    list_splice(&all, &s->kept);
    lock_drop(&s->mu);
    destroy_all(&all);
    let_go(s);
}

/* The latest whose body is large enough. */
static struct sluice_reply *take(struct reply_spares *s, size_t bytes)
{
    struct sluice_reply *found = NULL;
    lock_take(&s->mu);
    s->users++;
    LIST_EACH(node, keep, &s->kept)
    {
        struct sluice_reply *r = LIST_OWNER(node, struct sluice_reply, node);
        if (r->room < bytes)
            continue;
        list_remove(node);
        s->count--;
        s->bytes -= bytes_of_reply(r);
        found = r;
        break;
    }
    lock_drop(&s->mu);
    return found;
}

/* R2. What was freed first makes room: `out` takes it. */
static void make_room(struct reply_spares *s, size_t bytes, struct list *out)
{
    while (s->count == REPLIES_KEPT_MAX || bytes > REPLIES_KEPT_BYTES_MAX - s->bytes) {
        struct list *oldest = s->kept.prev;
        s->bytes -= bytes_of_reply(LIST_OWNER(oldest, struct sluice_reply, node));
        s->count--;
        list_remove(oldest);
        list_append(out, oldest);
    }
}

static void give(struct reply_spares *s, struct sluice_reply *r)
{
    size_t bytes = bytes_of_reply(r);
    struct list gone;
    list_init(&gone);
    lock_take(&s->mu);
    if (s->closed || r->body == NULL || bytes > REPLIES_KEPT_BYTES_MAX) {
        list_append(&gone, &r->node);
    } else {
        make_room(s, bytes, &gone);
        list_prepend(&s->kept, &r->node);
        s->count++;
        s->bytes += bytes;
    }
    lock_drop(&s->mu);
    destroy_all(&gone);
}

struct sluice_reply *reply_new(struct reply_spares *spares, size_t bytes)
{
    if (bytes < REPLY_KEPT_BYTES_MIN)
        spares = NULL;
    struct sluice_reply *r = spares != NULL ? take(spares, bytes) : NULL;
    if (r == NULL) {
        r = MEM_TRY_NEW(struct sluice_reply);
        if (r != NULL)
            arena_init(&r->arena, OUTPUT_BYTES_MAX);
        else if (spares != NULL)
            let_go(spares);
    }
    if (r != NULL)
        r->spares = spares;
    return r;
}

const void *sluice_reply_output(const sluice_reply *reply)
{
    return reply->output;
}

const char *sluice_reply_request_id(const sluice_reply *reply)
{
    return reply->request_id;
}

void sluice_reply_free(sluice_reply *reply)
{
    if (reply == NULL)
        return;
    struct reply_spares *s = reply->spares;
    if (s == NULL) {
        destroy(reply);
        return;
    }
    arena_recycle(&reply->arena);
    reply->output = NULL;
    give(s, reply);
    let_go(s);
}
