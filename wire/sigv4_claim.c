/* sigv4_claim.c: reads what a caller claims, before anything is believed.
 *
 * A claim stands in the Authorization header or in the query, never in both. AWS checks it in a
 * fixed order, and so do we: is there one; is it whole; can its date be read; is the algorithm the
 * one there is; has the credential its five parts; do terminator and day fit. Each refusal has
 * AWS's words, since people search for them.
 *
 *     Authorization: AWS4-HMAC-SHA256 Credential=AKIA.../20261123/us-east-1/kinesis/aws4_request,
 *                    SignedHeaders=host;x-amz-date, Signature=0f...9a
 *
 * I1. Nothing of the claim is trusted here: it is views of the request, or of the arena where
 * escapes were undone.
 *
 * Left to others: whether the signature is right (sigv4.c), whether region and service are ours
 * (api/auth.c). Thread: any. */
#include "wire/sigv4_internal.h"

#define EXPIRES_S_MAX 604800u /* AWS: a week */

/* A claim's parts as they were found, each absent or empty when missing. */
struct found {
    struct bytes algorithm, credential, signature, signed_headers, date, expires;
};

static bool is_separator(uint8_t c)
{
    return c == ',' || c == ' ' || c == '\t';
}

/* Takes the next word off the header's value; false at the end. */
static bool next_word(struct bytes *rest, struct bytes *word)
{
    size_t begin = 0;
    while (begin < rest->len && is_separator(rest->at[begin]))
        begin++;
    size_t end = begin;
    while (end < rest->len && !is_separator(rest->at[end]))
        end++;
    *word = bytes_of(rest->at + begin, end - begin);
    *rest = bytes_of(rest->at + end, rest->len - end);
    return word->len > 0;
}

static void header_read(const struct sigv4_request *r, struct bytes authorization,
                        struct found *out)
{
    struct bytes rest = authorization, word;
    (void)next_word(&rest, &out->algorithm);
    while (next_word(&rest, &word)) {
        const uint8_t *equals = memchr(word.at, '=', word.len);
        if (equals == NULL)
            continue;
        struct bytes name = bytes_of(word.at, (size_t)(equals - word.at));
        struct bytes value = bytes_of(equals + 1, word.len - name.len - 1);
        if (bytes_equal(name, BYTES_LITERAL("Credential")))
            out->credential = value;
        else if (bytes_equal(name, BYTES_LITERAL("SignedHeaders")))
            out->signed_headers = value;
        else if (bytes_equal(name, BYTES_LITERAL("Signature")))
            out->signature = value;
    }
    out->date = bytes_trim(sigv4_header_find(r, BYTES_LITERAL("x-amz-date")));
    if (out->date.len == 0)
        out->date = bytes_trim(sigv4_header_find(r, BYTES_LITERAL("date")));
}

static enum status header_whole(const struct found *c, struct bytes authorization, struct fault *f)
{
    if (c->credential.len > 0 && c->signature.len > 0 && c->signed_headers.len > 0 &&
        c->date.len > 0)
        return OK;
    return fault_set(
        f, INCOMPLETE_SIGNATURE, "%s%s%s%sAuthorization=%.*s",
        c->credential.len > 0 ? "" : "Authorization header requires 'Credential' parameter. ",
        c->signature.len > 0 ? "" : "Authorization header requires 'Signature' parameter. ",
        c->signed_headers.len > 0 ? ""
                                  : "Authorization header requires 'SignedHeaders' parameter. ",
        c->date.len > 0 ? ""
                        : "Authorization header requires existence of either a 'X-Amz-Date' or a "
                          "'Date' header. ",
        BYTES_ARGS(authorization));
}

static enum status query_whole(const struct found *c, struct fault *f)
{
#define MUST_INCLUDE(name) "AWS query-string parameters must include '" name "'. "
    if (c->algorithm.len > 0 && c->credential.len > 0 && c->signature.len > 0 &&
        c->signed_headers.len > 0 && c->date.len > 0)
        return OK;
    return fault_set(f, INCOMPLETE_SIGNATURE, "%s%s%s%s%sRe-examine the query-string parameters.",
                     c->algorithm.len > 0 ? "" : MUST_INCLUDE("X-Amz-Algorithm"),
                     c->credential.len > 0 ? "" : MUST_INCLUDE("X-Amz-Credential"),
                     c->signature.len > 0 ? "" : MUST_INCLUDE("X-Amz-Signature"),
                     c->signed_headers.len > 0 ? "" : MUST_INCLUDE("X-Amz-SignedHeaders"),
                     c->date.len > 0 ? "" : MUST_INCLUDE("X-Amz-Date"));
#undef MUST_INCLUDE
}

/* Finds a claim in the query; *any tells whether there is one. */
static enum status query_read(const struct sigv4_request *r, struct arena *a, struct found *out,
                              bool *any, struct fault *f)
{
    *any = false;
    if (r->query.len == 0)
        return OK;
    struct uri_parameter p[SIGV4_PARAMETERS_MAX];
    size_t count;
    enum status st = uri_query_split(r->query, a, p, SIGV4_PARAMETERS_MAX, &count, f);
    if (st == TOO_LARGE)
        return fault_set(f, BAD_SIGNATURE, "The query string has more than %d parameters.",
                         SIGV4_PARAMETERS_MAX);
    if (st != OK)
        return st;
    out->algorithm = uri_query_find(p, count, "X-Amz-Algorithm");
    *any = bytes_present(out->algorithm);
    out->credential = uri_query_find(p, count, "X-Amz-Credential");
    out->signature = uri_query_find(p, count, "X-Amz-Signature");
    out->signed_headers = uri_query_find(p, count, "X-Amz-SignedHeaders");
    out->date = uri_query_find(p, count, "X-Amz-Date");
    out->expires = uri_query_find(p, count, "X-Amz-Expires");
    return OK;
}

