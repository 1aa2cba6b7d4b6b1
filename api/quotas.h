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

/* One call of an operation by somebody of that scope: LIMIT_EXCEEDED in AWS's words. OK for operations that have no such quota. */
enum status quotas_call(struct quotas *q, struct bytes operation, const struct scope *caller,
                        struct fault *f) MUST_USE;
/* The same of a stream's, for operations that are counted by stream. */
enum status quotas_call_stream(struct quotas *q, struct bytes operation, const struct scope *scope,
                               struct bytes stream, struct fault *f) MUST_USE;

#endif
