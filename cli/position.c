/* position.c: see the header. Times without a zone are UTC. */
#include "cli/position.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { TIME_DIGITS_MAX = 12 }; /* sequence numbers have 56 */

static bool parse_zone(const char *text, int *minutes)
{
    int hour, minute, used = 0;
    char sign;
    *minutes = 0;
    if (text[0] == '\0' || strcmp(text, "Z") == 0)
        return true;
    if (sscanf(text, "%c%2d:%2d%n", &sign, &hour, &minute, &used) != 3 || text[used] != '\0' ||
        (sign != '+' && sign != '-') || hour > 14 || minute > 59)
        return false;
    *minutes = (sign == '+' ? 1 : -1) * (hour * 60 + minute);
    return true;
}

static bool parse_time(const char *text, int64_t *ms)
{
    struct tm tm = {0};
    double fraction = 0;
    int minutes;
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    if (rest == NULL)
        return false;
    if (*rest == 'T' || *rest == ' ') {
        rest = strptime(rest + 1, "%H:%M:%S", &tm);
        if (rest == NULL)
            return false;
        if (*rest == '.') {
            char *end;
            fraction = strtod(rest, &end);
            rest = end;
        }
    }
    if (!parse_zone(rest, &minutes))
        return false;
    *ms = ((int64_t)timegm(&tm) - minutes * 60) * 1000 + (int64_t)(fraction * 1000);
    return true;
}

bool position_parse(const char *text, struct position *out)
{
    *out = (struct position){.type = "AT_TIMESTAMP"};
    if (strcasecmp(text, "trim_horizon") == 0 || strcasecmp(text, "latest") == 0) {
        out->type = (text[0] | 0x20) == 't' ? "TRIM_HORIZON" : "LATEST";
        return true;
    }
    size_t digits = strspn(text, "0123456789"), len = strlen(text);
    if (digits == len && digits > TIME_DIGITS_MAX) {
        out->type = "AT_SEQUENCE_NUMBER";
        out->sequence = text;
        return true;
    }
    uint64_t seconds;
    if (digits == len && bytes_to_u64(bytes_of(text, len), &seconds)) {
        out->at_ms = (int64_t)seconds * 1000;
        return true;
    }
    return parse_time(text, &out->at_ms);
}
