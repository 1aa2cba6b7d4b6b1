/* status.h: the closed list of outcomes, and the words that travel with one.
 *
 * OK is 0, errors are negative, END (nothing more) is positive. Who first knows why an operation
 * failed fills a `struct fault`; everyone above passes it on. api/exception.c is the only place
 * that turns a status into an AWS exception, and this list is as fine as that map needs. */
#ifndef SLUICE_BASE_STATUS_H
#define SLUICE_BASE_STATUS_H

#include <stdarg.h>

enum status {
    OK = 0,
    END = 1,               /* nothing more: end of input, of a list, of a sealed log */
    INVALID_ARGUMENT = -1, /* well-formed, but the operation cannot take it */
    INVALID_VALUE = -2,    /* breaks a bound of the model (AWS: ValidationException) */
    MALFORMED = -3, /* not of the shape that the format asks for (AWS: SerializationException) */
    NOT_FOUND = -4, /* a named object does not exist */
    IN_USE = -5,    /* it exists already, or its state forbids the change */
    LIMIT_EXCEEDED = -6, /* a count or rate of control operations is used up */
    THROTTLED = -7, /* a queue, a budget or a rate of the data plane is full: try again later */
    EXPIRED_ITERATOR = -8,      /* a read position older than its lifetime */
    EXPIRED_TOKEN = -9,         /* a page token older than its lifetime */
    ACCESS_DENIED = -10,        /* the caller is known and may not */
    UNAUTHENTICATED = -11,      /* no credentials at all */
    BAD_CREDENTIALS = -12,      /* unknown access key */
    BAD_SIGNATURE = -13,        /* signature or its date does not match */
    INCOMPLETE_SIGNATURE = -14, /* credentials were given, parts of them are missing */
    UNKNOWN_OPERATION = -15,    /* no such operation */
    TOO_LARGE = -16,            /* over a ceiling in bytes or items */
    SEALED = -17,               /* the log ends here for ever: its shard was split or merged */
    CORRUPT = -18,              /* stored bytes fail their check */
    IO_FAILED = -19,            /* the disk or a socket refused */
    NO_SPACE = -20,             /* the disk is full */
    NO_MEMORY = -21,            /* an allocation that may fail did */
    CLOSING = -22,              /* the part is shutting down */
    UNSUPPORTED = -23,          /* understood, and not offered */
    INTERNAL = -24,             /* a broken promise of ours */
    KEY_NOT_FOUND = -25,        /* a master key is not there (AWS: KMSNotFoundException) */
    KEY_DISABLED = -26,         /* it is marked disabled */
    KEY_DENIED = -27,           /* it belongs to another account */
    KEY_INVALID = -28,          /* it is there, but not what a data key was wrapped with */
    TIMED_OUT = -29,            /* the far side did not answer in the time it had */
    /* it is no longer as the caller believes it to be (AWS: ConcurrentModificationException) */
    CHANGED = -30,
    FENCED = -31, /* a lease or a session that is another's now (ours: FencedException) */
};

#define MUST_USE __attribute__((warn_unused_result))

enum { FAULT_TEXT_BYTES_MAX = 2048 }; /* ten validation errors in one text */

/* Why something failed. Fixed size, no allocation; always NUL-terminated. Never holds a secret. */
struct fault {
    enum status status;
    char text[FAULT_TEXT_BYTES_MAX];
};

/* Fills *f (which may be NULL) and returns `status`, so that `return fault_set(f, NOT_FOUND, "...",
 * ...)` is one line. Text over the ceiling is cut. */
enum status fault_set(struct fault *f, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum status fault_vset(struct fault *f, enum status status, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* The status's own name, e.g. "NOT_FOUND"; for traces and tests. */
const char *status_name(enum status status);

#endif
