/* mhd_echo.c: the limit that PutRecord is measured against: what libmicrohttpd itself does when it
 * suspends each request, has another thread resume it, and answers 100 bytes.
 *
 * Nothing of Sluice is in it but the loop-free minimum: each of `threads` threads has one daemon
 * and drives it from outside (epoll on its descriptor, then MHD_run), which is the fastest way that
 * libmicrohttpd 0.9.75 offers and the only one that does not stall at 128, 256 and 512 connections.
 * One more thread takes what is suspended, all that there is at a time, and resumes it, as a
 * committer does.
 *
 * usage: mhd_echo PORT [THREADS]     ends by SIGTERM */
#include "base/mem.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_BYTES = 100, THREADS_MAX = 64, WAITING_MAX = 65536, POOL_BYTES = 16 * 1024 };

struct server {
    pthread_t thread;
    uint16_t port;
    int wake_fd; /* an eventfd: something of its daemon was resumed */
};
static struct server servers[THREADS_MAX];
static unsigned long server_count;

static char reply[REPLY_BYTES];
static volatile sig_atomic_t stopping;

/* Connections that wait to be resumed. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static struct MHD_Connection *waiting[WAITING_MAX];
static size_t waiting_count;

static void enqueue(struct MHD_Connection *connection)
{
    pthread_mutex_lock(&mutex);
    must(waiting_count < WAITING_MAX);
    waiting[waiting_count++] = connection;
    if (waiting_count == 1)
        pthread_cond_signal(&filled);
    pthread_mutex_unlock(&mutex);
}

static void *resume_all(void *arg)
{
    static struct MHD_Connection *taken[WAITING_MAX];
    (void)arg;
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (waiting_count == 0)
            pthread_cond_wait(&filled, &mutex);
        size_t count = waiting_count;
        memcpy(taken, waiting, count * sizeof(taken[0]));
        waiting_count = 0;
        pthread_mutex_unlock(&mutex);
        for (size_t i = 0; i < count; i++)
            MHD_resume_connection(taken[i]);
        uint64_t one = 1;
        for (unsigned long i = 0; i < server_count; i++)
            must(write(servers[i].wake_fd, &one, sizeof(one)) == sizeof(one));
    }
    return NULL;
}

/* A request goes through: headers, body, suspended, resumed. */
enum { REQUEST_NEW, REQUEST_BODY, REQUEST_SUSPENDED };

static enum MHD_Result answer(struct MHD_Connection *connection)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof(reply), reply, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **context)
{
    (void)arg;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    intptr_t at = (intptr_t)*context;
    if (at == REQUEST_SUSPENDED)
        return answer(connection);
    if (at == REQUEST_BODY && *data_len > 0) {
        *data_len = 0;
        return MHD_YES;
    }
    *context = (void *)(at + 1);
    if (at == REQUEST_BODY) {
        MHD_suspend_connection(connection);
        enqueue(connection);
    }
    return MHD_YES;
}

static int listen_on(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(fd >= 0);
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, SOMAXCONN) != 0)
        die("cannot listen on port %u", (unsigned)port);
    return fd;
}

/* Each thread has a listening socket of its own: the kernel deals connections out. MHD_run clears
 * the daemon's own signal of a resumption after it has looked for resumed connections, so one that
 * comes in between would be left lying until the next event: hence wake_fd. */
static void *serve(void *arg)
{
    struct server *server = arg;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, server->port, NULL, NULL, on_request, NULL,
        MHD_OPTION_LISTEN_SOCKET, listen_on(server->port), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT, 20000u, MHD_OPTION_END);
    must(daemon != NULL);
    int watched = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN}, events[2];
    must(epoll_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watched, &event) == 0);
    event.data.ptr = server;
    must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, server->wake_fd, &event) == 0);
    while (!stopping) {
        MHD_UNSIGNED_LONG_LONG wait_ms;
        int wait = MHD_get_timeout(daemon, &wait_ms) == MHD_YES && wait_ms == 0 ? 0 : 1000;
        int count = epoll_wait(epoll_fd, events, 2, wait);
        must(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++) {
            uint64_t resumed;
            if (events[i].data.ptr == server)
                must(read(server->wake_fd, &resumed, sizeof(resumed)) == sizeof(resumed));
        }
        must(MHD_run(daemon) == MHD_YES);
    }
    return NULL;
}

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

int main(int argc, char **argv)
{
    unsigned long port = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 2;
    if (port == 0 || port > UINT16_MAX || threads == 0 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: mhd_echo PORT [THREADS]\n");
        return 2;
    }
    memset(reply, 'x', sizeof(reply));
    server_count = threads;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    for (unsigned long i = 0; i < threads; i++) {
        servers[i].port = (uint16_t)port;
        servers[i].wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        must(servers[i].wake_fd >= 0);
        must(pthread_create(&servers[i].thread, NULL, serve, &servers[i]) == 0);
    }
    pthread_t resumer;
    must(pthread_create(&resumer, NULL, resume_all, NULL) == 0);
    for (unsigned long i = 0; i < threads; i++)
        must(pthread_join(servers[i].thread, NULL) == 0);
    return 0; /* what is suspended dies with the process */
}
