/* delivery_monitoring.c: a row of the table is a family, as in monitoring.c: a metric of AWS's, its name here, and its counter.
 *
 *   firehose_delivery_data_freshness_seconds{account="000000000000",region="us-east-1",delivery_stream="d",destination="S3"} 12
 *
 * AWS has the destination in the metric's name (DeliveryToS3.Records), we have it in a label. Numbers count from the server's start. */
#include "api/delivery_monitoring.h"

#include "wire/json.h"

#include <stdatomic.h>

enum { DELIVERY_LINE_BYTES_MAX = 2048, PAGE = 64 };

static const struct family {
    const char *aws, *name;
    size_t offset; /* in struct delivery_counters */
    bool gauge, age;
} families[] = {
#define FAMILY(aws, name, field)                                                                   \
    {                                                                                              \
        aws, name, offsetof(struct delivery_counters, field), false, false                         \
    }
    {"DeliveryTo<destination>.DataFreshness", "firehose_delivery_data_freshness_seconds",
     offsetof(struct delivery_counters, oldest_ms), true, true},
    FAMILY("DeliveryTo<destination>.Bytes", "firehose_delivery_bytes_total", delivered_bytes),
    FAMILY("DeliveryTo<destination>.Records", "firehose_delivery_records_total", delivered_records),
    FAMILY("DeliveryToS3.ObjectCount", "firehose_delivery_objects_total", delivered_objects),
    FAMILY("DeliveryTo<destination>.Success, its attempts", "firehose_delivery_attempts_total",
           delivery_attempts),
    FAMILY("DeliveryTo<destination>.Success, those that succeeded",
           "firehose_delivery_successes_total", delivery_successes),
    FAMILY("BackupToS3.Bytes", "firehose_backup_bytes_total", backup_bytes),
    FAMILY("BackupToS3.Records", "firehose_backup_records_total", backup_records),
    FAMILY("BackupToS3.ObjectCount", "firehose_backup_objects_total", backup_objects),
    FAMILY("IncomingBytes", "firehose_incoming_bytes_total", incoming_bytes),
    FAMILY("IncomingRecords", "firehose_incoming_records_total", incoming_records),
    FAMILY("IncomingPutRequests", "firehose_incoming_put_requests_total", incoming_requests),
    FAMILY("ThrottledRecords", "firehose_throttled_records_total", throttled_records),
    FAMILY("DataReadFromKinesisStream.Bytes", "firehose_data_read_from_kinesis_bytes_total",
           read_bytes),
    FAMILY("DataReadFromKinesisStream.Records", "firehose_data_read_from_kinesis_records_total",
           read_records),
    FAMILY("ExecuteProcessing, its calls", "firehose_processing_calls_total", process_calls),
    FAMILY("ExecuteProcessing.Success, those that succeeded", "firehose_processing_successes_total",
           process_successes),
    FAMILY("ExecuteProcessing.Duration, summed up", "firehose_processing_milliseconds_total",
           process_ms),
    FAMILY("records to the error output", "firehose_failed_records_total", failed_records),
    FAMILY("records that a transform dropped", "firehose_dropped_records_total", dropped_records),
#undef FAMILY
    {"PartitionCount", "firehose_partition_count", offsetof(struct delivery_counters, partitions),
     true, false},
};
enum { FAMILIES = sizeof(families) / sizeof(*families) };

static const char *destination_name(enum delivery_kind kind)
{
    static const char *const names[] = {"S3", "HttpEndpoint", "Splunk", "AmazonOpenSearchService"};
    return names[kind];
}

static uint64_t value_of(const struct family *f, struct delivery *d, uint64_t now_ms)
{
    const _Atomic uint64_t *counter =
        (const void *)((const uint8_t *)delivery_counters(d) + f->offset);
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    if (!f->age)
        return value;
    return value && now_ms > value ? (now_ms - value) / 1000 : 0;
}

static bool has_room(const struct buf *out)
{
    return out->len + DELIVERY_LINE_BYTES_MAX <= out->ceiling;
}

/* Calls `each` with every delivery stream and its view, while there is room. */
static void walk(struct delivery_table *deliveries, struct buf *out,
                 void (*each)(void *arg, struct delivery *d, struct delivery_view *v), void *arg)
{
    struct delivery *page[PAGE];
    struct delivery_view *last = NULL;
    for (size_t count = PAGE; count == PAGE && has_room(out);) {
        count = delivery_table_walk(deliveries, last, page, PAGE);
        for (size_t i = 0; i < count; i++) {
            delivery_view_unref(last);
            last = delivery_look(page[i]);
            if (has_room(out))
                each(arg, page[i], last);
            delivery_unref(page[i]);
        }
    }
    delivery_view_unref(last);
}

struct printing {
    const struct family *family;
    uint64_t now_ms;
    struct buf *out;
    bool any;
};

static void print_line(void *arg, struct delivery *d, struct delivery_view *v)
{
    const struct printing *p = arg;
    buf_printf(p->out,
               "%s{account=\"%s\",region=\"%s\",delivery_stream=\"%s\",destination=\"%s\"} %llu\n",
               p->family->name, v->scope.account, v->scope.region, v->name,
               destination_name(v->kind), (unsigned long long)value_of(p->family, d, p->now_ms));
}

void delivery_monitoring_print(struct delivery_table *deliveries, const struct clock *clock,
                               struct buf *out)
{
    uint64_t now_ms = clock_wall_ms(clock);
    for (size_t i = 0; i < FAMILIES && has_room(out); i++) {
        const struct family *f = &families[i];
        buf_printf(out, "# HELP %s AWS/Firehose %s.\n# TYPE %s %s\n", f->name, f->aws, f->name,
                   f->gauge ? "gauge" : "counter");
        walk(deliveries, out, print_line, &(struct printing){f, now_ms, out, false});
    }
}

static void print_state(void *arg, struct delivery *d, struct delivery_view *v)
{
    struct printing *p = arg;
    char error[DELIVERY_ERROR_BYTES];
    delivery_last_error(d, error);
    buf_printf(p->out,
               "%s{\"account\":\"%s\",\"region\":\"%s\",\"delivery_stream\":\"%s\",\"state\":\"%s\""
               ",\"last_error\":",
               p->any ? "," : "", v->scope.account, v->scope.region, v->name,
               delivery_status_name(v->status));
    json_append_string(p->out, bytes_text(error));
    buf_append_byte(p->out, '}');
    p->any = true;
}

void delivery_status_print(struct delivery_table *deliveries, struct buf *out)
{
    struct printing p = {.out = out};
    buf_append_byte(out, '[');
    walk(deliveries, out, print_state, &p);
    buf_append_byte(out, ']');
}
