/* sigv4_given.h: requests that others signed, and what a test does with them. */
#ifndef SLUICE_TESTS_UNIT_WIRE_SIGV4_GIVEN_H
#define SLUICE_TESTS_UNIT_WIRE_SIGV4_GIVEN_H

#include "unit/base/cmocka_all.h"
#include "wire/sigv4.h"

#include <stdio.h>

#define SECRET  "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SKEW_MS (15 * 60 * 1000ull)
#define NOW_MS  1795478326000ull /* 20261123T235846Z */
#define MISMATCH                                                                                   \
    "The request signature we calculated does not match the signature you provided. Check your "   \
    "AWS Secret Access Key "                                                                       \
    "and signing method. Consult the service documentation for details."

enum { HEADERS_MAX = 8 };

struct vector {
    const char *what, *method, *path, *query;
    struct {
        const char *name, *value;
    } headers[HEADERS_MAX];
    const char *body, *service, *region, *authorization;
};

/* Signed by botocore.auth.SigV4Auth with AKIDEXAMPLE at 20261123T235846Z. */
static const struct vector header_vectors[] = {
    {"put",
     "POST",
     "/",
     "",
     {{"host", "kinesis.us-east-1.amazonaws.com"},
      {"Content-Type", "application/x-amz-json-1.1"},
      {"X-Amz-Target", "Kinesis_20131202.PutRecord"},
      {"X-Amz-Date", "20261123T235846Z"}},
     "{\"StreamName\":\"orders\",\"PartitionKey\":\"k\",\"Data\":\"aGVsbG8=\"}",
     "kinesis",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
     "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
     "Signature=d061a155192d7f3a983a7cba9c0dba0b76997074dec0f2450dc41a8deafe2956"},
    {"no body",
     "POST",
     "/",
     "",
     {{"host", "kinesis.us-east-1.amazonaws.com"},
      {"Content-Type", "application/x-amz-json-1.1"},
      {"X-Amz-Date", "20261123T235846Z"}},
     "",
     "kinesis",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
     "SignedHeaders=content-type;host;x-amz-date, "
     "Signature=6d74e568be0750e59e1ea0395419f947cf233f193ddba1520b281a168e9d19c1"},
    {"spaces",
     "POST",
     "/",
     "",
     {{"host", "kinesis.us-east-1.amazonaws.com"},
      {"X-Note", "  a   b  c "},
      {"x-amz-target", "Kinesis_20131202.ListStreams"},
      {"X-Amz-Date", "20261123T235846Z"}},
     "{}",
     "kinesis",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
     "SignedHeaders=host;x-amz-date;x-amz-target;x-note, "
     "Signature=4db2726310f43abbcc04f67ff63b75c46f66e317c359b9105d42a5a604240447"},
    {"repeated",
     "POST",
     "/",
     "",
     {{"host", "kinesis.us-east-1.amazonaws.com"},
      {"X-Many", "two"},
      {"X-Many", "one  more"},
      {"x-amz-target", "T"},
      {"X-Amz-Date", "20261123T235846Z"}},
     "{}",
     "kinesis",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
     "SignedHeaders=host;x-amz-date;x-amz-target;x-many, "
     "Signature=c69efdee104f45fdf3b4b01acdcab49ab76b8fd329358a81d5aca0f2d1e14426"},
    {"path",
     "POST",
     "/a/./b/../c//d%20e/",
     "",
     {{"host", "kinesis.us-east-1.amazonaws.com"}, {"X-Amz-Date", "20261123T235846Z"}},
     "{}",
     "kinesis",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=3e0c7c2fd3a3228ab24d063cf86a4714a337f62f430249494231b0e2d01f04f0"},
    {"query",
     "GET",
     "/",
     "b=2&a=1&B=3&a=0&empty=&sp=x%20y&u=%C3%A9",
     {{"host", "kinesis.us-east-1.amazonaws.com"}, {"X-Amz-Date", "20261123T235846Z"}},
     "",
     "kinesis",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=0226f6ad88727f700093c567762b7db78f520f4fa596841ae8975766c75a213d"},
    {"utf8 body",
     "POST",
     "/",
     "",
     {{"host", "kinesis.us-east-1.amazonaws.com"},
      {"Content-Type", "application/x-amz-json-1.1"},
      {"X-Amz-Date", "20261123T235846Z"}},
     "{\"PartitionKey\":\"schl\303\274ssel-\351\215\265\"}",
     "kinesis",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
     "SignedHeaders=content-type;host;x-amz-date, "
     "Signature=4557d80730b0a6878b22f3a27c1b3e7f22b5de36ed04bad1a6ae915f7564e504"},
    {"firehose",
     "POST",
     "/",
     "",
     {{"host", "127.0.0.1:4567"},
      {"Content-Type", "application/x-amz-json-1.1"},
      {"X-Amz-Security-Token", "FwoGZXIvYXdzE//+=="},
      {"X-Amz-Target", "Firehose_20150804.PutRecord"},
      {"X-Amz-Date", "20261123T235846Z"}},
     "{}",
     "firehose",
     "eu-central-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/firehose/aws4_request, "
     "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
     "Signature=28223f6697dcbbc5abcdcb1578947a3f7e491b232a18b8dfbf32780f934e7a55"},
    {"date header",
     "POST",
     "/",
     "",
     {{"host", "kinesis.us-east-1.amazonaws.com"},
      {"x-amz-target", "T"},
      {"Date", "Mon, 23 Nov 2026 23:58:46 -0000"}},
     "{}",
     "kinesis",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
     "SignedHeaders=date;host;x-amz-target, "
     "Signature=190dc9d3aa2080061bcafeb0cdef3cfdec4450360987bc988922fef4c8924490"},
    /* get-vanilla of AWS's signature test suite */
    {"get-vanilla",
     "GET",
     "/",
     "",
     {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}},
     "",
     "service",
     "us-east-1",
     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
};

/* Signed by botocore.auth.SigV4QueryAuth for an hour. */
static const struct vector query_vectors[] = {
    {"plain",
     "POST",
     "/",
     "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261123%2Fus-east-1%"
     "2Fkinesis%2Faws4_request&X-Amz-Date=20261123T235846Z&X-Amz-Expires=3600&X-Amz-SignedHeaders="
     "host&X-Amz-Signature=e0fa6bf1bff899547a3a2cf9b62cdd33a3818a2cc59119dab7f339e0d30006b6",
     {{"host", "kinesis.us-east-1.amazonaws.com"}},
     "",
     "kinesis",
     "us-east-1",
     NULL},
    {"more",
     "GET",
     "/",
     "Action=List%20All&Version=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%"
     "2F20261123%2Fus-east-1%2Fkinesis%2Faws4_request&X-Amz-Date=20261123T235846Z&X-Amz-Expires="
     "3600&X-Amz-SignedHeaders=host&X-Amz-Signature="
     "5b570f728a243c3f32e2657cae7c3bf48350b5070c81f10e2a85e6524406c537",
     {{"host", "kinesis.us-east-1.amazonaws.com"}},
     "",
     "kinesis",
     "us-east-1",
     NULL},
    {"headers",
     "POST",
     "/",
     "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261123%2Fus-east-1%"
     "2Fkinesis%2Faws4_request&X-Amz-Date=20261123T235846Z&X-Amz-Expires=3600&X-Amz-SignedHeaders="
     "content-type%3Bhost&X-Amz-Signature="
     "9a38812ce1deefa59e458e0c4914ea3b05d4b034e17c29b90bebd0e2933f6af3",
     {{"host", "localhost:4567"}, {"Content-Type", "application/x-amz-json-1.1"}},
     "",
     "kinesis",
     "us-east-1",
     NULL},
};

enum { HEADER_VECTORS = sizeof(header_vectors) / sizeof(header_vectors[0]) };
enum { QUERY_VECTORS = sizeof(query_vectors) / sizeof(query_vectors[0]) };

/* A request that a test may spoil. */
struct given {
    struct sigv4_request r;
    struct sigv4_header headers[HEADERS_MAX + 4];
    struct arena a;
    struct fault f;
    struct sigv4_claim claim;
};

static inline void header_set(struct given *g, const char *name, const char *value)
{
    for (size_t i = 0; i < g->r.header_count; i++) {
        if (bytes_equal_ignore_case(g->headers[i].name, bytes_text(name))) {
            g->headers[i].value = bytes_text(value);
            return;
        }
    }
    g->headers[g->r.header_count++] = (struct sigv4_header){bytes_text(name), bytes_text(value)};
}

static inline void header_drop(struct given *g, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->r.header_count; i++) {
        if (!bytes_equal_ignore_case(g->headers[i].name, bytes_text(name)))
            g->headers[kept++] = g->headers[i];
    }
    g->r.header_count = kept;
}

static inline void given_init(struct given *g, const struct vector *v)
{
    memset(g, 0, sizeof(*g));
    arena_init(&g->a, 1 << 20);
    g->r = (struct sigv4_request){.method = bytes_text(v->method),
                                  .path = bytes_text(v->path),
                                  .query = bytes_text(v->query),
                                  .headers = g->headers,
                                  .body = bytes_text(v->body)};
    for (size_t i = 0; i < HEADERS_MAX && v->headers[i].name != NULL; i++)
        g->headers[g->r.header_count++] =
            (struct sigv4_header){bytes_text(v->headers[i].name), bytes_text(v->headers[i].value)};
    if (v->authorization != NULL)
        header_set(g, "Authorization", v->authorization);
}

static inline enum status check_at(struct given *g, const char *secret, uint64_t now_ms)
{
    uint8_t key[SIGV4_KEY_BYTES];
    enum status st = sigv4_read_claim(&g->r, &g->a, &g->claim, &g->f);
    if (st != OK)
        return st;
    sigv4_derive_key(bytes_text(secret), g->claim.day, g->claim.region, g->claim.service, key);
    return sigv4_verify(&g->r, &g->claim, key, now_ms, SKEW_MS, &g->a, &g->f);
}

static inline enum status check(struct given *g)
{
    g->f = (struct fault){0};
    return check_at(g, SECRET, NOW_MS);
}

static inline void assert_refused(struct given *g, enum status expected, const char *text)
{
    enum status st = check(g);
    assert_string_equal(status_name(st), status_name(expected));
    assert_string_equal(g->f.text, text);
    assert_int_equal(g->f.status, expected);
}

#endif
