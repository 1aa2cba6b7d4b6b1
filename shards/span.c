/* span.c: a stored value in memory: one or more batches of one log, end to end, counted and never
 * changed.
 *
 * The same bytes go into the LevelDB write, then into the tail, then to every reader, by reference:
 * a span is the only copy of its records that the engine makes. One that comes back from the disk
 * is checked whole before anybody sees it.
 *
 * I1. A span given out holds whole batches only, whose offsets follow without a gap and whose times
 * never decrease.
 *
 * Left to others: numbering new batches (group_commit.c), keeping the newest (tail.c). Thread: any.
 */
#include "shards/span_internal.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdatomic.h>

struct log_span *span_new(size_t len)
{
    struct span_box *box = (struct span_box *)mem_try(sizeof *box + len);
    if (!box)
        return NULL;
    list_init(&box->node);
    box->owner = NULL;
    box->span = (struct log_span){.refs = 1, .len = len};
    return &box->span;
}

struct log_span *log_span_new(size_t len)
{
    return span_new(len);
}

void log_span_ref(struct log_span *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

void log_span_unref(struct log_span *s)
{
    if (!s)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel);
    must(before > 0);
    if (before == 1)
        mem_free(span_box(s));
}

void log_read_release(struct log_read *r)
{
    for (uint32_t i = 0; i < r->span_count; i++)
        log_span_unref(r->spans[i]);
    r->span_count = 0;
}

static enum status survey_batch(struct bytes at, bool bodies, struct batch_header *h,
                                struct fault *f)
{
    enum status st = batch_header_read(at, h, f);
    if (st == OK && bodies)
        st = batch_check(at, h, f);
    return st;
}

enum status span_survey(struct bytes value, bool bodies, struct span_facts *out, struct fault *f)
{
    struct batch_header h;
    *out = (struct span_facts){0};
    if (value.len == 0)
        return fault_set(f, CORRUPT, "a stored value is empty");
    for (size_t at = 0; at < value.len; at += BATCH_HEADER_BYTES + h.body_len) {
        enum status st = survey_batch(bytes_of(value.at + at, value.len - at), bodies, &h, f);
        if (st != OK)
            return st;
        if (at == 0) {
            out->first_offset = h.base_offset;
            out->first_ms = h.base_time_ms;
        }
        uint64_t expected = out->first_offset + out->count;
        if (h.base_offset != expected || h.base_time_ms < out->last_ms || out->seals ||
            out->count + h.count < out->count)
            return fault_set(f, CORRUPT,
                             "a stored batch begins at offset %llu where %llu must follow",
                             (unsigned long long)h.base_offset, (unsigned long long)expected);
        out->count += h.count;
        out->last_ms = h.base_time_ms;
        out->seals = h.flags & BATCH_SEALS;
        out->stamped = out->stamped || (h.flags & BATCH_STAMPED);
    }
    return OK;
}

enum status span_from_value(struct bytes value, struct log_span **out, struct fault *f)
{
    struct span_facts facts;
    *out = NULL;
    enum status st = span_survey(value, true, &facts, f);
    if (st != OK)
        return st;
    struct log_span *s = span_new(value.len);
    if (!s)
        return fault_set(f, NO_MEMORY, "no memory for a stored value of %zu bytes", value.len);
    memcpy(s->bytes, value.at, value.len);
    s->count = facts.count;
    s->first_offset = facts.first_offset;
    s->first_ms = facts.first_ms;
    s->last_ms = facts.last_ms;
    *out = s;
    return OK;
}

enum status span_find_time(const struct log_span *s, uint64_t time_ms, uint64_t *offset)
{
    struct batch_header h;
    for (size_t at = 0; at < s->len; at += BATCH_HEADER_BYTES + h.body_len) {
        must(batch_header_read(bytes_of(s->bytes + at, s->len - at), &h, NULL) == OK);
        if (h.base_time_ms >= time_ms) {
            *offset = h.base_offset;
            return OK;
        }
    }
    return END;
}
