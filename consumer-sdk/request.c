/* request.c: an operation's input as a signed POST.
 *
 * The input is the caller's struct as it lies in memory: its layout is wire's, so the codecs read it where it is. A caller compiled
 * with an older header has a shorter struct (members are only ever added at the end): then a copy is completed with zeroes.
 *
 * I1. Text that is not UTF-8 is refused, never mended: a partition key would silently become another.
 * I2. What is signed is what is sent: every header but those that libcurl makes by itself.
 * I3. Nothing of the caller's is viewed after request_init, unless the client is corked: then large blobs are (calls_cork).
 *
 * Left to others: bounds and their words (wire/check). Thread: one at a time. */
#include "consumer-sdk/request.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "consumer-sdk/error.h"
#include "wire/cbor.h"
#include "wire/check.h"
#include "wire/json.h"

/* ---- input ---- */

static bool texts_are_utf8(const struct shape *s, const void *at, bool in_list);

static bool list_is_utf8(const struct shape *s, const struct shape_list *list)
{
    const uint8_t *element = list->at;
    for (uint32_t i = 0; i < list->count; i++, element += s->element->size) {
        if (!texts_are_utf8(s->element, element, true))
            return false;
    }
    return true;
}

static bool map_is_utf8(const struct shape_list *map)
{
    const struct shape_pair *pairs = map->at;
    for (uint32_t i = 0; i < map->count; i++) {
        if (!utf8_valid(pairs[i].key) || !utf8_valid(pairs[i].value))
            return false;
    }
    return true;
}

static bool structure_is_utf8(const struct shape *s, const uint8_t *base)
{
    for (uint32_t i = 0; i < s->field_count; i++) {
        const struct shape *member = s->fields[i].shape;
        const void *at = base + s->fields[i].offset;
        if (shape_is_present(member, at) && !texts_are_utf8(member, at, false))
            return false;
    }
    return true;
}

static bool texts_are_utf8(const struct shape *s, const void *at, bool in_list)
{
    switch (s->kind) {
    case SHAPE_STRING:
        return utf8_valid(*(const struct bytes *)at);
    case SHAPE_STRUCTURE:
        return structure_is_utf8(s, in_list ? at : *(const void *const *)at);
    case SHAPE_LIST:
        return list_is_utf8(s, at);
    case SHAPE_MAP:
        return map_is_utf8(at);
    default:
        return true;
    }
}

/* The input as a struct of the size that we know; `room` takes the copy, if one is needed. */
static enum sluice_status take_input(const struct shape *s, const void *input, size_t size,
                                     struct arena *room, const void **out,
                                     struct sluice_error *error)
{
    *out = input;
    if (input == NULL)
        size = 0;
    for (size_t i = s->size; i < size; i++) {
        if (((const uint8_t *)input)[i] != 0)
            return error_set(error, SLUICE_INVALID_ARGUMENT,
                             "a member is set that this version of the library does not know");
    }
    if (size >= s->size)
        return SLUICE_OK;
    void *copy = arena_zero(room, s->size);
    if (copy == NULL)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a request");
    if (size > 0)
        memcpy(copy, input, size);
    *out = copy;
    return SLUICE_OK;
}

static enum sluice_status too_large(const struct request *r, struct sluice_error *error)
{
    return error_set(error, SLUICE_INVALID_ARGUMENT, "the request is over %llu bytes",
                     (unsigned long long)r->body.ceiling);
}

static size_t len_with(const struct buf *body, const struct cbor_blobs *blobs)
{
    size_t len = body->len;
    for (size_t i = 0; i < blobs->count; i++)
        len += blobs->noted[i].data.len;
    return len;
}

static void encode_cbor(struct request *r, const struct shape *s, const void *input,
                        struct cbor_blobs *blobs)
{
    cbor_encode_around(s, input, &r->body, blobs);
    if (blobs->count == 0 || len_with(&r->body, blobs) >= REQUEST_PIECES_BYTES_MIN)
        return;
    buf_clear(&r->body);
    blobs->count = 0;
    cbor_encode(s, input, &r->body);
}

/* The body as it is sent: what was written, and between that the blobs where they are. */
static enum sluice_status lay_out(struct request *r, const struct cbor_blobs *blobs,
                                  struct sluice_error *error)
{
    struct bytes *pieces = &r->one;
    size_t count = 0, from = 0;
    if (blobs->count > 0)
        pieces = arena_take(&r->kept, (2 * blobs->count + 1) * sizeof(*pieces));
    if (pieces == NULL)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a request");
    for (size_t i = 0; i < blobs->count; i++) {
        const struct cbor_blob *blob = &blobs->noted[i];
        pieces[count++] = bytes_of(r->body.at + from, blob->at - from);
        pieces[count++] = blob->data;
        from = blob->at;
    }
    pieces[count++] = bytes_of(r->body.at + from, r->body.len - from);
    r->sent = (struct rope){pieces, count};
    return len_with(&r->body, blobs) <= r->body.ceiling ? SLUICE_OK : too_large(r, error);
}

