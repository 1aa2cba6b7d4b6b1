/* sweeper.h: trims logs, so many milliseconds a turn. Thread: housekeeping. */
#ifndef SLUICE_RETENTION_SWEEPER_H
#define SLUICE_RETENTION_SWEEPER_H

#include "shards/log.h"
#include "shards/stream_table.h"

struct sweeper {
    struct log_keeper keeper;
    struct log_engine *logs;
    struct stream_table *streams;
    const struct clock *clock;
};
void sweeper_init(struct sweeper *s, struct log_engine *logs, struct stream_table *streams,
                  const struct clock *clock);
/* One turn; END when nothing more can go now. */
enum status sweeper_turn(struct sweeper *s, struct fault *f) MUST_USE;

#endif
