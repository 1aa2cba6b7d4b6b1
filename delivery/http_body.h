/* http_body.h: the two bodies of Firehose's HTTP endpoint delivery (request and response specification): what is sent, and whether what came
 * back agrees. Thread: any. */
#ifndef SLUICE_DELIVERY_HTTP_BODY_H
#define SLUICE_DELIVERY_HTTP_BODY_H

#include "delivery/destination.h"

/* X-Amz-Firehose-Common-Attributes, {"commonAttributes": {...}}: what AWS's 50 of 1280 characters take in ASCII, and as much again. */
enum { HTTP_ATTRIBUTES_BYTES_MAX = 120 * 1024 };
void http_attributes_append(const struct firehose_http_endpoint_request_configuration *request,
                            struct buf *out);
/* {"requestId": parcel->name, "timestamp": now_ms, "records": [{"data": base64}]}; gzipped on request. NO_MEMORY, TOO_LARGE; latches in out. */
enum status http_body_write(const struct parcel *p, uint64_t now_ms, bool gzip, struct buf *out,
                            struct fault *f) MUST_USE;
/* Whether `answer` is {"requestId": request_id, "timestamp": a number, ...}; MALFORMED says what is wrong with it. */
enum status http_answer_check(struct bytes answer, const char *request_id,
                              struct fault *f) MUST_USE;

#endif
