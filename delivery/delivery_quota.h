/* delivery_quota.h: AWS's rates of DirectPut, for one delivery stream: requests, records and bytes a second, by region. Held only with
 * --quotas aws. Times as in shards/quota.h. Thread: any. */
#ifndef SLUICE_DELIVERY_DELIVERY_QUOTA_H
#define SLUICE_DELIVERY_DELIVERY_QUOTA_H

#include "shards/quota.h"

/* All zero: full. */
struct delivery_quota {
    struct bucket requests, records, bytes;
};
/* One PutRecord or PutRecordBatch; then each record of it. */
bool delivery_quota_request(struct delivery_quota *q, const char *region, uint64_t now_ns);
bool delivery_quota_record(struct delivery_quota *q, const char *region, uint64_t now_ns,
                           uint64_t bytes);

#endif
