/* op_delivery_describe.c: DescribeDeliveryStream and ListDeliveryStreams.
 *
 * A description is the configuration by the tables of another shape (delivery/shape_merge.h): whatever both have is shown, every default
 * included, and secrets are not among it. What AWS shows twice, an S3 destination, is shown twice. */
#include "api/delivery_request.h"
#include "delivery/delivery_update.h"
#include "delivery/shape_merge.h"

enum { LIST_DEFAULT = 10 };

/* ---- one ---- */

/* *out: a description of that shape. */
static enum status describe(const struct shape *shape, void **out, const struct shape *from_shape,
                            const void *from, struct arena *a)
{
    *out = arena_zero(a, shape->size);
    return *out ? shape_merge(shape, *out, from_shape, from, a) : NO_MEMORY;
}

static enum status describe_s3(const struct firehose_create_delivery_stream_input *c,
                               struct firehose_destination_description *d, struct arena *a)
{
    const struct shape *from = &shape_firehose_extended_s3_destination_configuration;
    void *plain, *extended;
    enum status st = describe(&shape_firehose_s3_destination_description, &plain, from,
                              c->extended_s3_destination_configuration, a);
    if (st == OK)
        st = describe(&shape_firehose_extended_s3_destination_description, &extended, from,
                      c->extended_s3_destination_configuration, a);
    if (st != OK)
        return st;
    d->s3_destination_description = plain;
    d->extended_s3_destination_description = extended;
    return OK;
}

static enum status describe_splunk(const struct firehose_create_delivery_stream_input *c,
                                   struct firehose_destination_description *d, struct arena *a)
{
    void *made;
    enum status st = describe(&shape_firehose_splunk_destination_description, &made,
                              &shape_firehose_splunk_destination_configuration,
                              c->splunk_destination_configuration, a);
    if (st != OK)
        return st;
    d->splunk_destination_description = made;
    d->splunk_destination_description->hec_token =
        BYTES_NONE; /* the model has it, nobody shows it */
    return OK;
}

static enum status describe_opensearch(const struct delivery_view *v,
                                       struct firehose_destination_description *d, struct arena *a)
{
    const struct shape *from = &shape_firehose_amazonopensearchservice_destination_configuration;
    const void *config = v->config->amazonopensearchservice_destination_configuration;
    void *made;
    enum status st =
        describe(v->old_name ? &shape_firehose_elasticsearch_destination_description
                             : &shape_firehose_amazonopensearchservice_destination_description,
                 &made, from, config, a);
    if (st == OK && v->old_name)
        d->elasticsearch_destination_description = made;
    else if (st == OK)
        d->amazonopensearchservice_destination_description = made;
    return st;
}

static enum status describe_destination(const struct delivery_view *v,
                                        struct firehose_destination_description *d, struct arena *a)
{
    void *made;
    enum status st;
    d->destination_id = BYTES_LITERAL(DESTINATION_ID);
    switch (v->kind) {
    case DELIVERY_TO_S3:
        return describe_s3(v->config, d, a);
    case DELIVERY_TO_HTTP:
        st = describe(&shape_firehose_http_endpoint_destination_description, &made,
                      &shape_firehose_http_endpoint_destination_configuration,
                      v->config->http_endpoint_destination_configuration, a);
        if (st == OK)
            d->http_endpoint_destination_description = made;
        return st;
    case DELIVERY_TO_SPLUNK:
        return describe_splunk(v->config, d, a);
    default:
        return describe_opensearch(v, d, a);
    }
}

static enum status describe_source(const struct delivery_view *v,
                                   struct firehose_delivery_stream_description *out,
                                   struct arena *a)
{
    const struct firehose_kinesis_stream_source_configuration *k =
        v->config->kinesis_stream_source_configuration;
    const struct firehose_direct_put_source_configuration *p =
        v->config->direct_put_source_configuration;
    if (!k && !p)
        return OK;
    struct firehose_source_description *source = arena_zero(a, sizeof(*source));
    struct firehose_kinesis_stream_source_description *kinesis = arena_zero(a, sizeof(*kinesis));
    struct firehose_direct_put_source_description *direct = arena_zero(a, sizeof(*direct));
    if (!source || !kinesis || !direct)
        return NO_MEMORY;
    out->source = source;
    if (k) {
        kinesis->kinesis_stream_arn = k->kinesis_stream_arn;
        kinesis->role_arn = k->role_arn;
        kinesis->delivery_start_timestamp = (struct opt_int){(int64_t)v->start_ms, true};
        source->kinesis_stream_source_description = kinesis;
    } else {
        direct->throughput_hint_in_mbs = p->throughput_hint_in_mbs;
        source->direct_put_source_description = direct;
    }
    return OK;
}

static enum status describe_encryption(const struct delivery_view *v,
                                       struct firehose_delivery_stream_description *out,
                                       struct arena *a)
{
    static const char *const names[] = {"DISABLED", "ENABLING", "ENABLED", "DISABLING"};
    const struct firehose_delivery_stream_encryption_configuration_input *e =
        v->config->delivery_stream_encryption_configuration_input;
    struct firehose_delivery_stream_encryption_configuration *made = arena_zero(a, sizeof(*made));
    if (!made)
        return NO_MEMORY;
    made->status = bytes_text(names[v->encryption]);
    if (e) {
        made->key_type = e->key_type;
        made->key_arn = e->key_arn;
    }
    out->delivery_stream_encryption_configuration = made;
    return OK;
}

