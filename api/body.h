/* body.h: the body of a request while it arrives: bounded for itself, and all bodies of the server
 * together. Thread: the loop's own; the budget is shared. */
#ifndef SLUICE_API_BODY_H
#define SLUICE_API_BODY_H

#include "api/buffers.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/status.h"

/* Bytes of all bodies in memory. A refusal is a THROTTLED, never a wait: so bodies that are half
 * there cannot block each other. */
struct body_budget {
    _Atomic uint64_t used;
    uint64_t most; /* fixed at birth */
};
/* False, with nothing charged, when the budget has no room for so many bytes more. Thread: any. */
bool body_budget_charge(struct body_budget *b, uint64_t bytes) MUST_USE;
void body_budget_return(struct body_budget *b, uint64_t bytes);

struct body {
    struct body_budget *budget; /* fixed at birth */
    struct buffers *buffers;    /* fixed at birth */
    struct buffer buffer;
    size_t len, most;
    uint64_t charged;   /* of the budget */
    uint64_t discarded; /* bytes thrown away after a failure */
    enum status
        status; /* OK, TOO_LARGE, THROTTLED, NO_MEMORY: latches; what arrives then is thrown away */
};

enum { BODY_LENGTH_UNKNOWN = -1 };
/* How much of a body that was refused is read and thrown away before its client is cut. */
enum { DISCARD_BYTES_MAX = 4 * REQUEST_BODY_BYTES_MAX };

void body_init(struct body *b, struct body_budget *budget, struct buffers *buffers, size_t most);
/* `length` is what the client announced, or BODY_LENGTH_UNKNOWN. Its room is made once; the budget
 * is charged as bytes arrive, since what was announced and does not come costs nothing. */
void body_expect(struct body *b, int64_t length);
void body_append(struct body *b, struct bytes piece);
/* Gives buffer and budget back. */
void body_fini(struct body *b);

#endif
