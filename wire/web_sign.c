/* web_sign.c: see the header. The key is derived for each call: five HMACs are nothing beside a request to the outside. Thread: any. */
#include "wire/web_sign.h"

#include "base/must.h"
#include "wire/sigv4.h"
#include "wire/uri.h"

static void add(struct web_call *c, const char *name, struct bytes value)
{
    must(c->header_count < WEB_HEADERS_MAX);
    c->headers[c->header_count++] = (struct web_header){bytes_text(name), value};
}

static enum status authorize(struct web_call *c, const struct web_signer *s, const struct uri *uri,
                             struct bytes stamp, struct arena *a, struct fault *f)
{
    struct sigv4_header headers[WEB_HEADERS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->header_count; i++)
        if (bytes_present(c->headers[i].value)) /* else it is not sent */
            headers[count++] = (struct sigv4_header){c->headers[i].name, c->headers[i].value};
    const struct sigv4_request request = {
        .method = bytes_text(c->method),
        .path = uri->path.len ? uri->path : BYTES_LITERAL("/"),
        .query = bytes_present(uri->query) ? uri->query : BYTES_LITERAL(""),
        .headers = headers,
        .header_count = count,
        .body = bytes_present(c->body) ? c->body : BYTES_LITERAL(""),
    };
    struct sigv4_signer signer = {
        .access_key = bytes_text(s->credentials->access_key),
        .region = s->region,
        .service = bytes_text(s->service),
        .timestamp = stamp,
    };
    struct bytes authorization;
    sigv4_derive_key(bytes_text(s->credentials->secret_key), bytes_of(stamp.at, 8), signer.region,
                     signer.service, signer.key);
    enum status st = sigv4_sign(&request, &signer, a, &authorization, f);
    explicit_bzero(signer.key, sizeof(signer.key));
    if (st == OK)
        add(c, "Authorization", authorization);
    return st;
}

enum status web_sign(struct web_call *c, const struct web_signer *s, struct arena *a,
                     struct fault *f)
{
    struct uri uri;
    char date[17];
    enum status st = uri_parse(bytes_text(c->url), &uri, f);
    if (st != OK)
        return st;
    sigv4_timestamp(s->now_ms, date);
    struct bytes stamp = arena_copy(a, bytes_of(date, 16));
    if (!bytes_present(stamp))
        return fault_set(f, NO_MEMORY, "no memory for a request");
    add(c, "Host", uri.authority);
    add(c, "X-Amz-Date", stamp);
    if (s->credentials->token[0] != '\0')
        add(c, "X-Amz-Security-Token", bytes_text(s->credentials->token));
    return authorize(c, s, &uri, stamp, a, f);
}
