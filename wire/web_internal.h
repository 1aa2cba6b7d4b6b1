/* web_internal.h: between web.c (queues, ends), web_channel.c (libcurl's sockets and timers, its multi handle) and web_transfer.c (one
 * call as its easy handle). */
#ifndef SLUICE_WIRE_WEB_INTERNAL_H
#define SLUICE_WIRE_WEB_INTERNAL_H

#include "wire/web.h"

#include <curl/curl.h>

/* Scheme, host and port, of which calls are under way. */
struct web_host {
    struct list node;    /* in web.hosts */
    struct list waiting; /* web_transfer.wait_node, in order of arrival */
    uint32_t running, calls;
    size_t len;
    char origin[]; /* "https://host:port", not terminated */
};

_Static_assert(WEB_WORDS_BYTES == CURL_ERROR_SIZE, "libcurl writes its words there");

/* A multi handle of libcurl's: calls that share connections. */
struct web_channel {
    struct web *web;
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer; /* libcurl's */
    struct list node;        /* in web.spent, or in none */
};
/* False: no memory; close it all the same. */
bool web_channel_open(struct web_channel *channel, struct web *w, struct loop *loop,
                      uint32_t connections_max, bool http2);
/* All its calls have left it. */
void web_channel_close(struct web_channel *channel);
/* libcurl does at once what it can. */
void web_channel_kick(struct web_channel *channel);
/* Tells owners of what has arrived, and of what libcurl has ended in that channel. In web.c; called outside libcurl. */
void web_harvest(struct web_channel *channel);

/* What of web's settings a call needs. */
struct web_manner {
    char *ca_file;
    long connect_ms;
    bool http2;
};

/* Makes the easy handle. INVALID_ARGUMENT, NO_MEMORY; the fault is set. */
enum status web_transfer_prepare(struct web_transfer *t, const struct web_manner *m);
/* What libcurl's outcome means for the call: its status, why, code and fault. */
void web_transfer_judge(struct web_transfer *t, CURLcode result);
/* Something of a streamed answer is there. In web.c; called inside libcurl. */
void web_transfer_arrived(struct web_transfer *t);
/* Ends the handle. */
void web_transfer_release(struct web_transfer *t);

#endif
