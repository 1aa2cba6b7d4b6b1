/* op_delivery_tags.c: TagDeliveryStream, UntagDeliveryStream, ListTagsForDeliveryStream. They are kept by key, in order of code point. */
#include "api/delivery_request.h"

static void answer_nothing(struct delivery_request *r)
{
    static const struct firehose_tag_delivery_stream_output out;
    reply_shape(r->exchange, &shape_firehose_tag_delivery_stream_output, &out);
}

void op_tag_delivery(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_tag_delivery_stream_input *in = input;
    struct delivery_request *r =
        delivery_request_new(x, DELIVERY_SET_TAGS, in->delivery_stream_name, answer_nothing);
    if (!r)
        return;
    r->command.tags.put = in->tags.at;
    r->command.tags.put_count = in->tags.count;
    delivery_request_run(s, r);
}

void op_untag_delivery(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_untag_delivery_stream_input *in = input;
    struct delivery_request *r =
        delivery_request_new(x, DELIVERY_SET_TAGS, in->delivery_stream_name, answer_nothing);
    if (!r)
        return;
    r->command.tags.removed = in->tag_keys.at;
    r->command.tags.removed_count = in->tag_keys.count;
    delivery_request_run(s, r);
}

void op_list_delivery_tags(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_list_tags_for_delivery_stream_input *in = input;
    struct fault f = {0};
    struct delivery *d;
    struct delivery_view *v;
    if (request_delivery(s, x, in->delivery_stream_name, &d, &v, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    const struct firehose_tag *tags = v->config->tags.at;
    uint32_t most = in->limit.present ? (uint32_t)in->limit.value : STREAM_TAGS_MAX;
    uint32_t count = v->config->tags.count, from = 0;
    while (from < count && bytes_present(in->exclusive_start_tag_key) &&
           bytes_compare(tags[from].key, in->exclusive_start_tag_key) <= 0)
        from++;
    struct firehose_list_tags_for_delivery_stream_output out = {
        .has_more_tags = {count - from > most, true},
        .tags = {.count = count - from < most ? count - from : most,
                 .present = true,
                 .at = v->config->tags.at + from},
    };
    reply_shape(x, &shape_firehose_list_tags_for_delivery_stream_output, &out);
    delivery_view_unref(v);
    delivery_unref(d);
}
