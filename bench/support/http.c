/* http.c: one answer at a time. */
#include "bench/support/http.h"

#include "base/must.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, PATIENCE_S = 30, STATUS_AT = 9, STATUS_END = 12 };

/* The value of a header that consists of digits; false when it is not in `head`. */
static bool number_header(struct bytes head, struct bytes name, uint64_t *out)
{
    const uint8_t *at = head.at, *end = head.at + head.len;
    for (const uint8_t *line_end; (line_end = memchr(at, '\n', (size_t)(end - at)));
         at = line_end + 1) {
        struct bytes line = bytes_of(at, (size_t)(line_end - at) - 1);
        if (line.len > name.len && line.at[name.len] == ':' &&
            bytes_equal_ignore_case(bytes_of(line.at, name.len), name))
            return bytes_to_u64(
                bytes_trim(bytes_of(line.at + name.len + 1, line.len - name.len - 1)), out);
    }
    return false;
}

enum http_state http_answer_read(struct bytes got, struct http_answer *out)
{
    uint64_t status, body_len;
    out->total = 0;
    const uint8_t *blank = memmem(got.at, got.len, "\r\n\r\n", 4);
    if (!blank)
        return HTTP_PARTIAL;
    struct bytes head = bytes_of(got.at, (size_t)(blank - got.at) + 2);
    size_t head_len = head.len + 2;
    if (head.len < STATUS_END || !bytes_starts_with(head, BYTES_LITERAL("HTTP/1.1 ")) ||
        !bytes_to_u64(bytes_of(head.at + STATUS_AT, STATUS_END - STATUS_AT), &status) ||
        !number_header(head, BYTES_LITERAL("content-length"), &body_len) || body_len > INT32_MAX)
        return HTTP_BROKEN;
    out->status = (int)status;
    out->total = head_len + (size_t)body_len;
    if (got.len < out->total)
        return HTTP_PARTIAL;
    out->body = bytes_of(got.at + head_len, (size_t)body_len);
    return got.len == out->total ? HTTP_WHOLE : HTTP_BROKEN; /* more than was asked for */
}

int http_connect(uint16_t port)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %m");
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    return fd;
}

bool http_send(int fd, struct bytes request)
{
    for (size_t sent = 0; sent < request.len;) {
        ssize_t n = send(fd, request.at + sent, request.len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static bool receive(int fd, struct buf *got, struct http_answer *out)
{
    enum http_state state = HTTP_PARTIAL;
    buf_clear(got);
    while (state == HTTP_PARTIAL) {
        uint8_t *room = buf_reserve(got, READ_BYTES);
        ssize_t n = room ? recv(fd, room, READ_BYTES, 0) : 0;
        if (n <= 0)
            return false;
        buf_add(got, (size_t)n);
        state = http_answer_read(buf_view(got), out);
    }
    return state == HTTP_WHOLE;
}

bool http_call(uint16_t port, struct bytes request, struct buf *got, struct http_answer *out)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = http_connect(port);
    if (fd < 0)
        return false;
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
    bool answered = http_send(fd, request) && receive(fd, got, out);
    close(fd);
    return answered;
}
