/* tag_check.c: letters, digits, blanks and _ . / = + - @, as the real service takes them. Its first sentence lists a '%' as well, its second
 * then refuses that. Letters are told by range, as it does: U+00C0 to U+1FFF and U+2C00 to U+D7FF; no tabs, no newlines. */
#include "api/tag_check.h"

enum kind { FINE, PERCENT, INVALID };

/* The text is UTF-8: the decoder saw to it. */
static uint32_t next_character(const char **at)
{
    const uint8_t *p = (const uint8_t *)*at;
    unsigned more = p[0] < 0x80 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
    uint32_t c = more == 0 ? p[0] : p[0] & (0x3fu >> more);
    unsigned used = 1;
    for (; used <= more && (p[used] & 0xc0) == 0x80; used++)
        c = c << 6 | (p[used] & 0x3f);
    *at += used;
    return c;
}

static enum kind kind_of(uint32_t c)
{
    if (c == '%')
        return PERCENT;
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0x1fff) ||
                  (c >= 0x2c00 && c <= 0xd7ff);
    bool fine = letter || (c >= '0' && c <= '9') || (c < 0x80 && c && strchr("_./=+-@ ", (int)c));
    return fine ? FINE : INVALID;
}

static enum kind worst_of(const char *text)
{
    enum kind worst = FINE;
    while (*text) {
        enum kind kind = kind_of(next_character(&text));
        worst = kind > worst ? kind : worst;
    }
    return worst;
}

enum status tags_check(const struct scope *scope, struct bytes stream,
                       const struct stream_tag *tags, uint32_t count, struct fault *f)
{
    enum kind worst = FINE;
    bool adding = true;
    for (uint32_t i = 0; i < count; i++) {
        adding = tags[i].value != NULL;
        enum kind key = worst_of(tags[i].key), value = adding ? worst_of(tags[i].value) : FINE;
        worst = key > worst ? key : worst;
        worst = value > worst ? value : worst;
    }
    if (worst == INVALID)
        return fault_set(f, INVALID_ARGUMENT,
                         "Some tags contain invalid characters. Valid characters: Unicode letters, "
                         "digits, white space, _ . / = + - %% @.");
    if (worst == PERCENT)
        return fault_set(f, INVALID_ARGUMENT,
                         "Failed to %s stream %.*s under account %s because some tags contained "
                         "illegal characters. The allowed characters are Unicode letters, "
                         "white-spaces, '_',',','/','=','+','-','@'.",
                         adding ? "add tags to" : "remove tags from", BYTES_ARGS(stream),
                         scope->account);
    return OK;
}
