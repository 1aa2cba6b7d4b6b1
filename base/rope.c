/* rope.c: one text of bytes that lies in pieces. Thread: any. */
#include "base/rope.h"

size_t rope_len(struct rope r)
{
    size_t len = 0;
    for (size_t i = 0; i < r.count; i++)
        len += r.pieces[i].len;
    return len;
}

size_t rope_copy(struct rope r, size_t from, uint8_t *to, size_t room)
{
    size_t copied = 0;
    for (size_t i = 0; i < r.count && copied < room; i++) {
        struct bytes piece = r.pieces[i];
        if (from >= piece.len) {
            from -= piece.len;
            continue;
        }
        size_t left = piece.len - from, n = left < room - copied ? left : room - copied;
        memcpy(to + copied, piece.at + from, n);
        copied += n;
        from = 0;
    }
    return copied;
}
