/* delivery_update.c: a table of the destinations that can be updated: where each stands in the update, and where in a configuration.
 *
 * A plain S3DestinationUpdate changes the extended destination that a plain one became. One of another kind takes the place of what was
 * there. AWS lets nobody change to or from OpenSearch. */
#include "delivery/delivery_update.h"

#include "delivery/shape_merge.h"
#include "wire/uri.h"

#define UPDATE(member) offsetof(struct firehose_update_destination_input, member)
#define CONFIG(member) offsetof(struct firehose_create_delivery_stream_input, member)

static const struct destination_row {
    size_t update, config;
    const struct shape *update_shape, *config_shape;
    const char *not_served;
} rows[] = {
    {UPDATE(s3_destination_update), CONFIG(extended_s3_destination_configuration),
     &shape_firehose_s3_destination_update, &shape_firehose_extended_s3_destination_configuration,
     NULL},
    {UPDATE(extended_s3_destination_update), CONFIG(extended_s3_destination_configuration),
     &shape_firehose_extended_s3_destination_update,
     &shape_firehose_extended_s3_destination_configuration, NULL},
    {UPDATE(http_endpoint_destination_update), CONFIG(http_endpoint_destination_configuration),
     &shape_firehose_http_endpoint_destination_update,
     &shape_firehose_http_endpoint_destination_configuration, NULL},
    {UPDATE(splunk_destination_update), CONFIG(splunk_destination_configuration),
     &shape_firehose_splunk_destination_update, &shape_firehose_splunk_destination_configuration,
     NULL},
    {UPDATE(elasticsearch_destination_update),
     CONFIG(amazonopensearchservice_destination_configuration),
     &shape_firehose_elasticsearch_destination_update,
     &shape_firehose_amazonopensearchservice_destination_configuration, NULL},
    {UPDATE(amazonopensearchservice_destination_update),
     CONFIG(amazonopensearchservice_destination_configuration),
     &shape_firehose_amazonopensearchservice_destination_update,
     &shape_firehose_amazonopensearchservice_destination_configuration, NULL},
    {.update = UPDATE(redshift_destination_update), .not_served = "Redshift"},
    {.update = UPDATE(amazon_open_search_serverless_destination_update),
     .not_served = "Amazon OpenSearch Serverless"},
    {.update = UPDATE(snowflake_destination_update), .not_served = "Snowflake"},
    {.update = UPDATE(iceberg_destination_update), .not_served = "Apache Iceberg"},
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

static void *pointer_at(const void *structure, size_t offset)
{
    void *p;
    memcpy(&p, (const uint8_t *)structure + offset, sizeof(p));
    return p;
}

static void set_pointer(void *structure, size_t offset, const void *p)
{
    memcpy((uint8_t *)structure + offset, &p, sizeof(p));
}

/* The one destination that the update is about. */
static enum status find_row(const struct firehose_update_destination_input *in,
                            const struct destination_row **out, struct fault *f)
{
    uint32_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (pointer_at(in, rows[i].update)) {
            *out = &rows[i];
            count++;
        }
    }
    if (count != 1)
        return fault_set(f, INVALID_ARGUMENT,
                         "Exactly one destination update is supported for a Firehose");
    if ((*out)->not_served)
        return fault_set(f, INVALID_ARGUMENT,
                         "This server does not deliver to %s. It delivers to Amazon S3, HTTP "
                         "endpoints, Splunk and Amazon OpenSearch Service.",
                         (*out)->not_served);
    return OK;
}

/* A destination made of an update alone lacks what its configuration must have. */
static enum status check_whole(const struct shape *shape, const void *config, struct fault *f)
{
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];
        if (field->required &&
            !shape_is_present(field->shape, (const uint8_t *)config + field->offset))
            return fault_set(f, INVALID_ARGUMENT,
                             "%s must be specified when the destination's type changes.",
                             field->name);
    }
    return OK;
}

static bool same_origin(struct bytes url, struct bytes other)
{
    struct uri a, b;
    return uri_parse(url, &a, NULL) == OK && uri_parse(other, &b, NULL) == OK &&
           uri_same_origin(&a, &b);
}

