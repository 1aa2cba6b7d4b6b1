/* aggregate_read.c: aggregated records taken apart.
 *
 * The bytes come from anybody. Whatever is not exactly the format is MALFORMED: it may be somebody's own data that begins alike, and
 * passes as it is. A record that is not aggregated costs a look at four bytes.
 *
 * A1. Nothing outside the given bytes is read, and every view lies within them.
 * A2. The time is linear in their length.
 *
 * Pure. Thread: any. */
#include "wire/aggregate.h"

#include "base/digest.h"
#include "wire/aggregate_internal.h"

static bool take_varint(struct bytes *in, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && in->len; shift += 7) {
        uint8_t b = *in->at;
        *in = bytes_of(in->at + 1, in->len - 1);
        *out |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return true;
    }
    return false;
}

static bool take_bytes(struct bytes *in, uint64_t len, struct bytes *out)
{
    if (len > in->len)
        return false;
    *out = bytes_of(in->at, (size_t)len);
    *in = bytes_of(in->at + len, in->len - (size_t)len);
    return true;
}

/* A field: its number and kind, and what it holds: a number, or bytes. */
struct field {
    uint64_t number, varint;
    unsigned kind;
    struct bytes value;
};

static bool take_field(struct bytes *in, struct field *f)
{
    uint64_t tag, len = 0;
    if (!take_varint(in, &tag))
        return false;
    *f = (struct field){.number = tag >> 3, .kind = tag & 7};
    if (f->kind == AGGREGATE_VARINT)
        return take_varint(in, &f->varint);
    if (f->kind == AGGREGATE_FIXED64)
        len = 8;
    else if (f->kind == AGGREGATE_FIXED32)
        len = 4;
    else if (f->kind != AGGREGATE_LENGTH || !take_varint(in, &len))
        return false;
    return take_bytes(in, len, &f->value);
}

static bool is_field(const struct field *f, unsigned number, unsigned kind)
{
    return f->number == number && f->kind == kind;
}

/* False when it has no data, which the format does not allow. */
static bool take_record(struct bytes record, struct aggregate_entry *out)
{
    *out = (struct aggregate_entry){0};
    while (record.len) {
        struct field f;
        if (!take_field(&record, &f))
            return false;
        if (is_field(&f, AGGREGATE_RECORD_DATA, AGGREGATE_LENGTH))
            out->data = f.value;
        else if (is_field(&f, AGGREGATE_RECORD_KEY, AGGREGATE_VARINT)) {
            out->key = f.varint;
            out->has_key = true;
        } else if (is_field(&f, AGGREGATE_RECORD_HASH_KEY, AGGREGATE_VARINT)) {
            out->hash_key = f.varint;
            out->has_hash_key = true;
        }
    }
    return bytes_present(out->data);
}

bool aggregate_is(struct bytes data)
{
    return data.len >= AGGREGATE_FRAME_BYTES &&
           memcmp(data.at, aggregate_magic, AGGREGATE_MAGIC_BYTES) == 0;
}

enum status aggregate_open(struct bytes data, struct bytes *message)
{
    if (!aggregate_is(data))
        return MALFORMED;
    struct bytes within =
        bytes_of(data.at + AGGREGATE_MAGIC_BYTES, data.len - AGGREGATE_FRAME_BYTES);
    uint8_t digest[MD5_BYTES];
    digest_md5(within, digest);
    if (memcmp(digest, within.at + within.len, MD5_BYTES) != 0)
        return MALFORMED;
    *message = within;
    return OK;
}

enum status aggregate_next(struct bytes *message, struct aggregate_entry *out)
{
    while (message->len) {
        struct field f;
        if (!take_field(message, &f))
            return MALFORMED;
        if (is_field(&f, AGGREGATE_RECORD, AGGREGATE_LENGTH))
            return take_record(f.value, out) ? OK : MALFORMED;
    }
    return END;
}

/* ---- with keys ---- */

struct table {
    struct bytes *at;
    uint64_t count;
};
struct parts {
    struct table keys, hash_keys;
    uint64_t records;
};

/* A first walk counts, so that the second has where to put. */
static bool count_parts(struct bytes message, struct parts *p)
{
    while (message.len) {
        struct field f;
        if (!take_field(&message, &f))
            return false;
        p->keys.count += is_field(&f, AGGREGATE_KEY, AGGREGATE_LENGTH);
        p->hash_keys.count += is_field(&f, AGGREGATE_HASH_KEY, AGGREGATE_LENGTH);
        p->records += is_field(&f, AGGREGATE_RECORD, AGGREGATE_LENGTH);
    }
    return true;
}

static void fill_tables(struct bytes message, struct parts *p)
{
    uint64_t key = 0, hash_key = 0;
    struct field f;
    while (message.len && take_field(&message, &f)) {
        if (is_field(&f, AGGREGATE_KEY, AGGREGATE_LENGTH))
            p->keys.at[key++] = f.value;
        else if (is_field(&f, AGGREGATE_HASH_KEY, AGGREGATE_LENGTH))
            p->hash_keys.at[hash_key++] = f.value;
    }
}

static bool resolve(const struct parts *p, const struct aggregate_entry *e,
                    struct aggregate_record *out)
{
    if (!e->has_key || e->key >= p->keys.count ||
        (e->has_hash_key && e->hash_key >= p->hash_keys.count))
        return false;
    *out = (struct aggregate_record){
        .partition_key = p->keys.at[e->key],
        .explicit_hash_key = e->has_hash_key ? p->hash_keys.at[e->hash_key] : BYTES_NONE,
        .data = e->data,
    };
    return true;
}

enum status aggregate_read(struct bytes data, uint32_t records_max, struct arena *a,
                           struct aggregate_record **records, uint32_t *count)
{
    struct bytes message;
    struct parts p = {0};
    if (aggregate_open(data, &message) != OK || !count_parts(message, &p))
        return MALFORMED;
    if (p.records > records_max)
        return TOO_LARGE;
    /* A field takes two bytes at least: no count is above half the length. */
    p.keys.at = arena_take(a, (size_t)p.keys.count * sizeof(*p.keys.at));
    p.hash_keys.at = arena_take(a, (size_t)p.hash_keys.count * sizeof(*p.hash_keys.at));
    *records = arena_take(a, (size_t)p.records * sizeof(**records));
    *count = 0;
    if (!p.keys.at || !p.hash_keys.at || !*records)
        return NO_MEMORY;
    fill_tables(message, &p);
    for (;;) {
        struct aggregate_entry e;
        enum status st = aggregate_next(&message, &e);
        if (st == END)
            return OK;
        if (st != OK || !resolve(&p, &e, &(*records)[*count]))
            return MALFORMED;
        ++*count;
    }
}

u128 aggregate_hash(const struct aggregate_record *r)
{
    u128 hash;
    if (bytes_present(r->explicit_hash_key) && u128_parse(r->explicit_hash_key, &hash))
        return hash;
    uint8_t digest[MD5_BYTES];
    digest_md5(r->partition_key, digest);
    return u128_from_be(digest);
}
