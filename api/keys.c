/* keys.c: the access keys in force, and the signing keys derived from them.
 *
 * A signing key costs five HMACs and stays the same for a day, a region and a service; so it is
 * derived once and kept. What callers name is theirs to choose, so the cache is bounded and the one
 * used longest ago makes way.
 *
 *     ids:    access key id -> secret, account
 *     cache:  lengths, access key id, day, region, service -> signing key, account;  `recent` links them,
 * newest first
 *
 * I1. A signing key in the cache was derived from the secret now in force.
 * I2. The cache holds at most CACHED_MAX entries, whatever callers ask for.
 * I3. Secrets and signing keys are wiped before their memory is given back.
 * I4. For an unknown access key as much is computed as for a known one that is not cached.
 *
 * Left to others: storing the keys (the catalog), checking signatures (wire/sigv4.c).
 * Thread: any; all state is under LOCK_KEYS. */
#include "api/keys.h"

#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table.h"

#include <openssl/crypto.h>

enum { CACHED_MAX = 1024, CACHE_NAME_BYTES_MAX = 160 };

struct secret {
    char account[ACCOUNT_BYTES]; /* "": the default one */
    size_t access_key_len, secret_len;
    uint8_t text[]; /* the access key id, then the secret */
};

struct cached {
    struct list node; /* in keys.recent */
    uint8_t key[SIGV4_KEY_BYTES];
    char account[ACCOUNT_BYTES];
    size_t access_key_len, name_len;
    uint8_t name[CACHE_NAME_BYTES_MAX];
};

struct keys {
    struct lock lock;
    /* under lock */
    struct table ids, cache;
    struct list recent;
};

struct keys *keys_new(void)
{
    struct keys *k = MEM_NEW(struct keys);
    lock_init(&k->lock, LOCK_KEYS);
    table_init(&k->ids);
    table_init(&k->cache);
    list_init(&k->recent);
    return k;
}

static struct bytes secret_id(const struct secret *s)
{
    return bytes_of(s->text, s->access_key_len);
}

static void secret_free(struct secret *s)
{
    if (s == NULL)
        return;
    OPENSSL_cleanse(s->text, s->access_key_len + s->secret_len); /* I3 */
    mem_free(s);
}

static void cached_drop(struct keys *k, struct cached *c)
{
    (void)table_remove(&k->cache, bytes_of(c->name, c->name_len));
    list_remove(&c->node);
    OPENSSL_cleanse(c, sizeof(*c)); /* I3 */
    mem_free(c);
}

/* ---- the cache */

/* The four parts as one name; their lengths go first, so that no two lists of parts give the same.
 * Returns its length, 0 when it is too long to be cached. */
static size_t cache_name(const struct bytes parts[4], uint8_t out[CACHE_NAME_BYTES_MAX])
{
    size_t len = 4;
    for (size_t i = 0; i < 4; i++) {
        if (parts[i].len > CACHE_NAME_BYTES_MAX - len)
            return 0;
        out[i] = (uint8_t)parts[i].len;
        if (parts[i].len > 0)
            memcpy(out + len, parts[i].at, parts[i].len);
        len += parts[i].len;
    }
    return len;
}

static struct bytes cached_id(const struct cached *c)
{
    return bytes_of(c->name + 4, c->access_key_len);
}

/* I1: whatever was derived for this access key goes. */
static void cache_forget(struct keys *k, struct bytes access_key)
{
    LIST_EACH(node, next, &k->recent)
    {
        struct cached *c = LIST_OWNER(node, struct cached, node);
        if (bytes_equal(cached_id(c), access_key))
            cached_drop(k, c);
    }
}

static void cache_add(struct keys *k, const uint8_t *name, size_t name_len, const struct secret *s,
                      const uint8_t key[SIGV4_KEY_BYTES])
{
    if (k->cache.count >= CACHED_MAX) /* I2 */
        cached_drop(k, LIST_OWNER(k->recent.prev, struct cached, node));
    struct cached *c = MEM_NEW(struct cached);
    memcpy(c->key, key, SIGV4_KEY_BYTES);
    memcpy(c->account, s->account, ACCOUNT_BYTES);
    memcpy(c->name, name, name_len);
    c->name_len = name_len;
    c->access_key_len = s->access_key_len;
    list_prepend(&k->recent, &c->node);
    (void)table_set(&k->cache, bytes_of(c->name, name_len), c);
}

