/* inject_rules.h: rules of fault injection, read from JSON: the file of --inject, and the body of PutFaultRules alike (docs/FAULTS.md;
 * wire/model/sluice-2026-11-01.json says what a rule may hold).
 *
 * A set of rules is immutable but for its counts; it is counted, so that one can be put in force while another is being asked. */
#ifndef SLUICE_API_INJECT_RULES_H
#define SLUICE_API_INJECT_RULES_H

#include "base/arena.h"
#include "base/status.h"
#include "wire/model/kinesis.h"
#include "wire/model/sluice.h"

#include <stdatomic.h>

enum inject_action {
    INJECT_NOTHING,
    INJECT_LATENCY,
    INJECT_ERROR,
    INJECT_THROTTLE,
    INJECT_DROP_BEFORE, /* the connection is closed, the operation never runs */
    INJECT_DROP_AFTER,  /* it runs, and its answer is lost */
    INJECT_ACTIONS
};

struct inject_rule {
    /* fixed at birth */
    const struct sluice_fault_rule *said;    /* as it was given */
    const struct operation_model *operation; /* NULL: any */
    int64_t shard;                           /* index, or SHARD_NONE: any */
    uint32_t millionths;                     /* of the requests it fits */
    uint64_t seed, times;
    enum inject_action action;
    uint32_t latency_least_ms, latency_most_ms;
    int http_status; /* of an error */

    _Atomic uint64_t matched, injected;
};

struct inject_rules {
    _Atomic uint32_t refs;
    struct arena arena;
    const struct sluice_put_fault_rules_input *said;
    uint32_t count;
    struct inject_rule *at;
};

/* One reference. MALFORMED, INVALID_VALUE, INVALID_ARGUMENT, TOO_LARGE: the text names the line or the member. */
enum status inject_rules_parse(struct bytes json, struct inject_rules **out,
                               struct fault *f) MUST_USE;
struct inject_rules *inject_rules_ref(struct inject_rules *r);
void inject_rules_unref(struct inject_rules *r); /* NULL is allowed */

#endif
