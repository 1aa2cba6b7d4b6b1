/* output_rules.c: see the header. Each kind of destination has its own shapes for the same few things. */
#include "delivery/output_rules.h"

#include "base/limits.h"
#include "delivery/conversion.h"

typedef struct firehose_s3_destination_configuration s3_shape;

static const struct firehose_extended_s3_destination_configuration *
extended(const struct delivery_view *v)
{
    return v->kind == DELIVERY_TO_S3 ? v->config->extended_s3_destination_configuration : NULL;
}

static bool is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_text(text));
}

bool view_partitions(const struct delivery_view *v)
{
    const struct firehose_extended_s3_destination_configuration *s3 = extended(v);
    return s3 && s3->dynamic_partitioning_configuration &&
           s3->dynamic_partitioning_configuration->enabled.value;
}

struct bytes view_time_zone(const struct delivery_view *v)
{
    const struct firehose_extended_s3_destination_configuration *s3 = extended(v);
    return s3 && s3->custom_time_zone.len ? s3->custom_time_zone : BYTES_NONE;
}

/* What a kind that is not S3 says. */
struct other {
    struct opt_int megabytes, seconds;
    struct bytes backup_mode;
    const s3_shape *s3;
    const char *all, *failure_type;
};

static struct other other_of(const struct delivery_view *v)
{
    const struct firehose_create_delivery_stream_input *c = v->config;
    struct other o = {0};
    if (v->kind == DELIVERY_TO_HTTP) {
        const struct firehose_http_endpoint_destination_configuration *h =
            c->http_endpoint_destination_configuration;
        o = (struct other){.backup_mode = h->s3_backup_mode,
                           .s3 = h->s3_configuration,
                           .all = "AllData",
                           .failure_type = "http-endpoint-failed"};
        if (h->buffering_hints) {
            o.megabytes = h->buffering_hints->size_in_mbs;
            o.seconds = h->buffering_hints->interval_in_seconds;
        }
    } else if (v->kind == DELIVERY_TO_SPLUNK) {
        const struct firehose_splunk_destination_configuration *h =
            c->splunk_destination_configuration;
        o = (struct other){.backup_mode = h->s3_backup_mode,
                           .s3 = h->s3_configuration,
                           .all = "AllEvents",
                           .failure_type = "splunk-failed"};
        if (h->buffering_hints) {
            o.megabytes = h->buffering_hints->size_in_mbs;
            o.seconds = h->buffering_hints->interval_in_seconds;
        }
    } else if (v->kind == DELIVERY_TO_OPENSEARCH) {
        const struct firehose_amazonopensearchservice_destination_configuration *h =
            c->amazonopensearchservice_destination_configuration;
        o = (struct other){.backup_mode = h->s3_backup_mode,
                           .s3 = h->s3_configuration,
                           .all = "AllDocuments",
                           .failure_type = "AmazonOpenSearchService-failed"};
        if (h->buffering_hints) {
            o.megabytes = h->buffering_hints->size_in_mbs;
            o.seconds = h->buffering_hints->interval_in_seconds;
        }
    }
    return o;
}

struct bytes view_failure_type(const struct delivery_view *v)
{
    return v->kind == DELIVERY_TO_S3 ? BYTES_LITERAL("processing-failed")
                                     : bytes_text(other_of(v).failure_type);
}

bool view_backs_up(const struct delivery_view *v)
{
    const struct firehose_extended_s3_destination_configuration *s3 = extended(v);
    if (s3)
        return is(s3->s3_backup_mode, "Enabled") && s3->s3_backup_configuration;
    struct other o = other_of(v);
    return o.all && is(o.backup_mode, o.all);
}

/* "arn:aws:s3:::bucket" */
static struct bytes bucket_of(struct bytes arn)
{
    size_t from = arn.len;
    while (from > 0 && arn.at[from - 1] != ':')
        from--;
    return bytes_of(arn.at + from, arn.len - from);
}

static void set_hints(struct output_rules *out, struct opt_int megabytes, struct opt_int seconds)
{
    out->bytes_max = MIB(megabytes.present ? (uint64_t)megabytes.value : 5);
    out->interval_ms = 1000 * (seconds.present ? (uint64_t)seconds.value : 300);
}

static void set_common(struct output_rules *out, struct bytes bucket_arn, struct bytes compression,
                       const struct firehose_buffering_hints *hints,
                       const struct firehose_encryption_configuration *encryption)
{
    const struct opt_int none = {0};
    out->to_s3 = true;
    out->bucket = bucket_of(bucket_arn);
    out->records_max = UINT32_MAX;
    (void)compression_parse(compression, &out->extension, &out->compression);
    set_hints(out, hints ? hints->size_in_mbs : none, hints ? hints->interval_in_seconds : none);
    if (encryption && encryption->kms_encryption_config)
        out->kms_key = encryption->kms_encryption_config->aws_kms_key_arn;
}

static void rules_of_s3(const s3_shape *s3, struct output_rules *out)
{
    set_common(out, s3->bucket_arn, s3->compression_format, s3->buffering_hints,
               s3->encryption_configuration);
    out->prefix = s3->prefix;
    out->error_prefix = s3->error_output_prefix;
}

void output_rules_of(const struct delivery_view *v, enum output_channel c, struct output_rules *out)
{
    *out = (struct output_rules){0};
    const struct firehose_extended_s3_destination_configuration *s3 = extended(v);
    struct other o = other_of(v);
    if (!s3 && c == OUTPUT_MAIN) {
        set_hints(out, o.megabytes, o.seconds);
        out->records_max = OUTPUT_RECORDS_MAX;
    } else if (!s3) {
        rules_of_s3(o.s3, out);
    } else if (c == OUTPUT_BACKUP && s3->s3_backup_configuration) {
        rules_of_s3(s3->s3_backup_configuration, out);
    } else {
        set_common(out, s3->bucket_arn, s3->compression_format, s3->buffering_hints,
                   s3->encryption_configuration);
        out->prefix = s3->prefix;
        out->error_prefix = s3->error_output_prefix;
        const struct firehose_data_format_conversion_configuration *to_columns =
            conversion_of(v->config);
        if (to_columns && c == OUTPUT_MAIN) {
            out->compression = conversion_compression(to_columns);
            out->extension = compression_extension(out->compression);
        }
        if (s3->file_extension.len)
            out->extension = s3->file_extension;
    }
}
