/* web_channel.c: libcurl on a loop of ours.
 *
 * libcurl says which sockets it waits for and when it wants to be called (its multi socket interface); the loop has both already.
 *
 * I1. Timers may fire earlier than libcurl's own clock says (its clock is the system's, the loop's may be another): after each the
 *     next is asked for again.
 *
 * Left to others: what became of calls (web.c). Thread: the loop's own. */
#include "base/mem.h"
#include "wire/web_internal.h"

#include <sys/epoll.h>

/* A socket that libcurl watches. */
struct web_socket {
    struct loop_watch watch;
    struct web_channel *channel;
};

static void socket_ready(struct loop_watch *watch, uint32_t events)
{
    struct web_channel *c = ((struct web_socket *)watch)->channel;
    int seen = ((events & EPOLLIN) ? CURL_CSELECT_IN : 0) |
               ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
               ((events & (EPOLLERR | EPOLLHUP)) ? CURL_CSELECT_ERR : 0);
    int running;
    curl_multi_socket_action(c->multi, watch->fd, seen, &running); /* may free the watch */
    web_harvest(c);
}

/* The call of that handle ends in the next turn: here we are inside libcurl. */
static void refuse_later(struct web_channel *c, CURL *easy, enum status why)
{
    struct web_transfer *t = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
    if (t == NULL)
        return;
    t->refused = fault_set(&t->call->fault, why, "a socket cannot be watched");
    loop_timer_set(c->loop, &t->timer, 0);
}

static enum status watch_anew(struct web_channel *c, curl_socket_t fd, uint32_t events)
{
    struct web_socket *s = mem_try(sizeof(*s));
    if (s == NULL)
        return NO_MEMORY;
    *s = (struct web_socket){.watch = {.fd = fd, .ready = socket_ready}, .channel = c};
    curl_multi_assign(c->multi, fd, s);
    return loop_watch(c->loop, &s->watch, events, NULL);
}

static int on_socket(CURL *easy, curl_socket_t fd, int wanted, void *arg, void *socket_arg)
{
    struct web_channel *c = arg;
    struct web_socket *s = socket_arg;
    if (wanted == CURL_POLL_REMOVE) {
        if (s != NULL) {
            loop_unwatch(c->loop, &s->watch);
            curl_multi_assign(c->multi, fd, NULL);
            mem_free(s);
        }
        return 0;
    }
    uint32_t events =
        ((wanted & CURL_POLL_IN) ? EPOLLIN : 0u) | ((wanted & CURL_POLL_OUT) ? EPOLLOUT : 0u);
    enum status st;
    if (s == NULL)
        st = watch_anew(c, fd, events);
    else
        st = s->watch.watched ? loop_rewatch(c->loop, &s->watch, events, NULL) : IO_FAILED;
    if (st != OK) /* answering -1 would end every call of this multi handle */
        refuse_later(c, easy, st);
    return 0;
}

static int on_timer(CURLM *multi, long in_ms, void *arg)
{
    (void)multi;
    struct web_channel *c = arg;
    if (in_ms < 0)
        loop_timer_cancel(c->loop, &c->timer);
    else
        loop_timer_set(c->loop, &c->timer, (uint64_t)in_ms);
    return 0;
}

static void timer_fired(struct loop_timer *timer)
{
    struct web_channel *c = LIST_OWNER(timer, struct web_channel, timer);
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    long in_ms = -1;
    if (!c->timer.armed && curl_multi_timeout(c->multi, &in_ms) == CURLM_OK && in_ms >= 0)
        loop_timer_set(c->loop, &c->timer, in_ms == 0 ? 1 : (uint64_t)in_ms); /* I1 */
    web_harvest(c);
}

void web_channel_kick(struct web_channel *c)
{
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    loop_timer_set(c->loop, &c->timer, 0); /* what it brought is harvested in the next turn */
}

bool web_channel_open(struct web_channel *c, struct web *w, struct loop *loop,
                      uint32_t connections_max, bool http2)
{
    *c = (struct web_channel){.web = w, .loop = loop, .timer = {.fire = timer_fired}};
    list_init(&c->node);
    CURLM *multi = c->multi = curl_multi_init();
    return multi != NULL &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections_max) == CURLM_OK &&
           (!http2 || (curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS,
                                         (long)WEB_STREAMS_MAX) == CURLM_OK &&
                       curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                                         (long)connections_max) == CURLM_OK));
}

void web_channel_close(struct web_channel *c)
{
    if (c->multi != NULL)
        curl_multi_cleanup(c->multi);
    if (c->loop != NULL)
        loop_timer_cancel(c->loop, &c->timer);
}
