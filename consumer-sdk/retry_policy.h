/* retry_policy.h: what is worth trying again, and how often; pure.
 *
 * As AWS's SDKs have it ("standard" retry mode): throttles, server errors and what failed on the way are sent again, from a budget of tokens
 * that all calls of a client share: when a service is in trouble the budget runs dry, and it gets one try of each call.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Retry behavior". Besides its throttles we take KMSThrottlingException, which
 * is one by its name; and LimitExceededException, as they do: Kinesis answers with it when an operation's rate is
 * exceeded, and for counts of things too, where trying again costs a few attempts and changes nothing. Thread: any. */
#ifndef SLUICE_CONSUMER_SDK_RETRY_POLICY_H
#define SLUICE_CONSUMER_SDK_RETRY_POLICY_H

#include <sluice/types.h>

enum retry_cause {
    RETRY_NOT,
    RETRY_THROTTLE,
    RETRY_TRANSIENT, /* a server error, or no answer */
    RETRY_SKEW,      /* our clock differs from the service's */
    RETRY_EXPIRED    /* the credentials are no longer good */
};
/* Of an error that has its status, type, code and message. RETRY_SKEW and RETRY_EXPIRED: once, when what was wrong was put right. */
enum retry_cause retry_cause_of(const struct sluice_error *error);

struct retry_budget {
    unsigned tokens, most;
};
enum { RETRY_COST = 5, RETRY_COST_AFTER_TIMEOUT = 10, RETRY_REFUND = 1 };
static inline void retry_budget_init(struct retry_budget *b, unsigned most)
{
    b->tokens = b->most = most;
}
/* Whether there was enough. */
bool retry_budget_take(struct retry_budget *b, unsigned cost);
/* A call succeeded: what its last retry cost, or RETRY_REFUND when it needed none. */
void retry_budget_give(struct retry_budget *b, unsigned tokens);

#endif
