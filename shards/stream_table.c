/* stream_table.c: two hash tables for finding and one sorted array for listing, under one lock that
 * is held for a few memory reads.
 *
 * A stream's key is "ACCOUNT/REGION/NAME": no part holds a slash but the last, which is the end. So a scope's streams stand
 * together in the array, in order of their names. */
#include "shards/stream_table.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/table.h"

struct key {
    size_t len, scope_len; /* of all; of "ACCOUNT/REGION/" */
    uint8_t text[ACCOUNT_BYTES + REGION_BYTES + STREAM_NAME_BYTES_MAX];
};

struct entry {
    struct stream *stream;
    uint64_t number;
    struct key key;
};

struct stream_table {
    struct lock mu;
    /* under mu */
    struct table by_name, by_number;
    struct entry **sorted; /* by key */
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

static void key_append(struct key *k, const char *text, char end)
{
    size_t len = strlen(text);
    memcpy(k->text + k->len, text, len);
    k->text[k->len + len] = (uint8_t)end;
    k->len += len + 1;
}

/* False when the name is too long for any stream. */
static bool key_set(struct key *k, const struct scope *scope, struct bytes name)
{
    if (name.len > STREAM_NAME_BYTES_MAX)
        return false;
    k->len = 0;
    key_append(k, scope->account, '/');
    key_append(k, scope->region, '/');
    k->scope_len = k->len;
    if (name.len)
        memcpy(k->text + k->len, name.at, name.len);
    k->len += name.len;
    return true;
}

static struct bytes key_of(const struct entry *e)
{
    return bytes_of(e->key.text, e->key.len);
}

/* The first place whose key is not below `key`. */
static size_t place_of(const struct stream_table *t, struct bytes key)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(key_of(t->sorted[middle]), key) < 0)
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
    must(key_set(&e->key, &v->settings.scope, bytes_text(v->settings.name)));
    e->number = v->settings.number;
    stream_view_unref(v);
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
    size_t at = place_of(t, key_of(e));
    memmove(t->sorted + at + 1, t->sorted + at, (t->count - at) * sizeof(*t->sorted));
    t->sorted[at] = e;
    t->count++;
    must(table_set(&t->by_name, key_of(e), e) == NULL);
    must(table_set(&t->by_number, number_key(e), e) == NULL);
    lock_drop(&t->mu);
}

void stream_table_remove(struct stream_table *t, struct stream *s)
{
    struct stream_view *v = stream_look(s);
    struct key key;
    must(key_set(&key, &v->settings.scope, bytes_text(v->settings.name)));
    lock_take(&t->mu);
    struct entry *e = table_remove(&t->by_name, bytes_of(key.text, key.len));
    must(e && e->stream == s);
    table_remove(&t->by_number, number_key(e));
    size_t at = place_of(t, key_of(e));
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

struct stream *stream_table_find(struct stream_table *t, const struct scope *scope,
                                 struct bytes name)
{
    struct key key;
    return key_set(&key, scope, name) ? find(t, &t->by_name, bytes_of(key.text, key.len)) : NULL;
}

struct stream *stream_table_find_number(struct stream_table *t, uint64_t number)
{
    return find(t, &t->by_number, bytes_of(&number, sizeof(number)));
}

/* From the first entry above `key` (at it, when it is a scope alone), as long as they begin with `prefix`. */
static size_t list(struct stream_table *t, struct bytes key, struct bytes prefix,
                   struct stream_view **out, size_t most, bool *more)
{
    lock_take(&t->mu);
    size_t at = place_of(t, key), count = 0;
    if (at < t->count && bytes_equal(key_of(t->sorted[at]), key))
        at++;
    for (; at < t->count && bytes_starts_with(key_of(t->sorted[at]), prefix); at++) {
        if (count == most)
            break;
        out[count++] = stream_look(t->sorted[at]->stream);
    }
    *more = at < t->count && bytes_starts_with(key_of(t->sorted[at]), prefix);
    lock_drop(&t->mu);
    return count;
}

size_t stream_table_list(struct stream_table *t, const struct scope *scope, struct bytes after,
                         struct stream_view **out, size_t most, bool *more)
{
    struct key key;
    if (after.len > STREAM_NAME_BYTES_MAX) /* no name is longer: those above it are above its cut */
        after.len = STREAM_NAME_BYTES_MAX;
    must(key_set(&key, scope, after));
    return list(t, bytes_of(key.text, key.len), bytes_of(key.text, key.scope_len), out, most, more);
}

size_t stream_table_walk(struct stream_table *t, const struct stream_settings *after,
                         struct stream_view **out, size_t most, bool *more)
{
    struct key key = {.len = 0};
    if (after)
        must(key_set(&key, &after->scope, bytes_text(after->name)));
    return list(t, bytes_of(key.text, key.len), bytes_of(key.text, 0), out, most, more);
}

void stream_table_each(struct stream_table *t, bool (*each)(void *arg, struct stream_view *v),
                       void *arg)
{
    enum { PAGE = 64 };
    struct stream_view *page[PAGE];
    struct stream_view *last = NULL;
    bool more = true, wanted = true;
    while (more && wanted) {
        size_t count = stream_table_walk(t, last ? &last->settings : NULL, page, PAGE, &more);
        for (size_t i = 0; i < count; i++) {
            stream_view_unref(last);
            last = page[i];
            wanted = wanted && each(arg, last);
        }
    }
    stream_view_unref(last);
}

void stream_table_totals(struct stream_table *t, const struct scope *scope,
                         struct stream_totals *out)
{
    struct key key = {.len = 0};
    if (scope)
        must(key_set(&key, scope, BYTES_NONE));
    struct bytes prefix = bytes_of(key.text, key.len);
    *out = (struct stream_totals){0};
    lock_take(&t->mu);
    for (size_t i = place_of(t, prefix);
         i < t->count && bytes_starts_with(key_of(t->sorted[i]), prefix); i++) {
        struct stream_view *v = stream_look(t->sorted[i]->stream);
        if (!scope && scope_is_hidden(&v->settings.scope)) {
            stream_view_unref(v);
            continue;
        }
        out->streams++;
        out->on_demand_streams += v->settings.mode == STREAM_ON_DEMAND;
        out->open_shards += v->open_count;
        out->claimed_shards += stream_view_claimed(v);
        stream_view_unref(v);
    }
    lock_drop(&t->mu);
}
