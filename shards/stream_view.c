/* stream_view.c: builds views, counts references, routes hash keys by binary search over the starts of open shards.
 *
 * V1. The open shards of a view cover 0 .. 2^128-1 without gap or overlap. (A shard being split counts as open, and its pending
 *     children do not, until the view in which it is closed.)
 * Left to others: what changes when (catalog_apply.c), publication (stream.c). */
#include "shards/stream_view.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct shard *shard_new(const struct shard *values)
{
    struct shard *s = MEM_NEW(struct shard);
    *s = *values;
    s->rate = values->rate ? shard_rate_ref(values->rate) : shard_rate_new();
    atomic_store(&s->refs, 1);
    return s;
}

struct shard shard_values(const struct shard *s)
{
    return (struct shard){
        .index = s->index,
        .state = s->state,
        .start = s->start,
        .end = s->end,
        .parent = s->parent,
        .adjacent = s->adjacent,
        .created_s = s->created_s,
        .closed_ms = s->closed_ms,
        .log = s->log,
        .rate = s->rate,
    };
}

struct shard *shard_ref(struct shard *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void shard_unref(struct shard *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    if (s->log)
        s->log->engine->ops->release(s->log);
    shard_rate_unref(s->rate);
    mem_free(s);
}

void shard_id_print(uint32_t index, char out[SHARD_ID_BYTES])
{
    snprintf(out, SHARD_ID_BYTES, "shardId-%012u", index);
}

bool shard_id_parse(struct bytes id, uint32_t *index)
{
    const uint8_t *dash = id.len ? memchr(id.at, '-', id.len) : NULL;
    struct bytes digits = dash ? bytes_of(dash + 1, (size_t)(id.at + id.len - dash - 1)) : id;
    uint64_t number;
    if (!bytes_to_u64(digits, &number) || number > INT32_MAX)
        return false;
    *index = (uint32_t)number;
    return true;
}

static size_t print(const struct shard *s, uint64_t place, uint64_t time_s,
                    char out[SEQUENCE_TEXT_BYTES])
{
    return sequence_print(
        &(struct sequence){
            .created_s = s->created_s, .place = place, .time_s = time_s, .shard = s->index},
        out);
}

size_t shard_sequence_first(const struct shard *s, char out[SEQUENCE_TEXT_BYTES])
{
    return print(s, 0, s->created_s, out);
}

size_t shard_sequence_at(const struct shard *s, uint64_t offset, uint64_t time_ms,
                         char out[SEQUENCE_TEXT_BYTES])
{
    return print(s, offset + 1, time_ms / 1000, out);
}

size_t shard_sequence_last(const struct shard *s, char out[SEQUENCE_TEXT_BYTES])
{
    return print(s, SEQUENCE_PLACE_END, s->closed_ms / 1000, out);
}

size_t shard_sequence_behind(const struct shard *s, uint64_t next, uint64_t now_ms,
                             char out[SEQUENCE_TEXT_BYTES])
{
    return sequence_print(&(struct sequence){.created_s = s->created_s,
                                             .place = next,
                                             .time_s = now_ms / 1000,
                                             .shard = s->index,
                                             .behind = true},
                          out);
}

static int by_start(const void *a, const void *b)
{
    const struct shard *left = *(struct shard *const *)a, *right = *(struct shard *const *)b;
    return left->start < right->start ? -1 : left->start > right->start;
}

struct stream_tag *stream_tags_copy(const struct stream_tag *tags, uint32_t count)
{
    struct stream_tag *copy = count ? mem_must(count * sizeof(*copy)) : NULL;
    for (uint32_t i = 0; i < count; i++)
        copy[i] = (struct stream_tag){mem_strdup(tags[i].key), mem_strdup(tags[i].value)};
    return copy;
}

void stream_tags_free(struct stream_tag *tags, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        mem_free(tags[i].key);
        mem_free(tags[i].value);
    }
    mem_free(tags);
}

struct encryption_owner stream_settings_owner(const struct stream_settings *s)
{
    return (struct encryption_owner){.name = s->name, .scope = s->scope, .stream = s->number};
}

enum status stream_settings_data_key(const struct stream_settings *s, struct master_keys *keys,
                                     uint32_t epoch, uint8_t key[AEAD_KEY_BYTES], struct fault *f)
{
    struct encryption_owner owner = stream_settings_owner(s);
    return stream_encryption_key(s->encryption, keys, &owner, epoch, key, f);
}

struct stream_view *stream_view_new(const struct stream_settings *settings, struct shard **shards,
                                    uint32_t count, uint64_t version)
{
    struct stream_view *v = MEM_NEW(struct stream_view);
    atomic_store(&v->refs, 1);
    v->version = version;
    v->settings = *settings;
    v->settings.tags = stream_tags_copy(settings->tags, settings->tag_count);
    consumer_set_ref(v->settings.consumers);
    policy_ref(v->settings.policy);
    v->settings.rate = settings->rate ? shard_rate_ref(settings->rate) : shard_rate_new();
    stream_encryption_ref(v->settings.encryption);
    v->shard_count = count;
    size_t room = count ? count : 1;
    v->shards = mem_must(room * sizeof(*v->shards));
    v->open = mem_must(room * sizeof(*v->open));
    v->open_starts = mem_must(room * sizeof(*v->open_starts));
    for (uint32_t i = 0; i < count; i++) {
        v->shards[i] = shards[i];
        if (shards[i]->state == SHARD_OPEN)
            v->open[v->open_count++] = shards[i];
    }
    qsort(v->open, v->open_count, sizeof(*v->open), by_start);
    for (uint32_t i = 0; i < v->open_count; i++)
        v->open_starts[i] = v->open[i]->start;
    return v;
}

struct stream_view *stream_view_ref(struct stream_view *v)
{
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    return v;
}

void stream_view_unref(struct stream_view *v)
{
    if (!v || atomic_fetch_sub(&v->refs, 1) != 1)
        return;
    for (uint32_t i = 0; i < v->shard_count; i++)
        shard_unref(v->shards[i]);
    stream_tags_free(v->settings.tags, v->settings.tag_count);
    consumer_set_unref(v->settings.consumers);
    policy_unref(v->settings.policy);
    shard_rate_unref(v->settings.rate);
    stream_encryption_unref(v->settings.encryption);
    mem_free(v->shards);
    mem_free(v->open);
    mem_free(v->open_starts);
    mem_free(v);
}

uint32_t stream_view_place(const struct stream_view *v, u128 hash)
{
    must(v->open_count > 0 && v->open_starts[0] == 0); /* V1 */
    uint32_t low = 0, high = v->open_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (v->open_starts[middle] <= hash)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct shard *stream_view_route(const struct stream_view *v, u128 hash)
{
    return v->open_count ? v->open[stream_view_place(v, hash)] : NULL;
}

struct shard *stream_view_shard(const struct stream_view *v, uint32_t index)
{
    uint32_t low = 0, high = v->shard_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (v->shards[middle]->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->shard_count && v->shards[low]->index == index ? v->shards[low] : NULL;
}

uint32_t stream_view_claimed(const struct stream_view *v)
{
    uint32_t children = 0, target = v->settings.reshape.target_shards;
    if (v->settings.status != STREAM_UPDATING)
        return v->open_count;
    for (uint32_t i = 0; i < v->shard_count; i++)
        children += v->shards[i]->state == SHARD_PENDING;
    uint32_t claimed = v->open_count + (children > 1 ? 1 : 0); /* a split; a merge needs no room */
    return target > claimed ? target : claimed;
}
