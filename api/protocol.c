/* protocol.c: one port for everything.
 *
 * Each way of speaking is a row: how it begins, and who serves it. The first row that does not say
 * "not mine" decides. HTTP/2 is served to whoever offers it (ALPN), and without ALPN or TLS to whoever begins with its preface; a port
 * that offers TLS only says so by GOAWAY. A client that offers nothing we speak gets the alert of RFC 7301.
 *
 * I1. A whole ClientHello is waited for before a TLS connection goes on, so its ALPN is known
 * before anybody answers; one longer than PROTOCOL_PEEK_MAX is refused.
 *
 * Left to others: reading the ClientHello (tls.c), peeking and closing (listener.c).
 * Thread: any. */
#include "api/protocol.h"

#include "api/tls.h"

enum { RECORD_HEADER = 5, HANDSHAKE_HEADER = 4, RECORD_HANDSHAKE = 0x16, HELLO_CLIENT = 1 };

/* Alert records in the clear: type 21, version 3.1, 2 bytes: fatal, what. RFC 8446, section 6. */
#define ALERT(what)                   BYTES_LITERAL("\x15\x03\x01\x00\x02\x02" what)
#define ALERT_HANDSHAKE_FAILURE       ALERT("\x28")
#define ALERT_DECODE_ERROR            ALERT("\x32")
#define ALERT_NO_APPLICATION_PROTOCOL ALERT("\x78")

/* An empty SETTINGS frame, then GOAWAY: last stream 0 and an error code. RFC 9113,
 * sections 6.5, 6.8. */
#define HTTP2_REFUSAL(error)                                                                       \
    BYTES_LITERAL("\x00\x00\x00\x04\x00\x00\x00\x00\x00"                                           \
                  "\x00\x00\x08\x07\x00\x00\x00\x00\x00"                                           \
                  "\x00\x00\x00\x00\x00\x00\x00" error)
#define INADEQUATE_SECURITY "\x0c"

#define HTTPS_WORDS "This port speaks HTTPS: use https://\n"
static const struct bytes https_only =
    BYTES_LITERAL("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                  "Content-Length: 37\r\nConnection: close\r\n\r\n" HTTPS_WORDS);
_Static_assert(sizeof(HTTPS_WORDS) - 1 == 37, "the Content-Length above");

/* RFC 9113, section 3.4. */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_Static_assert(sizeof(PREFACE) - 1 == PREFACE_BYTES, "as the header says");

static struct protocol_verdict wait_for_more(void)
{
    return (struct protocol_verdict){.action = PROTOCOL_WAIT};
}

static struct protocol_verdict serve(enum protocol_transport transport)
{
    return (struct protocol_verdict){.action = PROTOCOL_SERVE, .transport = transport};
}

static struct protocol_verdict refuse(const char *why, struct bytes answer)
{
    return (struct protocol_verdict){.action = PROTOCOL_REFUSE, .answer = answer, .why = why};
}

/* Whether the handshake message that begins here is whole; it may be spread over several records.
 * Asked before OpenSSL is: a hello that comes a byte at a time costs a glance at each byte, not a
 * parse. */
static bool hello_is_whole(struct bytes peeked)
{
    size_t at = 0, have = 0, need = SIZE_MAX;
    uint8_t header[HANDSHAKE_HEADER];
    while (at + RECORD_HEADER <= peeked.len) {
        const uint8_t *record = peeked.at + at;
        if (record[0] != RECORD_HANDSHAKE)
            return true; /* broken: let the parser say so */
        size_t length = (size_t)record[3] << 8 | record[4];
        size_t here = peeked.len - at - RECORD_HEADER;
        here = here < length ? here : length;
        for (size_t i = 0; i < here && have + i < HANDSHAKE_HEADER; i++)
            header[have + i] = record[RECORD_HEADER + i];
        have += here;
        if (have >= 1 && header[0] != HELLO_CLIENT)
            return true;
        if (have >= HANDSHAKE_HEADER)
            need =
                HANDSHAKE_HEADER + ((size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3]);
        if (have >= need || length == 0)
            return true;
        at += RECORD_HEADER + length;
    }
    return false;
}

static struct protocol_verdict decide_tls(const struct protocol_offer *offer, struct bytes peeked)
{
    if (!offer->tls)
        return refuse("tls_off", ALERT_HANDSHAKE_FAILURE);
    bool full = peeked.len >= PROTOCOL_PEEK_MAX;
    if (!full && !hello_is_whole(peeked))
        return wait_for_more();
    switch (tls_hello_read(peeked)) {
    case TLS_HELLO_UNDECLARED:
        return serve(TRANSPORT_UNDECLARED_TLS);
    case TLS_HELLO_HTTP1:
        return serve(TRANSPORT_HTTP1_TLS);
    case TLS_HELLO_HTTP2_TOO:
    case TLS_HELLO_HTTP2_ONLY:
        return serve(TRANSPORT_HTTP2_TLS);
    case TLS_HELLO_OTHER_ONLY:
        return refuse("alpn", ALERT_NO_APPLICATION_PROTOCOL);
    case TLS_HELLO_INCOMPLETE:
        return full ? refuse("hello", ALERT_DECODE_ERROR) : wait_for_more(); /* I1 */
    case TLS_HELLO_BROKEN:
        break;
    }
    return refuse("hello", ALERT_DECODE_ERROR);
}

static struct protocol_verdict decide_http2(const struct protocol_offer *offer, struct bytes peeked)
{
    (void)peeked;
    return offer->plain ? serve(TRANSPORT_HTTP2)
                        : refuse("plain_off", HTTP2_REFUSAL(INADEQUATE_SECURITY));
}

static struct protocol_verdict decide_http1(const struct protocol_offer *offer, struct bytes peeked)
{
    (void)peeked;
    return offer->plain ? serve(TRANSPORT_HTTP1) : refuse("plain_off", https_only);
}

static const struct row {
    struct bytes begins; /* every connection of this kind begins with these bytes */
    struct protocol_verdict (*decide)(const struct protocol_offer *, struct bytes peeked);
} rows[] = {
    {BYTES_LITERAL("\x16"), decide_tls},
    {BYTES_LITERAL(PREFACE), decide_http2},
    {BYTES_LITERAL(""), decide_http1},
};

struct protocol_verdict protocol_decide(const struct protocol_offer *offer, struct bytes peeked)
{
    for (const struct row *row = rows;; row++) {
        if (bytes_starts_with(peeked, row->begins))
            return row->decide(offer, peeked);
        if (bytes_starts_with(row->begins, peeked))
            return wait_for_more();
    }
}

enum protocol_preface protocol_preface(struct bytes heard)
{
    static const struct bytes preface = BYTES_LITERAL(PREFACE);
    if (bytes_starts_with(heard, preface))
        return PREFACE_WHOLE;
    return bytes_starts_with(preface, heard) ? PREFACE_BEGUN : PREFACE_NOT;
}
