/* s3_client.c: URL, headers and signature of a request; what its answer says.
 *
 * Path style when an endpoint is given (unless a setting asks for virtual hosts) or the bucket's name has dots, which no certificate of AWS's would fit; else the bucket is
 * part of the host. The body's SHA-256 is signed, whether over TLS or not: what arrives is what was sent. */
#include "delivery/s3_client.h"

#include "base/digest.h"
#include "base/list.h"
#include "delivery/s3_answer.h"
#include "wire/uri.h"
#include "wire/web_sign.h"

#include <stdio.h>

enum {
    CALL_ARENA_BYTES_MAX = 4 * 1024 * 1024,
    ANSWER_BYTES_MAX = 1024 * 1024,
    TIMEOUT_MS = 60 * 1000,
    SLOWEST_BYTES_PER_S = 64 * 1024,
    LOOK_AGAIN_MS = 5000
};

enum status s3_client_init(struct s3_client *c, const struct destination_settings *s,
                           struct fault *f)
{
    struct delivery_view *v = delivery_look(s->delivery);
    *c = (struct s3_client){
        .settings = s->engine, .web = s->web, .clock = s->clock, .scope = v->scope};
    delivery_view_unref(v);
    struct uri uri;
    const char *endpoint = s->engine->s3_endpoint;
    if (!endpoint || !endpoint[0])
        return OK;
    enum status st = uri_parse(bytes_text(endpoint), &uri, f);
    return st == OK ? OK : fault_set(f, INVALID_ARGUMENT, "the S3 endpoint is not a URL");
}

void s3_client_fini(struct s3_client *c)
{
    credentials_wipe(&c->credentials);
}

static const char *region_of(const struct s3_client *c)
{
    const char *region = c->settings->s3_region;
    return region && region[0] ? region : c->scope.region;
}

/* ---- where it goes ---- */

struct target {
    struct bytes scheme, host,
        path; /* host: with its port, as the Host header has it; path: escaped */
};

static struct bytes path_of(struct arena *a, struct bytes base, const char *bucket, const char *key)
{
    struct buf path;
    buf_init(&path, CALL_ARENA_BYTES_MAX);
    while (base.len && base.at[base.len - 1] == '/')
        base.len--;
    buf_append(&path, base);
    buf_append_byte(&path, '/');
    if (bucket) {
        uri_escape(&path, bytes_text(bucket), false);
        if (key)
            buf_append_byte(&path, '/');
    }
    if (key)
        uri_escape(&path, bytes_text(key), true);
    struct bytes copy = path.status == OK ? arena_copy(a, buf_view(&path)) : BYTES_NONE;
    buf_fini(&path);
    return copy;
}

static struct target target_of(const struct s3_client *c, struct arena *a,
                               const struct s3_request *r)
{
    const char *endpoint = c->settings->s3_endpoint;
    struct target t;
    struct uri uri = {.scheme = BYTES_LITERAL("https"), .path = BYTES_LITERAL("")};
    struct fault f;
    bool given = endpoint && endpoint[0] && uri_parse(bytes_text(endpoint), &uri, &f) == OK;
    bool in_host = given ? c->settings->s3_virtual_host : strchr(r->bucket, '.') == NULL;
    if (!given)
        uri.authority = arena_printf(a, "s3.%s.amazonaws.com", region_of(c));
    t.scheme = uri.scheme;
    t.host = arena_printf(a, "%s%s%.*s", in_host ? r->bucket : "", in_host ? "." : "",
                          BYTES_ARGS(uri.authority));
    t.path = path_of(a, uri.path, in_host ? NULL : r->bucket, r->key);
    return t;
}

/* ---- headers ---- */

static void add(struct s3_call *c, const char *name, struct bytes value)
{
    if (value.len)
        c->web.headers[c->web.header_count++] = (struct web_header){bytes_text(name), value};
}

static struct bytes hash_of(struct arena *a, struct bytes body)
{
    uint8_t hash[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES + 1];
    digest_sha256(body, hash);
    hex_print(bytes_of(hash, sizeof(hash)), hex);
    return arena_copy(a, bytes_of(hex, SHA256_HEX_BYTES));
}

