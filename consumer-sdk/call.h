/* call.h: calls of one client, for its end. Thread: one at a time, whoever is in the client. */
#ifndef SLUICE_CONSUMER_SDK_CALL_H
#define SLUICE_CONSUMER_SDK_CALL_H

#include "consumer-sdk/client.h"

/* Ends every call with SLUICE_CANCELLED, those too that its completions start. */
void calls_cancel_all(struct sluice_client *client);

#endif
