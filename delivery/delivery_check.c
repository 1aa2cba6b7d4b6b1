/* delivery_check.c: the rules between members, each a function, in the order in which a configuration is written.
 *
 * Sentences are AWS's own where they are known (docs/API.md); the others say what its documentation says. */
#include "delivery/delivery_check.h"

#include "delivery/http_body.h"
#include "delivery/post.h"
#include "delivery/prefix.h"
#include "delivery/process.h"
#include "delivery/time_zone.h"

enum { LARGE_BUFFER_MIB = 64 };

/* ---- what was given ---- */

static bool is_hints(const char *name)
{
    return strcmp(name, "BufferingHints") == 0;
}

/* Both or none, in whichever destination they stand. */
static bool is_whole(const struct shape *s, const void *hints)
{
    for (uint32_t i = 0; i < s->field_count; i++)
        if (!shape_is_present(s->fields[i].shape, (const uint8_t *)hints + s->fields[i].offset))
            return false;
    return true;
}

enum status delivery_check_given(const struct shape *shape, const void *given, struct fault *f)
{
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];
        const uint8_t *member = (const uint8_t *)given + field->offset;
        if (field->shape->kind != SHAPE_STRUCTURE || !shape_is_present(field->shape, member))
            continue;
        const void *inner;
        memcpy(&inner, member, sizeof(inner));
        if (is_hints(field->name) && !is_whole(field->shape, inner))
            return fault_set(f, INVALID_ARGUMENT,
                             "BufferingHints must give both SizeInMBs and IntervalInSeconds, or "
                             "neither of them.");
        enum status st = delivery_check_given(field->shape, inner, f);
        if (st != OK)
            return st;
    }
    return OK;
}

/* ---- sources and encryption ---- */

static bool is(struct bytes text, const char *value)
{
    return bytes_equal(text, bytes_text(value));
}

static enum status check_source(const struct firehose_create_delivery_stream_input *c,
                                struct fault *f)
{
    bool kinesis = is(c->delivery_stream_type, "KinesisStreamAsSource");
    if (c->msk_source_configuration || is(c->delivery_stream_type, "MSKAsSource"))
        return fault_set(f, INVALID_ARGUMENT,
                         "This server does not read from Amazon MSK. Sources are DirectPut and "
                         "KinesisStreamAsSource.");
    if (c->database_source_configuration || is(c->delivery_stream_type, "DatabaseAsSource"))
        return fault_set(f, INVALID_ARGUMENT,
                         "This server does not read from databases. Sources are DirectPut and "
                         "KinesisStreamAsSource.");
    if (c->kinesis_stream_source_configuration && !kinesis)
        return fault_set(
            f, INVALID_ARGUMENT,
            "KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type");
    if (kinesis && !c->kinesis_stream_source_configuration)
        return fault_set(f, INVALID_ARGUMENT,
                         "KinesisSourceStreamConfig is required for KinesisStreamAsSource stream "
                         "type");
    if (kinesis && c->direct_put_source_configuration)
        return fault_set(f, INVALID_ARGUMENT,
                         "DirectPutSourceConfig is only applicable for DirectPut stream type");
    if (kinesis && c->delivery_stream_encryption_configuration_input)
        return fault_set(f, INVALID_ARGUMENT,
                         "Server-side encryption is only applicable for DirectPut stream type");
    return OK;
}

enum status
delivery_check_encryption(const struct firehose_delivery_stream_encryption_configuration_input *e,
                          struct fault *f)
{
    if (!e)
        return OK;
    bool own = is(e->key_type, "CUSTOMER_MANAGED_CMK");
    if (own && !bytes_present(e->key_arn))
        return fault_set(f, INVALID_ARGUMENT,
                         "KeyARN must be specified when KeyType is CUSTOMER_MANAGED_CMK.");
    if (!own && bytes_present(e->key_arn))
        return fault_set(f, INVALID_ARGUMENT,
                         "KeyARN must not be specified when KeyType is AWS_OWNED_CMK.");
    return OK;
}

/* ---- processing ---- */

/* The one place where processors are looked at. `prefix`: of what is partitioned. */
static enum status check_processing(const struct firehose_processing_configuration *p,
                                    bool partitioning, struct bytes prefix,
                                    const struct delivery_allowed *allowed, struct fault *f)
{
    const struct process_rules rules = {.processing = p,
                                        .partitioning = partitioning,
                                        .prefix = prefix,
                                        .transforms = allowed->transforms};
    return process_check(&rules, f);
}

/* ---- S3 ---- */

static enum status check_s3(const struct firehose_s3_destination_configuration *s, struct fault *f)
{
    if (s && (!bytes_present(s->role_arn) || !bytes_present(s->bucket_arn)))
        return fault_set(f, INVALID_ARGUMENT,
                         "RoleARN and BucketARN must be specified for a backup bucket.");
    return s ? prefix_check(s->prefix, s->error_output_prefix, false, f) : OK;
}

