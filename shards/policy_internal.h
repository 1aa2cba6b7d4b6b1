/* policy_internal.h: the compiled form, between policy_parse.c, which makes it, and policy.c, which asks it. */
#ifndef SLUICE_SHARDS_POLICY_INTERNAL_H
#define SLUICE_SHARDS_POLICY_INTERNAL_H

#include "base/arena.h"
#include "shards/policy.h"

#include <stdatomic.h>

struct policy_principal {
    bool anybody;
    struct bytes account;    /* else */
    struct bytes access_key; /* absent: all of the account */
};

struct policy_statement {
    bool denies;
    struct policy_principal *principals;
    struct bytes *actions; /* patterns, without "kinesis:" */
    uint32_t principal_count, action_count;
};

/* Texts and arrays are the arena's. */
struct policy {
    _Atomic uint32_t refs;
    struct arena arena;
    struct bytes text;
    struct policy_statement *statements; /* those about this resource */
    uint32_t count;
};

/* Whether a pattern with * and ? matches the whole text. Its time is bounded by the product of their lengths. */
bool policy_matches(struct bytes pattern, struct bytes text, bool ignore_case);

#endif
