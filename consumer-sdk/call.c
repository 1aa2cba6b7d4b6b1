/* call.c: one call: its attempts, the waits between them, its end.
 *
 *   sluice_start -> ATTEMPT -> (answer) -> done
 *                     |  ^-- WAIT <- (an error that may pass)
 *   any: deadline -> done; sluice_call_cancel -> ENDING -> done; sluice_client_free -> done
 *
 * I1. `done` is called once, from a turn of the client or from its end, never from sluice_start or sluice_call_cancel (C3).
 * I2. An attempt after the first has been paid for from the client's budget of retries (C4), but for the two that come after
 *     something was put right: our clock, or the credentials.
 * I3. A wait that would outlast the call is not begun: the error that it was for is the better answer.
 *
 * Left to others: what is sent (request.c), what came back (answer.c), what is worth another attempt (retry_policy.c).
 * Thread: one at a time, whoever is in the client. */
#include "consumer-sdk/call.h"

#include "base/backoff.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "consumer-sdk/answer.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/request.h"

enum state { ATTEMPT, WAIT, ENDING };

struct sluice_call_handle {
    struct web_call web; /* first */
    struct sluice_client *client;
    struct list node; /* in client->calls */
    struct request request;
    sluice_completion *done;
    void *context;
    enum state state;
    struct loop_timer deadline, pause; /* pause: WAIT and ENDING */
    unsigned attempts, attempts_max, attempt_timeout_ms;
    unsigned paid; /* for the latest retry */
    bool clock_was_set, credentials_were_renewed;
    struct backoff backoff;
    struct sluice_error error; /* the latest */
    sluice_reply
        *reply; /* for the answer that comes, or NULL: without its body, which web.answer has */
};

/* ---- ends ---- */

/* What came of an answer. */
static void drop_answer(struct sluice_call_handle *c)
{
    buf_fini(&c->web.answer);
    sluice_reply_free(c->reply);
    c->reply = NULL;
}

/* Takes it apart and tells the user. */
static void finish(struct sluice_call_handle *c, sluice_reply *reply)
{
    struct sluice_client *client = c->client;
    web_cancel(client->web, &c->web);
    drop_answer(c);
    loop_timer_cancel(client->loop, &c->deadline);
    loop_timer_cancel(client->loop, &c->pause);
    list_remove(&c->node);
    client->call_count--;
    request_fini(&c->request);
    c->error.attempts = c->attempts;
    client->inside++;
    c->done(c->context, reply != NULL ? reply->output : NULL, reply, &c->error);
    client->inside--;
    mem_free(c);
}

static void end_cancelled(struct sluice_call_handle *c)
{
    error_set(&c->error, SLUICE_CANCELLED, "the call was cancelled");
    finish(c, NULL);
}

void calls_cancel_all(struct sluice_client *client)
{
    for (struct list *node; (node = list_first(&client->calls)) != NULL;)
        end_cancelled(LIST_OWNER(node, struct sluice_call_handle, node));
}

void sluice_call_cancel(sluice_call_handle *handle)
{
    web_cancel(handle->client->web, &handle->web);
    handle->state = ENDING;
    loop_timer_set(handle->client->loop, &handle->pause, 0); /* I1 */
}

static void deadline_passed(struct loop_timer *timer)
{
    struct sluice_call_handle *c = LIST_OWNER(timer, struct sluice_call_handle, deadline);
    if (c->state == ENDING)
        return;
    error_set(&c->error, SLUICE_TIMED_OUT, "no answer in the time that the call had");
    c->error.retryable = true;
    finish(c, NULL);
}

/* ---- attempts ---- */

static enum sluice_status attempt(struct sluice_call_handle *c, struct sluice_error *error)
{
    enum sluice_status st = request_sign(&c->request, &c->web, error);
    if (st != SLUICE_OK)
        return st;
    drop_answer(c);
    c->state = ATTEMPT;
    c->attempts++;
    web_start(c->client->web, &c->web);
    return SLUICE_OK;
}

