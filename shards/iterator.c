/* iterator.c: AES-256-GCM around a fixed plaintext. */
#include "shards/iterator.h"

#include "base/aead.h"
#include "base/random.h"

enum { HEAD = 8, NONCE = AEAD_GCM_NONCE_BYTES, PLAIN = 180, TAG = AEAD_TAG_BYTES, NAME_AT = 49 };
_Static_assert(HEAD + NONCE + PLAIN + TAG == ITERATOR_BYTES, "the drawing in iterator.h");
_Static_assert(NAME_AT + STREAM_NAME_BYTES_MAX <= PLAIN, "the longest name fits");

static const uint8_t head[HEAD] = {0, 0, 0, 0, 0, 0, 0, 1};

static void put_number(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_number(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

void iterator_seal(const struct iterator *it, const uint8_t key[ITERATOR_KEY_BYTES],
                   uint8_t out[ITERATOR_BYTES])
{
    uint8_t plain[PLAIN] = {0};
    size_t name_len = strlen(it->name);
    put_number(plain, it->kind, 4);
    put_number(plain + 4, it->shard, 4);
    put_number(plain + 8, it->made_ms, 8);
    put_number(plain + 16, it->stream, 8);
    put_number(plain + 24, it->offset, 8);
    put_number(plain + 32, it->extra[0], 8);
    put_number(plain + 40, it->extra[1], 8);
    plain[48] = (uint8_t)name_len;
    memcpy(plain + NAME_AT, it->name, name_len);

    memcpy(out, head, HEAD);
    uint8_t *nonce = out + HEAD, *cipher = nonce + NONCE;
    random_bytes(nonce, NONCE);
    aead_gcm_seal(key, nonce, bytes_of(head, HEAD), bytes_of(plain, PLAIN), cipher);
}

enum status iterator_open(struct bytes sealed, enum iterator_kind kind,
                          const uint8_t key[ITERATOR_KEY_BYTES], struct iterator *out)
{
    uint8_t plain[PLAIN];
    if (sealed.len != ITERATOR_BYTES || memcmp(sealed.at, head, HEAD) != 0 ||
        !aead_gcm_open(key, sealed.at + HEAD, bytes_of(head, HEAD),
                       bytes_of(sealed.at + HEAD + NONCE, PLAIN + TAG), plain))
        return INVALID_ARGUMENT;
    if (get_number(plain, 4) != kind || plain[48] > STREAM_NAME_BYTES_MAX)
        return INVALID_ARGUMENT;
    *out = (struct iterator){
        .kind = kind,
        .shard = (uint32_t)get_number(plain + 4, 4),
        .made_ms = get_number(plain + 8, 8),
        .stream = get_number(plain + 16, 8),
        .offset = get_number(plain + 24, 8),
        .extra = {get_number(plain + 32, 8), get_number(plain + 40, 8)},
    };
    memcpy(out->name, plain + NAME_AT, plain[48]);
    return OK;
}
