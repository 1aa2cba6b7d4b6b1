/* sigv4_fuzz.c: any request at all against the reader of claims and the verifier; and whatever can
 * be signed must verify.
 *
 *     method \n path \n query \n name:value \n ... \n \n body
 *
 * Everything is copied to memory of its own size first, so that a byte read too many is seen. */
#include "base/mem.h"
#include "base/must.h"
#include "wire/sigv4.h"
#include "wire/uri.h"

enum { HEADERS_MAX = 60, ARENA_BYTES_MAX = 8 << 20 };
#define TIMESTAMP "20261123T235846Z"
#define NOW_MS    1795478326000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    struct sigv4_request r;
    struct sigv4_header headers[HEADERS_MAX + 4];
    void *copies[4 + 2 * HEADERS_MAX];
    size_t copy_count;
};

static struct bytes copy(struct input *in, struct bytes b)
{
    uint8_t *at = mem_try(b.len > 0 ? b.len : 1);
    must(at != NULL);
    if (b.len > 0)
        memcpy(at, b.at, b.len);
    in->copies[in->copy_count++] = at;
    return bytes_of(at, b.len);
}

static struct bytes line_take(struct bytes *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->at) : rest->len;
    struct bytes line = bytes_of(rest->at, len);
    size_t taken = len + (end != NULL ? 1 : 0);
    *rest = bytes_of(rest->at + taken, rest->len - taken);
    return line;
}

static void input_read(struct input *in, struct bytes data)
{
    in->r.method = copy(in, line_take(&data));
    in->r.path = copy(in, line_take(&data));
    in->r.query = copy(in, line_take(&data));
    in->r.headers = in->headers;
    for (struct bytes line = line_take(&data); line.len > 0 && in->r.header_count < HEADERS_MAX;
         line = line_take(&data)) {
        const uint8_t *colon = memchr(line.at, ':', line.len);
        size_t name = colon != NULL ? (size_t)(colon - line.at) : line.len;
        struct bytes value = colon != NULL ? bytes_of(colon + 1, line.len - name - 1) : BYTES_NONE;
        in->headers[in->r.header_count++] =
            (struct sigv4_header){copy(in, bytes_of(line.at, name)), copy(in, value)};
    }
    in->r.body = copy(in, data);
}

static void input_fini(struct input *in)
{
    for (size_t i = 0; i < in->copy_count; i++)
        mem_free(in->copies[i]);
}

static void verify_anything(const struct sigv4_request *r)
{
    struct arena a;
    struct sigv4_claim claim;
    struct fault f;
    uint8_t key[SIGV4_KEY_BYTES];
    arena_init(&a, ARENA_BYTES_MAX);
    if (sigv4_read_claim(r, &a, &claim, &f) == OK) {
        sigv4_derive_key(BYTES_LITERAL("secret"), claim.day, claim.region, claim.service, key);
        enum status st = sigv4_verify(r, &claim, key, claim.timestamp_ms, 1000, &a, &f);
        must(st == OK || st == BAD_SIGNATURE || st == NO_MEMORY);
    }
    arena_fini(&a);
}

/* Keeps the headers that HTTP would let through and that signing does not add itself. */
static void make_signable(struct input *in)
{
    static const char *const ours[] = {"host", "x-amz-date", "date", "authorization",
                                       "x-amz-content-sha256"};
    size_t kept = 0;
    for (size_t i = 0; i < in->r.header_count; i++) {
        struct bytes name = in->headers[i].name;
        bool keep = name.len > 0;
        for (size_t k = 0; keep && k < name.len; k++)
            keep = name.at[k] > ' ' && name.at[k] < 0x7f && strchr(";,:=", name.at[k]) == NULL;
        for (size_t k = 0; keep && k < sizeof(ours) / sizeof(ours[0]); k++)
            keep = !bytes_equal_ignore_case(name, bytes_text(ours[k]));
        if (keep)
            in->headers[kept++] = in->headers[i];
    }
    in->headers[kept++] = (struct sigv4_header){BYTES_LITERAL("Host"), BYTES_LITERAL("localhost")};
    in->headers[kept++] =
        (struct sigv4_header){BYTES_LITERAL("X-Amz-Date"), BYTES_LITERAL(TIMESTAMP)};
    in->r.header_count = kept;
}

static bool query_is_free(struct bytes query, struct arena *a)
{
    struct uri_parameter p[SIGV4_PARAMETERS_MAX];
    size_t count;
    struct fault f;
    if (uri_query_split(query, a, p, SIGV4_PARAMETERS_MAX - 6, &count, &f) != OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (bytes_starts_with(p[i].name, BYTES_LITERAL("X-Amz-")))
            return false;
    }
    return true;
}

static void must_verify(const struct sigv4_request *r, const struct sigv4_signer *s,
                        struct arena *a)
{
    struct sigv4_claim claim;
    struct fault f;
    must(sigv4_read_claim(r, a, &claim, &f) == OK);
    must(bytes_equal(claim.access_key, s->access_key));
    must(sigv4_verify(r, &claim, s->key, NOW_MS, 0, a, &f) == OK);
}

static void sign_and_verify(struct input *in)
{
    struct arena a;
    struct fault f;
    struct sigv4_signer s = {.access_key = BYTES_LITERAL("AKIDEXAMPLE"),
                             .region = BYTES_LITERAL("us-east-1"),
                             .service = BYTES_LITERAL("kinesis"),
                             .timestamp = BYTES_LITERAL(TIMESTAMP)};
    arena_init(&a, ARENA_BYTES_MAX);
    make_signable(in);
    if (query_is_free(in->r.query, &a)) {
        struct bytes authorization, query;
        struct sigv4_request r = in->r;
        sigv4_derive_key(BYTES_LITERAL("secret"), BYTES_LITERAL("20261123"), s.region, s.service,
                         s.key);
        must(sigv4_sign(&r, &s, &a, &authorization, &f) == OK);
        in->headers[r.header_count++] =
            (struct sigv4_header){BYTES_LITERAL("Authorization"), authorization};
        must_verify(&r, &s, &a);
        r.header_count--;
        must(sigv4_presign(&r, &s, 60, &a, &query, &f) == OK);
        r.query = query;
        must_verify(&r, &s, &a);
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {0};
    input_read(&in, bytes_of(data, size));
    verify_anything(&in.r);
    sign_and_verify(&in);
    input_fini(&in);
    return 0;
}