/* Like attempt, but what goes wrong is told by the completion (I1), in the next turn: when it has gone wrong once more. */
static void launch(struct sluice_call_handle *c)
{
    if (attempt(c, &c->error) == SLUICE_OK)
        return;
    c->state = WAIT;
    loop_timer_set(c->client->loop, &c->pause, 0);
}

/* While the client is corked: waits for the next, whose body it is digested with. */
static void launch_two(struct sluice_call_handle *c)
{
    struct sluice_call_handle *first = c->client->held;
    c->client->held = first == NULL ? c : NULL;
    if (first == NULL)
        return;
    request_digest_pair(&first->request, &c->request);
    launch(first);
    launch(c);
    web_kick(c->client->web);
}

void calls_cork(struct sluice_client *client)
{
    client->corked = true;
}

void calls_uncork(struct sluice_client *client)
{
    struct sluice_call_handle *last = client->held;
    client->corked = false;
    client->held = NULL;
    if (last == NULL)
        return;
    launch(last);
    web_kick(client->web);
}

/* The wait is over. */
static void pause_passed(struct loop_timer *timer)
{
    struct sluice_call_handle *c = LIST_OWNER(timer, struct sluice_call_handle, pause);
    if (c->state == ENDING)
        end_cancelled(c);
    else if (attempt(c, &c->error) != SLUICE_OK)
        finish(c, NULL);
}

bool call_put_right(struct sluice_client *client, enum retry_cause cause,
                    const struct web_call *web)
{
    if (cause == RETRY_SKEW)
        return client_clock_set(client, web->answer_date);
    return cause == RETRY_EXPIRED && client_credentials_renew(client);
}

/* Each cause once a call. */
static bool put_right(struct sluice_call_handle *c, enum retry_cause cause)
{
    bool *done = cause == RETRY_SKEW ? &c->clock_was_set : &c->credentials_were_renewed;
    bool first = !*done;
    *done = true;
    return first && call_put_right(c->client, cause, &c->web);
}

/* Whether there will be another attempt, and after how long. */
static bool try_again(struct sluice_call_handle *c, enum retry_cause cause, uint64_t *wait_ms)
{
    *wait_ms = 0;
    if (cause == RETRY_NOT || c->attempts >= c->attempts_max)
        return false;
    if (cause == RETRY_SKEW || cause == RETRY_EXPIRED)
        return put_right(c, cause);
    *wait_ms = backoff_next_ms(&c->backoff, &c->client->chance);
    uint64_t now_us = clock_mono_us(loop_clock(c->client->loop));
    if (now_us + *wait_ms * 1000 >= c->deadline.due_us) /* I3 */
        return false;
    unsigned cost = c->error.status == SLUICE_TIMED_OUT ? RETRY_COST_AFTER_TIMEOUT : RETRY_COST;
    if (!retry_budget_take(&c->client->budget, cost)) /* I2 */
        return false;
    c->paid = cost;
    return true;
}

/* web's `sized`. Where there is no memory for a reply, the answer's end will say so. */
static void sized(struct web_call *web, size_t bytes)
{
    struct sluice_call_handle *c = (struct sluice_call_handle *)web;
    c->reply = reply_new(c->client->replies, bytes);
    if (c->reply == NULL || c->reply->body == NULL)
        return;
    web->answer.at = c->reply->body;
    web->answer.room = c->reply->room;
    c->reply->body = NULL;
}

/* web's `done`. */
static void answered(struct web_call *web)
{
    struct sluice_call_handle *c = (struct sluice_call_handle *)web;
    sluice_reply *reply = c->reply;
    c->reply = NULL;
    if (answer_read(c->request.operation, web, &reply, &c->error) == SLUICE_OK) {
        retry_budget_give(&c->client->budget, c->paid > 0 ? c->paid : RETRY_REFUND);
        c->error = (struct sluice_error){0};
        finish(c, reply);
        return;
    }
    enum retry_cause cause = retry_cause_of(&c->error);
    c->error.retryable = cause == RETRY_THROTTLE || cause == RETRY_TRANSIENT;
    uint64_t wait_ms;
    if (!try_again(c, cause, &wait_ms)) {
        finish(c, NULL);
        return;
    }
    c->state = WAIT;
    loop_timer_set(c->client->loop, &c->pause, wait_ms);
}