/* The timestamp that was signed: a Date header in HTTP's spelling is signed in ISO's all the same.
 */
static enum status date_read(struct bytes text, struct arena *a, struct sigv4_claim *out,
                             struct fault *f)
{
    if (sigv4_time_from_iso(text, &out->timestamp_ms)) {
        out->timestamp = text;
        return OK;
    }
    if (!out->in_query && sigv4_time_from_rfc1123(text, &out->timestamp_ms)) {
        char iso[SIGV4_TIMESTAMP_BYTES + 1];
        sigv4_timestamp(out->timestamp_ms, iso);
        out->timestamp = arena_copy(a, bytes_of(iso, SIGV4_TIMESTAMP_BYTES));
        return bytes_present(out->timestamp)
                   ? OK
                   : fault_set(f, NO_MEMORY, "no memory for the signature's date");
    }
    return fault_set(f, INCOMPLETE_SIGNATURE,
                     "Date must be in ISO-8601 'basic format'. Got '%.*s'. See "
                     "http://en.wikipedia.org/wiki/ISO_8601",
                     BYTES_ARGS(text));
}

/* "AKIA.../20261123/us-east-1/kinesis/aws4_request" */
static enum status credential_read(struct bytes text, struct sigv4_claim *out, struct fault *f)
{
    struct bytes parts[5] = {0}, rest = text;
    while (rest.len > 0 && rest.at[rest.len - 1] == '/') /* AWS overlooks them */
        rest.len--;
    size_t count = 0;
    for (bool more = true; more; count++) {
        const uint8_t *slash = rest.len > 0 ? memchr(rest.at, '/', rest.len) : NULL;
        more = slash != NULL;
        size_t len = more ? (size_t)(slash - rest.at) : rest.len;
        if (count < 5)
            parts[count] = bytes_of(rest.at, len);
        if (more)
            rest = bytes_of(slash + 1, rest.len - len - 1);
    }
    if (count != 5)
        return fault_set(f, INCOMPLETE_SIGNATURE,
                         "Credential must have exactly 5 slash-delimited elements, e.g. "
                         "keyid/date/region/service/term, got '%.*s'",
                         BYTES_ARGS(text));
    out->access_key = parts[0];
    out->day = parts[1];
    out->region = parts[2];
    out->service = parts[3];
    if (!bytes_equal(parts[4], BYTES_LITERAL(SIGV4_TERMINATOR)))
        return fault_set(f, BAD_SIGNATURE,
                         "Credential should be scoped with a valid terminator: '" SIGV4_TERMINATOR
                         "', not '%.*s'. ",
                         BYTES_ARGS(parts[4]));
    struct bytes day = bytes_of(out->timestamp.at, SIGV4_DAY_BYTES);
    if (!bytes_equal(out->day, day))
        return fault_set(f, BAD_SIGNATURE,
                         "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                         "of date from HTTP: "
                         "'%.*s' != '%.*s', from '%.*s'. ",
                         BYTES_ARGS(out->day), BYTES_ARGS(day), BYTES_ARGS(out->timestamp));
    return OK;
}

static enum status expires_read(struct bytes text, struct sigv4_claim *out, struct fault *f)
{
    uint64_t seconds;
    if (!bytes_present(text))
        return OK;
    if (!bytes_to_u64(text, &seconds) || seconds == 0)
        return fault_set(f, BAD_SIGNATURE, "X-Amz-Expires should be a number above 0, not '%.*s'.",
                         BYTES_ARGS(text));
    if (seconds > EXPIRES_S_MAX)
        return fault_set(f, BAD_SIGNATURE,
                         "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                         "X-Amz-Expires must "
                         "be less than %u seconds",
                         EXPIRES_S_MAX);
    out->expires_ms = seconds * 1000;
    return OK;
}

enum status sigv4_read_claim(const struct sigv4_request *r, struct arena *a,
                             struct sigv4_claim *out, struct fault *f)
{
    *out = (struct sigv4_claim){0};
    struct found c = {0};
    struct bytes authorization = sigv4_header_find(r, BYTES_LITERAL("authorization"));
    enum status st = query_read(r, a, &c, &out->in_query, f);
    if (st != OK)
        return st;
    if (out->in_query && bytes_present(authorization))
        return fault_set(f, BAD_SIGNATURE,
                         "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' "
                         "as HTTP header.");
    if (out->in_query) {
        st = query_whole(&c, f);
    } else if (bytes_present(authorization)) {
        c = (struct found){0};
        header_read(r, authorization, &c);
        st = header_whole(&c, authorization, f);
    } else {
        return fault_set(f, UNAUTHENTICATED, "Missing Authentication Token");
    }
    if (st == OK)
        st = date_read(c.date, a, out, f);
    if (st == OK && !bytes_equal(c.algorithm, BYTES_LITERAL(SIGV4_ALGORITHM)))
        st = fault_set(f, INCOMPLETE_SIGNATURE,
                       "Unsupported AWS 'algorithm': '%.*s' (only " SIGV4_ALGORITHM " for now). ",
                       BYTES_ARGS(c.algorithm));
    if (st == OK)
        st = credential_read(c.credential, out, f);
    if (st == OK)
        st = expires_read(c.expires, out, f);
    out->signed_headers = c.signed_headers;
    out->signature = c.signature;
    return st;
}
