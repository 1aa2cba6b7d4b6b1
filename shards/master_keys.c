/* master_keys.c: the master keys in force: found, asked to wrap and to unwrap.
 *
 * The set in force is replaced whole, as the catalog's views are: who uses one holds a reference, so a data key is unwrapped outside of any
 * lock. Nothing unwrapped is kept here: whether a key is there and enabled is asked each time that it is used, and what an operator takes
 * away is away with the next request.
 *
 * Promises: M1, M2 (master_keys.h). Left to others: what is wrapped, and for whom (stream_encryption.c). */
#include "shards/master_key_set.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/trace.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>

struct master_keys {
    char *path; /* fixed at birth */
    struct lock mu;
    struct master_key_set *set; /* under mu */
};

/* ---- the file ---- */

static enum status make_file(const char *path, struct fault *f)
{
    char id[UUID_BYTES], hex[2 * AEAD_KEY_BYTES + 1], text[512];
    uint8_t bits[AEAD_KEY_BYTES];
    uuid_make(id);
    random_bytes(bits, sizeof(bits));
    hex_print(bytes_of(bits, sizeof(bits)), hex);
    snprintf(text, sizeof(text),
             "# Master keys of encrypted streams. Without this file what they hold is lost. A line "
             "is\n# KEY-ID ALIAS STATE KEY; a key is rotated by a further line of its id, with "
             "openssl rand -hex 32.\n%s alias/aws/kinesis enabled %s\n",
             id, hex);
    enum status st = file_replace(path, bytes_text(text), f);
    OPENSSL_cleanse(bits, sizeof(bits));
    OPENSSL_cleanse(hex, sizeof(hex));
    OPENSSL_cleanse(text, sizeof(text));
    return st;
}

static enum status read_set(const char *path, struct master_key_set **out, struct fault *f)
{
    struct buf text;
    struct master_key_set *s = master_key_set_new();
    buf_init(&text, MASTER_KEY_FILE_BYTES_MAX);
    enum status st = OK;
    if (!buf_reserve(&text,
                     MASTER_KEY_FILE_BYTES_MAX)) /* at once: a buf that grows leaves copies */
        st = fault_set(f, NO_MEMORY, "no memory to read %s", path);
    if (st == OK)
        st = file_read_private(path, &text, f);
    if (st == OK)
        st = master_keys_parse(buf_view(&text), s, f);
    if (text.at)
        OPENSSL_cleanse(text.at, text.room); /* M2 */
    buf_fini(&text);
    if (st != OK) {
        master_key_set_unref(s);
        s = NULL;
    }
    *out = s;
    return st;
}

static void put_in_force(struct master_keys *k, struct master_key_set *s)
{
    lock_take(&k->mu);
    struct master_key_set *before = k->set;
    k->set = s;
    lock_drop(&k->mu);
    master_key_set_unref(before);
}

enum status master_keys_reload(struct master_keys *k, struct fault *f)
{
    struct master_key_set *s = NULL;
    enum status st = read_set(k->path, &s, f);
    if (st == NOT_FOUND) {
        trace(TRACE_WARN, "master_keys",
              "%s is not there: encrypted streams answer KMSNotFoundException until it is",
              k->path);
        s = master_key_set_new();
        st = OK;
    }
    if (st == OK)
        put_in_force(k, s);
    return st;
}

enum status master_keys_open(const char *path, bool make, struct master_keys **out, struct fault *f)
{
    struct master_keys *k = MEM_NEW(struct master_keys);
    k->path = mem_strdup(path);
    lock_init(&k->mu, LOCK_MASTER_KEYS);
    enum status st = OK;
    if (make && !file_exists(path))
        st = make_file(path, f);
    if (st == OK)
        st = master_keys_reload(k, f);
    if (st != OK) {
        master_keys_close(k);
        k = NULL;
    }
    *out = k;
    return st;
}

void master_keys_close(struct master_keys *k)
{
    if (!k)
        return;
    master_key_set_unref(k->set);
    lock_fini(&k->mu);
    mem_free(k->path);
    mem_free(k);
}

/* ---- asking ---- */

/* Referenced; NULL when there are no keys at all. */
static struct master_key_set *look(struct master_keys *k)
{
    if (!k)
        return NULL;
    lock_take(&k->mu);
    struct master_key_set *s = k->set;
    if (s)
        atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    lock_drop(&k->mu);
    return s;
}

size_t master_keys_count(struct master_keys *k)
{
    struct master_key_set *s = look(k);
    size_t count = s ? s->count : 0;
    master_key_set_unref(s);
    return count;
}

#define KEY_ARN "arn:aws:kms:%s:%s:"

/* What KMS says of a key that is not there or not to be used. */
static enum status key_usable(const struct master_key *key, const struct scope *scope,
                              struct bytes id, struct fault *f)
{
    bool alias = bytes_starts_with(id, BYTES_LITERAL("alias/"));
    if (!key && alias)
        return fault_set(f, KEY_NOT_FOUND, "Alias " KEY_ARN "%.*s is not found.",
                         scope_region(scope), scope->account, BYTES_ARGS(id));
    if (!key)
        return fault_set(f, KEY_NOT_FOUND, "Key '" KEY_ARN "key/%.*s' does not exist",
                         scope_region(scope), scope->account, BYTES_ARGS(id));
    if (!key->enabled)
        return fault_set(f, KEY_DISABLED, KEY_ARN "key/%s is disabled.", scope_region(scope),
                         scope->account, key->name.id);
    return OK;
}

