/* reshard.c: split and merge, one state machine.
 *
 *   ACTIVE --begin: children written as PENDING, stream UPDATING--> begun
 *   begun --(after the state delay) seal: a control batch into each parent's log--> sealing
 *   sealing --sealed: parents CLOSED at the seal's time, children OPEN, stream ACTIVE, one batch--> ACTIVE
 *   sealing --a log refused: again in AGAIN_MS--> begun
 *
 * R1. Nothing is appended to a child before its parents' seals are durable: children are routed to only by the view that `finish` publishes.
 *     So a reader who finishes the parents first sees every key in order.
 * R2. A crash anywhere between leaves a stream UPDATING with PENDING children; reshard_resume begins again at "begun". A log that is
 *     sealed already answers SEALED, which is as good.
 * R3. Puts that meet a seal wait for the next view (stream_wait) and go to the children; they are woken too when a try fails. */
#include "shards/catalog_internal.h"
#include "shards/control.h"
#include "shards/stream_fault.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <stdatomic.h>

enum { AGAIN_MS = 250, PARENTS_MAX = 2, CHILDREN_MAX = CONTROL_CHILDREN_MAX };

struct seal {
    struct log_append append;
    struct reshard *reshard;
    uint8_t body[CONTROL_SEAL_BYTES_MAX];
};

struct reshard {
    struct list node;
    struct catalog *catalog;
    struct stream *stream;              /* referenced */
    struct shard *parents[PARENTS_MAX]; /* referenced */
    uint32_t parent_count;
    uint32_t children[CHILDREN_MAX]; /* indexes */
    uint32_t child_count;
    struct seal seals[PARENTS_MAX];
    _Atomic uint32_t sealing; /* seals not done yet */
    bool under_way;           /* seals were sent, and `sealed` has not run */
    struct message message;
    struct loop_timer timer;
    struct catalog_command *command; /* unanswered, or NULL */
};

static void reshard_free(struct reshard *r)
{
    loop_timer_cancel(r->catalog->loop, &r->timer);
    list_remove(&r->node);
    for (uint32_t i = 0; i < r->parent_count; i++)
        shard_unref(r->parents[i]);
    stream_unref(r->stream);
    mem_free(r);
}

static void answer(struct reshard *r, enum status status)
{
    if (r->command)
        catalog_answer(r->catalog, r->command, status);
    r->command = NULL;
}

static bool is_parent(const struct reshard *r, uint32_t index)
{
    for (uint32_t i = 0; i < r->parent_count; i++)
        if (r->parents[i]->index == index)
            return true;
    return false;
}

static bool is_child(const struct reshard *r, uint32_t index)
{
    for (uint32_t i = 0; i < r->child_count; i++)
        if (r->children[i] == index)
            return true;
    return false;
}

/* When the parents' logs ended: the later of their last batches. */
static uint64_t closed_ms_of(const struct reshard *r)
{
    uint64_t closed_ms = 0;
    for (uint32_t i = 0; i < r->parent_count; i++) {
        struct log_bounds bounds;
        log_bounds(r->parents[i]->log, &bounds);
        must(bounds.sealed);
        closed_ms = bounds.last_ms > closed_ms ? bounds.last_ms : closed_ms;
    }
    return closed_ms;
}

/* The shard as it will be in the next view: itself, or changed and written. NULL with a fault when
 * its log cannot be opened again. */
static enum status changed(struct reshard *r, struct shard *s, uint64_t closed_ms,
                           struct catalog_batch *b, const struct stream_settings *settings,
                           struct shard **out, struct fault *f)
{
    struct shard values = *s;
    if (is_parent(r, s->index)) {
        values.state = SHARD_CLOSED;
        values.closed_ms = closed_ms;
    } else if (is_child(r, s->index)) {
        values.state = SHARD_OPEN;
        values.created_s = closed_ms / 1000 + 1;
    } else {
        *out = shard_ref(s);
        return OK;
    }
    enum status st = catalog_shard_make(r->catalog, settings, values, out, f);
    if (st == OK)
        catalog_batch_put_shard(b, settings->number, *out);
    return st;
}

