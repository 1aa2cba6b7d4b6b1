/* server_delivery.c: opens delivery's parts in their order, and hands the engine to the control as the one who runs delivery streams. */
#include "server/server_delivery.h"

#include "base/limits.h"
#include "delivery/conversions.h"
#include "delivery/engine.h"
#include "delivery/transforms.h"

static enum status run_set(void *arg, struct delivery *d)
{
    return delivery_engine_set(arg, d);
}

static void run_remove(void *arg, struct delivery *d, void (*done)(void *), void *done_arg)
{
    delivery_engine_remove(arg, d, done, done_arg);
}

static void run_flush(void *arg, struct delivery *d, uint64_t within_ms,
                      void (*done)(void *, enum status, const struct fault *), void *done_arg)
{
    delivery_engine_flush(arg, d, within_ms, done, done_arg);
}

static enum status open_engine(const struct server_delivery_parts *from, struct server_delivery *d,
                               struct fault *f)
{
    const struct server_settings *s = from->settings;
    const struct delivery_engine_settings to = {
        .clock = from->clock,
        .logs = from->logs,
        .streams = from->streams,
        .master_keys = from->master_keys,
        .store = d->store,
        .threads = (uint32_t)s->delivery_threads,
        .memory_max = s->delivery_memory,
        .s3_endpoint = s->s3_endpoint,
        .s3_region = s->s3_region,
        .s3_access_key = s->s3_access_key,
        .s3_secret_key = s->s3_secret_key,
        .s3_virtual_host = s->s3_virtual_host,
        .ca_file = s->delivery_ca_file,
        .http_endpoint_plain = s->delivery_plain_http,
        .transforms = d->transforms,
        .conversions = d->conversions,
    };
    return delivery_engine_open(&to, &d->engine, f);
}

static enum status open_control(const struct server_delivery_parts *from, struct server_delivery *d,
                                struct fault *f)
{
    const struct delivery_control_settings to = {
        .clock = from->clock,
        .catalog = from->catalog,
        .streams = from->streams,
        .store = d->store,
        .table = d->table,
        .runner = {run_set, run_remove, run_flush, d->engine},
        .limit = DELIVERIES_MAX,
        .state_delay_ms = from->settings->state_delay,
        .plain_http = from->settings->delivery_plain_http,
        .transforms = d->transforms,
        .conversions = d->conversions,
    };
    return delivery_control_open(&to, &d->control, f);
}

enum status server_delivery_open(const struct server_delivery_parts *from,
                                 struct server_delivery *out, struct fault *f)
{
    *out = (struct server_delivery){.table = delivery_table_new()};
    enum status st = transforms_open(from->settings->transforms, from->settings->lambda_endpoint,
                                     &out->transforms, f);
    if (st == OK)
        st = conversions_open(from->settings->tables, from->settings->columnar_library,
                              &out->conversions, f);
    if (st == OK)
        st = delivery_store_open(from->folder, &out->store, f);
    if (st == OK)
        st = open_engine(from, out, f);
    if (st == OK)
        st = open_control(from, out, f);
    if (st != OK)
        server_delivery_close(out);
    return st;
}

void server_delivery_close(struct server_delivery *d)
{
    delivery_control_close(d->control);
    if (d->engine)
        delivery_engine_close(d->engine);
    delivery_store_close(d->store);
    delivery_table_free(d->table);
    transforms_close(d->transforms);
    conversions_close(d->conversions);
    *d = (struct server_delivery){0};
}
