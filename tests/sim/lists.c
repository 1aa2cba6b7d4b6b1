/* lists.c: see lists.h. */
#include "sim/lists.h"

#include "base/mem.h"
#include "sim/learn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum filter {
    AT_LATEST,
    AT_TRIM_HORIZON,
    FROM_TRIM_HORIZON,
    AT_TIMESTAMP,
    FROM_TIMESTAMP,
    AFTER_SHARD_ID,
    FILTERS,
};
static const char *const names[FILTERS] = {"AT_LATEST",    "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON",
                                           "AT_TIMESTAMP", "FROM_TIMESTAMP",  "AFTER_SHARD_ID"};

struct wanted {
    enum filter filter;
    uint64_t ms; /* not before the oldest that can be read */
    uint32_t after;
};

static bool is_wanted(const struct sim *m, const struct model_stream *s,
                      const struct model_shard *h, const struct wanted *w)
{
    if (!model_is_listed(s, h, sim_now(m)))
        return false;
    switch (w->filter) {
    case AT_LATEST:
        return h->open;
    case AT_TRIM_HORIZON:
    case AT_TIMESTAMP:
        return model_was_open(s, h, w->ms);
    case FROM_TIMESTAMP:
        return h->open || h->closed_ms >= w->ms;
    case AFTER_SHARD_ID:
        return h->index > w->after;
    default:
        return true;
    }
}

/* At any time within the retention, the shards that were open tile the space of keys: a consumer who begins there misses nothing. */
static void check_cover(struct sim *m, const struct model_stream *s, const json_t *list,
                        const struct wanted *w)
{
    u128 covered = 0;
    for (size_t n = 0; n < json_array_size(list); n++) {
        const json_t *found = NULL;
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *range = json_object_get(json_array_get(list, i), "HashKeyRange");
            if (learn_key(m, range, "StartingHashKey") == covered)
                found = range;
        }
        if (!found)
            DIFFERS(m, "%s: %s of %" PRIu64 " has a hole", s->name, names[w->filter], w->ms);
        covered = learn_key(m, found, "EndingHashKey") + 1;
    }
    if (covered != 0 || json_array_size(list) == 0)
        DIFFERS(m, "%s: %s of %" PRIu64 " does not cover all keys", s->name, names[w->filter],
                w->ms);
}

static json_t *draw_filter(struct sim *m, const struct model_stream *s, struct wanted *w)
{
    char id[32];
    uint64_t horizon_ms = model_horizon(s, sim_now(m));
    uint64_t begin_ms = horizon_ms > s->created_ms ? horizon_ms : s->created_ms;
    w->filter = (enum filter)draw(m, FILTERS);
    w->after = s->shards[draw(m, s->count)].index;
    w->ms = begin_ms;
    json_t *filter = json_pack("{s:s}", "Type", names[w->filter]);
    if (w->filter == AFTER_SHARD_ID) {
        snprintf(id, sizeof(id), "shardId-%012u", w->after);
        json_object_set_new(filter, "ShardId", json_string(id));
    }
    if (w->filter == AT_TIMESTAMP || w->filter == FROM_TIMESTAMP) {
        const struct model_shard *h = &s->shards[draw(m, s->count)];
        uint64_t ms = begin_ms + draw(m, sim_now(m) - begin_ms + 1);
        if (h->parents[0] != MODEL_NONE && one_in(m, 2)) /* just at a reshard */
            ms = h->opened_ms + draw(m, 3) * (1 + draw(m, 600)) - 1;
        ms = ms > sim_now(m) ? sim_now(m) : ms;
        json_object_set_new(filter, "Timestamp", json_real((double)ms / 1000));
        w->ms = ms > begin_ms ? ms : begin_ms;
    }
    return filter;
}

void lists_check_shards(struct sim *m, struct model_stream *s)
{
    struct wanted w;
    json_t *filter = draw_filter(m, s, &w);
    diary_note(&m->diary, "list %s by %s of %" PRIu64, s->name, names[w.filter], w.ms);
    json_t *list = learn_list(m, s, filter);
    size_t at = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct model_shard *h = &s->shards[i];
        if (!is_wanted(m, s, h, &w))
            continue;
        const json_t *shown = json_array_get(list, at++);
        if (!shown ||
            learn_index(m, json_string_value(json_object_get(shown, "ShardId"))) != h->index)
            DIFFERS(m, "%s: %s of %" PRIu64 " does not list shard %u", s->name, names[w.filter],
                    w.ms, h->index);
    }
    if (at != json_array_size(list))
        DIFFERS(m, "%s: %s of %" PRIu64 " lists %zu shards, not %zu", s->name, names[w.filter],
                w.ms, json_array_size(list), at);
    if (w.filter == AT_LATEST || w.filter == AT_TRIM_HORIZON || w.filter == AT_TIMESTAMP)
        check_cover(m, s, list, &w);
    json_decref(list);
}

void lists_check_streams(struct sim *m)
{
    json_t *got = client_ask(&m->client, "ListStreams", json_object());
    const json_t *shown = json_object_get(got, "StreamNames");
    size_t at = 0;
    for (int i = 0; i < MODEL_STREAMS; i++) {
        if (!m->streams[i].exists)
            continue;
        const char *name = json_string_value(json_array_get(shown, at++));
        if (!name || strcmp(name, m->streams[i].name) != 0)
            DIFFERS(m, "ListStreams shows %s, not %s", name ? name : "nothing", m->streams[i].name);
    }
    if (at != json_array_size(shown))
        DIFFERS(m, "ListStreams shows %zu streams, not %zu", json_array_size(shown), at);
    json_decref(got);
}

static void expect(struct sim *m, const char *operation, json_t *ask, const char *error)
{
    struct flight f = client_call(&m->client, operation, ask);
    if (strcmp(flight_error(&f), error) != 0)
        DIFFERS(m, "%s answers %d %s: %s, not %s", operation, f.status, flight_error(&f),
                flight_message(&f), error);
    flight_fini(&f);
}

void lists_check_refusals(struct sim *m, struct model_stream *s)
{
    const struct model_shard *h = &s->shards[draw(m, s->count)];
    char id[32];
    snprintf(id, sizeof(id), "shardId-%012u", h->index);
    diary_note(&m->diary, "refusals of %s/%u", s->name, h->index);
    expect(m, "CreateStream", json_pack("{s:s, s:i}", "StreamName", s->name, "ShardCount", 1),
           "ResourceInUseException");
    expect(m, "GetRecords", json_pack("{s:s}", "ShardIterator", "AAAAAAAAAAE="),
           "InvalidArgumentException");
    if (!h->open && !h->gone && !s->on_demand)
        expect(m, "SplitShard",
               json_pack("{s:s, s:s, s:s}", "StreamName", s->name, "ShardToSplit", id,
                         "NewStartingHashKey", "77777777"),
               "InvalidArgumentException");
    if (!h->gone)
        expect(m, "GetShardIterator",
               json_pack("{s:s, s:s, s:s, s:f}", "StreamName", s->name, "ShardId", id,
                         "ShardIteratorType", "AT_TIMESTAMP", "Timestamp",
                         (double)(sim_now(m) + 2000) / 1000),
               "InvalidArgumentException");
    if (!h->open && !h->gone)
        expect(m, "GetShardIterator",
               json_pack("{s:s, s:s, s:s, s:s}", "StreamName", s->name, "ShardId", id,
                         "ShardIteratorType", "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber",
                         h->last),
               "InvalidArgumentException");
}
