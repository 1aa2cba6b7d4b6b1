/* segment_read.c: what a segment holds, read in key order: a log's spans from an offset on, the place of a time, and all of
 * it, when its rows must be found again.
 *
 * I1. Nothing is passed on unless it is whole: key, headers, bodies and the sequence of offsets are checked on every read.
 *
 * Left to others: which segment to read (log_reader.c). Thread: any; blocks on the disk. */
#include "shards/engine_internal.h"

#include "base/must.h"
#include "base/trace.h"
#include "shards/bytes_internal.h"
#include "shards/span_internal.h"

struct cursor {
    leveldb_iterator_t *it;
    const char *path;
};

/* What a cursor stands on. */
struct stored {
    struct log_place place;
    uint64_t offset;
    struct bytes value;
};

static enum status cursor_end(const struct cursor *c, struct fault *f)
{
    enum status st = level_iterator_status(c->it, c->path, f);
    return st == OK ? END : st;
}

/* END when it stands nowhere. */
static enum status cursor_get(const struct cursor *c, struct stored *out, struct fault *f)
{
    size_t key_len, value_len;
    if (!leveldb_iter_valid(c->it))
        return cursor_end(c, f);
    const uint8_t *key = (const uint8_t *)leveldb_iter_key(c->it, &key_len);
    const char *value = leveldb_iter_value(c->it, &value_len);
    if (key_len != SEGMENT_KEY_LEN)
        return fault_set(f, CORRUPT, "segment %s has a key of %zu bytes", c->path, key_len);
    out->place = (struct log_place){get_be64(key), get_be32(key + 8)};
    out->offset = get_be64(key + 12);
    out->value = bytes_of(value, value_len);
    return OK;
}

static bool same_place(struct log_place a, struct log_place b)
{
    return a.stream == b.stream && a.shard == b.shard;
}

/* Moves to the span of the log that holds the offset. */
static enum status cursor_seek(struct cursor *c, struct log_place place, uint64_t offset,
                               struct stored *out, struct fault *f)
{
    uint8_t key[SEGMENT_KEY_LEN];
    segment_key(place, offset, key);
    leveldb_iter_seek(c->it, (const char *)key, sizeof key);
    enum status st = cursor_get(c, out, f);
    if (st == OK && same_place(out->place, place) && out->offset == offset)
        return OK;
    if (st == END)
        leveldb_iter_seek_to_last(c->it);
    else if (st == OK)
        leveldb_iter_prev(c->it);
    else
        return st;
    st = cursor_get(c, out, f);
    if (st == END || (st == OK && !same_place(out->place, place)))
        return fault_set(f, CORRUPT, "segment %s does not hold offset %llu of shard %u", c->path,
                         (unsigned long long)offset, place.shard);
    return st;
}

/* Says which segment, once more for whoever reads the trace. */
static enum status blame(enum status st, const struct range *range, uint64_t offset,
                         struct fault *f)
{
    struct fault why = f ? *f : (struct fault){0};
    if (st == OK || st == END || st == NO_MEMORY)
        return st;
    fault_set(f, st, "segment %020llu, stream %llu, shard %u, offset %llu: %s",
              (unsigned long long)range->segment, (unsigned long long)range->place.stream,
              range->place.shard, (unsigned long long)offset, why.text);
    TRACE_SELDOM(TRACE_ERROR, "segment", "%s", f ? f->text : "cannot be read");
    return st;
}

/* I1: the stored value becomes a span that must hold `wanted`. */
static enum status take_span(const struct stored *at, uint64_t wanted, struct log_span **out,
                             struct fault *f)
{
    enum status st = span_from_value(at->value, out, f);
    if (st != OK)
        return st;
    const struct log_span *s = *out;
    if (s->first_offset == at->offset && s->first_offset <= wanted &&
        wanted - s->first_offset < s->count)
        return OK;
    log_span_unref(*out);
    *out = NULL;
    return fault_set(f, CORRUPT, "found offsets from %llu on where %llu must stand",
                     (unsigned long long)at->offset, (unsigned long long)wanted);
}

