/* error_record.c: see the header. The order of members is that of AWS's examples: people diff them. Thread: any. */
#include "delivery/error_record.h"

#include "wire/base64.h"
#include "wire/json.h"

static void member(struct buf *out, const char *name, struct bytes value)
{
    if (!bytes_present(value))
        return;
    buf_printf(out, ",\"%s\":", name);
    json_append_string(out, value);
}

void error_record_append(const struct error_record *e, struct buf *out)
{
    buf_printf(out, "{\"attemptsMade\":%u,\"arrivalTimestamp\":%llu", e->attempts,
               (unsigned long long)e->arrival_ms);
    member(out, "errorCode", bytes_text(e->code));
    member(out, "errorMessage", bytes_text(e->message));
    buf_printf(out, ",\"attemptEndingTimestamp\":%llu", (unsigned long long)e->ended_ms);
    member(out, "esDocumentId", e->document_id);
    member(out, "esIndexName", e->index_name);
    member(out, "esTypeName", e->type_name);
    buf_append_text(out, ",\"rawData\":\"");
    base64_append(out, e->data);
    buf_append_byte(out, '"');
    member(out, "lambdaArn", e->lambda_arn);
    member(out, "EventId", e->event_id);
    if (bytes_present(e->sequence))
        buf_printf(out, ",\"subsequenceNumber\":%u,\"dataId\":\"%.*s.%u\"", e->sub,
                   BYTES_ARGS(e->sequence), e->sub);
    buf_append_text(out, "}\n");
}
