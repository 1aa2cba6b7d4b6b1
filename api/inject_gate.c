/* inject_gate.c: in the order in which a network and AWS would come between:
 *
 *   decoded -> latency (a timer: the loop serves on) -> error, throttle or drop -> the operation
 *
 * Throttles of PutRecord, PutRecords and GetRecords are asked for by those themselves, once they know the shard, which makes them look as
 * AWS's do: record by record in a PutRecords.
 *
 * Thread: the exchange's loop. */
#include "api/inject_gate.h"

#include "api/request_target.h"

/* A request at the gate. In the exchange's arena. */
struct passing {
    struct service *service;
    struct exchange *exchange;
    operation_fn *run;
    const void *input;
    struct request_target target;
    struct inject_verdict verdict;
    struct loop_timer latency;
};

static void throttle(struct exchange *x, const struct request_target *target)
{
    struct fault f;
    bool puts = bytes_starts_with(x->action, BYTES_LITERAL("PutRecord"));
    if (x->service == SERVICE_FIREHOSE && puts)
        fault_set(&f, THROTTLED, "Slow down.");
    else if (bytes_present(target->stream))
        fault_set(&f, LIMIT_EXCEEDED, "Rate exceeded for stream %.*s under account %s.",
                  BYTES_ARGS(target->stream), target->scope.account);
    else
        fault_set(&f, LIMIT_EXCEEDED, "Rate exceeded for account %s.", x->scope.account);
    reply_fault(x, &f);
}

static void obey(struct passing *p)
{
    struct exchange *x = p->exchange;
    const struct inject_verdict *verdict = &p->verdict;
    switch (verdict->action) {
    case INJECT_ERROR:
        reply_error(x, verdict->http_status, verdict->name, "message", verdict->text);
        break;
    case INJECT_THROTTLE:
        throttle(x, &p->target);
        break;
    case INJECT_DROP_BEFORE:
        x->lost = true;
        reply_empty(x);
        break;
    case INJECT_DROP_AFTER:
        x->lost = true;
        p->run(p->service, x, p->input);
        break;
    default:
        p->run(p->service, x, p->input);
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
    *p = (struct passing){.service = s, .exchange = x, .run = run, .input = input};
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
