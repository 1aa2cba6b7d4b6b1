/* destination_s3.c: objects into buckets: one PUT up to 8 MiB, parts above.
 *
 *   send -> attempt --agreed--> done(SENT)
 *              \--failed--> waits (exponential, full jitter, at most 30 s) -> attempt ...
 *
 * AWS tries for 24 hours and then loses the records. This tries as long as the lane lives: what is not at its destination stays in the log, as long as retention keeps
 * it, and the lane's memory is bounded whether it waits or not. So nothing is ever refused for good here.
 *
 * Thread: the loop's. */
#include "delivery/destination.h"

#include "base/backoff.h"
#include "base/mem.h"
#include "base/trace.h"
#include "delivery/s3_multipart.h"

#include <stdio.h>

enum { WAIT_FIRST_MS = 200, WAIT_MOST_MS = 30 * 1000 };

struct s3 {
    struct destination base; /* first */
    struct destination_settings settings;
    struct s3_client client;
    struct random jitter;
    struct list jobs;
};

struct job {
    struct list node;
    struct s3 *s3;
    struct parcel *parcel;
    struct backoff wait;
    struct loop_timer timer;
    struct s3_call put;
    struct s3_multipart *parts;
    bool sweep; /* an attempt in parts was made, now or in a former life */
};

static void attempt(struct job *j);

static void clear(struct job *j)
{
    s3_call_end(&j->put);
    s3_multipart_free(j->parts);
    j->parts = NULL;
}

static void finish(struct job *j, enum parcel_outcome outcome)
{
    struct parcel *p = j->parcel;
    struct s3 *s = j->s3;
    clear(j);
    loop_timer_cancel(s->settings.loop, &j->timer);
    list_remove(&j->node);
    mem_free(j);
    p->outcome = outcome;
    p->ended_ms = clock_wall_ms(s->settings.clock);
    p->own = NULL;
    p->done(p);
}

static void try_later(struct job *j, const char *code, const char *why)
{
    struct s3 *s = j->s3;
    char text[DELIVERY_ERROR_BYTES];
    snprintf(text, sizeof(text), "%s: %s (bucket %s)", code, why, j->parcel->bucket);
    delivery_note_error(s->settings.delivery, text);
    TRACE_SELDOM(TRACE_WARN, "delivery", "%s: %s", j->parcel->name, text);
    uint64_t ms = backoff_next_ms(&j->wait, &s->jitter);
    loop_timer_set(s->settings.loop, &j->timer, ms);
    parcel_waits(j->parcel, true);
}

static void agreed(struct job *j)
{
    delivery_note_error(j->s3->settings.delivery, "");
    finish(j, PARCEL_SENT);
}

static void on_put(struct s3_call *c)
{
    struct job *j = LIST_OWNER(c, struct job, put);
    if (c->outcome == S3_DONE)
        agreed(j);
    else
        try_later(j, c->code, c->why);
}

static void on_parts(void *owner, const struct s3_call *failed)
{
    struct job *j = owner;
    if (failed)
        try_later(j, failed->code, failed->why);
    else
        agreed(j);
}

static void on_timer(struct loop_timer *timer)
{
    struct job *j = LIST_OWNER(timer, struct job, timer);
    clear(j);
    parcel_waits(j->parcel, false);
    attempt(j);
}

static void attempt(struct job *j)
{
    const struct parcel *p = j->parcel;
    struct s3_client *client = &j->s3->client;
    struct fault f = {0};
    enum status st;
    j->parcel->attempts++;
    if (p->body.len > S3_PART_BYTES) {
        const struct s3_object o = {p->bucket, p->name, p->kms_key, p->body};
        st = s3_multipart_start(client, &o, j->sweep, on_parts, j, &j->parts, &f);
        j->sweep = true;
    } else {
        const struct s3_request r = {.method = "PUT",
                                     .bucket = p->bucket,
                                     .key = p->name,
                                     .query = "",
                                     .body = p->body,
                                     .kms_key = p->kms_key};
        j->put.done = on_put;
        st = s3_call_start(client, &j->put, &r, &f);
    }
    if (st != OK)
        try_later(j, "S3.NotSigned", f.text);
}

static enum status s3_open(const struct destination_settings *s, struct destination **out,
                           struct fault *f)
{
    struct s3 *d = MEM_NEW(struct s3);
    d->base.ops = &destination_s3;
    d->settings = *s;
    list_init(&d->jobs);
    uint64_t seed;
    random_bytes(&seed, sizeof(seed));
    random_seed(&d->jitter, seed);
    enum status st = s3_client_init(&d->client, s, f);
    if (st != OK)
        mem_free(d);
    else
        *out = &d->base;
    return st;
}

static void s3_send(struct destination *base, struct parcel *p)
{
    struct s3 *d = LIST_OWNER(base, struct s3, base);
    struct job *j = MEM_NEW(struct job);
    j->s3 = d;
    j->parcel = p;
    j->wait = (struct backoff){.first_ms = WAIT_FIRST_MS, .most_ms = WAIT_MOST_MS};
    j->timer.fire = on_timer;
    j->sweep = p->again;
    list_append(&d->jobs, &j->node);
    attempt(j);
}

static void s3_close(struct destination *base)
{
    struct s3 *d = LIST_OWNER(base, struct s3, base);
    struct list *first;
    while ((first = list_first(&d->jobs)) != NULL)
        finish(LIST_OWNER(first, struct job, node), PARCEL_STOPPED);
    s3_client_fini(&d->client);
    mem_free(d);
}

const struct destination_ops destination_s3 = {s3_open, s3_send, s3_close};
