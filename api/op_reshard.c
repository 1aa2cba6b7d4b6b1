/* op_reshard.c: SplitShard and MergeShards: arguments here, the work in shards/reshard.c. */
#include "api/operations.h"

#include "shards/stream_fault.h"

/* "Could not find shard" comes before anything is said of the stream. */
static bool take_shard(struct exchange *x, struct bytes id, struct bytes stream_name,
                       struct bytes stream_arn, uint32_t *index)
{
    if (shard_id_parse(id, index))
        return true;
    struct fault f = {0};
    struct scope scope;
    struct bytes name;
    if (request_stream_name(x, stream_name, stream_arn, &scope, &name, &f) == OK)
        fault_shard_not_found(&f, id, name, scope.account);
    reply_fault(x, &f);
    return false;
}

void op_split_shard(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_split_shard_input *in = input;
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SPLIT_SHARD;
    if (!u128_parse(in->new_starting_hash_key, &c->command.split.at)) {
        struct fault f = {0};
        fault_set(&f, INVALID_ARGUMENT,
                  "Invalid NewStartingHashKey. NewStartingHashKey must be in the range: [0, "
                  "2^128-1]. Specified value "
                  "was %.*s",
                  BYTES_ARGS(in->new_starting_hash_key));
        reply_fault(x, &f);
    } else if (take_shard(x, in->shard_to_split, in->stream_name, in->stream_arn,
                          &c->command.split.shard)) {
        control_command_run(s, c, in->stream_name, in->stream_arn);
    }
}

void op_merge_shards(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_merge_shards_input *in = input;
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_MERGE_SHARDS;
    if (take_shard(x, in->shard_to_merge, in->stream_name, in->stream_arn,
                   &c->command.merge.left) &&
        take_shard(x, in->adjacent_shard_to_merge, in->stream_name, in->stream_arn,
                   &c->command.merge.right))
        control_command_run(s, c, in->stream_name, in->stream_arn);
}
