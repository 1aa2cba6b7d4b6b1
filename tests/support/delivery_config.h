/* delivery_config.h: views of delivery streams, out of their configurations as callers write them. */
#ifndef SLUICE_TESTS_SUPPORT_DELIVERY_CONFIG_H
#define SLUICE_TESTS_SUPPORT_DELIVERY_CONFIG_H

#include "delivery/delivery.h"

/* Of a CreateDeliveryStreamInput: the delivery stream "d", number 7, in eu-west-1, ACTIVE. One reference. */
struct delivery_view *delivery_view_of(const char *config, uint64_t version, bool kinesis);

#endif