static enum status compose(struct s3_client *client, struct s3_call *c, const struct s3_request *r,
                           struct fault *f)
{
    struct arena *a = &c->arena;
    struct target t = target_of(client, a, r);
    struct bytes hash = hash_of(a, r->body);
    bool question = r->query[0] != '\0';
    struct bytes url =
        arena_printf(a, "%.*s://%.*s%.*s%s%s", BYTES_ARGS(t.scheme), BYTES_ARGS(t.host),
                     BYTES_ARGS(t.path), question ? "?" : "", r->query);
    if (!bytes_present(url) || !bytes_present(hash) || !bytes_present(t.path))
        return fault_set(f, NO_MEMORY, "no memory for a request to S3");
    c->web.method = r->method;
    c->web.url = (const char *)url.at;
    c->web.body = r->body;
    add(c, "x-amz-content-sha256", hash);
    if (r->kms_key) {
        add(c, "x-amz-server-side-encryption", BYTES_LITERAL("aws:kms"));
        add(c, "x-amz-server-side-encryption-aws-kms-key-id", bytes_text(r->kms_key));
    }
    if (r->body.len)
        add(c, "Content-Type", BYTES_LITERAL("application/octet-stream"));
    const struct web_signer signer = {.credentials = &client->credentials,
                                      .region = bytes_text(region_of(client)),
                                      .service = "s3",
                                      .now_ms = clock_wall_ms(client->clock)};
    return web_sign(&c->web, &signer, a, f);
}

/* ---- answers ---- */

/* Credentials that the server does not know, or no longer. */
static bool is_stale(const char *code)
{
    static const char *const codes[] = {"S3.ExpiredToken", "S3.InvalidToken",
                                        "S3.InvalidAccessKeyId", "S3.TokenRefreshRequired"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

/* Some answers of 200 hold an error all the same: S3 began to answer before it knew. */
static void judge(struct s3_call *c)
{
    struct web_call *w = &c->web;
    struct bytes rest = buf_view(&w->answer);
    struct bytes error = w->status == OK ? s3_element(&rest, "Error") : BYTES_NONE;
    c->outcome = S3_DONE;
    if (w->status == OK && w->code >= 200 && w->code < 300 && !bytes_present(error))
        return;
    c->outcome = S3_FAILED;
    if (w->status != OK) {
        snprintf(c->code, sizeof(c->code), "S3.ConnectionFailed");
        snprintf(c->why, sizeof(c->why), "%.200s", w->fault.text);
        return;
    }
    struct bytes code = s3_text(error, "Code", &c->arena);
    struct bytes why = s3_text(error, "Message", &c->arena);
    if (code.len)
        snprintf(c->code, sizeof(c->code), "S3.%.*s", BYTES_ARGS(code));
    else
        snprintf(c->code, sizeof(c->code), "S3.%s", w->code >= 500 ? "InternalError" : "Refused");
    if (why.len)
        snprintf(c->why, sizeof(c->why), "%.*s", BYTES_ARGS(why));
    else
        snprintf(c->why, sizeof(c->why), "the server answered with status %d", w->code);
    if (is_stale(c->code)) {
        credentials_wipe(&c->client->credentials);
        c->client->have = false;
    }
}

static void on_done(struct web_call *w)
{
    struct s3_call *c = LIST_OWNER(w, struct s3_call, web);
    c->under_way = false;
    judge(c);
    c->done(c);
}

static enum status have_credentials(struct s3_client *client, struct fault *f)
{
    const struct credentials_from from = {.access_key = client->settings->s3_access_key,
                                          .secret_key = client->settings->s3_secret_key,
                                          .said_where = "the settings for S3"};
    uint64_t now_us = clock_mono_us(client->clock);
    if (client->have)
        return OK;
    if (now_us < client->look_us) { /* a file is not read for each attempt of each object */
        *f = client->none;
        return f->status;
    }
    enum status st = credentials_find(&from, &client->credentials, f);
    client->have = st == OK;
    if (st != OK) {
        client->none = *f;
        client->look_us = now_us + LOOK_AGAIN_MS * 1000;
    }
    return st;
}

enum status s3_call_start(struct s3_client *client, struct s3_call *c, const struct s3_request *r,
                          struct fault *f)
{
    arena_init(&c->arena, CALL_ARENA_BYTES_MAX);
    c->client = client;
    c->web = (struct web_call){
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .timeout_ms = TIMEOUT_MS + r->body.len * 1000 / SLOWEST_BYTES_PER_S,
        .keep_error_body = true,
        .done = on_done,
    };
    enum status st = have_credentials(client, f);
    if (st == OK)
        st = compose(client, c, r, f);
    if (st != OK) {
        arena_fini(&c->arena);
        return st;
    }
    c->under_way = true;
    web_start(client->web, &c->web);
    return OK;
}

void s3_call_end(struct s3_call *c)
{
    if (!c->client)
        return;
    if (c->under_way)
        web_cancel(c->client->web, &c->web);
    c->under_way = false;
    buf_fini(&c->web.answer);
    arena_fini(&c->arena);
    c->client = NULL;
}
