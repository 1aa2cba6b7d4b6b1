/* load.h: sends requests over many connections from one thread, and measures the answers. */
#ifndef SLUICE_BENCH_SUPPORT_LOAD_H
#define SLUICE_BENCH_SUPPORT_LOAD_H

#include "base/bytes.h"
#include "bench/support/latency.h"

#include <sys/types.h>
#include <sys/uio.h>

enum { REQUEST_PIECES = 3, LOAD_CONNECTIONS_MAX = 4096 };

/* One request, ready to send: head and body. The memory is its maker's. */
struct request {
    struct iovec pieces[REQUEST_PIECES];
    unsigned piece_count;
    size_t len;
    uint32_t records; /* that it puts, or asks for */
};

/* Where requests come from and who judges their answers. */
struct load_source {
    /* The next request for that connection; stays valid until its answer. NULL: that connection has nothing more to do. */
    const struct request *(*next)(struct load_source *, unsigned connection);
    /* Whether it is a right answer. `records`: what it brought, counted for the result. */
    bool (*judge)(struct load_source *, unsigned connection, const struct request *, int status, struct bytes body, uint64_t *records);
};

struct load_settings {
    uint16_t port;
    unsigned connections;
    double warm_s;         /* not counted */
    double seconds;        /* counted; 0: until no connection has anything more to do */
    double rate;           /* requests a second, whether answers come or not; 0: each connection sends when it was answered */
    size_t answer_bytes_max;
    pid_t server_pid;      /* whose processor time to count; 0: nobody's */
};

struct load_result {
    uint64_t answers, wrong, records;
    uint64_t bytes_sent, bytes_received;
    double seconds;        /* what was counted */
    double answers_per_s, records_per_s;
    double server_cpu_s, client_cpu_s;
    struct latency latency;
    char first_wrong[512]; /* why the first wrong one was */
};

/* Runs to the end; dies when it cannot connect. Latency counts from the moment at which a request was due: with a rate, a server
 * that stalls is charged for every request that should have been sent meanwhile. */
void load_run(const struct load_settings *s, struct load_source *source, struct load_result *out);
/* Dies, with the first wrong answer, unless all were right and there were some. */
void load_must_be_right(const struct load_result *r, const char *what);

#endif
