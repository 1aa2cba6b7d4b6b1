/* exception.h: the only map from outcome to AWS exception. */
#ifndef SLUICE_API_EXCEPTION_H
#define SLUICE_API_EXCEPTION_H

#include "api/exchange.h"
#include "base/status.h"

#include <stdbool.h>

struct exception {
    enum status status;
    const char *name; /* __type: the bare name */
    int http_status;
    const char *text_key; /* "message", or "Message": AWS is not of one mind */
    bool tells;           /* whether the fault's words go to the client */
};

/* As that service names it. Never NULL: what has no row of its own is InternalFailure. */
const struct exception *exception_of(enum exchange_service service, enum status status);

#endif
