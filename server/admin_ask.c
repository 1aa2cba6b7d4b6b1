/* admin_ask.c: a command line's end of the admin socket: one question, one answer, blocking.
 *
 * Thread: its caller's. */
#include "base/file.h"
#include "server/admin.h"
#include "server/admin_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_S = 30, PIECE_BYTES = 4096 };

static enum status send_all(int fd, struct bytes bytes, struct fault *f)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_set(f, IO_FAILED, "the server did not take the question: %s",
                             strerror(errno));
        bytes = bytes_of(bytes.at + n, bytes.len - (size_t)n);
    }
    return OK;
}

static enum status receive_line(int fd, struct buf *answer, struct fault *f)
{
    size_t start = answer->len;
    for (;;) {
        uint8_t *at = buf_reserve(answer, PIECE_BYTES);
        if (!at)
            return fault_set(f, answer->status, "the server's answer is too long");
        ssize_t n = recv(fd, at, PIECE_BYTES, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fault_set(f, IO_FAILED, "the server did not answer");
        buf_add(answer, (size_t)n);
        uint8_t *newline = memchr(answer->at + start, '\n', answer->len - start);
        if (!newline)
            continue;
        answer->len = (size_t)(newline - answer->at);
        return OK;
    }
}

enum status admin_ask(const char *folder, struct bytes question, struct buf *answer,
                      struct fault *f)
{
    struct sockaddr_un address;
    struct timeval patience = {.tv_sec = ANSWER_S};
    int folder_fd = -1, fd = -1;
    enum status st = admin_address(folder, &folder_fd, &address, f);
    if (st != OK)
        goto done;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
        st = fault_set(f, IO_FAILED, "no socket: %s", strerror(errno));
        goto done;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        bool nobody = errno == ENOENT || errno == ECONNREFUSED;
        st = fault_set(f, nobody ? NOT_FOUND : IO_FAILED, "%s/admin.sock: %s", folder,
                       strerror(errno));
        goto done;
    }
    st = send_all(fd, question, f);
    if (st == OK)
        st = send_all(fd, BYTES_LITERAL("\n"), f);
    if (st == OK)
        st = receive_line(fd, answer, f);
done:
    if (fd >= 0)
        close(fd);
    if (folder_fd >= 0)
        close(folder_fd);
    return st;
}
