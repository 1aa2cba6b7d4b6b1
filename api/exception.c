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
};

const struct exception *exception_of(enum status status)
{
    static const struct exception internal = {INTERNAL, "InternalFailure", 500, "message", false};
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++)
        if (exceptions[i].status == status)
            return &exceptions[i];
    return &internal;
}
