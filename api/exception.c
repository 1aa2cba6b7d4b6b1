/* exception.c: status in, AWS's name and HTTP status out. Inner failures say nothing of our insides
 * to a client, but damage names its place: an operator with only a client's log must be able to
 * find it. */
#include "api/exception.h"

#include <stddef.h>

static const struct exception exceptions[] = {
    {INVALID_ARGUMENT, "InvalidArgumentException", 400, "message", true},
    {INVALID_VALUE, "ValidationException", 400, "message", true},
    {MALFORMED, "SerializationException", 400, "Message", true},
    {NOT_FOUND, "ResourceNotFoundException", 400, "message", true},
    {IN_USE, "ResourceInUseException", 400, "message", true},
    {LIMIT_EXCEEDED, "LimitExceededException", 400, "message", true},
    {THROTTLED, "ProvisionedThroughputExceededException", 400, "message", true},
    {EXPIRED_ITERATOR, "ExpiredIteratorException", 400, "message", true},
    {EXPIRED_TOKEN, "ExpiredNextTokenException", 400, "message", true},
    {ACCESS_DENIED, "AccessDeniedException", 400, "message", true},
    {UNAUTHENTICATED, "MissingAuthenticationTokenException", 400, "message", true},
    {BAD_CREDENTIALS, "UnrecognizedClientException", 400, "message", true},
    {BAD_SIGNATURE, "InvalidSignatureException", 400, "message", true},
    {INCOMPLETE_SIGNATURE, "IncompleteSignatureException", 400, "message", true},
    {UNKNOWN_OPERATION, "UnknownOperationException", 400, "message", true},
    {CORRUPT, "InternalFailure", 500, "message", true},
    {NO_SPACE, "InternalFailure", 500, "message", true},
    {KEY_NOT_FOUND, "KMSNotFoundException", 400, "message", true},
    {KEY_DISABLED, "KMSDisabledException", 400, "message", true},
    {KEY_DENIED, "KMSAccessDeniedException", 400, "message", true},
    {KEY_INVALID, "KMSInvalidStateException", 400, "message", true},
    {FENCED, "FencedException", 400, "message", true},
};

/* What Firehose, and its flush, call otherwise. */
static const struct exception of_firehose[] = {
    {THROTTLED, "ServiceUnavailableException", 503, "message", true},
    {CLOSING, "ServiceUnavailableException", 503, "message", true},
    {NO_SPACE, "ServiceUnavailableException", 503, "message", true},
    {CHANGED, "ConcurrentModificationException", 400, "message", true},
    {TIMED_OUT, "DeliveryFailedException", 400, "message", true},
    {KEY_NOT_FOUND, "InvalidKMSResourceException", 400, "message", true},
    {KEY_DISABLED, "InvalidKMSResourceException", 400, "message", true},
    {KEY_DENIED, "InvalidKMSResourceException", 400, "message", true},
    {KEY_INVALID, "InvalidKMSResourceException", 400, "message", true},
};

static const struct exception *find(const struct exception *rows, size_t count, enum status status)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].status == status)
            return &rows[i];
    return NULL;
}

const struct exception *exception_of(enum exchange_service service, enum status status)
{
    static const struct exception internal = {INTERNAL, "InternalFailure", 500, "message", false};
    const struct exception *found = NULL;
    if (service != SERVICE_KINESIS)
        found = find(of_firehose, sizeof(of_firehose) / sizeof(*of_firehose), status);
    if (!found)
        found = find(exceptions, sizeof(exceptions) / sizeof(*exceptions), status);
    return found ? found : &internal;
}
