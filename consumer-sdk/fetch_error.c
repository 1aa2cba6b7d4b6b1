/* fetch_error.c: see the header. */
#include "consumer-sdk/fetch_error.h"

#include <stddef.h>

static const struct {
    const char *type;
    enum fetch_verdict verdict;
} rows[] = {
    {"ProvisionedThroughputExceededException", FETCH_THROTTLED},
    {"LimitExceededException", FETCH_THROTTLED},
    {"ThrottlingException", FETCH_THROTTLED},
    {"KMSThrottlingException", FETCH_THROTTLED},
    {"ExpiredIteratorException", FETCH_EXPIRED},
    {"ResourceInUseException", FETCH_BUSY},
    {"ResourceNotFoundException", FETCH_NOT_FOUND},
    /* the operator is at it: a key that is disabled can be enabled again */
    {"KMSDisabledException", FETCH_AGAIN},
    {"KMSInvalidStateException", FETCH_AGAIN},
    {"InternalFailure", FETCH_AGAIN},
    {"InternalFailureException", FETCH_AGAIN},
    {"ServiceUnavailable", FETCH_AGAIN},
};

static enum fetch_verdict service_verdict(const struct sluice_error *e)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(e->type, rows[i].type) == 0)
            return rows[i].verdict;
    if (e->retryable || e->http_status >= 500)
        return FETCH_AGAIN;
    if (strcmp(e->type, "InvalidArgumentException") == 0) {
        if (strstr(e->message, "timestampInMillis"))
            return FETCH_FUTURE;
        if (strstr(e->message, "ShardIterator"))
            return FETCH_EXPIRED; /* "Invalid ShardIterator.": of a server that was made anew */
    }
    return FETCH_REFUSED;
}

bool fetch_unanswered(const struct sluice_error *error)
{
    return error->status == SLUICE_TRANSPORT && error->http_status == 0;
}

enum fetch_verdict fetch_verdict_of(const struct sluice_error *error)
{
    switch (error->status) {
    case SLUICE_SERVICE:
        return service_verdict(error);
    case SLUICE_INVALID_ARGUMENT:
    case SLUICE_CREDENTIALS:
    case SLUICE_STATE:
        return FETCH_REFUSED;
    default: /* transport, time, memory, an answer that was cut short */
        return FETCH_AGAIN;
    }
}
