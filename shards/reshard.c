/* reshard.c: split and merge, and rows of them, one state machine.
 *
 *   ACTIVE --begin: children written as PENDING, stream UPDATING--> begun
 *   begun --(after the state delay) seal: a control batch into each parent's log--> sealing
 *   sealing --finish: parents CLOSED at the seal's time, children OPEN, stream ACTIVE, one batch--> ACTIVE
 *   sealing --finish, and a recount wants more: the same, with the next step's children PENDING, one batch--> begun
 *   sealing --a log refused: again in AGAIN_MS--> begun
 *
 * R1. Nothing is appended to a child before its parents' seals are durable: children are routed to only by the view that `finish` publishes.
 *     So a reader who finishes the parents first sees every key in order.
 * R2. A crash anywhere between leaves a stream UPDATING with PENDING children; reshard_resume begins again at "begun". A log that is
 *     sealed already answers SEALED, which is as good. What a recount is to come to stands in the stream's row, so it goes on to its end.
 * R3. Puts that meet a seal wait for the next view (stream_wait) and go to the children; they are woken too when a try fails.
 *     What the parents know of their producers (log.h L9) is the children's, durably, before that: a put again of what a parent stored is known for it.
 * R4. A child is created in a later second than its parents were, however fast they follow: its sequence numbers are above theirs. */
#include "shards/reshard_internal.h"
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

/* R4 */
static uint64_t born_s_of(const struct reshard *r, uint64_t closed_ms)
{
    uint64_t after_s = closed_ms / 1000;
    for (uint32_t i = 0; i < r->parent_count; i++)
        after_s = r->parents[i]->created_s > after_s ? r->parents[i]->created_s : after_s;
    return after_s + 1;
}

/* The shard as it will be in the next view: itself, or changed and written. NULL with a fault when
 * its log cannot be opened again. */
static enum status changed(struct reshard *r, struct shard *s, uint64_t closed_ms,
                           struct catalog_batch *b, const struct stream_settings *settings,
                           struct shard **out, struct fault *f)
{
    struct shard values = shard_values(s);
    if (is_parent(r, s->index)) {
        values.state = SHARD_CLOSED;
        values.closed_ms = closed_ms;
    } else if (is_child(r, s->index)) {
        values.state = SHARD_OPEN;
        values.created_s = born_s_of(r, closed_ms);
    } else {
        *out = shard_ref(s);
        return OK;
    }
    enum status st = catalog_shard_make(r->catalog, settings, values, out, f);
    if (st == OK)
        catalog_batch_put_shard(b, settings->number, *out);
    return st;
}

/* Makes the children and appends them to the batch and to `shards`, which has the room. */
static enum status add_pending(struct catalog *c, const struct stream_settings *settings,
                               const struct shard *children, uint32_t child_count,
                               struct catalog_batch *b, struct shard **shards, uint32_t *count,
                               struct fault *f)
{
    enum status st = OK;
    for (uint32_t i = 0; i < child_count && st == OK; i++) {
        st = catalog_shard_make(c, settings, children[i], &shards[*count], f);
        if (st == OK)
            catalog_batch_put_shard(b, settings->number, shards[(*count)++]);
    }
    return st;
}

static void drop(struct shard **shards, uint32_t count, struct catalog_batch *b)
{
    for (uint32_t i = 0; i < count; i++)
        shard_unref(shards[i]);
    mem_free(shards);
    catalog_batch_free(b);
}

/* What the machine works on next: those children, and their parents as the stream's view has them. */
static void take_step(struct reshard *r, const struct shard *children, uint32_t child_count)
{
    struct stream_view *v = stream_look(r->stream);
    const int64_t parents[PARENTS_MAX] = {children[0].parent, children[0].adjacent};
    for (uint32_t i = 0; i < r->parent_count; i++)
        shard_unref(r->parents[i]);
    r->parent_count = 0;
    for (int i = 0; i < PARENTS_MAX; i++)
        if (parents[i] != SHARD_NONE)
            r->parents[r->parent_count++] = shard_ref(stream_view_shard(v, (uint32_t)parents[i]));
    for (r->child_count = 0; r->child_count < child_count; r->child_count++)
        r->children[r->child_count] = children[r->child_count].index;
    stream_view_unref(v);
}

