/* inject_gate.c: in the order in which a network and AWS would come between:
 *
 *   decoded -> latency (a timer: the loop serves on) -> error, throttle or drop -> AWS's quotas (quota_gate.c) -> the operation
 *
 * Throttles of PutRecord, PutRecords and GetRecords are asked for by those themselves, once they know the shard, which makes them look as
 * AWS's do: record by record in a PutRecords.
 *
 * Thread: the exchange's loop. */
#include "api/inject_gate.h"

#include "api/quota_gate.h"
#include "shards/stream_fault.h"

/* A request at the gate. In the exchange's arena. */
struct passing {
    struct service *service;
    struct exchange *exchange;
    const struct operation_model *operation;
    operation_fn *run;
    const void *input;
    struct request_target target;
    struct inject_verdict verdict;
    struct loop_timer latency;
};

static void throttle(const struct passing *p)
{
    struct fault f;
    struct exchange *x = p->exchange;
    if (x->service == SERVICE_FIREHOSE && bytes_starts_with(x->action, BYTES_LITERAL("PutRecord")))
        (void)fault_set(&f, THROTTLED, "Slow down.");
    else
        (void)quota_refusal(x, &p->target, &f);
    reply_fault(x, &f);
}

static void go_on(const struct passing *p)
{
    quota_gate(p->service, p->exchange, p->operation, p->run, p->input);
}

static void obey(const struct passing *p)
{
    struct exchange *x = p->exchange;
    const struct inject_verdict *verdict = &p->verdict;
    switch (verdict->action) {
    case INJECT_ERROR:
        reply_error(x, verdict->http_status, verdict->name, "message", verdict->text);
        break;
    case INJECT_THROTTLE:
        throttle(p);
        break;
    case INJECT_DROP_BEFORE:
        x->lost = true;
        reply_empty(x);
        break;
    case INJECT_DROP_AFTER:
        x->lost = true;
        go_on(p);
        break;
    default:
        go_on(p);
    }
}

static void latency_is_over(struct loop_timer *t)
{
    obey(LIST_OWNER(t, struct passing, latency));
}

void inject_gate(struct service *s, struct exchange *x, const struct operation_model *operation,
                 operation_fn *run, const void *input)
{
    struct passing *p = arena_zero(&x->arena, sizeof(*p));
    if (!p) {
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
        return;
    }
    *p = (struct passing){
        .service = s, .exchange = x, .operation = operation, .run = run, .input = input};
    request_target_find(s, x, operation->input, input, &p->target);
    inject_judge(s->inject,
                 &(struct inject_question){.operation = operation,
                                           .account = bytes_text(x->scope.account),
                                           .stream = p->target.stream,
                                           .shard = p->target.shard},
                 &x->arena, &p->verdict);
    if (p->verdict.latency_ms == 0) {
        obey(p);
        return;
    }
    p->latency.fire = latency_is_over;
    loop_timer_set(x->loop, &p->latency, p->verdict.latency_ms);
}

bool inject_throttles_shard(const struct service *s, const struct exchange *x,
                            const struct stream_view *v, const struct shard *shard)
{
    struct inject_question q = {.account = bytes_text(x->scope.account),
                                .stream = bytes_text(v->settings.name),
                                .shard = shard->index};
    for (size_t i = 0; i < KINESIS_OPERATIONS; i++)
        if (bytes_equal(bytes_text(kinesis_operations[i].name), x->action))
            q.operation = &kinesis_operations[i];
    return inject_throttles(s->inject, &q);
}
