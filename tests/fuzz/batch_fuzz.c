/* batch_fuzz.c: any bytes as a stored batch: header, body, records. With its CRCs set right, too,
 * so that the walk behind them is reached; and as an encrypted one, whose body must not open; with a stamp
 * or without. */
#include "base/digest.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/batch_cipher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What nobody sealed does not open, nor is it walked as if it were plain. */
static void open_sealed(struct bytes batch, const struct batch_header *h)
{
    static const uint8_t key[AEAD_KEY_BYTES];
    struct stream_view v = {.settings = {.number = 1}};
    struct batch_opener o;
    struct record_walk w;
    struct record r;
    struct arena a;
    struct bytes body;
    struct fault f;
    batch_opener_init(&o, &v, NULL, NULL);
    memcpy(o.key, key, sizeof(key));
    arena_init(&a, 64 << 20);
    o.epoch = h->key_epoch; /* as if its data key were there */
    must(batch_open(&o, 0, batch, h, &a, &body, &f) == CORRUPT);
    batch_opener_fini(&o);
    arena_fini(&a);
    record_walk_init(&w, batch, h);
    must(record_walk_next(&w, &r, &f) == CORRUPT);
}

static void walk(struct bytes batch, const struct batch_header *h)
{
    if (h->flags & BATCH_ENCRYPTED) {
        open_sealed(batch, h);
        return;
    }
    struct record_walk w;
    struct record r;
    struct fault f;
    uint64_t count = 0;
    enum status st;
    must(batch_body(batch, h).len + batch_stamp(batch, h).len == h->body_len);
    record_walk_init(&w, batch, h);
    while ((st = record_walk_next(&w, &r, &f)) == OK) {
        must(r.offset == h->base_offset + count++);
        must(r.data.len == 0 || r.data.at + r.data.len <= batch.at + batch.len - h->stamp_len);
    }
    must(st == CORRUPT || (st == END && count == h->count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch_header h;
    struct fault f;
    struct bytes all = bytes_of(data, size);
    if (batch_header_read(all, &h, &f) == OK && batch_check(all, &h, &f) == OK)
        walk(bytes_of(data, BATCH_HEADER_BYTES + h.body_len), &h);
    if (size < 4)
        return 0;
    uint8_t *batch = mem_must(BATCH_HEADER_BYTES + size);
    memcpy(batch + BATCH_HEADER_BYTES, data + 4, size - 4);
    struct bytes body = bytes_of(batch + BATCH_HEADER_BYTES, size - 4);
    bool encrypted = data[2] & 1;
    uint16_t stamp = data[2] >> 1 < body.len ? data[2] >> 1 : 0;
    h = (struct batch_header){
        .flags = (uint8_t)((encrypted ? BATCH_ENCRYPTED : 0) | (stamp ? BATCH_STAMPED : 0)),
        .stamp_len = stamp,
        .key_epoch = encrypted ? data[3] : 0,
        .count = data[0],
        .body_len = (uint32_t)body.len,
        .body_crc = crc32c_extend(0, body),
        .base_offset = data[1]};
    batch_header_write(&h, batch);
    struct bytes made = bytes_of(batch, BATCH_HEADER_BYTES + body.len);
    if (batch_header_read(made, &h, &f) == OK && batch_check(made, &h, &f) == OK)
        walk(made, &h);
    mem_free(batch);
    return 0;
}
