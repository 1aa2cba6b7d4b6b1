/* echo_server.h: a network with a small handler, for tests of the transport.
 *
 *   /sync      answers the body at once
 *   /later     answers it from another thread
 *   /held      answers it when echo_release is called
 *   /big?N     answers N bytes: 'a' + i % 26
 *   /close     answers, and asks for the connection to be closed
 *   /lost      does, and the answer is lost on the way
 *   /unlucky   answers with a reply that outgrew its ceiling
 *   /chatty    answers with headers that belong to HTTP/1.1's connections
 *   /host      answers the Host header
 *   /seen      answers what it saw: method, path, query, tls, X-Test, body length */
#ifndef SLUICE_TESTS_SUPPORT_ECHO_SERVER_H
#define SLUICE_TESTS_SUPPORT_ECHO_SERVER_H

#include "api/network.h"
#include "base/lock.h"
#include "base/thread.h"

struct echo {
    struct exchange_handler handler;  /* first */
    struct network_settings settings; /* change them between echo_init and echo_open */
    struct network *network;
    struct loop *worker_loop;
    struct thread worker;
    _Atomic unsigned handled, finished;
    struct lock lock;
    struct signal changed;
    unsigned held_count;         /* under lock */
    struct exchange *held[1024]; /* under lock */
};

void echo_init(struct echo *e);
void echo_open(struct echo *e);
/* network_close, then the rest. */
void echo_close(struct echo *e, uint64_t grace_ms);
uint16_t echo_port(const struct echo *e);
/* Waits until so many are held. */
void echo_wait_held(struct echo *e, unsigned count);
void echo_release(struct echo *e);
/* Waits until so many connections are open. */
void echo_wait_connections(struct echo *e, uint64_t count);

#endif
