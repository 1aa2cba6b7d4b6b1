/* answer.h: one HTTP/1.1 answer, read as it arrives. Only what our servers send: a status line, headers, a Content-Length. */
#ifndef SLUICE_BENCH_SUPPORT_ANSWER_H
#define SLUICE_BENCH_SUPPORT_ANSWER_H

#include "base/buf.h"

struct answer {
    struct buf text;  /* head and body, as far as they have come */
    size_t head_len;  /* 0 until the head is complete */
    size_t body_len;
    int status;
};

enum answer_state { ANSWER_MORE, ANSWER_WHOLE, ANSWER_BROKEN };

void answer_init(struct answer *a, size_t bytes_max);
void answer_fini(struct answer *a);
/* Ready for the next one; keeps the memory. */
void answer_reset(struct answer *a);
/* Reads from the socket until the answer is whole or nothing more is there. BROKEN: closed, not HTTP, or too large. */
enum answer_state answer_read(struct answer *a, int fd);
static inline struct bytes answer_body(const struct answer *a)
{
    return bytes_of(a->text.at + a->head_len, a->body_len);
}

#endif
