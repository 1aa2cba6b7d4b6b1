/* learn.c: see learn.h. */
#include "sim/learn.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t learn_index(struct sim *m, const char *id)
{
    if (!id || strlen(id) != 20 || strncmp(id, "shardId-", 8) != 0)
        DIFFERS(m, "a shard is called %s", id ? id : "nothing");
    return (uint32_t)strtoul(id + 8, NULL, 10);
}

u128 learn_key(struct sim *m, const json_t *range, const char *member)
{
    u128 key = 0;
    const char *text = json_string_value(json_object_get(range, member));
    if (!text || !u128_parse(bytes_text(text), &key))
        DIFFERS(m, "%s is %s", member, text ? text : "absent");
    return key;
}

json_t *learn_list(struct sim *m, const struct model_stream *s, json_t *filter)
{
    json_t *all = json_array(), *next = NULL;
    uint32_t most = one_in(m, 3) ? 1 + (uint32_t)draw(m, 5) : 1000;
    do {
        json_t *ask = json_pack("{s:i}", "MaxResults", (int)most);
        if (next) {
            json_object_set_new(ask, "NextToken", next);
        } else {
            json_object_set_new(ask, "StreamName", json_string(s->name));
            if (filter)
                json_object_set(ask, "ShardFilter", filter);
        }
        json_t *page = client_ask(&m->client, "ListShards", ask);
        json_t *shards = json_object_get(page, "Shards");
        if (!json_is_array(shards) || json_array_size(shards) > most)
            DIFFERS(m, "ListShards gave %zu shards, asked for %u", json_array_size(shards), most);
        json_array_extend(all, shards);
        next = json_incref(json_object_get(page, "NextToken"));
        json_decref(page);
    } while (next);
    json_decref(filter);
    return all;
}

bool learn_wait_active(struct sim *m, const struct model_stream *s, json_t **summary)
{
    for (int tries = 0; tries < 20000; tries++) {
        struct flight f = client_call(&m->client, "DescribeStreamSummary",
                                      json_pack("{s:s}", "StreamName", s->name));
        if (strcmp(flight_error(&f), "ResourceNotFoundException") == 0) {
            flight_fini(&f);
            return false;
        }
        json_t *is = json_object_get(f.answer, "StreamDescriptionSummary");
        const char *status = json_string_value(json_object_get(is, "StreamStatus"));
        bool active = status && strcmp(status, "ACTIVE") == 0;
        if (active && summary)
            *summary = json_incref(is);
        flight_fini(&f);
        if (active)
            return true;
        usleep(1000); /* a sleep: nothing tells a client when the status changes */
    }
    DIFFERS(m, "%s does not become ACTIVE", s->name);
}

/* ---- one shard as it is shown ---- */

struct shown {
    uint32_t index;
    u128 low, high;
    int64_t parents[2];
    const char *first, *last;
};

static void look(struct sim *m, const json_t *shard, struct shown *out)
{
    const json_t *range = json_object_get(shard, "HashKeyRange");
    const json_t *numbers = json_object_get(shard, "SequenceNumberRange");
    static const char *const names[] = {"ParentShardId", "AdjacentParentShardId"};
    out->index = learn_index(m, json_string_value(json_object_get(shard, "ShardId")));
    out->low = learn_key(m, range, "StartingHashKey");
    out->high = learn_key(m, range, "EndingHashKey");
    for (int i = 0; i < 2; i++) {
        const char *id = json_string_value(json_object_get(shard, names[i]));
        out->parents[i] = id ? (int64_t)learn_index(m, id) : MODEL_NONE;
    }
    out->first = json_string_value(json_object_get(numbers, "StartingSequenceNumber"));
    out->last = json_string_value(json_object_get(numbers, "EndingSequenceNumber"));
    if (!out->first || strlen(out->first) != 56 || (out->last && strlen(out->last) != 56))
        DIFFERS(m, "shard %u begins at %s, ends at %s", out->index, out->first ? out->first : "?",
                out->last ? out->last : "?");
}

