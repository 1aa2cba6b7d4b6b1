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

static void raw_data(struct buf *out, struct bytes data)
{
    buf_append_text(out, ",\"rawData\":\"");
    base64_append(out, data);
    buf_append_byte(out, '"');
}

/* dataCatalogTable, by AWS's guide ("Error handling" of record format conversion). */
static void table(const struct firehose_schema_configuration *s, struct buf *out)
{
    const struct {
        const char *name;
        struct bytes value;
    } members[] = {{"catalogId", s->catalog_id}, {"databaseName", s->database_name},
                   {"tableName", s->table_name}, {"region", s->region},
                   {"versionId", s->version_id}, {"roleArn", s->role_arn}};
    buf_append_text(out, ",\"dataCatalogTable\":{");
    for (size_t i = 0, count = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!bytes_present(members[i].value))
            continue;
        buf_printf(out, "%s\"%s\":", count++ ? "," : "", members[i].name);
        json_append_string(out, members[i].value);
    }
    buf_append_byte(out, '}');
}

static void append_conversion(const struct error_record *e, struct buf *out)
{
    member(out, "lastErrorCode", bytes_text(e->code));
    member(out, "lastErrorMessage", bytes_text(e->message));
    buf_printf(out, ",\"attemptEndingTimestamp\":%llu", (unsigned long long)e->ended_ms);
    raw_data(out, e->data);
    member(out, "sequenceNumber", e->sequence);
    buf_printf(out, ",\"subSequenceNumber\":%u", e->sub);
    table(e->schema, out);
}

static void append_other(const struct error_record *e, struct buf *out)
{
    member(out, "errorCode", bytes_text(e->code));
    member(out, "errorMessage", bytes_text(e->message));
    buf_printf(out, ",\"attemptEndingTimestamp\":%llu", (unsigned long long)e->ended_ms);
    member(out, "esDocumentId", e->document_id);
    member(out, "esIndexName", e->index_name);
    member(out, "esTypeName", e->type_name);
    raw_data(out, e->data);
    member(out, "lambdaArn", e->lambda_arn);
    member(out, "EventId", e->event_id);
    if (bytes_present(e->sequence))
        buf_printf(out, ",\"subsequenceNumber\":%u,\"dataId\":\"%.*s.%u\"", e->sub,
                   BYTES_ARGS(e->sequence), e->sub);
}

void error_record_append(const struct error_record *e, struct buf *out)
{
    buf_printf(out, "{\"attemptsMade\":%u,\"arrivalTimestamp\":%llu", e->attempts,
               (unsigned long long)e->arrival_ms);
    if (e->schema)
        append_conversion(e, out);
    else
        append_other(e, out);
    buf_append_text(out, "}\n");
}
