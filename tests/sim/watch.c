/* watch.c: see watch.h. One consumer a stream, so one subscription a shard. */
#include "sim/watch.h"

#include "base/mem.h"
#include "sim/page.h"

#include <stdio.h>
#include <string.h>

enum { LIFE_MS = 300000, TAKE_OVER_MS = 5000 };

static struct watcher *watcher_of(struct sim *m, const struct model_stream *s, uint32_t shard)
{
    for (int i = 0; i < HOST_SLOTS; i++) {
        struct watcher *w = &m->watchers[i];
        if (w->live && w->stream == s && w->generation == s->generation && w->shard == shard)
            return w;
    }
    return NULL;
}

static void hang_up(struct sim *m, struct watcher *w)
{
    if (w->live)
        client_tell(&m->client, FRAME_HANG_UP, (uint32_t)(w - m->watchers));
    w->live = false;
}

/* From its oldest record on, behind one of its records, or from now on. */
static json_t *position(struct sim *m, const struct model_shard *h, char *after)
{
    uint64_t kind = h->count ? draw(m, 3) : 0;
    const char *last = h->count ? h->records[draw(m, h->count)]->number : h->first;
    snprintf(after, MODEL_NUMBER_BYTES, "%s", h->first);
    if (kind == 0)
        return json_pack("{s:s}", "Type", "TRIM_HORIZON");
    snprintf(after, MODEL_NUMBER_BYTES, "%s", kind == 1 ? last : h->records[h->count - 1]->number);
    if (kind == 1)
        return json_pack("{s:s, s:s}", "Type", "AFTER_SEQUENCE_NUMBER", "SequenceNumber", last);
    return json_pack("{s:s}", "Type", "LATEST");
}

void watch_begin(struct sim *m, struct model_stream *s)
{
    const struct model_shard *h = one_in(m, 4)
                                      ? &s->shards[draw(m, s->count)]
                                      : model_open_at(s, (uint32_t)draw(m, model_open_count(s)));
    struct watcher *w = &m->watchers[draw(m, HOST_SLOTS)];
    char id[32];
    int status;
    if (h->gone || m->client.settings.quotas)
        return;
    struct watcher *old = watcher_of(m, s, h->index);
    if (old && old != w && sim_now(m) < old->since_ms + TAKE_OVER_MS)
        return; /* it would be refused */
    hang_up(m, w);
    if (old)
        hang_up(m, old);
    snprintf(id, sizeof(id), "shardId-%012u", h->index);
    json_t *ask = json_pack("{s:s, s:s, s:o}", "ConsumerARN", s->consumer, "ShardId", id,
                            "StartingPosition", position(m, h, w->after));
    diary_note(&m->diary, "watcher %d of %s/%u, after %s", (int)(w - m->watchers), s->name,
               h->index, w->after);
    char *text =
        client_say(&m->client, FRAME_SUBSCRIBE, (uint32_t)(w - m->watchers), 0, ask, &status);
    if (status != 200 || text[0])
        DIFFERS(m, "SubscribeToShard of %s/%u answers %d %s", s->name, h->index, status, text);
    mem_free(text);
    w->stream = s;
    w->generation = s->generation;
    w->shard = h->index;
    w->since_ms = sim_now(m);
    w->live = true;
}

/* How many it must bring. */
static uint32_t owed(const struct page *p)
{
    const struct model_shard *h = model_shard_find(p->stream, p->shard);
    uint32_t count = 0;
    for (uint32_t i = model_place(h, p->after); i < h->count; i++)
        count += h->records[i]->ms >= p->floor_ms;
    return count;
}

static void check_event(struct sim *m, struct page *p, const json_t *event, bool last)
{
    m->tally.pushed += page_check(m, p, json_object_get(event, "Records"));
    const json_t *children = json_object_get(event, "ChildShards");
    const char *next = json_string_value(json_object_get(event, "ContinuationSequenceNumber"));
    if (children && (!last || next))
        DIFFERS(m, "%s/%u: an event with children is not the last", p->stream->name, p->shard);
    if (children)
        page_check_children(m, p->stream, p->shard, children);
    else if (!next || strcmp(next, p->after) < 0)
        DIFFERS(m, "%s/%u: an event goes on at %s, behind %s", p->stream->name, p->shard,
                next ? next : "?", p->after);
}

static void check_end(struct sim *m, const struct watcher *w, const struct page *p,
                      const json_t *said, bool late)
{
    const struct model_shard *h = model_shard_find(p->stream, p->shard);
    const json_t *events = json_object_get(said, "Events");
    bool ended = json_is_true(json_object_get(said, "Ended"));
    if (json_object_get(said, "Exception"))
        DIFFERS(m, "watcher %d: %s", (int)(w - m->watchers),
                json_string_value(json_object_get(said, "Exception")));
    if (!late && owed(p))
        DIFFERS(m, "%s/%u: %u records do not come to watcher %d", p->stream->name, p->shard,
                owed(p), (int)(w - m->watchers));
    const json_t *last = json_array_get(events, json_array_size(events) - 1);
    bool at_end = json_object_get(last, "ChildShards") != NULL;
    if (ended && !late && !at_end)
        DIFFERS(m, "%s/%u: watcher %d is cut off", p->stream->name, p->shard,
                (int)(w - m->watchers));
    if (at_end && (h->open || owed(p)))
        DIFFERS(m, "%s/%u: watcher %d is told of an end", p->stream->name, p->shard,
                (int)(w - m->watchers));
}

void watch_on(struct sim *m)
{
    struct watcher *w = &m->watchers[draw(m, HOST_SLOTS)];
    for (int i = 0; i < HOST_SLOTS && !w->live; i++)
        w = &m->watchers[i];
    if (!w->live || !w->stream->exists || w->generation != w->stream->generation) {
        hang_up(m, w);
        return;
    }
    bool late = sim_now(m) >= w->since_ms + LIFE_MS;
    struct page p = page_of(w->stream, w->shard, w->after, sim_now(m));
    uint32_t wanted = late ? 0 : owed(&p);
    diary_note(&m->diary, "watcher %d of %s/%u looks for %u records", (int)(w - m->watchers),
               w->stream->name, w->shard, wanted);
    if (late) /* an event may have been made before */
        p.horizon_ms = 0;
    char *text = client_say(&m->client, FRAME_POLL, (uint32_t)(w - m->watchers), (int32_t)wanted,
                            NULL, NULL);
    json_t *said = json_loads(text, 0, NULL), *events = json_object_get(said, "Events"), *event;
    size_t i;
    json_array_foreach(events, i, event)
        check_event(m, &p, event, i + 1 == json_array_size(events));
    check_end(m, w, &p, said, late);
    if (json_is_true(json_object_get(said, "Ended")))
        w->live = false;
    mem_free(text);
    json_decref(said);
}

void watch_end(struct sim *m)
{
    struct watcher *w = &m->watchers[draw(m, HOST_SLOTS)];
    hang_up(m, w);
}
