/* server_delivery.h: the parts of delivery as one part of the server: rows, engine, control. Thread: main. */
#ifndef SLUICE_SERVER_SERVER_DELIVERY_H
#define SLUICE_SERVER_SERVER_DELIVERY_H

#include "delivery/delivery_control.h"
#include "server/server_settings.h"

struct delivery_engine;
struct master_keys;

struct transforms;
struct conversions;

struct server_delivery {
    struct transforms *transforms;
    struct conversions *conversions;
    struct delivery_store *store;
    struct delivery_engine *engine;
    struct delivery_table *table;
    struct delivery_control *control;
};

/* What it works with. */
struct server_delivery_parts {
    const struct server_settings *settings;
    const char *folder;
    const struct clock *clock;
    struct log_engine *logs;
    struct stream_table *streams;
    struct catalog *catalog;
    struct master_keys *master_keys;
};
/* On a fault nothing stays open. Blocks on the disk. */
enum status server_delivery_open(const struct server_delivery_parts *from,
                                 struct server_delivery *out, struct fault *f) MUST_USE;
void server_delivery_close(struct server_delivery *d);

#endif
