/* child.c: see the header.
 *
 * Thread: the loop's. */
#include "delivery/child.h"

#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, LOOK_MS = 50 };

/* ---- its end ---- */

static void close_watch(struct child *c, struct loop_watch *w)
{
    if (w->watched)
        loop_unwatch(c->loop, w);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* Whether it has gone by now; without waiting. */
static bool reap(struct child *c, int *how)
{
    pid_t pid = waitpid(c->pid, how, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return false;
    if (pid < 0)
        *how = -1;
    c->pid = 0;
    c->leaving = false;
    return true;
}

static void on_look(struct loop_timer *t)
{
    struct child *c = LIST_OWNER(t, struct child, look);
    int how;
    if (!reap(c, &how))
        loop_timer_set(c->loop, &c->look, LOOK_MS);
}

static void say_line(struct child *c)
{
    if (c->line_len > 0 && c->ops->complained)
        c->ops->complained(c, bytes_of(c->line, c->line_len), c->line_cut);
    c->line_len = 0;
    c->line_cut = false;
}

int child_stop(struct child *c)
{
    int how = -1;
    close_watch(c, &c->in);
    close_watch(c, &c->out);
    close_watch(c, &c->err);
    c->rest = BYTES_NONE;
    say_line(c);
    if (!child_runs(c))
        return how;
    kill(-c->pid, SIGKILL);
    kill(c->pid, SIGKILL);
    for (int waited_ms = 0; !reap(c, &how); waited_ms++) {
        if (waited_ms == CHILD_GOODBYE_MS) { /* C1 */
            c->leaving = true;
            trace(TRACE_WARN, "delivery", "%s: process %d was killed and has not gone", c->name,
                  (int)c->pid);
            loop_timer_set(c->loop, &c->look, LOOK_MS);
            return -1;
        }
        (void)poll(NULL, 0, 1);
    }
    return how;
}

/* ---- its beginning ---- */

static int spawn(struct child *c, char *const words[], char *const environment[],
                 const int pipes[3])
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&files, pipes[i], i);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                       POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setsigmask(&how, &none);
    int why = posix_spawnp(&c->pid, words[0], &files, &how, words, environment);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    if (why != 0)
        c->pid = 0;
    return why;
}

static bool watch(struct child *c, struct loop_watch *w, int fd, uint32_t events)
{
    struct fault f;
    w->fd = fd;
    return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
           (events == 0 || loop_watch(c->loop, w, events, &f) == OK);
}

enum status child_begin(struct child *c, char *const words[], char *const environment[],
                        struct fault *f)
{
    if (c->leaving)
        return fault_set(f, IO_FAILED, "its process before has not gone yet");
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    int why = pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ? errno : 0;
    if (why == 0)
        why = spawn(c, words, environment, (const int[3]){in[0], out[1], err[1]});
    const int theirs[] = {in[0], out[1], err[1]};
    for (int i = 0; i < 3; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    bool watched = watch(c, &c->in, in[1], 0);
    watched = watch(c, &c->out, out[0], EPOLLIN) && watched;
    watched = watch(c, &c->err, err[0], EPOLLIN) && watched;
    why = why == 0 && !watched ? EIO : why;
    if (why == 0)
        return OK;
    (void)child_stop(c);
    return fault_set(f, IO_FAILED, "%s cannot be started: %s", words[0], strerror(why));
}

/* ---- pipes ---- */

static void on_in(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct child *c = LIST_OWNER(w, struct child, in);
    while (c->rest.len > 0) {
        ssize_t n = write(w->fd, c->rest.at, c->rest.len);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            c->ops->ended(c, "it does not read");
            return;
        }
        c->rest = bytes_of(c->rest.at + n, c->rest.len - (size_t)n);
    }
    loop_unwatch(c->loop, w);
    if (c->ops->wrote)
        c->ops->wrote(c);
}

static void on_out(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct child *c = LIST_OWNER(w, struct child, out);
    uint8_t bytes[READ_BYTES];
    ssize_t n = read(w->fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        c->ops->ended(c, "it ended");
    else
        c->ops->said(c, bytes_of(bytes, (size_t)n));
}

static void on_err(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct child *c = LIST_OWNER(w, struct child, err);
    char bytes[4096];
    ssize_t n = read(w->fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    for (ssize_t i = 0; i < n; i++) {
        char at = bytes[i];
        if (at == '\n')
            say_line(c);
        else if (c->line_len < sizeof(c->line))
            c->line[c->line_len++] = (unsigned char)at < ' ' || at == 0x7f ? '?' : at;
        else
            c->line_cut = true;
    }
    if (n > 0)
        return;
    say_line(c);
    close_watch(c, w);
}

enum status child_write(struct child *c, struct bytes bytes, struct fault *f)
{
    c->rest = bytes;
    if (bytes.len == 0 || c->in.watched)
        return OK;
    return loop_watch(c->loop, &c->in, EPOLLOUT, f);
}

/* ---- life ---- */

void child_init(struct child *c, struct loop *loop, const struct child_ops *ops, const char *name)
{
    *c = (struct child){
        .loop = loop,
        .ops = ops,
        .name = name,
        .in = {.fd = -1, .ready = on_in},
        .out = {.fd = -1, .ready = on_out},
        .err = {.fd = -1, .ready = on_err},
        .look = {.fire = on_look},
    };
}

void child_fini(struct child *c)
{
    (void)child_stop(c);
    loop_timer_cancel(c->loop, &c->look);
}
