/* served.c: see the header. */
#include "support/served.h"

#include "base/clock.h"
#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 60000, LOOK_EVERY_US = 5000 };

static struct sockaddr_in address(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = address(0);
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0);
    must(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* Whether GET /health is answered with 200. */
static bool healthy(uint16_t port)
{
    static const char request[] =
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct sockaddr_in at = address(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[16] = {0};
    must(fd >= 0);
    bool fine = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
                send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 &&
                recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0 &&
                strncmp(answer, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return fine;
}

static void become_server(const struct served *s)
{
    char port[8];
    const char *words[8 + SERVED_FLAGS_MAX] = {SLUICE_BINARY, "serve",         "--dev", "--data",
                                               s->folder,     "--listen-port", port};
    size_t count = 7;
    snprintf(port, sizeof(port), "%u", s->port);
    for (size_t i = 0; i < SERVED_FLAGS_MAX && s->flags[i] != NULL; i++)
        words[count++] = s->flags[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    unsetenv("SLUICE_BINARY"); /* what tells Python tests of it is no setting */
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    execv(words[0], (char *const *)(uintptr_t)words);
    _exit(127);
}

void served_restart(struct served *s)
{
    assert_int_equal(s->pid, 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0)
        become_server(s);
    uint64_t end_us = clock_mono_us(&clock_system) + READY_MS * 1000ull;
    while (!healthy(s->port)) {
        if (waitpid(s->pid, NULL, WNOHANG) != 0 || clock_mono_us(&clock_system) > end_us)
            fail_msg("%s serve on port %u did not become ready", SLUICE_BINARY, s->port);
        usleep(LOOK_EVERY_US); /* between two looks at /health */
    }
}

void served_start(struct served *s)
{
    snprintf(s->folder, sizeof(s->folder), "/tmp/sluice-served-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    s->port = free_port();
    snprintf(s->endpoint, sizeof(s->endpoint), "http://127.0.0.1:%u", s->port);
    snprintf(s->tls_endpoint, sizeof(s->tls_endpoint), "https://127.0.0.1:%u", s->port);
    snprintf(s->ca_file, sizeof(s->ca_file), "%s/tls/ca.pem", s->folder);
    s->pid = 0;
    served_restart(s);
}

static int end(struct served *s, int with)
{
    int how;
    assert_true(s->pid > 0);
    assert_int_equal(kill(s->pid, with), 0);
    while (waitpid(s->pid, &how, 0) < 0)
        assert_int_equal(errno, EINTR);
    s->pid = 0;
    return how;
}

void served_kill(struct served *s)
{
    end(s, SIGKILL);
}

void served_stop(struct served *s)
{
    char remove[96];
    if (s->pid != 0) {
        int how = end(s, SIGTERM);
        assert_true(WIFEXITED(how));
        assert_int_equal(WEXITSTATUS(how), 0);
    }
    snprintf(remove, sizeof(remove), "rm -rf '%s'", s->folder);
    assert_int_equal(system(remove), 0);
}
