/* quota_gate.c: the calls that are counted by account. Those that are counted by stream are asked for when the stream is looked up
 * (request.c), with the same words.
 *
 * It stands behind injected faults: what those refuse or lose on the way never came to the service, and costs nobody a call. */
#include "api/quota_gate.h"

#include "shards/stream_fault.h"

/* AWS names the stream of Kinesis's, and so do we of ours; of a delivery stream only the account. */
enum status quota_refusal(const struct exchange *x, const struct request_target *target,
                          struct fault *f)
{
    bool of_stream = x->service != SERVICE_FIREHOSE;
    return fault_rate_exceeded(f, of_stream ? target->stream : BYTES_NONE, target->scope.account);
}

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
    (void)quota_refusal(x, &target, &f); /* the reply says it */
    reply_fault(x, &f);
}
