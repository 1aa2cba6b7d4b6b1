/* op_encryption.c: StartStreamEncryption and StopStreamEncryption. What they do is shards/stream_encryption.h's. */
#include "api/operations.h"

static void set(struct service *s, struct exchange *x, bool start, struct bytes type,
                struct bytes key_id, struct bytes name, struct bytes arn)
{
    struct fault f = {0};
    if (shape_enum_index(&shape_kinesis_encryption_type, type) != KINESIS_ENCRYPTION_TYPE_KMS) {
        fault_set(&f, INVALID_ARGUMENT,
                  "EncryptionType %.*s is not supported: the only encryption type is KMS.",
                  BYTES_ARGS(type));
        reply_fault(x, &f);
        return;
    }
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_ENCRYPTION;
    c->command.encryption.start = start;
    c->command.encryption.key_id = key_id;
    control_command_run(s, c, name, arn);
}

void op_start_encryption(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_start_stream_encryption_input *in = input;
    set(s, x, true, in->encryption_type, in->key_id, in->stream_name, in->stream_arn);
}

void op_stop_encryption(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_stop_stream_encryption_input *in = input;
    set(s, x, false, in->encryption_type, in->key_id, in->stream_name, in->stream_arn);
}
