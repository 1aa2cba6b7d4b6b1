/* retry_policy.c: see the header. Thread: any. */
#include "consumer-sdk/retry_policy.h"

static const char *const throttles[] = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "KMSThrottlingException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
};
static const char *const transients[] = {
    "InternalError",
    "InternalFailure",
    "InternalFailureException",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
};
static const char *const expiries[] = {"ExpiredToken", "ExpiredTokenException",
                                       "TokenRefreshRequired"};
static const char *const skews[] = {"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"};

static bool among(const char *type, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(type, list[i]) == 0)
            return true;
    }
    return false;
}
#define AMONG(type, list) among(type, list, sizeof(list) / sizeof((list)[0]))

static bool is_skew(const struct sluice_error *e)
{
    static const char expired[] = "Signature expired", early[] = "Signature not yet current";
    return AMONG(e->type, skews) || strncmp(e->message, expired, sizeof(expired) - 1) == 0 ||
           strncmp(e->message, early, sizeof(early) - 1) == 0;
}

enum retry_cause retry_cause_of(const struct sluice_error *e)
{
    if (e->status == SLUICE_TRANSPORT)
        return e->retryable ? RETRY_TRANSIENT : RETRY_NOT;
    if (e->status == SLUICE_TIMED_OUT)
        return RETRY_TRANSIENT;
    if (e->status != SLUICE_SERVICE)
        return RETRY_NOT;
    if (AMONG(e->type, throttles) || e->http_status == 429)
        return RETRY_THROTTLE;
    if (AMONG(e->type, expiries))
        return RETRY_EXPIRED;
    if (is_skew(e))
        return RETRY_SKEW;
    bool server = e->http_status == 500 || (e->http_status >= 502 && e->http_status <= 504);
    return server || AMONG(e->type, transients) ? RETRY_TRANSIENT : RETRY_NOT;
}

bool retry_budget_take(struct retry_budget *b, unsigned cost)
{
    if (b->tokens < cost)
        return false;
    b->tokens -= cost;
    return true;
}

void retry_budget_give(struct retry_budget *b, unsigned tokens)
{
    b->tokens = tokens < b->most - b->tokens ? b->tokens + tokens : b->most;
}
