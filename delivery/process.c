/* process.c: which delivery streams need no processing at all. */
#include "delivery/process.h"

#include "delivery/output_rules.h"

static const struct firehose_processing_configuration *processing_of(const struct delivery_view *v)
{
    const struct firehose_create_delivery_stream_input *c = v->config;
    switch (v->kind) {
    case DELIVERY_TO_S3:
        return c->extended_s3_destination_configuration->processing_configuration;
    case DELIVERY_TO_HTTP:
        return c->http_endpoint_destination_configuration->processing_configuration;
    case DELIVERY_TO_SPLUNK:
        return c->splunk_destination_configuration->processing_configuration;
    case DELIVERY_TO_OPENSEARCH:
        return c->amazonopensearchservice_destination_configuration->processing_configuration;
    }
    return NULL;
}

bool process_is_plain(const struct delivery_view *v)
{
    const struct firehose_processing_configuration *p = processing_of(v);
    return !view_partitions(v) && (!p || !p->enabled.value);
}

/* A configured chain is refused at create, so none is made. */
enum status process_new(const struct process_settings *s, struct process **out, struct fault *f)
{
    *out = NULL;
    return fault_set(f, UNSUPPORTED, "%s is configured to process records, which is not served",
                     s->view->name);
}

void process_free(struct process *p)
{
    (void)p;
}

void process_run(struct process *p, struct process_batch *b)
{
    (void)p;
    (void)b;
}
