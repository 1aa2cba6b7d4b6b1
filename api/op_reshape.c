/* op_reshape.c: UpdateShardCount, UpdateStreamMode, UpdateStreamWarmThroughput, UpdateMaxRecordSize: arguments and answers here, the work in
 * shards/reshard_count.c and shards/catalog_reshape.c. */
#include "api/operations.h"

#include "shards/stream_fault.h"

/* A count on the wire may be any integer; what is too large for us is too large for every check behind. */
static uint32_t count_of(int64_t value)
{
    return value > INT32_MAX / 4 ? INT32_MAX / 4 : (uint32_t)value;
}

static void answer_recount(struct control_command *c)
{
    struct kinesis_update_shard_count_output out = {
        .stream_name = c->command.stream,
        .stream_arn = control_command_arn(c),
        .current_shard_count = {c->command.recount.before, true},
        .target_shard_count = {c->command.recount.target, true},
    };
    reply_shape(c->exchange, &shape_kinesis_update_shard_count_output, &out);
}

void op_update_shard_count(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_update_shard_count_input *in = input;
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_SHARD_COUNT;
    c->command.recount.target = count_of(in->target_shard_count.value);
    c->answer = answer_recount;
    control_command_run(s, c, in->stream_name, in->stream_arn);
}

void op_update_stream_mode(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_update_stream_mode_input *in = input;
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    bool on_demand =
        shape_enum_index(&shape_kinesis_stream_mode, in->stream_mode_details->stream_mode) ==
        KINESIS_STREAM_MODE_ON_DEMAND;
    if (!on_demand && in->warm_throughput_mibps.present) {
        struct fault f = {0};
        fault_warm_mode(&f);
        reply_fault(x, &f);
        return;
    }
    c->command.verb = CATALOG_SET_STREAM_MODE;
    c->command.mode.mode = on_demand ? STREAM_ON_DEMAND : STREAM_PROVISIONED;
    c->command.mode.warm_given = in->warm_throughput_mibps.present;
    if (in->warm_throughput_mibps.present)
        c->command.mode.warm_mibps = count_of(in->warm_throughput_mibps.value);
    control_command_run(s, c, BYTES_NONE, in->stream_arn);
}

/* A shard takes 1 MiB/s, so what there is of the target now is counted in shards. */
struct kinesis_warm_throughput_object *warm_describe(uint32_t target_mibps, uint32_t open_shards,
                                                     struct arena *a)
{
    uint32_t now_mibps = open_shards < target_mibps ? open_shards : target_mibps;
    struct kinesis_warm_throughput_object *warm = arena_zero(a, sizeof(*warm));
    if (warm)
        *warm = (struct kinesis_warm_throughput_object){.target_mibps = {target_mibps, true},
                                                        .current_mibps = {now_mibps, true}};
    return warm;
}

static void answer_warm(struct control_command *c)
{
    struct kinesis_update_stream_warm_throughput_output out = {
        .stream_name = c->command.stream,
        .stream_arn = control_command_arn(c),
        .warm_throughput =
            warm_describe(c->command.warm.mibps, c->command.warm.open_count, &c->exchange->arena),
    };
    reply_shape(c->exchange, &shape_kinesis_update_stream_warm_throughput_output, &out);
}

void op_update_stream_warm_throughput(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_update_stream_warm_throughput_input *in = input;
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_WARM_THROUGHPUT;
    c->command.warm.mibps = count_of(in->warm_throughput_mibps.value);
    c->answer = answer_warm;
    control_command_run(s, c, in->stream_name, in->stream_arn);
}

void op_update_max_record_size(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_update_max_record_size_input *in = input;
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_RECORD_SIZE;
    c->command.record_kib = (uint32_t)in->max_record_size_in_kib.value;
    control_command_run(s, c, BYTES_NONE, in->stream_arn);
}
