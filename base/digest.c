/* digest.c: MD5, SHA-256 and HMAC-SHA-256 by OpenSSL.
 *
 * Every put hashes a partition key of some twenty bytes, and every request is signed, so the fixed
 * cost of a call decides. OpenSSL 3 looks an algorithm up by name on each implicit fetch, and
 * making a context costs more than hashing a short key: so algorithms are fetched once, and each
 * thread keeps one context an algorithm. HMAC is written out over SHA-256 (RFC 2104), since EVP_MAC
 * pays the same fixed costs again.
 *
 * I1. A thread's contexts are freed when it ends.
 *
 * Left to others: CRC-32C (crc32c.c), signatures (wire/sigv4.c).
 * Thread: any. */
#include "base/digest.h"

#include "base/mem.h"
#include "base/must.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

enum { SHA256_BLOCK_BYTES = 64 };

struct contexts {
    EVP_MD_CTX *md5, *sha256;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t
    key_of_thread;           /* only for its destructor, I1: reading it is slower than `mine` */
static EVP_MD *md5, *sha256; /* fixed after `once` */
static _Thread_local struct contexts *mine;

static void contexts_free(void *arg)
{
    struct contexts *c = arg;
    EVP_MD_CTX_free(c->md5);
    EVP_MD_CTX_free(c->sha256);
    mem_free(c);
    mine = NULL; /* a later destructor of this thread may hash once more */
}

static void prepare(void)
{
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (md5 == NULL || sha256 == NULL)
        die("OpenSSL here offers no MD5 or no SHA-256; is it in FIPS mode?");
    if (pthread_key_create(&key_of_thread, contexts_free) != 0)
        die("the system has no thread keys left");
}

static struct contexts *contexts_mine(void)
{
    if (mine != NULL)
        return mine;
    pthread_once(&once, prepare);
    struct contexts *c = MEM_NEW(struct contexts);
    c->md5 = EVP_MD_CTX_new();
    c->sha256 = EVP_MD_CTX_new();
    if (c->md5 == NULL || c->sha256 == NULL || pthread_setspecific(key_of_thread, c) != 0)
        die("no memory for digest contexts");
    mine = c;
    return c;
}

/* Hashes two pieces as one. With a fetched algorithm and a ready context nothing here can fail. */
static void hash(EVP_MD_CTX *context, const EVP_MD *md, struct bytes first, struct bytes second,
                 uint8_t *out)
{
    must(EVP_DigestInit_ex2(context, md, NULL) == 1);
    must(EVP_DigestUpdate(context, first.at, first.len) == 1);
    if (second.len > 0)
        must(EVP_DigestUpdate(context, second.at, second.len) == 1);
    must(EVP_DigestFinal_ex(context, out, NULL) == 1);
}

void digest_md5(struct bytes data, uint8_t out[MD5_BYTES])
{
    EVP_MD_CTX *context = contexts_mine()->md5; /* first: it fetches md5, too */
    hash(context, md5, data, BYTES_NONE, out);
}

void digest_sha256(struct bytes data, uint8_t out[SHA256_BYTES])
{
    EVP_MD_CTX *context = contexts_mine()->sha256; /* first: it fetches sha256, too */
    hash(context, sha256, data, BYTES_NONE, out);
}

void digest_hmac_sha256(struct bytes key, struct bytes data, uint8_t out[SHA256_BYTES])
{
    EVP_MD_CTX *context = contexts_mine()->sha256;
    uint8_t pad[SHA256_BLOCK_BYTES] = {0}, inner[SHA256_BYTES];
    if (key.len > sizeof(pad))
        hash(context, sha256, key, BYTES_NONE, pad);
    else if (key.len > 0)
        memcpy(pad, key.at, key.len);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36;
    hash(context, sha256, bytes_of(pad, sizeof(pad)), data, inner);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash(context, sha256, bytes_of(pad, sizeof(pad)), bytes_of(inner, sizeof(inner)), out);
    OPENSSL_cleanse(pad, sizeof(pad)); /* it was the key */
}

void hex_print(struct bytes data, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < data.len; i++) {
        *out++ = digits[data.at[i] >> 4];
        *out++ = digits[data.at[i] & 15];
    }
    *out = '\0';
}

/* 0 to 15, or -1 */
static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_parse(struct bytes text, uint8_t *out, size_t len)
{
    if (text.len / 2 != len || text.len % 2 != 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
