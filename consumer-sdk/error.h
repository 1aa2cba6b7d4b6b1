/* error.h: filling a struct sluice_error, and the one map from the library's own outcomes to the SDK's. Thread: any. */
#ifndef SLUICE_CONSUMER_SDK_ERROR_H
#define SLUICE_CONSUMER_SDK_ERROR_H

#include "base/status.h"

#include <sluice/types.h>

/* Fills *error (which may be NULL) with that status and those words, all else zero; returns the status. */
enum sluice_status error_set(struct sluice_error *error, enum sluice_status status,
                             const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The status that an outcome of base/ or wire/ is to the SDK's user. */
enum sluice_status error_status(enum status status);
/* Both: the outcome's words. */
enum sluice_status error_from(struct sluice_error *error, enum status status,
                              const struct fault *fault);

#endif
