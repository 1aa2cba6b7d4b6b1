/* status.c: names of outcomes, and filling in the fault that goes with one.
 *
 * A fault is a fixed block that its owner hands down, so explaining an error can itself never fail.
 *
 * I1. The text of a fault is always NUL-terminated.
 *
 * Thread: any. */
#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

enum status fault_vset(struct fault *f, enum status status, const char *format, va_list args)
{
    if (f == NULL)
        return status;
    f->status = status;
    if (vsnprintf(f->text, sizeof(f->text), format, args) < 0)
        f->text[0] = '\0'; /* I1 */
    return status;
}

enum status fault_set(struct fault *f, enum status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault_vset(f, status, format, args);
    va_end(args);
    return status;
}

#define ROW(name) [-name] = #name

static const char *const error_names[] = {
    "OK",
    ROW(INVALID_ARGUMENT),
    ROW(INVALID_VALUE),
    ROW(MALFORMED),
    ROW(NOT_FOUND),
    ROW(IN_USE),
    ROW(LIMIT_EXCEEDED),
    ROW(THROTTLED),
    ROW(EXPIRED_ITERATOR),
    ROW(EXPIRED_TOKEN),
    ROW(ACCESS_DENIED),
    ROW(UNAUTHENTICATED),
    ROW(BAD_CREDENTIALS),
    ROW(BAD_SIGNATURE),
    ROW(INCOMPLETE_SIGNATURE),
    ROW(UNKNOWN_OPERATION),
    ROW(TOO_LARGE),
    ROW(SEALED),
    ROW(CORRUPT),
    ROW(IO_FAILED),
    ROW(NO_SPACE),
    ROW(NO_MEMORY),
    ROW(CLOSING),
    ROW(UNSUPPORTED),
    ROW(INTERNAL),
    ROW(KEY_NOT_FOUND),
    ROW(KEY_DISABLED),
    ROW(KEY_DENIED),
    ROW(KEY_INVALID),
    ROW(TIMED_OUT),
    ROW(CHANGED),
    ROW(FENCED),
};

const char *status_name(enum status status)
{
    if (status == END)
        return "END";
    size_t row = (size_t) - (long)status;
    if (status > OK || row >= sizeof(error_names) / sizeof(error_names[0]))
        return "UNKNOWN";
    return error_names[row];
}
