/* health.c: readiness and metrics. What the logs use is asked when the page is, so that nothing is
 * kept up to date for nobody. */
#include "api/health.h"

#include "api/delivery_monitoring.h"
#include "api/monitoring.h"
#include "api/reply.h"
#include "base/metric.h"

enum { PAGE_BYTES_MAX = 16 << 20 };

static void gauge(const char *name, const char *help, uint64_t value)
{
    metric_set(metric_gauge(name, help, ""), (int64_t)value);
}

static void refresh(const struct service *s)
{
    struct log_usage usage;
    struct stream_totals totals;
    s->logs->ops->usage(s->logs, &usage);
    stream_table_totals(s->streams, NULL, &totals);
    gauge("sluice_streams", "Streams.", totals.streams);
    gauge("sluice_open_shards", "Open shards, all streams together.", totals.open_shards);
    gauge("sluice_log_disk_bytes", "Bytes of log segments on disk.", usage.disk_bytes);
    gauge("sluice_log_live_bytes", "Of those, bytes of streams that exist.", usage.live_bytes);
    gauge("sluice_log_segments", "Log segments.", usage.segments);
    gauge("sluice_log_memory_bytes", "Memory of open log segments.", usage.memory_bytes);
    gauge("sluice_log_tail_bytes", "Memory of the newest records.", usage.tail_bytes);
    gauge("sluice_log_producers", "Producers of idempotent puts that are known, once a shard.",
          usage.producers);
    gauge("sluice_log_producer_bytes", "Memory of the numbers that they stored.",
          usage.producer_bytes);
    gauge("sluice_log_queued_bytes", "Puts waiting for the disk.", usage.queued_bytes);
}

static void answer_metrics(const struct service *s, struct exchange *x)
{
    struct buf page;
    buf_init(&page, PAGE_BYTES_MAX);
    refresh(s);
    metric_print(&page);
    monitoring_print(s->streams, &page);
    if (s->deliveries)
        delivery_monitoring_print(s->deliveries, s->clock, &page);
    reply_raw(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_view(&page));
    buf_fini(&page);
}

static void answer_health(const struct service *s, struct exchange *x)
{
    uint64_t now_ms = clock_wall_ms(s->clock);
    struct bytes page =
        arena_printf(&x->arena,
                     "{\"status\":\"ok\",\"version\":\"%s\",\"durability\":\"%s\",\"uptime_s\":%"
                     "llu,\"connections\":%llu}\n",
                     SLUICE_VERSION, s->durability ? s->durability : "synced",
                     (unsigned long long)((now_ms - s->started_ms) / 1000),
                     (unsigned long long)(s->connections ? s->connections(s->connections_arg) : 0));
    reply_raw(x, 200, "application/json", page);
}

static void answer_status(const struct service *s, struct exchange *x)
{
    struct buf page;
    buf_init(&page, PAGE_BYTES_MAX);
    buf_append_text(&page, "{\"delivery_streams\":");
    delivery_status_print(s->deliveries, &page);
    buf_append_text(&page, "}\n");
    reply_raw(x, 200, "application/json", buf_view(&page));
    buf_fini(&page);
}

bool health_answer(struct service *s, struct exchange *x)
{
    if (!bytes_equal(x->method, BYTES_LITERAL("GET")))
        return false;
    if (bytes_equal(x->path, BYTES_LITERAL("/health")))
        answer_health(s, x);
    else if (bytes_equal(x->path, BYTES_LITERAL("/metrics")))
        answer_metrics(s, x);
    else if (s->deliveries && bytes_equal(x->path, BYTES_LITERAL("/status")))
        answer_status(s, x);
    else
        return false;
    return true;
}
