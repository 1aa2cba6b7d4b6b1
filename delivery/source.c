/* source.c: see the header. */
#include "delivery/source.h"

bool source_of_arn(struct bytes arn, struct scope *scope, struct bytes *name)
{
    struct stream_arn parts;
    if (!stream_arn_parse(arn, &parts))
        return false;
    *name = parts.name;
    return scope_set(scope, parts.account, parts.region);
}

struct stream *source_find(struct stream_table *streams, const struct delivery_view *v)
{
    struct scope scope = v->scope;
    struct bytes name = bytes_text(v->name);
    if (v->source == DELIVERY_DIRECT_PUT)
        scope = delivery_hidden_scope(&v->scope);
    else if (!v->config->kinesis_stream_source_configuration ||
             !source_of_arn(v->config->kinesis_stream_source_configuration->kinesis_stream_arn,
                            &scope, &name))
        return NULL;
    return stream_table_find(streams, &scope, name);
}
