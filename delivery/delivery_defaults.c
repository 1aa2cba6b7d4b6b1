/* delivery_defaults.c: AWS's defaults, as the JSON that a client could have sent.
 *
 * A default is whatever DescribeDeliveryStream shows of a delivery stream made without it; Terraform and the CDK compare it with what they
 * believe. Kept as texts in the service's own form, they are decoded by the same tables as requests are, and laid under what was given. */
#include "delivery/delivery_defaults.h"

#include "base/must.h"
#include "delivery/shape_merge.h"
#include "wire/json.h"

#define LOGGING "\"CloudWatchLoggingOptions\":{\"Enabled\":false}"
#define HINTS(size, seconds)                                                                       \
    "\"BufferingHints\":{\"SizeInMBs\":" #size ",\"IntervalInSeconds\":" #seconds "}"
#define RETRY(seconds) "\"RetryOptions\":{\"DurationInSeconds\":" #seconds "}"

static const char s3[] = "{" HINTS(5, 300) ",\"CompressionFormat\":\"UNCOMPRESSED\"," LOGGING "}";
static const char extended_s3[] =
    "{" HINTS(5, 300) ",\"CompressionFormat\":\"UNCOMPRESSED\"," LOGGING
                      ",\"S3BackupMode\":\"Disabled\"}";
/* Columns, or a buffer for each partition: both want larger objects. */
static const char large_hints[] = "{" HINTS(128, 300) "}";
static const char http_endpoint[] = "{" HINTS(5, 300) "," LOGGING "," RETRY(
    300) ",\"S3BackupMode\":\"FailedDataOnly\","
         "\"RequestConfiguration\":{\"ContentEncoding\":\"NONE\",\"CommonAttributes\":[]}}";
static const char splunk[] = "{" HINTS(5, 60) "," LOGGING "," RETRY(
    3600) ",\"S3BackupMode\":\"FailedEventsOnly\",\"HECAcknowledgmentTimeoutInSeconds\":180}";
static const char opensearch[] = "{" HINTS(5, 300) "," LOGGING "," RETRY(
    300) ",\"S3BackupMode\":\"FailedDocumentsOnly\",\"IndexRotationPeriod\":\"OneDay\","
         "\"DocumentIdOptions\":{\"DefaultDocumentIdFormat\":\"FIREHOSE_DEFAULT\"}}";
static const char partitioning[] = "{\"Enabled\":false," RETRY(300) "}";
static const char conversion[] = "{\"Enabled\":true}";

/* Lays `json` under *to, of that shape. */
static enum status fill(const struct shape *shape, void *to, const char *json, struct arena *arena)
{
    struct bytes text = arena_copy(arena, bytes_text(json));
    void *standard = arena_zero(arena, shape->size);
    if (!bytes_present(text) || !standard)
        return NO_MEMORY;
    struct fault f;
    enum status st =
        json_decode(shape, (uint8_t *)(uintptr_t)text.at, text.len, arena, standard, &f);
    must(st == OK || st == NO_MEMORY || st == TOO_LARGE);
    if (st == OK)
        shape_fill(shape, to, standard);
    return st == OK ? OK : NO_MEMORY;
}

/* Not among the texts: it is one of two members. */
static enum status fill_encryption(struct firehose_encryption_configuration **e,
                                   struct arena *arena)
{
    if (*e)
        return OK;
    *e = arena_zero(arena, sizeof(**e));
    if (*e)
        (*e)->no_encryption_config = BYTES_LITERAL("NoEncryption");
    return *e ? OK : NO_MEMORY;
}

static enum status fill_s3(struct firehose_s3_destination_configuration *d, struct arena *arena)
{
    enum status st = d ? fill(&shape_firehose_s3_destination_configuration, d, s3, arena) : OK;
    return d && st == OK ? fill_encryption(&d->encryption_configuration, arena) : st;
}

static enum status fill_extended_s3(struct firehose_extended_s3_destination_configuration *d,
                                    struct arena *arena)
{
    const struct shape *shape = &shape_firehose_extended_s3_destination_configuration;
    struct firehose_dynamic_partitioning_configuration *p = d->dynamic_partitioning_configuration;
    struct firehose_data_format_conversion_configuration *c =
        d->data_format_conversion_configuration;
    enum status st = OK;
    if (p)
        st = fill(&shape_firehose_dynamic_partitioning_configuration, p, partitioning, arena);
    if (st == OK && c)
        st = fill(&shape_firehose_data_format_conversion_configuration, c, conversion, arena);
    if (st == OK && ((p && p->enabled.value) || (c && c->enabled.value)))
        st = fill(shape, d, large_hints, arena);
    if (st == OK)
        st = fill(shape, d, extended_s3, arena);
    if (st == OK)
        st = fill_encryption(&d->encryption_configuration, arena);
    return st == OK ? fill_s3(d->s3_backup_configuration, arena) : st;
}

/* What AWS made one thing of: both descriptions are shown of either. */
static enum status extend_s3(struct firehose_create_delivery_stream_input *config,
                             struct arena *arena)
{
    struct firehose_extended_s3_destination_configuration *made = arena_zero(arena, sizeof(*made));
    if (!made)
        return NO_MEMORY;
    config->extended_s3_destination_configuration = made;
    enum status st = shape_merge(&shape_firehose_extended_s3_destination_configuration, made,
                                 &shape_firehose_s3_destination_configuration,
                                 config->s3_destination_configuration, arena);
    config->s3_destination_configuration = NULL;
    return st;
}

