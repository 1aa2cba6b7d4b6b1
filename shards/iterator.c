/* iterator.c: AES-256-GCM around a fixed plaintext. One cipher context a thread, since making one
 * costs more than using it. */
#include "shards/iterator.h"

#include "base/must.h"
#include "base/random.h"

#include <openssl/evp.h>
#include <pthread.h>

enum { HEAD = 8, NONCE = 12, PLAIN = 180, TAG = 16, NAME_AT = 49 };
_Static_assert(HEAD + NONCE + PLAIN + TAG == ITERATOR_BYTES, "the drawing in iterator.h");
_Static_assert(NAME_AT + STREAM_NAME_BYTES_MAX <= PLAIN, "the longest name fits");

static const uint8_t head[HEAD] = {0, 0, 0, 0, 0, 0, 0, 1};

static pthread_key_t context_key;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

static void context_free(void *context)
{
    EVP_CIPHER_CTX_free(context);
}

static void context_key_make(void)
{
    must(pthread_key_create(&context_key, context_free) == 0);
}

static EVP_CIPHER_CTX *context(void)
{
    must(pthread_once(&context_once, context_key_make) == 0);
    EVP_CIPHER_CTX *c = pthread_getspecific(context_key);
    if (!c) {
        c = EVP_CIPHER_CTX_new();
        must(c && pthread_setspecific(context_key, c) == 0);
    }
    return c;
}

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
    uint8_t *nonce = out + HEAD, *cipher = nonce + NONCE, *tag = cipher + PLAIN;
    random_bytes(nonce, NONCE);
    EVP_CIPHER_CTX *c = context();
    int len = 0;
    must(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1);
    must(EVP_EncryptUpdate(c, NULL, &len, out, HEAD) == 1);
    must(EVP_EncryptUpdate(c, cipher, &len, plain, PLAIN) == 1 && len == PLAIN);
    must(EVP_EncryptFinal_ex(c, cipher + PLAIN, &len) == 1 && len == 0);
    must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1);
}

static bool decrypt(struct bytes sealed, const uint8_t key[ITERATOR_KEY_BYTES],
                    uint8_t plain[PLAIN])
{
    const uint8_t *nonce = sealed.at + HEAD, *cipher = nonce + NONCE;
    uint8_t tag[TAG];
    memcpy(tag, cipher + PLAIN, TAG);
    EVP_CIPHER_CTX *c = context();
    int len = 0;
    return EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
           EVP_DecryptUpdate(c, NULL, &len, sealed.at, HEAD) == 1 &&
           EVP_DecryptUpdate(c, plain, &len, cipher, PLAIN) == 1 && len == PLAIN &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
           EVP_DecryptFinal_ex(c, plain + PLAIN, &len) == 1;
}

enum status iterator_open(struct bytes sealed, enum iterator_kind kind,
                          const uint8_t key[ITERATOR_KEY_BYTES], struct iterator *out)
{
    uint8_t plain[PLAIN + 16];
    if (sealed.len != ITERATOR_BYTES || memcmp(sealed.at, head, HEAD) != 0 ||
        !decrypt(sealed, key, plain))
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
