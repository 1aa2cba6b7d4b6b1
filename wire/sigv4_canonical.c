/* sigv4_canonical.c: the one spelling of a request that both sides sign.
 *
 *     POST\n
 *     /\n                                      path: no dot segments, escaped once more
 *     \n                                       query: by escaped name, then value
 *     host:kinesis.us-east-1.amazonaws.com\n   signed headers: lower case, trimmed, runs of spaces
 * as one, x-amz-date:20261123T235846Z\n            those of one name joined by comma \n
 *     host;x-amz-date\n
 *     e3b0c442...b855                          SHA-256 of the body
 *
 * It is written in one pass into memory whose size is reckoned beforehand from the request: no
 * printf, no growing, since every put waits for this.
 *
 * I1. It takes no more room than the request's headers do: a list that names one header a thousand
 * times is refused, not written out.
 * I2. Two requests that differ in a signed part have different
 * canonical requests.
 *
 * Left to others: who signs and verifies (sigv4.c).
 * Thread: any. */
#include "wire/sigv4_internal.h"

#include "wire/uri_internal.h"

struct bytes sigv4_header_find(const struct sigv4_request *r, struct bytes name)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (bytes_equal_ignore_case(r->headers[i].name, name))
            return r->headers[i].value;
    }
    return BYTES_NONE;
}

bool sigv4_next_name(struct bytes *list, struct bytes *name)
{
    if (list->len == 0)
        return false;
    const uint8_t *end = memchr(list->at, ';', list->len);
    *name = bytes_of(list->at, end == NULL ? list->len : (size_t)(end - list->at));
    size_t taken = name->len + (end == NULL ? 0 : 1);
    *list = bytes_of(list->at + taken, list->len - taken);
    return true;
}

/* ---- path */

/* Writes the path without "", "." and ".." segments; `out` has room for path.len + 1. */
static size_t path_normalise(struct bytes path, uint8_t *out)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len;) {
        const uint8_t *slash = memchr(path.at + i, '/', path.len - i);
        size_t end = slash == NULL ? path.len : (size_t)(slash - path.at);
        struct bytes segment = bytes_of(path.at + i, end - i);
        if (bytes_equal(segment, BYTES_LITERAL(".."))) {
            while (len > 0 && out[--len] != '/') {
            }
        } else if (segment.len > 0 && !bytes_equal(segment, BYTES_LITERAL("."))) {
            out[len++] = '/';
            memcpy(out + len, segment.at, segment.len);
            len += segment.len;
        }
        i = end + 1;
    }
    if (len == 0 || path.at[path.len - 1] == '/')
        out[len++] = '/';
    return len;
}

struct bytes sigv4_canonical_path(struct bytes path, struct arena *a)
{
    if (path.len <= 1)
        return BYTES_LITERAL("/");
    uint8_t *normal = arena_take(a, path.len + 2);
    if (normal == NULL)
        return BYTES_NONE;
    struct bytes text = bytes_of(normal, path_normalise(path, normal));
    uint8_t *out = arena_take(a, uri_escaped_len(text, true));
    if (out == NULL)
        return BYTES_NONE;
    return bytes_of(out, (size_t)(uri_escape_into(out, text, true) - out));
}

/* ---- query */

static struct bytes escaped(struct bytes text, struct arena *a)
{
    size_t len = uri_escaped_len(text, false);
    uint8_t *out = arena_take(a, len > 0 ? len : 1);
    if (out != NULL)
        uri_escape_into(out, text, false);
    return bytes_of(out, len);
}

static int parameter_compare(const struct uri_parameter *a, const struct uri_parameter *b)
{
    int order = bytes_compare(a->name, b->name);
    return order != 0 ? order : bytes_compare(a->value, b->value);
}

/* At most SIGV4_PARAMETERS_MAX, and nearly always sorted already. */
static void parameters_sort(struct uri_parameter *p, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct uri_parameter moved = p[i];
        size_t at = i;
        for (; at > 0 && parameter_compare(&p[at - 1], &moved) > 0; at--)
            p[at] = p[at - 1];
        p[at] = moved;
    }
}

