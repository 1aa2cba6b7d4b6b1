/* aead_test.c: known answers, and that nothing opens but what was sealed so. */
#include "base/aead.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/thread.h"
#include "unit/base/cmocka_all.h"

#include <stdlib.h>

static uint8_t key[AEAD_KEY_BYTES];

static void hex_is(const uint8_t *bytes, size_t len, const char *hex)
{
    char text[512];
    hex_print(bytes_of(bytes, len), text);
    assert_string_equal(text, hex);
}

/* C2SP's two vectors: the top bit of the CMAC subkey is clear in one and set in the other. */
static void it_is_xaes_256_gcm(void **state)
{
    (void)state;
    static const uint8_t nonce[] = "ABCDEFGHIJKLMNOPQRSTUVWX";
    struct bytes plain = BYTES_LITERAL("XAES-256-GCM");
    uint8_t out[12 + AEAD_EXTRA_BYTES];
    memset(key, 1, sizeof(key));
    aead_seal_nonce(key, nonce, BYTES_LITERAL(""), plain, out);
    hex_is(out + AEAD_NONCE_BYTES, 12 + AEAD_TAG_BYTES,
           "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
    memset(key, 3, sizeof(key));
    aead_seal_nonce(key, nonce, BYTES_LITERAL("c2sp.org/XAES-256-GCM"), plain, out);
    hex_is(out + AEAD_NONCE_BYTES, 12 + AEAD_TAG_BYTES,
           "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}

static void what_is_sealed_opens_whatever_its_length(void **state)
{
    (void)state;
    uint8_t plain[300], sealed[sizeof(plain) + AEAD_EXTRA_BYTES], back[sizeof(plain)];
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= sizeof(plain); len++) {
        struct bytes bound = bytes_of(plain, len % 40);
        aead_seal(key, bound, bytes_of(plain, len), sealed);
        assert_true(aead_open(key, bound, bytes_of(sealed, len + AEAD_EXTRA_BYTES), back));
        assert_memory_equal(back, plain, len);
        memcpy(sealed + AEAD_NONCE_BYTES, plain, len); /* in place */
        aead_seal(key, bound, bytes_of(sealed + AEAD_NONCE_BYTES, len), sealed);
        assert_true(aead_open(key, bound, bytes_of(sealed, len + AEAD_EXTRA_BYTES), back));
        assert_memory_equal(back, plain, len);
    }
}

static void nothing_else_opens(void **state)
{
    (void)state;
    struct bytes plain = BYTES_LITERAL("a secret of some length"), bound = BYTES_LITERAL("place");
    uint8_t sealed[64 + AEAD_EXTRA_BYTES], back[64], zeros[64] = {0};
    size_t len = plain.len + AEAD_EXTRA_BYTES;
    aead_seal(key, bound, plain, sealed);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(back, 0xff, sizeof(back));
        assert_false(aead_open(key, bound, bytes_of(sealed, len), back));
        assert_memory_equal(back, zeros, plain.len); /* A2 */
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_false(aead_open(key, bound, bytes_of(sealed, cut), back));
    assert_false(aead_open(key, BYTES_LITERAL("Place"), bytes_of(sealed, len), back));
    assert_false(aead_open(key, BYTES_LITERAL(""), bytes_of(sealed, len), back));
    key[31] ^= 1;
    assert_false(aead_open(key, bound, bytes_of(sealed, len), back));
    key[31] ^= 1;
    assert_true(aead_open(key, bound, bytes_of(sealed, len), back));
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, AEAD_NONCE_BYTES);
}

enum { NONCES = 20000, THREADS = 4 };
struct nonces {
    struct thread thread;
    uint8_t (*at)[AEAD_NONCE_BYTES];
};

static void seal_many(void *arg)
{
    struct nonces *n = arg;
    uint8_t sealed[AEAD_EXTRA_BYTES];
    for (size_t i = 0; i < NONCES; i++) {
        aead_seal(key, BYTES_LITERAL(""), BYTES_LITERAL(""), sealed);
        memcpy(n->at[i], sealed, AEAD_NONCE_BYTES);
    }
}

/* Neither half comes twice either: 96 bits each, over all threads. */
static void no_nonce_comes_twice(void **state)
{
    (void)state;
    uint8_t(*all)[AEAD_NONCE_BYTES] = mem_must(THREADS * NONCES * sizeof(*all));
    struct nonces threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        threads[i].at = all + i * NONCES;
        thread_start(&threads[i].thread, THREAD_LOOP, "sealer", seal_many, &threads[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        thread_join(&threads[i].thread);
    for (int half = 0; half < 2; half++) {
        qsort(all, THREADS * NONCES, sizeof(*all), by_bytes);
        for (size_t i = 1; i < THREADS * NONCES; i++)
            assert_memory_not_equal(all[i - 1], all[i], AEAD_NONCE_BYTES / 2);
        for (size_t i = 0; i < THREADS * NONCES; i++) {
            uint8_t first[AEAD_NONCE_BYTES / 2];
            memcpy(first, all[i], sizeof(first));
            memcpy(all[i], all[i] + sizeof(first), sizeof(first));
            memcpy(all[i] + sizeof(first), first, sizeof(first));
        }
    }
    mem_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_xaes_256_gcm),
        cmocka_unit_test(what_is_sealed_opens_whatever_its_length),
        cmocka_unit_test(nothing_else_opens),
        cmocka_unit_test(no_nonce_comes_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
