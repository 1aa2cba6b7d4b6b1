/* quota_gate.c: the calls that are counted by account. Those that are counted by stream are asked for when the stream is looked up
 * (request.c), with the same words.
 *
 * It stands behind injected faults: what those refuse or lose on the way never came to the service, and costs nobody a call. */
#include "api/quota_gate.h"

#include "api/request_target.h"
#include "shards/stream_fault.h"

void quota_gate(struct service *s, struct exchange *x, const struct operation_model *operation,
                operation_fn *run, const void *input)
{
    if (!s->quotas || quotas_call(s->quotas, x->action, &x->scope)) {
        run(s, x, input);
        return;
    }
    struct fault f;
    struct request_target target;
    request_target_find(s, x, operation->input, input, &target);
    (void)fault_rate_exceeded(&f, target.stream, target.scope.account); /* the reply says it */
    reply_fault(x, &f);
}
