/* transform_command.c: a transform that is a program of the operator's: one process for a lane, as long as it lives.
 *
 *   stdin    a line of JSON for each record: {"recordId", "approximateArrivalTimestamp", "data", ...} as in Lambda's body
 *   stdout   a line of JSON for each record, in the same order: {"recordId", "result", "data", "metadata"}
 *   stderr   lines that are traced, cut at STDERR_LINE_BYTES
 *
 *   (none) -> start: spawn -> answers, call by call -> stop: killed, with its group, when it ends, hangs, or says what nobody asked for
 *
 * One call at a time, so that lines and records cannot be mistaken for each other: after anything strange the process is begun anew, and
 * the call made again. Between calls it waits; how soon it is begun again after it died is said by the call's back-off.
 *
 * C1. Nothing of a caller's is run or is an argument: the words are those of the operator's file, without a shell.
 * C2. The pipes never block the loop. Killing waits for the process to be gone, which SIGKILL makes a moment.
 * C3. The process gets none of our descriptors but its three, and no setting of ours (SLUICE_*: they may hold secrets).
 *
 * Thread: the lane's. */
#include "delivery/transform.h"

#include "base/mem.h"
#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, STDERR_LINE_BYTES = 400 };

struct command {
    struct process_settings settings;
    struct transform_target target;
    pid_t pid; /* 0: none */
    struct loop_watch in, out, err;
    struct transform_call *call; /* under way */
    size_t written;
    uint32_t lines;
    struct loop_timer deadline, soon; /* soon: the call's failure, once start has returned */
    char line[STDERR_LINE_BYTES];
    size_t line_len;
    bool line_cut;
};

/* ---- the process ---- */

static void close_watch(struct command *m, struct loop_watch *w)
{
    if (w->watched)
        loop_unwatch(m->settings.loop, w);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

static void stop(struct command *m)
{
    close_watch(m, &m->in);
    close_watch(m, &m->out);
    close_watch(m, &m->err);
    m->line_len = 0;
    m->line_cut = false;
    if (m->pid == 0)
        return;
    kill(-m->pid, SIGKILL);
    while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    m->pid = 0;
}

/* C3. */
static char **environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **copy = mem_must((count + 1) * sizeof(char *));
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "SLUICE_", 7) != 0)
            copy[kept++] = environ[i];
    return copy;
}

static int spawn(struct command *m, const int child[3])
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&files, child[i], i);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                       POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setsigmask(&how, &none);
    char **given = environment();
    int why = posix_spawnp(&m->pid, m->target.command[0], &files, &how, m->target.command, given);
    mem_free(given);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    if (why != 0)
        m->pid = 0;
    return why;
}

static bool watch(struct command *m, struct loop_watch *w, int fd, uint32_t events)
{
    struct fault f;
    w->fd = fd;
    return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
           (events == 0 || loop_watch(m->settings.loop, w, events, &f) == OK);
}

/* 0, or errno. */
static int begin(struct command *m)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    int why = pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ? errno : 0;
    if (why == 0)
        why = spawn(m, (const int[3]){in[0], out[1], err[1]});
    const int theirs[] = {in[0], out[1], err[1]};
    for (int i = 0; i < 3; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    bool watched = watch(m, &m->in, in[1], 0);
    watched = watch(m, &m->out, out[0], EPOLLIN) && watched;
    watched = watch(m, &m->err, err[0], EPOLLIN) && watched;
    why = why == 0 && !watched ? EIO : why;
    if (why != 0)
        stop(m);
    return why;
}

/* ---- calls ---- */

static struct transform_call *take_call(struct command *m)
{
    struct transform_call *c = m->call;
    m->call = NULL;
    loop_timer_cancel(m->settings.loop, &m->deadline);
    loop_timer_cancel(m->settings.loop, &m->soon);
    return c;
}

/* The process is of no use any more; nor is what the call has of it. */
static void give_up(struct command *m, const char *code, const char *why)
{
    stop(m);
    trace(TRACE_WARN, "delivery", "%s: transform %s: %s", m->settings.view->name, m->target.name,
          why);
    struct transform_call *c = take_call(m);
    if (!c)
        return;
    c->code = code;
    snprintf(c->why, sizeof(c->why), "%.*s", TRANSFORM_WHY_BYTES - 1, why);
    transform_answered(c);
}

