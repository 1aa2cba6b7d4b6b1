/* search_config.c: see the header. Thread: any. */
#include "delivery/search_config.h"

#include <stdio.h>

static uint64_t seconds_of(const struct opt_int *given)
{
    return given != NULL && given->present ? (uint64_t)given->value : 300;
}

static bool with_id(const struct firehose_document_id_options *o)
{
    return o == NULL ||
           !bytes_equal(o->default_document_id_format, BYTES_LITERAL("NO_DOCUMENT_ID"));
}

struct search_config search_config_of(const struct delivery_view *v)
{
    const struct firehose_amazonopensearchservice_destination_configuration *o =
        v->config->amazonopensearchservice_destination_configuration;
    const struct firehose_elasticsearch_destination_configuration *e =
        v->config->elasticsearch_destination_configuration;
    if (o != NULL)
        return (struct search_config){
            o->cluster_endpoint,
            o->index_name,
            o->type_name,
            o->index_rotation_period,
            seconds_of(o->retry_options != NULL ? &o->retry_options->duration_in_seconds : NULL),
            with_id(o->document_id_options)};
    return (struct search_config){
        e->cluster_endpoint,
        e->index_name,
        e->type_name,
        e->index_rotation_period,
        seconds_of(e->retry_options != NULL ? &e->retry_options->duration_in_seconds : NULL),
        with_id(e->document_id_options)};
}

void search_document_id(const struct search_config *c, const char *parcel_name,
                        const struct parcel_record *r, char out[DOCUMENT_ID_BYTES])
{
    out[0] = '\0';
    if (c->with_id)
        snprintf(out, DOCUMENT_ID_BYTES, "%s.%llu.%u", parcel_name, (unsigned long long)r->offset,
                 r->sub);
}
