/* quotas.h: how often operations may be called, when AWS's quotas are asked for (--quotas aws): buckets by operation and account, or
 * stream. Thread: any. */
#ifndef SLUICE_API_QUOTAS_H
#define SLUICE_API_QUOTAS_H

#include "base/clock.h"
#include "base/status.h"
#include "shards/scope.h"

struct quotas;
struct quotas *quotas_new(const struct clock *clock);
void quotas_free(struct quotas *q);
/* What shards' buckets count in. */
uint64_t quotas_now_ns(const struct quotas *q);

/* One call of an operation by somebody of that scope: false when it is one too many. True for operations that have no such quota. */
bool quotas_call(struct quotas *q, struct bytes operation, const struct scope *caller) MUST_USE;
/* The same of a stream's, for operations that are counted by stream. */
bool quotas_call_stream(struct quotas *q, struct bytes operation, const struct scope *scope,
                        struct bytes stream) MUST_USE;

#endif
