/* reaper.h: removes drained parents: shards closed for longer than their stream's retention, which
 * nobody can read any more. Thread: housekeeping. */
#ifndef SLUICE_RETENTION_REAPER_H
#define SLUICE_RETENTION_REAPER_H

#include "shards/catalog.h"

struct reaper {
    struct catalog *catalog;
    struct stream_table *streams;
    const struct clock *clock;
};
/* Looks at every stream once and asks the catalog to remove what can go. Returns how many streams
 * it asked for. */
unsigned reaper_turn(const struct reaper *r);

#endif
