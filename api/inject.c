/* inject.c: holds a request against each rule in turn.
 *
 * Rules are few (INJECT_RULES_MAX) and mostly none, so they are simply walked. Nothing is drawn from shared state: each request that
 * fits a rule gets a number, and the number and the rule's seed give the draw. So loops need no lock to stay repeatable (J1).
 *
 * Thread: any. */
#include "api/inject.h"

#include "base/limits.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/random.h"
#include "shards/stream_view.h"

#include <stdio.h>

enum { CERTAIN = 1000000 };

struct inject {
    struct metric *injected[INJECT_ACTIONS]; /* fixed at birth */
    _Atomic bool armed;
    struct lock mu;
    struct inject_rules *rules; /* under mu */
};

struct inject *inject_new(void)
{
    static const char *const names[INJECT_ACTIONS] = {
        [INJECT_LATENCY] = "latency",       [INJECT_ERROR] = "error",
        [INJECT_THROTTLE] = "throttle",     [INJECT_DROP_BEFORE] = "drop_before",
        [INJECT_DROP_AFTER] = "drop_after",
    };
    struct inject *i = MEM_NEW(struct inject);
    lock_init(&i->mu, LOCK_INJECT);
    for (int action = INJECT_LATENCY; action < INJECT_ACTIONS; action++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "action=\"%s\"", names[action]);
        i->injected[action] = metric_counter("sluice_faults_injected_total",
                                             "Faults injected by rules (--inject).", labels);
    }
    return i;
}

void inject_free(struct inject *i)
{
    if (!i)
        return;
    inject_rules_unref(i->rules);
    lock_fini(&i->mu);
    mem_free(i);
}

void inject_set(struct inject *i, struct inject_rules *rules)
{
    lock_take(&i->mu);
    struct inject_rules *old = i->rules;
    i->rules = rules;
    atomic_store_explicit(&i->armed, rules->count > 0, memory_order_relaxed);
    lock_drop(&i->mu);
    inject_rules_unref(old);
}

struct inject_rules *inject_look(struct inject *i)
{
    lock_take(&i->mu);
    struct inject_rules *rules = i->rules ? inject_rules_ref(i->rules) : NULL;
    lock_drop(&i->mu);
    return rules;
}

bool inject_is_armed(const struct inject *i)
{
    return atomic_load_explicit(&i->armed, memory_order_relaxed);
}

/* ---- one rule ---- */

static bool names(struct bytes wanted, struct bytes is)
{
    return !bytes_present(wanted) || (bytes_present(is) && bytes_equal(wanted, is));
}

/* By name: PutRecord is an operation of two services. */
static bool is_operation(const struct inject_rule *r, const struct inject_question *q)
{
    return !r->operation || r->operation == q->operation ||
           (q->operation && strcmp(r->operation->name, q->operation->name) == 0);
}

static bool fits(const struct inject_rule *r, const struct inject_question *q)
{
    return is_operation(r, q) && names(r->said->account, q->account) &&
           names(r->said->stream_name, q->stream) &&
           (r->shard == SHARD_NONE || r->shard == q->shard);
}

/* One more hit, unless it had all it may have. */
static bool count_hit(struct inject_rule *r)
{
    uint64_t hits = atomic_load(&r->injected);
    do {
        if (hits >= r->times)
            return false;
    } while (!atomic_compare_exchange_weak(&r->injected, &hits, hits + 1));
    return true;
}

/* Whether the rule hits this request, which it fits. J1. */
static bool hits(struct inject_rule *r, uint32_t *latency_ms)
{
    struct random draw;
    random_seed(&draw, r->seed);
    uint64_t number = atomic_fetch_add(&r->matched, 1);
    random_seed(&draw, random_next(&draw) ^ number);
    if (random_below(&draw, CERTAIN) >= r->millionths || !count_hit(r))
        return false;
    *latency_ms = r->latency_least_ms +
                  (uint32_t)random_below(&draw, r->latency_most_ms - r->latency_least_ms + 1u);
    return true;
}

/* ---- all of them ---- */

/* Whether it is throttled by shard, when that is known. */
static bool is_throttled_by_shard(const struct operation_model *operation)
{
    return operation == &kinesis_operations[KINESIS_OP_PUT_RECORD] ||
           operation == &kinesis_operations[KINESIS_OP_PUT_RECORDS] ||
           operation == &kinesis_operations[KINESIS_OP_GET_RECORDS];
}

static void decide(const struct inject_rule *r, struct arena *arena, struct inject_verdict *out)
{
    out->action = r->action;
    if (r->action != INJECT_ERROR)
        return;
    out->http_status = r->http_status;
    struct bytes name = arena_copy(arena, r->said->error->name);
    out->name = bytes_present(name) ? (const char *)name.at : "InternalFailure";
    out->text = bytes_present(r->said->error->message) ? arena_copy(arena, r->said->error->message)
                                                       : BYTES_NONE;
}

void inject_judge(struct inject *i, const struct inject_question *q, struct arena *arena,
                  struct inject_verdict *out)
{
    *out = (struct inject_verdict){.action = INJECT_NOTHING};
    struct inject_rules *rules = inject_look(i);
    for (uint32_t n = 0; rules && n < rules->count && out->action == INJECT_NOTHING; n++) {
        struct inject_rule *r = &rules->at[n];
        uint32_t latency_ms;
        bool later = r->action == INJECT_THROTTLE && is_throttled_by_shard(q->operation);
        if (later || !fits(r, q) || !hits(r, &latency_ms))
            continue;
        metric_add(i->injected[r->action], 1);
        if (r->action == INJECT_LATENCY)
            out->latency_ms += latency_ms; /* J2 */
        else
            decide(r, arena, out);
    }
    if (out->latency_ms > INJECT_LATENCY_MS_MAX)
        out->latency_ms = INJECT_LATENCY_MS_MAX;
    inject_rules_unref(rules);
}

bool inject_throttles(struct inject *i, const struct inject_question *q)
{
    bool throttled = false;
    struct inject_rules *rules = inject_look(i);
    for (uint32_t n = 0; rules && n < rules->count && !throttled; n++) {
        struct inject_rule *r = &rules->at[n];
        uint32_t ignored;
        throttled = r->action == INJECT_THROTTLE && fits(r, q) && hits(r, &ignored);
    }
    if (throttled)
        metric_add(i->injected[INJECT_THROTTLE], 1);
    inject_rules_unref(rules);
    return throttled;
}
