/* admin.c: the server's end of the admin socket.
 *
 * Few ask here and seldom, so it lives on the main thread, which else waits for signals only; and a
 * question may wait for the disk there without holding up anybody.
 *
 * I1. Only our own user and root get an answer: by the socket's mode, and by asking the kernel who
 * is there. I2. A peer costs at most one line and one answer of memory and a descriptor for
 * PEER_MS, and there are at most ADMIN_PEERS_MAX of them. I3. The socket stands at its path only
 * while it is listened to, unless the process was killed.
 *
 * Left to others: what the questions mean (admin_answer.c). Thread: the loop's, which is the main
 * thread. */
#include "server/admin.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "server/admin_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEER_MS = 30000 };

struct admin {
    /* fixed at birth */
    struct loop *loop;
    struct admin_keys *keys;
    int folder_fd;
    struct sockaddr_un address;

    struct loop_watch watch; /* of the listening socket */
    struct list peers;
    unsigned peer_count;
};

struct peer {
    struct admin *admin;
    struct list node;
    struct loop_watch watch;
    struct loop_timer timer; /* I2 */
    char line[ADMIN_LINE_BYTES_MAX];
    size_t len;
    struct buf out;
    size_t sent;
    bool last; /* closes once `out` is sent */
};

enum status admin_address(const char *folder, int *fd, struct sockaddr_un *address, struct fault *f)
{
    *fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return fault_set(f, status_from_errno(errno), "%s: %s", folder, strerror(errno));
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len =
        snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/admin.sock", *fd);
    must(len > 0 && (size_t)len < sizeof(address->sun_path));
    return OK;
}

static void peer_close(struct peer *p)
{
    loop_timer_cancel(p->admin->loop, &p->timer);
    loop_unwatch(p->admin->loop, &p->watch);
    close(p->watch.fd);
    list_remove(&p->node);
    p->admin->peer_count--;
    if (p->out.at)
        explicit_bzero(p->out.at, p->out.len);
    buf_fini(&p->out);
    mem_free(p);
}

/* Sends what there is to send. False when the peer is gone, or done with. */
static bool peer_send(struct peer *p)
{
    while (p->sent < p->out.len) {
        ssize_t n = send(p->watch.fd, p->out.at + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return loop_rewatch(p->admin->loop, &p->watch, EPOLLOUT, NULL) == OK;
        if (n < 0)
            return false;
        p->sent += (size_t)n;
    }
    buf_clear(&p->out);
    p->sent = 0;
    return !p->last && loop_rewatch(p->admin->loop, &p->watch, EPOLLIN, NULL) == OK;
}

/* Answers each whole line, keeps the rest. */
static void peer_answer(struct peer *p)
{
    char *at = p->line, *end = p->line + p->len, *newline;
    while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        admin_answer(p->admin->keys, bytes_of(at, (size_t)(newline - at)), &p->out);
        at = newline + 1;
    }
    p->len = (size_t)(end - at);
    memmove(p->line, at, p->len);
    if (p->len == sizeof(p->line)) {
        buf_append_text(&p->out, "{\"error\":\"the line is too long\"}\n");
        p->last = true;
    }
    if (p->out.status != OK)
        p->last = true;
}

static void peer_ready(struct loop_watch *w, uint32_t events)
{
    struct peer *p = LIST_OWNER(w, struct peer, watch);
    bool stays = true;
    if (p->sent < p->out.len) {
        stays = (events & (EPOLLERR | EPOLLHUP)) == 0 && peer_send(p);
    } else {
        ssize_t n = recv(w->fd, p->line + p->len, sizeof(p->line) - p->len, 0);
        if (n > 0) {
            p->len += (size_t)n;
            peer_answer(p);
            stays = peer_send(p);
        } else {
            stays = n < 0 && (errno == EAGAIN || errno == EINTR);
        }
    }
    if (!stays)
        peer_close(p);
}

static void peer_too_slow(struct loop_timer *t)
{
    peer_close(LIST_OWNER(t, struct peer, timer));
}

static bool peer_is_one_of_us(int fd)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    return who.uid == 0 || who.uid == geteuid();
}

static void accept_ready(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct admin *a = LIST_OWNER(w, struct admin, watch);
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!peer_is_one_of_us(fd) || a->peer_count == ADMIN_PEERS_MAX) { /* I1, I2 */
        TRACE_SELDOM(TRACE_WARN, "admin", "turned a caller away from admin.sock");
        close(fd);
        return;
    }
    struct peer *p = MEM_NEW(struct peer);
    p->admin = a;
    p->watch = (struct loop_watch){.fd = fd, .ready = peer_ready};
    p->timer.fire = peer_too_slow;
    buf_init(&p->out, ADMIN_ANSWER_BYTES_MAX);
    list_append(&a->peers, &p->node);
    a->peer_count++;
    loop_timer_set(a->loop, &p->timer, PEER_MS);
    if (loop_watch(a->loop, &p->watch, EPOLLIN, NULL) != OK)
        peer_close(p);
}

static enum status listen_at(struct admin *a, const char *folder, struct fault *f)
{
    enum status st = admin_address(folder, &a->folder_fd, &a->address, f);
    if (st != OK)
        return st;
    a->watch.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(a->address.sun_path); /* of a server that was killed: the folder's lock is ours */
    mode_t mask = umask(0177);
    bool bound = a->watch.fd >= 0 &&
                 bind(a->watch.fd, (const struct sockaddr *)&a->address, sizeof(a->address)) == 0;
    int error = errno;
    umask(mask);
    if (bound && listen(a->watch.fd, ADMIN_PEERS_MAX) == 0)
        return OK;
    if (bound)
        error = errno;
    return fault_set(f, IO_FAILED, "cannot listen at %s/admin.sock: %s", folder, strerror(error));
}

enum status admin_open(const char *folder, struct loop *loop, struct admin_keys *keys,
                       struct admin **out, struct fault *f)
{
    struct admin *a = MEM_NEW(struct admin);
    *a = (struct admin){.loop = loop, .keys = keys, .folder_fd = -1};
    a->watch = (struct loop_watch){.fd = -1, .ready = accept_ready};
    list_init(&a->peers);
    enum status st = listen_at(a, folder, f);
    if (st == OK)
        st = loop_watch(loop, &a->watch, EPOLLIN, f);
    if (st != OK) {
        admin_close(a);
        a = NULL;
    }
    *out = a;
    return st;
}

void admin_close(struct admin *a)
{
    if (!a)
        return;
    LIST_EACH(it, next, &a->peers)
    peer_close(LIST_OWNER(it, struct peer, node));
    if (a->watch.watched)
        loop_unwatch(a->loop, &a->watch);
    if (a->watch.fd >= 0) {
        unlink(a->address.sun_path); /* I3 */
        close(a->watch.fd);
    }
    if (a->folder_fd >= 0)
        close(a->folder_fd);
    mem_free(a);
}
