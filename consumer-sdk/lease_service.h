/* lease_service.h: leases and checkpoints in the service's own consumer groups. */
#ifndef SLUICE_CONSUMER_SDK_LEASE_SERVICE_H
#define SLUICE_CONSUMER_SDK_LEASE_SERVICE_H

#include <sluice/client.h>
#include <sluice/lease_store.h>

/* The client is borrowed; its thread is the store's. NULL: no memory. */
sluice_lease_store *lease_service_new(sluice_client *client) SLUICE_MUST_USE;
void lease_service_free(sluice_lease_store *store);

#endif
