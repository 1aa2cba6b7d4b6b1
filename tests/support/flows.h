/* flows.h: replies that go on (exchange_stream), in front of the echo server's handler.
 *
 *   /flow?N    N bytes as fast as they are asked for: 'a' + i % 26
 *   /rest      what flows_feed gives, until flows_end
 *   /broken    ten bytes, then it cannot go on
 *   all else   the echo server's */
#ifndef SLUICE_TESTS_SUPPORT_FLOWS_H
#define SLUICE_TESTS_SUPPORT_FLOWS_H

#include "support/echo_server.h"

enum { FLOWS_MAX = 512 };

struct flow {
    struct exchange_source source;
    struct flows *flows;
    struct exchange *exchange;
    struct loop *loop;
    struct message message;
    uint64_t fed;       /* what the message brings */
    uint64_t at, until; /* bytes given, and to be given; the loop's own */
    bool rests, breaks, ends, is_closed;
};

struct flows {
    struct exchange_handler handler;
    struct echo *echo;
    struct flow flows[FLOWS_MAX];
    _Atomic unsigned opened, closed;
    _Atomic uint64_t asked; /* bytes that were read of all of them */
};

/* Between echo_init and echo_open. */
void flows_init(struct flows *f, struct echo *e);
/* To the n-th that was opened: so many bytes more. At most one call under way for each. */
void flows_feed(struct flows *f, unsigned n, uint64_t bytes);
void flows_end(struct flows *f, unsigned n);
void flows_wait_opened(struct flows *f, unsigned count);
void flows_wait_closed(struct flows *f, unsigned count);

#endif
