/* loopback.h: a whole service without sockets: a catalog in a fresh folder, a log engine in memory,
 * and a clock that tests set. Requests are exchanges made by hand. Thread: the test's, which plays
 * the loop. */
#ifndef SLUICE_TESTS_SUPPORT_LOOPBACK_H
#define SLUICE_TESTS_SUPPORT_LOOPBACK_H

#include "api/service.h"
#include "delivery/delivery_control.h"

struct loopback {
    struct service service;
    struct clock_manual clock;
    struct loop *loop;
    struct keys *keys;
    struct master_keys
        *master_keys; /* set before open, or before a reopen; NULL: none. The test's */
    char folder[128];
    struct delivery_store *deliveries;
    struct delivery_runner
        runner;              /* set before open; none: delivers nothing, and is done at once */
    uint64_t delivery_limit; /* set before open; 0: AWS's */
    bool plain_http;         /* set before open */
    uint64_t state_delay_ms, shard_limit, on_demand_limit; /* set before open; 0: the defaults */
    const char
        *catalog_folder;     /* set before open: one that is there and stays; NULL: a fresh one */
    struct log_engine *logs; /* set before open: closed with the loopback; NULL: one in memory */
    uint64_t begin_ms;       /* set before open: the clock's; 0: some day in 2023 */
    bool inject;             /* set before open: faults may be injected */
    const char *access_key, *region; /* of the next calls; NULL: AKIDEXAMPLE, us-east-1 */
};
void loopback_open(struct loopback *l);
/* Closes catalog and streams and opens them again from disk; the logs stay. */
void loopback_reopen(struct loopback *l);
/* The same, as if the last write to the catalog had been torn by the machine's failure. */
void loopback_reopen_torn(struct loopback *l);
void loopback_close(struct loopback *l);

/* A request under way, and its answer. */
struct call {
    struct loopback *loopback;
    struct exchange exchange;
    char *body; /* the request's: mem_free'd by call_end */
    bool
        finished; /* or streaming: then exchange.source is set, and is the test's to read (subscriber.h) */
    bool ready; /* the source said so since it was last looked at */
    int status;
    const char *text; /* the answer's body, NUL-terminated */
};
/* Starts Kinesis_20131202.<operation>, or an operation named in full, with that JSON; it may finish before it returns. */
void call_start(struct call *c, struct loopback *l, const char *operation, const char *json);
/* The same with any content type and body. */
void call_start_as(struct call *c, struct loopback *l, const char *operation,
                   const char *content_type, struct bytes body);
/* Runs the loop until it is finished. */
void call_wait(struct call *c);
/* Closes a source that is still open. */
void call_end(struct call *c);
/* All three, with the answer copied: mem_free it. `status` may be NULL. */
char *call_text(struct loopback *l, const char *operation, const char *json, int *status);

#endif
