/* op_subscribe.c: SubscribeToShard, up to where the stream of events begins (push.h).
 *
 * Whatever is wrong before is an ordinary exception; after, one within the stream.
 *
 * Thread: the exchange's loop; found_time also a disk reader's. */
#include "api/operations.h"

#include "api/position.h"
#include "api/push.h"
#include "shards/stream_fault.h"

struct subscribing {
    struct service *service;
    struct exchange *exchange;
    struct stream *stream;    /* referenced */
    struct stream_view *view; /* referenced; has the next two */
    struct consumer *consumer;
    struct shard *shard;
    struct log_read read;
};

/* Begins, or answers `st`. What it holds is in the exchange's arena, which may go when the stream begins. */
static void begin(struct subscribing *g, uint64_t offset, enum status st, struct fault *f)
{
    struct stream *stream = g->stream;
    struct stream_view *view = g->view;
    struct exchange *x = g->exchange;
    if (st == OK)
        st = push_subscribe(g->service->push, x,
                            &(struct push_request){stream, g->shard, g->consumer, offset}, f);
    if (st != OK)
        reply_fault(x, f);
    stream_view_unref(view);
    stream_unref(stream);
}

/* ---- AT_TIMESTAMP ---- */

static void take_time(struct subscribing *g)
{
    struct fault f = g->read.fault;
    enum status st = g->read.status == END ? OK : g->read.status;
    f.status = st;
    if (st == THROTTLED) {
        char id[SHARD_ID_BYTES];
        shard_id_print(g->shard->index, id);
        fault_set(&f, LIMIT_EXCEEDED, "Rate exceeded for shard %s in stream %s under account %s.",
                  id, g->view->settings.name, g->view->settings.scope.account);
    }
    begin(g, g->read.offset, st, &f);
}

static void time_is_back(struct message *m)
{
    take_time(LIST_OWNER(m, struct exchange, message)->operation);
}

/* Thread: ours when memory could answer, else a disk reader's. */
static void found_time(struct log_read *read)
{
    struct subscribing *g = LIST_OWNER(read, struct subscribing, read);
    if (loop_is_mine(g->exchange->loop))
        take_time(g);
    else
        exchange_send(g->exchange, time_is_back);
}

static void find_time(struct subscribing *g, uint64_t time_ms)
{
    g->exchange->operation = g;
    g->read = (struct log_read){
        .log = g->shard->log, .kind = LOG_FIND_TIME, .time_ms = time_ms, .done = found_time};
    log_read(&g->read);
}

/* ---- from the request ---- */

static enum status check_consumer(const struct subscribing *g, struct fault *f)
{
    const struct consumer *c = g->consumer;
    if (c->status == CONSUMER_ACTIVE)
        return OK;
    return fault_set(f, IN_USE,
                     "Consumer %s with creation timestamp %llu under stream: %s , account %s is "
                     "not in ACTIVE status.",
                     c->name, (unsigned long long)c->created_s, g->view->settings.name,
                     g->view->settings.scope.account);
}

static enum status find_shard(struct subscribing *g, struct bytes id, struct fault *f)
{
    const char *account = g->view->settings.scope.account;
    struct bytes name = bytes_text(g->view->settings.name);
    uint32_t index;
    if (!shard_id_parse(id, &index))
        return fault_shard_not_found(f, id, name, account);
    g->shard = stream_view_shard(g->view, index);
    if (!g->shard || g->shard->state == SHARD_PENDING)
        return fault_shard_missing(f, index, name, account);
    return OK;
}

void op_subscribe_to_shard(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_subscribe_to_shard_input *in = input;
    struct fault f = {0};
    struct subscribing *g = arena_zero(&x->arena, sizeof(*g));
    if (!g) {
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
        return;
    }
    g->service = s;
    g->exchange = x;
    struct position_found at = {0};
    enum status st = request_consumer(s, x, &(struct consumer_asked){.arn = in->consumer_arn},
                                      &g->stream, &g->view, &g->consumer, &f);
    if (st != OK) {
        reply_fault(x, &f);
        return;
    }
    st = check_consumer(g, &f);
    if (st == OK)
        st = find_shard(g, in->shard_id, &f);
    if (st == OK)
        st = position_find(
            s, g->view, g->shard,
            &(struct position){.type = in->starting_position->type,
                               .sequence_number = in->starting_position->sequence_number,
                               .timestamp = in->starting_position->timestamp,
                               .operation = "SubscribeToShard"},
            &at, &f);
    if (st == OK && at.by_time)
        find_time(g, at.time_ms);
    else
        begin(g, at.offset, st, &f);
}
