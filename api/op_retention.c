/* op_retention.c: IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod. */
#include "api/operations.h"

static void set_retention(struct service *s, struct exchange *x, bool increase, int64_t hours,
                          struct bytes name, struct bytes arn)
{
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_RETENTION;
    c->command.retention.increase = increase;
    c->command.retention.hours = hours;
    control_command_run(s, c, name, arn);
}

void op_increase_retention(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_increase_stream_retention_period_input *in = input;
    set_retention(s, x, true, in->retention_period_hours.value, in->stream_name, in->stream_arn);
}

void op_decrease_retention(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_decrease_stream_retention_period_input *in = input;
    set_retention(s, x, false, in->retention_period_hours.value, in->stream_name, in->stream_arn);
}
