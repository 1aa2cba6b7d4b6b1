/* inject_gate.h: where injected faults come between a request and its operation. Off, it costs its one branch. Thread: the exchange's
 * loop. */
#ifndef SLUICE_API_INJECT_GATE_H
#define SLUICE_API_INJECT_GATE_H

#include "api/inject.h"
#include "api/operations.h"

static inline bool inject_is_on(const struct service *s)
{
    return s->inject && inject_is_armed(s->inject);
}

/* Runs the operation, now or after an injected latency; or answers in its place, or loses its answer. Only when inject_is_on. */
void inject_gate(struct service *s, struct exchange *x, const struct operation_model *operation,
                 operation_fn *run, const void *input);

/* Whether a rule throttles what `x` does to that shard: PutRecord, PutRecords (each record anew) and GetRecords ask, once they know it.
 * Only when inject_is_on. */
bool inject_throttles_shard(const struct service *s, const struct exchange *x,
                            const struct stream_view *v, const struct shard *shard);

#endif
