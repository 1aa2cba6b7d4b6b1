/* exchange.c: one request and its reply, whatever carried them.
 *
 * A transport makes one for each request in flight and uses it again for the next, because the
 * first blocks of its memory are what most requests need and all they need. What a large request
 * or a large reply took beyond that goes back at once.
 *
 * X1. exchange_finish or exchange_stream runs once for each exchange handed to a handler; a second time is our own
 * mistake and ends the program.
 * X2. Whatever the exchange holds is freed by exchange_fini, and by exchange_reset but for the
 * first block of the arena and a reply of at most REPLY_KEPT.
 *
 * Left to others: filling the request, sending the reply, freeing the body (the transport).
 * Thread: the exchange's loop; exchange_send any. */
#include "api/exchange.h"

#include "base/limits.h"
#include "base/must.h"

enum { REPLY_KEPT = 64 * 1024 };

void exchange_init(struct exchange *x, struct loop *loop, void (*finished)(struct exchange *),
                   void *transport)
{
    *x = (struct exchange){.loop = loop, .finished = finished, .transport = transport};
    arena_init(&x->arena, EXCHANGE_ARENA_BYTES_MAX);
    buf_init(&x->reply, REPLY_BYTES_MAX);
}

void exchange_fini(struct exchange *x)
{
    arena_fini(&x->arena);
    buf_fini(&x->reply);
}

void exchange_reset(struct exchange *x)
{
    arena_reset(&x->arena);
    if (x->reply.room > REPLY_KEPT)
        buf_fini(&x->reply);
    buf_clear(&x->reply);
    *x = (struct exchange){.loop = x->loop,
                           .finished = x->finished,
                           .ready = x->ready,
                           .transport = x->transport,
                           .arena = x->arena,
                           .reply = x->reply};
}

struct bytes exchange_header(const struct exchange *x, const char *name)
{
    struct bytes wanted = bytes_text(name);
    for (size_t i = 0; i < x->header_count; i++) {
        if (bytes_equal_ignore_case(x->headers[i].name, wanted))
            return x->headers[i].value;
    }
    return BYTES_NONE;
}

void exchange_reply_header(struct exchange *x, const char *name, const char *value)
{
    must(x->reply_header_count < EXCHANGE_REPLY_HEADERS_MAX);
    x->reply_headers[x->reply_header_count++] = (struct reply_header){.name = name, .value = value};
}

void exchange_finish(struct exchange *x)
{
    must(!x->is_finished); /* X1 */
    must(x->http_status >= 200 && x->http_status <= 599);
    x->is_finished = true;
    x->finished(x);
}

void exchange_stream(struct exchange *x, struct exchange_source *source)
{
    must(!x->is_finished && x->reply.len == 0); /* X1 */
    must(x->http_status >= 200 && x->http_status <= 599);
    x->is_finished = true;
    x->lost = false; /* who streams has begun to answer */
    x->source = source;
    x->finished(x);
}

void exchange_ready(struct exchange *x)
{
    must(x->source != NULL);
    x->ready(x);
}

void exchange_send(struct exchange *x, void (*handle)(struct message *))
{
    x->message.handle = handle;
    loop_send(x->loop, &x->message);
}
