/* digest.c: MD5, SHA-256 and HMAC-SHA-256 by OpenSSL.
 *
 * Every put hashes a partition key of some twenty bytes, and every request is signed, so the fixed
 * cost of a call decides: five digests a request, most of them of a block or two. EVP in OpenSSL 3
 * makes and wipes its state on the heap at each beginning, even with a fetched algorithm and a kept
 * context; that alone was a quarter of the mallocs of a put. The functions below EVP keep the
 * state on the stack and run the same assembly (SHA-NI where the processor has it). OpenSSL 3 calls
 * them deprecated, for what they cannot do (other providers), and has them all the same. HMAC is
 * written out over SHA-256 (RFC 2104).
 *
 * Left to others: CRC-32C (crc32c.c), signatures (wire/sigv4.c).
 * Thread: any. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include "base/must.h"

#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

enum { SHA256_BLOCK_BYTES = 64 };

void digest_md5(struct bytes data, uint8_t out[MD5_BYTES])
{
    MD5_CTX state;
    must(MD5_Init(&state) == 1);
    must(MD5_Update(&state, data.at, data.len) == 1);
    must(MD5_Final(out, &state) == 1);
}

void digest_sha256_rope(struct rope data, uint8_t out[SHA256_BYTES])
{
    SHA256_CTX state;
    must(SHA256_Init(&state) == 1);
    for (size_t i = 0; i < data.count; i++)
        must(SHA256_Update(&state, data.pieces[i].at, data.pieces[i].len) == 1);
    must(SHA256_Final(out, &state) == 1);
}

void digest_sha256(struct bytes data, uint8_t out[SHA256_BYTES])
{
    digest_sha256_rope(rope_of(&data), out);
}

/* Hashes two pieces as one. */
static void sha256(struct bytes first, struct bytes second, uint8_t out[SHA256_BYTES])
{
    const struct bytes both[] = {first, second};
    digest_sha256_rope((struct rope){both, 2}, out);
}

void digest_hmac_sha256(struct bytes key, struct bytes data, uint8_t out[SHA256_BYTES])
{
    uint8_t pad[SHA256_BLOCK_BYTES] = {0}, inner[SHA256_BYTES];
    if (key.len > sizeof(pad))
        digest_sha256(key, pad);
    else if (key.len > 0)
        memcpy(pad, key.at, key.len);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36;
    sha256(bytes_of(pad, sizeof(pad)), data, inner);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    sha256(bytes_of(pad, sizeof(pad)), bytes_of(inner, sizeof(inner)), out);
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

/* By a table, since digits come at random: no branch would be guessed right. What is no digit has a
 * bit above the low four. */
static const uint8_t hex_values[256] = {
#define NONE_16 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16
#define LETTERS 16, 10, 11, 12, 13, 14, 15, 16, 16, 16, 16, 16, 16, 16, 16, 16
    NONE_16, NONE_16, NONE_16, 0,       1,       2,       3,       4,
    5,       6,       7,       8,       9,       16,      16,      16,
    16,      16,      16,      LETTERS, NONE_16, LETTERS, NONE_16, NONE_16,
    NONE_16, NONE_16, NONE_16, NONE_16, NONE_16, NONE_16, NONE_16,
#undef NONE_16
#undef LETTERS
};

bool hex_parse(struct bytes text, uint8_t *out, size_t len)
{
    if (text.len / 2 != len || text.len % 2 != 0)
        return false;
    unsigned all = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned high = hex_values[text.at[2 * i]], low = hex_values[text.at[2 * i + 1]];
        all |= high | low;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return all < 16;
}
