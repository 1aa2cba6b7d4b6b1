/* sigv4.h: AWS Signature Version 4, for those who sign and those who verify.
 * Source: AWS "Signature Version 4 signing process" (General Reference); errors as in AWS-FACTS
 * section 1, point 8. Thread: any. */
#ifndef SLUICE_WIRE_SIGV4_H
#define SLUICE_WIRE_SIGV4_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/status.h"

struct sigv4_header {
    struct bytes name, value; /* name in any case */
};

/* What is signed. Views. */
struct sigv4_request {
    struct bytes method, path, query; /* path and query as sent, still escaped; no '?' */
    const struct sigv4_header *headers;
    size_t header_count;
    struct bytes body;
    const uint8_t *body_sha256; /* SHA256_BYTES, where a signer knows it; NULL: it is computed */
};

enum { SIGV4_KEY_BYTES = SHA256_BYTES, SIGV4_PARAMETERS_MAX = 64 };

/* HMAC chain of secret, day (yyyymmdd), region and service. Cost: 5 HMACs; cache it. */
void sigv4_derive_key(struct bytes secret, struct bytes day, struct bytes region,
                      struct bytes service, uint8_t key[SIGV4_KEY_BYTES]);

/* A caller's claim, taken from the Authorization header or the query; views of the request or the
 * arena. */
struct sigv4_claim {
    struct bytes access_key, day, region, service; /* the credential scope */
    struct bytes signed_headers;                   /* "host;x-amz-date" */
    struct bytes signature;                        /* hex */
    struct bytes timestamp;                        /* 20261123T235846Z */
    uint64_t timestamp_ms;
    uint64_t expires_ms; /* query form with X-Amz-Expires: lifetime; else 0 */
    bool in_query;
};

/* UNAUTHENTICATED (none), BAD_SIGNATURE (both forms; a scope whose terminator or day is wrong),
 * INCOMPLETE_SIGNATURE (parts are missing; date, algorithm or credential cannot be read: AWS calls
 * those incomplete too); each with AWS's text. */
enum status sigv4_read_claim(const struct sigv4_request *r, struct arena *a,
                             struct sigv4_claim *out, struct fault *f) MUST_USE;

/* Whether the claim's time is within `skew_ms` of now, or within its own lifetime: sigv4_verify's
 * first check, for who must know before looking up a key. BAD_SIGNATURE. */
enum status sigv4_check_time(const struct sigv4_claim *claim, uint64_t now_ms, uint64_t skew_ms,
                             struct fault *f) MUST_USE;

/* Whether the claim's signature is that of the request under the derived key, compared in constant time; and its time within `skew_ms` of now
 * (or within expires_ms, query form). BAD_SIGNATURE with AWS's words:
 *   "Signature expired: 20261123T000000Z is now earlier than 20261123T001000Z (20261123T002500Z - 15 min.)"
 *   "Signature not yet current: ... is still later than ... (... + 15 min.)"
 *   "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
 * A signed header that the request lacks, or an unsigned Host, is BAD_SIGNATURE too; `:authority` may be signed for Host. Budget: 2.5 us for a 1.5 KB body. */
enum status sigv4_verify(const struct sigv4_request *r, const struct sigv4_claim *claim,
                         const uint8_t key[SIGV4_KEY_BYTES], uint64_t now_ms, uint64_t skew_ms,
                         struct arena *a, struct fault *f) MUST_USE;

/* Signs: returns the Authorization header's value for the headers given (all of them are signed;
 * Host and X-Amz-Date must be among them). */
struct sigv4_signer {
    struct bytes access_key, region, service;
    struct bytes timestamp; /* 20261123T235846Z */
    uint8_t key[SIGV4_KEY_BYTES];
};
enum status sigv4_sign(const struct sigv4_request *r, const struct sigv4_signer *s, struct arena *a,
                       struct bytes *authorization, struct fault *f) MUST_USE;
/* The query form: returns the query string to send, with X-Amz-Signature at its end. */
enum status sigv4_presign(const struct sigv4_request *r, const struct sigv4_signer *s,
                          uint64_t expires_s, struct arena *a, struct bytes *query,
                          struct fault *f) MUST_USE;
/* "Mon, 23 Nov 2026 23:58:46 GMT", as HTTP writes dates. False: it is none. */
bool sigv4_time_from_rfc1123(struct bytes text, uint64_t *wall_ms);
/* "20261123T235846Z" and a NUL. */
void sigv4_timestamp(uint64_t wall_ms, char out[17]);

#endif
