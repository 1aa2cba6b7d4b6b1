/* sink.c: a process that throws away what it is sent. */
#include "bench/support/sink.h"

#include "base/must.h"
#include "bench/support/process.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024 };

static void take_all(int listener)
{
    static char piece[PIECE_BYTES];
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (fd >= 0 && recv(fd, piece, sizeof(piece), 0) > 0)
        ;
}

int sink_open(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(listener >= 0 && fd >= 0 && bind(listener, (struct sockaddr *)&at, len) == 0);
    must(listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    if (process_fork() == 0) {
        close(fd);
        take_all(listener);
        _exit(0);
    }
    must(connect(fd, (struct sockaddr *)&at, len) == 0);
    must(close(listener) == 0);
    return fd;
}
