/* op_stream.c: CreateStream, DeleteStream, DescribeStream, DescribeStreamSummary, DescribeLimits,
 * ListStreams. */
#include "api/operations.h"
#include "api/tag_check.h"

#include "shards/stream_fault.h"
#include "wire/base64.h"

#include <stdio.h>

enum { PAGE_DEFAULT = 100, PAGE_MOST = 100 };

/* ---- create, delete ---- */

static enum status check_create(const struct kinesis_create_stream_input *in, bool on_demand,
                                struct fault *f)
{
    if (!on_demand && !in->shard_count.present)
        return fault_set(f, INVALID_VALUE,
                         "ShardCount is required for a stream in PROVISIONED mode.");
    if (on_demand && in->stream_mode_details && in->shard_count.present)
        return fault_set(f, INVALID_VALUE,
                         "ShardCount cannot be given for a stream in ON_DEMAND mode.");
    if (in->warm_throughput_mibps.present && !on_demand)
        return fault_warm_mode(f);
    if (in->warm_throughput_mibps.present && in->warm_throughput_mibps.value > WARM_MIBPS_MAX)
        return fault_warm_most(f, in->warm_throughput_mibps.value);
    return OK;
}

static enum status take_create(struct exchange *x, const struct kinesis_create_stream_input *in,
                               struct catalog_command *c, struct fault *f)
{
    struct stream_settings *s = &c->create;
    bool on_demand = !in->shard_count.present;
    if (in->stream_mode_details)
        on_demand =
            shape_enum_index(&shape_kinesis_stream_mode, in->stream_mode_details->stream_mode) ==
            KINESIS_STREAM_MODE_ON_DEMAND;
    enum status st = check_create(in, on_demand, f);
    if (st != OK)
        return st;
    snprintf(s->name, sizeof(s->name), "%.*s", BYTES_ARGS(in->stream_name));
    s->mode = on_demand ? STREAM_ON_DEMAND : STREAM_PROVISIONED;
    s->record_kib_given = in->max_record_size_in_kib.present;
    s->record_kib_max =
        s->record_kib_given ? (uint32_t)in->max_record_size_in_kib.value : RECORD_KIB_DEFAULT;
    s->warm_given = in->warm_throughput_mibps.present;
    s->warm_mibps = s->warm_given ? (uint32_t)in->warm_throughput_mibps.value : 0;
    uint32_t begins_with =
        s->warm_mibps > ON_DEMAND_SHARDS_MIN ? s->warm_mibps : ON_DEMAND_SHARDS_MIN;
    c->shard_count = on_demand ? begins_with : (uint32_t)in->shard_count.value;
    s->tag_count = in->tags.count;
    s->tags = request_tags(x, &in->tags);
    if (!s->tags)
        return fault_set(f, NO_MEMORY, "no memory for the tags");
    if (s->tag_count > STREAM_TAGS_MAX)
        return fault_tags_too_many(f, in->stream_name, x->scope.account);
    return tags_check(&x->scope, in->stream_name, s->tags, s->tag_count, f);
}

void op_create_stream(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_create_stream_input *in = input;
    struct control_command *c = control_command_new(x);
    struct fault f = {0};
    if (!c)
        return;
    c->command.verb = CATALOG_CREATE_STREAM;
    if (take_create(x, in, &c->command, &f) == OK)
        control_command_run(s, c, in->stream_name, BYTES_NONE);
    else
        reply_fault(x, &f);
}

void op_delete_stream(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_delete_stream_input *in = input;
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_DELETE_STREAM;
    c->command.remove.consumers_too =
        in->enforce_consumer_deletion.present && in->enforce_consumer_deletion.value != 0;
    control_command_run(s, c, in->stream_name, in->stream_arn);
}

/* ---- describe ---- */

static struct bytes encryption_type(const struct stream_settings *s)
{
    return s->encryption && s->encryption->on ? BYTES_LITERAL("KMS") : BYTES_LITERAL("NONE");
}

