/* destination.c: which destination serves which kind. */
#include "delivery/destination.h"

const struct destination_ops *destination_of(enum delivery_kind kind)
{
    static const struct destination_ops *const all[] = {
        [DELIVERY_TO_S3] = &destination_s3,
        [DELIVERY_TO_HTTP] = &destination_http,
        [DELIVERY_TO_SPLUNK] = &destination_splunk,
        [DELIVERY_TO_OPENSEARCH] = &destination_opensearch,
    };
    return all[kind];
}
