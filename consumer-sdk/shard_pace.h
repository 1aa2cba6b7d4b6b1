/* shard_pace.h: the rate that a shard's throttles taught.
 *
 * A shard of AWS takes 1,000 records and 1 MiB a second, one of Sluice what the machine gives, and nobody says which. So a shard is
 * free until it throttles; then it has a bucket of tokens that fills at what it took lately. Each second without a throttle adds a
 * fixed step to the rate, each throttle takes a part of it (additive increase, multiplicative decrease: Chiu and Jain, 1989, "Analysis of
 * the Increase and Decrease Algorithms": the shares of several producers become equal).
 *
 * One currency for bytes and records: a record costs what it takes of a second of AWS's shard, by bytes or by count, whichever is more.
 * So the rate is in shards of AWS: 1.0 is what AWS gives.
 *
 * Pure. Times: microseconds of a monotonic clock. */
#ifndef SLUICE_SDK_SHARD_PACE_H
#define SLUICE_SDK_SHARD_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: free. */
struct shard_pace {
    double rate;   /* a second; 0: free */
    double tokens; /* at most what half a second gives; below 0: owed */
    uint64_t filled_us;
    uint64_t cut_us; /* the last throttle that counted */
    /* what was taken lately: of the second under way, and the rate of the last whole ones, smoothed */
    double taken, taken_rate;
    uint64_t window_us;
};

double shard_pace_cost(size_t bytes);
/* When the next record may go: `now_us` or before: at once. */
uint64_t shard_pace_ready_us(struct shard_pace *p, uint64_t now_us);
/* It goes. */
void shard_pace_spend(struct shard_pace *p, double cost, uint64_t now_us);
/* The service took it. */
void shard_pace_taken(struct shard_pace *p, double cost, uint64_t now_us);
/* The service throttled, for records that went at sent_us: those that went before the last cut say nothing new. */
void shard_pace_throttled(struct shard_pace *p, uint64_t sent_us, uint64_t now_us);

#endif