/* The open shards as they will be, in the order of their keys: the view's, with the parents' place taken by the children. */
static uint32_t next_open(const struct reshard *r, const struct stream_view *v,
                          struct shard *const *shards, uint32_t count, struct shard **out)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < v->open_count; i++) {
        if (!is_parent(r, v->open[i]->index)) {
            out[open++] = v->open[i];
        } else if (v->open[i]->index == r->parents[0]->index) {
            for (uint32_t k = count - r->child_count; k < count; k++) /* the last made */
                out[open++] = shards[k];
        }
    }
    return open;
}

/* R3 */
static enum status hand_over(const struct reshard *r, const struct stream_view *v, struct fault *f)
{
    struct log *parents[PARENTS_MAX], *children[CHILDREN_MAX];
    for (uint32_t i = 0; i < r->parent_count; i++)
        parents[i] = r->parents[i]->log;
    for (uint32_t i = 0; i < r->child_count; i++)
        children[i] = stream_view_shard(v, r->children[i])->log;
    return log_take_over(parents, r->parent_count, children, r->child_count, f);
}

/* *more: another step of a recount has begun, and is what the machine works on now. */
static enum status finish(struct reshard *r, bool *more, struct fault *f)
{
    struct catalog *c = r->catalog;
    struct stream_view *v = stream_look(r->stream);
    struct stream_settings settings = v->settings;
    struct catalog_batch *b = catalog_batch_new();
    size_t room = v->shard_count + CHILDREN_MAX + 1;
    struct shard **shards = mem_must(room * sizeof(struct shard *));
    struct shard **open = mem_must(room * sizeof(struct shard *));
    struct shard next[CHILDREN_MAX];
    uint64_t closed_ms = closed_ms_of(r);
    enum status st = hand_over(r, v, f);
    uint32_t count = 0, next_count = 0;
    while (st == OK && count < v->shard_count) {
        st = changed(r, v->shards[count], closed_ms, b, &settings, &shards[count], f);
        count += st == OK;
    }
    if (st == OK) {
        uint32_t open_count = next_open(r, v, shards, count, open);
        next_count = recount_children(&settings, open, open_count,
                                      clock_wall_ms(c->settings.clock) / 1000, next);
        settings.next_shard += next_count;
        if (next_count == 0) {
            settings.status = STREAM_ACTIVE;
            settings.reshape.target_shards = 0;
        }
        st = add_pending(c, &settings, next, next_count, b, shards, &count, f);
    }
    mem_free(open);
    if (st == OK) {
        catalog_batch_put_stream(b, &settings);
        st = catalog_change(c, r->stream, b, &settings, shards, count, v->version + 1, f); /* R1 */
    } else {
        drop(shards, count, b);
    }
    stream_view_unref(v);
    *more = st == OK && next_count > 0;
    if (*more)
        take_step(r, next, next_count);
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

static void seal_parents(struct loop_timer *t);

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
    bool more;
    if (finish(r, &more, &f) != OK) {
        again(r, f.text);
        return;
    }
    answer(r, OK);
    if (more && !r->catalog->closing)
        seal_parents(&r->timer);
    else
        reshard_free(r); /* R2: what is left to do is done at the next start */
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

int reshard_begin(struct catalog *c, struct catalog_command *command, struct stream *stream,
                  struct stream_view *v, struct stream_settings settings,
                  const struct shard *children, uint32_t child_count)
{
    settings.status = STREAM_UPDATING;
    settings.next_shard += child_count;
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_stream(b, &settings);
    struct shard **shards = catalog_shards_of(v, child_count);
    uint32_t count = v->shard_count;
    enum status st =
        add_pending(c, &settings, children, child_count, b, shards, &count, &command->fault);
    if (st == OK)
        st =
            catalog_change(c, stream, b, &settings, shards, count, v->version + 1, &command->fault);
    else
        drop(shards, count, b);
    if (st == OK) {
        struct reshard *r = reshard_new(c, stream, command);
        take_step(r, children, child_count);
        if (c->settings.state_delay_ms || settings.reshape.target_shards)
            answer(r, OK); /* what may take long is not waited for */
        if (c->settings.state_delay_ms)
            loop_timer_set(c->loop, &r->timer, c->settings.state_delay_ms);
        else
            seal_parents(&r->timer);
    }
    stream_view_unref(v);
    stream_unref(stream);
    return st == OK ? CATALOG_LATER : (int)st;
}

void reshard_split_children(const struct shard *parent, u128 at, uint32_t next, uint64_t now_s,
                            struct shard children[CONTROL_CHILDREN_MAX])
{
    children[0] = (struct shard){
        .index = next,
        .state = SHARD_PENDING,
        .start = parent->start,
        .end = at - 1,
        .parent = parent->index,
        .adjacent = SHARD_NONE,
        .created_s = now_s,
    };
    children[1] = children[0];
    children[1].index++;
    children[1].start = at;
    children[1].end = parent->end;
}

void reshard_merge_child(const struct shard *left, const struct shard *right, uint32_t next,
                         uint64_t now_s, struct shard *child)
{
    *child = (struct shard){
        .index = next,
        .state = SHARD_PENDING,
        .start = left->start,
        .end = right->end,
        .parent = left->index,
        .adjacent = right->index,
        .created_s = now_s,
    };
}

enum status reshard_check_stream(struct catalog_command *command, const struct stream_view *v)
{
    if (v->settings.status != STREAM_ACTIVE)
        return fault_stream_busy(&command->fault, command->stream, command->scope.account,
                                 v->settings.status);
    bool on_demand = v->settings.mode == STREAM_ON_DEMAND;
    if (on_demand != command->by_scaler)
        return fault_set(&command->fault, INVALID_VALUE,
                         "Request is invalid. Stream %.*s under account %s is in %s mode.",
                         BYTES_ARGS(command->stream), command->scope.account,
                         on_demand ? "On-Demand" : "Provisioned");
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
    if (totals.claimed_shards + 1 > c->settings.shard_limit)
        return fault_shard_limit(&command->fault, command->scope.account, command->scope.region,
                                 totals.claimed_shards, c->settings.shard_limit, 1);
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
    st = reshard_check_stream(command, v);
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
    struct shard children[CHILDREN_MAX];
    reshard_split_children(s, command->split.at, v->settings.next_shard,
                           clock_wall_ms(c->settings.clock) / 1000, children);
    return reshard_begin(c, command, stream, v, v->settings, children, 2);
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
    st = reshard_check_stream(command, v);
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
    struct shard child;
    reshard_merge_child(left, right, v->settings.next_shard,
                        clock_wall_ms(c->settings.clock) / 1000, &child);
    return reshard_begin(c, command, stream, v, v->settings, &child, 1);
}

/* ---- resume ---- */

bool reshard_resume(struct catalog *c, struct stream *stream)
{
    struct stream_view *v = stream_look(stream);
    struct shard children[CHILDREN_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < v->shard_count && count < CHILDREN_MAX; i++)
        if (v->shards[i]->state == SHARD_PENDING)
            children[count++] = shard_values(v->shards[i]);
    stream_view_unref(v);
    if (count == 0)
        return false;
    struct reshard *r = reshard_new(c, stream, NULL);
    take_step(r, children, count);
    loop_timer_set(c->loop, &r->timer, 0);
    return true;
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
