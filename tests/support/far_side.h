/* far_side.h: an HTTP server that does what a test wants a far side to do: answer well, answer badly, say nothing, hang up.
 *
 * A thread for each connection; it reads a request whole and hands it to `handle`, which writes whatever bytes it likes.
 * With TLS its certificate is one of a local CA in `folder`, for 127.0.0.1 and localhost. */
#ifndef SLUICE_TESTS_SUPPORT_FAR_SIDE_H
#define SLUICE_TESTS_SUPPORT_FAR_SIDE_H

#include "base/buf.h"
#include "base/lock.h"
#include "base/thread.h"

#include <openssl/ssl.h>

enum { FAR_CONNECTIONS_MAX = 256 };
enum far_next {
    FAR_KEEP,  /* the next request of this connection */
    FAR_CLOSE, /* in order */
    FAR_RESET, /* RST */
    FAR_HANG   /* says no more; ends when the other side goes or the test ends */
};

struct far_side;
struct far_connection;
struct far_request {
    struct far_side *far;
    struct far_connection *connection;
    unsigned number; /* of this request in all, from 0 */
    unsigned connection_number;
    char method[16], target[2048];
    const char *head; /* NUL-terminated: request line and headers */
    struct bytes body;
};

struct far_side {
    /* set between far_init and far_open */
    enum far_next (*handle)(struct far_request *r); /* on the connection's thread */
    /* When set: asked before the body is read; true takes what `next` then says for the answer. */
    bool (*before_body)(struct far_request *r, enum far_next *next);
    void *arg;
    bool tls;
    bool bad_tls; /* answers the hello with nonsense */
    int send_buffer_bytes;

    char ca_path[96];
    uint16_t port;
    struct lock lock;
    unsigned requests, connections; /* under lock: ever */
    struct signal changed;
    /* far_side.c's own */
    int fd;
    SSL_CTX *context;
    struct tls *local_ca;
    char folder[64];
    struct thread acceptor;
    struct far_connection *all[FAR_CONNECTIONS_MAX]; /* under lock */
    bool closing;                                    /* under lock */
};

/* For whoever calls far sides: a connection that ended is no signal, and the environment's proxies are not asked. */
void far_prepare_process(void);
void far_init(struct far_side *far);
void far_open(struct far_side *far);
void far_close(struct far_side *far);
/* "http://127.0.0.1:PORT" or https, and that path. Valid until the next call of this thread. */
const char *far_url(const struct far_side *far, const char *path);
void far_write(struct far_request *r, struct bytes bytes);
void far_printf(struct far_request *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "HTTP/1.1 CODE ...", Content-Type, Content-Length, that body. */
void far_answer(struct far_request *r, int code, const char *type, const char *body);
/* A header's value, copied into `out` ("" when it is not there); returns whether it is. */
bool far_header(const struct far_request *r, const char *name, char *out, size_t room);
/* Waits until so many requests have come. */
void far_wait_requests(struct far_side *far, unsigned count);
unsigned far_requests(struct far_side *far);
unsigned far_connections(struct far_side *far);

#endif
