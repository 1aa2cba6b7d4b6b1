/* server.h: the server under measurement: `sluice serve --plain` with its defaults (B4), on a free
 * port, in a folder of the benchmark's. It may be stopped, or killed, and started again on the same
 * data. What goes wrong ends the benchmark, with what the server said. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_SERVER_H
#define SLUICE_BENCH_SUPPORT_SERVER_H

#include "bench/support/bench.h"
#include "bench/support/caller.h"
#include "bench/support/process.h"

struct server {
    const char *folder;      /* its data; fixed at birth */
    const char *output;      /* what it says; fixed at birth */
    const char *tail_memory; /* another --tail-memory than the default's, or NULL */
    pid_t pid;
    uint16_t port;
    double ready_s; /* from start to the first 200 of /health */
    struct caller caller;
};

/* `name` tells its data from that of the benchmark's other servers. */
void server_init(struct server *s, const struct bench *b, const char *name);
/* Returns when /health answers 200. */
void server_start(struct server *s);
/* SIGTERM: what is in flight is finished, logs are sealed. */
void server_stop(struct server *s);
/* SIGKILL. */
void server_kill(struct server *s);
struct process_usage server_usage(const struct server *s);

#endif
