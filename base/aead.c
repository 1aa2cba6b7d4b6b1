/* aead.c: XAES-256-GCM (C2SP), which is AES-256-GCM with a nonce of 192 bits.
 *
 * A nonce of AES-GCM may never come twice under one key, and has only 96 bits: drawn by chance, NIST lets a key seal 2^32 messages, which
 * a busy stream has written within a day; counted, it must be remembered durably before each use. XAES draws 192 bits: half of them make a key
 * for this one message (two blocks of CMAC, NIST SP 800-108), the other half is its nonce. 2^80 messages under one key then meet a repeated
 * nonce with a chance of 2^-32: nothing to count, nothing to remember, and a crash, a copied folder or a clock set back change nothing.
 *
 *   sealed:  | nonce: for the key (12), for GCM (12) | ciphertext | tag (16) |
 *
 * Per message that costs two AES blocks and one more key schedule, a few tenths of a microsecond. A cipher is fetched once and a thread keeps
 * its contexts, since looking one up costs more than a short message. A context holds the schedule of its last key until it is used again
 * or its thread ends.
 *
 * A1. Nonces come from random_bytes, anew for each message.
 * A2. What fails to open leaves no plaintext behind.
 * A3. Keys derived here are wiped.
 * Thread: any. */
#include "base/aead.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

enum { BLOCK_BYTES = 16 };

struct ciphers {
    EVP_CIPHER_CTX *gcm, *ecb;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_thread; /* only for its destructor */
static EVP_CIPHER *gcm, *ecb;       /* fixed after `once` */
static _Thread_local struct ciphers *mine;

static void ciphers_free(void *arg)
{
    struct ciphers *c = arg;
    EVP_CIPHER_CTX_free(c->gcm);
    EVP_CIPHER_CTX_free(c->ecb);
    mem_free(c);
    mine = NULL;
}

static void prepare(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
    if (!gcm || !ecb || pthread_key_create(&key_of_thread, ciphers_free) != 0)
        die("OpenSSL here offers no AES-256-GCM");
}

static struct ciphers *ciphers_mine(void)
{
    if (mine)
        return mine;
    must(pthread_once(&once, prepare) == 0);
    struct ciphers *c = MEM_NEW(struct ciphers);
    c->gcm = EVP_CIPHER_CTX_new();
    c->ecb = EVP_CIPHER_CTX_new();
    if (!c->gcm || !c->ecb || EVP_EncryptInit_ex2(c->gcm, gcm, NULL, NULL, NULL) != 1 ||
        EVP_EncryptInit_ex2(c->ecb, ecb, NULL, NULL, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(c->ecb, 0) != 1 || pthread_setspecific(key_of_thread, c) != 0)
        die("no memory for cipher contexts");
    mine = c;
    return c;
}

void aead_gcm_seal(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_GCM_NONCE_BYTES],
                   struct bytes bound, struct bytes plain, uint8_t *out)
{
    EVP_CIPHER_CTX *c = ciphers_mine()->gcm;
    int len = 0;
    must(plain.len < INT_MAX && bound.len < INT_MAX);
    must(EVP_EncryptInit_ex2(c, NULL, key, nonce, NULL) == 1);
    must(EVP_EncryptUpdate(c, NULL, &len, bound.at, (int)bound.len) == 1);
    if (plain.len)
        must(EVP_EncryptUpdate(c, out, &len, plain.at, (int)plain.len) == 1);
    must(EVP_EncryptFinal_ex(c, out + plain.len, &len) == 1 && len == 0);
    must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, out + plain.len) == 1);
}

