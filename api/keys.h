/* keys.h: the access keys in force, and a cache of the signing keys derived from them. The catalog
 * keeps them; this is the copy that requests are checked against. Thread: any. */
#ifndef SLUICE_API_KEYS_H
#define SLUICE_API_KEYS_H

#include "base/bytes.h"
#include "base/status.h"
#include "shards/scope.h"
#include "wire/sigv4.h"

enum {
    ACCESS_KEY_BYTES = 21,
    SECRET_KEY_BYTES = 41
}; /* with their NULs: 20 and 40 characters, as AWS's */

struct keys;
struct keys *keys_new(void);
void keys_free(struct keys *k);
/* Adds or replaces; forgets what was derived from the old one. An absent or empty account is the default one, whatever that is. */
void keys_set(struct keys *k, struct bytes access_key, struct bytes secret, struct bytes account);
bool keys_remove(struct keys *k, struct bytes access_key);
size_t keys_count(struct keys *k);
/* The signing key for that scope, from the cache (bounded, by LRU or clock) or derived.
 * And the account that the key was given to, or "". BAD_CREDENTIALS: no such access key; takes the
 * same time. */
enum status keys_signing_key(struct keys *k, struct bytes access_key, struct bytes day,
                             struct bytes region, struct bytes service,
                             uint8_t out[SIGV4_KEY_BYTES], char account[ACCOUNT_BYTES],
                             struct fault *f) MUST_USE;
/* The account alone; "" also when there is no such key. */
void keys_account(struct keys *k, struct bytes access_key, char account[ACCOUNT_BYTES]);
/* A new random pair: AKIA + 16 of A-Z2-7, and 40 of A-Za-z0-9+/. */
void keys_make(char access_key[ACCESS_KEY_BYTES], char secret[SECRET_KEY_BYTES]);

#endif
