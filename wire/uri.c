/* uri.c: parses and escapes URIs as SigV4 needs them.
 *
 * Only RFC 3986's unreserved bytes stay as they are; all others become %XX with upper-case digits,
 * since both sides of a signature must arrive at the same bytes. Reading is lenient where a
 * signature settles the matter anyway (a broken escape stays as it is), strict where we are about
 * to connect (uri_parse).
 *
 * I1. Unescaping what was escaped gives the same bytes back.
 *
 * Left to others: canonical order (sigv4_canonical.c).
 * Thread: any. */
#include "wire/uri.h"

#include "wire/uri_internal.h"

static const char digits[] = "0123456789ABCDEF";

/* 1: unreserved, RFC 3986 section 2.3 */
static const uint8_t unreserved[256] = {
    ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['0' ... '9'] = 1, ['-'] = 1,
    ['.'] = 1,         ['_'] = 1,         ['~'] = 1,
};

size_t uri_escaped_len(struct bytes text, bool keep_slash)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        len += unreserved[text.at[i]] || (keep_slash && text.at[i] == '/') ? 1 : 3;
    return len;
}

uint8_t *uri_escape_into(uint8_t *out, struct bytes text, bool keep_slash)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (unreserved[c] || (keep_slash && c == '/')) {
            *out++ = c;
        } else {
            *out++ = '%';
            *out++ = (uint8_t)digits[c >> 4];
            *out++ = (uint8_t)digits[c & 15];
        }
    }
    return out;
}

void uri_escape(struct buf *out, struct bytes text, bool keep_slash)
{
    /* counted first: a third of the room might do, and a buf has a ceiling */
    size_t len = uri_escaped_len(text, keep_slash);
    uint8_t *at = buf_reserve(out, len);
    if (at == NULL)
        return;
    uri_escape_into(at, text, keep_slash);
    buf_add(out, len);
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct bytes uri_unescape(struct arena *a, struct bytes text)
{
    if (text.len == 0)
        return BYTES_LITERAL("");
    if (memchr(text.at, '%', text.len) == NULL)
        return text;
    uint8_t *out = arena_take(a, text.len);
    if (out == NULL)
        return BYTES_NONE;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int high = -1, low = -1;
        if (text.at[i] == '%' && text.len - i > 2) {
            high = hex_digit(text.at[i + 1]);
            low = hex_digit(text.at[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            out[len++] = (uint8_t)(high << 4 | low);
            i += 2;
        } else {
            out[len++] = text.at[i];
        }
    }
    return bytes_of(out, len);
}

/* Cuts `text` at the first `c`: returns what stands before it and leaves what follows, absent when
 * there was none. */
static struct bytes cut_at(struct bytes *text, uint8_t c)
{
    const uint8_t *found = text->len > 0 ? memchr(text->at, c, text->len) : NULL;
    struct bytes before = *text;
    if (found == NULL) {
        *text = BYTES_NONE;
        return before;
    }
    before.len = (size_t)(found - text->at);
    *text = bytes_of(found + 1, text->len - before.len - 1);
    return before;
}

enum status uri_query_split(struct bytes query, struct arena *a, struct uri_parameter *out,
                            size_t most, size_t *count, struct fault *f)
{
    *count = 0;
    while (bytes_present(query)) {
        struct bytes value = cut_at(&query, '&');
        if (value.len == 0)
            continue;
        if (*count == most)
            return fault_set(f, TOO_LARGE, "the query string has more than %zu parameters", most);
        struct bytes name = cut_at(&value, '=');
        struct uri_parameter p = {uri_unescape(a, name), uri_unescape(a, value)};
        if (!bytes_present(p.name) || !bytes_present(p.value))
            return fault_set(f, NO_MEMORY, "no memory for the query string");
        out[(*count)++] = p;
    }
    return OK;
}

struct bytes uri_query_find(const struct uri_parameter *p, size_t count, const char *name)
{
    struct bytes wanted = bytes_text(name);
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(p[i].name, wanted))
            return p[i].value;
    }
    return BYTES_NONE;
}

static bool scheme_is_fine(struct bytes scheme)
{
    for (size_t i = 0; i < scheme.len; i++) {
        uint8_t c = scheme.at[i], lower = c | 0x20;
        bool letter = lower >= 'a' && lower <= 'z';
        bool later = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !later))
            return false;
    }
    return scheme.len > 0;
}

/* "host", "host:port", "[v6]" or "[v6]:port" */
static bool authority_read(struct bytes authority, struct uri *out)
{
    struct bytes rest = authority, port;
    if (rest.len > 0 && rest.at[0] == '[') {
        rest = bytes_of(rest.at + 1, rest.len - 1);
        out->host = cut_at(&rest, ']');
        if (!bytes_present(rest) || (rest.len > 0 && rest.at[0] != ':'))
            return false;
        port = rest.len > 0 ? bytes_of(rest.at + 1, rest.len - 1) : BYTES_NONE;
    } else {
        out->host = cut_at(&rest, ':');
        port = rest;
    }
    if (out->host.len == 0 || memchr(authority.at, '@', authority.len) != NULL)
        return false;
    out->port = 0;
    if (port.len == 0)
        return true;
    uint64_t number;
    if (!bytes_to_u64(port, &number) || number == 0 || number > UINT16_MAX)
        return false;
    out->port = (uint16_t)number;
    return true;
}

enum status uri_parse(struct bytes text, struct uri *out, struct fault *f)
{
    *out = (struct uri){0};
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] == 0x7f)
            return fault_set(f, MALFORMED, "a URI holds no spaces and no control characters");
    }
    struct bytes rest = text;
    out->scheme = cut_at(&rest, ':');
    if (!scheme_is_fine(out->scheme) || !bytes_starts_with(rest, BYTES_LITERAL("//")))
        return fault_set(f, MALFORMED, "'%.*s' is not a URI of the form scheme://host:port/path",
                         BYTES_ARGS(text));
    rest = bytes_of(rest.at + 2, rest.len - 2);
    rest = cut_at(&rest, '#');
    struct bytes before = cut_at(&rest, '?');
    out->query = rest;
    size_t authority_len = 0;
    while (authority_len < before.len && before.at[authority_len] != '/')
        authority_len++;
    out->authority = bytes_of(before.at, authority_len);
    out->path = bytes_of(before.at + authority_len, before.len - authority_len);
    if (!authority_read(out->authority, out))
        return fault_set(f, MALFORMED, "'%.*s' does not name a host and port we can read",
                         BYTES_ARGS(text));
    return OK;
}

uint16_t uri_port(const struct uri *u)
{
    if (u->port != 0)
        return u->port;
    if (bytes_equal_ignore_case(u->scheme, BYTES_LITERAL("https")))
        return 443;
    return bytes_equal_ignore_case(u->scheme, BYTES_LITERAL("http")) ? 80 : 0;
}

bool uri_same_origin(const struct uri *a, const struct uri *b)
{
    return bytes_equal_ignore_case(a->scheme, b->scheme) &&
           bytes_equal_ignore_case(a->host, b->host) && uri_port(a) == uri_port(b);
}
