/* aggregate_write.c: records put together.
 *
 * Adding a record only takes views and counts what it will need, so that the whole is known to fit before a byte is written, and each
 * byte of data is copied once. Records of one key follow each other often: the last key is looked at before the table is asked.
 *
 * A3. aggregate_bytes is exact at every moment: what may not grow over a limit never does.
 *
 * Pure. Thread: any. */
#include "wire/aggregate.h"

#include "base/digest.h"
#include "base/mem.h"
#include "wire/aggregate_internal.h"

enum { ROOM_FIRST = 64, SEALED_AT_ONCE = 64 };
static const uint32_t none = UINT32_MAX;

static size_t varint_bytes(uint64_t n)
{
    return n < 0x80 ? 1 : (size_t)(70 - __builtin_clzll(n)) / 7;
}

static uint8_t *put_varint(uint8_t *out, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        *out++ = (uint8_t)(n | 0x80);
    *out++ = (uint8_t)n;
    return out;
}

static uint8_t *put_tag(uint8_t *out, unsigned number, unsigned kind)
{
    *out = (uint8_t)(number << 3 | kind);
    return out + 1;
}

static uint8_t *put_bytes(uint8_t *out, unsigned number, struct bytes b)
{
    out = put_varint(put_tag(out, number, AGGREGATE_LENGTH), b.len);
    if (b.len)
        memcpy(out, b.at, b.len);
    return out + b.len;
}

/* Of a field of so many bytes: tag, length, content. */
static size_t field_bytes(size_t len)
{
    return 1 + varint_bytes(len) + len;
}

/* ---- keys ---- */

static uint64_t hash_of(struct bytes b)
{
    uint64_t h = 14695981039346656037ull; /* FNV-1a */
    for (size_t i = 0; i < b.len; i++)
        h = (h ^ b.at[i]) * 1099511628211ull;
    return h ^ h >> 32;
}

/* Where the key stands, or the free slot where it belongs. */
static uint32_t *slot_of(const struct aggregate_keys *k, struct bytes key)
{
    for (uint64_t i = hash_of(key);; i++) {
        uint32_t *slot = &k->slots[i & (k->slot_room - 1)];
        if (!*slot || bytes_equal(k->at[*slot - 1], key))
            return slot;
    }
}

/* Room for one more: the slots are at most half full. */
static bool keys_grow(struct aggregate_keys *k)
{
    if (k->count < k->room)
        return true;
    uint32_t room = k->room ? k->room * 2 : ROOM_FIRST;
    struct bytes *at = mem_resize_try(k->at, room * sizeof(*at));
    if (!at)
        return false;
    k->at = at;
    uint32_t *slots = mem_resize_try(k->slots, 2 * room * sizeof(*slots));
    if (!slots)
        return false;
    memset(slots, 0, 2 * room * sizeof(*slots));
    k->slots = slots;
    k->slot_room = 2 * room;
    k->room = room;
    for (uint32_t i = 0; i < k->count; i++)
        *slot_of(k, k->at[i]) = i + 1;
    return true;
}

/* Its place, where it is, or will be: k->count. */
static uint32_t keys_find(const struct aggregate_keys *k, struct bytes key, uint32_t last)
{
    if (last < k->count && bytes_equal(k->at[last], key))
        return last;
    uint32_t slot = k->count ? *slot_of(k, key) : 0;
    return slot ? slot - 1 : k->count;
}

static void keys_add(struct aggregate_keys *k, struct bytes key)
{
    *slot_of(k, key) = k->count + 1;
    k->at[k->count++] = key;
    k->bytes += field_bytes(key.len);
}

static void keys_clear(struct aggregate_keys *k)
{
    if (k->count)
        memset(k->slots, 0, k->slot_room * sizeof(*k->slots));
    k->count = 0;
    k->bytes = 0;
}

static void keys_fini(struct aggregate_keys *k)
{
    mem_free(k->at);
    mem_free(k->slots);
}

/* ---- the writer ---- */

void aggregate_writer_init(struct aggregate_writer *w)
{
    *w = (struct aggregate_writer){0};
}

void aggregate_writer_fini(struct aggregate_writer *w)
{
    mem_free(w->records);
    keys_fini(&w->keys);
    keys_fini(&w->hash_keys);
    aggregate_writer_init(w);
}

