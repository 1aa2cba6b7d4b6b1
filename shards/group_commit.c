/* group_commit.c: many appends, one sync.
 *
 * A sync costs about the same for one record as for a thousand. So while one commit is at the disk, new appends gather in
 * their volume, and all of them, of all logs, are the next commit: one LevelDB write, one sync. Load makes commits large; a
 * lone record waits for nobody.
 *
 * Within a commit the appends of one log become one stored value, up to VALUE_BYTES_MAX. It is built once, in the memory
 * where the tail will keep it. Only here do batches get their offsets and times, so that they are numbered in the order in
 * which they are written.
 *
 * I1. An append completes only after the write that holds it is synced (relaxed durability: written).
 * I2. Appends to one log complete in the order in which they were queued, and take their offsets in that order.
 * I3. After a failed write the volume refuses every append until its segment was recovered; what the committer believed of
 *     its logs is taken back to what is durable.
 * I4. Behind a batch that seals, every append completes with SEALED.
 *
 * Left to others: queues (volume.c), what readers see (tail.c), recovery (recover.c).
 * Thread: any may queue; a volume is at one committer at a time. */
#include "shards/engine_internal.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/span_internal.h"

#include <stdio.h>

enum { BATCH_KEPT_BYTES = 512 << 10, SPACE_CHECK_EVERY_BYTES = 16 << 20 };

/* One commit on its way. */
struct commit {
    struct engine *engine;
    struct volume *volume;
    struct segment *segment;
    leveldb_writebatch_t *batch, *marker; /* marker: empty, see wal.c */
    size_t batch_room;                    /* the most that batch ever held */
    struct list taken, logs;              /* appends; engine_log.commit_node */
    uint64_t body_bytes, value_bytes, values;
    uint64_t now_ms;
    bool sync_due;
    enum status status;
    struct fault fault;
    struct list refused; /* appends to complete once mu is dropped */
};

static struct metric *commit_seconds, *commit_bytes;

/* ---- building ---- */

static void refuse_run(struct list *from, const struct list *end, enum status st)
{
    for (; from != end; from = from->next)
        LIST_OWNER(from, struct log_append, node)->status = st;
}

/* How many appends from `from` on become one value. */
static struct list *run_end(const struct list *group, struct list *from, size_t *bytes)
{
    *bytes = 0;
    while (from != group) {
        const struct log_append *a = LIST_OWNER(from, struct log_append, node);
        size_t len = BATCH_HEADER_BYTES + a->body.len;
        if (*bytes && *bytes + len > VALUE_BYTES_MAX)
            break;
        *bytes += len;
        from = from->next;
        if (a->seals)
            break;
    }
    return from;
}

static uint8_t *write_batch(struct engine_log *l, struct log_append *a, uint8_t *out)
{
    struct batch_header h = {
        .flags = (uint8_t)((a->control ? BATCH_CONTROL : 0) | (a->seals ? BATCH_SEALS : 0)),
        .count = a->count,
        .body_len = (uint32_t)a->body.len,
        .body_crc = a->body_crc,
        .base_offset = l->next_offset,
        .base_time_ms = l->last_ms,
    };
    batch_header_write(&h, out);
    if (a->body.len)
        memcpy(out + BATCH_HEADER_BYTES, a->body.at, a->body.len);
    a->first_offset = l->next_offset;
    a->time_ms = l->last_ms;
    a->status = OK;
    l->next_offset += a->count;
    l->sealed = a->seals;
    return out + BATCH_HEADER_BYTES + a->body.len;
}

/* One value of the log, from a run of its appends. */
static void build_span(struct commit *c, struct engine_log *l, struct list *from,
                       const struct list *end, size_t bytes)
{
    uint8_t key[SEGMENT_KEY_LEN];
    struct log_span *span = span_new(bytes);
    if (!span) {
        refuse_run(from, end, NO_MEMORY);
        return;
    }
    if (c->now_ms > l->last_ms)
        l->last_ms = c->now_ms;
    span->first_offset = l->next_offset;
    span->first_ms = span->last_ms = l->last_ms;
    uint8_t *at = span->bytes;
    for (; from != end; from = from->next)
        at = write_batch(l, LIST_OWNER(from, struct log_append, node), at);
    must(at == span->bytes + bytes);
    span->count = (uint32_t)(l->next_offset - span->first_offset);
    segment_key(l->base.place, span->first_offset, key);
    leveldb_writebatch_put(c->batch, (const char *)key, sizeof key, (const char *)span->bytes,
                           bytes);
    list_append(&l->fresh, &span_box(span)->node);
    c->value_bytes += bytes;
    c->values++;
}