static enum status check_encryption_of_objects(const struct firehose_encryption_configuration *e,
                                               struct fault *f)
{
    if (e && e->kms_encryption_config && bytes_present(e->no_encryption_config))
        return fault_set(f, INVALID_ARGUMENT,
                         "EncryptionConfiguration must not give both NoEncryptionConfig and "
                         "KMSEncryptionConfig.");
    return OK;
}

static bool partitions(const struct firehose_create_delivery_stream_input *c)
{
    const struct firehose_extended_s3_destination_configuration *d =
        c ? c->extended_s3_destination_configuration : NULL;
    return d && d->dynamic_partitioning_configuration &&
           d->dynamic_partitioning_configuration->enabled.value;
}

static enum status
check_partitioning(const struct firehose_extended_s3_destination_configuration *d, bool now,
                   bool before, bool is_update, struct fault *f)
{
    if (is_update && before != now)
        return fault_set(f, INVALID_ARGUMENT,
                         now ? "Dynamic Partitioning can only be enabled when a delivery stream "
                               "is created."
                             : "Dynamic Partitioning cannot be disabled once it is enabled.");
    if (!now)
        return OK;
    if (d->buffering_hints->size_in_mbs.value < LARGE_BUFFER_MIB)
        return fault_set(f, INVALID_ARGUMENT,
                         "BufferingHints.SizeInMBs must be at least %d when Dynamic Partitioning "
                         "is enabled.",
                         LARGE_BUFFER_MIB);
    if (!d->processing_configuration || !d->processing_configuration->enabled.value)
        return fault_set(f, INVALID_ARGUMENT,
                         "Processing Configuration must be enabled when Dynamic Partitioning is "
                         "enabled.");
    return OK;
}

static enum status check_conversion(const struct firehose_extended_s3_destination_configuration *d,
                                    struct fault *f)
{
    const struct firehose_data_format_conversion_configuration *c =
        d->data_format_conversion_configuration;
    if (!c || !c->enabled.value)
        return OK;
    if (!is(d->compression_format, "UNCOMPRESSED"))
        return fault_set(f, INVALID_ARGUMENT,
                         "CompressionFormat must be UNCOMPRESSED when data format conversion is "
                         "enabled.");
    if (d->buffering_hints->size_in_mbs.value < LARGE_BUFFER_MIB)
        return fault_set(f, INVALID_ARGUMENT,
                         "BufferingHints.SizeInMBs must be at least %d when data format "
                         "conversion is enabled.",
                         LARGE_BUFFER_MIB);
    return OK;
}

static enum status check_zone(struct bytes name, struct fault *f)
{
    struct time_zone *zone = NULL;
    enum status st = name.len ? time_zone_open(name, &zone, f) : OK;
    time_zone_free(zone);
    if (st != OK)
        return fault_set(f, INVALID_ARGUMENT, "CustomTimeZone %.*s is not a known time zone.",
                         BYTES_ARGS(name));
    return OK;
}

static enum status check_extended_s3(const struct firehose_create_delivery_stream_input *config,
                                     const struct firehose_create_delivery_stream_input *before,
                                     const struct delivery_allowed *allowed, struct fault *f)
{
    const struct firehose_extended_s3_destination_configuration *d =
        config->extended_s3_destination_configuration;
    bool now = partitions(config);
    enum status st = prefix_check(d->prefix, d->error_output_prefix, now, f);
    if (st == OK)
        st = check_partitioning(d, now, partitions(before), before != NULL, f);
    if (st == OK)
        st = check_encryption_of_objects(d->encryption_configuration, f);
    if (st == OK)
        st = check_conversion(d, f);
    if (st == OK)
        st = check_zone(d->custom_time_zone, f);
    if (st == OK && is(d->s3_backup_mode, "Enabled") && !d->s3_backup_configuration)
        st = fault_set(f, INVALID_ARGUMENT,
                       "S3BackupConfiguration must be specified when S3BackupMode is Enabled.");
    if (st == OK)
        st = check_s3(d->s3_backup_configuration, f);
    return st == OK ? check_processing(d->processing_configuration, now, d->prefix, allowed, f)
                    : st;
}

/* ---- the others ---- */

static enum status check_url(const char *member, struct bytes url, bool only443,
                             const struct delivery_allowed *allowed, struct fault *f)
{
    struct fault why;
    if (url_check(url, allowed->plain_http, only443, &why) == OK)
        return OK;
    return fault_set(f, INVALID_ARGUMENT, "%s cannot be delivered to: %s.", member, why.text);
}

/* A secret is a header's value, and must not end it. */
static enum status check_secret(const char *member, struct bytes secret, struct fault *f)
{
    for (size_t i = 0; i < secret.len; i++) {
        if (secret.at[i] < ' ' || secret.at[i] == 0x7f)
            return fault_set(f, INVALID_ARGUMENT, "%s must not contain control characters.",
                             member);
    }
    return OK;
}

static enum status
check_attributes(const struct firehose_http_endpoint_destination_configuration *d, struct fault *f)
{
    if (!d->request_configuration)
        return OK;
    struct buf text;
    buf_init(&text, HTTP_ATTRIBUTES_BYTES_MAX);
    http_attributes_append(d->request_configuration, &text);
    enum status st = text.status;
    buf_fini(&text);
    if (st == TOO_LARGE)
        return fault_set(f, INVALID_ARGUMENT,
                         "CommonAttributes must not take more than %d bytes as JSON.",
                         HTTP_ATTRIBUTES_BYTES_MAX);
    return st == OK ? OK : fault_set(f, st, "no memory to check CommonAttributes");
}

