/* delivery_update.h: what an UpdateDestination makes of a configuration. Pure. */
#ifndef SLUICE_DELIVERY_DELIVERY_UPDATE_H
#define SLUICE_DELIVERY_DELIVERY_UPDATE_H

#include "delivery/delivery.h"

enum { DESTINATION_ID_BYTES = 27 };
#define DESTINATION_ID "destinationId-000000000001"

/* *out: a configuration in the arena, of which parts are v's and the update's. Members that the update leaves out keep their value if the
 * destination stays of its kind; else it must be whole. INVALID_ARGUMENT, NO_MEMORY. */
enum status delivery_update(const struct delivery_view *v,
                            const struct firehose_update_destination_input *in, struct arena *arena,
                            struct firehose_create_delivery_stream_input **out,
                            struct fault *f) MUST_USE;

#endif
