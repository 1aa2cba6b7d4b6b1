/* web.c: HTTP to the outside on one loop.
 *
 * A call is first a line in a queue: of each far side (scheme, host, port) at most host_max calls run, of all together connections_max.
 * The queues are ours and not libcurl's, so that giving up a waiting call is taking it out of a list, and far sides get their turns.
 *
 *   web_start -> waiting -> pump -> running -> harvest -> done
 *        \-> refused (timer in the next turn) ----------> done
 *   any of them: its timer -> done; web_cancel; web_free -> done
 *
 * I1. `done` and `arrived` are called only from the loop's turns (a socket, a timer) and from web_free, never inside libcurl's
 *     callbacks: so they may start and cancel calls.
 * I2. A channel that belonged to a streamed call outlives it, until nothing of ours stands in it any more: closed in a harvest.
 *
 * Left to others: libcurl's sockets and timers (web_channel.c), what an outcome means (web_transfer.c), trying again (destinations). Thread: the loop's own. */
#include "wire/web_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "wire/uri.h"

#include <pthread.h>
#include <unistd.h>

enum { CONNECT_MS = 15000 };

struct web {
    /* fixed at birth */
    struct loop *loop;
    struct web_channel channel; /* of all calls that are not streamed */
    struct web_manner manner;
    uint32_t calls_max, host_max; /* that run, streamed ones left aside */
    /* the loop's own */
    struct list transfers; /* all under way, in order of arrival */
    struct list hosts;     /* those with calls; who was served last is last */
    struct list fresh;     /* web_transfer.fresh_node: of whose answer something has arrived */
    struct list spent;     /* web_channel.node: their calls are over, I2 */
    uint32_t running, waiting;
    bool closing;
};

static void end_with(struct web_transfer *t, enum status status);

/* ---- far sides and their queues */

/* NULL: no memory. */
static struct web_host *host_of(struct web *w, const char *origin, size_t len)
{
    LIST_EACH(node, keep, &w->hosts)
    {
        struct web_host *h = LIST_OWNER(node, struct web_host, node);
        if (h->len == len && memcmp(h->origin, origin, len) == 0)
            return h;
    }
    struct web_host *h = mem_zero_try(sizeof(*h) + len);
    if (h == NULL)
        return NULL;
    list_init(&h->waiting);
    h->len = len;
    memcpy(h->origin, origin, len);
    list_append(&w->hosts, &h->node);
    return h;
}

/* The next call that may run, or NULL. */
static struct web_transfer *next_waiting(struct web *w)
{
    if (w->waiting == 0 || w->running == w->calls_max)
        return NULL;
    LIST_EACH(node, keep, &w->hosts)
    {
        struct web_host *h = LIST_OWNER(node, struct web_host, node);
        if (list_empty(&h->waiting) || h->running == w->host_max)
            continue;
        list_remove(&h->node);
        list_append(&w->hosts, &h->node);
        return LIST_OWNER(list_first(&h->waiting), struct web_transfer, wait_node);
    }
    return NULL;
}

static void stop_waiting(struct web_transfer *t)
{
    list_remove(&t->wait_node);
    t->web->waiting--;
}

/* Streamed calls have one each, the others share one. */
static bool add_to_channel(struct web_transfer *t)
{
    struct web *w = t->web;
    t->channel = &w->channel;
    if (t->call->arrived != NULL) {
        t->channel = MEM_TRY_NEW(struct web_channel);
        if (t->channel == NULL)
            return false;
        if (!web_channel_open(t->channel, w, w->loop, 1, w->manner.http2)) {
            web_channel_close(t->channel);
            mem_free(t->channel);
            t->channel = NULL;
            return false;
        }
    }
    return curl_multi_add_handle(t->channel->multi, t->easy) == CURLM_OK;
}

static void run(struct web_transfer *t)
{
    struct web *w = t->web;
    stop_waiting(t);
    t->running = true;
    if (t->call->arrived == NULL) {
        w->running++;
        t->host->running++;
    }
    if (t->call->timeout_runs && t->call->timeout_ms > 0)
        loop_timer_set(w->loop, &t->timer, t->call->timeout_ms);
    t->refused = web_transfer_prepare(t, &w->manner);
    if (t->refused == OK && !add_to_channel(t))
        t->refused = fault_set(&t->call->fault, NO_MEMORY, "no memory for a request");
    if (t->refused != OK)
        loop_timer_set(w->loop, &t->timer, 0);
}

static void pump(struct web *w)
{
    for (struct web_transfer *t; !w->closing && (t = next_waiting(w)) != NULL;)
        run(t);
}

/* ---- ends */

