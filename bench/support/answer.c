/* answer.c: reads one HTTP/1.1 answer from a socket, with as few system calls as can be.
 *
 * A small answer arrives whole with one recv. Once the head has told the length, the rest is asked for in
 * one piece. A recv that brings less than was asked for has emptied the socket, so that no further call is
 * needed to learn it.
 *
 * Left to others: what the answer says (load.c, ring.c, call.c).
 * Thread: its owner's. */
#include "bench/support/answer.h"

#include <errno.h>
#include <sys/socket.h>

enum { READ_BYTES_FIRST = 16384 };

void answer_init(struct answer *a, size_t bytes_max)
{
    *a = (struct answer){0};
    buf_init(&a->text, bytes_max);
}

void answer_fini(struct answer *a)
{
    buf_fini(&a->text);
}

void answer_reset(struct answer *a)
{
    buf_clear(&a->text);
    a->head_len = a->body_len = 0;
    a->status = 0;
}

/* "content-length: 123" of one header line; false when it is another header. */
static bool read_length(struct bytes line, size_t *len)
{
    static const struct bytes name = BYTES_LITERAL("content-length:");
    if (line.len < name.len || !bytes_equal_ignore_case(bytes_of(line.at, name.len), name))
        return false;
    uint64_t number;
    if (!bytes_to_u64(bytes_trim(bytes_of(line.at + name.len, line.len - name.len)), &number))
        return false;
    *len = (size_t)number;
    return true;
}

static bool read_head(struct answer *a)
{
    const uint8_t *at = a->text.at, *end = a->text.at + a->head_len;
    if (a->head_len < 15 || memcmp(at, "HTTP/1.", 7) != 0)
        return false;
    a->status = (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
    while (at < end) {
        const uint8_t *line_end = memchr(at, '\r', (size_t)(end - at));
        if (line_end == NULL)
            return false;
        if (read_length(bytes_of(at, (size_t)(line_end - at)), &a->body_len))
            return true;
        at = line_end + 2;
    }
    return false;
}

static enum answer_state look(struct answer *a, size_t looked)
{
    if (a->head_len == 0) {
        size_t from = looked > 3 ? looked - 3 : 0;
        const uint8_t *end = memmem(a->text.at + from, a->text.len - from, "\r\n\r\n", 4);
        if (end == NULL)
            return a->text.len < READ_BYTES_FIRST * 4 ? ANSWER_MORE : ANSWER_BROKEN;
        a->head_len = (size_t)(end - a->text.at) + 4;
        if (!read_head(a))
            return ANSWER_BROKEN;
    }
    if (a->text.len < a->head_len + a->body_len)
        return ANSWER_MORE;
    return a->text.len == a->head_len + a->body_len ? ANSWER_WHOLE : ANSWER_BROKEN;
}

enum answer_state answer_read(struct answer *a, int fd)
{
    for (;;) {
        size_t room = READ_BYTES_FIRST;
        if (a->head_len != 0)
            room = a->head_len + a->body_len - a->text.len;
        uint8_t *at = buf_reserve(&a->text, room);
        if (at == NULL)
            return ANSWER_BROKEN;
        ssize_t got = recv(fd, at, room, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return ANSWER_MORE;
        if (got <= 0)
            return ANSWER_BROKEN;
        size_t looked = a->text.len;
        buf_add(&a->text, (size_t)got);
        enum answer_state state = look(a, looked);
        if (state != ANSWER_MORE)
            return state;
    }
}
