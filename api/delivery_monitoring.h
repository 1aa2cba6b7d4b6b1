/* delivery_monitoring.h: what delivery streams do, as Prometheus text under names after AWS/Firehose's, and their state. Thread: the
 * exchange's loop. */
#ifndef SLUICE_API_DELIVERY_MONITORING_H
#define SLUICE_API_DELIVERY_MONITORING_H

#include "base/buf.h"
#include "base/clock.h"
#include "delivery/delivery_table.h"

/* Appends the page, as far as `out` has room. */
void delivery_monitoring_print(struct delivery_table *deliveries, const struct clock *clock,
                               struct buf *out);
/* Appends a JSON list: each delivery stream with its state and its last error. */
void delivery_status_print(struct delivery_table *deliveries, struct buf *out);

#endif