static enum status rename_elasticsearch(struct firehose_create_delivery_stream_input *config,
                                        struct arena *arena)
{
    struct firehose_amazonopensearchservice_destination_configuration *made =
        arena_zero(arena, sizeof(*made));
    if (!made)
        return NO_MEMORY;
    config->amazonopensearchservice_destination_configuration = made;
    enum status st = shape_merge(&shape_firehose_amazonopensearchservice_destination_configuration,
                                 made, &shape_firehose_elasticsearch_destination_configuration,
                                 config->elasticsearch_destination_configuration, arena);
    config->elasticsearch_destination_configuration = NULL;
    return st;
}

static enum status check_destination(const struct firehose_create_delivery_stream_input *c,
                                     struct fault *f)
{
    const struct {
        const void *given;
        const char *not_served; /* its name; NULL: it is */
    } destinations[] = {
        {c->s3_destination_configuration, NULL},
        {c->extended_s3_destination_configuration, NULL},
        {c->http_endpoint_destination_configuration, NULL},
        {c->splunk_destination_configuration, NULL},
        {c->elasticsearch_destination_configuration, NULL},
        {c->amazonopensearchservice_destination_configuration, NULL},
        {c->redshift_destination_configuration, "Redshift"},
        {c->amazon_open_search_serverless_destination_configuration,
         "Amazon OpenSearch Serverless"},
        {c->snowflake_destination_configuration, "Snowflake"},
        {c->iceberg_destination_configuration, "Apache Iceberg"},
    };
    uint32_t count = 0;
    const char *not_served = NULL;
    for (size_t i = 0; i < sizeof(destinations) / sizeof(*destinations); i++) {
        count += destinations[i].given != NULL;
        if (destinations[i].given && destinations[i].not_served)
            not_served = destinations[i].not_served;
    }
    if (count != 1)
        return fault_set(f, INVALID_ARGUMENT,
                         "Exactly one destination configuration is supported for a Firehose");
    if (not_served)
        return fault_set(f, INVALID_ARGUMENT,
                         "This server does not deliver to %s. It delivers to Amazon S3, HTTP "
                         "endpoints, Splunk and Amazon OpenSearch Service.",
                         not_served);
    return OK;
}

static enum status fill_destination(struct firehose_create_delivery_stream_input *c,
                                    struct arena *arena)
{
    if (c->extended_s3_destination_configuration)
        return fill_extended_s3(c->extended_s3_destination_configuration, arena);
    if (c->http_endpoint_destination_configuration) {
        struct firehose_http_endpoint_destination_configuration *d =
            c->http_endpoint_destination_configuration;
        enum status st =
            fill(&shape_firehose_http_endpoint_destination_configuration, d, http_endpoint, arena);
        return st == OK ? fill_s3(d->s3_configuration, arena) : st;
    }
    if (c->splunk_destination_configuration) {
        struct firehose_splunk_destination_configuration *d = c->splunk_destination_configuration;
        enum status st = fill(&shape_firehose_splunk_destination_configuration, d, splunk, arena);
        return st == OK ? fill_s3(d->s3_configuration, arena) : st;
    }
    struct firehose_amazonopensearchservice_destination_configuration *d =
        c->amazonopensearchservice_destination_configuration;
    enum status st = fill(&shape_firehose_amazonopensearchservice_destination_configuration, d,
                          opensearch, arena);
    return st == OK ? fill_s3(d->s3_configuration, arena) : st;
}

/* By key, in order of code point, each once: of two with one key the later stays. */
static void sort_tags(struct firehose_tag_delivery_stream_input_tag_list *tags)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < tags->count; i++) {
        struct firehose_tag tag = tags->at[i];
        uint32_t at = count;
        while (at > 0 && bytes_compare(tags->at[at - 1].key, tag.key) > 0)
            at--;
        if (at > 0 && bytes_equal(tags->at[at - 1].key, tag.key)) {
            tags->at[at - 1] = tag;
            continue;
        }
        memmove(&tags->at[at + 1], &tags->at[at], (count - at) * sizeof(tag));
        tags->at[at] = tag;
        count++;
    }
    tags->count = count;
}

enum status delivery_defaults(struct firehose_create_delivery_stream_input *config, bool *old_name,
                              struct arena *arena, struct fault *f)
{
    enum status st = check_destination(config, f);
    if (st != OK)
        return st;
    if (config->elasticsearch_destination_configuration) {
        *old_name = true;
        st = rename_elasticsearch(config, arena);
    } else if (config->s3_destination_configuration) {
        st = extend_s3(config, arena);
    }
    if (!bytes_present(config->delivery_stream_type))
        config->delivery_stream_type = BYTES_LITERAL("DirectPut");
    sort_tags(&config->tags);
    if (st == OK)
        st = fill_destination(config, arena);
    return st == OK ? OK : fault_set(f, st, "no memory for a delivery stream's configuration");
}
