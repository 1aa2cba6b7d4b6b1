/* sluice/types.h: what every header of the SDK stands on: views of bytes, optional numbers, errors.
 *
 * Compiles alone as C11 and as C++17. Layouts are part of the ABI: they change only with the library's soname. */
#ifndef SLUICE_TYPES_H
#define SLUICE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SLUICE_API      __attribute__((visibility("default")))
#define SLUICE_MUST_USE __attribute__((warn_unused_result))
#else
#define SLUICE_API
#define SLUICE_MUST_USE
#endif

/* A borrowed view of bytes: never owned, never NUL-terminated. at == NULL: absent; an empty one that is present points anywhere. */
struct sluice_bytes {
    const uint8_t *at;
    size_t len;
};

/* Numbers, booleans (0 or 1) and times (milliseconds since 1970, UTC) of requests and answers. */
struct sluice_opt_int {
    int64_t value;
    bool present;
};
struct sluice_opt_double {
    double value;
    bool present;
};
/* An entry of a map of texts. */
struct sluice_pair {
    struct sluice_bytes key, value;
};

static inline struct sluice_bytes sluice_view(const void *at, size_t len)
{
    struct sluice_bytes b = {(const uint8_t *)at, len};
    return b;
}

/* A view of a NUL-terminated text; NULL gives an absent one. */
static inline struct sluice_bytes sluice_text(const char *text)
{
    return sluice_view(text, text ? strlen(text) : 0);
}

static inline struct sluice_opt_int sluice_int(int64_t value)
{
    struct sluice_opt_int n = {value, true};
    return n;
}

/* How a call of the SDK ended. Negative values are failures; further ones may be added. */
enum sluice_status {
    SLUICE_OK = 0,
    SLUICE_END = 1,               /* nothing more: of a shard, of a stream of events */
    SLUICE_INVALID_ARGUMENT = -1, /* the call breaks a bound that is known here: it was not sent */
    SLUICE_SERVICE = -2,          /* the service answered with an error: see type and http_status */
    SLUICE_TRANSPORT = -3,   /* no answer: no connection, or it ended before the answer was whole */
    SLUICE_TIMED_OUT = -4,   /* no answer in the time that the call had */
    SLUICE_CREDENTIALS = -5, /* none were found, or what was found cannot be used */
    SLUICE_PROTOCOL = -6,    /* an answer that is not of the shape that the service promises */
    SLUICE_NO_MEMORY = -7,   /* an allocation failed; nothing was lost that was not yet answered */
    SLUICE_FULL = -8,        /* a bound of memory is reached: try again when something completes */
    SLUICE_CANCELLED = -9,   /* by sluice_call_cancel, or because its owner was freed */
    SLUICE_FENCED = -10, /* another has the lease now: what was done under it is not committed */
    SLUICE_IO = -11,     /* a local file or descriptor failed */
    SLUICE_STATE = -12   /* not in this state of the object: closed, running, on a wrong thread */
};

/* Why something failed. Filled by whoever takes one (NULL where nobody wants it). Never holds a secret. */
struct sluice_error {
    enum sluice_status status;
    int http_status; /* of the answer; 0: there was none */
    /* The same call may well succeed later (throttled, server error, transport); attempts were used up. */
    bool retryable;
    unsigned attempts; /* that were sent */
    /* Of a SLUICE_SERVICE error, the exception's name: "ResourceNotFoundException"; else "". */
    char type[64];
    char request_id[64]; /* x-amzn-RequestId; "" when there was no answer */
    char message[512];   /* one sentence; cut when longer */
};

/* The status's own name: "SLUICE_TIMED_OUT". Never NULL. */
SLUICE_API const char *sluice_status_name(enum sluice_status status);
/* The library's version: "0.1.0". */
SLUICE_API const char *sluice_version(void);

#ifdef __cplusplus
}
#endif
#endif
