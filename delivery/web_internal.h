/* web_internal.h: between web.c (turns, queues) and web_transfer.c (one call as libcurl's easy handle). */
#ifndef SLUICE_DELIVERY_WEB_INTERNAL_H
#define SLUICE_DELIVERY_WEB_INTERNAL_H

#include "delivery/web.h"

#include <curl/curl.h>

/* Scheme, host and port, of which calls are under way. */
struct web_host {
    struct list node;    /* in web.hosts */
    struct list waiting; /* web_transfer.wait_node, in order of arrival */
    uint32_t running, calls;
    size_t len;
    char origin[]; /* "https://host:port", not terminated */
};

/* A call under way. */
struct web_transfer {
    struct web *web;
    struct web_call *call;
    struct web_host *host;   /* NULL: refused before it had one */
    struct list node;        /* in web.transfers */
    struct list wait_node;   /* in host->waiting, or in none */
    struct loop_timer timer; /* its timeout; or, of a refused one, the next turn */
    enum status refused; /* not OK: what it ends with when the timer fires; call->fault is set */
    bool running;        /* libcurl has it */

    CURL *easy;
    struct curl_slist *headers;
    bool too_large;
    uint64_t thrown_away; /* bytes of an error's body that nobody wants */
    size_t head_len;      /* of call->answer_head */
    char words[CURL_ERROR_SIZE];
};

/* Makes the easy handle. INVALID_ARGUMENT, NO_MEMORY; the fault is set. */
enum status web_transfer_prepare(struct web_transfer *t, const char *ca_file);
/* What libcurl's outcome means for the call: its status, why, code and fault. */
void web_transfer_judge(struct web_transfer *t, CURLcode result);
/* Ends the handle. */
void web_transfer_release(struct web_transfer *t);

#endif
