/* delivery_check.h: whether Firehose, and we, would take a configuration. What the model bounds has been checked; this is what no model says.
 * Reads zone files; otherwise pure. */
#ifndef SLUICE_DELIVERY_DELIVERY_CHECK_H
#define SLUICE_DELIVERY_DELIVERY_CHECK_H

#include "base/status.h"
#include "wire/model/firehose.h"

#include <stdbool.h>

/* Of what a client gave, before defaults hide what it left out; any shape. INVALID_ARGUMENT. */
enum status delivery_check_given(const struct shape *shape, const void *given,
                                 struct fault *f) MUST_USE;
/* Of a wish to be encrypted, which may be NULL. INVALID_ARGUMENT. */
enum status
delivery_check_encryption(const struct firehose_delivery_stream_encryption_configuration_input *e,
                          struct fault *f) MUST_USE;
/* What this server was told to allow. */
struct transforms;
struct delivery_allowed {
    bool plain_http;                     /* HTTP endpoints may be http:// */
    const struct transforms *transforms; /* what LambdaArn may name; NULL: nothing */
};
/* Of a whole configuration (delivery_defaults.h). `before` is what it replaces, or NULL. INVALID_ARGUMENT; INVALID_VALUE for such a URL, as the model words it. */
enum status delivery_check(const struct firehose_create_delivery_stream_input *config,
                           const struct firehose_create_delivery_stream_input *before,
                           const struct delivery_allowed *allowed, struct fault *f) MUST_USE;

#endif