static void leave_channel(struct web_transfer *t)
{
    struct web *w = t->web;
    struct web_channel *channel = t->channel;
    if (channel == NULL)
        return;
    curl_multi_remove_handle(channel->multi, t->easy);
    if (channel == &w->channel)
        return;
    list_append(&w->spent, &channel->node);
    loop_timer_set(w->loop, &w->channel.timer, 0); /* a harvest */
}

/* Out of every list. The call is its owner's again. */
static void detach(struct web_transfer *t)
{
    struct web *w = t->web;
    struct web_host *h = t->host;
    list_remove(&t->node);
    list_remove(&t->fresh_node);
    loop_timer_cancel(w->loop, &t->timer);
    if (t->running) {
        leave_channel(t);
        if (t->call->arrived == NULL) {
            w->running--;
            h->running--;
        }
    } else if (h != NULL) {
        stop_waiting(t);
    }
    if (h != NULL && --h->calls == 0) {
        list_remove(&h->node);
        mem_free(h);
    }
    t->call->transfer = NULL;
    web_transfer_release(t);
}

/* Takes it out and tells its owner, whose status is set. */
static void finish(struct web_transfer *t)
{
    struct web *w = t->web;
    struct web_call *c = t->call;
    detach(t);
    pump(w);
    c->done(c);
}

static void end_with(struct web_transfer *t, enum status status)
{
    t->call->status = status;
    finish(t);
}

void web_transfer_arrived(struct web_transfer *t)
{
    if (t->refused == OK) /* else its end is set already */
        loop_timer_cancel(t->web->loop, &t->timer);
    list_remove(&t->fresh_node);
    list_append(&t->web->fresh, &t->fresh_node);
}

static void close_spent(struct web *w)
{
    for (struct list *node; (node = list_first(&w->spent)) != NULL;) {
        struct web_channel *channel = LIST_OWNER(node, struct web_channel, node);
        list_remove(node);
        web_channel_close(channel);
        mem_free(channel);
    }
}

void web_harvest(struct web_channel *channel)
{
    struct web *w = channel->web;
    for (struct list *node; (node = list_first(&w->fresh)) != NULL;) {
        struct web_transfer *t = LIST_OWNER(node, struct web_transfer, fresh_node);
        list_remove(node);
        t->call->arrived(t->call);
    }
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(channel->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct web_transfer *t = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        must(t != NULL);
        web_transfer_judge(t, message->data.result);
        finish(t);
    }
    close_spent(w);
}

static void transfer_fired(struct loop_timer *timer)
{
    struct web_transfer *t = LIST_OWNER(timer, struct web_transfer, timer);
    if (t->refused != OK) {
        end_with(t, t->refused);
        return;
    }
    fault_set(&t->call->fault, TIMED_OUT, "%.*s: no answer within %llu ms", (int)t->host->len,
              t->host->origin, (unsigned long long)t->call->timeout_ms);
    end_with(t, TIMED_OUT);
}

/* ---- calls */

/* How many bytes of the URL are scheme, host and port; INVALID_ARGUMENT. The words leave the URL out: its query may hold a secret. */
static enum status origin_of(const char *url, size_t *len, struct fault *f)
{
    struct uri uri;
    if (uri_parse(bytes_text(url), &uri, NULL) != OK ||
        (!bytes_equal_ignore_case(uri.scheme, BYTES_LITERAL("http")) &&
         !bytes_equal_ignore_case(uri.scheme, BYTES_LITERAL("https"))))
        return fault_set(f, INVALID_ARGUMENT, "the URL is not of the form https://host:port/path");
    *len = (size_t)((const char *)uri.path.at - url);
    return OK;
}

static void forget_answer(struct web_call *c)
{
    c->status = OK;
    c->why = WEB_FAILED_OTHER;
    c->fault.status = OK;
    c->fault.text[0] = '\0';
    c->code = 0;
    c->answer_type = c->answer_etag = c->answer_encoding = BYTES_NONE;
    c->answer_function_error = BYTES_NONE;
    c->answer_request_id = c->answer_error_type = c->answer_date = BYTES_NONE;
    c->answer_has_length = false;
    buf_init(&c->answer, c->answer_bytes_max);
}

