/* retention.h: what is old goes away: one housekeeping thread that trims logs (sweeper) and removes
 * drained parents (reaper). It also runs the scaler of on-demand streams (shards/scaler.h). */
#ifndef SLUICE_RETENTION_RETENTION_H
#define SLUICE_RETENTION_RETENTION_H

#include "shards/scaler.h"

struct retention_settings {
    struct log_engine *logs;
    struct stream_table *streams;
    struct catalog *catalog;
    const struct clock *clock;
    uint64_t sweep_ms; /* between turns of the sweeper when there is nothing to do; default 1,000 */
    uint64_t reap_ms;  /* between turns of the reaper; default 60,000 */
    uint64_t shard_limit;
    uint64_t scale_window_ms, scale_quiet_ms,
        scale_memory_ms; /* scaler.h; default 60 s, 1 h, 30 d */
};
void retention_defaults(struct retention_settings *s);

struct retention;
/* Starts the thread. Everything given must outlive it. */
enum status retention_open(const struct retention_settings *s, struct retention **out,
                           struct fault *f) MUST_USE;
void retention_close(struct retention *r);

#endif
