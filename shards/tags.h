/* tags.h: sets of tags: arrays by key, in order of code point (which is that of UTF-8's bytes), each key once. Thread: any. */
#ifndef SLUICE_SHARDS_TAGS_H
#define SLUICE_SHARDS_TAGS_H

#include "shards/stream_view.h"

/* Puts the tag into a set of *count, replacing the one of its key; without a value it removes that. The array must have room for one
 * more. The texts stay whose they are. */
void stream_tags_change(struct stream_tag *set, uint32_t *count, struct stream_tag tag);
/* Makes any array a set, in place; of two with one key the later stays. The set's count. */
uint32_t stream_tags_sort(struct stream_tag *tags, uint32_t count);
/* The place of the first key that comes after `key` (absent: 0). */
uint32_t stream_tags_after(const struct stream_tag *set, uint32_t count, struct bytes key);

#endif
