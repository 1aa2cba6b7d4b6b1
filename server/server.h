/* server.h: one running server: everything opened in order, closed in reverse. */
#ifndef SLUICE_SERVER_SERVER_H
#define SLUICE_SERVER_SERVER_H

#include "base/loop.h"
#include "server/server_settings.h"

struct server;

/* What the server tells whoever started it. */
struct server_teller {
    /* The first access key, made because there was none. Told before anything is served, and never
     * again. */
    void (*root_key)(void *arg, const char *access_key, const char *secret);
    void *arg;
};

/* `settings` and `main_loop` must outlive it; the loop is the main thread's, and serves the admin
 * socket. IN_USE: another server serves this folder, or the port is taken. Blocks on the disk.
 * Thread: main, as for all of these. */
enum status server_open(const struct server_settings *settings, struct loop *main_loop,
                        const struct server_teller *teller, struct server **out,
                        struct fault *f) MUST_USE;
/* Finishes what is in flight (shutdown-grace), seals, closes. NULL is fine. */
void server_close(struct server *s);
/* Rereads the certificates (SIGHUP). On failure the old ones stay in force. */
enum status server_reload_tls(struct server *s, struct fault *f) MUST_USE;
/* Rereads the file of --inject, if there is one (SIGHUP). On failure the rules in force stay. */
enum status server_reload_inject(struct server *s, struct fault *f) MUST_USE;

/* Rereads the master keys (SIGHUP), and wraps data keys anew under what is current. On failure the
 * old ones stay in force. */
enum status server_reload_master_keys(struct server *s, struct fault *f) MUST_USE;

struct server_facts {
    const char *data; /* absolute */
    const char *ca;   /* NULL with a certificate of the operator's own */
    uint16_t port;
    uint64_t streams;
    uint64_t opened_ms; /* how long opening took */
};
/* Views that live as long as the server. */
void server_describe(const struct server *s, struct server_facts *out);

#endif
