/* access.c: see access.h.
 *
 * A1. A stream is its own account's: nobody else learns even whether it exists. */
#include "api/access.h"

#include "shards/stream_fault.h"

static enum status denied(const struct exchange *x, const struct scope *scope, struct bytes name,
                          struct fault *f)
{
    return fault_set(
        f, ACCESS_DENIED,
        "User: arn:aws:iam::%s:user/%.*s is not authorized to perform: kinesis:%.*s on "
        "resource: arn:aws:kinesis:%s:%s:stream/%.*s because no resource-based policy "
        "allows the kinesis:%.*s action",
        x->scope.account, BYTES_ARGS(x->access_key), BYTES_ARGS(x->action), scope->region,
        scope->account, BYTES_ARGS(name), BYTES_ARGS(x->action));
}

enum status access_check(const struct exchange *x, const struct scope *scope, struct bytes name,
                         const struct stream_view *v, struct fault *f)
{
    (void)v;
    if (strcmp(scope->region, x->scope.region) != 0)
        return fault_stream_not_found(f, name, scope->account);
    return strcmp(scope->account, x->scope.account) == 0 ? OK : denied(x, scope, name, f); /* A1 */
}