/* The row that will say where in the segment this log's offsets are. */
static bool log_has_row(const struct commit *c, struct engine_log *l)
{
    if (l->row_segment == c->segment->number)
        return true;
    l->row_new = (struct live_row *)mem_try(sizeof *l->row_new);
    if (!l->row_new)
        return false;
    *l->row_new = (struct live_row){.log = l};
    list_init(&l->row_new->in_log);
    list_init(&l->row_new->in_segment);
    return true;
}

/* Addresses do not tell: a row freed long ago may have lived where the new one does. */
static bool new_row_is_published(const struct commit *c, const struct engine_log *l)
{
    return l->row_new && l->row_segment == c->segment->number;
}

static void build_log(struct commit *c, struct engine_log *l)
{
    struct list *from = l->group.next;
    list_init(&l->fresh);
    l->row_new = NULL;
    if (l->sealed) {
        refuse_run(from, &l->group, SEALED);
        return;
    }
    if (!log_has_row(c, l)) {
        refuse_run(from, &l->group, NO_MEMORY);
        return;
    }
    while (from != &l->group && !l->sealed) {
        size_t bytes;
        struct list *end = run_end(&l->group, from, &bytes);
        build_span(c, l, from, end, bytes);
        from = end;
    }
    refuse_run(from, &l->group, SEALED); /* I4 */
}

static void group_by_log(struct commit *c)
{
    LIST_EACH (node, keep, &c->taken) {
        struct engine_log *l = engine_log_of(LIST_OWNER(node, struct log_append, node)->log);
        if (list_empty(&l->commit_node)) {
            list_append(&c->logs, &l->commit_node);
            list_init(&l->group);
            l->group_count = 0;
        }
        list_remove(node);
        list_append(&l->group, node);
        l->group_count++;
    }
}

static void build(struct commit *c)
{
    c->now_ms = clock_wall_ms(c->engine->clock);
    c->value_bytes = c->values = 0;
    leveldb_writebatch_clear(c->batch);
    group_by_log(c);
    LIST_EACH (node, keep, &c->logs)
        build_log(c, LIST_OWNER(node, struct engine_log, commit_node));
}

/* ---- writing ---- */

static enum status write_marker(struct commit *c)
{
    return level_write(&c->engine->level, c->segment->db, c->marker, true, c->segment->path,
                       &c->fault);
}

static enum status write_all(struct commit *c)
{
    const struct engine *e = c->engine;
    enum status st = OK;
    if (e->set.relaxed && !c->segment->marked) {
        st = write_marker(c);
        c->segment->marked = st == OK;
    }
    if (st == OK && c->values)
        st = level_write(&e->level, c->segment->db, c->batch, !e->set.relaxed, c->segment->path,
                         &c->fault);
    if (st == OK && c->sync_due)
        st = write_marker(c);
    return st;
}

static void publish_row(const struct commit *c, struct engine_log *l)
{
    struct live_row *row = l->row_new;
    if (!row || list_empty(&l->fresh))
        return;
    const struct log_span *first =
        &LIST_OWNER(list_first(&l->fresh), struct span_box, node)->span;
    row->range = (struct range){.place = l->base.place,
                                .segment = c->segment->number,
                                .first = first->first_offset,
                                .first_ms = first->first_ms};
    list_append(&l->rows, &row->in_log);
    list_append(&c->segment->rows, &row->in_segment);
    l->row = row;
    l->row_segment = c->segment->number;
}

static void publish_log(const struct commit *c, struct engine_log *l, struct list *out)
{
    struct tail *tail = &c->engine->tail;
    publish_row(c, l);
    LIST_EACH (node, keep, &l->fresh) {
        struct log_span *span = &LIST_OWNER(node, struct span_box, node)->span;
        struct range *range = &l->row->range;
        range->last = span->first_offset + span->count - 1;
        range->last_ms = span->last_ms;
        range->bytes += span->len;
        range->seals = l->sealed && keep == &l->fresh;
        list_remove(node);
        tail_publish_locked(tail, &l->tail, span, range->seals, out);
    }
    tail_wake_locked(&l->tail);
}

/* I1: only now may anybody see it. */
static void publish(const struct commit *c)
{
    struct list out;
    list_init(&out);
    lock_take(&c->engine->tail.mu);
    LIST_EACH (node, keep, &c->logs)
        publish_log(c, LIST_OWNER(node, struct engine_log, commit_node), &out);
    lock_drop(&c->engine->tail.mu);
    tail_release(&out);
}

void log_roll_back_locked(struct engine_log *l)
{
    l->next_offset = l->tail.bounds.end;
    l->last_ms = l->tail.bounds.last_ms;
    l->sealed = l->tail.bounds.sealed;
}

