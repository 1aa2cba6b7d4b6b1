/* shard_map.c: the open shards of a stream, in the order of their keys.
 *
 * Thread: its owner's. */
#include "consumer-sdk/shard_map.h"

#include "base/mem.h"

#include <stdlib.h>

enum { ROOM_FIRST = 16 };

struct shard_map *shard_map_new(void)
{
    struct shard_map *m = mem_try(sizeof(*m));
    if (m)
        *m = (struct shard_map){0};
    return m;
}

void shard_map_free(struct shard_map *m)
{
    if (!m)
        return;
    mem_free(m->shards);
    mem_free(m->by_id);
    mem_free(m);
}

static bool grow(struct shard_map *m)
{
    if (m->count < m->room)
        return true;
    uint32_t room = m->room ? m->room * 2 : ROOM_FIRST;
    struct shard_range *shards = mem_resize_try(m->shards, room * sizeof(*shards));
    if (!shards)
        return false;
    m->shards = shards;
    m->room = room;
    return true;
}

bool shard_range_set(struct shard_range *r, struct bytes id, struct bytes first, struct bytes last)
{
    if (!id.len || id.len >= sizeof(r->id) || !u128_parse(first, &r->first) ||
        !u128_parse(last, &r->last) || r->first > r->last)
        return false;
    memcpy(r->id, id.at, id.len);
    r->id[id.len] = '\0';
    return true;
}

enum status shard_map_add(struct shard_map *m, struct bytes id, struct bytes first,
                          struct bytes last)
{
    struct shard_range r;
    if (!shard_range_set(&r, id, first, last))
        return MALFORMED;
    if (m->count == SHARD_MAP_SHARDS_MAX)
        return TOO_LARGE;
    if (!grow(m))
        return NO_MEMORY;
    m->shards[m->count++] = r;
    return OK;
}

static int by_key(const void *a, const void *b)
{
    const struct shard_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int by_id(const void *a, const void *b, void *map)
{
    const struct shard_map *m = map;
    return strcmp(m->shards[*(const uint32_t *)a].id, m->shards[*(const uint32_t *)b].id);
}

static bool covers_all(const struct shard_map *m)
{
    u128 next = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->shards[i].first != next || (i > 0 && next == 0))
            return false;
        next = m->shards[i].last + 1; /* 0 behind the last key */
    }
    return m->count > 0 && next == 0;
}

enum status shard_map_finish(struct shard_map *m)
{
    if (m->count)
        qsort(m->shards, m->count, sizeof(*m->shards), by_key);
    if (!covers_all(m))
        return CHANGED;
    m->by_id = mem_try(m->count * sizeof(*m->by_id));
    if (!m->by_id)
        return NO_MEMORY;
    for (uint32_t i = 0; i < m->count; i++)
        m->by_id[i] = i;
    qsort_r(m->by_id, m->count, sizeof(*m->by_id), by_id, m);
    return OK;
}

uint32_t shard_map_find(const struct shard_map *m, u128 key)
{
    uint32_t low = 0, high = m->count; /* shards[low].first <= key < shards[high].first */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (m->shards[middle].first <= key)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int compare_id(const char *id, struct bytes other)
{
    return bytes_compare(bytes_text(id), other);
}

int64_t shard_map_named(const struct shard_map *m, struct bytes id)
{
    uint32_t low = 0, high = m->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_id(m->shards[m->by_id[middle]].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == m->count || compare_id(m->shards[m->by_id[low]].id, id) != 0)
        return SHARD_NONE;
    return m->by_id[low];
}