static enum status collect(struct cursor *c, const struct range *range, uint64_t *next,
                           struct log_read *r, struct fault *f)
{
    struct stored at;
    enum status st = cursor_seek(c, range->place, *next, &at, f);
    while (st == OK && *next <= range->last && !log_read_full(r)) {
        struct log_span *span;
        if (!same_place(at.place, range->place))
            return fault_set(f, CORRUPT, "the log ends before offset %llu",
                             (unsigned long long)*next);
        st = take_span(&at, *next, &span, f);
        if (st != OK)
            break;
        r->spans[r->span_count++] = span;
        *next = span->first_offset + span->count;
        if (*next > range->last)
            break;
        leveldb_iter_next(c->it);
        st = cursor_get(c, &at, f);
        if (st == END)
            st = fault_set(f, CORRUPT, "the segment ends before offset %llu",
                           (unsigned long long)*next);
    }
    return st;
}

enum status segment_read_from(struct engine *e, const struct range *range, uint64_t from,
                              struct log_read *r, uint64_t *next, struct fault *f)
{
    struct segment *s;
    leveldb_t *db;
    *next = from;
    enum status st = segment_use(e, range->segment, &s, &db, f);
    if (st != OK)
        return blame(st, range, from, f);
    struct cursor c = {leveldb_create_iterator(db, e->level.reading), s->path};
    st = collect(&c, range, next, r, f);
    leveldb_iter_destroy(c.it);
    segment_unuse(s);
    return blame(st, range, *next, f);
}

static enum status search_time(struct cursor *c, const struct range *range, uint64_t time_ms,
                               uint64_t *offset, struct fault *f)
{
    uint64_t low = range->first, high = range->last + 1;
    while (low < high) {
        struct stored at;
        struct log_span *span;
        uint64_t middle = low + (high - low) / 2;
        enum status st = cursor_seek(c, range->place, middle, &at, f);
        if (st == OK)
            st = take_span(&at, middle, &span, f);
        if (st != OK)
            return st;
        if (span->last_ms < time_ms) {
            low = span->first_offset + span->count;
        } else if (span->first_ms >= time_ms) {
            high = span->first_offset;
        } else {
            must(span_find_time(span, time_ms, &low) == OK);
            high = low;
        }
        log_span_unref(span);
    }
    *offset = low;
    return OK;
}

enum status segment_find_time(struct engine *e, const struct range *range, uint64_t time_ms,
                              uint64_t *offset, struct fault *f)
{
    struct segment *s;
    leveldb_t *db;
    enum status st = segment_use(e, range->segment, &s, &db, f);
    if (st != OK)
        return blame(st, range, range->first, f);
    struct cursor c = {leveldb_create_iterator(db, e->level.reading), s->path};
    st = search_time(&c, range, time_ms, offset, f);
    leveldb_iter_destroy(c.it);
    segment_unuse(s);
    return blame(st, range, range->first, f);
}

/* Adds a stored value to the range that grows, or tells that one and begins another. */
static enum status survey_one(const struct stored *at, uint64_t number, struct range *range,
                              range_fn *tell, void *arg, struct fault *f)
{
    struct span_facts facts;
    enum status st = span_survey(at->value, false, &facts, f);
    if (st == OK && facts.first_offset != at->offset)
        st = fault_set(f, CORRUPT, "a value of offset %llu stands at %llu",
                       (unsigned long long)facts.first_offset, (unsigned long long)at->offset);
    if (st != OK)
        return st;
    uint64_t last = facts.first_offset + facts.count - 1;
    if (range->bytes && same_place(range->place, at->place) && range->last + 1 == at->offset) {
        range->last = last;
        range->last_ms = facts.last_ms;
        range->bytes += at->value.len;
        range->seals = facts.seals;
        return OK;
    }
    if (range->bytes)
        st = tell(arg, range, f);
    *range = (struct range){at->place,      number,        at->offset,    last,
                            facts.first_ms, facts.last_ms, at->value.len, facts.seals};
    return st;
}

enum status segment_survey(struct engine *e, leveldb_t *db, uint64_t number, const char *path,
                           range_fn *tell, void *arg, struct fault *f)
{
    struct cursor c = {leveldb_create_iterator(db, e->level.reading), path};
    struct range range = {0};
    struct stored at;
    enum status st;
    for (leveldb_iter_seek_to_first(c.it); (st = cursor_get(&c, &at, f)) == OK;
         leveldb_iter_next(c.it)) {
        st = survey_one(&at, number, &range, tell, arg, f);
        if (st != OK)
            break;
    }
    if (st == END)
        st = range.bytes ? tell(arg, &range, f) : OK;
    leveldb_iter_destroy(c.it);
    return st;
}