static enum sluice_status encode(struct request *r, const void *input, struct sluice_error *error)
{
    static const struct shape nothing = {.name = "", .kind = SHAPE_STRUCTURE};
    const struct shape *s = r->operation->model->input;
    s = s != NULL ? s : &nothing;
    struct fault f;
    if (!structure_is_utf8(s, input)) /* I1 */
        return error_set(error, SLUICE_INVALID_ARGUMENT, "a text is not UTF-8");
    if (check(s, input, &f) != OK)
        return error_set(error, SLUICE_INVALID_ARGUMENT, "%s", f.text);
    struct cbor_blob large[REQUEST_BLOBS_MAX];
    struct cbor_blobs blobs = {.bytes_min = REQUEST_BLOB_BYTES_MIN,
                               .noted = large,
                               .room = r->client->corked ? REQUEST_BLOBS_MAX : 0}; /* I3 */
    if (r->cbor)
        encode_cbor(r, s, input, &blobs);
    else
        json_encode(s, input, &r->body);
    if (r->body.status == TOO_LARGE)
        return too_large(r, error);
    return r->body.status == OK ? lay_out(r, &blobs, error)
                                : error_set(error, SLUICE_NO_MEMORY, "no memory for a request");
}

static void body_take(struct sluice_client *c, struct buf *body)
{
    buf_init(body, REQUEST_BODY_BYTES_MAX);
    if (c->spare_count > 0)
        *body = c->spares[--c->spare_count];
}

/* ---- headers of the caller's ---- */

static bool is_token(struct bytes name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i], letter = c | 0x20;
        bool plain = (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9');
        if (!plain && memchr(others, c, sizeof(others) - 1) == NULL)
            return false;
    }
    return name.len > 0;
}

static enum sluice_status take_headers(struct request *r, const struct sluice_call_options *o,
                                       struct sluice_error *error)
{
    unsigned count = o != NULL ? o->header_count : 0;
    if (count > REQUEST_HEADERS_MAX)
        return error_set(error, SLUICE_INVALID_ARGUMENT, "more than %d headers",
                         REQUEST_HEADERS_MAX);
    for (unsigned i = 0; i < count; i++) {
        struct bytes line = arena_copy(&r->kept, bytes_text(o->headers[i]));
        if (!bytes_present(line))
            return error_set(error, SLUICE_NO_MEMORY, "no memory for a header");
        const uint8_t *colon = memchr(line.at, ':', line.len);
        size_t name_len = colon != NULL ? (size_t)(colon - line.at) : 0;
        if (!is_token(bytes_of(line.at, name_len)) || strpbrk((const char *)line.at, "\r\n"))
            return error_set(error, SLUICE_INVALID_ARGUMENT,
                             "a header is not of the form Name: value");
        r->extra[r->extra_count++] = (struct sigv4_header){
            bytes_of(line.at, name_len), bytes_trim(bytes_of(colon + 1, line.len - name_len - 1))};
    }
    return SLUICE_OK;
}

enum sluice_status request_init(struct request *r, struct sluice_client *client,
                                const struct sluice_operation *operation, const void *input,
                                size_t input_size, const struct sluice_call_options *options,
                                struct sluice_error *error)
{
    *r = (struct request){
        .client = client,
        .operation = operation,
        .cbor = operation->has_cbor && client->config.said.codec == SLUICE_CBOR,
    };
    arena_init(&r->kept, REQUEST_ARENA_BYTES_MAX);
    arena_init(&r->attempt, REQUEST_ARENA_BYTES_MAX);
    body_take(client, &r->body);
    const void *whole = NULL;
    const struct shape *s = operation->model->input;
    enum sluice_status st =
        s != NULL ? take_input(s, input, input_size, &r->attempt, &whole, error) : SLUICE_OK;
    if (st == SLUICE_OK)
        st = take_headers(r, options, error);
    if (st == SLUICE_OK)
        st = encode(r, whole, error);
    return st;
}

/* Bodies of large requests come and go by the hundred a second, and fresh memory costs a page fault each 4 KiB: a few are kept. */
static void body_keep(struct sluice_client *c, struct buf *body)
{
    if (body->room < CLIENT_SPARE_BYTES_MIN || c->spare_count == CLIENT_SPARES_MAX) {
        buf_fini(body);
        return;
    }
    buf_clear(body);
    c->spares[c->spare_count++] = *body;
}

