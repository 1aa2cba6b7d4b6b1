/* output_rules.h: what a view's configuration means for one channel: where results go, and when an output closes. Pure; views of the view. */
#ifndef SLUICE_DELIVERY_OUTPUT_RULES_H
#define SLUICE_DELIVERY_OUTPUT_RULES_H

#include "delivery/compress.h"
#include "delivery/delivery.h"
#include "delivery/process.h"

enum { OUTPUT_CHANNELS = 3, OUTPUT_RECORDS_MAX = 10000, OUTPUT_PARTITIONS_MAX = 500 };

struct output_rules {
    bool to_s3; /* else to the destination of the view's kind */
    struct bytes bucket, prefix, error_prefix, kms_key, extension;
    enum compression compression;
    const struct columnar *columnar; /* of rows; set by who has the library */
    uint64_t bytes_max;              /* before compression */
    uint64_t interval_ms;
    uint32_t records_max;
};
void output_rules_of(const struct delivery_view *v, enum output_channel c,
                     struct output_rules *out);
/* Whether the source goes into the backup as it came. */
bool view_backs_up(const struct delivery_view *v);
bool view_partitions(const struct delivery_view *v);
struct bytes view_time_zone(const struct delivery_view *v); /* absent: UTC */
/* The error-output-type of what the destination refused. */
struct bytes view_failure_type(const struct delivery_view *v);

#endif