bool aead_gcm_open(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_GCM_NONCE_BYTES],
                   struct bytes bound, struct bytes sealed, uint8_t *out)
{
    if (sealed.len < AEAD_TAG_BYTES || sealed.len >= INT_MAX)
        return false;
    EVP_CIPHER_CTX *c = ciphers_mine()->gcm;
    size_t plain_len = sealed.len - AEAD_TAG_BYTES;
    uint8_t tag[AEAD_TAG_BYTES];
    int len = 0;
    memcpy(tag, sealed.at + plain_len, AEAD_TAG_BYTES);
    bool fine =
        EVP_DecryptInit_ex2(c, NULL, key, nonce, NULL) == 1 &&
        EVP_DecryptUpdate(c, NULL, &len, bound.at, (int)bound.len) == 1 &&
        (plain_len == 0 || EVP_DecryptUpdate(c, out, &len, sealed.at, (int)plain_len) == 1) &&
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag) == 1 &&
        EVP_DecryptFinal_ex(c, out + plain_len, &len) == 1;
    if (!fine && plain_len)
        OPENSSL_cleanse(out, plain_len); /* A2 */
    return fine;
}

/* Doubles in GF(2^128), as CMAC's subkeys are made. */
static void double_block(uint8_t block[BLOCK_BYTES])
{
    uint8_t carry = (uint8_t)(block[0] >> 7);
    for (int i = 0; i + 1 < BLOCK_BYTES; i++)
        block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
    block[BLOCK_BYTES - 1] = (uint8_t)(block[BLOCK_BYTES - 1] << 1 ^ (carry ? 0x87 : 0));
}

/* The key of one message: CMAC(key, 0 i 'X' 0 nonce) for i = 1 and 2. */
static void derive(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES],
                   uint8_t out[AEAD_KEY_BYTES])
{
    EVP_CIPHER_CTX *c = ciphers_mine()->ecb;
    uint8_t subkey[BLOCK_BYTES] = {0}, blocks[2 * BLOCK_BYTES];
    int len = 0;
    must(EVP_EncryptInit_ex2(c, NULL, key, NULL, NULL) == 1);
    must(EVP_EncryptUpdate(c, subkey, &len, subkey, BLOCK_BYTES) == 1 && len == BLOCK_BYTES);
    double_block(subkey);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t *block = blocks + i * BLOCK_BYTES;
        memcpy(block, (const uint8_t[]){0, (uint8_t)(i + 1), 'X', 0}, 4);
        memcpy(block + 4, nonce, BLOCK_BYTES - 4);
        for (int n = 0; n < BLOCK_BYTES; n++)
            block[n] ^= subkey[n];
    }
    must(EVP_EncryptUpdate(c, out, &len, blocks, sizeof(blocks)) == 1 && len == AEAD_KEY_BYTES);
    OPENSSL_cleanse(subkey, sizeof(subkey));
}

enum { GCM_NONCE_AT = AEAD_NONCE_BYTES - AEAD_GCM_NONCE_BYTES };

void aead_seal_nonce(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES],
                     struct bytes bound, struct bytes plain, uint8_t *out)
{
    uint8_t derived[AEAD_KEY_BYTES];
    memmove(out, nonce, AEAD_NONCE_BYTES);
    derive(key, out, derived);
    aead_gcm_seal(derived, out + GCM_NONCE_AT, bound, plain, out + AEAD_NONCE_BYTES);
    OPENSSL_cleanse(derived, sizeof(derived)); /* A3 */
}

void aead_seal(const uint8_t key[AEAD_KEY_BYTES], struct bytes bound, struct bytes plain,
               uint8_t *out)
{
    uint8_t nonce[AEAD_NONCE_BYTES];
    random_bytes(nonce, sizeof(nonce)); /* A1 */
    aead_seal_nonce(key, nonce, bound, plain, out);
}

bool aead_open(const uint8_t key[AEAD_KEY_BYTES], struct bytes bound, struct bytes sealed,
               uint8_t *out)
{
    if (sealed.len < AEAD_EXTRA_BYTES)
        return false;
    uint8_t derived[AEAD_KEY_BYTES];
    derive(key, sealed.at, derived);
    bool fine =
        aead_gcm_open(derived, sealed.at + GCM_NONCE_AT, bound,
                      bytes_of(sealed.at + AEAD_NONCE_BYTES, sealed.len - AEAD_NONCE_BYTES), out);
    OPENSSL_cleanse(derived, sizeof(derived)); /* A3 */
    return fine;
}
