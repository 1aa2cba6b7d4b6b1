/* table.c: a hash table with open addressing and linear probing.
 *
 * Keys are names that clients choose, so the hash is SipHash-1-3 under a random key: nobody can aim
 * for one slot. At most three quarters of the slots are used or dead, so a probe is short and
 * always ends. A removed slot stays as a tombstone until the table is next rebuilt.
 *
 * A slot: value != NULL, in use; value == NULL and hash == 0, never used; value == NULL and hash ==
 * 1, dead.
 *
 * I1. At least a quarter of the slots was never used since the last rebuild.
 *
 * Thread: its owner's. */
#include "base/table.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"

enum { ROOM_FIRST = 16 };
#define HASH_DEAD 1u

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3. The byte order of the machine shows, which is fine: hashes never leave it. */
static uint64_t hash_of(const struct table *t, struct bytes key)
{
    uint64_t v[4] = {t->seed[0] ^ 0x736f6d6570736575u, t->seed[1] ^ 0x646f72616e646f6du,
                     t->seed[0] ^ 0x6c7967656e657261u, t->seed[1] ^ 0x7465646279746573u};
    size_t at = 0;
    for (; key.len - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, key.at + at, 8);
        sip_word(v, word);
    }
    uint64_t last = 0;
    if (key.len > at)
        memcpy(&last, key.at + at, key.len - at);
    sip_word(v, last ^ (uint64_t)key.len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void table_init(struct table *t)
{
    *t = (struct table){0};
    random_bytes(t->seed, sizeof(t->seed));
}

void table_fini(struct table *t)
{
    mem_free(t->slots);
    *t = (struct table){0};
}

/* The slot of the key, or NULL. */
static struct table_slot *slot_of(const struct table *t, struct bytes key, uint64_t hash)
{
    if (t->room == 0)
        return NULL;
    for (size_t i = (size_t)hash & (t->room - 1);; i = (i + 1) & (t->room - 1)) { /* ends by I1 */
        struct table_slot *slot = &t->slots[i];
        if (slot->value == NULL && slot->hash != HASH_DEAD)
            return NULL;
        if (slot->value != NULL && slot->hash == hash && bytes_equal(slot->key, key))
            return slot;
    }
}

/* Puts a key that is not there into the first slot never used. */
static void slot_fill(struct table *t, struct table_slot entry)
{
    size_t i = (size_t)entry.hash & (t->room - 1);
    while (t->slots[i].value != NULL || t->slots[i].hash == HASH_DEAD)
        i = (i + 1) & (t->room - 1);
    t->slots[i] = entry;
}

/* Makes I1 hold with one more key: doubles, or only clears out the dead. */
static void make_room(struct table *t)
{
    if ((t->count + t->dead + 1) * 4 <= t->room * 3)
        return;
    struct table old = *t;
    while ((t->count + 1) * 2 > t->room)
        t->room = t->room == 0 ? ROOM_FIRST : t->room * 2;
    size_t size;
    must(!__builtin_mul_overflow(t->room, sizeof(struct table_slot), &size));
    t->slots = mem_must(size);
    t->dead = 0;
    for (size_t i = 0; i < old.room; i++) {
        if (old.slots[i].value != NULL)
            slot_fill(t, old.slots[i]);
    }
    mem_free(old.slots);
}

void *table_find(const struct table *t, struct bytes key)
{
    struct table_slot *slot = slot_of(t, key, hash_of(t, key));
    return slot == NULL ? NULL : slot->value;
}

void *table_set(struct table *t, struct bytes key, void *value)
{
    must(value != NULL);
    uint64_t hash = hash_of(t, key);
    struct table_slot *slot = slot_of(t, key, hash);
    if (slot != NULL) {
        void *old = slot->value;
        slot->key = key; /* the old key lives in the old value, which may be about to go */
        slot->value = value;
        return old;
    }
    make_room(t);
    slot_fill(t, (struct table_slot){.hash = hash, .key = key, .value = value});
    t->count++;
    return NULL;
}

void *table_remove(struct table *t, struct bytes key)
{
    struct table_slot *slot = slot_of(t, key, hash_of(t, key));
    if (slot == NULL)
        return NULL;
    void *old = slot->value;
    *slot = (struct table_slot){.hash = HASH_DEAD};
    t->count--;
    t->dead++;
    return old;
}

bool table_next(const struct table *t, size_t *at, void **value)
{
    for (; *at < t->room; (*at)++) {
        if (t->slots[*at].value == NULL)
            continue;
        *value = t->slots[(*at)++].value;
        return true;
    }
    return false;
}
