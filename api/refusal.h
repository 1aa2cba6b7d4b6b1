/* refusal.h: answers of the transports themselves, the same over every HTTP version. Thread: the exchange's loop. */
#ifndef SLUICE_API_REFUSAL_H
#define SLUICE_API_REFUSAL_H

#include "api/network_internal.h"

struct refusal {
    int http_status;
    const char *error; /* AWS's name for it, or NULL: a bare answer */
    const char *text;  /* its message, or NULL */
    bool close;
};
extern const struct refusal refusal_bad_framing, refusal_too_many_headers, refusal_unknown_encoding,
    refusal_broken_reply, refusal_bodies_full, refusal_replies_full;
/* What a failed body is answered with; counted. */
const struct refusal *refusal_of_body(const struct body *body, struct network_counts *counts);
/* Makes the refusal the exchange's whole reply, in the request's codec as far as its head tells; sending it is the transport's. */
void refusal_write(const struct refusal *refusal, struct exchange *x);

#endif