/* I3 */
static void take_back(struct commit *c)
{
    struct engine *e = c->engine;
    lock_take(&e->tail.mu);
    LIST_EACH (node, keep, &c->logs) {
        struct engine_log *l = LIST_OWNER(node, struct engine_log, commit_node);
        log_roll_back_locked(l);
        LIST_EACH (at, next, &l->group) {
            struct log_append *a = LIST_OWNER(at, struct log_append, node);
            if (a->status == OK || (a->status == SEALED && !l->sealed))
                a->status = c->status == NO_SPACE ? NO_SPACE : IO_FAILED;
        }
    }
    lock_drop(&e->tail.mu);
    LIST_EACH (node, keep, &c->logs)
        tail_release(&LIST_OWNER(node, struct engine_log, commit_node)->fresh);
}

static void complete(struct commit *c)
{
    LIST_EACH (node, keep, &c->logs) {
        struct engine_log *l = LIST_OWNER(node, struct engine_log, commit_node);
        if (!new_row_is_published(c, l)) { /* nothing of the log was written after all */
            mem_free(l->row_new);
            l->row_new = NULL;
        }
        complete_all(&l->group);
    }
}

static void commit(struct commit *c)
{
    const struct clock *clock = c->engine->clock;
    uint64_t begin_us = clock_mono_us(clock);
    build(c);
    c->status = write_all(c);
    if (c->status == OK) {
        publish(c);
        metric_observe_us(commit_seconds, clock_mono_us(clock) - begin_us);
        metric_add(commit_bytes, c->value_bytes);
    } else {
        trace(TRACE_ERROR, "log", "a commit of %llu values failed: %s",
              (unsigned long long)c->values, c->fault.text);
        take_back(c);
    }
    complete(c);
}

/* ---- taking and giving back, under mu ---- */

/* Memory: over the bound nothing is committed until a seal gave some back. */
static bool must_wait_for_memory(struct engine *e)
{
    if (e->unsealed_bytes < e->set.memtables_bytes_max)
        return false;
    if (!e->sealing_count && list_empty(&e->failed))
        engine_seal_fullest(e);
    return e->sealing_count || !list_empty(&e->failed);
}

void engine_seal_fullest(struct engine *e)
{
    struct volume *fullest = NULL;
    for (uint32_t i = 0; i < RETENTION_CLASSES; i++) {
        struct volume *v = e->volumes[i];
        if (v && !v->busy && v->active && v->active->bytes &&
            (!fullest || v->active->bytes > fullest->active->bytes))
            fullest = v;
    }
    if (fullest)
        volume_seal(fullest);
}

static bool volume_has_segment(struct volume *v)
{
    struct engine *e = v->engine;
    if (v->active)
        return true;
    struct list *spare = list_first(&e->spares);
    signal_all(&e->chore);
    if (!spare)
        return false;
    list_remove(spare);
    e->spare_count--;
    v->active = LIST_OWNER(spare, struct segment, node);
    v->active->opened_us = clock_mono_us(e->clock);
    v->active->bytes = 0;
    return true;
}

static void take_appends(struct commit *c, struct volume *v)
{
    uint64_t most = c->engine->set.commit_bytes_max;
    c->body_bytes = 0;
    if (v->queued_bytes <= most) {
        c->body_bytes = v->queued_bytes;
        list_splice(&c->taken, &v->queue);
    }
    while (!list_empty(&v->queue)) {
        struct list *node = list_first(&v->queue);
        uint64_t len = LIST_OWNER(node, struct log_append, node)->body.len;
        if (c->body_bytes && c->body_bytes + len > most)
            break;
        c->body_bytes += len;
        list_remove(node);
        list_append(&c->taken, node);
    }
    v->queued_bytes -= c->body_bytes;
}

/* The next volume that can be committed; false when there is none now. */
static bool take_volume(struct commit *c)
{
    struct engine *e = c->engine;
    for (struct list *node; (node = list_first(&e->ready));) {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        list_remove(node);
        v->waiting = false;
        if (v->failed != OK) {
            volume_refuse(v, v->failed, &c->refused);
            v->sync_due = false;
            continue;
        }
        if (list_empty(&v->queue) && !(v->sync_due && v->active)) {
            v->sync_due = false;
            continue;
        }
        if (must_wait_for_memory(e) || !volume_has_segment(v)) {
            volume_park(v);
            continue;
        }
        take_appends(c, v);
        c->sync_due = v->sync_due;
        c->volume = v;
        c->segment = v->active;
        v->sync_due = false;
        v->busy = true;
        return true;
    }
    return false;
}

