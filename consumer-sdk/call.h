/* call.h: what calls and subscriptions have in common, and their end with their client. Thread: one at a time, whoever is in the client. */
#ifndef SLUICE_CONSUMER_SDK_CALL_H
#define SLUICE_CONSUMER_SDK_CALL_H

#include "consumer-sdk/client.h"

struct web_call;

/* What an error of that cause says to be wrong with the client, put right: whether it was, so that the next attempt may succeed. */
bool call_put_right(struct sluice_client *client, enum retry_cause cause,
                    const struct web_call *web);
/* Between these, calls that are started go two at a time, so that the digests of their bodies are computed side by side; the last goes at the end. Nothing else
 * may be asked of the client meanwhile. What keeps a call from going is told to its completion, and what its input views must stay until then. */
void calls_cork(struct sluice_client *client);
void calls_uncork(struct sluice_client *client);
/* Ends every call with SLUICE_CANCELLED, those too that its completions start. */
void calls_cancel_all(struct sluice_client *client);
/* The same of subscriptions. In subscription.c. */
void subscriptions_cancel_all(struct sluice_client *client);

#endif
