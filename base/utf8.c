/* utf8.c: strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * A lax reader lets one character through in several spellings, and then a check for one of them
 * misses the others.
 *
 * Thread: any. */
#include "base/utf8_internal.h"

/* The second byte has narrower bounds after four of the first ones: that is where the refused forms
 * begin. */
static bool second_fits(uint8_t first, uint8_t second)
{
    uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= least && second <= most;
}

size_t utf8_length(struct bytes text)
{
    uint8_t first = text.at[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > text.len || !second_fits(first, text.at[1]))
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((text.at[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

bool utf8_valid(struct bytes text)
{
    while (text.len > 0) {
        size_t length = utf8_length(text);
        if (length == 0)
            return false;
        text = bytes_of(text.at + length, text.len - length);
    }
    return true;
}