struct bytes sigv4_canonical_query(struct uri_parameter *p, size_t count, struct arena *a)
{
    size_t kept = 0, room = 1;
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(p[i].name, BYTES_LITERAL("X-Amz-Signature")))
            continue;
        struct uri_parameter e = {escaped(p[i].name, a), escaped(p[i].value, a)};
        if (!bytes_present(e.name) || !bytes_present(e.value))
            return BYTES_NONE;
        room += e.name.len + e.value.len + 2;
        p[kept++] = e;
    }
    parameters_sort(p, kept);
    struct sigv4_text t = {.at = arena_take(a, room), .room = room};
    if (t.at == NULL)
        return BYTES_NONE;
    for (size_t i = 0; i < kept; i++) {
        if (i > 0)
            sigv4_put_byte(&t, '&');
        sigv4_put(&t, p[i].name);
        sigv4_put_byte(&t, '=');
        sigv4_put(&t, p[i].value);
    }
    return sigv4_text_view(&t);
}

/* ---- headers */

static void put_lower(struct sigv4_text *t, struct bytes name)
{
    if (name.len > t->room - t->len) {
        t->over = true;
        return;
    }
    bytes_lower_into(t->at + t->len, name);
    t->len += name.len;
}

/* Trimmed, and each run of spaces as one. */
static void put_value(struct sigv4_text *t, struct bytes value)
{
    value = bytes_trim(value);
    while (value.len > 0) {
        const uint8_t *space = memchr(value.at, ' ', value.len);
        size_t upto = space == NULL ? value.len : (size_t)(space - value.at) + 1;
        sigv4_put(t, bytes_of(value.at, upto));
        while (upto < value.len && value.at[upto] == ' ')
            upto++;
        value = bytes_of(value.at + upto, value.len - upto);
    }
}

/* False when there is no such header. HTTP/2 clients may sign the host by the name it has there, and
 * the request has it as Host. */
static bool put_header(struct sigv4_text *t, const struct sigv4_request *r, struct bytes name)
{
    struct bytes held = sigv4_is_authority(name) ? BYTES_LITERAL("host") : name;
    bool found = false;
    for (size_t i = 0; i < r->header_count; i++) {
        const struct sigv4_header *h = &r->headers[i];
        if (!bytes_equal_ignore_case(h->name, held))
            continue;
        if (found) {
            sigv4_put_byte(t, ',');
        } else {
            put_lower(t, name);
            sigv4_put_byte(t, ':');
        }
        put_value(t, h->value);
        found = true;
    }
    if (found)
        sigv4_put_byte(t, '\n');
    return found;
}

static void put_line(struct sigv4_text *t, struct bytes line)
{
    sigv4_put(t, line);
    sigv4_put_byte(t, '\n');
}

enum status sigv4_canonical_request(const struct sigv4_request *r, const struct sigv4_canonical *c,
                                    struct arena *a, struct bytes *out, struct fault *f)
{
    size_t room = r->method.len + c->path.len + c->query.len + c->signed_headers.len +
                  c->payload_hash.len + 5;
    for (size_t i = 0; i < r->header_count; i++)
        room += r->headers[i].name.len + r->headers[i].value.len + 2; /* I1: all of them, once */
    room += sizeof(":authority") - sizeof("host"); /* which is longer than what the request has */
    struct sigv4_text t = {.at = arena_take(a, room), .room = room};
    if (t.at == NULL)
        return fault_set(f, NO_MEMORY, "no memory for the canonical request");
    put_line(&t, r->method);
    put_line(&t, c->path);
    put_line(&t, c->query);
    struct bytes names = c->signed_headers, name;
    while (!t.over && sigv4_next_name(&names, &name)) {
        if (!put_header(&t, r, name))
            return fault_set(f, BAD_SIGNATURE,
                             "The request has no header '%.*s', which its signature names.",
                             BYTES_ARGS(name));
    }
    sigv4_put_byte(&t, '\n');
    put_lower(&t, c->signed_headers);
    sigv4_put_byte(&t, '\n');
    sigv4_put(&t, c->payload_hash);
    if (t.over)
        return fault_set(f, BAD_SIGNATURE, "The signature names a header more than once.");
    *out = sigv4_text_view(&t);
    return OK;
}
