/* page.c: see page.h. */
#include "sim/page.h"

#include "base/mem.h"
#include "sim/learn.h"
#include "wire/base64.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static uint64_t ms_of(const json_t *object, const char *member)
{
    return (uint64_t)llround(json_number_value(json_object_get(object, member)) * 1000);
}

struct page page_of(struct model_stream *s, uint32_t shard, char *after, uint64_t now_ms)
{
    return (struct page){
        s, shard, after, now_ms, model_horizon(s, now_ms), model_floor(s, now_ms),
    };
}

/* ---- one record ---- */

static void compare(struct sim *m, const struct page *p, const struct model_record *r,
                    const json_t *got)
{
    const char *s = p->stream->name;
    char *data = model_data(r);
    if (strcmp(text_of(got, "Data"), data) != 0)
        DIFFERS(m, "%s/%u %s: the data of record %" PRIu64 " is not what was put", s, p->shard,
                r->number, r->id);
    if (strcmp(text_of(got, "PartitionKey"), r->key) != 0)
        DIFFERS(m, "%s/%u %s: the key is %s, not %s", s, p->shard, r->number,
                text_of(got, "PartitionKey"), r->key);
    uint64_t ms = ms_of(got, "ApproximateArrivalTimestamp");
    if (ms != r->ms)
        DIFFERS(m, "%s/%u %s: arrived at %" PRIu64 ", not at %" PRIu64, s, p->shard, r->number, ms,
                r->ms);
    bool encrypted = strcmp(text_of(got, "EncryptionType"), "KMS") == 0;
    if (encrypted != r->encrypted)
        DIFFERS(m, "%s/%u %s: %s", s, p->shard, r->number,
                encrypted ? "is encrypted" : "is not encrypted");
    mem_free(data);
}

static void check_one(struct sim *m, const struct page *p, const struct model_shard *h,
                      uint32_t *place, bool first, const json_t *got)
{
    const char *s = p->stream->name, *number = text_of(got, "SequenceNumber");
    const struct model_record *r = model_record_at(h, number);
    if (!r)
        DIFFERS(m, "%s/%u: nobody put the record %s (%.30s)", s, p->shard, number,
                text_of(got, "Data"));
    uint32_t at = model_place(h, number) - 1;
    if (at < *place)
        DIFFERS(m, "%s/%u: the record %" PRIu64 " %s comes again", s, p->shard, r->id, number);
    for (; *place < at; (*place)++) {
        const struct model_record *missed = h->records[*place];
        if (!first || missed->ms >= p->floor_ms)
            DIFFERS(m, "%s/%u: the record %" PRIu64 " %s of %" PRIu64 " is missing before %" PRIu64,
                    s, p->shard, missed->id, missed->number, missed->ms, r->id);
    }
    if (r->ms < p->horizon_ms)
        DIFFERS(m, "%s/%u: the record %" PRIu64 " of %" PRIu64 " is past retention: %" PRIu64, s,
                p->shard, r->id, r->ms, p->horizon_ms);
    compare(m, p, r, got);
    *place = at + 1;
}

/* ---- all of them ---- */

uint32_t page_check(struct sim *m, struct page *p, const json_t *records)
{
    const struct model_shard *h = model_shard_find(p->stream, p->shard);
    uint32_t place = model_place(h, p->after);
    size_t i;
    json_t *got;
    if (!json_is_array(records))
        DIFFERS(m, "%s/%u: no Records", p->stream->name, p->shard);
    json_array_foreach((json_t *)(uintptr_t)records, i, got)
    {
        check_one(m, p, h, &place, i == 0, got);
        snprintf(p->after, MODEL_NUMBER_BYTES, "%s", text_of(got, "SequenceNumber"));
    }
    m->tally.read += i;
    return (uint32_t)i;
}

bool page_owes(struct sim *m, const struct page *p, bool newest)
{
    const struct model_shard *h = model_shard_find(p->stream, p->shard);
    for (uint32_t i = model_place(h, p->after); i < h->count; i++)
        if (h->records[i]->ms >= p->floor_ms && (newest || h->records[i]->step != m->diary.step))
            return true;
    return false;
}

void page_check_children(struct sim *m, const struct model_stream *s, uint32_t shard,
                         const json_t *children)
{
    size_t i, wanted = 0;
    json_t *child;
    for (uint32_t k = 0; k < s->count; k++)
        wanted += s->shards[k].parents[0] == shard || s->shards[k].parents[1] == shard;
    if (json_array_size(children) != wanted)
        DIFFERS(m, "%s/%u names %zu children, has %zu", s->name, shard, json_array_size(children),
                wanted);
    json_array_foreach((json_t *)(uintptr_t)children, i, child)
    {
        const struct model_shard *h =
            model_shard_find(s, learn_index(m, text_of(child, "ShardId")));
        const json_t *range = json_object_get(child, "HashKeyRange");
        if (!h || (h->parents[0] != shard && h->parents[1] != shard) ||
            h->low != learn_key(m, range, "StartingHashKey") ||
            h->high != learn_key(m, range, "EndingHashKey"))
            DIFFERS(m, "%s/%u names the child %s", s->name, shard, text_of(child, "ShardId"));
        size_t parents = h->parents[1] == MODEL_NONE ? 1 : 2;
        if (json_array_size(json_object_get(child, "ParentShards")) != parents)
            DIFFERS(m, "%s/%u: the child %u names other parents", s->name, shard, h->index);
    }
}

