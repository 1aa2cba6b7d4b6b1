/* check.h: a struct against its shape's bounds, all complaints worded as AWS words them. Thread:
 * any. */
#ifndef SLUICE_WIRE_CHECK_H
#define SLUICE_WIRE_CHECK_H

#include "base/status.h"
#include "wire/shape.h"

/* OK, or INVALID_VALUE with `N validation error(s) detected: A; B` (at most 10), as in AWS-FACTS
 * section 2. */
enum status check(const struct shape *s, const void *in, struct fault *f) MUST_USE;

#endif