static enum status check_http(const struct firehose_http_endpoint_destination_configuration *d,
                              const struct delivery_allowed *allowed, struct fault *f)
{
    if (!d->endpoint_configuration || !d->s3_configuration)
        return fault_set(f, INVALID_ARGUMENT,
                         "EndpointConfiguration and S3Configuration must be specified.");
    struct bytes url = d->endpoint_configuration->url;
    if (!allowed->plain_http && !bytes_starts_with(url, BYTES_LITERAL("https://")))
        return fault_set(
            f, INVALID_VALUE,
            "1 validation error detected: Value at "
            "'httpEndpointDestinationConfiguration.endpointConfiguration.url' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: https://.*");
    enum status st = check_url("Url", url, true, allowed, f);
    if (st == OK)
        st = check_secret("AccessKey", d->endpoint_configuration->access_key, f);
    if (st == OK)
        st = check_attributes(d, f);
    if (st == OK)
        st = check_s3(d->s3_configuration, f);
    return st == OK ? check_processing(d->processing_configuration, false, BYTES_NONE, allowed, f)
                    : st;
}

static enum status check_splunk(const struct firehose_splunk_destination_configuration *d,
                                const struct delivery_allowed *allowed, struct fault *f)
{
    bool secret =
        d->secrets_manager_configuration && d->secrets_manager_configuration->enabled.value;
    if (!bytes_present(d->hec_token) && !secret)
        return fault_set(f, INVALID_ARGUMENT, "HECToken must be specified.");
    enum status st = check_url("HECEndpoint", d->hec_endpoint, false, allowed, f);
    if (st == OK)
        st = check_secret("HECToken", d->hec_token, f);
    if (st == OK)
        st = check_s3(d->s3_configuration, f);
    return st == OK ? check_processing(d->processing_configuration, false, BYTES_NONE, allowed, f)
                    : st;
}

static enum status
check_opensearch(const struct firehose_amazonopensearchservice_destination_configuration *d,
                 const struct delivery_allowed *allowed, struct fault *f)
{
    if (bytes_present(d->domain_arn) == bytes_present(d->cluster_endpoint))
        return fault_set(f, INVALID_ARGUMENT,
                         "Exactly one of DomainARN and ClusterEndpoint must be specified.");
    if (!bytes_present(d->cluster_endpoint))
        return fault_set(f, INVALID_ARGUMENT,
                         "This server cannot look up the address of a domain: ClusterEndpoint "
                         "must be specified instead of DomainARN.");
    enum status st = check_url("ClusterEndpoint", d->cluster_endpoint, false, allowed, f);
    if (st == OK)
        st = check_s3(d->s3_configuration, f);
    return st == OK ? check_processing(d->processing_configuration, false, BYTES_NONE, allowed, f)
                    : st;
}

/* ---- updates ---- */

/* Where a destination says whether everything is backed up. */
static struct bytes backup_mode(const struct firehose_create_delivery_stream_input *c)
{
    if (c->extended_s3_destination_configuration)
        return c->extended_s3_destination_configuration->s3_backup_mode;
    if (c->splunk_destination_configuration)
        return c->splunk_destination_configuration->s3_backup_mode;
    return BYTES_NONE;
}

/* A backup of all is for good, where AWS has it so; between destinations of one kind. */
static enum status check_backup(const struct firehose_create_delivery_stream_input *config,
                                const struct firehose_create_delivery_stream_input *before,
                                struct fault *f)
{
    struct bytes was = backup_mode(before), now = backup_mode(config);
    bool same_kind = (before->splunk_destination_configuration != NULL) ==
                     (config->splunk_destination_configuration != NULL);
    bool all = is(was, "Enabled") || is(was, "AllEvents");
    if (same_kind && all && bytes_present(now) && !bytes_equal(was, now))
        return fault_set(f, INVALID_ARGUMENT, "Disabling S3 backup is not currently supported.");
    return OK;
}

enum status delivery_check(const struct firehose_create_delivery_stream_input *config,
                           const struct firehose_create_delivery_stream_input *before,
                           const struct delivery_allowed *allowed, struct fault *f)
{
    enum status st = check_source(config, f);
    if (st == OK)
        st = delivery_check_encryption(config->delivery_stream_encryption_configuration_input, f);
    if (st == OK && before)
        st = check_backup(config, before, f);
    if (st != OK)
        return st;
    if (config->extended_s3_destination_configuration)
        return check_extended_s3(config, before, allowed, f);
    if (config->http_endpoint_destination_configuration)
        return check_http(config->http_endpoint_destination_configuration, allowed, f);
    if (config->splunk_destination_configuration)
        return check_splunk(config->splunk_destination_configuration, allowed, f);
    return check_opensearch(config->amazonopensearchservice_destination_configuration, allowed, f);
}
