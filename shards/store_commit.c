/* store_commit.c: many appends, one sync.
 *
 * A sync costs about the same for one record as for a thousand. While one write is at the disk,
 * appends of all streams of a volume gather, and all of them are the next write. Load makes commits
 * large; a lone record waits for nobody.
 *
 * Where the cores are all busy, a committer that has just been woken, or has just ended a commit, would
 * often commit the little that is there, ahead of the loops that are about to bring more. So behind a commit of
 * several appends it lets whoever waits for its core go first. On an idle core that returns at once.
 *
 * S1. An append completes with OK only after the write that holds it is synced.
 * S2. Appends to one log complete, and take offsets, in the order in which they were queued: a
 * volume is at one committer at a time, and a log changes volumes only when nothing of it is
 * queued.
 * S3. After a failed write or sync the volume is failed: it refuses every append until
 * store_revive has read back where its logs end, and no log leaves it before.
 *
 * Thread: any may append; only committers write. */
#include "shards/store_internal.h"

#include "base/mailbox.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "base/trace.h"
#include "shards/store_frame.h"

#include <sched.h>
#include <stdatomic.h>

/* A segment is sealed when its write-ahead log is so many times what it holds when it is full; not
 * below so many bytes. */
enum { LOG_SEGMENTS_MAX = 2, LOG_BYTES_MIN = 1 << 20 };

/* A committer keeps the memory of its write for the next: a large one grows by doubling, and fresh memory
 * costs a page fault each 4 KiB. It is at most twice the largest commit; when nothing came for so long, it is given back. */
enum { BATCH_KEPT_MS = 1000 };

/* Between two waits for the disk a committer works some 100 us, and all whose records are in the commit wait for it. */
enum { TURN_US = 200 };

/* ---- queueing ---- */

struct volume *store_volume_locked(struct store *s, uint32_t class_hours)
{
    LIST_EACH(node, keep, &s->volumes)
    {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        if (v->class_hours == class_hours)
            return v;
    }
    struct volume *v = MEM_NEW(struct volume);
    v->store = s;
    v->class_hours = class_hours;
    list_init(&v->queue);
    list_init(&v->ready_node);
    list_append(&s->volumes, &v->node);
    return v;
}

/* Whether it was not so before. */
static bool make_ready_locked(struct volume *v)
{
    if (v->ready || v->busy || list_empty(&v->queue))
        return false;
    v->ready = true;
    list_append(&v->store->ready, &v->ready_node);
    return true;
}

/* OK: queued. Otherwise why not. */
static enum status enqueue_locked(struct store *s, struct log_append *a)
{
    struct store_log *l = store_log_of(a->log);
    if (s->closing)
        return CLOSING;
    if (l->damaged)
        return CORRUPT;
    if (s->low_space && !a->control)
        return NO_SPACE;
    if (s->queued_bytes + a->body.len > s->settings.queue_bytes_max && s->queued_bytes > 0)
        return THROTTLED;
    /* S2. A failed volume's logs stay: an append that failed there may yet turn out to be durable.
     */
    if (l->queued == 0 &&
        (!l->volume || (l->volume->class_hours != l->class_hours && !l->volume->failed)))
        l->volume = store_volume_locked(s, l->class_hours);
    struct volume *v = l->volume;
    if (v->damaged)
        return CORRUPT;
    if (v->failed) /* S3 */
        return v->failure;
    l->queued++;
    s->queued_bytes += a->body.len;
    list_append(&v->queue, &a->node);
    if (make_ready_locked(v))
        signal_one(&s->work);
    return OK;
}

void store_append(struct log_engine *engine, struct log_append *const *appends, size_t count)
{
    struct store *s = store_of(engine);
    struct list refused;
    list_init(&refused);
    lock_take(&s->mu);
    for (size_t i = 0; i < count; i++) {
        struct log_append *a = appends[i];
        a->status = enqueue_locked(s, a);
        if (a->status != OK)
            list_append(&refused, &a->node);
    }
    lock_drop(&s->mu);
    while (!list_empty(&refused)) {
        struct log_append *a = LIST_OWNER(refused.next, struct log_append, node);
        list_remove(&a->node);
        a->done(a);
    }
}

/* ---- one commit ---- */

struct commit {
    struct store *store;
    struct volume *volume;
    struct segment *segment;
    struct list appends;            /* in queue order */
    struct list logs;               /* store_log.commit_node */
    struct list spans;              /* span_box.node: made by this commit, in order of log */
    struct list admitted, repeated; /* log_stamp.node, of appends with a stamp, in queue order */
    leveldb_writebatch_t *batch;    /* the committer's: empty before and after */
    uint64_t bytes;
};