enum status keys_signing_key(struct keys *k, struct bytes access_key, struct bytes day,
                             struct bytes region, struct bytes service,
                             uint8_t out[SIGV4_KEY_BYTES], char account[ACCOUNT_BYTES],
                             struct fault *f)
{
    uint8_t name[CACHE_NAME_BYTES_MAX];
    size_t name_len = cache_name((const struct bytes[4]){access_key, day, region, service}, name);
    lock_take(&k->lock);
    struct cached *c = name_len > 0 ? table_find(&k->cache, bytes_of(name, name_len)) : NULL;
    if (c != NULL) {
        list_remove(&c->node);
        list_prepend(&k->recent, &c->node);
        memcpy(out, c->key, SIGV4_KEY_BYTES);
        memcpy(account, c->account, ACCOUNT_BYTES);
        lock_drop(&k->lock);
        return OK;
    }
    const struct secret *s = table_find(&k->ids, access_key);
    /* derived under the lock, so that no replaced secret can slip into the cache; I4 for the
     * unknown one */
    struct bytes secret = s != NULL ? bytes_of(s->text + s->access_key_len, s->secret_len)
                                    : BYTES_LITERAL("an unknown access key has no secret....");
    sigv4_derive_key(secret, day, region, service, out);
    if (s != NULL && name_len > 0)
        cache_add(k, name, name_len, s, out);
    if (s != NULL)
        memcpy(account, s->account, ACCOUNT_BYTES);
    lock_drop(&k->lock);
    if (s != NULL)
        return OK;
    OPENSSL_cleanse(out, SIGV4_KEY_BYTES);
    return fault_set(f, BAD_CREDENTIALS, "The security token included in the request is invalid.");
}

/* ---- the access keys */

void keys_set(struct keys *k, struct bytes access_key, struct bytes secret, struct bytes account)
{
    struct secret *s = mem_must(sizeof(*s) + access_key.len + secret.len);
    memset(s->account, 0, sizeof(s->account));
    if (account_is_valid(account))
        memcpy(s->account, account.at, account.len);
    s->access_key_len = access_key.len;
    s->secret_len = secret.len;
    if (access_key.len > 0)
        memcpy(s->text, access_key.at, access_key.len);
    if (secret.len > 0)
        memcpy(s->text + access_key.len, secret.at, secret.len);
    lock_take(&k->lock);
    cache_forget(k, access_key);
    struct secret *old = table_set(&k->ids, secret_id(s), s);
    lock_drop(&k->lock);
    secret_free(old);
}

void keys_account(struct keys *k, struct bytes access_key, char account[ACCOUNT_BYTES])
{
    lock_take(&k->lock);
    const struct secret *s = table_find(&k->ids, access_key);
    if (s != NULL)
        memcpy(account, s->account, ACCOUNT_BYTES);
    else
        memset(account, 0, ACCOUNT_BYTES);
    lock_drop(&k->lock);
}

bool keys_remove(struct keys *k, struct bytes access_key)
{
    lock_take(&k->lock);
    cache_forget(k, access_key);
    struct secret *old = table_remove(&k->ids, access_key);
    lock_drop(&k->lock);
    bool found = old != NULL;
    secret_free(old);
    return found;
}

size_t keys_count(struct keys *k)
{
    lock_take(&k->lock);
    size_t count = k->ids.count;
    lock_drop(&k->lock);
    return count;
}

void keys_free(struct keys *k)
{
    if (k == NULL)
        return;
    LIST_EACH(node, next, &k->recent)
    cached_drop(k, LIST_OWNER(node, struct cached, node));
    void *s;
    for (size_t at = 0; table_next(&k->ids, &at, &s);)
        secret_free(s);
    table_fini(&k->cache);
    table_fini(&k->ids);
    lock_fini(&k->lock);
    mem_free(k);
}

/* Each of the 32 or 64 letters is as likely as any: their number divides 256. */
void keys_make(char access_key[ACCESS_KEY_BYTES], char secret[SECRET_KEY_BYTES])
{
    static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    enum { PREFIX = 4 };
    uint8_t chance[ACCESS_KEY_BYTES + SECRET_KEY_BYTES];
    random_bytes(chance, sizeof(chance));
    memcpy(access_key, "AKIA", PREFIX);
    for (size_t i = PREFIX; i < ACCESS_KEY_BYTES - 1; i++)
        access_key[i] = base32[chance[i] & 31];
    for (size_t i = 0; i < SECRET_KEY_BYTES - 1; i++)
        secret[i] = base64[chance[ACCESS_KEY_BYTES + i] & 63];
    access_key[ACCESS_KEY_BYTES - 1] = secret[SECRET_KEY_BYTES - 1] = '\0';
    OPENSSL_cleanse(chance, sizeof(chance));
}
