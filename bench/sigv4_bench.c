/* sigv4_bench.c: what it costs to check one signed request.
 *
 * The request is the one that boto3 sends: four signed headers among ten. Limits measured in the
 * same run: SHA-256 of the body alone, and the digests that a check cannot do without. Figures are
 * medians of many short runs. */
#include "api/keys.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "wire/sigv4.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 51, HEADERS = 10 };
#define NOW_MS 1795478326000ull
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

struct work {
    struct sigv4_request r;
    struct sigv4_header headers[HEADERS];
    struct keys *keys;
    struct arena arena;
};

static void work_init(struct work *w, size_t body_len)
{
    static const char *const headers[HEADERS][2] = {
        {"Host", "kinesis.us-east-1.amazonaws.com"},
        {"Accept-Encoding", "identity"},
        {"X-Amz-Target", "Kinesis_20131202.PutRecord"},
        {"Content-Type", "application/x-amz-json-1.1"},
        {"User-Agent",
         "Boto3/1.43.67 md/Botocore#1.43.67 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.7"},
        {"X-Amz-Date", "20261123T235846Z"},
        {"amz-sdk-invocation-id", "5b3a0f6e-1f2b-4a63-9f50-0a9d1c6d1e3a"},
        {"amz-sdk-request", "attempt=1"},
        {"Content-Length", "1500"},
    };
    struct bytes authorization;
    struct fault f;
    uint8_t *body = mem_must(body_len);
    memset(body, 'a', body_len);
    for (size_t i = 0; i < HEADERS - 1; i++)
        w->headers[i] = (struct sigv4_header){bytes_text(headers[i][0]), bytes_text(headers[i][1])};
    arena_init(&w->arena, 1 << 20);
    w->keys = keys_new();
    keys_set(w->keys, BYTES_LITERAL("AKIAIOSFODNN7EXAMPLE"), BYTES_LITERAL(SECRET), BYTES_NONE);
    /* signed: the four that botocore signs */
    const struct sigv4_header four[] = {w->headers[0], w->headers[2], w->headers[3], w->headers[5]};
    w->r = (struct sigv4_request){.method = BYTES_LITERAL("POST"),
                                  .path = BYTES_LITERAL("/"),
                                  .headers = four,
                                  .header_count = 4,
                                  .body = bytes_of(body, body_len)};
    struct sigv4_signer s = {.access_key = BYTES_LITERAL("AKIAIOSFODNN7EXAMPLE"),
                             .region = BYTES_LITERAL("us-east-1"),
                             .service = BYTES_LITERAL("kinesis"),
                             .timestamp = BYTES_LITERAL("20261123T235846Z")};
    sigv4_derive_key(BYTES_LITERAL(SECRET), BYTES_LITERAL("20261123"), s.region, s.service, s.key);
    must(sigv4_sign(&w->r, &s, &w->arena, &authorization, &f) == OK);
    uint8_t *kept = mem_must(authorization.len);
    memcpy(kept, authorization.at, authorization.len);
    w->headers[HEADERS - 1] =
        (struct sigv4_header){BYTES_LITERAL("Authorization"), bytes_of(kept, authorization.len)};
    w->r.headers = w->headers;
    w->r.header_count = HEADERS;
}

static void work_fini(struct work *w)
{
    mem_free((void *)(uintptr_t)w->headers[HEADERS - 1].value.at);
    mem_free((void *)(uintptr_t)w->r.body.at);
    keys_free(w->keys);
    arena_fini(&w->arena);
}

/* As auth.c does it: claim, key from the cache, signature. */
static void run_check(struct work *w)
{
    struct sigv4_claim claim;
    struct fault f;
    uint8_t key[SIGV4_KEY_BYTES];
    char account[ACCOUNT_BYTES];
    arena_reset(&w->arena);
    must(sigv4_read_claim(&w->r, &w->arena, &claim, &f) == OK);
    must(keys_signing_key(w->keys, claim.access_key, claim.day, claim.region, claim.service, key,
                          account, &f) == OK);
    must(sigv4_verify(&w->r, &claim, key, NOW_MS, 900000, &w->arena, &f) == OK);
}

static void run_claim(struct work *w)
{
    struct sigv4_claim claim;
    struct fault f;
    must(sigv4_read_claim(&w->r, &w->arena, &claim, &f) == OK);
}

static void run_key(struct work *w)
{
    uint8_t key[SIGV4_KEY_BYTES];
    char account[ACCOUNT_BYTES];
    struct fault f;
    must(keys_signing_key(w->keys, BYTES_LITERAL("AKIAIOSFODNN7EXAMPLE"), BYTES_LITERAL("20261123"),
                          BYTES_LITERAL("us-east-1"), BYTES_LITERAL("kinesis"), key, account,
                          &f) == OK);
}

static void run_derive(struct work *w)
{
    uint8_t key[SIGV4_KEY_BYTES];
    (void)w;
    sigv4_derive_key(BYTES_LITERAL(SECRET), BYTES_LITERAL("20261123"), BYTES_LITERAL("us-east-1"),
                     BYTES_LITERAL("kinesis"), key);
}

static void run_body(struct work *w)
{
    uint8_t out[SHA256_BYTES];
    digest_sha256(w->r.body, out);
}

/* The limit: the body, a canonical request of 250 bytes, and the HMAC of a string to sign. */
static void run_digests(struct work *w)
{
    static const uint8_t text[250];
    uint8_t out[SHA256_BYTES];
    digest_sha256(w->r.body, out);
    digest_sha256(bytes_of(text, sizeof(text)), out);
    digest_hmac_sha256(bytes_of(out, sizeof(out)), bytes_of(text, 140), out);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, struct work *w, void (*run)(struct work *), unsigned times)
{
    double us[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin = clock_mono_us(&clock_system);
        for (unsigned i = 0; i < times; i++)
            run(w);
        us[round] = (double)(clock_mono_us(&clock_system) - begin) / times;
    }
    qsort(us, ROUNDS, sizeof(us[0]), compare);
    printf("  %-34s %9.3f us\n", what, us[ROUNDS / 2]);
}

int main(void)
{
    struct work small = {0}, large = {0};
    work_init(&small, 1500);
    work_init(&large, 700000);
    printf("a body of 1.5 KB\n");
    measure("check: claim, key, signature", &small, run_check, 2000);
    measure("limit: the digests alone", &small, run_digests, 2000);
    measure("SHA-256 of the body", &small, run_body, 2000);
    measure("reading the claim", &small, run_claim, 2000);
    measure("signing key, cached", &small, run_key, 2000);
    measure("signing key, derived", &small, run_derive, 2000);
    printf("a body of 700 KB\n");
    measure("check: claim, key, signature", &large, run_check, 5);
    measure("SHA-256 of the body", &large, run_body, 5);
    work_fini(&small);
    work_fini(&large);
    return 0;
}