/* Takes what is queued, up to commit_bytes_max. */
static void gather_locked(struct commit *c)
{
    struct store *s = c->store;
    struct volume *v = c->volume;
    while (!list_empty(&v->queue)) {
        struct log_append *a = LIST_OWNER(v->queue.next, struct log_append, node);
        if (c->bytes && c->bytes + a->body.len > s->settings.commit_bytes_max)
            break;
        list_remove(&a->node);
        list_append(&c->appends, &a->node);
        c->bytes += a->body.len + BATCH_HEADER_BYTES;
    }
}

static struct list *link_of(struct log_append *a)
{
    _Static_assert(sizeof(a->engine_private) >= sizeof(struct list),
                   "the engine's room in an append");
    return (struct list *)(void *)a->engine_private;
}

static struct log_append *append_of(struct list *link)
{
    return LIST_OWNER(link, struct log_append, engine_private);
}

/* L9. Whether what a stamp brings is new; answered only when what it may repeat is durable. */
static bool admit(struct commit *c, struct log_append *a)
{
    a->status = store_producers_admit(c->store, a);
    list_append(a->status == OK ? &c->admitted : &c->repeated, &a->stamp->node);
    return a->status == OK;
}

/* Sorts the appends by log, keeping their order in each. */
static void group(struct commit *c)
{
    LIST_EACH(node, keep, &c->appends)
    {
        struct log_append *a = LIST_OWNER(node, struct log_append, node);
        struct store_log *l = store_log_of(a->log);
        if (list_empty(&l->commit_node)) {
            list_append(&c->logs, &l->commit_node);
            struct log_bounds bounds;
            tail_bounds(&c->store->tail, &l->tail, &bounds);
            l->next = bounds.end;
            l->last_ms = bounds.last_ms;
            l->sealed = bounds.sealed;
        }
        if (l->sealed) {
            a->status = SEALED;
            continue;
        }
        if (a->stamp && !admit(c, a))
            continue;
        a->status = OK;
        l->sealed = a->seals;
        list_append(&l->commit, link_of(a));
    }
}

static uint8_t batch_flags(const struct log_append *a)
{
    return (uint8_t)((a->control ? BATCH_CONTROL : 0) | (a->seals ? BATCH_SEALS : 0) |
                     (a->key_epoch ? BATCH_ENCRYPTED : 0) | (a->stamp ? BATCH_STAMPED : 0));
}

static uint8_t *write_one(struct store_log *l, struct log_append *a, uint64_t now_ms, uint8_t *at)
{
    l->last_ms = now_ms > l->last_ms ? now_ms : l->last_ms; /* L3 */
    a->first_offset = l->next;
    a->time_ms = l->last_ms;
    struct batch_header h = {
        .flags = batch_flags(a),
        .count = a->count,
        .body_len = (uint32_t)a->body.len,
        .body_crc = a->body_crc,
        .base_offset = l->next,
        .base_time_ms = l->last_ms,
        .key_epoch = a->key_epoch,
        .stamp_len = a->stamp ? a->stamp->stored_len : 0,
    };
    batch_header_write(&h, at);
    memcpy(at + BATCH_HEADER_BYTES, a->body.at, a->body.len);
    l->next += a->count;
    return at + BATCH_HEADER_BYTES + a->body.len;
}

/* One stored value: the log's next appends, up to VALUE_BYTES_MERGED of them. */
static bool write_value(struct commit *c, struct store_log *l, uint64_t now_ms)
{
    size_t len = 0;
    struct list *stop = l->commit.next;
    for (; stop != &l->commit; stop = stop->next) {
        size_t more = append_of(stop)->body.len + BATCH_HEADER_BYTES;
        if (len && len + more > VALUE_BYTES_MERGED)
            break;
        len += more;
    }
    struct log_span *span = span_new(len);
    if (!span)
        return false;
    span->first_offset = l->next;
    uint8_t *at = span->bytes;
    while (l->commit.next != stop) {
        struct log_append *a = append_of(l->commit.next);
        list_remove(link_of(a));
        at = write_one(l, a, now_ms, at);
        if (span->count == 0)
            span->first_ms = a->time_ms;
        span->count += a->count;
    }
    span->last_ms = l->last_ms;
    span_box(span)->owner = &l->tail; /* until the tail takes it: whose it is */
    list_append(&c->spans, &span_box(span)->node);
    uint8_t key[SEGMENT_KEY_BYTES];
    segment_key(l->log.place, span->first_offset, key);
    leveldb_writebatch_put(c->batch, (const char *)key, SEGMENT_KEY_BYTES,
                           (const char *)span->bytes, len);
    return true;
}

