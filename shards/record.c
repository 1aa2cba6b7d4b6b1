/* record.c: the stored form of records: batch headers written and read, records packed and walked.
 *
 * Everything that is read here may come from a disk that lies, so every length is checked against
 * what is left before it is used, and nothing is asserted about stored bytes. Layout: see record.h.
 *
 * I1. batch_header_read accepts exactly what batch_header_write makes: any flipped bit of the 40
 * bytes is CORRUPT.
 * I2. A walk never looks outside the batch it was given, whatever the bytes say.
 *
 * Left to others: the words of control batches; keys and offsets of stored values (segment.c).
 * Thread: any. */
#include "shards/record.h"

#include "base/digest.h"
#include "base/must.h"
#include "shards/bytes_internal.h"

enum {
    HEAD_CRC_AT = 36,
    FLAGS_KNOWN = BATCH_CONTROL | BATCH_SEALS | BATCH_ENCRYPTED | BATCH_STAMPED,
};

void batch_header_write(const struct batch_header *h, uint8_t out[BATCH_HEADER_BYTES])
{
    out[0] = BATCH_FORMAT;
    out[1] = h->flags;
    put_le16(out + 2, h->stamp_len);
    put_le32(out + 4, h->count);
    put_le32(out + 8, h->body_len);
    put_le32(out + 12, h->body_crc);
    put_le64(out + 16, h->base_offset);
    put_le64(out + 24, h->base_time_ms);
    put_le32(out + 32, h->key_epoch);
    put_le32(out + HEAD_CRC_AT, crc32c_extend(0, bytes_of(out, HEAD_CRC_AT)));
}

static bool epoch_fits(uint8_t flags, uint32_t epoch)
{
    if (flags & BATCH_ENCRYPTED)
        return epoch != 0 && !(flags & (BATCH_CONTROL | BATCH_SEALS));
    return epoch == 0;
}

static bool stamp_fits(uint8_t flags, uint32_t len, uint32_t body_len)
{
    if (flags & BATCH_STAMPED)
        return len != 0 && len <= body_len && !(flags & (BATCH_CONTROL | BATCH_SEALS));
    return len == 0;
}

enum status batch_header_read(struct bytes bytes, struct batch_header *out, struct fault *f)
{
    const uint8_t *p = bytes.at;
    if (bytes.len < BATCH_HEADER_BYTES)
        return fault_set(f, CORRUPT, "a stored batch ends within its header (%zu bytes)",
                         bytes.len);
    if (get_le32(p + HEAD_CRC_AT) != crc32c_extend(0, bytes_of(p, HEAD_CRC_AT)))
        return fault_set(f, CORRUPT, "a stored batch header fails its check");
    if (p[0] != BATCH_FORMAT || (p[1] & ~FLAGS_KNOWN) ||
        !stamp_fits(p[1], get_le16(p + 2), get_le32(p + 8)) || !epoch_fits(p[1], get_le32(p + 32)))
        return fault_set(f, CORRUPT, "a stored batch is of unknown format %u, flags %u", p[0],
                         p[1]);
    *out = (struct batch_header){
        .flags = p[1],
        .count = get_le32(p + 4),
        .body_len = get_le32(p + 8),
        .body_crc = get_le32(p + 12),
        .base_offset = get_le64(p + 16),
        .base_time_ms = get_le64(p + 24),
        .key_epoch = get_le32(p + 32),
        .stamp_len = get_le16(p + 2),
    };
    if (out->body_len > bytes.len - BATCH_HEADER_BYTES)
        return fault_set(f, CORRUPT, "a stored batch of %u bytes has only %zu", out->body_len,
                         bytes.len - BATCH_HEADER_BYTES);
    if (out->count == 0 || out->base_offset + out->count < out->base_offset)
        return fault_set(f, CORRUPT, "a stored batch takes no offsets");
    return OK;
}

enum status batch_check(struct bytes bytes, const struct batch_header *h, struct fault *f)
{
    if (bytes.len < BATCH_HEADER_BYTES || h->body_len > bytes.len - BATCH_HEADER_BYTES)
        return fault_set(f, CORRUPT, "a stored batch is cut short");
    struct bytes body = bytes_of(bytes.at + BATCH_HEADER_BYTES, h->body_len);
    if (crc32c_extend(0, body) != h->body_crc)
        return fault_set(f, CORRUPT, "the batch at offset %llu fails its check",
                         (unsigned long long)h->base_offset);
    return OK;
}

