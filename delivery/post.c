/* post.c: see the header; the moves are drawn there. Each is made by a timer or by the end of a call, so `done` never comes before
 * send returns. Left to others: requests and answers (destination_*.c), times (retry.c). Thread: the lane's loop. */
#include "delivery/post.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "wire/uri.h"

#include <stdio.h>

enum {
    ARENA_BYTES_MAX = 256 << 10, /* headers: attributes (HTTP_ATTRIBUTES_BYTES_MAX) */
    RESPONSE_MS = 180000,        /* the specification's three minutes */
    RECORD_MORE_BYTES = 1024, /* what stands around a record: an OpenSearch action's names, ids */
    BODY_MORE_BYTES = 64 << 10,
    NO_MEMORY_MS = 1000
};

/* What a destination makes of a parcel: base64 at most, and what stands around; gzip may add a little. So what an output closed always has room,
 * whatever its size. */
static size_t body_bytes_max(const struct parcel *p)
{
    return 2 * p->body.len + (size_t)p->record_count * RECORD_MORE_BYTES + BODY_MORE_BYTES;
}

static void act(struct post *p, enum post_verdict verdict);
static void call_again(struct post *p);

static uint64_t now_us(const struct post *p)
{
    return clock_mono_us(p->side->settings.clock);
}

/* ---- one call */

/* What the last call held. */
static void drop_call(struct post *p)
{
    buf_fini(&p->call.answer);
    buf_fini(&p->body);
    arena_fini(&p->arena);
    if (p->held != NULL)
        delivery_view_unref(p->held);
    p->held = NULL;
    p->view = NULL;
}

static void look(struct post *p)
{
    struct delivery_view *newest = delivery_look(p->side->settings.delivery);
    if (newest->kind != p->side->post_ops->kind) {
        delivery_view_unref(newest);
        newest = delivery_view_ref(p->parcel->view);
    }
    p->view = p->held = newest; /* P1 */
}

static void called(struct web_call *call)
{
    struct post *p = LIST_OWNER(call, struct post, call);
    if (call->status == NO_MEMORY) {
        call_again(p);
        return;
    }
    p->parcel->ended_ms = clock_wall_ms(p->side->settings.clock);
    act(p, p->side->post_ops->judge(p));
}

static void call(struct post *p)
{
    arena_init(&p->arena, ARENA_BYTES_MAX);
    buf_init(&p->body, body_bytes_max(p->parcel));
    look(p);
    p->call = (struct web_call){.method = "POST",
                                .answer_bytes_max = MIB(1),
                                .timeout_ms = RESPONSE_MS,
                                .keep_error_body = true,
                                .done = called};
    if (!p->more)
        p->parcel->attempts++;
    enum status st = p->side->post_ops->prepare(p, &p->call.fault);
    if (st == OK) {
        web_start(p->side->settings.web, &p->call);
        return;
    }
    p->call.status = st;
    called(&p->call);
}

static void timer_fired(struct loop_timer *timer)
{
    struct post *p = LIST_OWNER(timer, struct post, timer);
    if (p->waits)
        parcel_waits(p->parcel, false);
    p->waits = false;
    call(p);
}

/* ---- verdicts */

static void finish(struct post *p, enum parcel_outcome outcome)
{
    struct parcel *parcel = p->parcel;
    const struct post_ops *ops = p->side->post_ops;
    loop_timer_cancel(p->side->settings.loop, &p->timer);
    web_cancel(p->side->settings.web, &p->call);
    list_remove(&p->node);
    parcel->outcome = outcome;
    parcel->code = p->code;
    parcel->fault = p->fault;
    drop_call(p);
    parcel->own = NULL;
    parcel->done(parcel); /* may free the parcel, and close the destination */
    if (ops->end != NULL)
        ops->end(p);
    mem_free(p->own);
    mem_free(p);
}

static void wait(struct post *p, uint64_t ms)
{
    drop_call(p); /* P2 */
    p->waits = true;
    loop_timer_set(p->side->settings.loop, &p->timer, ms);
    parcel_waits(p->parcel, true);
}

/* Memory is our matter, not the far side's: it is no attempt, and its time is not the retries'. */
static void call_again(struct post *p)
{
    delivery_note_error(p->side->settings.delivery, "no memory for a request");
    if (!p->more)
        p->parcel->attempts--;
    retry_spare(&p->retry, NO_MEMORY_MS * 1000ull);
    wait(p, NO_MEMORY_MS);
}