/* ---- starting ---- */

static unsigned or_else(unsigned said, unsigned otherwise)
{
    return said > 0 ? said : otherwise;
}

static void set_bounds(struct sluice_call_handle *c, const struct sluice_call_options *o)
{
    const struct sluice_client_options *d = &c->client->config.said;
    c->attempts_max = or_else(o->attempts_max, d->attempts_max);
    c->attempt_timeout_ms = or_else(o->attempt_timeout_ms, d->attempt_timeout_ms);
    c->backoff = (struct backoff){.first_ms = d->backoff_ms, .most_ms = d->backoff_max_ms};
    c->web.timeout_ms = c->attempt_timeout_ms;
    c->web.timeout_runs = true;
    c->web.answer_bytes_max = REPLY_BYTES_MAX;
    c->web.keep_error_body = true;
    c->web.done = answered;
    c->web.sized = sized;
    c->deadline.fire = deadline_passed;
    c->pause.fire = pause_passed;
    loop_timer_set(c->client->loop, &c->deadline, or_else(o->timeout_ms, d->timeout_ms));
}

enum sluice_status sluice_start(sluice_client *client, const struct sluice_operation *operation,
                                const void *input, size_t input_size,
                                const struct sluice_call_options *options, sluice_completion *done,
                                void *context, sluice_call_handle **handle,
                                struct sluice_error *error)
{
    if (handle != NULL)
        *handle = NULL;
    if (client->closing)
        return error_set(error, SLUICE_STATE, "the client is being freed");
    struct sluice_call_options o = {0};
    if (options != NULL)
        memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
    struct sluice_call_handle *c = MEM_TRY_NEW(struct sluice_call_handle);
    if (c == NULL)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a call");
    c->client = client;
    c->done = done;
    c->context = context;
    enum sluice_status st =
        request_init(&c->request, client, operation, input, input_size, &o, error);
    if (st == SLUICE_OK) {
        set_bounds(c, &o);
        if (client->corked)
            launch_two(c);
        else
            st = attempt(c, error);
    }
    if (st != SLUICE_OK) {
        loop_timer_cancel(client->loop, &c->deadline);
        request_fini(&c->request);
        mem_free(c);
        return st;
    }
    list_append(&client->calls, &c->node);
    client->call_count++;
    if (handle != NULL)
        *handle = c;
    return SLUICE_OK;
}

/* ---- waiting ---- */

struct waiting {
    sluice_reply *reply;
    struct sluice_error error;
    bool over;
};

static void wait_over(void *context, const void *output, sluice_reply *reply,
                      const struct sluice_error *error)
{
    (void)output;
    struct waiting *w = context;
    w->reply = reply;
    w->error = *error;
    w->over = true;
}

enum sluice_status sluice_call(sluice_client *client, const struct sluice_operation *operation,
                               const void *input, size_t input_size,
                               const struct sluice_call_options *options, sluice_reply **reply,
                               struct sluice_error *error)
{
    struct waiting w = {0};
    if (reply != NULL)
        *reply = NULL;
    if (client->inside > 0)
        return error_set(error, SLUICE_STATE,
                         "a completion cannot wait for a call: start it instead");
    enum sluice_status st =
        sluice_start(client, operation, input, input_size, options, wait_over, &w, NULL, error);
    if (st != SLUICE_OK)
        return st;
    while (!w.over)
        loop_turn(client->loop, -1);
    if (error != NULL)
        *error = w.error;
    if (reply != NULL)
        *reply = w.reply;
    else
        sluice_reply_free(w.reply);
    return w.error.status;
}

enum sluice_status call_and_wait(struct sluice_client *client,
                                 const struct sluice_operation *operation, const void *input,
                                 size_t input_size, sluice_reply **reply, const void **output,
                                 struct sluice_error *error)
{
    enum sluice_status st = sluice_call(client, operation, input, input_size, NULL, reply, error);
    if (output != NULL)
        *output = st == SLUICE_OK && reply != NULL ? (*reply)->output : NULL;
    return st;
}
