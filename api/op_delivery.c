/* op_delivery.c: delivery streams made, changed, encrypted, flushed and deleted: commands to delivery-control. Showing them:
 * op_delivery_describe.c. */
#include "api/delivery_request.h"
#include "wire/model/sluice.h"

enum { FLUSH_MS = 60000 };

/* Firehose answers an operation without members with an empty object. */
static void answer_nothing(struct delivery_request *r)
{
    static const struct firehose_update_destination_output out;
    reply_shape(r->exchange, &shape_firehose_update_destination_output, &out);
}

static void answer_created(struct delivery_request *r)
{
    struct exchange *x = r->exchange;
    char name[DELIVERY_NAME_BYTES_MAX + 1] = "", arn[DELIVERY_ARN_BYTES];
    memcpy(name, r->command.name.at, r->command.name.len);
    delivery_arn(&x->scope, name, arn);
    struct firehose_create_delivery_stream_output out = {
        .delivery_stream_arn = arena_copy(&x->arena, bytes_text(arn))};
    reply_shape(x, &shape_firehose_create_delivery_stream_output, &out);
}

void op_create_delivery(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_create_delivery_stream_input *in = input;
    struct delivery_request *r =
        delivery_request_new(x, DELIVERY_CREATE, in->delivery_stream_name, answer_created);
    if (!r)
        return;
    r->command.create = in;
    delivery_request_run(s, r);
}

void op_delete_delivery(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_delete_delivery_stream_input *in = input;
    struct delivery_request *r =
        delivery_request_new(x, DELIVERY_DELETE, in->delivery_stream_name, answer_nothing);
    if (r)
        delivery_request_run(s, r);
}

void op_update_destination(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_update_destination_input *in = input;
    struct delivery_request *r =
        delivery_request_new(x, DELIVERY_UPDATE, in->delivery_stream_name, answer_nothing);
    if (!r)
        return;
    r->command.update = in;
    delivery_request_run(s, r);
}

void op_start_delivery_encryption(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_start_delivery_stream_encryption_input *in = input;
    struct delivery_request *r = delivery_request_new(x, DELIVERY_START_ENCRYPTION,
                                                      in->delivery_stream_name, answer_nothing);
    if (!r)
        return;
    r->command.start = in->delivery_stream_encryption_configuration_input;
    delivery_request_run(s, r);
}

void op_stop_delivery_encryption(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_stop_delivery_stream_encryption_input *in = input;
    struct delivery_request *r =
        delivery_request_new(x, DELIVERY_STOP_ENCRYPTION, in->delivery_stream_name, answer_nothing);
    if (r)
        delivery_request_run(s, r);
}

static void answer_flushed(struct delivery_request *r)
{
    reply_empty(r->exchange);
}

/* Of our own: what was acknowledged before is delivered now, not when its buffer is full or old enough. */
void op_flush_delivery(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_flush_delivery_stream_input *in = input;
    struct delivery_request *r =
        delivery_request_new(x, DELIVERY_FLUSH, in->delivery_stream_name, answer_flushed);
    if (!r)
        return;
    r->command.within_ms =
        in->within_seconds.present ? (uint64_t)in->within_seconds.value * 1000 : FLUSH_MS;
    delivery_request_run(s, r);
}
