/* buf.h: an owned, growing buffer with a ceiling given at birth. Growing past it, or out of memory,
 * is an outcome and latches: later appends do nothing, `status` keeps the first failure. So a
 * writer appends freely and checks once. */
#ifndef SLUICE_BASE_BUF_H
#define SLUICE_BASE_BUF_H

#include "base/bytes.h"
#include "base/status.h"

struct buf {
    uint8_t *at;
    size_t len, room;
    size_t ceiling;     /* fixed at birth */
    enum status status; /* OK, TOO_LARGE or NO_MEMORY */
};

void buf_init(struct buf *b, size_t ceiling);
void buf_fini(struct buf *b); /* frees; the buf may be initialised again */
/* Forgets the content and the failure, keeps the memory. */
void buf_clear(struct buf *b);
/* Makes room for `more` bytes and returns where they go (commit them with buf_add), or NULL and
 * latches. */
uint8_t *buf_reserve(struct buf *b, size_t more) MUST_USE;
void buf_add(struct buf *b, size_t written);
void buf_append(struct buf *b, struct bytes bytes);
void buf_append_text(struct buf *b, const char *text);
void buf_append_byte(struct buf *b, uint8_t byte);
void buf_append_u64(struct buf *b, uint64_t decimal);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline struct bytes buf_view(const struct buf *b)
{
    return bytes_of(b->at, b->len);
}
/* Moves the memory out (free it with mem_free) and leaves the buf empty. */
uint8_t *buf_take(struct buf *b, size_t *len);

#endif
