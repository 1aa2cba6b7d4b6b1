/* stream_encryption.c: starts, stops and rotations as pure functions from one state to the next, and data keys made, wrapped, unwrapped.
 *
 *            start                          start, another key or version: a further epoch
 *   (off) -----------> (on, epoch n) ------------------------------------------------------> (on, epoch n + 1)
 *     ^                    |
 *     +------ stop --------+      a start after a stop makes a further epoch too: how long the old one was out of use tells nothing
 *
 * A data key lives unwrapped only on the stack of who seals or opens with it. Promises: E1 to E3 (stream_encryption.h). */
#include "shards/stream_encryption.h"

#include "base/mem.h"
#include "shards/bytes_internal.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>

#define DAY_MS (24 * 3600 * 1000ull)
#define RECORD_LIFE_MS                                                                             \
    ((RETENTION_HOURS_MAX + 2) * 3600 * 1000ull) /* E2; segments go by the hour */
enum { BOUND_BYTES_MAX = 256 };

struct stream_encryption *stream_encryption_ref(struct stream_encryption *e)
{
    if (e)
        atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void stream_encryption_unref(struct stream_encryption *e)
{
    if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    mem_free(e->key_id);
    mem_free(e->keys);
    mem_free(e);
}

struct stream_encryption *stream_encryption_copy(const struct stream_encryption *e,
                                                 uint64_t expired_ms)
{
    struct stream_encryption *copy = MEM_NEW(struct stream_encryption);
    if (e)
        *copy = *e;
    else
        copy->next_epoch = 1;
    atomic_store(&copy->refs, 1);
    copy->key_id = mem_strdup(e ? e->key_id : "");
    copy->keys = mem_must((copy->key_count + 1) * sizeof(*copy->keys));
    copy->key_count = 0;
    for (uint32_t i = 0; e && i < e->key_count; i++)
        if (e->keys[i].retired_ms == 0 || e->keys[i].retired_ms >= expired_ms)
            copy->keys[copy->key_count++] = e->keys[i];
    return copy;
}

/* ---- one data key ---- */

/* What a wrapped data key is bound to: moved to another stream, or given another epoch, it does not open. */
static struct bytes bound_of(const struct encryption_owner *o, const struct data_key *key,
                             char out[BOUND_BYTES_MAX])
{
    int len = snprintf(out, BOUND_BYTES_MAX, "sluice data key 1|%s|%s|%llu|%u|%s", o->scope.account,
                       o->scope.region, (unsigned long long)o->stream, key->epoch, key->master.id);
    return bytes_of(out, (size_t)len);
}

static enum status wrap(struct data_key *key, struct master_keys *keys,
                        const struct encryption_owner *owner, const uint8_t bits[AEAD_KEY_BYTES],
                        struct fault *f)
{
    char bound[BOUND_BYTES_MAX];
    return master_keys_wrap(keys, &owner->scope, &key->master, bound_of(owner, key, bound), bits,
                            key->wrapped, f);
}

static enum status unwrap(const struct data_key *key, struct master_keys *keys,
                          const struct encryption_owner *owner, uint8_t bits[AEAD_KEY_BYTES],
                          struct fault *f)
{
    char bound[BOUND_BYTES_MAX];
    return master_keys_unwrap(keys, &owner->scope, &key->master, bound_of(owner, key, bound),
                              key->wrapped, bits, f);
}

enum status stream_encryption_key(const struct stream_encryption *e, struct master_keys *keys,
                                  const struct encryption_owner *owner, uint32_t epoch,
                                  uint8_t key[AEAD_KEY_BYTES], struct fault *f)
{
    for (uint32_t i = e ? e->key_count : 0; i > 0; i--)
        if (e->keys[i - 1].epoch == epoch)
            return unwrap(&e->keys[i - 1], keys, owner, key, f);
    return fault_set(f, CORRUPT, "a stored batch names data key %u, which stream %s does not have",
                     epoch, owner->name);
}

/* ---- changes ---- */

/* E3: notes one more, unless there were as many as may be. */
static enum status note_change(struct encryption_changes *c, uint64_t now_ms, const char *what,
                               const struct encryption_owner *owner, struct fault *f)
{
    if (c->count == ENCRYPTION_CHANGES_MAX) {
        if (c->at_ms[0] + DAY_MS > now_ms)
            return fault_set(f, LIMIT_EXCEEDED,
                             "%s can take effect %d times in a rolling 24-hour period for stream "
                             "%s under account %s.",
                             what, ENCRYPTION_CHANGES_MAX, owner->name, owner->scope.account);
        c->count--;
        memmove(c->at_ms, c->at_ms + 1, c->count * sizeof(*c->at_ms));
    }
    c->at_ms[c->count++] = now_ms;
    return OK;
}

static void set_key_id(struct stream_encryption *e, struct bytes key_id)
{
    mem_free(e->key_id);
    e->key_id = mem_must(key_id.len + 1);
    memcpy(e->key_id, key_id.at, key_id.len);
}

static void retire(struct stream_encryption *e, uint64_t now_ms)
{
    if (e->on)
        e->keys[e->key_count - 1].retired_ms = now_ms;
}

/* A further epoch, in use from now on. */
static enum status add_key(struct stream_encryption *e, struct master_keys *keys,
                           const struct encryption_owner *owner,
                           const struct master_key_name *master, uint64_t now_ms, struct fault *f)
{
    if (e->key_count >= STREAM_DATA_KEYS_MAX)
        return fault_set(f, LIMIT_EXCEEDED,
                         "Stream %s under account %s keeps %d data keys, the most it can: the "
                         "oldest goes a year after it was last used.",
                         owner->name, owner->scope.account, STREAM_DATA_KEYS_MAX);
    uint8_t bits[AEAD_KEY_BYTES];
    random_bytes(bits, sizeof(bits));
    struct data_key *key = &e->keys[e->key_count];
    *key = (struct data_key){.epoch = e->next_epoch, .master = *master, .made_by = master->version};
    enum status st = wrap(key, keys, owner, bits, f);
    OPENSSL_cleanse(bits, sizeof(bits));
    if (st != OK)
        return st;
    retire(e, now_ms);
    e->key_count++;
    e->next_epoch++; /* E1 */
    e->on = true;
    return OK;
}

static uint64_t expired_ms(uint64_t now_ms)
{
    return now_ms > RECORD_LIFE_MS ? now_ms - RECORD_LIFE_MS : 0;
}

/* Gives the changed copy out, or ends it. */
static enum status given_out(struct stream_encryption *copy, enum status st,
                             struct stream_encryption **out)
{
    if (st != OK) {
        stream_encryption_unref(copy);
        copy = NULL;
    }
    *out = copy;
    return st;
}

enum status stream_encryption_start(struct stream_encryption *e, struct master_keys *keys,
                                    const struct encryption_owner *owner, struct bytes key_id,
                                    uint64_t now_ms, struct stream_encryption **out,
                                    struct fault *f)
{
    struct master_key_name master;
    *out = NULL;
    enum status st = master_keys_find(keys, &owner->scope, key_id, &master, f);
    if (st != OK)
        return st;
    const struct data_key *used = e && e->on ? &e->keys[e->key_count - 1] : NULL;
    bool same = used && strcmp(used->master.id, master.id) == 0 && used->made_by == master.version;
    if (same && bytes_equal(bytes_text(e->key_id), key_id)) {
        *out = stream_encryption_ref(e);
        return OK;
    }
    struct stream_encryption *next = stream_encryption_copy(e, expired_ms(now_ms));
    set_key_id(next, key_id);
    if (!same)
        st = note_change(&next->starts, now_ms, "StartStreamEncryption", owner, f);
    if (st == OK && !same)
        st = add_key(next, keys, owner, &master, now_ms, f);
    return given_out(next, st, out);
}

/* Whether both mean one key; the words alone tell when the key is not there. */
static bool is_key_in_use(const struct stream_encryption *e, struct master_keys *keys,
                          const struct encryption_owner *owner, struct bytes key_id)
{
    struct master_key_name master;
    return bytes_equal(bytes_text(e->key_id), key_id) ||
           (master_keys_find(keys, &owner->scope, key_id, &master, NULL) == OK &&
            strcmp(master.id, e->keys[e->key_count - 1].master.id) == 0);
}

enum status stream_encryption_stop(struct stream_encryption *e, struct master_keys *keys,
                                   const struct encryption_owner *owner, struct bytes key_id,
                                   uint64_t now_ms, struct stream_encryption **out, struct fault *f)
{
    *out = NULL;
    if (!e || !e->on) {
        *out = stream_encryption_ref(e);
        return OK;
    }
    if (!is_key_in_use(e, keys, owner, key_id))
        return fault_set(f, INVALID_ARGUMENT,
                         "Stream %s under account %s is not encrypted under the key %.*s.",
                         owner->name, owner->scope.account, BYTES_ARGS(key_id));
    struct stream_encryption *next = stream_encryption_copy(e, expired_ms(now_ms));
    enum status st = note_change(&next->stops, now_ms, "StopStreamEncryption", owner, f);
    retire(next, now_ms);
    next->on = false;
    return given_out(next, st, out);
}

/* Whether it was wrapped anew. One that cannot be now stays as it is. */
static bool rewrap(struct data_key *key, struct master_keys *keys,
                   const struct encryption_owner *owner)
{
    uint8_t bits[AEAD_KEY_BYTES];
    struct data_key next = *key;
    if (master_keys_current(keys, &owner->scope, key->master.id, &next.master.version, NULL) !=
            OK ||
        next.master.version == key->master.version)
        return false;
    bool fine =
        unwrap(key, keys, owner, bits, NULL) == OK && wrap(&next, keys, owner, bits, NULL) == OK;
    OPENSSL_cleanse(bits, sizeof(bits));
    if (fine)
        *key = next;
    return fine;
}

struct stream_encryption *stream_encryption_rewrap(struct stream_encryption *e,
                                                   struct master_keys *keys,
                                                   const struct encryption_owner *owner)
{
    struct stream_encryption *next = stream_encryption_copy(e, 0);
    bool changed = false;
    for (uint32_t i = 0; i < next->key_count; i++)
        changed |= rewrap(&next->keys[i], keys, owner);
    if (changed)
        return next;
    stream_encryption_unref(next);
    return stream_encryption_ref(e);
}
