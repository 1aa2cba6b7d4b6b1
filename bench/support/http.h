/* http.h: as much of HTTP/1.1 as a client needs that sends one request at a time and knows who
 * answers: status, Content-Length, body. Thread: any. */
#ifndef SLUICE_BENCH_SUPPORT_HTTP_H
#define SLUICE_BENCH_SUPPORT_HTTP_H

#include "base/buf.h"

enum http_state { HTTP_PARTIAL, HTTP_WHOLE, HTTP_BROKEN };

struct http_answer {
    int status;
    size_t total; /* bytes of head and body; 0 while the head is not whole */
    struct bytes body;
};

/* Reads the answer that `got` begins with. HTTP_BROKEN: not one that we understand. */
enum http_state http_answer_read(struct bytes got, struct http_answer *out);

/* A connection to 127.0.0.1; -1 when nobody listens there. */
int http_connect(uint16_t port);
/* All of it; false: the connection broke. */
bool http_send(int fd, struct bytes request);
/* Sends one request over a connection of its own and waits for the answer, whose bytes go to `got`.
 * False: nobody listens, or it was cut off, or took longer than half a minute. */
bool http_call(uint16_t port, struct bytes request, struct buf *got, struct http_answer *out);

#endif
