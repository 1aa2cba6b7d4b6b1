/* hec.h: what Splunk's HTTP Event Collector answers.
 *
 *   to events   {"text": "Success", "code": 0, "ackId": 7}
 *   to /ack     {"acks": {"7": true}}
 *
 * Thread: any. */
#ifndef SLUICE_DELIVERY_HEC_H
#define SLUICE_DELIVERY_HEC_H

#include "base/bytes.h"
#include "base/status.h"

enum { HEC_TEXT_BYTES = 200, HEC_NO_CODE = -1 };
struct hec_answer {
    int code; /* HEC's own, HEC_NO_CODE when there is none */
    bool has_ack;
    uint64_t ack_id;
    char text[HEC_TEXT_BYTES]; /* "" when there is none */
};
/* MALFORMED: not a JSON object; *out then says that nothing was said. */
enum status hec_answer_read(struct bytes answer, struct hec_answer *out) MUST_USE;
/* Whether that id is acknowledged. MALFORMED: the answer does not tell. */
enum status hec_ack_read(struct bytes answer, uint64_t ack_id, bool *acknowledged) MUST_USE;
/* Firehose's error code for what HEC said with that HTTP status; *for_good when sending it again cannot help. */
const char *hec_error(const struct hec_answer *a, int http_status, bool *for_good);

#endif
