/* bucket.c: see the header. One lock for all; parcels are told from a timer of their lane's loop. */
#include "support/bucket.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"

#include <stdatomic.h>
#include <string.h>

enum { OBJECTS_MAX = 20000, TELL_MS = 2 };

struct object {
    char *name;
    uint8_t *at;
    size_t len;
};
static struct {
    pthread_mutex_t mu;
    pthread_cond_t arrived;
    struct object objects[OBJECTS_MAX];
    size_t count;
    unsigned repeats, steps, crash_after, refuse, lost;
    bool hold;
    const char *hang, *missing;
} all = {.mu = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER};

struct way {
    struct destination base;
    struct destination_settings settings;
    enum delivery_kind kind;
    struct list parcels;
};
struct carried {
    struct list node;
    struct way *way;
    struct parcel *parcel;
    struct loop_timer timer;
    bool lost, failing, waits; /* it has failing attempts behind it; and waits for the next */
};

static void take(void)
{
    must(pthread_mutex_lock(&all.mu) == 0);
}
static void drop(void)
{
    must(pthread_mutex_unlock(&all.mu) == 0);
}

void bucket_reset(void)
{
    take();
    for (size_t i = 0; i < all.count; i++) {
        mem_free(all.objects[i].name);
        mem_free(all.objects[i].at);
    }
    all.count = all.repeats = all.steps = all.crash_after = all.refuse = all.lost = 0;
    all.hold = false;
    all.hang = all.missing = NULL;
    drop();
}

void bucket_crash_after(unsigned steps)
{
    take();
    all.steps = 0;
    all.crash_after = steps;
    drop();
}

static bool step(void)
{
    bool takes_effect = all.crash_after == 0 || all.steps < all.crash_after;
    all.steps += takes_effect;
    return takes_effect;
}

bool bucket_step(void)
{
    take();
    bool effect = step();
    drop();
    return effect;
}

bool bucket_crashed(void)
{
    take();
    bool crashed = all.crash_after != 0 && all.steps >= all.crash_after;
    drop();
    return crashed;
}

unsigned bucket_steps(void)
{
    take();
    unsigned steps = all.steps;
    drop();
    return steps;
}

void bucket_hold(bool hold)
{
    take();
    all.hold = hold;
    drop();
}

void bucket_hang(const char *names)
{
    take();
    all.hang = names;
    drop();
}

void bucket_missing(const char *bucket)
{
    take();
    all.missing = bucket;
    drop();
}

void bucket_refuse(unsigned count)
{
    take();
    all.refuse = count;
    drop();
}

size_t bucket_count(void)
{
    take();
    size_t count = all.count;
    drop();
    return count;
}

void bucket_wait(size_t count)
{
    take();
    while (all.count < count)
        must(pthread_cond_wait(&all.arrived, &all.mu) == 0);
    drop();
}

void bucket_object(size_t i, const char **name, struct bytes *body)
{
    take();
    must(i < all.count);
    *name = all.objects[i].name;
    *body = bytes_of(all.objects[i].at, all.objects[i].len);
    drop();
}

void bucket_wait_lost(unsigned count)
{
    take();
    while (all.lost < count)
        must(pthread_cond_wait(&all.arrived, &all.mu) == 0);
    drop();
}

unsigned bucket_repeats(void)
{
    take();
    unsigned repeats = all.repeats;
    drop();
    return repeats;
}

static void keep(const struct parcel *p)
{
    for (size_t i = 0; i < all.count; i++) {
        struct object *o = &all.objects[i];
        if (strcmp(o->name, p->name) != 0)
            continue;
        must(o->len == p->body.len && memcmp(o->at, p->body.at, o->len) == 0); /* F3 */
        all.repeats++;
        return;
    }
    must(all.count < OBJECTS_MAX);
    struct object *o = &all.objects[all.count++];
    o->name = mem_strdup(p->name);
    o->len = p->body.len;
    o->at = mem_must(p->body.len + 1);
    memcpy(o->at, p->body.at, p->body.len);
    must(pthread_cond_broadcast(&all.arrived) == 0);
}

/* Under mu. */
static bool is_missing(const struct parcel *p)
{
    return all.missing && p->bucket && strcmp(p->bucket, all.missing) == 0;
}

