/* model.c: see model.h. */
#include "sim/model.h"

#include "base/mem.h"
#include "base/must.h"
#include "wire/base64.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* ---- streams ---- */

void model_stream_end(struct model_stream *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        for (uint32_t k = 0; k < s->shards[i].count; k++)
            mem_free(s->shards[i].records[k]);
        mem_free(s->shards[i].records);
    }
    mem_free(s->shards);
    s->shards = NULL;
    s->count = s->room = 0;
    s->exists = false;
}

void model_stream_begin(struct model_stream *s, uint64_t now_ms, bool on_demand)
{
    must(!s->exists);
    s->exists = true;
    s->generation++;
    s->on_demand = on_demand;
    s->created_ms = now_ms;
    s->hours = 24;
    s->past_floor_ms = 0;
    s->encrypted = false;
    s->recounts = 0;
    s->consumer[0] = '\0';
}

uint64_t model_horizon(const struct model_stream *s, uint64_t now_ms)
{
    return now_ms - s->hours * MODEL_HOUR_MS;
}

uint64_t model_floor(const struct model_stream *s, uint64_t now_ms)
{
    uint64_t horizon_ms = model_horizon(s, now_ms);
    return horizon_ms > s->past_floor_ms ? horizon_ms : s->past_floor_ms;
}

void model_set_hours(struct model_stream *s, uint32_t hours, uint64_t now_ms)
{
    s->past_floor_ms = model_floor(s, now_ms);
    s->hours = hours;
}

/* ---- shards ---- */

struct model_shard *model_shard_add(struct model_stream *s)
{
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        s->shards = mem_resize_must(s->shards, s->room * sizeof(*s->shards));
    }
    struct model_shard *h = &s->shards[s->count++];
    *h = (struct model_shard){.parents = {MODEL_NONE, MODEL_NONE}, .open = true};
    return h;
}

struct model_shard *model_shard_find(const struct model_stream *s, uint32_t index)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->shards[i].index == index)
            return &s->shards[i];
    return NULL;
}

uint32_t model_open_count(const struct model_stream *s)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < s->count; i++)
        open += s->shards[i].open;
    return open;
}

struct model_shard *model_open_at(const struct model_stream *s, uint32_t n)
{
    u128 low = 0;
    for (;;) {
        struct model_shard *found = NULL;
        for (uint32_t i = 0; i < s->count; i++)
            if (s->shards[i].open && model_owns(&s->shards[i], low))
                found = &s->shards[i];
        if (!found || n == 0)
            return found;
        n--;
        low = found->high + 1;
    }
}

bool model_owns(const struct model_shard *h, u128 hash)
{
    return h->low <= hash && hash <= h->high;
}

bool model_is_listed(const struct model_stream *s, const struct model_shard *h, uint64_t now_ms)
{
    return !h->gone && (h->open || h->closed_ms >= model_horizon(s, now_ms));
}

bool model_was_open(const struct model_stream *s, const struct model_shard *h, uint64_t ms)
{
    bool orphan = h->parents[0] == MODEL_NONE ||
                  model_shard_find(s, (uint32_t)h->parents[0])->gone; /* parents go together */
    return (orphan || h->opened_ms < ms) && (h->open || ms <= h->closed_ms);
}

uint32_t model_tidy(struct model_stream *s, uint64_t now_ms)
{
    uint32_t went = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        struct model_shard *h = &s->shards[i];
        bool goes = !h->gone && !model_is_listed(s, h, now_ms);
        went += goes;
        h->gone = h->gone || goes;
    }
    return went;
}

/* ---- records ---- */

u128 model_hash(const char *key)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len;
    u128 hash = 0;
    must(EVP_Digest(key, strlen(key), digest, &len, EVP_md5(), NULL) == 1 && len == 16);
    for (int i = 0; i < 16; i++)
        hash = hash << 8 | digest[i];
    return hash;
}

struct model_record *model_record_new(uint64_t id, uint32_t size, const char *key)
{
    struct model_record *r = MEM_NEW(struct model_record);
    r->id = id;
    r->size = size;
    r->key = key;
    r->hash = model_hash(key);
    return r;
}

uint64_t model_data_bytes(const struct model_record *r)
{
    return (uint64_t)snprintf(NULL, 0, "%" PRIu64 ":", r->id) + r->size;
}

char *model_data(const struct model_record *r)
{
    size_t len = model_data_bytes(r);
    uint8_t *bytes = mem_must(len + 1);
    int at = snprintf((char *)bytes, len + 1, "%" PRIu64 ":", r->id);
    for (uint32_t i = 0; i < r->size; i++)
        bytes[(size_t)at + i] = (uint8_t)(r->id * 31 + i * (r->id % 7 + 1));
    char *text = mem_must(base64_encoded_len(len) + 1);
    base64_encode(bytes_of(bytes, len), (uint8_t *)text);
    mem_free(bytes);
    return text;
}

/* All numbers have as many digits, so texts compare as numbers do. */
uint32_t model_place(const struct model_shard *h, const char *number)
{
    uint32_t low = 0, high = h->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (strcmp(h->records[middle]->number, number) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct model_record *model_record_at(const struct model_shard *h, const char *number)
{
    uint32_t place = model_place(h, number);
    struct model_record *r = place > 0 ? h->records[place - 1] : NULL;
    return r && strcmp(r->number, number) == 0 ? r : NULL;
}

bool model_accept(struct model_shard *h, struct model_record *r)
{
    uint32_t place = model_place(h, r->number);
    if (place > 0 && strcmp(h->records[place - 1]->number, r->number) == 0)
        return false;
    if (h->count == h->room) {
        h->room = h->room ? 2 * h->room : 64;
        h->records = mem_resize_must(h->records, h->room * sizeof(struct model_record *));
    }
    memmove(&h->records[place + 1], &h->records[place],
            (h->count - place) * sizeof(struct model_record *));
    h->records[place] = r;
    h->count++;
    return true;
}
