/* scale_policy.c: AWS's rules of on-demand streams, as numbers:
 *
 *   a stream begins with 4 shards, and takes up to twice the highest rate of the last 30 days
 *   a shard that takes more than half of what a shard can is split
 *
 *   share   0 ....... 0.1 ......................... 0.5 .............. 1.0
 *           two quiet neighbours   |  left alone    |  split
 *           of 0.1 together merge
 *
 * P1. A split leaves halves of at least 0.25, and a merge makes a shard of at most 0.1: neither brings the other about. Being quiet
 *     takes its time besides, so a stream does not go to and fro.
 * P2. Merging never leaves fewer than 4 shards, than warm throughput asks for, or than twice the remembered peak needs.
 * P3. Never more shards than limits allow, nor than twice what the stream's whole rate needs: one hot key cannot be split, and would have
 *     the stream shredded.
 * P4. Of several that could go, the busiest is split first, the quietest pair merged first. Warm shards come of the widest. */
#include "shards/scale_policy.h"

#include "base/limits.h"

#define SPLIT_SHARE 0.5
#define MERGE_SHARE 0.1

/* ---- the peak ---- */

void scale_peak_note(struct scale_peak *p, uint64_t now_ms, uint64_t memory_ms, double share)
{
    uint64_t slot_ms = memory_ms / PEAK_SLOTS ? memory_ms / PEAK_SLOTS : 1;
    if (p->begin_ms == 0)
        p->begin_ms = now_ms;
    uint64_t ahead = now_ms > p->begin_ms ? (now_ms - p->begin_ms) / slot_ms : 0;
    for (uint64_t i = 0; i < ahead && i < PEAK_SLOTS; i++) {
        p->newest = (p->newest + 1) % PEAK_SLOTS;
        p->slots[p->newest] = 0;
    }
    p->begin_ms += ahead * slot_ms;
    if (share > p->slots[p->newest])
        p->slots[p->newest] = share;
}

double scale_peak_of(const struct scale_peak *p)
{
    double most = 0;
    for (int i = 0; i < PEAK_SLOTS; i++)
        most = p->slots[i] > most ? p->slots[i] : most;
    return most;
}

/* ---- the decision ---- */

double scale_share(const struct rate *r)
{
    double bytes = r->bytes / (double)SHARD_WRITE_BYTES_PER_S;
    double records = r->records / SHARD_WRITE_RECORDS_PER_S;
    return bytes > records ? bytes : records;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t shards_for(double share)
{
    if (share >= STREAM_SHARDS_MAX)
        return STREAM_SHARDS_MAX;
    uint32_t whole = (uint32_t)share;
    return whole + (whole < share);
}

/* P2 */
static uint32_t least_of(const struct scale_stream *s)
{
    return larger(larger(ON_DEMAND_SHARDS_MIN, s->warm), shards_for(2 * s->peak_share));
}

/* P3 */
static uint32_t most_of(const struct scale_stream *s)
{
    uint32_t needed = larger(least_of(s), 2 * shards_for(s->share / SPLIT_SHARE));
    return needed < s->most ? needed : s->most;
}

static bool is_better(const struct scale_shard *a, const struct scale_shard *b, bool by_width)
{
    return by_width ? a->width > b->width : a->share > b->share;
}

static bool find_split(const struct scale_stream *s, struct scale_step *out)
{
    enum { WIDTH_MIN = 4 }; /* AWS: a split border stands two keys behind the start */
    bool warming = s->count < s->warm;
    const struct scale_shard *best = NULL;
    if (s->count >= most_of(s))
        return false;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct scale_shard *shard = &s->shards[i];
        bool can = shard->width >= WIDTH_MIN;
        bool should = warming || (shard->measured && shard->share > SPLIT_SHARE);
        if (can && should && (!best || is_better(shard, best, warming))) /* P4 */
            best = shard;
    }
    if (best)
        *out = (struct scale_step){SCALE_SPLIT, (uint32_t)(best - s->shards)};
    return best != NULL;
}

static bool find_merge(const struct scale_stream *s, struct scale_step *out)
{
    double least = MERGE_SHARE;
    bool found = false;
    if (s->count <= least_of(s))
        return false;
    for (uint32_t i = 0; i + 1 < s->count; i++) {
        const struct scale_shard *left = &s->shards[i], *right = left + 1;
        double share = left->share + right->share;
        if (!left->measured || !right->measured || !left->quiet || !right->quiet || share > least ||
            (found && share == least))
            continue;
        *out = (struct scale_step){SCALE_MERGE, i};
        least = share;
        found = true;
    }
    return found;
}

struct scale_step scale_decide(const struct scale_stream *s)
{
    struct scale_step step = {SCALE_NOTHING, 0};
    if (!find_split(s, &step))
        find_merge(s, &step);
    return step;
}
