/* shard_map.h: which shard owns a hash key: the open shards of a stream, as ListShards showed them.
 *
 * Built page by page, then never changed. Open shards cover every key once: what does not (a reshard between two pages) is CHANGED, and
 * is asked for again.
 *
 * Thread: its owner's. */
#ifndef SLUICE_SDK_SHARD_MAP_H
#define SLUICE_SDK_SHARD_MAP_H

#include "base/status.h"
#include "base/u128.h"

enum { SHARD_ID_TEXT_BYTES = 129, SHARD_MAP_SHARDS_MAX = 1000000, SHARD_NONE = -1 };

struct shard_range {
    char id[SHARD_ID_TEXT_BYTES];
    u128 first, last;
};
struct shard_map {
    struct shard_range *shards; /* in the order of their keys, once it is finished */
    uint32_t *by_id;            /* places, in the order of the ids */
    uint32_t count, room;
};

/* NULL: no memory. */
struct shard_map *shard_map_new(void);
void shard_map_free(struct shard_map *m); /* NULL is fine */
/* false: its keys are not numbers, or its id too long. */
bool shard_range_set(struct shard_range *r, struct bytes id, struct bytes first, struct bytes last);
/* An open shard. MALFORMED: its keys are not numbers, or its id too long; TOO_LARGE; NO_MEMORY. */
enum status shard_map_add(struct shard_map *m, struct bytes id, struct bytes first,
                          struct bytes last) MUST_USE;
/* No more will come. CHANGED: they do not cover every key once; NO_MEMORY. */
enum status shard_map_finish(struct shard_map *m) MUST_USE;

/* The place of the shard that owns the key: of a finished map. */
uint32_t shard_map_find(const struct shard_map *m, u128 key);
/* SHARD_NONE: it is not there. */
int64_t shard_map_named(const struct shard_map *m, struct bytes id);
static inline bool shard_range_has(const struct shard_range *r, u128 key)
{
    return key >= r->first && key <= r->last;
}

#endif
