/* load.h: makes load: one thread, epoll, kept connections, requests that were made before.
 *
 * L1. Every answer is judged, whether it counts or not; load_must_be_right ends the benchmark when
 *     one was wrong (B3).
 * L2. What counts lies within the window that begins warm_s after the first request and lasts
 *     `seconds`; then nothing new is sent, and the call returns when all is answered.
 *
 * Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_LOAD_H
#define SLUICE_BENCH_SUPPORT_LOAD_H

#include "base/bytes.h"
#include "bench/support/latency.h"

#include <sys/types.h>

struct request {
    struct bytes head, tail; /* sent one after the other; there may be no tail */
    uint32_t records;        /* that it puts, or asks for */
};

/* Where requests come from, and who knows what a right answer is. */
struct load_source {
    /* The next request for that connection; stays as it is until its answer was judged. NULL: no
     * more. */
    const struct request *(*next)(struct load_source *source, unsigned connection);
    /* Whether the answer is right, and how many records it took or gave. */
    bool (*judge)(struct load_source *source, unsigned connection, const struct request *request,
                  int status, struct bytes body, uint64_t *records);
};

struct load_settings {
    uint16_t port;
    unsigned connections;
    double warm_s, seconds;  /* seconds 0: until the source has no more, and all of it counts */
    double calls_per_s;      /* 0: closed loop; else requests fall due at this rate */
    size_t answer_bytes_max; /* with its head */
    pid_t server_pid;        /* whose processor time is read; 0: nobody's */
};

struct load_result {
    uint64_t answers, records; /* that count */
    double seconds, records_per_s;
    double server_cpu_s, client_cpu_s;
    struct latency latency; /* of those answers; at a fixed rate from when each was due */
    uint64_t wrong;
    char wrong_text[256]; /* the first of them */
};

void load_run(const struct load_settings *settings, struct load_source *source,
              struct load_result *result);
/* Ends the benchmark when an answer was wrong, or none counts. */
void load_must_be_right(const struct load_result *result, const char *what);

#endif
