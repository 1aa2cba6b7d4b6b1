/* rate_window.h: a rate out of counters that only grow: the last few samples of them, and what lies between the oldest and the newest.
 * Pure: time is handed in. Thread: whoever owns it. */
#ifndef SLUICE_SHARDS_RATE_WINDOW_H
#define SLUICE_SHARDS_RATE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum { RATE_SAMPLES = 12 }; /* a window is RATE_SAMPLES - 1 gaps long */

struct rate_sample {
    uint64_t time_ms, bytes, records;
};
/* All zero: no sample yet. */
struct rate_window {
    struct rate_sample samples[RATE_SAMPLES]; /* a ring */
    uint32_t count, next;
};

struct rate {
    double bytes, records; /* a second */
};

/* Takes a sample, unless the newest is less than window_ms / (RATE_SAMPLES - 1) old. Time must not go back; a sample that does is
 * left out. */
void rate_window_sample(struct rate_window *w, const struct rate_sample *now, uint64_t window_ms);
/* The rate over what the window holds. false: less than a whole window yet, so a short burst would be taken for a rate; *out then holds
 * what there is (0 without two samples). */
bool rate_window_rate(const struct rate_window *w, uint64_t window_ms, struct rate *out);

#endif
