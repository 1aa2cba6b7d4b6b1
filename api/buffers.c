/* buffers.c: a short stack of large buffers.
 *
 * A GetRecords answer of 1.4 MiB touches 350 pages; when each answer gets fresh ones from the
 * kernel, a good part of the time goes into page faults. So a loop keeps the buffers that it just
 * used. What lay unused between two trims is freed: memory follows the load down again.
 *
 * I1. bytes is the sum of the room of what is kept, and at most BUFFERS_KEPT_BYTES_MAX.
 *
 * Thread: the loop's own. */
#include "api/buffers.h"

#include "base/mem.h"
#include "base/must.h"

#include <string.h>

/* A buffer far larger than what was asked for stays for those who need it; and sizes are rounded
 * up, so that bodies which differ by a few bytes can use the same ones. */
enum { LARGER_AT_MOST = 4, SIZE_STEP = 64 * 1024, HINT_LEAST = 64 * 1024 };

void buffers_init(struct buffers *b)
{
    *b = (struct buffers){0};
}

static struct buffer remove_at(struct buffers *b, size_t i)
{
    struct buffer buffer = b->kept[i];
    b->count--;
    memmove(&b->kept[i], &b->kept[i + 1], (b->count - i) * sizeof(b->kept[0]));
    b->bytes -= buffer.room; /* I1 */
    if (b->count < b->least)
        b->least = b->count;
    return buffer;
}

void buffers_fini(struct buffers *b)
{
    while (b->count > 0)
        mem_free(remove_at(b, b->count - 1).at);
}

struct buffer buffers_take(struct buffers *b, size_t least)
{
    if (least >= BUFFER_KEPT_LEAST) {
        for (size_t i = b->count; i > 0; i--) {
            size_t room = b->kept[i - 1].room;
            if (room >= least && room / LARGER_AT_MOST <= least)
                return remove_at(b, i - 1);
        }
        least = (least + SIZE_STEP - 1) / SIZE_STEP * SIZE_STEP;
    }
    uint8_t *at = mem_try(least);
    return (struct buffer){.at = at, .room = at == NULL ? 0 : least};
}

void buffers_give(struct buffers *b, struct buffer buffer)
{
    if (buffer.at == NULL)
        return;
    bool wanted = buffer.room >= BUFFER_KEPT_LEAST && buffer.room <= BUFFER_KEPT_MOST &&
                  b->count < BUFFERS_KEPT_MAX &&
                  buffer.room <= BUFFERS_KEPT_BYTES_MAX - b->bytes; /* I1 */
    if (!wanted) {
        mem_free(buffer.at);
        return;
    }
    b->kept[b->count++] = buffer;
    b->bytes += buffer.room;
}

void buffers_lend(struct buffers *b, size_t room, struct buf *to)
{
    if (room <= to->room)
        return;
    struct buffer buffer = buffers_take(b, room);
    if (buffer.at == NULL)
        return;
    mem_free(to->at);
    to->at = buffer.at;
    to->room = buffer.room;
}

void buffers_recall(struct buffers *b, struct buf *from)
{
    if (from->room < BUFFER_KEPT_LEAST)
        return;
    buffers_give(b, (struct buffer){.at = from->at, .room = from->room});
    buf_init(from, from->ceiling);
}

size_t buffers_hint(const struct buf *reply)
{
    return reply->len >= HINT_LEAST ? reply->room : 0;
}

void buffers_trim(struct buffers *b)
{
    must(b->least <= b->count);
    for (size_t unused = b->least; unused > 0; unused--)
        mem_free(remove_at(b, 0).at); /* the bottom of the stack: unused the longest */
    b->least = b->count;
}
