/* worker_leases.c: a worker in its group: joining, heartbeats, and what follows from their answers.
 *
 *   the answer has            here                  then
 *   a lease                   no shard              it is taken; if it is revoked already, given back
 *   the same lease, revoked   a shard               it is let go: SLUICE_SHARD_REVOKED
 *   a lease of another epoch  a shard               it is lost; the new one is taken when the old is over
 *   no lease                  a shard               it is lost
 *   FENCED                    any                   all are lost; the worker joins again
 *
 * W3. What is given back goes with a heartbeat that is sent at once.
 *
 * A shard without a checkpoint that does not begin at its oldest record gets one at that moment's time: should the worker die before
 * its first checkpoint, the next one begins there too, and not at a later "latest".
 *
 * Thread: that of sluice_worker_run. */
#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/worker_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* So many heartbeats in a session: one or two may be lost. After one that failed, sooner. */
enum { BEATS_A_SESSION = 6, BEAT_AGAIN_MS = 250, LEASES_ROOM = 64 };

static int by_shard_id(const void *a, const void *b)
{
    const struct sluice_lease *left = a, *right = b;
    return strcmp(left->shard_id, right->shard_id);
}

/* ---- giving back ---- */

static bool release(struct sluice_worker *w, const struct sluice_lease *lease)
{
    if (w->released_count == w->released_room) {
        size_t room = w->released_room ? 2 * w->released_room : LEASES_ROOM;
        struct sluice_lease *grown = mem_resize_try(w->released, room * sizeof(*grown));
        if (!grown)
            return false;
        w->released = grown;
        w->released_room = room;
    }
    w->released[w->released_count++] = *lease;
    w->heartbeat_us = 0;
    return true;
}

bool worker_let_go(struct sluice_worker *w, struct sluice_shard *s)
{
    if (s->why != SLUICE_SHARD_LOST && !release(w, &s->lease))
        return false;
    if (s->why == SLUICE_SHARD_ENDED)
        w->listed_us = 0; /* its children are to be known */
    list_remove(&s->node);
    shard_reader_free(s);
    return true;
}

static void lose_all(struct sluice_worker *w)
{
    LIST_EACH(node, keep, &w->shards)
    shard_reader_leave(LIST_OWNER(node, struct sluice_shard, node), SLUICE_SHARD_LOST);
    w->released_count = 0;
}

/* ---- taking ---- */

/* The place where a shard without a checkpoint begins, kept for whoever begins it again. */
static enum sluice_status save_beginning(struct sluice_worker *w, const struct sluice_lease *lease,
                                         struct sluice_error *error)
{
    const struct fetch_from *first = &w->host.first;
    if (lease->checkpoint.sequence_number[0] != 0 || first->place == FETCH_HORIZON)
        return SLUICE_OK;
    const struct sluice_checkpoint_at at = {
        .sequence_number = SLUICE_AT_TIME,
        .sub_sequence_number =
            first->place == FETCH_TIME ? (uint64_t)first->time_ms : clock_wall_ms(w->host.clock),
    };
    return w->store->commit(w->store->self, &w->member, lease, &at, error);
}

static void take(struct sluice_worker *w, const struct sluice_lease *lease)
{
    struct sluice_error error;
    if (lease->revoked) {
        (void)release(w, lease); /* without memory: the next heartbeat has it again */
        return;
    }
    if (strcmp(lease->checkpoint.sequence_number, SLUICE_SHARD_END) == 0)
        return;
    bool gone;
    const struct worker_shard *listed = worker_shard_named(w, lease->shard_id, &gone);
    if (!listed && !gone)
        return; /* likewise: it was said why */
    if (save_beginning(w, lease, &error) != SLUICE_OK) {
        worker_note(w, lease->shard_id, "where it begins could not be saved: %s %s", error.type,
                    error.message);
        return; /* likewise */
    }
    struct sluice_shard *s = shard_reader_new(&w->host, lease);
    if (!s) {
        worker_note(w, lease->shard_id, "no memory to begin with it");
        return;
    }
    if (listed && listed->parent[0])
        shard_reader_is_child(s, &listed->range);
    list_append(&w->shards, &s->node);
    worker_note(w, lease->shard_id, "lease taken, epoch %llu", (unsigned long long)lease->epoch);
}

