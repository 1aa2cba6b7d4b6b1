/* request_target.h: what a decoded request is about, whatever its operation calls it: found by the names of its members, so that an
 * operation that is added is understood too. Thread: the exchange's loop. */
#ifndef SLUICE_API_REQUEST_TARGET_H
#define SLUICE_API_REQUEST_TARGET_H

#include "api/operations.h"

struct request_target {
    struct scope scope;  /* the stream's, or the caller's */
    struct bytes stream; /* its name; absent: none is named. A view of the input, or of `token` */
    int64_t shard;       /* index, or SHARD_NONE */
    struct iterator token;
};

/* Whether such a stream or shard is there is not asked. */
void request_target_find(const struct service *s, const struct exchange *x,
                         const struct shape *input, const void *values, struct request_target *out);

#endif
