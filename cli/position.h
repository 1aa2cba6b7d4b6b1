/* position.h: where reading begins, as --from says it. Thread: any. */
#ifndef SLUICE_CLI_POSITION_H
#define SLUICE_CLI_POSITION_H

#include <stdbool.h>
#include <stdint.h>

struct position {
    const char *type;     /* AWS's own word: "TRIM_HORIZON" */
    const char *sequence; /* of AT_SEQUENCE_NUMBER; borrowed */
    int64_t at_ms;        /* of AT_TIMESTAMP */
};

/* trim_horizon, latest (in any letters), a time (2026-11-01, 2026-11-01T12:00:00.5Z, +01:00; or seconds since 1970), a sequence number: digits, more than a time
 * has. false: none of them. */
bool position_parse(const char *text, struct position *out);

#endif