static enum status write_batch(struct commit *c, struct fault *f)
{
    struct store *s = c->store;
    uint64_t now_ms = clock_wall_ms(s->settings.clock);
    bool any = false;
    LIST_EACH(node, keep, &c->logs)
    {
        struct store_log *l = LIST_OWNER(node, struct store_log, commit_node);
        while (!list_empty(&l->commit)) {
            if (!write_value(c, l, now_ms))
                return fault_set(f, NO_MEMORY, "no memory for a commit");
            any = true;
        }
    }
    if (!any)
        return OK;
    char *error = NULL;
    leveldb_write(c->segment->db, s->write_options, c->batch, &error);
    if (!error)
        return OK;
    enum status st = store_leveldb_fault(error, "a segment", f);
    return st == NO_MEMORY ? IO_FAILED : st; /* abandon takes NO_MEMORY for: nothing was written */
}

/* Notes in the segment what it now holds of this log. Under mu. */
static void note_row_locked(struct commit *c, struct store_log *l, const struct log_span *span)
{
    struct segment *g = c->segment;
    struct store_row *row = table_find(&g->rows, bytes_of(l->key, sizeof(l->key)));
    if (!row || row->last + 1 != span->first_offset) { /* new, or back from another volume */
        struct store_row *before = row;
        row = MEM_NEW(struct store_row);
        row->before = before;
        row->place = l->log.place;
        row->first = span->first_offset;
        row->first_ms = span->first_ms;
        row->segment = g->number;
        table_set(&g->rows, bytes_of(l->key, sizeof(l->key)), row);
    }
    row->last = span->first_offset + span->count - 1;
    row->last_ms = span->last_ms;
    row->bytes += span->len;
    row->seals = l->sealed;
    g->bytes += span->len + 64;
}

/* A commit ends a frame of its log: small ones fill that faster than memory. */
static uint64_t log_bytes_of(uint64_t bytes)
{
    return (bytes + FRAME_ROOM - 1) / FRAME_ROOM * FRAME_BLOCK_BYTES;
}

/* What was synced becomes visible: the segment's rows first, so that a reader whom the tail cannot
 * serve finds the segment. */
static void publish(struct commit *c)
{
    struct store *s = c->store;
    struct list gone;
    list_init(&gone);
    store_producers_settle(s, &c->admitted, &c->repeated);
    lock_take(&s->mu);
    c->segment->log_bytes += log_bytes_of(c->bytes);
    LIST_EACH(node, keep, &c->spans)
    {
        struct span_box *box = LIST_OWNER(node, struct span_box, node);
        note_row_locked(c, LIST_OWNER(box->owner, struct store_log, tail), &box->span);
    }
    lock_drop(&s->mu);
    lock_take(&s->tail.mu);
    LIST_EACH(node, keep, &c->spans)
    {
        struct span_box *box = LIST_OWNER(node, struct span_box, node);
        struct store_log *l = LIST_OWNER(box->owner, struct store_log, tail);
        bool last = box->span.first_offset + box->span.count == l->next;
        list_remove(node);
        box->owner = NULL;
        tail_publish_locked(&s->tail, &l->tail, &box->span, last && l->sealed, &gone);
        if (last)
            tail_wake_locked(&l->tail);
    }
    lock_drop(&s->tail.mu);
    tail_release(&gone);
}

/* Nothing of it was acknowledged; whether any of it survives is read back by store_revive. */
static void abandon(struct commit *c, enum status st, const struct fault *f)
{
    struct store *s = c->store;
    LIST_EACH(node, keep, &c->spans)
    {
        list_remove(node);
        log_span_unref(&LIST_OWNER(node, struct span_box, node)->span);
    }
    LIST_EACH(node, keep, &c->appends)
    {
        struct log_append *a = LIST_OWNER(node, struct log_append, node);
        struct log_bounds bounds;
        tail_bounds(&s->tail, &store_log_of(a->log)->tail, &bounds);
        if (a->status == OK || a->status == REPEATED || a->status == FENCED ||
            (a->status == SEALED && !bounds.sealed)) /* sealed by what failed */
            a->status = st;
    }
    store_producers_cancel(s, &c->admitted, &c->repeated);
    if (st == NO_MEMORY)
        return; /* nothing was written: the volume is as it was */
    trace(TRACE_ERROR, "store",
          "a commit failed, and puts are refused until it can be read back: %s", f->text);
    lock_take(&s->mu);
    c->volume->failed = true; /* S3 */
    c->volume->failure = st == NO_SPACE ? NO_SPACE : IO_FAILED;
    c->volume->retry_us = clock_mono_us(s->settings.clock) + 100000;
    signal_all(&s->sealing);
    lock_drop(&s->mu);
}

