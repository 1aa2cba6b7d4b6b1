/* retry.h: when to try again, as Firehose's RetryOptions say; pure.
 *
 * The first wait is 1 s, each next twice as long, at most 120 s, all of them 15 % more or less by chance. The clock starts at the first failure;
 * time spent waiting for an acknowledgement does not count. A wait that began before the clock ran out is waited to its end. */
#ifndef SLUICE_DELIVERY_RETRY_H
#define SLUICE_DELIVERY_RETRY_H

#include "base/random.h"

#include <stdbool.h>

enum { RETRY_FIRST_MS = 1000, RETRY_MOST_MS = 120000, RETRY_JITTER_PERCENT = 15 };

struct retry {
    uint64_t began_us; /* the first failure; 0: none yet */
    uint64_t spared_us;
    unsigned failures;
};
/* After a failure at `now_us` (monotonic): whether to try again, and after how long. duration_s: RetryOptions.DurationInSeconds; 0: never. */
bool retry_next(struct retry *r, uint64_t now_us, uint64_t duration_s, struct random *chance,
                uint64_t *wait_ms);
/* That much of the time since the first failure does not count. */
void retry_spare(struct retry *r, uint64_t us);

#endif
