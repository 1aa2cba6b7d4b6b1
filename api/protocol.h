/* protocol.h: what a new connection speaks, told from its first bytes, which stay in the socket:
 * the seam where a transport is added. Pure. Thread: any. */
#ifndef SLUICE_API_PROTOCOL_H
#define SLUICE_API_PROTOCOL_H

#include "base/bytes.h"

/* What serves a connection once it is known. */
enum protocol_transport {
    TRANSPORT_HTTP1,
    TRANSPORT_HTTP1_TLS,
    TRANSPORT_HTTP2,
    TRANSPORT_HTTP2_TLS,
    TRANSPORT_UNDECLARED_TLS, /* one of the two: known when it has spoken */
    TRANSPORTS
};

enum protocol_action { PROTOCOL_WAIT, PROTOCOL_SERVE, PROTOCOL_REFUSE };

/* What this port offers. */
struct protocol_offer {
    bool plain, tls;
};

struct protocol_verdict {
    enum protocol_action action;
    enum protocol_transport transport; /* of PROTOCOL_SERVE */
    struct bytes
        answer;      /* of PROTOCOL_REFUSE: sent before the connection is closed; may be empty */
    const char *why; /* of PROTOCOL_REFUSE: a word for the metric */
};

/* Most that a verdict may need: a ClientHello of one full TLS record, with its header. */
enum { PROTOCOL_PEEK_MAX = 16 * 1024 + 5 };

/* `peeked` is not empty. PROTOCOL_WAIT asks for more bytes; it is never the answer to
 * PROTOCOL_PEEK_MAX of them. */
struct protocol_verdict protocol_decide(const struct protocol_offer *offer, struct bytes peeked);

/* What speaks inside TLS and did not say so in its hello: HTTP/2 when it begins with the whole preface, HTTP/1.1 with the first byte that is
 * not the preface's. At most PREFACE_BYTES need be heard. */
enum protocol_preface { PREFACE_BEGUN, PREFACE_WHOLE, PREFACE_NOT };
enum { PREFACE_BYTES = 24 };
enum protocol_preface protocol_preface(struct bytes heard);

#endif
