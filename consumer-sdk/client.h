/* client.h: a client from within: what calls and subscriptions share.
 *
 * Thread: one at a time, whoever is in the client. */
#ifndef SLUICE_CONSUMER_SDK_CLIENT_H
#define SLUICE_CONSUMER_SDK_CLIENT_H

#include "base/loop.h"
#include "base/random.h"
#include "consumer-sdk/config.h"
#include "consumer-sdk/reply.h"
#include "consumer-sdk/retry_policy.h"
#include "wire/credentials.h"
#include "wire/sigv4.h"
#include "wire/web.h"

enum {
    SIGNING_DAY_BYTES = 9,
    CLIENT_MEMORY_MAX = 1 << 20,
    CLIENT_SPARES_MAX = 8, /* bodies of requests that are over, kept for the next */
    CLIENT_SPARE_BYTES_MIN = 64 * 1024
};

/* A derived key, good for a day and its credentials. */
struct signing_key {
    char day[SIGNING_DAY_BYTES]; /* "": none */
    uint8_t key[SIGV4_KEY_BYTES];
};

struct sluice_client {
    /* fixed at birth */
    struct loop *loop;
    struct web *web;
    struct arena texts; /* of config */
    struct config config;
    profile_variable_fn *variable; /* NULL: the process's environment */

    struct credentials credentials;
    bool have_credentials;
    struct signing_key keys[SERVICES];
    int64_t skew_ms; /* what the services' clock is ahead of ours, once they complained */
    struct random chance;
    struct buf spares[CLIENT_SPARES_MAX];
    unsigned spare_count;
    struct reply_spares *replies;
    struct retry_budget budget;
    struct list calls, subscriptions; /* by their `node` */
    unsigned call_count;
    bool corked; /* call.h */
    struct sluice_call_handle *held;
    unsigned inside; /* callbacks of the user's under way */
    bool closing;
};

/* sluice_client_new with another environment than the process's. */
enum sluice_status client_new(const struct sluice_client_options *options,
                              profile_variable_fn *variable, sluice_client **client,
                              struct sluice_error *error);
/* What the service's clock shows. */
uint64_t client_now_ms(const struct sluice_client *client);
/* Finds them where they were not found yet. SLUICE_CREDENTIALS, SLUICE_NO_MEMORY. */
enum sluice_status client_credentials(struct sluice_client *client, struct sluice_error *error);
/* They have expired. Whether there are others now. */
bool client_credentials_renew(struct sluice_client *client);
/* The clock that an answer shows. Whether ours was wrong enough to say so, and is put right. */
bool client_clock_set(struct sluice_client *client, struct bytes http_date);

#endif
