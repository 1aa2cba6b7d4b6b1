/* inject_fuzz.c: any bytes as rules of fault injection: refused with a reason, or taken whole, and judging the same again. */
#include "api/inject.h"
#include "base/limits.h"
#include "base/must.h"
#include "shards/stream_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_whole(const struct inject_rule *r)
{
    must(r->millionths <= 1000000 && r->times >= 1);
    must(r->action > INJECT_NOTHING && r->action < INJECT_ACTIONS);
    must(r->latency_least_ms <= r->latency_most_ms && r->latency_most_ms <= INJECT_LATENCY_MS_MAX);
    must(r->action != INJECT_ERROR || (r->http_status >= 400 && r->http_status <= 599));
    must(r->shard >= SHARD_NONE && r->shard <= INT32_MAX);
}

static uint32_t judge(struct inject *i, struct bytes json, struct arena *arena)
{
    struct inject_rules *rules;
    struct inject_verdict verdict;
    struct inject_question q = {.operation = &kinesis_operations[KINESIS_OP_PUT_RECORDS],
                                .account = BYTES_LITERAL("000000000000"),
                                .stream = BYTES_LITERAL("s"),
                                .shard = 0};
    struct fault f;
    must(inject_rules_parse(json, &rules, &f) == OK);
    for (uint32_t n = 0; n < rules->count; n++)
        must_be_whole(&rules->at[n]);
    inject_set(i, rules);
    inject_judge(i, &q, arena, &verdict);
    return verdict.latency_ms * 100 + verdict.action * 10 + inject_throttles(i, &q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct inject *inject;
    struct inject_rules *rules;
    struct arena arena;
    struct fault f = {0};
    enum status st = inject_rules_parse(bytes_of(data, size), &rules, &f);
    if (st != OK) {
        must(st < 0 && !rules && f.text[0]);
        return 0;
    }
    inject_rules_unref(rules);
    if (!inject)
        inject = inject_new();
    arena_init(&arena, 1 << 20);
    must(judge(inject, bytes_of(data, size), &arena) ==
         judge(inject, bytes_of(data, size), &arena));
    arena_fini(&arena);
    return 0;
}