static bool hangs(const struct parcel *p)
{
    return all.hold || (all.hang && strncmp(p->name, all.hang, strlen(all.hang)) == 0);
}

/* Whether it arrived now, at last. */
static bool try_again(struct carried *c)
{
    struct parcel *p = c->parcel;
    if (c->waits)
        parcel_waits(p, false);
    take();
    c->waits = is_missing(p);
    if (!c->waits)
        keep(p);
    drop();
    if (c->waits)
        parcel_waits(p, true);
    return !c->waits;
}

static void tell(struct carried *c, enum parcel_outcome outcome)
{
    struct parcel *p = c->parcel;
    loop_timer_cancel(c->way->settings.loop, &c->timer);
    list_remove(&c->node);
    mem_free(c);
    p->outcome = outcome;
    p->done(p);
}

static void on_timer(struct loop_timer *timer)
{
    struct carried *c = LIST_OWNER(timer, struct carried, timer);
    bool arrived = !c->failing || try_again(c);
    c->failing = !arrived;
    take();
    bool held = !arrived || hangs(c->parcel) || c->lost;
    bool refused = !held && c->way->kind != DELIVERY_TO_S3 && all.refuse > 0;
    all.refuse -= refused;
    drop();
    if (held) {
        loop_timer_set(c->way->settings.loop, &c->timer, TELL_MS);
        return;
    }
    if (refused) {
        c->parcel->code = "HttpEndpoint.DestinationException";
        c->parcel->ended_ms = 1234;
        (void)fault_set(&c->parcel->fault, IO_FAILED, "it said \"no\"");
    }
    tell(c, refused ? PARCEL_REFUSED : PARCEL_SENT);
}

static void way_send(struct destination *base, struct parcel *p)
{
    struct way *w = LIST_OWNER(base, struct way, base);
    must(w->kind == DELIVERY_TO_S3 ? p->bucket != NULL : p->view->kind == w->kind);
    struct carried *c = MEM_NEW(struct carried);
    c->way = w;
    c->parcel = p;
    c->timer.fire = on_timer;
    p->attempts++;
    list_append(&w->parcels, &c->node);
    take();
    c->lost = !step();
    all.lost += c->lost;
    must(pthread_cond_broadcast(&all.arrived) == 0);
    c->failing = is_missing(p);
    if (!c->lost && !c->failing && (w->kind == DELIVERY_TO_S3 || all.refuse == 0))
        keep(p);
    drop();
    uint8_t chance;
    random_bytes(&chance, 1);
    loop_timer_set(w->settings.loop, &c->timer, chance % 4); /* so they end in any order */
}

static void way_close(struct destination *base)
{
    struct way *w = LIST_OWNER(base, struct way, base);
    struct list *first;
    while ((first = list_first(&w->parcels)) != NULL)
        tell(LIST_OWNER(first, struct carried, node), PARCEL_STOPPED);
    mem_free(w);
}

static enum status open_way(const struct destination_settings *s, struct destination **out,
                            enum delivery_kind kind)
{
    struct way *w = MEM_NEW(struct way);
    w->settings = *s;
    w->kind = kind;
    w->base.ops = bucket_of(kind);
    list_init(&w->parcels);
    *out = &w->base;
    return OK;
}
static enum status open_s3(const struct destination_settings *s, struct destination **out,
                           struct fault *f)
{
    (void)f;
    return open_way(s, out, DELIVERY_TO_S3);
}
static enum status open_http(const struct destination_settings *s, struct destination **out,
                             struct fault *f)
{
    (void)f;
    return open_way(s, out, DELIVERY_TO_HTTP);
}

static enum status open_splunk(const struct destination_settings *s, struct destination **out,
                               struct fault *f)
{
    (void)f;
    return open_way(s, out, DELIVERY_TO_SPLUNK);
}

const struct destination_ops *bucket_of(enum delivery_kind kind)
{
    static const struct destination_ops s3 = {open_s3, way_send, way_close};
    static const struct destination_ops http = {open_http, way_send, way_close};
    static const struct destination_ops splunk = {open_splunk, way_send, way_close};
    return kind == DELIVERY_TO_S3 ? &s3 : kind == DELIVERY_TO_SPLUNK ? &splunk : &http;
}
