/* commitment.c: see commitment.h. */
#include "shards/commitment.h"

enum commitment_status commitment_status(const struct commitment *c, uint64_t now_ms)
{
    if (c->started_ms == 0)
        return COMMITMENT_DISABLED;
    if (c->ends_ms == 0)
        return COMMITMENT_ENABLED;
    return now_ms < c->ends_ms ? COMMITMENT_ENABLED_UNTIL_END : COMMITMENT_DISABLED;
}

struct commitment commitment_enable(struct commitment c, uint64_t now_ms)
{
    if (commitment_status(&c, now_ms) == COMMITMENT_DISABLED)
        return (struct commitment){.started_ms = now_ms};
    c.ends_ms = 0;
    return c;
}

struct commitment commitment_disable(struct commitment c, uint64_t now_ms)
{
    uint64_t earliest_ms = c.started_ms + COMMITMENT_LEAST_MS;
    if (commitment_status(&c, now_ms) == COMMITMENT_ENABLED)
        c.ends_ms = now_ms > earliest_ms ? now_ms : earliest_ms;
    return c;
}
