/* web_sign.h: a call signed with AWS credentials, for whichever service: one way for S3, Lambda and OpenSearch. Thread: any. */
#ifndef SLUICE_WIRE_WEB_SIGN_H
#define SLUICE_WIRE_WEB_SIGN_H

#include "base/arena.h"
#include "wire/credentials.h"
#include "wire/web.h"

struct web_signer {
    const struct credentials *credentials;
    struct bytes region;
    const char *service;
    uint64_t now_ms; /* by the wall */
};
/* Adds Host (as the URL has it), X-Amz-Date, X-Amz-Security-Token where there is one, and Authorization over them and what was added before: so it comes
 * last. Strings live in the arena. A body whose hash stands in X-Amz-Content-Sha256 is not hashed again. MALFORMED, NO_MEMORY. */
enum status web_sign(struct web_call *c, const struct web_signer *s, struct arena *a,
                     struct fault *f) MUST_USE;

#endif
