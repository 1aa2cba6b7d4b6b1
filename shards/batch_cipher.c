/* batch_cipher.c: see batch_cipher.h. Thread: any; meant for the network's. */
#include "shards/batch_cipher.h"

#include "shards/bytes_internal.h"

#include <openssl/crypto.h>

#define LABEL "sluice batch 1"
enum { LABEL_BYTES = sizeof(LABEL) - 1, BOUND_BYTES = LABEL_BYTES + 20 };

static struct bytes bound_of(struct log_place place, uint32_t epoch, uint32_t count,
                             uint8_t out[BOUND_BYTES])
{
    memcpy(out, LABEL, LABEL_BYTES);
    put_le64(out + LABEL_BYTES, place.stream);
    put_le32(out + LABEL_BYTES + 8, place.shard);
    put_le32(out + LABEL_BYTES + 12, epoch);
    put_le32(out + LABEL_BYTES + 16, count);
    return bytes_of(out, BOUND_BYTES);
}

void batch_seal(const uint8_t key[AEAD_KEY_BYTES], struct log_place place, uint32_t epoch,
                uint32_t count, uint8_t *body, size_t packed_len)
{
    uint8_t bound[BOUND_BYTES];
    aead_seal(key, bound_of(place, epoch, count, bound),
              bytes_of(body + BATCH_CIPHER_HEAD, packed_len), body);
}

void batch_opener_init(struct batch_opener *o, const struct stream_view *view,
                       struct stream_table *streams, struct master_keys *keys)
{
    *o = (struct batch_opener){.settings = &view->settings, .streams = streams, .keys = keys};
}

void batch_opener_fini(struct batch_opener *o)
{
    OPENSSL_cleanse(o->key, sizeof(o->key));
    o->epoch = 0;
    stream_view_unref(o->newer);
    o->newer = NULL;
}

/* The view that names a data key is published before anything is sealed with it. */
static void look_again(struct batch_opener *o)
{
    struct stream *stream =
        o->streams ? stream_table_find_number(o->streams, o->settings->number) : NULL;
    if (!stream)
        return;
    struct stream_view *before = o->newer;
    o->newer = stream_look(stream);
    o->settings = &o->newer->settings;
    stream_view_unref(before);
    stream_unref(stream);
}

static enum status take_key(struct batch_opener *o, uint32_t epoch, struct fault *f)
{
    if (o->epoch == epoch)
        return OK;
    o->epoch = 0;
    const struct stream_encryption *known = o->settings->encryption;
    if (!known || epoch >= known->next_epoch)
        look_again(o);
    enum status st = stream_settings_data_key(o->settings, o->keys, epoch, o->key, f);
    if (st == OK)
        o->epoch = epoch;
    return st;
}

enum status batch_open(struct batch_opener *o, uint32_t shard, struct bytes batch,
                       const struct batch_header *h, struct arena *arena, struct bytes *body,
                       struct fault *f)
{
    *body = batch_body(batch, h);
    if (!(h->flags & BATCH_ENCRYPTED))
        return OK;
    uint8_t bound[BOUND_BYTES];
    struct bytes sealed = *body;
    if (sealed.len <= BATCH_CIPHER_EXTRA)
        return fault_set(f, CORRUPT, "the encrypted batch at offset %llu is cut short",
                         (unsigned long long)h->base_offset);
    enum status st = take_key(o, h->key_epoch, f);
    if (st != OK)
        return st;
    size_t len = sealed.len - BATCH_CIPHER_EXTRA;
    uint8_t *plain = arena_take(arena, len);
    if (!plain)
        return fault_set(f, NO_MEMORY, "no memory to decrypt %zu bytes", len);
    const struct log_place place = {o->settings->number, shard};
    if (!aead_open(o->key, bound_of(place, h->key_epoch, h->count, bound), sealed, plain))
        return fault_set(
            f, CORRUPT, "the batch at offset %llu was not encrypted for this place, or was changed",
            (unsigned long long)h->base_offset);
    *body = bytes_of(plain, len);
    return OK;
}
