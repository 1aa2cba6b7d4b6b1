/* source_arn.c: the stream that a Kinesis source's ARN names. */
#include "delivery/engine_internal.h"

bool source_of_arn(struct bytes arn, struct scope *scope, struct bytes *name)
{
    struct stream_arn parts;
    if (!stream_arn_parse(arn, &parts))
        return false;
    *name = parts.name;
    return scope_set(scope, parts.account, parts.region);
}
