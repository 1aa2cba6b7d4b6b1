/* stream_table.c: two hash tables for finding and one sorted array for listing, under one lock that
 * is held for a few memory reads. */
#include "shards/stream_table.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/table.h"

struct entry {
    struct stream *stream;
    struct bytes name;
    uint64_t number;
    char name_text[STREAM_NAME_BYTES_MAX + 1];
};

struct stream_table {
    struct lock mu;
    /* under mu */
    struct table by_name, by_number;
    struct entry **sorted; /* by name */
    size_t count, room;
};

struct stream_table *stream_table_new(void)
{
    struct stream_table *t = MEM_NEW(struct stream_table);
    lock_init(&t->mu, LOCK_STREAMS);
    table_init(&t->by_name);
    table_init(&t->by_number);
    return t;
}

void stream_table_free(struct stream_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++) {
        stream_unref(t->sorted[i]->stream);
        mem_free(t->sorted[i]);
    }
    table_fini(&t->by_name);
    table_fini(&t->by_number);
    mem_free(t->sorted);
    lock_fini(&t->mu);
    mem_free(t);
}

/* The first place whose name is not below `name`. */
static size_t place_of(const struct stream_table *t, struct bytes name)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(t->sorted[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct bytes number_key(const struct entry *e)
{
    return bytes_of(&e->number, sizeof(e->number));
}

void stream_table_add(struct stream_table *t, struct stream *s)
{
    struct entry *e = MEM_NEW(struct entry);
    struct stream_view *v = stream_look(s);
    memcpy(e->name_text, v->settings.name, sizeof(e->name_text));
    e->number = v->settings.number;
    stream_view_unref(v);
    e->name = bytes_text(e->name_text);
    e->stream = stream_ref(s);
    lock_take(&t->mu);
    if (t->count == t->room) {
        size_t room = t->room ? 2 * t->room : 64;
        struct entry **grown = mem_must(room * sizeof(*grown));
        if (t->count)
            memcpy(grown, t->sorted, t->count * sizeof(*grown));
        mem_free(t->sorted);
        t->sorted = grown;
        t->room = room;
    }
    size_t at = place_of(t, e->name);
    memmove(t->sorted + at + 1, t->sorted + at, (t->count - at) * sizeof(*t->sorted));
    t->sorted[at] = e;
    t->count++;
    must(table_set(&t->by_name, e->name, e) == NULL);
    must(table_set(&t->by_number, number_key(e), e) == NULL);
    lock_drop(&t->mu);
}

void stream_table_remove(struct stream_table *t, struct stream *s)
{
    struct stream_view *v = stream_look(s);
    lock_take(&t->mu);
    struct entry *e = table_remove(&t->by_name, bytes_text(v->settings.name));
    must(e && e->stream == s);
    table_remove(&t->by_number, number_key(e));
    size_t at = place_of(t, e->name);
    memmove(t->sorted + at, t->sorted + at + 1, (t->count - at - 1) * sizeof(*t->sorted));
    t->count--;
    lock_drop(&t->mu);
    stream_view_unref(v);
    stream_unref(e->stream);
    mem_free(e);
}

static struct stream *find(struct stream_table *t, const struct table *table, struct bytes key)
{
    lock_take(&t->mu);
    struct entry *e = table_find(table, key);
    struct stream *s = e ? stream_ref(e->stream) : NULL;
    lock_drop(&t->mu);
    return s;
}

struct stream *stream_table_find(struct stream_table *t, struct bytes name)
{
    return find(t, &t->by_name, name);
}

struct stream *stream_table_find_number(struct stream_table *t, uint64_t number)
{
    return find(t, &t->by_number, bytes_of(&number, sizeof(number)));
}

size_t stream_table_list(struct stream_table *t, struct bytes after, struct stream_view **out,
                         size_t most, bool *more)
{
    lock_take(&t->mu);
    size_t at = bytes_present(after) ? place_of(t, after) : 0;
    if (bytes_present(after) && at < t->count && bytes_equal(t->sorted[at]->name, after))
        at++;
    size_t count = 0;
    for (; at < t->count && count < most; at++)
        out[count++] = stream_look(t->sorted[at]->stream);
    *more = at < t->count;
    lock_drop(&t->mu);
    return count;
}

void stream_table_each(struct stream_table *t, bool (*each)(void *arg, struct stream_view *v),
                       void *arg)
{
    enum { PAGE = 64 };
    struct stream_view *page[PAGE];
    char last[STREAM_NAME_BYTES_MAX + 1] = "";
    bool more = true, wanted = true;
    while (more && wanted) {
        size_t count =
            stream_table_list(t, last[0] ? bytes_text(last) : BYTES_NONE, page, PAGE, &more);
        for (size_t i = 0; i < count; i++) {
            wanted = wanted && each(arg, page[i]);
            memcpy(last, page[i]->settings.name, sizeof(last));
            stream_view_unref(page[i]);
        }
    }
}

void stream_table_totals(struct stream_table *t, struct stream_totals *out)
{
    *out = (struct stream_totals){0};
    lock_take(&t->mu);
    for (size_t i = 0; i < t->count; i++) {
        struct stream_view *v = stream_look(t->sorted[i]->stream);
        out->streams++;
        out->on_demand_streams += v->settings.mode == STREAM_ON_DEMAND;
        out->open_shards += v->open_count;
        stream_view_unref(v);
    }
    lock_drop(&t->mu);
}
