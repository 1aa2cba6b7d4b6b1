/* op_policy.c: PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy. What a policy says is shards/policy.h's, that it is held
 * access.c's. */
#include "api/operations.h"

static void set(struct service *s, struct exchange *x, struct bytes resource_arn,
                struct bytes policy)
{
    struct fault f = {0};
    struct bytes stream_arn;
    if (request_resource_stream(resource_arn, &stream_arn, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_POLICY;
    c->command.policy.text = policy;
    control_command_run(s, c, BYTES_NONE, stream_arn);
}

void op_put_policy(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_put_resource_policy_input *in = input;
    set(s, x, in->resource_arn, in->policy);
}

void op_delete_policy(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_delete_resource_policy_input *in = input;
    set(s, x, in->resource_arn, BYTES_NONE);
}

/* A stream without a policy has an empty one. */
void op_get_policy(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_get_resource_policy_input *in = input;
    struct fault f = {0};
    struct bytes stream_arn;
    struct stream_view *v = NULL;
    enum status st = request_resource_stream(in->resource_arn, &stream_arn, &f);
    if (st == OK)
        st = request_stream(s, x, BYTES_NONE, stream_arn, NULL, &v, &f);
    if (st != OK) {
        reply_fault(x, &f);
        return;
    }
    struct kinesis_get_resource_policy_output out = {
        .policy = v->settings.policy ? policy_text(v->settings.policy) : BYTES_LITERAL("{}"),
    };
    reply_shape(x, &shape_kinesis_get_resource_policy_output, &out);
    stream_view_unref(v);
}
