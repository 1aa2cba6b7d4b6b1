/* auth.h: verifies the caller of an exchange. Order of checks and texts: AWS-FACTS section 1,
 * point 8. Thread: any. */
#ifndef SLUICE_API_AUTH_H
#define SLUICE_API_AUTH_H

#include "api/exchange.h"
#include "api/keys.h"

struct auth_settings {
    struct keys *keys;
    const char *region;   /* what a credential scope must name; NULL: any (--dev) */
    bool any_credentials; /* --dev: the claim must be there and complete, but its signature is not
                             checked */
    const struct clock *clock;
};

/* Must run before the body is decoded (decoding overwrites it). `service` is what the scope must
 * name: "kinesis", "firehose". On OK *caller is the access key id (a view that lives as long as the
 * exchange). UNAUTHENTICATED, INCOMPLETE_SIGNATURE, BAD_SIGNATURE (AWS: InvalidSignatureException),
 * BAD_CREDENTIALS (AWS: UnrecognizedClientException "The security token included in the request is
 * invalid."). A wrong region or service in the scope: BAD_SIGNATURE with "Credential should be
 * scoped to a valid region. " / "Credential should be scoped to correct service: 'kinesis'. ". */
enum status auth_verify(const struct auth_settings *s, struct exchange *x, const char *service,
                        struct bytes *caller, struct fault *f) MUST_USE;

#endif