static enum status finish(struct reshard *r, struct fault *f)
{
    struct catalog *c = r->catalog;
    struct stream_view *v = stream_look(r->stream);
    struct stream_settings settings = v->settings;
    settings.status = STREAM_ACTIVE;
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_stream(b, &settings);
    struct shard **shards = mem_must((v->shard_count + 1) * sizeof(struct shard *));
    uint64_t closed_ms = closed_ms_of(r);
    enum status st = OK;
    uint32_t count = 0;
    while (st == OK && count < v->shard_count) {
        st = changed(r, v->shards[count], closed_ms, b, &settings, &shards[count], f);
        count += st == OK;
    }
    if (st == OK) {
        st = catalog_change(c, r->stream, b, &settings, shards, count, v->version + 1, f); /* R1 */
    } else {
        for (uint32_t i = 0; i < count; i++)
            shard_unref(shards[i]);
        mem_free(shards);
        catalog_batch_free(b);
    }
    stream_view_unref(v);
    return st;
}

static void again(struct reshard *r, const char *why)
{
    TRACE_SELDOM(TRACE_WARN, "reshard", "not done yet, trying again: %s", why);
    answer(r, OK); /* it was accepted; the stream shows UPDATING until it is done */
    stream_wake(r->stream);
    if (!r->catalog->closing)
        loop_timer_set(r->catalog->loop, &r->timer, AGAIN_MS);
}

static void after_seal(struct reshard *r)
{
    for (uint32_t i = 0; i < r->parent_count; i++) {
        enum status st = r->seals[i].append.status;
        if (st != OK && st != SEALED) {
            again(r, status_name(st));
            return;
        }
    }
    struct fault f = {0};
    if (finish(r, &f) != OK) {
        again(r, f.text);
        return;
    }
    answer(r, OK);
    reshard_free(r);
}

static void sealed(struct message *m)
{
    struct reshard *r = LIST_OWNER(m, struct reshard, message);
    struct catalog *c = r->catalog;
    thread_must_be(THREAD_CATALOG);
    r->under_way = false;
    after_seal(r);
    catalog_stop_if_idle(c);
}

/* Thread: the committer's. */
static void seal_done(struct log_append *a)
{
    struct reshard *r = LIST_OWNER(a, struct seal, append)->reshard;
    if (atomic_fetch_sub(&r->sealing, 1) == 1)
        loop_send(r->catalog->loop, &r->message);
}

static void seal_parents(struct loop_timer *t)
{
    struct reshard *r = LIST_OWNER(t, struct reshard, timer);
    struct log_append *appends[PARENTS_MAX];
    for (uint32_t i = 0; i < r->parent_count; i++) {
        struct seal *seal = &r->seals[i];
        seal->reshard = r;
        size_t len = control_seal_pack(r->children, r->child_count, seal->body);
        struct bytes body = bytes_of(seal->body, len);
        seal->append = (struct log_append){
            .log = r->parents[i]->log,
            .body = body,
            .body_crc = crc32c_extend(0, body),
            .count = 1,
            .control = true,
            .seals = true,
            .done = seal_done,
        };
        appends[i] = &seal->append;
    }
    atomic_store(&r->sealing, r->parent_count);
    r->under_way = true;
    log_append_all(r->catalog->settings.logs, appends, r->parent_count);
}

static struct reshard *reshard_new(struct catalog *c, struct stream *stream,
                                   struct catalog_command *command)
{
    struct reshard *r = MEM_NEW(struct reshard);
    r->catalog = c;
    r->stream = stream_ref(stream);
    r->message.handle = sealed;
    r->timer.fire = seal_parents;
    r->command = command;
    list_append(&c->reshards, &r->node);
    return r;
}

/* ---- begin ---- */

/* Writes the children as PENDING and the stream as UPDATING, publishes that, and sets the machine
 * going. Takes over the stream and the view. */
