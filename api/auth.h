/* auth.h: verifies the caller of an exchange. Order of checks and texts: AWS-FACTS section 1,
 * point 8. Thread: any. */
#ifndef SLUICE_API_AUTH_H
#define SLUICE_API_AUTH_H

#include "api/exchange.h"
#include "api/keys.h"

struct auth_settings {
    struct keys *keys;
    struct scope home;    /* the account of keys that have none; the region that is served */
    bool any_region;      /* --dev: any region is served, each as a name space of its own */
    bool any_credentials; /* --dev: the claim must be there and complete, but its signature is not
                             checked; an access key id of 12 digits names its account */
    const struct clock *clock;
};

/* Must run before the body is decoded (decoding overwrites it). `service` is what the scope must
 * name: "kinesis", "firehose". On OK x->access_key and x->scope say who asks: the account of the
 * key, the region of the signature. UNAUTHENTICATED, INCOMPLETE_SIGNATURE, BAD_SIGNATURE (AWS: InvalidSignatureException),
 * BAD_CREDENTIALS (AWS: UnrecognizedClientException "The security token included in the request is
 * invalid."). A wrong region or service in the scope: BAD_SIGNATURE with "Credential should be
 * scoped to a valid region. " / "Credential should be scoped to correct service: 'kinesis'. ". */
enum status auth_verify(const struct auth_settings *s, struct exchange *x, const char *service,
                        struct fault *f) MUST_USE;

#endif
