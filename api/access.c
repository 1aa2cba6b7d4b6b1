/* access.c: the account a stream belongs to, and the resource policies: its own, and that of the consumer who is asked for.
 *
 *                      no policy, or silent   allows                          denies
 *   the stream's own   may                    may                             may not
 *   another account    may not                may, what AWS lets be shared    may not
 *
 * A1. A stream is its own account's: nobody else learns even whether it exists, unless its policy says so.
 * A2. Nobody is locked out by a policy that denies all of his account: its owner can still see, replace and delete it, unless it
 *     denies his very access key.
 * A3. A stream without a policy costs two comparisons of short texts.
 * A4. A consumer is let in to by its own policy alone, as on AWS; the stream's can only keep out. */
#include "api/access.h"

#include "shards/stream_fault.h"

#include <stdio.h>

/* What another account can be allowed to do: reading, alone or in a group, writing, and finding out how. */
static bool can_be_shared(struct bytes action)
{
    static const struct bytes actions[] = {
        BYTES_LITERAL("CommitConsumerGroup"),
        BYTES_LITERAL("DescribeConsumerGroup"),
        BYTES_LITERAL("DescribeStream"),
        BYTES_LITERAL("DescribeStreamConsumer"),
        BYTES_LITERAL("DescribeStreamSummary"),
        BYTES_LITERAL("GetRecords"),
        BYTES_LITERAL("GetShardIterator"),
        BYTES_LITERAL("HeartbeatConsumerGroup"),
        BYTES_LITERAL("JoinConsumerGroup"),
        BYTES_LITERAL("LeaveConsumerGroup"),
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

struct consumer *access_consumer(const struct access_target *t)
{
    struct consumer *c = t->view && bytes_present(t->consumer_name)
                             ? consumer_set_find(t->view->settings.consumers, t->consumer_name)
                             : NULL;
    return c && (!t->consumer_created_s || c->created_s == t->consumer_created_s) ? c : NULL;
}

/* "/consumer/NAME:SECONDS" as it was asked for, or as it is; nothing for a stream. */
static void print_consumer(const struct access_target *t, char *out, size_t room)
{
    const struct consumer *c = access_consumer(t);
    uint64_t created_s = c ? c->created_s : t->consumer_created_s;
    out[0] = '\0';
    if (bytes_present(t->consumer_name) && created_s)
        snprintf(out, room, "/consumer/%.*s:%llu", BYTES_ARGS(t->consumer_name),
                 (unsigned long long)created_s);
    else if (bytes_present(t->consumer_name))
        snprintf(out, room, "/consumer/%.*s", BYTES_ARGS(t->consumer_name));
}

static enum status denied(const struct exchange *x, const struct access_target *t, bool explicitly,
                          struct fault *f)
{
    char why[128], consumer[CONSUMER_ARN_BYTES];
    print_consumer(t, consumer, sizeof(consumer));
    snprintf(why, sizeof(why), "because no resource-based policy allows the kinesis:%.*s action",
             BYTES_ARGS(x->action));
    return fault_set(
        f, ACCESS_DENIED,
        "User: arn:aws:iam::%s:user/%.*s is not authorized to perform: kinesis:%.*s on "
        "resource: arn:aws:kinesis:%s:%s:stream/%.*s%s %s",
        x->scope.account, BYTES_ARGS(x->access_key), BYTES_ARGS(x->action), t->scope.region,
        t->scope.account, BYTES_ARGS(t->stream), consumer,
        explicitly ? "with an explicit deny in a resource-based policy" : why);
}

static enum policy_answer ask(const struct exchange *x, const struct policy *policy)
{
    if (!policy)
        return POLICY_SILENT;
    return policy_ask(policy, &(struct policy_question){.account = bytes_text(x->scope.account),
                                                        .access_key = x->access_key,
                                                        .action = x->action});
}

static enum policy_answer ask_all(const struct exchange *x, const struct access_target *t)
{
    enum policy_answer of_stream = t->view ? ask(x, t->view->settings.policy) : POLICY_SILENT;
    if (!bytes_present(t->consumer_name))
        return of_stream;
    const struct consumer *c = access_consumer(t);
    enum policy_answer own = c ? ask(x, c->policy) : POLICY_SILENT;
    return of_stream >= POLICY_DENIES && of_stream > own ? of_stream : own; /* A4 */
}

enum status access_check(const struct exchange *x, const struct access_target *t, struct fault *f)
{
    if (strcmp(t->scope.region, x->scope.region) != 0)
        return fault_stream_not_found(f, t->stream, t->scope.account);
    bool own = strcmp(t->scope.account, x->scope.account) == 0;
    enum policy_answer answer = ask_all(x, t); /* A3 */
    if (answer == POLICY_DENIES && own && is_about_policies(x->action))
        return OK;
    if (answer >= POLICY_DENIES)
        return denied(x, t, true, f);
    if (own || (answer == POLICY_ALLOWS && can_be_shared(x->action)))
        return OK;
    return denied(x, t, false, f); /* A1 */
}
