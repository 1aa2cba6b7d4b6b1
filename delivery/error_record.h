/* error_record.h: a line of an error output, as AWS writes it: a JSON object and a newline. Which members there are depends on what failed:
 *
 *   HTTP endpoint   attemptsMade arrivalTimestamp errorCode errorMessage attemptEndingTimestamp rawData subsequenceNumber dataId
 *   Splunk          ... rawData EventId
 *   OpenSearch      ... attemptEndingTimestamp esDocumentId esIndexName esTypeName rawData
 *   processing      ... rawData lambdaArn
 *   conversion      attemptsMade arrivalTimestamp lastErrorCode lastErrorMessage attemptEndingTimestamp rawData sequenceNumber subSequenceNumber
 *                   dataCatalogTable
 *
 * Thread: any. */
#ifndef SLUICE_DELIVERY_ERROR_RECORD_H
#define SLUICE_DELIVERY_ERROR_RECORD_H

#include "base/buf.h"
#include "wire/model/firehose.h"

struct error_record {
    uint32_t attempts;
    uint64_t arrival_ms, ended_ms;
    const char *code, *message;
    struct bytes data; /* the record as it was given; base64 in the line */
    /* absent: not in the line */
    struct bytes lambda_arn;
    struct bytes event_id;                           /* Splunk */
    struct bytes document_id, index_name, type_name; /* OpenSearch: all three, or none */
    struct bytes sequence; /* HTTP endpoint: the record's sequence number; dataId is SEQUENCE.SUB */
    uint32_t sub;
    const struct firehose_schema_configuration
        *schema; /* conversion: the table; sequence and sub are the record's. Else NULL */
};
/* Failures latch in out->status. */
void error_record_append(const struct error_record *e, struct buf *out);

#endif
