/* quota_gate.h: where --quotas aws comes between a request and its operation. Off, it costs its one branch. Thread: the exchange's loop. */
#ifndef SLUICE_API_QUOTA_GATE_H
#define SLUICE_API_QUOTA_GATE_H

#include "api/operations.h"

/* Runs the operation if its caller has a call left; else answers LimitExceededException, in AWS's words. */
void quota_gate(struct service *s, struct exchange *x, const struct operation_model *operation,
                operation_fn *run, const void *input);

#endif