/* Absent on a plain stream. */
static struct bytes key_id(const struct stream_settings *s)
{
    return s->encryption && s->encryption->on ? bytes_text(s->encryption->key_id) : BYTES_NONE;
}

static struct bytes mode_name(enum stream_mode mode)
{
    return bytes_text(mode == STREAM_ON_DEMAND ? "ON_DEMAND" : "PROVISIONED");
}

struct described {
    struct kinesis_stream_mode_details mode;
    struct kinesis_enhanced_metrics metrics;
};

/* "EnhancedMonitoring": [{"ShardLevelMetrics": []}] */
static struct kinesis_enhanced_monitoring_list monitoring(struct described *d, uint32_t metrics,
                                                          struct arena *a)
{
    d->metrics.shard_level_metrics = metric_names_describe(metrics, a);
    return (struct kinesis_enhanced_monitoring_list){
        .count = 1, .present = true, .at = &d->metrics};
}

void op_describe_stream(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_describe_stream_input *in = input;
    struct fault f = {0};
    struct stream_view *v;
    if (request_stream(s, x, in->stream_name, in->stream_arn, NULL, &v, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    uint32_t most =
        in->limit.present && in->limit.value < PAGE_MOST ? (uint32_t)in->limit.value : PAGE_DEFAULT;
    int64_t after = -1;
    uint32_t start_index;
    if (bytes_present(in->exclusive_start_shard_id) &&
        shard_id_parse(in->exclusive_start_shard_id, &start_index))
        after = start_index;
    struct kinesis_shard *shards = arena_zero(&x->arena, most * sizeof(*shards));
    uint32_t count = 0;
    bool more = false;
    bool shown = v->settings.status != STREAM_CREATING;
    for (uint32_t i = 0; shards && shown && i < v->shard_count && !more; i++) {
        if ((int64_t)v->shards[i]->index <= after || v->shards[i]->state == SHARD_PENDING)
            continue;
        more = count == most;
        if (!more && shard_describe(v->shards[i], &x->arena, &shards[count++]) != OK)
            shards = NULL;
    }
    struct described d = {.mode = {.stream_mode = mode_name(v->settings.mode)}};
    struct kinesis_stream_description description = {
        .stream_name = bytes_text(v->settings.name),
        .stream_arn = stream_arn_print(&x->arena, &v->settings),
        .stream_status = bytes_text(stream_status_name(v->settings.status)),
        .stream_mode_details = &d.mode,
        .shards = {.count = count, .present = true, .at = shards},
        .has_more_shards = {more, true},
        .retention_period_hours = {v->settings.retention_hours, true},
        .stream_creation_timestamp = {(int64_t)v->settings.created_ms, true},
        .enhanced_monitoring = monitoring(&d, v->settings.reshape.shard_metrics, &x->arena),
        .encryption_type = encryption_type(&v->settings),
        .key_id = key_id(&v->settings),
    };
    struct kinesis_describe_stream_output out = {.stream_description = &description};
    if (shards)
        reply_shape(x, &shape_kinesis_describe_stream_output, &out);
    else
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
    stream_view_unref(v);
}

void op_describe_stream_summary(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_describe_stream_summary_input *in = input;
    struct fault f = {0};
    struct stream_view *v;
    if (request_stream(s, x, in->stream_name, in->stream_arn, NULL, &v, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    const struct stream_settings *settings = &v->settings;
    struct described d = {.mode = {.stream_mode = mode_name(settings->mode)}};
    struct kinesis_stream_description_summary summary = {
        .stream_name = bytes_text(settings->name),
        .stream_arn = stream_arn_print(&x->arena, settings),
        .stream_status = bytes_text(stream_status_name(settings->status)),
        .stream_mode_details = &d.mode,
        .retention_period_hours = {settings->retention_hours, true},
        .stream_creation_timestamp = {(int64_t)settings->created_ms, true},
        .enhanced_monitoring = monitoring(&d, settings->reshape.shard_metrics, &x->arena),
        .encryption_type = encryption_type(settings),
        .key_id = key_id(settings),
        .open_shard_count = {settings->status == STREAM_CREATING ? 0 : v->open_count, true},
        .consumer_count = {consumer_set_count(settings->consumers), true},
        .warm_throughput = settings->warm_given
                               ? warm_describe(settings->warm_mibps, v->open_count, &x->arena)
                               : NULL,
        .max_record_size_in_kib = {settings->record_kib_max, settings->record_kib_given},
    };
    struct kinesis_describe_stream_summary_output out = {.stream_description_summary = &summary};
    reply_shape(x, &shape_kinesis_describe_stream_summary_output, &out);
    stream_view_unref(v);
}

void op_describe_limits(struct service *s, struct exchange *x, const void *input)
{
    (void)input;
    struct stream_totals totals;
    stream_table_totals(s->streams, &x->scope, &totals);
    struct kinesis_describe_limits_output out = {
        .shard_limit = {(int64_t)s->shard_limit, true},
        .open_shard_count = {(int64_t)totals.open_shards, true},
        .on_demand_stream_count = {(int64_t)totals.on_demand_streams, true},
        .on_demand_stream_count_limit = {(int64_t)s->on_demand_limit, true},
    };
    reply_shape(x, &shape_kinesis_describe_limits_output, &out);
}

/* ---- list ---- */

static enum status page_start(const struct service *s, const struct kinesis_list_streams_input *in,
                              struct iterator *it, struct bytes *after, struct fault *f)
{
    *after = in->exclusive_start_stream_name;
    if (!bytes_present(in->next_token))
        return OK;
    if (bytes_present(*after))
        return fault_set(f, INVALID_ARGUMENT,
                         "NextToken and ExclusiveStartStreamName cannot be provided together.");
    enum status st = page_token_open(s, in->next_token, ITERATOR_LIST_STREAMS, it, f);
    *after = bytes_text(it->name);
    return st;
}

void op_list_streams(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_list_streams_input *in = input;
    struct fault f = {0};
    struct iterator it = {0};
    struct bytes after;
    if (page_start(s, in, &it, &after, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    struct stream_view *views[PAGE_MOST];
    struct bytes names[PAGE_MOST];
    struct kinesis_stream_summary summaries[PAGE_MOST];
    struct kinesis_stream_mode_details modes[PAGE_MOST];
    size_t most =
        in->limit.present && in->limit.value < PAGE_MOST ? (size_t)in->limit.value : PAGE_DEFAULT;
    bool more;
    size_t count = stream_table_list(s->streams, &x->scope, after, views, most, &more);
    for (size_t i = 0; i < count; i++) {
        const struct stream_settings *settings = &views[i]->settings;
        names[i] = bytes_text(settings->name);
        modes[i].stream_mode = mode_name(settings->mode);
        summaries[i] = (struct kinesis_stream_summary){
            .stream_name = names[i],
            .stream_arn = stream_arn_print(&x->arena, settings),
            .stream_status = bytes_text(stream_status_name(settings->status)),
            .stream_mode_details = &modes[i],
            .stream_creation_timestamp = {(int64_t)settings->created_ms, true},
        };
    }
    struct kinesis_list_streams_output out = {
        .stream_names = {.count = (uint32_t)count, .present = true, .at = names},
        .has_more_streams = {more, true},
        .stream_summaries = {.count = (uint32_t)count, .present = true, .at = summaries},
    };
    if (more) {
        struct iterator next = {.kind = ITERATOR_LIST_STREAMS};
        snprintf(next.name, sizeof(next.name), "%s", views[count - 1]->settings.name);
        out.next_token = page_token_seal(s, x, &next);
    }
    reply_shape(x, &shape_kinesis_list_streams_output, &out);
    for (size_t i = 0; i < count; i++)
        stream_view_unref(views[i]);
}
