/* source_arn.c: the ARN of a Kinesis stream, taken apart. */
#include "delivery/engine_internal.h"

bool source_of_arn(struct bytes arn, struct scope *scope, struct bytes *name)
{
    struct bytes part[6];
    struct bytes rest = arn;
    for (int i = 0; i < 5; i++) {
        const uint8_t *colon = rest.len ? memchr(rest.at, ':', rest.len) : NULL;
        if (!colon)
            return false;
        part[i] = bytes_of(rest.at, (size_t)(colon - rest.at));
        rest = bytes_of(colon + 1, rest.len - part[i].len - 1);
    }
    const struct bytes head = BYTES_LITERAL("stream/");
    if (!bytes_equal(part[2], BYTES_LITERAL("kinesis")) || !bytes_starts_with(rest, head))
        return false;
    *name = bytes_of(rest.at + head.len, rest.len - head.len);
    return scope_set(scope, part[4], part[3]);
}