void aggregate_writer_clear(struct aggregate_writer *w)
{
    w->count = 0;
    w->record_bytes = 0;
    keys_clear(&w->keys);
    keys_clear(&w->hash_keys);
}

size_t aggregate_bytes(const struct aggregate_writer *w)
{
    return AGGREGATE_FRAME_BYTES + w->keys.bytes + w->hash_keys.bytes + w->record_bytes;
}

/* The content of a record's field. */
static size_t packed_bytes(const struct aggregate_packed *p)
{
    size_t bytes = 1 + varint_bytes(p->key) + field_bytes(p->data.len);
    return p->hash_key == none ? bytes : bytes + 1 + varint_bytes(p->hash_key);
}

static bool writer_grow(struct aggregate_writer *w)
{
    if (w->count == w->room) {
        uint32_t room = w->room ? w->room * 2 : ROOM_FIRST;
        struct aggregate_packed *records = mem_resize_try(w->records, room * sizeof(*w->records));
        if (!records)
            return false;
        w->records = records;
        w->room = room;
    }
    return keys_grow(&w->keys) && keys_grow(&w->hash_keys);
}

enum status aggregate_add(struct aggregate_writer *w, const struct aggregate_record *r,
                          size_t bytes_max)
{
    if (!writer_grow(w))
        return NO_MEMORY;
    const struct aggregate_packed *last = w->count ? &w->records[w->count - 1] : NULL;
    bool hashed = bytes_present(r->explicit_hash_key);
    struct aggregate_packed p = {
        .data = r->data,
        .key = keys_find(&w->keys, r->partition_key, last ? last->key : none),
        .hash_key =
            !hashed ? none
                    : keys_find(&w->hash_keys, r->explicit_hash_key, last ? last->hash_key : none),
    };
    bool new_key = p.key == w->keys.count,
         new_hash_key = hashed && p.hash_key == w->hash_keys.count;
    size_t record_bytes = field_bytes(packed_bytes(&p));
    size_t more = record_bytes + (new_key ? field_bytes(r->partition_key.len) : 0) +
                  (new_hash_key ? field_bytes(r->explicit_hash_key.len) : 0);
    if (aggregate_bytes(w) + more > bytes_max)
        return TOO_LARGE;
    if (new_key)
        keys_add(&w->keys, r->partition_key);
    if (new_hash_key)
        keys_add(&w->hash_keys, r->explicit_hash_key);
    w->records[w->count++] = p;
    w->record_bytes += record_bytes;
    return OK;
}

void aggregate_write(const struct aggregate_writer *w, uint8_t *out)
{
    memcpy(out, aggregate_magic, AGGREGATE_MAGIC_BYTES);
    out += AGGREGATE_MAGIC_BYTES;
    for (uint32_t i = 0; i < w->keys.count; i++)
        out = put_bytes(out, AGGREGATE_KEY, w->keys.at[i]);
    for (uint32_t i = 0; i < w->hash_keys.count; i++)
        out = put_bytes(out, AGGREGATE_HASH_KEY, w->hash_keys.at[i]);
    for (uint32_t i = 0; i < w->count; i++) {
        const struct aggregate_packed *p = &w->records[i];
        out = put_varint(put_tag(out, AGGREGATE_RECORD, AGGREGATE_LENGTH), packed_bytes(p));
        out = put_varint(put_tag(out, AGGREGATE_RECORD_KEY, AGGREGATE_VARINT), p->key);
        if (p->hash_key != none)
            out =
                put_varint(put_tag(out, AGGREGATE_RECORD_HASH_KEY, AGGREGATE_VARINT), p->hash_key);
        out = put_bytes(out, AGGREGATE_RECORD_DATA, p->data);
    }
}

void aggregate_seal(uint8_t *const *wholes, const size_t *lens, size_t count)
{
    struct bytes messages[SEALED_AT_ONCE];
    uint8_t *digests[SEALED_AT_ONCE];
    for (size_t done = 0; done < count;) {
        size_t n = count - done < SEALED_AT_ONCE ? count - done : SEALED_AT_ONCE;
        for (size_t i = 0; i < n; i++) {
            uint8_t *at = wholes[done + i];
            size_t len = lens[done + i];
            messages[i] = bytes_of(at + AGGREGATE_MAGIC_BYTES, len - AGGREGATE_FRAME_BYTES);
            digests[i] = at + len - MD5_BYTES;
        }
        digest_md5_each(messages, digests, n);
        done += n;
    }
}