/* Cuts "arn:aws:kms:REGION:ACCOUNT:" off, which must be the scope's. What is left of "key/ID" is ID. */
static enum status in_scope(const struct scope *scope, struct bytes *key_id, struct fault *f)
{
    struct bytes parts[5], rest = *key_id;
    if (!bytes_starts_with(rest, BYTES_LITERAL("arn:")))
        return OK;
    for (int i = 0; i < 5; i++) {
        const uint8_t *colon = rest.len ? memchr(rest.at, ':', rest.len) : NULL;
        if (!colon)
            return fault_set(f, KEY_NOT_FOUND, "Invalid arn %.*s", BYTES_ARGS(*key_id));
        parts[i] = bytes_of(rest.at, (size_t)(colon - rest.at));
        rest = bytes_of(colon + 1, rest.len - parts[i].len - 1);
    }
    if (!bytes_equal(parts[2], BYTES_LITERAL("kms")) ||
        !bytes_equal(parts[3], bytes_text(scope_region(scope))))
        return fault_set(f, KEY_NOT_FOUND, "Invalid arn %.*s", BYTES_ARGS(*key_id));
    if (!bytes_equal(parts[4], bytes_text(scope->account)))
        return fault_set(f, KEY_DENIED,
                         "The account %s is not authorized to perform: kms:GenerateDataKey on "
                         "resource: %.*s",
                         scope->account, BYTES_ARGS(*key_id));
    static const struct bytes kind = BYTES_LITERAL("key/");
    *key_id =
        bytes_starts_with(rest, kind) ? bytes_of(rest.at + kind.len, rest.len - kind.len) : rest;
    return OK;
}

enum status master_keys_find(struct master_keys *k, const struct scope *scope, struct bytes key_id,
                             struct master_key_name *out, struct fault *f)
{
    enum status st = in_scope(scope, &key_id, f);
    if (st != OK)
        return st;
    struct master_key_set *s = look(k);
    const struct master_key *key = NULL;
    if (s && bytes_starts_with(key_id, BYTES_LITERAL("alias/")))
        key = master_key_set_alias(s, key_id);
    else if (s)
        key = master_key_set_find(s, key_id);
    st = key_usable(key, scope, key_id, f);
    if (st == OK)
        *out = key->name;
    master_key_set_unref(s);
    return st;
}

enum status master_keys_current(struct master_keys *k, const struct scope *scope, const char *id,
                                uint64_t *version, struct fault *f)
{
    struct master_key_set *s = look(k);
    const struct master_key *key = s ? master_key_set_find(s, bytes_text(id)) : NULL;
    enum status st = key_usable(key, scope, bytes_text(id), f);
    if (st == OK)
        *version = key->name.version;
    master_key_set_unref(s);
    return st;
}

static enum status no_version(const struct scope *scope, const char *id, struct fault *f)
{
    return fault_set(f, KEY_INVALID,
                     KEY_ARN "key/%s is in an invalid state: the key material that wrapped a data "
                             "key is not there.",
                     scope_region(scope), scope->account, id);
}

/* That version of it, in a set, if the key may be used. */
static enum status find_version(const struct master_key_set *s, const struct scope *scope,
                                const struct master_key_name *name, const struct master_key **out,
                                struct fault *f)
{
    struct bytes id = bytes_text(name->id);
    enum status st = key_usable(s ? master_key_set_find(s, id) : NULL, scope, id, f);
    if (st != OK)
        return st;
    for (size_t i = s->count; i > 0; i--) {
        *out = &s->keys[i - 1];
        if ((*out)->name.version == name->version && bytes_equal(bytes_text((*out)->name.id), id))
            return OK;
    }
    return no_version(scope, name->id, f);
}

enum status master_keys_wrap(struct master_keys *k, const struct scope *scope,
                             const struct master_key_name *under, struct bytes bound,
                             const uint8_t key[AEAD_KEY_BYTES], uint8_t out[WRAPPED_KEY_BYTES],
                             struct fault *f)
{
    struct master_key_set *s = look(k);
    const struct master_key *master;
    enum status st = find_version(s, scope, under, &master, f);
    if (st == OK)
        aead_seal(master->bits, bound, bytes_of(key, AEAD_KEY_BYTES), out);
    master_key_set_unref(s);
    return st;
}

enum status master_keys_unwrap(struct master_keys *k, const struct scope *scope,
                               const struct master_key_name *under, struct bytes bound,
                               const uint8_t wrapped[WRAPPED_KEY_BYTES],
                               uint8_t key[AEAD_KEY_BYTES], struct fault *f)
{
    struct master_key_set *s = look(k);
    const struct master_key *master;
    enum status st = find_version(s, scope, under, &master, f);
    if (st == OK && !aead_open(master->bits, bound, bytes_of(wrapped, WRAPPED_KEY_BYTES), key))
        st = no_version(scope, under->id, f);
    master_key_set_unref(s);
    return st;
}
