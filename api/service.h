/* service.h: what operations work with. Fixed at birth; made by the server, or by a test. */
#ifndef SLUICE_API_SERVICE_H
#define SLUICE_API_SERVICE_H

#include "api/auth.h"
#include "api/exchange.h"
#include "api/quotas.h"
#include "base/metric.h"
#include "shards/catalog.h"

struct push;
struct delivery_control;
struct delivery_table;
struct group_keeper;

struct operation_metrics {
    struct metric *seconds, *errors;
};

/* AWS's metrics of the data plane, over all streams. */
struct data_metrics {
    struct metric *incoming_bytes, *incoming_records, *write_throttled;
    struct metric *outgoing_bytes, *outgoing_records, *iterator_age_ms;
};

struct service {
    struct exchange_handler handler; /* the pipeline: hand &service->handler to the network */
    struct catalog *catalog;
    struct stream_table *streams;
    struct log_engine *logs;
    struct master_keys *master_keys;   /* NULL: none */
    struct delivery_table *deliveries; /* NULL: delivery streams are not served, nor is the next */
    struct delivery_control *delivery_control;
    struct group_keeper *groups; /* NULL: consumer groups are not served */
    const struct clock *clock;
    struct auth_settings auth;
    uint64_t shard_limit, on_demand_limit; /* of each account and region */
    struct inject *inject;  /* NULL: no faults are injected, and no operation can change that */
    const char *durability; /* "synced" or "relaxed", for the status page */
    uint64_t (*connections)(void *); /* for the status page; may be NULL */
    void *connections_arg;
    uint64_t started_ms;
    struct data_metrics data;          /* made by service_init */
    struct operation_metrics *metrics; /* by target_place; made by service_init */
    struct quotas *quotas;             /* NULL: none are held; service_fini frees it */
    struct push *push;                 /* made by service_init */
};

/* Sets handler and metrics; the rest is set by the caller, before or after. */
void service_init(struct service *s);
void service_fini(struct service *s);

#endif
