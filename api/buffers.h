/* buffers.h: large buffers used again, so that a stream of large bodies and replies does not pay
 * for fresh pages each time. One for each loop. Thread: the loop's own. */
#ifndef SLUICE_API_BUFFERS_H
#define SLUICE_API_BUFFERS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Buffers smaller than the first cost less to make than to keep; larger than the second are too
 * rare. Together: what a loop may keep. */
enum {
    BUFFER_KEPT_LEAST = 32 * 1024,
    BUFFER_KEPT_MOST = 32 * 1024 * 1024,
    BUFFERS_KEPT_MAX = 32,
    BUFFERS_KEPT_BYTES_MAX = 64 * 1024 * 1024
};

struct buffer {
    uint8_t *at;
    size_t room;
};
struct buffers {
    struct buffer
        kept[BUFFERS_KEPT_MAX]; /* the last given is the first taken: it is still in the caches */
    size_t count, bytes;
    size_t least; /* the lowest count since the last trim: so many were of no use */
};

void buffers_init(struct buffers *b);
void buffers_fini(struct buffers *b);
/* Room for at least `least` bytes; at == NULL when there was no memory. From mem_try: mem_free or
 * buffers_give ends it. */
struct buffer buffers_take(struct buffers *b, size_t least);
/* Keeps it or frees it; at may be NULL. */
void buffers_give(struct buffers *b, struct buffer buffer);
/* Gives an empty buf so much room, if a buffer can be had; buffers_recall takes it back if it is worth keeping. */
void buffers_lend(struct buffers *b, size_t room, struct buf *to);
void buffers_recall(struct buffers *b, struct buf *from);
/* The room to lend to the next reply, by what the last one took: 0 unless that was large. */
size_t buffers_hint(const struct buf *reply);
/* Frees what nobody wanted since the last trim. Called every second or so. */
void buffers_trim(struct buffers *b);

#endif
