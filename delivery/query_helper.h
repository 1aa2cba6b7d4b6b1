/* query_helper.h: queries (JQ 1.6) run in a process of their own: one for each chain that has a query, while there are records.
 *
 * libjq cannot be interrupted, takes what memory it can get, and ends the process it is in (abort, SIGFPE) over some records and queries. So it
 * is in one that may end: this same program, begun with the word QUERY_HELPER_WORD, on pipes (child.h). What it dies of costs
 * that record (process_jq.c), never the server.
 *
 *   stdin    frames: the query | how many names, 4 bytes | each name that the prefix takes | then each record
 *   stdout   frames: HELPER_READY, or HELPER_NO_PROGRAM | then for each record, in order, one of the others
 *   a frame  length, 4 bytes, the lowest first | bytes
 *
 * Q1. A record has QUERY_CPU_MS of processor time, and all that is alive QUERY_MEMORY_BYTES: over it the helper ends by a signal.
 * Q2. A query sees the record and nothing else: no environment, no clock (process_query.h), no descriptor but the helper's three, and it
 *     can open none. So the same record gives the same keys (F3).
 *
 * Left to others: who begins it and what becomes of its answers (process_jq.c); which queries are taken (process_query.h). */
#ifndef SLUICE_DELIVERY_QUERY_HELPER_H
#define SLUICE_DELIVERY_QUERY_HELPER_H

#include "base/buf.h"
#include "delivery/child.h"
#include "delivery/process_partition.h"

#define QUERY_HELPER_WORD "query-helper"
enum {
    QUERY_INPUT_BYTES_MAX = 1024 * 1024,
    QUERY_ANSWER_BYTES_MAX = 128 * 1024,
    QUERY_CPU_MS = 1000,
    QUERY_MEMORY_BYTES = 256 * 1024 * 1024
};
/* An answer's first byte. */
enum {
    HELPER_READY = 'r',
    HELPER_NO_PROGRAM = 'x',
    HELPER_PAIRS = 'k',      /* and then the pairs (process_partition.h) */
    HELPER_NO_RESULT = 'n',  /* the query failed, or made not just one object */
    HELPER_BAD_VALUES = 'v', /* of a value that is no key */
};

/* The helper: to be called by a main() whose one argument is QUERY_HELPER_WORD. The exit code. */
int query_helper_main(void);

/* ---- the other side ---- */

/* Begins one. IO_FAILED. */
enum status query_helper_begin(struct child *c, struct fault *f) MUST_USE;
/* What it is told first. */
void query_helper_hello(struct bytes query, const struct partition_names *names, struct buf *out);
/* Whether a query is a program at all; asks a helper. INVALID_ARGUMENT; IO_FAILED: nobody could be asked. Thread: one that may wait. */
enum status query_try(struct bytes query, struct fault *f) MUST_USE;

void frame_head(struct buf *out, size_t len);
void frame_append(struct buf *out, struct bytes bytes);
/* The first frame of `rest`, which is moved on. END: it is not whole. TOO_LARGE: it cannot be one. */
enum status frame_take(struct bytes *rest, size_t bytes_max, struct bytes *frame) MUST_USE;

#endif