static void complete(struct commit *c)
{
    struct store *s = c->store;
    lock_take(&s->mu);
    LIST_EACH(node, keep, &c->appends)
    {
        struct log_append *a = LIST_OWNER(node, struct log_append, node);
        store_log_of(a->log)->queued--;
        s->queued_bytes -= a->body.len;
    }
    lock_drop(&s->mu);
    while (!list_empty(&c->appends)) {
        struct log_append *a = LIST_OWNER(c->appends.next, struct log_append, node);
        list_remove(&a->node);
        a->done(a); /* may free it */
    }
}

static void run_commit(struct commit *c)
{
    struct fault f = {0};
    enum status st = c->segment ? OK : segment_take(c->store, c->volume, &c->segment, &f);
    list_init(&c->logs);
    list_init(&c->spans);
    list_init(&c->admitted);
    list_init(&c->repeated);
    group(c);
    if (st == OK) {
        st = write_batch(c, &f); /* S1 */
        leveldb_writebatch_clear(c->batch);
    }
    mailbox_hold(); /* readers and those who put often share a loop */
    if (st == OK)
        publish(c);
    else
        abandon(c, st, &f);
    LIST_EACH(node, keep, &c->logs)
    {
        struct store_log *l = LIST_OWNER(node, struct store_log, commit_node);
        LIST_EACH(link, keep_link, &l->commit)
        list_remove(link);
        list_remove(node);
    }
    complete(c);
    mailbox_release();
}

/* Queued behind a failure: refused like what failed. */
static void refuse_queue(struct store *s, struct volume *v)
{
    struct commit c = {.store = s, .volume = v};
    list_init(&c.appends);
    lock_take(&s->mu);
    if (v->failed)
        list_splice(&c.appends, &v->queue);
    enum status why = v->failure;
    lock_drop(&s->mu);
    LIST_EACH(node, keep, &c.appends)
    LIST_OWNER(node, struct log_append, node)->status = why;
    complete(&c);
}

static bool is_full(const struct store *s, const struct segment *g)
{
    return g->bytes >= s->settings.segment_bytes ||
           (g->log_bytes >= LOG_SEGMENTS_MAX * s->settings.segment_bytes &&
            g->log_bytes >= LOG_BYTES_MIN);
}

static void commit_volume(struct store *s, struct volume *v, leveldb_writebatch_t *batch)
{
    struct commit c = {.store = s, .volume = v, .batch = batch};
    list_init(&c.appends);
    if (v->crowded)
        sched_yield();
    lock_take(&s->mu);
    while (s->sealing_bytes > s->settings.memtables_bytes_max &&
           !s->closing) /* the sealer is behind: do not outrun memory */
        signal_wait(&s->sealing, &s->mu);
    gather_locked(&c);
    c.segment = v->active ? segment_ref(v->active) : NULL;
    lock_drop(&s->mu);
    v->crowded = c.appends.next != c.appends.prev;
    run_commit(&c);
    refuse_queue(s, v);
    lock_take(&s->mu);
    v->unsynced = s->settings.relaxed;
    if (v->active && !v->failed && is_full(s, v->active))
        segment_seal_locked(s, v);
    lock_drop(&s->mu);
    segment_unref(c.segment);
}

/* Waits for work, or until closing. Under mu. */
static void wait_locked(struct store *s, leveldb_writebatch_t **batch)
{
    while (list_empty(&s->ready) && !s->closing) {
        if (!*batch) {
            signal_wait(&s->work, &s->mu);
        } else if (!signal_wait_ms(&s->work, &s->mu, BATCH_KEPT_MS)) {
            lock_drop(&s->mu); /* large memory goes back by a system call */
            leveldb_writebatch_destroy(*batch);
            *batch = NULL;
            lock_take(&s->mu);
        }
    }
}

void store_committer_run(void *arg)
{
    struct store *s = arg;
    leveldb_writebatch_t *batch = NULL;
    thread_ask_short_turns(TURN_US);
    lock_take(&s->mu);
    for (;;) {
        wait_locked(s, &batch);
        struct list *first = list_first(&s->ready);
        if (!first)
            break; /* closing, and nothing left */
        struct volume *v = LIST_OWNER(first, struct volume, ready_node);
        list_remove(&v->ready_node);
        v->ready = false;
        v->busy = true;
        lock_drop(&s->mu);
        if (!batch)
            batch = leveldb_writebatch_create();
        commit_volume(s, v, batch);
        lock_take(&s->mu);
        v->busy = false;
        bool alone = list_empty(&s->ready);
        if (make_ready_locked(v) && !alone) /* else it is the one that this thread takes next */
            signal_one(&s->work);
    }
    lock_drop(&s->mu);
    if (batch)
        leveldb_writebatch_destroy(batch);
}
