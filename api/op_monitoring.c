/* op_monitoring.c: EnableEnhancedMonitoring and DisableEnhancedMonitoring, and how a set of shard-level metrics is shown. */
#include "api/operations.h"

struct kinesis_metrics_name_list metric_names_describe(uint32_t metrics, struct arena *a)
{
    struct kinesis_metrics_name_list list = {.present = true};
    list.at = arena_zero(a, SHARD_METRICS * sizeof(*list.at));
    for (uint32_t i = 0; list.at && i < SHARD_METRICS; i++)
        if (metrics & 1u << i)
            list.at[list.count++] = bytes_text(shard_metric_name((enum shard_metric)i));
    return list;
}

static uint32_t mask_of(const struct kinesis_metrics_name_list *names)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < names->count; i++) {
        int metric = shape_enum_index(&shape_kinesis_metrics_name, names->at[i]);
        mask |= metric == KINESIS_METRICS_NAME_ALL ? SHARD_METRICS_ALL : 1u << metric;
    }
    return mask;
}

static void answer_monitoring(struct control_command *c)
{
    struct exchange *x = c->exchange;
    struct kinesis_enhanced_monitoring_output out = {
        .stream_name = c->command.stream,
        .stream_arn = control_command_arn(c),
        .current_shard_level_metrics =
            metric_names_describe(c->command.monitoring.before, &x->arena),
        .desired_shard_level_metrics =
            metric_names_describe(c->command.monitoring.after, &x->arena),
    };
    reply_shape(x, &shape_kinesis_enhanced_monitoring_output, &out);
}

static void set_metrics(struct service *s, struct exchange *x, bool enable, struct bytes name,
                        struct bytes arn, const struct kinesis_metrics_name_list *names)
{
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_SHARD_METRICS;
    c->command.monitoring.enable = enable;
    c->command.monitoring.metrics = mask_of(names);
    c->answer = answer_monitoring;
    control_command_run(s, c, name, arn);
}

void op_enable_enhanced_monitoring(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_enable_enhanced_monitoring_input *in = input;
    set_metrics(s, x, true, in->stream_name, in->stream_arn, &in->shard_level_metrics);
}

void op_disable_enhanced_monitoring(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_disable_enhanced_monitoring_input *in = input;
    set_metrics(s, x, false, in->stream_name, in->stream_arn, &in->shard_level_metrics);
}