void request_fini(struct request *r)
{
    arena_fini(&r->kept);
    arena_fini(&r->attempt);
    body_keep(r->client, &r->body);
}

/* ---- one attempt ---- */

/* The client's key for that day, derived when it is another day's. */
static const uint8_t *key_of(struct sluice_client *c, enum service service, struct bytes day)
{
    struct signing_key *k = &c->keys[service];
    if (!bytes_equal(bytes_text(k->day), day)) {
        sigv4_derive_key(bytes_text(c->credentials.secret_key), day, bytes_text(c->config.region),
                         bytes_text(service_name(service)), k->key);
        memcpy(k->day, day.at, day.len);
        k->day[day.len] = '\0';
    }
    return k->key;
}

/* Everything but the signature. Returns how many. */
static size_t list_headers(const struct request *r, struct bytes timestamp,
                           struct sigv4_header *out)
{
    const struct sluice_client *c = r->client;
    size_t count = 0;
    out[count++] = (struct sigv4_header){BYTES_LITERAL("Content-Type"),
                                         r->cbor ? BYTES_LITERAL("application/x-amz-cbor-1.1")
                                                 : BYTES_LITERAL("application/x-amz-json-1.1")};
    out[count++] = (struct sigv4_header){BYTES_LITERAL("Host"),
                                         c->config.endpoints[r->operation->service].host};
    out[count++] = (struct sigv4_header){BYTES_LITERAL("X-Amz-Date"), timestamp};
    out[count++] =
        (struct sigv4_header){BYTES_LITERAL("X-Amz-Target"), bytes_text(r->operation->target)};
    if (c->credentials.token[0] != '\0')
        out[count++] = (struct sigv4_header){BYTES_LITERAL("X-Amz-Security-Token"),
                                             bytes_text(c->credentials.token)};
    for (unsigned i = 0; i < r->extra_count; i++)
        out[count++] = r->extra[i];
    return count;
}

void request_digest_pair(struct request *a, struct request *b)
{
    digest_sha256_pair(a->sent, b->sent, a->body_sha256, b->body_sha256);
    a->is_digested = b->is_digested = true;
}

static const uint8_t *digest_of(struct request *r)
{
    if (!r->is_digested)
        digest_sha256_rope(r->sent, r->body_sha256);
    r->is_digested = true;
    return r->body_sha256;
}

enum sluice_status request_sign(struct request *r, struct web_call *call,
                                struct sluice_error *error)
{
    enum { OWN = 5, STAMP_BYTES = 17, DAY_BYTES = 8 };
    struct sluice_client *c = r->client;
    struct sigv4_header headers[OWN + REQUEST_HEADERS_MAX];
    enum sluice_status found = client_credentials(c, error);
    if (found != SLUICE_OK)
        return found;
    arena_reset(&r->attempt);
    char *stamp = arena_take(&r->attempt, STAMP_BYTES);
    if (stamp == NULL)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a signature");
    sigv4_timestamp(client_now_ms(c), stamp);
    size_t count = list_headers(r, bytes_text(stamp), headers);
    const struct sigv4_request request = {.method = BYTES_LITERAL("POST"),
                                          .path = BYTES_LITERAL("/"),
                                          .query = BYTES_LITERAL(""),
                                          .headers = headers,
                                          .header_count = count,
                                          .body_sha256 = digest_of(r)};
    struct sigv4_signer signer = {.access_key = bytes_text(c->credentials.access_key),
                                  .region = bytes_text(c->config.region),
                                  .service = bytes_text(service_name(r->operation->service)),
                                  .timestamp = bytes_text(stamp)};
    memcpy(signer.key, key_of(c, r->operation->service, bytes_of(stamp, DAY_BYTES)),
           sizeof(signer.key));
    struct bytes authorization;
    struct fault f;
    enum status st = sigv4_sign(&request, &signer, &r->attempt, &authorization, &f);
    explicit_bzero(signer.key, sizeof(signer.key));
    if (st != OK)
        return error_from(error, st, &f);
    call->method = "POST";
    call->url = c->config.endpoints[r->operation->service].url;
    bool whole = r->sent.count == 1; /* then libcurl sends a small one together with the head */
    call->body = whole ? r->one : BYTES_NONE;
    call->pieces = whole ? (struct rope){0} : r->sent;
    call->header_count = 0;
    for (size_t i = 0; i < count; i++)
        call->headers[call->header_count++] =
            (struct web_header){headers[i].name, headers[i].value};
    call->headers[call->header_count++] =
        (struct web_header){BYTES_LITERAL("Authorization"), authorization};
    return SLUICE_OK;
}
