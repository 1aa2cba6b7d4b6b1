/* op_account.c: DescribeAccountSettings and UpdateAccountSettings. Both ask the catalog's thread, which alone knows; the answer is the
 * settings as they are then. */
#include "api/operations.h"

static struct opt_int time_of(uint64_t ms)
{
    return (struct opt_int){(int64_t)ms, ms != 0};
}

static void answer(struct control_command *c)
{
    static const char *const names[] = {"DISABLED", "ENABLED",
                                        "ENABLED_UNTIL_EARLIEST_ALLOWED_END"};
    const struct commitment *now = &c->command.account.commitment;
    enum commitment_status status = commitment_status(now, clock_wall_ms(c->service->clock));
    struct kinesis_minimum_throughput_billing_commitment_output shown = {
        .status = bytes_text(names[status]),
        .started_at = time_of(now->started_ms),
        .ended_at = time_of(status == COMMITMENT_DISABLED ? now->ends_ms : 0),
        .earliest_allowed_end_at =
            time_of(status == COMMITMENT_DISABLED ? 0 : now->started_ms + COMMITMENT_LEAST_MS),
    };
    struct kinesis_describe_account_settings_output out = {.minimum_throughput_billing_commitment =
                                                               &shown};
    /* The output of UpdateAccountSettings has the same members. */
    reply_shape(c->exchange, &shape_kinesis_describe_account_settings_output, &out);
}

static void ask(struct service *s, struct exchange *x, enum commitment_wish wish)
{
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SETTLE_ACCOUNT;
    c->command.scope = x->scope;
    c->command.account.wish = wish;
    c->answer = answer;
    control_command_submit(s, c);
}

void op_describe_account_settings(struct service *s, struct exchange *x, const void *input)
{
    (void)input;
    ask(s, x, COMMITMENT_LOOK);
}

void op_update_account_settings(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_update_account_settings_input *in = input;
    int status = shape_enum_index(&shape_kinesis_minimum_throughput_billing_commitment_input_status,
                                  in->minimum_throughput_billing_commitment->status);
    ask(s, x,
        status == KINESIS_MINIMUM_THROUGHPUT_BILLING_COMMITMENT_INPUT_STATUS_ENABLED
            ? COMMITMENT_ENABLE
            : COMMITMENT_DISABLE);
}
