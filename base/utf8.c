/* utf8.c: strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * A lax reader lets one character through in several spellings, and then a check for one of them
 * misses the others.
 *
 * Thread: any. */
#include "base/utf8.h"

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

/* How many bytes at the begin of text are ASCII. */
static size_t ascii_length(struct bytes text)
{
    size_t at = 0;
    uint64_t word;
    for (; text.len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text.at + at, sizeof(word));
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (at < text.len && text.at[at] < 0x80)
        at++;
    return at;
}

bool utf8_valid(struct bytes text)
{
    while (text.len > 0) {
        size_t length = ascii_length(text);
        if (length == 0)
            length = utf8_length(text);
        if (length == 0)
            return false;
        text = bytes_of(text.at + length, text.len - length);
    }
    return true;
}

void utf8_append(struct buf *out, struct bytes text)
{
    if (utf8_valid(text)) {
        buf_append(out, text);
        return;
    }
    while (text.len > 0) {
        size_t length = utf8_length(text);
        buf_append(out, length == 0 ? BYTES_LITERAL("\xef\xbf\xbd") : bytes_of(text.at, length));
        length = length == 0 ? 1 : length;
        text = bytes_of(text.at + length, text.len - length);
    }
}