static void give_up(struct post *p)
{
    if (p->side->post_ops->give_up != NULL)
        p->side->post_ops->give_up(p);
    finish(p, PARCEL_REFUSED);
}

/* What could not be sent as it is cannot be sent later either. */
static void fail(struct post *p)
{
    uint64_t wait_ms;
    uint64_t duration_s = p->side->post_ops->retry_s(p->view);
    if (p->call.status != INVALID_ARGUMENT &&
        retry_next(&p->retry, now_us(p), duration_s, &p->side->chance, &wait_ms))
        wait(p, wait_ms);
    else
        give_up(p);
}

static void act(struct post *p, enum post_verdict verdict)
{
    if (verdict == POST_MORE) {
        if (p->asking_us == 0)
            p->asking_us = now_us(p);
        p->more = true;
        wait(p, p->more_ms);
        return;
    }
    if (p->asking_us != 0)
        retry_spare(&p->retry, now_us(p) - p->asking_us);
    p->asking_us = 0;
    p->more = false;
    delivery_note_error(p->side->settings.delivery, verdict == POST_AGREED ? "" : p->fault.text);
    if (verdict == POST_FAILED)
        fail(p);
    else
        finish(p, verdict == POST_AGREED ? PARCEL_SENT
                  : verdict == POST_GONE ? PARCEL_GONE
                                         : PARCEL_REFUSED);
}

/* ---- for destinations */

void post_header(struct post *p, const char *name, struct bytes value)
{
    must(p->call.header_count < WEB_HEADERS_MAX);
    p->call.headers[p->call.header_count++] = (struct web_header){bytes_text(name), value};
}

enum post_verdict post_say(struct post *p, enum post_verdict verdict, const char *code,
                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault_vset(&p->fault, verdict == POST_FAILED ? IO_FAILED : INVALID_ARGUMENT, format, args);
    va_end(args);
    p->code = code;
    return verdict;
}

enum status url_check(struct bytes url, bool plain, bool only443, struct fault *f)
{
    struct uri uri;
    if (uri_parse(url, &uri, NULL) != OK)
        return fault_set(f, INVALID_ARGUMENT, "the URL is not of the form https://host:port/path");
    if (plain)
        return OK;
    if (!bytes_equal_ignore_case(uri.scheme, BYTES_LITERAL("https")))
        return fault_set(f, INVALID_ARGUMENT, "the URL is not https");
    if (only443 && uri.port != 0 && uri.port != 443)
        return fault_set(f, INVALID_ARGUMENT, "the port of the URL is not 443");
    return OK;
}

enum status post_check_url(const struct post *p, struct bytes url, bool only443, struct fault *f)
{
    return url_check(url, p->side->settings.engine->http_endpoint_plain, only443, f);
}

enum status post_open(const struct destination_ops *ops, const struct post_ops *post_ops,
                      const struct destination_settings *s, struct destination **out,
                      struct fault *f)
{
    (void)f;
    struct post_side *side = mem_must(post_ops->side_bytes);
    *side = (struct post_side){.destination = {ops}, .post_ops = post_ops, .settings = *s};
    list_init(&side->posts);
    uint64_t seed;
    random_bytes(&seed, sizeof(seed));
    random_seed(&side->chance, seed);
    uuid_make(side->session);
    *out = &side->destination;
    return OK;
}

void post_send(struct destination *d, struct parcel *parcel)
{
    struct post_side *side = (struct post_side *)d;
    must(parcel->record_count > 0);
    struct post *p = MEM_NEW(struct post);
    p->parcel = parcel;
    p->side = side;
    p->timer.fire = timer_fired;
    if (side->post_ops->own_bytes > 0)
        p->own = mem_must(side->post_ops->own_bytes);
    parcel->own = p;
    parcel->attempts = 0;
    parcel->refusals = NULL;
    parcel->refusal_count = 0;
    list_append(&side->posts, &p->node);
    loop_timer_set(side->settings.loop, &p->timer, 0);
}

void post_close(struct destination *d)
{
    struct post_side *side = (struct post_side *)d;
    if (side == NULL)
        return;
    for (struct list *node; (node = list_first(&side->posts)) != NULL;) {
        struct post *p = LIST_OWNER(node, struct post, node);
        post_say(p, POST_REFUSED, "InternalError", "the lane ends");
        finish(p, PARCEL_STOPPED);
    }
    mem_free(side);
}
