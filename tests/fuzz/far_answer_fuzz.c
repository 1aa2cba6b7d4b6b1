/* far_answer_fuzz.c: what far sides answer: HTTP endpoints, Splunk's collector and its acknowledgments, the bulk API. The first byte chooses. */
#include "base/must.h"
#include "delivery/bulk.h"
#include "delivery/hec.h"
#include "delivery/http_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void item(void *arg, uint32_t place, const struct bulk_item *it)
{
    must(place == (*(uint32_t *)arg)++ && it->status >= 100 && it->status < 600);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes answer = bytes_of(data + 1, size - 1);
    struct fault f;
    struct hec_answer hec;
    bool yes;
    uint32_t seen = 0, count = data[0] >> 2;
    switch (data[0] & 3) {
    case 0:
        must(http_answer_check(answer, "id", &f) == OK || f.status == MALFORMED);
        break;
    case 1:
        must(hec_answer_read(answer, &hec) == OK || (hec.code == HEC_NO_CODE && !hec.has_ack));
        break;
    case 2:
        must(hec_ack_read(answer, count, &yes) == OK || !yes);
        break;
    default:
        must(bulk_answer_read(answer, count, item, &seen) == OK ? seen == count : seen == 0);
    }
    return 0;
}
