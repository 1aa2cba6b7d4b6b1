/* process_kpl.c: records that the Kinesis Producer Library put together, taken apart again.
 *
 *   F3 89 9A C2 | protobuf message | MD5 of the message (16)
 *
 *   message: 1 partition_key_table (string, repeated)   2 explicit_hash_key_table (string, repeated)   3 records (message, repeated)
 *   record:  1 partition_key_index (varint)             2 explicit_hash_key_index (varint)             3 data (bytes)   4 tags
 *
 * Read by hand: one message of which one field counts. Whatever is not exactly this passes as it is: it may be somebody's own
 * data that begins alike. A record that is not aggregated costs a look at four bytes.
 *
 * Pure. Thread: the lane's. */
#include "base/digest.h"
#include "delivery/process_internal.h"

enum { MAGIC_BYTES = 4, VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
static const uint8_t magic[MAGIC_BYTES] = {0xF3, 0x89, 0x9A, 0xC2};

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

/* A field: its number and kind, and what it holds. */
static bool take_field(struct bytes *in, uint64_t *number, unsigned *kind, struct bytes *value)
{
    uint64_t tag, len = 0;
    if (!take_varint(in, &tag))
        return false;
    *number = tag >> 3;
    *kind = tag & 7;
    *value = BYTES_NONE;
    if (*kind == VARINT)
        return take_varint(in, &len);
    if (*kind == FIXED64)
        len = 8;
    else if (*kind == FIXED32)
        len = 4;
    else if (*kind != LENGTH || !take_varint(in, &len))
        return false;
    return take_bytes(in, len, value);
}

/* The data of a record; false when it has none, which the format does not allow. */
static bool record_data(struct bytes record, struct bytes *data)
{
    *data = BYTES_NONE;
    while (record.len) {
        uint64_t number;
        unsigned kind;
        struct bytes value;
        if (!take_field(&record, &number, &kind, &value))
            return false;
        if (number == 3 && kind == LENGTH)
            *data = value;
    }
    return bytes_present(*data);
}

static bool is_aggregated(struct bytes data)
{
    return data.len >= MAGIC_BYTES + MD5_BYTES && memcmp(data.at, magic, MAGIC_BYTES) == 0;
}

enum status kpl_cut(const void *own, struct bytes data, struct process_parts *parts)
{
    (void)own;
    if (!is_aggregated(data))
        return MALFORMED;
    struct bytes rest = bytes_of(data.at + MAGIC_BYTES, data.len - MAGIC_BYTES - MD5_BYTES);
    uint8_t digest[MD5_BYTES];
    digest_md5(rest, digest);
    if (memcmp(digest, rest.at + rest.len, MD5_BYTES) != 0)
        return MALFORMED;
    while (rest.len) {
        uint64_t number;
        unsigned kind;
        struct bytes value, part;
        if (!take_field(&rest, &number, &kind, &value))
            return MALFORMED;
        if (number != 3 || kind != LENGTH)
            continue;
        if (!record_data(value, &part))
            return MALFORMED;
        if (parts->count == KPL_RECORDS_MAX)
            return TOO_LARGE;
        enum status st = parts_add(parts, part);
        if (st != OK)
            return st;
    }
    return OK;
}

static enum status run(void *own, struct process_work *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (is_aggregated(w->items[i].data))
            return process_cut_all(w, kpl_cut, own);
    return OK;
}

const struct process_step_kind process_kpl = {.run = run};
