/* consumer.c: sets of at most CONSUMERS_MAX, copied for each change: small enough that nothing cleverer pays.
 *
 * Left to others: which changes are allowed, and making them durable (catalog_consumers.c). */
#include "shards/consumer.h"

#include "base/mem.h"
#include "base/must.h"
#include "shards/stream_view.h"

#include <stdio.h>

void consumer_arn(const struct consumer *c, const struct scope *scope, const char *stream,
                  char out[CONSUMER_ARN_BYTES])
{
    char arn[STREAM_ARN_BYTES];
    scope_stream_arn(scope, stream, arn);
    snprintf(out, CONSUMER_ARN_BYTES, "%s/consumer/%s:%llu", arn, c->name,
             (unsigned long long)c->created_s);
}

struct consumer consumer_values(const struct consumer *c)
{
    struct consumer values = {
        .created_s = c->created_s,
        .status = c->status,
        .settles_us = c->settles_us,
        .tag_count = c->tag_count,
        .tags = c->tags,
        .policy = c->policy,
    };
    memcpy(values.name, c->name, sizeof(values.name));
    return values;
}

struct consumer *consumer_new(const struct consumer *values)
{
    struct consumer *c = MEM_NEW(struct consumer);
    *c = consumer_values(values);
    atomic_store(&c->refs, 1);
    c->tags = stream_tags_copy(values->tags, values->tag_count);
    policy_ref(c->policy);
    return c;
}

struct consumer *consumer_ref(struct consumer *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void consumer_unref(struct consumer *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    stream_tags_free(c->tags, c->tag_count);
    policy_unref(c->policy);
    mem_free(c);
}

const char *consumer_status_name(enum consumer_status status)
{
    static const char *const names[] = {"CREATING", "ACTIVE", "DELETING"};
    return names[status];
}

struct consumer_set *consumer_set_ref(struct consumer_set *s)
{
    if (s)
        atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void consumer_set_unref(struct consumer_set *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        consumer_unref(s->at[i]);
    mem_free(s);
}

struct consumer *consumer_set_find(const struct consumer_set *s, struct bytes name)
{
    for (uint32_t i = 0; i < consumer_set_count(s); i++)
        if (bytes_equal(bytes_text(s->at[i]->name), name))
            return s->at[i];
    return NULL;
}

static struct consumer_set *set_new(uint32_t room)
{
    struct consumer_set *s = mem_must(sizeof(*s) + room * sizeof(struct consumer *));
    atomic_store(&s->refs, 1);
    return s;
}

struct consumer_set *consumer_set_without(const struct consumer_set *s, struct bytes name)
{
    struct consumer_set *made =
        set_new(consumer_set_count(s) + 1); /* room for one more: see below */
    for (uint32_t i = 0; i < consumer_set_count(s); i++)
        if (!bytes_equal(bytes_text(s->at[i]->name), name))
            made->at[made->count++] = consumer_ref(s->at[i]);
    return made;
}

struct consumer_set *consumer_set_with(const struct consumer_set *s, struct consumer *c)
{
    struct bytes name = bytes_text(c->name);
    struct consumer_set *made = consumer_set_without(s, name);
    uint32_t i = made->count++;
    for (; i > 0 && bytes_compare(name, bytes_text(made->at[i - 1]->name)) < 0; i--)
        made->at[i] = made->at[i - 1];
    made->at[i] = c;
    return made;
}
