/* op_policy.c: PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy, of streams and of consumers. What a policy says is shards/policy.h's, that it is held
 * access.c's. */
#include "api/operations.h"

static void set(struct service *s, struct exchange *x, struct bytes resource_arn,
                struct bytes policy)
{
    struct fault f = {0};
    struct consumer_name name;
    if (request_bearer_name(resource_arn, &name, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_POLICY;
    c->command.policy.text = policy;
    control_command_run_on(s, c, BYTES_NONE, name.stream_arn, &name);
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

/* Who has no policy has an empty one. */
void op_get_policy(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_get_resource_policy_input *in = input;
    struct fault f = {0};
    struct consumer_name name;
    struct stream_view *v;
    struct consumer *consumer;
    enum status st = request_bearer_name(in->resource_arn, &name, &f);
    if (st == OK)
        st = request_bearer(s, x, &name, &v, &consumer, &f);
    if (st == OK)
        st = request_made(v, &f);
    if (st != OK) {
        reply_fault(x, &f);
        return;
    }
    const struct policy *policy = consumer ? consumer->policy : v->settings.policy;
    struct kinesis_get_resource_policy_output out = {
        .policy = policy ? policy_text(policy) : BYTES_LITERAL("{}"),
    };
    reply_shape(x, &shape_kinesis_get_resource_policy_output, &out);
    stream_view_unref(v);
}
