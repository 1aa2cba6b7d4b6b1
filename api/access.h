/* access.h: whether a caller may do to a stream what it asks. Thread: any. */
#ifndef SLUICE_API_ACCESS_H
#define SLUICE_API_ACCESS_H

#include "api/exchange.h"
#include "shards/stream_view.h"

/* Whether the caller of `x` may do x->action to the stream of that name in that scope; `v` is its view, or NULL when there is no
 * such stream. OK also when there is none and the caller could have seen it: saying so is the operation's. NOT_FOUND when
 * the stream is in another region than the one asked, ACCESS_DENIED in AWS's words. */
enum status access_check(const struct exchange *x, const struct scope *scope, struct bytes name,
                         const struct stream_view *v, struct fault *f) MUST_USE;

#endif
