/* process.c: programs under measurement.
 *
 * Thread: main: PR_SET_PDEATHSIG is tied to the thread that forked. */
#include "bench/support/process.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STOP_MS_MAX = 60000, LOOK_AGAIN_US = 500 };

extern char **environ;

pid_t process_fork(void)
{
    pid_t self = getpid(), child = fork();
    if (child < 0)
        die("fork: %m");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != self)
            _exit(EXIT_FAILURE); /* it ended before the line above */
    }
    return child;
}

static char **clean_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **clean = mem_must((count + 1) * sizeof(*clean));
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "SLUICE_", strlen("SLUICE_")) != 0)
            clean[kept++] = environ[i];
    return clean;
}

pid_t process_start(const char *const argv[], const char *output)
{
    char **clean = clean_environment();
    int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        die("cannot open %s: %m", output);
    pid_t pid = process_fork();
    if (pid == 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execve(argv[0], (char *const *)(uintptr_t)argv, clean);
        _exit(127);
    }
    close(fd);
    mem_free(clean);
    return pid;
}

bool process_ended(pid_t pid)
{
    siginfo_t info = {0};
    must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
    return info.si_pid == pid;
}

void process_stop(pid_t pid, const char *what)
{
    uint64_t until_us = clock_mono_us(&clock_system) + STOP_MS_MAX * 1000ull;
    int outcome;
    must(kill(pid, SIGTERM) == 0);
    while (!process_ended(pid)) {
        if (clock_mono_us(&clock_system) > until_us)
            die("%s did not end at SIGTERM", what);
        usleep(LOOK_AGAIN_US);
    }
    must(waitpid(pid, &outcome, 0) == pid);
    if (!WIFEXITED(outcome) || WEXITSTATUS(outcome) != 0)
        die("%s ended with wait status %d", what, outcome);
}

void process_kill(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

double process_cpu_s(pid_t pid)
{
    clockid_t clock;
    struct timespec spent;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        die("process %d, which was to be measured, is gone", (int)pid);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

/* The number behind "name:", in the file's unit; 0 when there is none. */
static uint64_t number_of(pid_t pid, const char *file, const char *name)
{
    char path[64], line[256];
    uint64_t value = 0;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *in = fopen(path, "re");
    if (!in)
        die("cannot open %s: %m", path);
    while (fgets(line, sizeof(line), in))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtoull(line + strlen(name) + 1, NULL, 10);
    fclose(in);
    return value;
}

struct process_usage process_usage(pid_t pid)
{
    return (struct process_usage){
        .resident_bytes = KIB(number_of(pid, "status", "VmRSS")),
        .anonymous_bytes = KIB(number_of(pid, "status", "RssAnon")),
        .file_bytes = KIB(number_of(pid, "status", "RssFile")),
        .peak_bytes = KIB(number_of(pid, "status", "VmHWM")),
        .written_bytes = number_of(pid, "io", "write_bytes"),
    };
}

uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        die("no free port: %m");
    close(fd);
    return ntohs(at.sin_port);
}