static void on_deadline(struct loop_timer *t)
{
    give_up(LIST_OWNER(t, struct command, deadline), "Lambda.FunctionTimedOut",
            "it did not answer in time");
}

static void on_soon(struct loop_timer *t)
{
    give_up(LIST_OWNER(t, struct command, soon), "Lambda.InvokeFailed", "it cannot be started");
}

/* ---- pipes ---- */

static void on_in(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct command *m = LIST_OWNER(w, struct command, in);
    struct bytes all = m->call ? buf_view(&m->call->request) : BYTES_LITERAL("");
    while (m->call && m->written < all.len) {
        ssize_t n = write(w->fd, all.at + m->written, all.len - m->written);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            give_up(m, "Lambda.FunctionError", "it does not read its records");
            return;
        }
        m->written += (size_t)n;
    }
    loop_unwatch(m->settings.loop, w);
}

static void answered(struct command *m)
{
    if (m->written < m->call->request.len)
        stop(m); /* what it has not read of this call is not to be the next one's */
    transform_answered(take_call(m));
}

static void on_out(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct command *m = LIST_OWNER(w, struct command, out);
    uint8_t bytes[READ_BYTES];
    ssize_t n = read(w->fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !m->call) {
        give_up(m, "Lambda.FunctionError",
                n <= 0 ? "it ended" : "it said more than it was asked for");
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        m->lines += bytes[i] == '\n';
    buf_append(&m->call->answer, bytes_of(bytes, (size_t)n));
    if (m->call->answer.status != OK)
        give_up(m, "Lambda.ResponseTooLarge", "its answer is too large");
    else if (m->lines >= m->call->count)
        answered(m);
}

static void say_line(struct command *m)
{
    if (m->line_len > 0)
        trace(TRACE_WARN, "delivery", "%s: transform %s: %.*s%s", m->settings.view->name,
              m->target.name, (int)m->line_len, m->line, m->line_cut ? " ..." : "");
    m->line_len = 0;
    m->line_cut = false;
}

static void on_err(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct command *m = LIST_OWNER(w, struct command, err);
    char bytes[4096];
    ssize_t n = read(w->fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    for (ssize_t i = 0; i < n; i++) {
        char c = bytes[i];
        if (c == '\n')
            say_line(m);
        else if (m->line_len < sizeof(m->line))
            m->line[m->line_len++] = (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
        else
            m->line_cut = true;
    }
    if (n > 0)
        return;
    say_line(m);
    close_watch(m, w);
}

/* ---- as a side ---- */

static enum status open_command(const struct transform_target *target,
                                const struct process_settings *s, void **out, struct fault *f)
{
    (void)f;
    struct command *m = MEM_NEW(struct command);
    m->settings = *s;
    m->target = *target;
    m->in = (struct loop_watch){.fd = -1, .ready = on_in};
    m->out = (struct loop_watch){.fd = -1, .ready = on_out};
    m->err = (struct loop_watch){.fd = -1, .ready = on_err};
    m->deadline.fire = on_deadline;
    m->soon.fire = on_soon;
    *out = m;
    return OK;
}

static void start(void *own, struct transform_call *c)
{
    struct command *m = own;
    struct fault f;
    m->call = c;
    m->written = 0;
    m->lines = 0;
    loop_timer_set(m->settings.loop, &m->deadline, m->target.timeout_ms);
    if (m->pid == 0 && begin(m) != 0)
        loop_timer_set(m->settings.loop, &m->soon, 0);
    else if (!m->in.watched && loop_watch(m->settings.loop, &m->in, EPOLLOUT, &f) != OK)
        loop_timer_set(m->settings.loop, &m->soon, 0);
}

static void cancel(void *own, struct transform_call *c)
{
    struct command *m = own;
    if (m->call != c)
        return;
    (void)take_call(m);
    stop(m);
}

static void distrust(void *own)
{
    stop(own);
}

static void close_command(void *own)
{
    struct command *m = own;
    loop_timer_cancel(m->settings.loop, &m->deadline);
    loop_timer_cancel(m->settings.loop, &m->soon);
    stop(m);
    mem_free(m);
}

const struct transform_ops transform_command = {
    .lines = true,
    .calls_max = 1,
    .open = open_command,
    .start = start,
    .cancel = cancel,
    .distrust = distrust,
    .close = close_command,
};
