/* read.c: see read.h. A position is kept as the number of the last record before it, so that it stands whatever is learnt later. */
#include "sim/read.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN_LIFE_MS = 300000 };

static void set_token(struct reader *r, const char *token, uint64_t now_ms)
{
    mem_free(r->token);
    r->token = token ? mem_strdup(token) : NULL;
    r->token_ms = now_ms;
    r->live = token != NULL;
}

static json_t *position(const struct model_stream *s, uint32_t shard, const char *kind)
{
    char id[32];
    snprintf(id, sizeof(id), "shardId-%012u", shard);
    return json_pack("{s:s, s:s, s:s}", "StreamName", s->name, "ShardId", id, "ShardIteratorType",
                     kind);
}

/* ---- where to begin ---- */

static void at_number(struct sim *m, const struct model_shard *h, json_t *ask, char *after)
{
    uint32_t place = (uint32_t)draw(m, h->count);
    bool itself = one_in(m, 2);
    json_object_set_new(ask, "ShardIteratorType",
                        json_string(itself ? "AT_SEQUENCE_NUMBER" : "AFTER_SEQUENCE_NUMBER"));
    json_object_set_new(ask, "StartingSequenceNumber", json_string(h->records[place]->number));
    if (!itself)
        place++;
    snprintf(after, MODEL_NUMBER_BYTES, "%s", place ? h->records[place - 1]->number : h->first);
}

static uint64_t some_time(struct sim *m, const struct model_stream *s, const struct model_shard *h)
{
    uint64_t ms = s->created_ms + draw(m, sim_now(m) - s->created_ms + 1);
    if (h->count && one_in(m, 2)) /* just at a record */
        ms = h->records[draw(m, h->count)]->ms + draw(m, 3) - 1;
    return ms < sim_now(m) ? ms : sim_now(m);
}

static void at_time(struct sim *m, const struct model_stream *s, const struct model_shard *h,
                    json_t *ask, char *after)
{
    uint64_t ms = some_time(m, s, h);
    uint32_t place = 0;
    while (place < h->count && h->records[place]->ms < ms)
        place++;
    json_object_set_new(ask, "ShardIteratorType", json_string("AT_TIMESTAMP"));
    json_object_set_new(ask, "Timestamp", json_real((double)ms / 1000));
    snprintf(after, MODEL_NUMBER_BYTES, "%s", place ? h->records[place - 1]->number : h->first);
}

/* The question, and up to which number its reader has all. */
static json_t *choose_position(struct sim *m, struct model_stream *s, const struct model_shard *h,
                               char *after)
{
    json_t *ask = position(s, h->index, "TRIM_HORIZON");
    snprintf(after, MODEL_NUMBER_BYTES, "%s", h->first);
    switch (draw(m, 6)) {
    case 0:
        break;
    case 1:
        json_object_set_new(ask, "ShardIteratorType", json_string("LATEST"));
        if (h->count)
            snprintf(after, MODEL_NUMBER_BYTES, "%s", h->records[h->count - 1]->number);
        break;
    case 2:
    case 3:
        at_time(m, s, h, ask, after);
        break;
    default:
        if (h->count)
            at_number(m, h, ask, after);
    }
    return ask;
}

static struct reader *free_reader(struct sim *m)
{
    for (int i = 0; i < SIM_READERS; i++)
        if (!m->readers[i].live)
            return &m->readers[i];
    return &m->readers[draw(m, SIM_READERS)];
}

void read_begin(struct sim *m, struct model_stream *s)
{
    const struct model_shard *h = &s->shards[draw(m, s->count)];
    struct reader *r = free_reader(m);
    json_t *ask = choose_position(m, s, h, r->after);
    char *asked = json_dumps(ask, JSON_COMPACT);
    diary_note(&m->diary, "iterator %d: %s", (int)(r - m->readers), asked);
    mem_free(asked);
    struct flight f = client_call(&m->client, "GetShardIterator", ask);
    bool missing = strcmp(flight_error(&f), "ResourceNotFoundException") == 0;
    if (missing != h->gone || (f.status != 200 && !missing))
        DIFFERS(m, "%s/%u: GetShardIterator answers %d %s: %s", s->name, h->index, f.status,
                flight_error(&f), flight_message(&f));
    set_token(r, json_string_value(json_object_get(f.answer, "ShardIterator")), f.asked_ms);
    r->stream = s;
    r->generation = s->generation;
    r->shard = h->index;
    flight_fini(&f);
}

/* ---- reading on ---- */

static bool is_good(const struct sim *m, const struct reader *r)
{
    const struct model_shard *h =
        r->live && r->stream->exists && r->generation == r->stream->generation
            ? model_shard_find(r->stream, r->shard)
            : NULL;
    return h && !h->gone && sim_now(m) <= r->token_ms + TOKEN_LIFE_MS;
}

