/* delivery_table.c: one array, sorted by account, region and name: for finding, by halves, and for listing. There are thousands of them at
 * most, and a look-up is a dozen comparisons under the lock.
 *
 * What an entry is called by is copied: a delivery stream's view changes, its name does not. */
#include "delivery/delivery_table.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"

/* What an entry is sorted by. */
struct place {
    const struct scope *scope; /* NULL: before all */
    struct bytes name;
};

struct entry {
    struct delivery *delivery;
    uint64_t number;
    struct scope scope;
    char name[DELIVERY_NAME_BYTES_MAX + 1];
};

struct delivery_table {
    struct lock mu;
    /* under mu */
    struct entry *at;
    size_t count, room;
};

struct delivery_table *delivery_table_new(void)
{
    struct delivery_table *t = MEM_NEW(struct delivery_table);
    lock_init(&t->mu, LOCK_DELIVERIES);
    return t;
}

void delivery_table_free(struct delivery_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++)
        delivery_unref(t->at[i].delivery);
    mem_free(t->at);
    lock_fini(&t->mu);
    mem_free(t);
}

static int compare(const struct entry *e, const struct place *p)
{
    if (!p->scope)
        return 1;
    int order = strcmp(e->scope.account, p->scope->account);
    if (order == 0)
        order = strcmp(e->scope.region, p->scope->region);
    return order ? order : bytes_compare(bytes_text(e->name), p->name);
}

/* The first entry that is not before the place. */
static size_t index_of(const struct delivery_table *t, const struct place *p)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&t->at[middle], p) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct delivery_table *t, size_t i, const struct place *p)
{
    return i < t->count && compare(&t->at[i], p) == 0;
}

void delivery_table_add(struct delivery_table *t, struct delivery *d)
{
    struct delivery_view *v = delivery_look(d);
    struct entry e = {.delivery = delivery_ref(d), .number = v->number, .scope = v->scope};
    memcpy(e.name, v->name, sizeof(e.name));
    delivery_view_unref(v);
    struct place place = {&e.scope, bytes_text(e.name)};
    lock_take(&t->mu);
    if (t->count == t->room) {
        t->room = t->room ? 2 * t->room : 16;
        t->at = mem_resize_must(t->at, t->room * sizeof(*t->at));
    }
    size_t i = index_of(t, &place);
    must(!is_at(t, i, &place));
    memmove(t->at + i + 1, t->at + i, (t->count - i) * sizeof(*t->at));
    t->at[i] = e;
    t->count++;
    lock_drop(&t->mu);
}

void delivery_table_remove(struct delivery_table *t, struct delivery *d)
{
    struct delivery_view *v = delivery_look(d);
    struct place place = {&v->scope, bytes_text(v->name)};
    lock_take(&t->mu);
    size_t i = index_of(t, &place);
    must(is_at(t, i, &place) && t->at[i].delivery == d);
    t->count--;
    memmove(t->at + i, t->at + i + 1, (t->count - i) * sizeof(*t->at));
    lock_drop(&t->mu);
    delivery_view_unref(v);
    delivery_unref(d);
}

struct delivery *delivery_table_find(struct delivery_table *t, const struct scope *scope,
                                     struct bytes name)
{
    struct place place = {scope, name};
    lock_take(&t->mu);
    size_t i = index_of(t, &place);
    struct delivery *d = is_at(t, i, &place) ? delivery_ref(t->at[i].delivery) : NULL;
    lock_drop(&t->mu);
    return d;
}

struct delivery *delivery_table_find_number(struct delivery_table *t, uint64_t number)
{
    struct delivery *d = NULL;
    lock_take(&t->mu);
    for (size_t i = 0; i < t->count && !d; i++)
        d = t->at[i].number == number ? delivery_ref(t->at[i].delivery) : NULL;
    lock_drop(&t->mu);
    return d;
}

/* From the first behind the place; of `scope` alone unless that is NULL. */
static size_t list(struct delivery_table *t, const struct place *after, const struct scope *scope,
                   struct delivery **out, size_t most)
{
    size_t count = 0;
    lock_take(&t->mu);
    size_t i = index_of(t, after);
    if (is_at(t, i, after))
        i++;
    for (; i < t->count && count < most && (!scope || scope_equal(&t->at[i].scope, scope)); i++)
        out[count++] = delivery_ref(t->at[i].delivery);
    lock_drop(&t->mu);
    return count;
}

size_t delivery_table_list(struct delivery_table *t, const struct scope *scope, struct bytes after,
                           struct delivery **out, size_t most)
{
    return list(t, &(struct place){scope, after}, scope, out, most);
}

size_t delivery_table_walk(struct delivery_table *t, const struct delivery_view *after,
                           struct delivery **out, size_t most)
{
    struct place place = {.scope = NULL};
    if (after)
        place = (struct place){&after->scope, bytes_text(after->name)};
    return list(t, &place, NULL, out, most);
}

size_t delivery_table_count(struct delivery_table *t, const struct scope *scope)
{
    size_t count = 0;
    lock_take(&t->mu);
    for (size_t i = 0; i < t->count; i++)
        count += !scope || scope_equal(&t->at[i].scope, scope);
    lock_drop(&t->mu);
    return count;
}
