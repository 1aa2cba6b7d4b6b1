/* rate_window.c: a ring of samples; the rate is the difference of its ends.
 *
 * The window slides by a gap at a time: an old burst leaves it whole after window_ms, so nothing decays and nothing is guessed. */
#include "shards/rate_window.h"

static const struct rate_sample *newest(const struct rate_window *w)
{
    return &w->samples[(w->next + RATE_SAMPLES - 1) % RATE_SAMPLES];
}

static const struct rate_sample *oldest(const struct rate_window *w)
{
    return &w->samples[(w->next + RATE_SAMPLES - w->count) % RATE_SAMPLES];
}

void rate_window_sample(struct rate_window *w, const struct rate_sample *now, uint64_t window_ms)
{
    uint64_t gap_ms = window_ms / (RATE_SAMPLES - 1);
    if (w->count && now->time_ms < newest(w)->time_ms + (gap_ms ? gap_ms : 1))
        return;
    w->samples[w->next] = *now;
    w->next = (w->next + 1) % RATE_SAMPLES;
    w->count += w->count < RATE_SAMPLES;
}

bool rate_window_rate(const struct rate_window *w, uint64_t window_ms, struct rate *out)
{
    *out = (struct rate){0};
    if (w->count < 2)
        return false;
    const struct rate_sample *from = oldest(w), *to = newest(w);
    uint64_t ms = to->time_ms - from->time_ms;
    out->bytes = (double)(to->bytes - from->bytes) * 1000 / (double)ms;
    out->records = (double)(to->records - from->records) * 1000 / (double)ms;
    return ms + RATE_SAMPLES >= window_ms; /* gaps are rounded down */
}