/* Those of the shards here; what is left in `leases` unmatched is new. Marks a match by an epoch of 0, which no lease has. */
static void match(struct sluice_worker *w, struct sluice_lease *leases, size_t count)
{
    qsort(leases, count, sizeof(*leases), by_shard_id);
    LIST_EACH(node, keep, &w->shards)
    {
        struct sluice_shard *s = LIST_OWNER(node, struct sluice_shard, node);
        struct sluice_lease *l = bsearch(&s->lease, leases, count, sizeof(*leases), by_shard_id);
        if (!l || l->epoch != s->lease.epoch) {
            if (s->state < SHARD_LEAVES)
                worker_note(w, s->lease.shard_id, "lease lost");
            shard_reader_leave(s, SLUICE_SHARD_LOST);
        } else if (l->revoked) {
            shard_reader_leave(s, SLUICE_SHARD_REVOKED);
        }
        if (l)
            l->epoch = 0;
    }
}

static void reconcile(struct sluice_worker *w, size_t count)
{
    match(w, w->leases, count);
    for (size_t i = 0; i < count; i++)
        if (w->leases[i].epoch != 0)
            take(w, &w->leases[i]);
}

/* ---- heartbeats ---- */

static bool join(struct sluice_worker *w)
{
    struct sluice_error error;
    enum sluice_status st = w->store->join(w->store->self, &w->member, &error);
    if (st == SLUICE_OK) {
        w->joined = true;
        w->told = false;
        return true;
    }
    (void)worker_may_retry(w, "joining the group", &error);
    return false;
}

static bool grow_leases(struct sluice_worker *w, size_t count)
{
    struct sluice_lease *grown = mem_resize_try(w->leases, count * sizeof(*grown));
    if (!grown)
        return false;
    w->leases = grown;
    w->leases_room = count;
    return true;
}

static enum sluice_status ask(struct sluice_worker *w, size_t *count, struct sluice_error *error)
{
    size_t wanted = w->leases_room ? 0 : LEASES_ROOM;
    for (;;) {
        if (wanted > 0 && !grow_leases(w, wanted))
            return error_set(error, SLUICE_NO_MEMORY, "no memory for %zu leases", wanted);
        *count = w->leases_room;
        enum sluice_status st =
            w->store->heartbeat(w->store->self, &w->member, w->listed_views, w->listed_count,
                                w->released, w->released_count, w->leases, count, error);
        if (st != SLUICE_FULL)
            return st;
        wanted = *count + *count / 4;
    }
}

static void beat(struct sluice_worker *w, uint64_t sent_us)
{
    struct sluice_error error;
    size_t count;
    enum sluice_status st = ask(w, &count, &error);
    switch (st) {
    case SLUICE_OK:
        w->alive_us = sent_us;
        w->heartbeat_us = sent_us + w->options.session_timeout_ms * 1000ull / BEATS_A_SESSION;
        w->told = false;
        w->released_count = 0;
        reconcile(w, count);
        return;
    case SLUICE_FENCED:
        worker_note(w, "", "the session was over, and all its leases: joining again");
        w->joined = false;
        w->heartbeat_us = 0;
        lose_all(w);
        return;
    default:
        (void)worker_may_retry(w, "the heartbeat", &error);
        return;
    }
}

void worker_beat(struct sluice_worker *w, uint64_t now_us)
{
    if (now_us < w->heartbeat_us)
        return;
    /* What is said otherwise below comes later; and a call that waits must not be made again at once. */
    w->heartbeat_us = now_us + BEAT_AGAIN_MS * 1000ull;
    if (w->store->wants_shards)
        worker_list_shards(w);
    if (worker_stops(w) || (!w->joined && !join(w)))
        return;
    beat(w, worker_now_us(w));
}

void worker_leave(struct sluice_worker *w)
{
    struct sluice_error error;
    if (!w->joined)
        return;
    if (w->store->leave(w->store->self, &w->member, &error) != SLUICE_OK)
        worker_note(w, "", "the group was not told that the worker leaves: %s %s", error.type,
                    error.message);
    w->joined = false;
    w->released_count = 0;
}