static int begin(struct catalog *c, struct catalog_command *command, struct stream *stream,
                 struct stream_view *v, const struct shard *children, uint32_t child_count)
{
    struct stream_settings settings = v->settings;
    settings.status = STREAM_UPDATING;
    settings.next_shard += child_count;
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_stream(b, &settings);
    struct shard **shards = catalog_shards_of(v, child_count);
    uint32_t count = v->shard_count;
    enum status st = OK;
    for (uint32_t i = 0; i < child_count && st == OK; i++) {
        st = catalog_shard_make(c, &settings, children[i], &shards[count], &command->fault);
        if (st == OK)
            catalog_batch_put_shard(b, settings.number, shards[count++]);
    }
    if (st == OK) {
        st =
            catalog_change(c, stream, b, &settings, shards, count, v->version + 1, &command->fault);
    } else {
        for (uint32_t i = 0; i < count; i++)
            shard_unref(shards[i]);
        mem_free(shards);
        catalog_batch_free(b);
    }
    if (st == OK) {
        struct reshard *r = reshard_new(c, stream, command);
        for (uint32_t i = 0; i < child_count; i++)
            r->children[r->child_count++] = children[i].index;
        r->parents[r->parent_count++] =
            shard_ref(stream_view_shard(v, (uint32_t)children[0].parent));
        if (children[0].adjacent != SHARD_NONE)
            r->parents[r->parent_count++] =
                shard_ref(stream_view_shard(v, (uint32_t)children[0].adjacent));
        if (c->settings.state_delay_ms) {
            answer(r, OK);
            loop_timer_set(c->loop, &r->timer, c->settings.state_delay_ms);
        } else {
            seal_parents(&r->timer);
        }
    }
    stream_view_unref(v);
    stream_unref(stream);
    return st == OK ? CATALOG_LATER : (int)st;
}

static enum status check_stream(struct catalog_command *command, const struct stream_view *v)
{
    if (v->settings.status != STREAM_ACTIVE)
        return fault_stream_busy(&command->fault, command->stream, command->scope.account,
                                 v->settings.status);
    if (v->settings.mode == STREAM_ON_DEMAND)
        return fault_set(&command->fault, INVALID_VALUE,
                         "Request is invalid. Stream %.*s under account %s is in On-Demand mode.",
                         BYTES_ARGS(command->stream), command->scope.account);
    return OK;
}

/* The shard, if it is there and open. */
static enum status find_open(struct catalog_command *command, const struct stream_view *v,
                             uint32_t index, struct shard **out)
{
    char id[SHARD_ID_BYTES];
    shard_id_print(index, id);
    *out = stream_view_shard(v, index);
    if (!*out)
        return fault_shard_not_found(&command->fault, bytes_text(id), command->stream,
                                     command->scope.account);
    if ((*out)->state != SHARD_OPEN)
        return fault_set(&command->fault, INVALID_ARGUMENT,
                         "Shard %s in stream %.*s under account %s has already been merged or "
                         "split, and thus is not "
                         "eligible for merging or splitting.",
                         id, BYTES_ARGS(command->stream), command->scope.account);
    return OK;
}

static enum status check_split(struct catalog_command *command, const struct shard *s)
{
    u128 at = command->split.at;
    if (at > s->start + 1 && s->start < U128_MAX - 1 && at < s->end)
        return OK;
    char id[SHARD_ID_BYTES], key[U128_DECIMAL_BYTES_MAX], start[U128_DECIMAL_BYTES_MAX],
        end[U128_DECIMAL_BYTES_MAX];
    shard_id_print(s->index, id);
    u128_print(at, key);
    u128_print(s->start, start);
    u128_print(s->end, end);
    return fault_set(
        &command->fault, INVALID_ARGUMENT,
        "NewStartingHashKey %s used in SplitShard() on shard %s in stream %.*s under account %s is "
        "not "
        "both greater than one plus the shard's StartingHashKey %s and less than the shard's "
        "EndingHashKey %s.",
        key, id, BYTES_ARGS(command->stream), command->scope.account, start, end);
}

