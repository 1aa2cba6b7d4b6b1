/* op_inject.c: PutFaultRules and GetFaultRules, operations of our own (Sluice_20261101): the rules of --inject, while the server runs.
 * They are there only when the server was started with --inject or --dev, and no rule applies to them: whoever shut himself out can
 * always take it back. */
#include "api/inject_gate.h"

#include "base/limits.h"
#include "wire/json.h"

/* What was decoded borrows from the exchange. Rules outlive it, so they are written down and read again: one parser for all. */
void op_put_fault_rules(struct service *s, struct exchange *x, const void *input)
{
    struct inject_rules *rules = NULL;
    struct fault f = {0};
    struct buf text;
    buf_init(&text, INJECT_BYTES_MAX);
    json_encode(&shape_sluice_put_fault_rules_input, input, &text);
    enum status st = text.status == OK ? inject_rules_parse(buf_view(&text), &rules, &f)
                                       : fault_set(&f, TOO_LARGE, "the rules are too long");
    buf_fini(&text);
    if (st == OK) {
        inject_set(s->inject, rules);
        reply_empty(x);
    } else {
        f.status = INVALID_ARGUMENT;
        reply_fault(x, &f);
    }
}

void op_get_fault_rules(struct service *s, struct exchange *x, const void *input)
{
    (void)input;
    struct inject_rules *rules = inject_look(s->inject);
    struct sluice_get_fault_rules_output out = {.rules = {.present = true},
                                                .counts = {.present = true}};
    struct sluice_fault_rule_count *counts = NULL;
    if (rules) {
        counts = arena_zero(&x->arena, (rules->count + 1) * sizeof(*counts));
        out.rules = rules->said->rules;
        out.counts.count = counts ? rules->count : 0;
        out.counts.at = counts;
    }
    for (uint32_t i = 0; i < out.counts.count; i++)
        counts[i] = (struct sluice_fault_rule_count){
            .matched = {(int64_t)atomic_load(&rules->at[i].matched), true},
            .injected = {(int64_t)atomic_load(&rules->at[i].injected), true}};
    reply_shape(x, &shape_sluice_get_fault_rules_output, &out);
    inject_rules_unref(rules);
}