void web_start(struct web *w, struct web_call *c)
{
    must(c->header_count <= WEB_HEADERS_MAX && c->done != NULL);
    must(c->pieces.count == 0 || c->body.len == 0);
    forget_answer(c);
    struct web_transfer *t = &c->own;
    *t = (struct web_transfer){0};
    t->web = w;
    t->call = c;
    t->timer.fire = transfer_fired;
    list_init(&t->wait_node);
    list_init(&t->fresh_node);
    list_append(&w->transfers, &t->node);
    c->transfer = t;
    size_t origin_len = 0;
    t->refused = w->closing ? fault_set(&c->fault, CLOSING, "the program ends")
                            : origin_of(c->url, &origin_len, &c->fault);
    if (t->refused == OK && (t->host = host_of(w, c->url, origin_len)) == NULL)
        t->refused = fault_set(&c->fault, NO_MEMORY, "no memory for a far side");
    if (t->refused != OK) {
        loop_timer_set(w->loop, &t->timer, 0);
        return;
    }
    t->host->calls++;
    list_append(&t->host->waiting, &t->wait_node);
    w->waiting++;
    if (c->timeout_ms > 0 && !c->timeout_runs)
        loop_timer_set(w->loop, &t->timer, c->timeout_ms);
    if (c->arrived != NULL)
        run(t);
    else
        pump(w);
}

void web_kick(struct web *w)
{
    web_channel_kick(&w->channel);
}

void web_cancel(struct web *w, struct web_call *c)
{
    if (c->transfer == NULL)
        return;
    detach(c->transfer);
    pump(w);
}

void web_pause(struct web *w, struct web_call *c, bool paused)
{
    struct web_transfer *t = c->transfer;
    if (t == NULL || t->paused == paused)
        return;
    t->paused = paused; /* libcurl hears of it when it has something */
    if (paused || t->channel == NULL)
        return;
    curl_easy_pause(t->easy, CURLPAUSE_CONT);
    loop_timer_set(w->loop, &t->channel->timer, 0); /* what it kept is harvested in the next turn */
}

/* ---- birth and death */

static CURLcode global_result;

static void init_libcurl(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static enum status check_libcurl(struct fault *f)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_libcurl);
    if (global_result != CURLE_OK)
        return fault_set(f, UNSUPPORTED, "libcurl does not start: %s",
                         curl_easy_strerror(global_result));
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if ((info->features & CURL_VERSION_ASYNCHDNS) == 0 || (info->features & CURL_VERSION_SSL) == 0)
        return fault_set(f, UNSUPPORTED, "this libcurl (%s) resolves names blocking, or has no TLS",
                         info->version);
    return OK;
}

enum status web_new(const struct web_settings *s, struct web **out, struct fault *f)
{
    *out = NULL;
    enum status st = check_libcurl(f);
    if (st != OK)
        return st;
    if (s->ca_file[0] != '\0' && access(s->ca_file, R_OK) != 0)
        return fault_set(f, NOT_FOUND, "the file of CAs to trust, %s, cannot be read: %m",
                         s->ca_file);
    uint32_t connections_max = s->connections_max > 0 ? s->connections_max : WEB_CONNECTIONS_MAX;
    struct web *w = MEM_TRY_NEW(struct web);
    if (w == NULL)
        return fault_set(f, NO_MEMORY, "no memory for HTTP calls");
    w->loop = s->loop;
    w->manner = (struct web_manner){
        .ca_file = mem_try(strlen(s->ca_file) + 1),
        .connect_ms = s->connect_ms > 0 ? (long)s->connect_ms : CONNECT_MS,
        .http2 = s->http2,
    };
    if (s->http2 && connections_max > WEB_SHARED_CONNECTIONS_MAX)
        connections_max = WEB_SHARED_CONNECTIONS_MAX;
    w->calls_max = s->http2 ? connections_max * WEB_STREAMS_MAX : connections_max;
    w->host_max = s->one_side ? w->calls_max : (w->calls_max + 1) / 2;
    list_init(&w->transfers);
    list_init(&w->hosts);
    list_init(&w->fresh);
    list_init(&w->spent);
    if (w->manner.ca_file != NULL)
        memcpy(w->manner.ca_file, s->ca_file, strlen(s->ca_file) + 1);
    if (w->manner.ca_file == NULL ||
        !web_channel_open(&w->channel, w, w->loop, connections_max, s->http2)) {
        web_free(w);
        return fault_set(f, NO_MEMORY, "no memory for HTTP calls");
    }
    *out = w;
    return OK;
}

void web_free(struct web *w)
{
    if (w == NULL)
        return;
    w->closing = true;
    for (struct list *node; (node = list_first(&w->transfers)) != NULL;) {
        struct web_transfer *t = LIST_OWNER(node, struct web_transfer, node);
        fault_set(&t->call->fault, CLOSING, "the program ends");
        end_with(t, CLOSING);
    }
    must(list_empty(&w->hosts) && w->running == 0 && w->waiting == 0);
    close_spent(w);
    web_channel_close(&w->channel);
    mem_free(w->manner.ca_file);
    mem_free(w);
}
