/* monitoring.c: a row of the table is a family: a metric of AWS's, its name here, and where its number comes from.
 *
 *   kinesis_shard_incoming_bytes_total{account="000000000000",region="us-east-1",stream="s",shard="shardId-000000000000"} 4711
 *
 * The numbers are asked when the page is, from the counters that every shard has anyway (shards/shard_rate.h); a page costs nothing
 * between two visits. A stream's totals count from the server's start and outlive its shards, so they never go down.
 *
 * Left to others: the totals over all streams (service.h). */
#include "api/monitoring.h"

enum { LINE_BYTES_MAX = 448 };

struct family {
    const char *aws, *shard_name, *stream_name;
    bool gauge;
    uint64_t (*value)(struct shard_rate *);
};

#define VALUE(field)                                                                               \
    static uint64_t field##_of(struct shard_rate *r)                                               \
    {                                                                                              \
        return (uint64_t)atomic_load_explicit(&r->field, memory_order_relaxed);                    \
    }
VALUE(in_bytes)
VALUE(in_records)
VALUE(out_bytes)
VALUE(out_records)
VALUE(write_refused)
VALUE(read_refused)
VALUE(iterator_age_ms)
#undef VALUE

/* In the order of enum shard_metric. */
static const struct family families[SHARD_METRICS] = {
    {"IncomingBytes", "kinesis_shard_incoming_bytes_total", "kinesis_stream_incoming_bytes_total",
     false, in_bytes_of},
    {"IncomingRecords", "kinesis_shard_incoming_records_total",
     "kinesis_stream_incoming_records_total", false, in_records_of},
    {"OutgoingBytes", "kinesis_shard_outgoing_bytes_total",
     "kinesis_stream_get_records_bytes_total", false, out_bytes_of},
    {"OutgoingRecords", "kinesis_shard_outgoing_records_total",
     "kinesis_stream_get_records_records_total", false, out_records_of},
    {"WriteProvisionedThroughputExceeded",
     "kinesis_shard_write_provisioned_throughput_exceeded_total",
     "kinesis_stream_write_provisioned_throughput_exceeded_total", false, write_refused_of},
    {"ReadProvisionedThroughputExceeded",
     "kinesis_shard_read_provisioned_throughput_exceeded_total",
     "kinesis_stream_read_provisioned_throughput_exceeded_total", false, read_refused_of},
    {"IteratorAgeMilliseconds", "kinesis_shard_iterator_age_milliseconds",
     "kinesis_stream_get_records_iterator_age_milliseconds", true, iterator_age_ms_of},
};

const char *shard_metric_name(enum shard_metric metric)
{
    return families[metric].aws;
}

static void print_head(const struct family *f, const char *name, const char *what, struct buf *out)
{
    buf_printf(out, "# HELP %s AWS/Kinesis %s, by %s.\n# TYPE %s %s\n", name, f->aws, what, name,
               f->gauge ? "gauge" : "counter");
}

static bool has_room(const struct buf *out)
{
    return out->len + LINE_BYTES_MAX <= out->ceiling;
}

/* A name says which stream only within its account and region. */
#define STREAM_LABELS "account=\"%s\",region=\"%s\",stream=\"%s\""
#define STREAM_LABELS_ARGS(v)                                                                      \
    (v)->settings.scope.account, (v)->settings.scope.region, (v)->settings.name

/* One family on its way to the page. */
struct printing {
    enum shard_metric metric;
    struct buf *out;
};

static bool print_stream(void *arg, struct stream_view *v)
{
    const struct printing *p = arg;
    const struct family *f = &families[p->metric];
    if (has_room(p->out) && !scope_is_hidden(&v->settings.scope))
        buf_printf(p->out, "%s{" STREAM_LABELS "} %llu\n", f->stream_name, STREAM_LABELS_ARGS(v),
                   (unsigned long long)f->value(v->settings.rate));
    return has_room(p->out);
}

static bool print_shards(void *arg, struct stream_view *v)
{
    const struct printing *p = arg;
    const struct family *f = &families[p->metric];
    char id[SHARD_ID_BYTES];
    bool wanted = v->settings.reshape.shard_metrics & 1u << p->metric;
    for (uint32_t i = 0; wanted && i < v->open_count && has_room(p->out); i++) {
        shard_id_print(v->open[i]->index, id);
        buf_printf(p->out, "%s{" STREAM_LABELS ",shard=\"%s\"} %llu\n", f->shard_name,
                   STREAM_LABELS_ARGS(v), id, (unsigned long long)f->value(v->open[i]->rate));
    }
    return has_room(p->out);
}

void monitoring_print(struct stream_table *streams, struct buf *out)
{
    for (int i = 0; i < SHARD_METRICS && has_room(out); i++) {
        print_head(&families[i], families[i].stream_name, "stream", out);
        stream_table_each(streams, print_stream, &(struct printing){(enum shard_metric)i, out});
    }
    for (int i = 0; i < SHARD_METRICS && has_room(out); i++) {
        print_head(&families[i], families[i].shard_name, "shard", out);
        stream_table_each(streams, print_shards, &(struct printing){(enum shard_metric)i, out});
    }
    if (!has_room(out))
        buf_append_text(out, "# The page is full: streams and shards were left out.\n");
}
