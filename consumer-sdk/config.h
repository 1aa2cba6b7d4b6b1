/* config.h: where a client's calls go and how, out of its options, the environment and ~/.aws/config.
 * Thread: any; reading the file blocks on the disk, once a client. */
#ifndef SLUICE_CONSUMER_SDK_CONFIG_H
#define SLUICE_CONSUMER_SDK_CONFIG_H

#include "base/arena.h"
#include "consumer-sdk/operation.h"
#include "wire/profile.h"

struct endpoint {
    const char *url;   /* "https://kinesis.us-east-1.amazonaws.com/" */
    struct bytes host; /* as the Host header has it: without the scheme's own port */
};

/* All texts live in the arena. */
struct config {
    struct endpoint endpoints[SERVICES];
    const char *region, *profile;
    const char *access_key_id, *secret_access_key, *session_token; /* "": none was said */
    const char *ca_file;                                           /* "": none */
    struct sluice_client_options said; /* numbers, defaults filled in; its texts are the caller's */
};

/* SLUICE_INVALID_ARGUMENT (an address that is none), SLUICE_NO_MEMORY, SLUICE_IO (the config file is there and cannot be read). */
enum sluice_status config_make(const struct sluice_client_options *options,
                               profile_variable_fn *variable, struct arena *arena,
                               struct config *out, struct sluice_error *error);

/* The name that signatures for the service carry. */
const char *service_name(enum service service);

#endif
