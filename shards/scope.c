/* scope.c: see scope.h. Both parts are of letters that need no escape in an ARN, a row or a key. */
#include "shards/scope.h"

#include "base/must.h"

#include <stdio.h>

bool account_is_valid(struct bytes account)
{
    bool digits = account.len == ACCOUNT_BYTES - 1;
    for (size_t i = 0; digits && i < account.len; i++)
        digits = account.at[i] >= '0' && account.at[i] <= '9';
    return digits;
}

bool region_is_valid(struct bytes region)
{
    bool fine = region.len > 0 && region.len <= REGION_CHARS_MAX;
    for (size_t i = 0; fine && i < region.len; i++) {
        uint8_t c = region.at[i];
        fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }
    return fine;
}

bool scope_set(struct scope *s, struct bytes account, struct bytes region)
{
    if (!account_is_valid(account) || !region_is_valid(region))
        return false;
    *s = (struct scope){0};
    memcpy(s->account, account.at, account.len);
    memcpy(s->region, region.at, region.len);
    return true;
}

struct scope scope_hidden(const struct scope *s)
{
    struct scope hidden = *s;
    must(!scope_is_hidden(s));
    snprintf(hidden.region, sizeof(hidden.region), ".%.*s", REGION_CHARS_MAX, s->region);
    return hidden;
}

bool scope_is_hidden(const struct scope *s)
{
    return s->region[0] == '.';
}

const char *scope_region(const struct scope *s)
{
    return s->region + scope_is_hidden(s);
}

bool scope_set_stored(struct scope *s, struct bytes account, struct bytes region)
{
    bool hidden = region.len > 0 && region.at[0] == '.';
    if (hidden)
        region = bytes_of(region.at + 1, region.len - 1);
    if (!scope_set(s, account, region))
        return false;
    if (hidden)
        *s = scope_hidden(s);
    return true;
}

void scope_stream_arn(const struct scope *s, const char *name, char out[STREAM_ARN_BYTES])
{
    snprintf(out, STREAM_ARN_BYTES, "arn:aws:kinesis:%s:%s:stream/%s", s->region, s->account, name);
}

bool stream_arn_parse(struct bytes arn, struct stream_arn *out)
{
    struct bytes parts[6];
    struct bytes rest = arn;
    for (int i = 0; i < 5; i++) {
        const uint8_t *colon = memchr(rest.at, ':', rest.len);
        if (!colon)
            return false;
        parts[i] = bytes_of(rest.at, (size_t)(colon - rest.at));
        rest = bytes_of(colon + 1, rest.len - parts[i].len - 1);
    }
    static const struct bytes kind = BYTES_LITERAL("stream/");
    if (!bytes_starts_with(rest, kind))
        return false;
    *out =
        (struct stream_arn){parts[3], parts[4], bytes_of(rest.at + kind.len, rest.len - kind.len)};
    return true;
}

bool scope_equal(const struct scope *a, const struct scope *b)
{
    return strcmp(a->account, b->account) == 0 && strcmp(a->region, b->region) == 0;
}
