/* tags.c: see tags.h. A set has at most STREAM_TAGS_MAX tags, so it is walked from one end to the other. */
#include "shards/tags.h"

/* The first place whose key is not below `key`. */
static uint32_t place_of(const struct stream_tag *set, uint32_t count, const char *key)
{
    uint32_t at = 0;
    while (at < count && strcmp(set[at].key, key) < 0)
        at++;
    return at;
}

void stream_tags_change(struct stream_tag *set, uint32_t *count, struct stream_tag tag)
{
    uint32_t at = place_of(set, *count, tag.key);
    bool there = at < *count && strcmp(set[at].key, tag.key) == 0;
    size_t behind = (*count - at) * sizeof(*set);
    if (there && tag.value) {
        set[at] = tag;
    } else if (there) {
        memmove(set + at, set + at + 1, behind - sizeof(*set));
        --*count;
    } else if (tag.value) {
        memmove(set + at + 1, set + at, behind);
        set[at] = tag;
        ++*count;
    }
}

uint32_t stream_tags_sort(struct stream_tag *tags, uint32_t count)
{
    uint32_t sorted = 0;
    for (uint32_t i = 0; i < count; i++)
        stream_tags_change(tags, &sorted, tags[i]); /* sorted <= i: the room is that of tags[i] */
    return sorted;
}

uint32_t stream_tags_after(const struct stream_tag *set, uint32_t count, struct bytes key)
{
    uint32_t at = 0;
    while (bytes_present(key) && at < count && bytes_compare(bytes_text(set[at].key), key) <= 0)
        at++;
    return at;
}
