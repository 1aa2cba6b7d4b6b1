/* delivery_quota.c: the numbers are AWS's ("Amazon Data Firehose Quota"): three regions take more than the others. */
#include "delivery/delivery_quota.h"

#include "base/limits.h"

#include <string.h>

static const struct rates {
    uint64_t requests, records, bytes; /* a second */
} large = {2000, 500000, MIB(5)}, usual = {1000, 100000, MIB(1)};

static const struct rates *rates_of(const char *region)
{
    static const char *const large_regions[] = {"us-east-1", "us-west-2", "eu-west-1"};
    for (size_t i = 0; i < sizeof(large_regions) / sizeof(*large_regions); i++)
        if (strcmp(region, large_regions[i]) == 0)
            return &large;
    return &usual;
}

static bool take(struct bucket *b, uint64_t now_ns, uint64_t amount, uint64_t per_s)
{
    return bucket_take(b, now_ns, bucket_cost_ns(amount, per_s), bucket_cost_ns(1, 1));
}

bool delivery_quota_request(struct delivery_quota *q, const char *region, uint64_t now_ns)
{
    return take(&q->requests, now_ns, 1, rates_of(region)->requests);
}

bool delivery_quota_record(struct delivery_quota *q, const char *region, uint64_t now_ns,
                           uint64_t bytes)
{
    const struct rates *r = rates_of(region);
    if (!take(&q->records, now_ns, 1, r->records))
        return false;
    if (take(&q->bytes, now_ns, bytes, r->bytes))
        return true;
    bucket_return(&q->records, bucket_cost_ns(1, r->records));
    return false;
}