static enum status describe_failure(const struct delivery_view *v,
                                    struct firehose_delivery_stream_description *out,
                                    struct arena *a)
{
    if (!bytes_present(v->failure_type))
        return OK;
    struct firehose_failure_description *made = arena_zero(a, sizeof(*made));
    if (!made)
        return NO_MEMORY;
    made->type = v->failure_type;
    made->details = v->failure_details;
    out->failure_description = made;
    return OK;
}

static enum status describe_all(const struct delivery_view *v,
                                struct firehose_delivery_stream_description *out, struct arena *a)
{
    char arn[DELIVERY_ARN_BYTES];
    struct firehose_destination_description *d = arena_zero(a, sizeof(*d));
    delivery_arn(&v->scope, v->name, arn);
    if (!d)
        return NO_MEMORY;
    *out = (struct firehose_delivery_stream_description){
        .delivery_stream_name = bytes_text(v->name),
        .delivery_stream_arn = arena_copy(a, bytes_text(arn)),
        .delivery_stream_status = bytes_text(delivery_status_name(v->status)),
        .delivery_stream_type = v->config->delivery_stream_type,
        .version_id = arena_printf(a, "%llu", (unsigned long long)v->version),
        .create_timestamp = {(int64_t)v->created_ms, true},
        .has_more_destinations = {false, true},
        .destinations = {.count = 1, .present = true, .at = d},
    };
    if (v->updated_ms != v->created_ms)
        out->last_update_timestamp = (struct opt_int){(int64_t)v->updated_ms, true};
    enum status st = describe_destination(v, d, a);
    if (st == OK)
        st = describe_source(v, out, a);
    if (st == OK)
        st = describe_encryption(v, out, a);
    return st == OK ? describe_failure(v, out, a) : st;
}

void op_describe_delivery(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_describe_delivery_stream_input *in = input;
    struct fault f = {0};
    struct delivery *d;
    struct delivery_view *v;
    struct firehose_delivery_stream_description description;
    struct firehose_describe_delivery_stream_output out = {&description};
    enum status st = request_delivery(s, x, in->delivery_stream_name, &d, &v, &f);
    if (st == OK && describe_all(v, &description, &x->arena) != OK)
        st = fault_set(&f, NO_MEMORY, "no memory for the description");
    if (st == OK && bytes_present(in->exclusive_start_destination_id) &&
        bytes_compare(in->exclusive_start_destination_id, BYTES_LITERAL(DESTINATION_ID)) >= 0)
        description.destinations.count = 0;
    if (st == OK)
        reply_shape(x, &shape_firehose_describe_delivery_stream_output, &out);
    else
        reply_fault(x, &f);
    delivery_view_unref(v);
    delivery_unref(d);
}

/* ---- all ---- */

/* One page of the table into the names; false: that is enough. */
static bool take_names(const struct firehose_list_delivery_streams_input *in,
                       struct delivery **page, size_t count, uint32_t most, struct bytes *last,
                       struct arena *a, struct firehose_list_delivery_streams_output *out)
{
    bool more = true;
    for (size_t i = 0; i < count; i++) {
        struct delivery_view *v = delivery_look(page[i]);
        bool wanted =
            more && (!bytes_present(in->delivery_stream_type) ||
                     bytes_equal(in->delivery_stream_type, v->config->delivery_stream_type));
        if (wanted && out->delivery_stream_names.count == most) {
            out->has_more_delivery_streams.value = true;
            more = false;
        } else if (wanted) {
            out->delivery_stream_names.at[out->delivery_stream_names.count++] =
                arena_copy(a, bytes_text(v->name));
        }
        *last = arena_copy(a, bytes_text(v->name));
        delivery_view_unref(v);
        delivery_unref(page[i]);
    }
    return more;
}

void op_list_deliveries(struct service *s, struct exchange *x, const void *input)
{
    enum { PAGE = 64 };
    const struct firehose_list_delivery_streams_input *in = input;
    struct delivery *page[PAGE];
    uint32_t most = in->limit.present ? (uint32_t)in->limit.value : LIST_DEFAULT;
    struct bytes last = in->exclusive_start_delivery_stream_name;
    struct firehose_list_delivery_streams_output out = {
        .has_more_delivery_streams = {false, true},
        .delivery_stream_names = {.present = true,
                                  .at = arena_take(&x->arena, (most + 1) * sizeof(struct bytes))},
    };
    if (!out.delivery_stream_names.at) {
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
        return;
    }
    size_t count = PAGE;
    for (bool more = true; more && count == PAGE;) {
        count = delivery_table_list(s->deliveries, &x->scope, last, page, PAGE);
        more = take_names(in, page, count, most, &last, &x->arena, &out);
    }
    reply_shape(x, &shape_firehose_list_delivery_streams_output, &out);
}
