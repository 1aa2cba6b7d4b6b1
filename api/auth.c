/* auth.c: verifies the caller of an exchange.
 *
 * The checks stand in AWS's order, since clients see the first that fails: what the claim looks like, its time, the
 * scope it names, whose key it is, and last the signature, the only one that has to read the body. So nothing costly is done
 * for a request that could not pass anyway.
 *
 * I1. OK means that the holder of that access key's secret signed this very request, within the skew; unless
 *     any_credentials says otherwise.
 * I2. The account is the key's own, never what the request says of itself; but with any_credentials, where all may be claimed.
 *
 * Left to others: the claim and the signature (wire/sigv4.c), the keys (keys.c), what a caller may do.
 * Thread: any. */
#include "api/auth.h"

#include "base/limits.h"
#include "base/must.h"

#include <openssl/crypto.h>

/* Both complaints at once, as AWS does. */
static enum status scope_check(const struct auth_settings *s, const struct sigv4_claim *claim,
                               const char *service, struct fault *f)
{
    bool region_ok = s->any_region ? region_is_valid(claim->region)
                                   : bytes_equal(claim->region, bytes_text(s->home.region));
    bool service_ok = bytes_equal(claim->service, bytes_text(service));
    if (region_ok && service_ok)
        return OK;
    return fault_set(f, BAD_SIGNATURE, "%s%s%s%s",
                     region_ok ? "" : "Credential should be scoped to a valid region. ",
                     service_ok ? "" : "Credential should be scoped to correct service: '",
                     service_ok ? "" : service, service_ok ? "" : "'. ");
}

/* I2. */
static void set_caller(const struct auth_settings *s, struct exchange *x,
                       const struct sigv4_claim *claim, const char *account)
{
    struct bytes named = bytes_text(account);
    if (s->any_credentials && account_is_valid(claim->access_key))
        named = claim->access_key;
    if (named.len == 0)
        named = bytes_text(s->home.account);
    must(scope_set(&x->scope, named, claim->region));
    x->access_key = claim->access_key;
}

enum status auth_verify(const struct auth_settings *s, struct exchange *x, const char *service,
                        struct fault *f)
{
    const struct sigv4_request r = {.method = x->method,
                                    .path = x->path,
                                    .query = x->query,
                                    .headers = x->headers,
                                    .header_count = x->header_count,
                                    .body = bytes_of(x->body, x->body_len)};
    struct sigv4_claim claim;
    uint8_t key[SIGV4_KEY_BYTES];
    char account[ACCOUNT_BYTES] = "";
    uint64_t now_ms = clock_wall_ms(s->clock);
    enum status st = sigv4_read_claim(&r, &x->arena, &claim, f);
    if (st == OK && !s->any_credentials)
        st = sigv4_check_time(&claim, now_ms, SIGNATURE_SKEW_MS, f);
    if (st == OK)
        st = scope_check(s, &claim, service, f);
    if (st == OK && !s->any_credentials) {
        st = keys_signing_key(s->keys, claim.access_key, claim.day, claim.region, claim.service,
                              key, account, f);
        if (st == OK)
            st = sigv4_verify(&r, &claim, key, now_ms, SIGNATURE_SKEW_MS, &x->arena, f);
        OPENSSL_cleanse(key, sizeof(key));
    } else if (st == OK) {
        keys_account(s->keys, claim.access_key, account);
    }
    if (st == OK)
        set_caller(s, x, &claim, account);
    return st;
}