static enum status check_room(struct catalog *c, struct catalog_command *command)
{
    struct stream_totals totals;
    stream_table_totals(c->settings.streams, &command->scope, &totals);
    if (totals.open_shards + 1 > c->settings.shard_limit)
        return fault_shard_limit(&command->fault, command->scope.account, command->scope.region,
                                 totals.open_shards, c->settings.shard_limit, 1);
    return OK;
}

int reshard_split(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    struct shard *s = NULL;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    st = check_stream(command, v);
    if (st == OK)
        st = find_open(command, v, command->split.shard, &s);
    if (st == OK)
        st = check_split(command, s);
    if (st == OK)
        st = check_room(c, command);
    if (st != OK) {
        stream_view_unref(v);
        stream_unref(stream);
        return st;
    }
    struct shard left = {
        .index = v->settings.next_shard,
        .state = SHARD_PENDING,
        .start = s->start,
        .end = command->split.at - 1,
        .parent = s->index,
        .adjacent = SHARD_NONE,
        .created_s = clock_wall_ms(c->settings.clock) / 1000,
    };
    struct shard right = left;
    right.index++;
    right.start = command->split.at;
    right.end = s->end;
    return begin(c, command, stream, v, (struct shard[]){left, right}, 2);
}

static enum status check_merge(struct catalog_command *command, const struct shard *left,
                               const struct shard *right)
{
    if (left->end != U128_MAX && left->end + 1 == right->start)
        return OK;
    char left_id[SHARD_ID_BYTES], right_id[SHARD_ID_BYTES];
    shard_id_print(left->index, left_id);
    shard_id_print(right->index, right_id);
    return fault_set(&command->fault, INVALID_ARGUMENT,
                     "Shards %s and %s in stream %.*s under account %s are not an adjacent pair of "
                     "shards eligible for "
                     "merging",
                     left_id, right_id, BYTES_ARGS(command->stream), command->scope.account);
}

int reshard_merge(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    struct shard *left = NULL, *right = NULL;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    st = check_stream(command, v);
    if (st == OK)
        st = find_open(command, v, command->merge.left, &left);
    if (st == OK)
        st = find_open(command, v, command->merge.right, &right);
    if (st == OK)
        st = check_merge(command, left, right);
    if (st != OK) {
        stream_view_unref(v);
        stream_unref(stream);
        return st;
    }
    struct shard child = {
        .index = v->settings.next_shard,
        .state = SHARD_PENDING,
        .start = left->start,
        .end = right->end,
        .parent = left->index,
        .adjacent = right->index,
        .created_s = clock_wall_ms(c->settings.clock) / 1000,
    };
    return begin(c, command, stream, v, &child, 1);
}

/* ---- resume ---- */

static void add_parent(struct reshard *r, const struct stream_view *v, int64_t index)
{
    if (index == SHARD_NONE || is_parent(r, (uint32_t)index))
        return;
    struct shard *s = stream_view_shard(v, (uint32_t)index);
    must(s && r->parent_count < PARENTS_MAX);
    r->parents[r->parent_count++] = shard_ref(s);
}

void reshard_resume(struct catalog *c, struct stream *stream)
{
    struct reshard *r = reshard_new(c, stream, NULL);
    struct stream_view *v = stream_look(stream);
    for (uint32_t i = 0; i < v->shard_count; i++) {
        const struct shard *s = v->shards[i];
        if (s->state != SHARD_PENDING || r->child_count == CHILDREN_MAX)
            continue;
        r->children[r->child_count++] = s->index;
        add_parent(r, v, s->parent);
        add_parent(r, v, s->adjacent);
    }
    stream_view_unref(v);
    must(r->parent_count > 0);
    loop_timer_set(c->loop, &r->timer, 0);
}

bool reshard_any_under_way(const struct catalog *c)
{
    LIST_EACH(node, keep, &c->reshards)
    if (LIST_OWNER(node, struct reshard, node)->under_way)
        return true;
    return false;
}

void reshard_close(struct catalog *c)
{
    LIST_EACH(node, keep, &c->reshards)
    {
        struct reshard *r = LIST_OWNER(node, struct reshard, node);
        answer(r, CLOSING);
        reshard_free(r);
    }
}
