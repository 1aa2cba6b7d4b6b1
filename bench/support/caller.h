/* caller.h: who calls the server: its access key, signed requests, and the few calls that prepare a
 * measurement. What is not answered with 200 ends the benchmark. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_CALLER_H
#define SLUICE_BENCH_SUPPORT_CALLER_H

#include "base/buf.h"

enum { ITERATOR_BYTES_MAX = 513 }; /* AWS's 512, and a NUL */

struct caller {
    uint16_t port;
    char access_key[64], secret[64];
    bool cbor; /* what is sent is CBOR, and so are answers; else JSON */
};

/* Appends the head of a POST of `body`, signed (SigV4), up to and with the blank line. The signature
 * holds for 15 minutes. */
void caller_head(const struct caller *c, const char *operation, struct bytes body, struct buf *out);

/* One call. The answer's body, a view of `got`, which the caller ends. */
struct bytes caller_call(const struct caller *c, const char *operation, const char *body,
                         struct buf *got);
/* Returns when the stream is ACTIVE. */
void caller_create_stream(const struct caller *c, const char *name, unsigned shards);
/* An iterator of that type (one that takes no more words: "TRIM_HORIZON", "LATEST"). */
void caller_iterator(const struct caller *c, const char *stream, unsigned shard, const char *type,
                     char out[ITERATOR_BYTES_MAX]);

/* The value of the first member of that name that is text, without its quotes; not found:
 * BYTES_NONE. For bodies that we know: nothing is unescaped. */
struct bytes json_text_member(struct bytes body, const char *name);

#endif
