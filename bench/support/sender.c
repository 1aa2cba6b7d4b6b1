/* sender.c: a program that only sends.
 *
 * A thread a connection: it waits for a request, and sends the answer, head and body from one place
 * in memory, with blocking send(). Nothing is parsed: requests come one at a time, and the brace
 * that closes their JSON is the only one and their last byte.
 *
 * Threads: a process of its own, forked while we have one thread. */
#include "bench/support/sender.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_BYTES_MAX = 16 * 1024, HEAD_BYTES_MAX = 256, BACKLOG = 512 };

static char *answer;
static size_t answer_len;

static bool await_request(int fd)
{
    char request[REQUEST_BYTES_MAX];
    ssize_t got;
    do {
        got = recv(fd, request, sizeof(request), 0);
        if (got <= 0)
            return false;
    } while (request[got - 1] != '}');
    return true;
}

static bool send_answer(int fd)
{
    for (size_t sent = 0; sent < answer_len;) {
        ssize_t n = send(fd, answer + sent, answer_len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    while (await_request(fd) && send_answer(fd))
        ;
    close(fd);
    return NULL;
}

static void accept_all(int listener)
{
    for (;;) {
        pthread_t thread;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        must(pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0);
        must(pthread_detach(thread) == 0);
    }
}

static void make_answer(size_t body_bytes)
{
    answer = mem_must(HEAD_BYTES_MAX + body_bytes);
    int head = snprintf(answer, HEAD_BYTES_MAX, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                        body_bytes);
    must(head > 0);
    memset(answer + head, 'x', body_bytes);
    answer_len = (size_t)head + body_bytes;
}

pid_t sender_start(size_t body_bytes, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(listener >= 0);
    if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        die("cannot listen: %m");
    *port = ntohs(at.sin_port);
    fflush(NULL);
    pid_t pid = process_fork();
    if (pid == 0) {
        make_answer(body_bytes);
        accept_all(listener);
    }
    close(listener);
    return pid;
}
