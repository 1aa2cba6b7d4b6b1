/* scaler.h: on-demand streams follow their load: measures the write rate of each of their shards, and asks the catalog for one split or
 * merge at a time. Thread: housekeeping. */
#ifndef SLUICE_SHARDS_SCALER_H
#define SLUICE_SHARDS_SCALER_H

#include "base/table.h"
#include "shards/catalog.h"

struct scaler_settings {
    struct catalog *catalog;
    struct stream_table *streams;
    const struct clock *clock;
    uint64_t shard_limit;
    uint64_t window_ms; /* over which rates are measured */
    uint64_t quiet_ms;  /* how long a shard must have had next to nothing before it is merged */
    uint64_t memory_ms; /* how long a stream remembers its peak */
};

struct scaler {
    struct scaler_settings settings;
    struct table known; /* of scaler_stream, by number */
    uint64_t turn;
};

void scaler_init(struct scaler *s, const struct scaler_settings *settings);
void scaler_fini(struct scaler *s);
/* Looks at every on-demand stream once. Returns how many reshards it asked for: if any, the next turn should follow soon. */
unsigned scaler_turn(struct scaler *s);
/* How often to look when there is nothing to do. */
uint64_t scaler_turn_ms(const struct scaler *s);

#endif