/* I3 */
static void volume_fails(struct commit *c)
{
    struct volume *v = c->volume;
    struct engine *e = c->engine;
    v->failed = c->status == NO_SPACE ? NO_SPACE : IO_FAILED;
    v->active = NULL;
    v->unsynced = false;
    c->segment->volume = v;
    list_append(&e->failed, &c->segment->node);
    volume_refuse(v, v->failed, &c->refused);
    signal_all(&e->chore);
}

static void volume_grows(struct commit *c)
{
    struct volume *v = c->volume;
    struct engine *e = c->engine;
    uint64_t grown = c->value_bytes + c->values * ROW_OVERHEAD_BYTES;
    c->segment->bytes += grown;
    e->unsealed_bytes += grown;
    e->since_space_check += grown;
    v->unsynced = e->set.relaxed && (c->values || (v->unsynced && !c->sync_due));
    if (c->segment->bytes >= e->set.segment_bytes &&
        (e->spare_count || c->segment->bytes >= 2 * e->set.segment_bytes))
        volume_seal(v);
    if (e->unsealed_bytes > e->set.memtables_bytes_max / 4 * 3 && !e->sealing_count)
        engine_seal_fullest(e);
}

static void give_back(struct commit *c)
{
    struct engine *e = c->engine;
    struct volume *v = c->volume;
    LIST_EACH (node, keep, &c->logs) {
        struct engine_log *l = LIST_OWNER(node, struct engine_log, commit_node);
        list_remove(node);
        l->row_count += new_row_is_published(c, l);
        l->row_new = NULL;
        log_unqueue(l, l->group_count);
        log_put(e, l);
    }
    e->queued_bytes -= c->body_bytes;
    v->busy = false;
    if (c->status == OK)
        volume_grows(c);
    else
        volume_fails(c);
    volume_ready(v);
    signal_all(&e->progress);
}

/* ---- the thread ---- */

static void batch_renew(struct commit *c)
{
    if (c->batch)
        leveldb_writebatch_destroy(c->batch);
    c->batch = leveldb_writebatch_create();
    c->batch_room = 0;
}

/* What must be done without mu between two commits. */
static void between(struct commit *c, bool check_space)
{
    complete_all(&c->refused);
    if (check_space)
        space_check(c->engine);
}

static bool drained(const struct engine *e)
{
    return e->closing && list_empty(&e->ready) && list_empty(&e->parked);
}

static void turn(struct commit *c)
{
    struct engine *e = c->engine;
    lock_drop(&e->mu);
    commit(c);
    if (c->value_bytes > c->batch_room)
        c->batch_room = c->value_bytes;
    lock_take(&e->mu);
    give_back(c);
}

static void committer_run(void *arg)
{
    struct engine *e = (struct engine *)arg;
    struct commit c = {.engine = e, .marker = leveldb_writebatch_create()};
    thread_must_be(THREAD_COMMITTER);
    list_init(&c.taken);
    list_init(&c.logs);
    list_init(&c.refused);
    batch_renew(&c);
    lock_take(&e->mu);
    for (;;) {
        bool taken = take_volume(&c);
        if (taken)
            turn(&c);
        bool check = e->since_space_check > SPACE_CHECK_EVERY_BYTES;
        if (check)
            e->since_space_check = 0;
        if (check || !list_empty(&c.refused)) {
            lock_drop(&e->mu);
            between(&c, check);
            lock_take(&e->mu);
        } else if (!taken && drained(e)) {
            break;
        } else if (!taken) {
            if (c.batch_room > BATCH_KEPT_BYTES)
                batch_renew(&c);
            signal_wait(&e->work, &e->mu);
        }
    }
    e->committers_running--;
    signal_all(&e->work);
    signal_all(&e->progress);
    lock_drop(&e->mu);
    leveldb_writebatch_destroy(c.batch);
    leveldb_writebatch_destroy(c.marker);
}

void committers_start(struct engine *e)
{
    commit_seconds = metric_histogram("sluice_log_commit_seconds",
                                      "Time from taking appends to their sync.", "");
    commit_bytes = metric_counter("sluice_log_commit_bytes_total",
                                  "Bytes of stored values committed.", "");
    e->committers_running = e->set.committers;
    for (uint32_t i = 0; i < e->set.committers; i++) {
        char name[16];
        snprintf(name, sizeof name, "committer-%u", i % 100);
        thread_start(&e->committers[i], THREAD_COMMITTER, name, committer_run, e);
    }
}

void committers_stop(struct engine *e)
{
    lock_take(&e->mu);
    e->closing = true;
    signal_all(&e->work);
    signal_all(&e->chore);
    lock_drop(&e->mu);
    for (uint32_t i = 0; i < e->set.committers; i++)
        thread_join(&e->committers[i]);
}
