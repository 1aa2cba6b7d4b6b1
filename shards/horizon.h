/* horizon.h: where a log begins, given the time; pure. Lives beside the streams, since reads keep
 * to it as much as the sweeper does. */
#ifndef SLUICE_SHARDS_HORIZON_H
#define SLUICE_SHARDS_HORIZON_H

#include <stdint.h>

/* Records older than the answer are past retention: never served, and free to go. */
static inline uint64_t horizon_begin_ms(uint32_t retention_hours, uint64_t now_ms)
{
    uint64_t period_ms = retention_hours * UINT64_C(3600000);
    return now_ms > period_ms ? now_ms - period_ms : 0;
}

#endif
