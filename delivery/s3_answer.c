/* s3_answer.c: see the header. */
#include "delivery/s3_answer.h"

#include <stdlib.h>

/* Where "<name" or "</name" begins a tag of that name and no longer one. */
static const uint8_t *find_tag(struct bytes in, const char *open, const char *name)
{
    size_t open_len = strlen(open), name_len = strlen(name), len = open_len + name_len;
    for (size_t i = 0; i + len < in.len; i++) {
        const uint8_t *at = in.at + i;
        if (memcmp(at, open, open_len) != 0 || memcmp(at + open_len, name, name_len) != 0)
            continue;
        uint8_t next = at[len];
        if (next == '>' || next == ' ' || next == '/' || next == '\t' || next == '\n')
            return at;
    }
    return NULL;
}

struct bytes s3_element(struct bytes *rest, const char *name)
{
    struct bytes none = BYTES_NONE, in = *rest;
    const uint8_t *tag = in.len ? find_tag(in, "<", name) : NULL;
    if (!tag)
        return none;
    const uint8_t *end = in.at + in.len;
    const uint8_t *inside = memchr(tag, '>', (size_t)(end - tag));
    if (!inside)
        return none;
    inside++;
    if (inside[-2] == '/') { /* <name/> */
        *rest = bytes_of(inside, (size_t)(end - inside));
        return bytes_of(inside, 0);
    }
    const uint8_t *close = find_tag(bytes_of(inside, (size_t)(end - inside)), "</", name);
    if (!close)
        return none;
    const uint8_t *behind = memchr(close, '>', (size_t)(end - close));
    *rest = behind ? bytes_of(behind + 1, (size_t)(end - behind - 1)) : bytes_of(end, 0);
    return bytes_of(inside, (size_t)(close - inside));
}

/* One entity at `at` ("&...;"): its byte, and how long it is; 0: none that is known. */
static size_t entity(struct bytes at, uint8_t *out)
{
    static const struct {
        const char *text;
        char byte;
    } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (bytes_starts_with(at, bytes_text(known[i].text))) {
            *out = (uint8_t)known[i].byte;
            return strlen(known[i].text);
        }
    }
    uint32_t value = 0;
    size_t i = 2;
    if (at.len < 4 || at.at[1] != '#')
        return 0;
    while (i < at.len && i < 6 && at.at[i] >= '0' && at.at[i] <= '9')
        value = value * 10 + (uint32_t)(at.at[i++] - '0');
    if (i == 2 || i >= at.len || at.at[i] != ';' || value == 0 || value > 127)
        return 0;
    *out = (uint8_t)value;
    return i + 1;
}

struct bytes s3_text(struct bytes inside, const char *name, struct arena *a)
{
    struct bytes raw = s3_element(&inside, name);
    if (!bytes_present(raw))
        return raw;
    uint8_t *out = arena_take(a, raw.len + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < raw.len;) {
        uint8_t byte = raw.at[i];
        size_t taken = byte == '&' ? entity(bytes_of(raw.at + i, raw.len - i), &byte) : 1;
        out[len++] = byte;
        i += taken ? taken : 1;
    }
    if (!out)
        return BYTES_NONE;
    out[len] = '\0';
    return bytes_of(out, len);
}