/* The endpoint is replaced whole, but nobody can read its access key back to give it again. It stays with the origin that it was given for:
 * who may update a delivery stream is not thereby told its key. */
static void keep_access_key(const struct delivery_view *v,
                            struct firehose_create_delivery_stream_input *c, struct arena *arena)
{
    struct firehose_http_endpoint_destination_configuration *d =
        c->http_endpoint_destination_configuration;
    const struct firehose_http_endpoint_destination_configuration *before =
        v->config->http_endpoint_destination_configuration;
    if (!d || !before || !d->endpoint_configuration || !before->endpoint_configuration ||
        bytes_present(d->endpoint_configuration->access_key) ||
        !same_origin(d->endpoint_configuration->url, before->endpoint_configuration->url))
        return;
    struct firehose_http_endpoint_configuration *made = arena_zero(arena, sizeof(*made));
    if (!made)
        return;
    *made = *d->endpoint_configuration;
    made->access_key = before->endpoint_configuration->access_key;
    d->endpoint_configuration = made;
}

/* The same of a token that the update leaves as it was, which check_splunk then misses. */
static void drop_token(const struct delivery_view *v,
                       const struct firehose_update_destination_input *in,
                       struct firehose_create_delivery_stream_input *c)
{
    struct firehose_splunk_destination_configuration *d = c->splunk_destination_configuration;
    const struct firehose_splunk_destination_configuration *before =
        v->config->splunk_destination_configuration;
    if (d && before && !bytes_present(in->splunk_destination_update->hec_token) &&
        !same_origin(d->hec_endpoint, before->hec_endpoint))
        d->hec_token = BYTES_NONE;
}

/* An OpenSearch destination has one of two addresses: the one given takes the other's place. */
static void replace_address(const struct firehose_update_destination_input *in,
                            struct firehose_create_delivery_stream_input *c)
{
    struct firehose_amazonopensearchservice_destination_configuration *d =
        c->amazonopensearchservice_destination_configuration;
    bool domain = false, cluster = false;
    if (in->amazonopensearchservice_destination_update) {
        domain = bytes_present(in->amazonopensearchservice_destination_update->domain_arn);
        cluster = bytes_present(in->amazonopensearchservice_destination_update->cluster_endpoint);
    } else if (in->elasticsearch_destination_update) {
        domain = bytes_present(in->elasticsearch_destination_update->domain_arn);
        cluster = bytes_present(in->elasticsearch_destination_update->cluster_endpoint);
    }
    if (domain && !cluster)
        d->cluster_endpoint = BYTES_NONE;
    if (cluster && !domain)
        d->domain_arn = BYTES_NONE;
}

enum status delivery_update(const struct delivery_view *v,
                            const struct firehose_update_destination_input *in, struct arena *arena,
                            struct firehose_create_delivery_stream_input **out, struct fault *f)
{
    const struct destination_row *row = NULL;
    enum status st = find_row(in, &row, f);
    if (st != OK)
        return st;
    bool to_opensearch = row->config == CONFIG(amazonopensearchservice_destination_configuration);
    if (to_opensearch != (v->kind == DELIVERY_TO_OPENSEARCH))
        return fault_set(f, INVALID_ARGUMENT,
                         "Changing the destination type to or from Amazon OpenSearch Service is "
                         "not supported.");
    struct firehose_create_delivery_stream_input *c = arena_zero(arena, sizeof(*c));
    void *made = arena_zero(arena, row->config_shape->size);
    if (!c || !made)
        return fault_set(f, NO_MEMORY, "no memory for a delivery stream's configuration");
    *c = *v->config;
    const void *before = pointer_at(c, row->config);
    if (before)
        memcpy(made, before, row->config_shape->size);
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].config)
            set_pointer(c, rows[i].config, NULL);
    set_pointer(c, row->config, made);
    st =
        shape_merge(row->config_shape, made, row->update_shape, pointer_at(in, row->update), arena);
    if (st != OK)
        return fault_set(f, st, "no memory for a delivery stream's configuration");
    keep_access_key(v, c, arena);
    drop_token(v, in, c);
    replace_address(in, c);
    *out = c;
    return before ? OK : check_whole(row->config_shape, made, f);
}