size_t record_packed_len(size_t key_len, size_t data_len, bool has_explicit_hash)
{
    return RECORD_HEADER_BYTES + (has_explicit_hash ? 16u : 0u) + key_len + data_len;
}

uint8_t *record_pack(uint8_t *out, struct bytes key, struct bytes data, const u128 *explicit_hash)
{
    must(key.len <= UINT16_MAX && data.len <= UINT32_MAX);
    out[0] = explicit_hash ? RECORD_EXPLICIT_HASH : 0;
    put_le32(out + 1, 0);
    put_le16(out + 5, (uint16_t)key.len);
    put_le32(out + 7, (uint32_t)data.len);
    out += RECORD_HEADER_BYTES;
    if (explicit_hash) {
        put_be64(out, (uint64_t)(*explicit_hash >> 64));
        put_be64(out + 8, (uint64_t)*explicit_hash);
        out += 16;
    }
    if (key.len)
        memcpy(out, key.at, key.len);
    if (data.len)
        memcpy(out + key.len, data.at, data.len);
    return out + key.len + data.len;
}

struct bytes batch_body(struct bytes batch, const struct batch_header *h)
{
    must(batch.len >= BATCH_HEADER_BYTES && h->body_len <= batch.len - BATCH_HEADER_BYTES);
    return bytes_of(batch.at + BATCH_HEADER_BYTES, h->body_len - h->stamp_len);
}

struct bytes batch_stamp(struct bytes batch, const struct batch_header *h)
{
    struct bytes body = batch_body(batch, h);
    return bytes_of(body.at + body.len, h->stamp_len);
}

void record_walk_init(struct record_walk *w, struct bytes batch, const struct batch_header *h)
{
    struct bytes body = batch_body(batch, h);
    record_walk_body_init(w, h->flags & BATCH_ENCRYPTED ? bytes_of(body.at, 0) : body, h);
}

void record_walk_body_init(struct record_walk *w, struct bytes body, const struct batch_header *h)
{
    *w = (struct record_walk){
        .rest = body,
        .left = h->count,
        .offset = h->base_offset,
        .base_time_ms = h->base_time_ms,
    };
}

static struct bytes walk_take(struct record_walk *w, size_t len)
{
    struct bytes taken = bytes_of(w->rest.at, len);
    w->rest = bytes_of(w->rest.at + len, w->rest.len - len);
    return taken;
}

static enum status walk_cut(const struct record_walk *w, struct fault *f)
{
    return fault_set(f, CORRUPT, "the record at offset %llu is cut short",
                     (unsigned long long)w->offset);
}

enum status record_walk_next(struct record_walk *w, struct record *out, struct fault *f)
{
    if (w->left == 0) {
        if (w->rest.len)
            return fault_set(f, CORRUPT, "%zu bytes follow the last record of a batch",
                             w->rest.len);
        return END;
    }
    if (w->rest.len < RECORD_HEADER_BYTES)
        return walk_cut(w, f);
    const uint8_t *p = walk_take(w, RECORD_HEADER_BYTES).at;
    if (p[0] & ~RECORD_EXPLICIT_HASH)
        return fault_set(f, CORRUPT, "the record at offset %llu has unknown flags %u",
                         (unsigned long long)w->offset, p[0]);
    size_t key_len = get_le16(p + 5), data_len = get_le32(p + 7);
    *out = (struct record){
        .time_ms = w->base_time_ms + get_le32(p + 1),
        .offset = w->offset,
        .has_explicit_hash = p[0] & RECORD_EXPLICIT_HASH,
    };
    size_t hash_len = out->has_explicit_hash ? 16 : 0;
    if (w->rest.len < hash_len + key_len + data_len)
        return walk_cut(w, f);
    if (out->has_explicit_hash)
        out->explicit_hash = u128_from_be(walk_take(w, 16).at);
    out->key = walk_take(w, key_len);
    out->data = walk_take(w, data_len);
    w->left--;
    w->offset++;
    return OK;
}
