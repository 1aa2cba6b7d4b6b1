/* quota_gate.h: where --quotas aws comes between a request and its operation. Off, it costs its one branch. Thread: the exchange's loop. */
#ifndef SLUICE_API_QUOTA_GATE_H
#define SLUICE_API_QUOTA_GATE_H

#include "api/operations.h"
#include "api/request_target.h"

/* Runs the operation if its caller has a call left; else answers LimitExceededException, in AWS's words. */
void quota_gate(struct service *s, struct exchange *x, const struct operation_model *operation,
                operation_fn *run, const void *input);
/* LIMIT_EXCEEDED in AWS's words: too many calls. */
enum status quota_refusal(const struct exchange *x, const struct request_target *target,
                          struct fault *f);

#endif
