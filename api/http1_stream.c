/* http1_stream.c: replies that go on (exchange.h): chunked, read from their source whenever libmicrohttpd has room in the socket.
 *
 *   answered --> STREAMING: on_room --> the source's bytes: a chunk --> on_room ...
 *                                   --> nothing now: suspended, RESTING --exchange_ready--> resumed, STREAMING
 *                                   --> its end: the last chunk, SENDING --> IDLE
 *
 * While it is suspended libmicrohttpd does not look at the socket, so a client who goes is found at the next write; sources write every
 * few seconds.
 *
 * I1. A source is read only between exchange_stream and closed(), and closed once, by request_end.
 * I2. A draining server ends a stream where its source has nothing to say: never within a message.
 * I3. A stream at rest holds its connection's memory, its source, and nothing of the request or what answered it.
 *
 * Thread: the loop's own. */
#include "api/http1_internal.h"

#include "base/limits.h"
#include "base/must.h"

/* libmicrohttpd's buffer for clients who know no chunks; all others get theirs from the connection's pool. */
enum { BLOCK_BYTES = 1024 };

static void resume(struct connection *c)
{
    connection_enter(c, PHASE_STREAMING);
    MHD_resume_connection(c->mhd);
    daemon_wake(c->daemon);
}

static ssize_t on_room(void *arg, uint64_t position, char *at, size_t room)
{
    (void)position;
    struct request *r = arg;
    struct connection *c = r->connection;
    struct exchange_source *source = r->exchange.source;
    if (room == 0)
        return 0;
    ptrdiff_t got = source->read(source, (uint8_t *)at, room);
    if (got > 0) {
        connection_enter(c, PHASE_STREAMING); /* it took all that came before */
        return got;
    }
    if (got == SOURCE_BROKEN)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (got == SOURCE_END || c->http1->draining) { /* I2 */
        connection_enter(c, PHASE_SENDING);
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    connection_enter(c, PHASE_RESTING);
    MHD_suspend_connection(c->mhd);
    return 0;
}

enum MHD_Result stream_queue(struct request *r)
{
    struct exchange *x = &r->exchange;
    struct connection *c = r->connection;
    c->daemon->streams++; /* until stream_end */
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_room, r, NULL);
    if (response == NULL)
        return MHD_NO;
    request_add_headers(r, response);
    r->stage = STAGE_ANSWERED;
    connection_enter(c, PHASE_STREAMING);
    enum MHD_Result queued = MHD_queue_response(c->mhd, (unsigned int)x->http_status, response);
    MHD_destroy_response(response); /* the connection has its own reference */
    size_t ceiling = x->arena.ceiling;
    arena_fini(&x->arena); /* I3 */
    arena_init(&x->arena, ceiling);
    buf_fini(&x->reply);
    buf_init(&x->reply, x->reply.ceiling);
    return queued;
}

void stream_ready(struct exchange *x)
{
    struct request *r = x->transport;
    must(loop_is_mine(r->connection->http1->loop));
    if (r->connection->phase == PHASE_RESTING)
        resume(r->connection);
}

void stream_end(struct request *r)
{
    struct exchange_source *source = r->exchange.source;
    r->exchange.source = NULL;
    r->connection->daemon->streams--;
    source->closed(source); /* I1 */
}

void stream_drain(struct http1 *h)
{
    struct list *first;
    while ((first = list_first(&h->phases[PHASE_RESTING])) != NULL)
        resume(LIST_OWNER(first, struct connection, node));
}