/* The reader has all there is: none at all is left, or only such as are past retention and were not given. */
static bool is_at_tip(struct sim *m, const struct page *p, uint32_t count)
{
    const struct model_shard *h = model_shard_find(p->stream, p->shard);
    return count ? model_place(h, p->after) == h->count : !page_owes(m, p, true);
}

static void check_behind(struct sim *m, const struct page *p, uint64_t behind, uint32_t count,
                         bool racing)
{
    const struct model_record *last =
        model_record_at(model_shard_find(p->stream, p->shard), p->after);
    bool tip = is_at_tip(m, p, count);
    if (racing && (tip || !count || (behind == 0 && !page_owes(m, p, false))))
        return; /* what came or went meanwhile may be counted or not */
    uint64_t wanted = tip || !last ? 0 : p->now_ms - last->ms ? p->now_ms - last->ms : 1;
    if (behind != wanted)
        DIFFERS(m,
                "%s/%u: MillisBehindLatest is %" PRIu64 ", not %" PRIu64 " (%u records came, %s)",
                p->stream->name, p->shard, behind, wanted, count, tip ? "the tip" : "not the tip");
}

void page_check_end(struct sim *m, const struct page *p, const json_t *answer, uint32_t count,
                    bool racing)
{
    const struct model_stream *s = p->stream;
    const struct model_shard *h = model_shard_find(s, p->shard);
    if (count == 0 && page_owes(m, p, !racing))
        DIFFERS(m, "%s/%u gives nothing behind %s", s->name, p->shard, p->after);
    check_behind(m, p, (uint64_t)json_integer_value(json_object_get(answer, "MillisBehindLatest")),
                 count, racing);
    bool ends = !json_object_get(answer, "NextShardIterator");
    bool tip = is_at_tip(m, p, count), raced = racing && h->closed_step == m->diary.step;
    if (ends && (h->open || !tip))
        DIFFERS(m, "%s/%u ends for a reader at %s: it is %s", s->name, p->shard, p->after,
                h->open ? "open" : "not read to its end");
    if (!ends && !h->open && tip && !raced)
        DIFFERS(m, "%s/%u is closed and read, and has a next iterator", s->name, p->shard);
    const json_t *children = json_object_get(answer, "ChildShards");
    if (!ends && children)
        DIFFERS(m, "%s/%u has children and a next iterator", s->name, p->shard);
    if (ends)
        page_check_children(m, s, p->shard, children);
}

/* ---- after a kill ---- */

static struct pending *find_pending(struct sim *m, const struct page *p, const char *data)
{
    char bytes[32] = ""; /* the first of the data: "id:" */
    uint8_t raw[24];
    size_t len = 0, take = strlen(data) < 28 ? strlen(data) : 28;
    if (base64_decode(bytes_of(data, take), raw, &len, NULL) != OK)
        return NULL;
    snprintf(bytes, sizeof(bytes), "%.*s", (int)len, (const char *)raw);
    uint64_t id = strtoull(bytes, NULL, 10);
    for (uint32_t i = 0; i < m->pending_count; i++)
        if (m->pending[i].record && m->pending[i].record->id == id &&
            m->pending[i].stream == p->stream)
            return &m->pending[i];
    return NULL;
}

void page_adopt(struct sim *m, const struct page *p, const json_t *records)
{
    struct model_shard *h = model_shard_find(p->stream, p->shard);
    size_t i;
    json_t *got;
    json_array_foreach((json_t *)(uintptr_t)records, i, got)
    {
        const char *number = text_of(got, "SequenceNumber");
        struct pending *maybe = find_pending(m, p, text_of(got, "Data"));
        if (model_record_at(h, number) || !maybe)
            continue; /* page_check says what it is */
        struct model_record *r = maybe->record;
        snprintf(r->number, sizeof(r->number), "%s", number);
        r->encrypted = strcmp(text_of(got, "EncryptionType"), "KMS") == 0;
        if (!model_owns(h, r->hash))
            DIFFERS(m, "%s/%u: the record %" PRIu64 " belongs elsewhere", p->stream->name, p->shard,
                    r->id);
        model_accept(h, r);
        maybe->record = NULL; /* at most once */
        m->tally.adopted++;
    }
}
