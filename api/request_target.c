/* request_target.c: walks the few members that can name a stream or a shard.
 *
 *   StreamName | DeliveryStreamName | StreamARN, ResourceARN, ConsumerARN | ShardIterator, NextToken: sealed, the stream's name is within
 *   ShardId, ShardToSplit, ShardToMerge | ShardIterator
 *
 * What cannot be read is left out: the operation itself will complain of it. */
#include "api/request_target.h"

/* The text of the member of that name, or an absent view. */
static struct bytes member(const struct shape *input, const void *values, const char *name)
{
    uint32_t hint = 0;
    const struct shape_field *field = shape_field_find(input, bytes_text(name), &hint);
    if (!field || field->shape->kind != SHAPE_STRING)
        return BYTES_NONE;
    return *(const struct bytes *)((const uint8_t *)values + field->offset);
}

static void find_by_arn(const struct exchange *x, const struct shape *input, const void *values,
                        struct request_target *out)
{
    static const char *const names[] = {"StreamARN", "ResourceARN", "ConsumerARN"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !bytes_present(out->stream); i++) {
        struct resource resource;
        struct scope scope;
        struct bytes arn = member(input, values, names[i]), name;
        if (!bytes_present(arn) || request_resource(arn, &resource, NULL) != OK ||
            request_stream_name(x, BYTES_NONE, resource.stream_arn, &scope, &name, NULL) != OK)
            continue;
        out->scope = scope;
        out->stream = name;
    }
}

static void find_by_token(const struct service *s, const struct shape *input, const void *values,
                          struct request_target *out)
{
    struct bytes iterator = member(input, values, "ShardIterator");
    struct bytes page = member(input, values, "NextToken");
    if (bytes_present(iterator) && shard_iterator_open(s, iterator, &out->token) == OK)
        out->shard = out->token.shard;
    else if (!bytes_present(page) ||
             page_token_open(s, page, ITERATOR_LIST_SHARDS, &out->token, NULL) != OK)
        return;
    out->stream = bytes_text(out->token.name);
}

static void find_shard(const struct shape *input, const void *values, struct request_target *out)
{
    static const char *const names[] = {"ShardId", "ShardToSplit", "ShardToMerge"};
    uint32_t index;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct bytes id = member(input, values, names[i]);
        if (bytes_present(id) && shard_id_parse(id, &index))
            out->shard = index;
    }
}

void request_target_find(const struct service *s, const struct exchange *x,
                         const struct shape *input, const void *values, struct request_target *out)
{
    out->scope = x->scope;
    out->stream = member(input, values, "StreamName");
    if (!bytes_present(out->stream))
        out->stream = member(input, values, "DeliveryStreamName");
    out->shard = SHARD_NONE;
    find_shard(input, values, out);
    if (!bytes_present(out->stream))
        find_by_arn(x, input, values, out);
    if (!bytes_present(out->stream))
        find_by_token(s, input, values, out);
}