static void compare(struct sim *m, const struct model_stream *s, const struct model_shard *h,
                    const struct shown *now)
{
    if (h->low != now->low || h->high != now->high)
        DIFFERS(m, "%s/%u has another range than before", s->name, h->index);
    if (h->parents[0] != now->parents[0] || h->parents[1] != now->parents[1])
        DIFFERS(m, "%s/%u has other parents: %d and %d", s->name, h->index, (int)now->parents[0],
                (int)now->parents[1]);
    if (strcmp(h->first, now->first) != 0)
        DIFFERS(m, "%s/%u begins at %s, not at %s", s->name, h->index, now->first, h->first);
    if (!h->open && (!now->last || strcmp(h->last, now->last) != 0))
        DIFFERS(m, "%s/%u ends at %s, not at %s", s->name, h->index, now->last ? now->last : "?",
                h->last);
}

/* ---- what a reshard made ---- */

static void check_child(struct sim *m, const struct model_stream *s, const struct model_shard *h)
{
    for (int i = 0; i < 2; i++) {
        if (h->parents[i] == MODEL_NONE)
            continue;
        const struct model_shard *p = model_shard_find(s, (uint32_t)h->parents[i]);
        if (!p || p->open || p->index >= h->index)
            DIFFERS(m, "%s/%u has the parent %d, which is not closed", s->name, h->index,
                    (int)h->parents[i]);
        if (strcmp(p->last, h->first) >= 0)
            DIFFERS(m, "%s/%u begins at %s, before its parent %u ends: %s", s->name, h->index,
                    h->first, p->index, p->last);
        bool merged = h->parents[1] != MODEL_NONE;
        bool inside = p->low <= h->low && h->high <= p->high;
        bool around = i == 0 ? p->low == h->low : p->high == h->high;
        if (merged ? !around : !inside)
            DIFFERS(m, "%s/%u does not fit its parent %u", s->name, h->index, p->index);
    }
}

static void check_tiles(struct sim *m, const struct model_stream *s)
{
    u128 covered = 0;
    uint32_t open = model_open_count(s);
    for (uint32_t n = 0; n < open; n++) {
        const struct model_shard *h = model_open_at(s, n);
        if (!h || h->low != covered)
            DIFFERS(m, "%s: the open shards do not tile the space of keys", s->name);
        covered = h->high + 1;
    }
    if (covered != 0 || open == 0) /* 2^128 */
        DIFFERS(m, "%s: the open shards leave a hole at the end", s->name);
}

static struct model_shard *take_new(struct sim *m, struct model_stream *s, const struct shown *now)
{
    struct model_shard *h = model_shard_add(s);
    h->index = now->index;
    h->low = now->low;
    h->high = now->high;
    memcpy(h->parents, now->parents, sizeof(h->parents));
    h->opened_ms = sim_now(m);
    snprintf(h->first, sizeof(h->first), "%s", now->first);
    return h;
}

static void close_shard(struct sim *m, struct model_stream *s, struct model_shard *h,
                        const char *last)
{
    h->open = false;
    h->closed_ms = sim_now(m);
    h->closed_step = m->diary.step;
    snprintf(h->last, sizeof(h->last), "%s", last);
    if (h->count && strcmp(h->records[h->count - 1]->number, last) >= 0)
        DIFFERS(m, "%s/%u ends at %s, before its last record %s", s->name, h->index, last,
                h->records[h->count - 1]->number);
}

void learn_shards(struct sim *m, struct model_stream *s, bool may_change)
{
    json_t *list = learn_list(m, s, NULL), *shard;
    size_t i, known = 0;
    uint32_t before = s->count;
    int64_t last_index = -1;
    json_array_foreach(list, i, shard)
    {
        struct shown now;
        look(m, shard, &now);
        struct model_shard *h = model_shard_find(s, now.index);
        if (!may_change && (!h || h->open != (now.last == NULL)))
            DIFFERS(m, "%s/%u is %s", s->name, now.index, !h ? "new" : h->open ? "closed" : "open");
        if (!h)
            h = take_new(m, s, &now);
        if (h->open && now.last)
            close_shard(m, s, h, now.last);
        compare(m, s, h, &now);
        if ((int64_t)h->index <= last_index || !model_is_listed(s, h, sim_now(m)))
            DIFFERS(m, "%s/%u should not be listed here", s->name, h->index);
        last_index = h->index;
    }
    for (uint32_t k = 0; k < s->count; k++)
        known += model_is_listed(s, &s->shards[k], sim_now(m));
    if (known != json_array_size(list))
        DIFFERS(m, "%s lists %zu shards of %zu", s->name, json_array_size(list), known);
    m->tally.reshards += s->count - before;
    for (uint32_t k = before; k < s->count; k++)
        check_child(m, s, &s->shards[k]);
    check_tiles(m, s);
    json_decref(list);
}
