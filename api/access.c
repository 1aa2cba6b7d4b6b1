/* access.c: the account a stream belongs to, and its resource policy if it has one.
 *
 *                      no policy, or silent   allows                          denies
 *   the stream's own   may                    may                             may not
 *   another account    may not                may, what AWS lets be shared    may not
 *
 * A1. A stream is its own account's: nobody else learns even whether it exists, unless its policy says so.
 * A2. Nobody is locked out by a policy that denies all of his account: its owner can still see, replace and delete it, unless it
 *     denies his very access key.
 * A3. A stream without a policy costs two comparisons of short texts. */
#include "api/access.h"

#include "shards/stream_fault.h"

#include <stdio.h>

/* What another account can be allowed to do: reading, writing, and finding out how. */
static bool can_be_shared(struct bytes action)
{
    static const struct bytes actions[] = {
        BYTES_LITERAL("DescribeStream"),
        BYTES_LITERAL("DescribeStreamConsumer"),
        BYTES_LITERAL("DescribeStreamSummary"),
        BYTES_LITERAL("GetRecords"),
        BYTES_LITERAL("GetShardIterator"),
        BYTES_LITERAL("ListShards"),
        BYTES_LITERAL("PutRecord"),
        BYTES_LITERAL("PutRecords"),
        BYTES_LITERAL("SubscribeToShard"),
    };
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
        if (bytes_equal(actions[i], action))
            return true;
    return false;
}

/* A2. */
static bool is_about_policies(struct bytes action)
{
    return bytes_equal(action, BYTES_LITERAL("GetResourcePolicy")) ||
           bytes_equal(action, BYTES_LITERAL("PutResourcePolicy")) ||
           bytes_equal(action, BYTES_LITERAL("DeleteResourcePolicy"));
}

static enum status denied(const struct exchange *x, const struct scope *scope, struct bytes name,
                          bool explicitly, struct fault *f)
{
    char why[128];
    snprintf(why, sizeof(why), "because no resource-based policy allows the kinesis:%.*s action",
             BYTES_ARGS(x->action));
    return fault_set(
        f, ACCESS_DENIED,
        "User: arn:aws:iam::%s:user/%.*s is not authorized to perform: kinesis:%.*s on "
        "resource: arn:aws:kinesis:%s:%s:stream/%.*s %s",
        x->scope.account, BYTES_ARGS(x->access_key), BYTES_ARGS(x->action), scope->region,
        scope->account, BYTES_ARGS(name),
        explicitly ? "with an explicit deny in a resource-based policy" : why);
}

enum status access_check(const struct exchange *x, const struct scope *scope, struct bytes name,
                         const struct stream_view *v, struct fault *f)
{
    if (strcmp(scope->region, x->scope.region) != 0)
        return fault_stream_not_found(f, name, scope->account);
    bool own = strcmp(scope->account, x->scope.account) == 0;
    enum policy_answer answer = POLICY_SILENT;
    if (v && v->settings.policy) /* A3 */
        answer = policy_ask(v->settings.policy,
                            &(struct policy_question){.account = bytes_text(x->scope.account),
                                                      .access_key = x->access_key,
                                                      .action = x->action});
    if (answer == POLICY_DENIES && own && is_about_policies(x->action))
        return OK;
    if (answer >= POLICY_DENIES)
        return denied(x, scope, name, true, f);
    if (own || (answer == POLICY_ALLOWS && can_be_shared(x->action)))
        return OK;
    return denied(x, scope, name, false, f); /* A1 */
}