struct reader *read_choose(struct sim *m)
{
    uint64_t first = draw(m, SIM_READERS);
    for (uint64_t i = 0; i < SIM_READERS; i++) {
        struct reader *r = &m->readers[(first + i) % SIM_READERS];
        if (is_good(m, r))
            return r;
    }
    return NULL;
}

json_t *read_ask(struct sim *m, const struct reader *r)
{
    static const int limits[] = {1, 2, 7, 100, 10000};
    json_t *ask = json_pack("{s:s}", "ShardIterator", r->token);
    if (!one_in(m, 3))
        json_object_set_new(ask, "Limit", json_integer(limits[draw(m, 5)]));
    return ask;
}

void read_take(struct sim *m, struct reader *r, const struct flight *f, bool racing)
{
    if (f->status != 200)
        DIFFERS(m, "%s/%u: GetRecords answers %d %s: %s", r->stream->name, r->shard, f->status,
                flight_error(f), flight_message(f));
    const json_t *records = json_object_get(f->answer, "Records");
    const json_t *limit = json_object_get(f->ask, "Limit");
    struct page p = page_of(r->stream, r->shard, r->after, f->asked_ms);
    if (limit && (json_int_t)json_array_size(records) > json_integer_value(limit))
        DIFFERS(m, "%zu records, asked for %d", json_array_size(records),
                (int)json_integer_value(limit));
    if (m->pending_count)
        page_adopt(m, &p, records);
    uint32_t count = page_check(m, &p, records);
    page_check_end(m, &p, f->answer, count, racing);
    set_token(r, json_string_value(json_object_get(f->answer, "NextShardIterator")), f->asked_ms);
}

/* A token that must be refused, and why. */
static const char *refusal_of(const struct sim *m, const struct reader *r)
{
    if (sim_now(m) > r->token_ms + TOKEN_LIFE_MS)
        return "ExpiredIteratorException";
    return "ResourceNotFoundException";
}

void read_on(struct sim *m)
{
    struct reader *r = read_choose(m);
    bool good = r != NULL;
    if (!good || one_in(m, 8))
        r = &m->readers[draw(m, SIM_READERS)];
    if (!r->live)
        return;
    good = is_good(m, r);
    diary_note(&m->diary, "reader %d reads on in %s/%u", (int)(r - m->readers), r->stream->name,
               r->shard);
    const char *refusal = good ? "" : refusal_of(m, r);
    struct flight f = client_call(&m->client, "GetRecords", read_ask(m, r));
    if (strcmp(flight_error(&f), refusal) != 0 && !m->client.settings.quotas)
        DIFFERS(m, "%s/%u: GetRecords answers %d %s: %s, not %s", r->stream->name, r->shard,
                f.status, flight_error(&f), flight_message(&f), refusal);
    if (f.status == 200)
        read_take(m, r, &f, false);
    else
        r->live = false;
    flight_fini(&f);
}

/* ---- everything ---- */

static void read_shard(struct sim *m, struct model_stream *s, uint32_t shard, bool adopting)
{
    struct reader r = {.live = true, .stream = s, .generation = s->generation, .shard = shard};
    json_t *got = client_ask(&m->client, "GetShardIterator", position(s, shard, "TRIM_HORIZON"));
    snprintf(r.after, sizeof(r.after), "%s", model_shard_find(s, shard)->first);
    set_token(&r, json_string_value(json_object_get(got, "ShardIterator")), sim_now(m));
    json_decref(got);
    for (bool more = true; more && r.live;) {
        struct flight f = client_call(&m->client, "GetRecords", read_ask(m, &r));
        if (adopting && f.status == 200) {
            struct page p = page_of(s, shard, r.after, f.asked_ms);
            page_adopt(m, &p, json_object_get(f.answer, "Records"));
        }
        read_take(m, &r, &f, adopting); /* what is behind this page may not be known yet */
        more = json_array_size(json_object_get(f.answer, "Records")) > 0 ||
               json_integer_value(json_object_get(f.answer, "MillisBehindLatest")) > 0;
        flight_fini(&f);
    }
    struct page p = page_of(s, shard, r.after, sim_now(m));
    if (page_owes(m, &p, true))
        DIFFERS(m, "%s/%u ends at %s before its last record", s->name, shard, r.after);
    mem_free(r.token);
}

void read_all(struct sim *m, struct model_stream *s, bool adopting)
{
    for (uint32_t i = 0; i < s->count; i++) /* parents have lower indexes */
        if (!s->shards[i].gone)
            read_shard(m, s, s->shards[i].index, adopting);
}
