/* sdk_answer_fuzz.c: what a service may answer to the SDK: the first byte chooses the operation, the second the HTTP status and the
 * content type, the rest is the body. */
#include "base/limits.h"
#include "base/must.h"
#include "consumer-sdk/answer.h"
#include "consumer-sdk/operation.h"
#include "wire/model/firehose.h"
#include "wire/model/kinesis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct operation_model *model_for(uint8_t choice)
{
    unsigned at = choice % (KINESIS_OPERATIONS + FIREHOSE_OPERATIONS);
    return at < KINESIS_OPERATIONS ? &kinesis_operations[at]
                                   : &firehose_operations[at - KINESIS_OPERATIONS];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct sluice_operation operation = {.model = model_for(data[0]), .target = ""};
    struct web_call call = {.status = OK, .code = (data[1] & 1) ? 200 : 400};
    if (data[1] & 2)
        call.answer_type = BYTES_LITERAL("application/x-amz-cbor-1.1");
    if (data[1] & 4)
        call.answer_error_type = call.answer_request_id = bytes_of(data + 2, size - 2);
    buf_init(&call.answer, REPLY_BYTES_MAX);
    buf_append(&call.answer, bytes_of(data + 2, size - 2));
    struct sluice_error error = {0};
    sluice_reply *reply = NULL;
    enum sluice_status st = answer_read(&operation, &call, &reply, &error);
    must((st == SLUICE_OK) == (reply != NULL));
    must(st == SLUICE_OK || error.status == st);
    must(memchr(error.type, '\0', sizeof(error.type)) != NULL);
    must(memchr(error.message, '\0', sizeof(error.message)) != NULL);
    sluice_reply_free(reply);
    buf_fini(&call.answer);
    return 0;
}
