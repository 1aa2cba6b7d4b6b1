/* digest_test.c: MD5, SHA-256, HMAC and hex, against the vectors of RFC 1321, FIPS 180-2 and RFC
 * 4231. */
#include "base/digest.h"
#include "base/thread.h"
#include "unit/base/cmocka_all.h"

static void assert_hex(const uint8_t *digest, size_t len, const char *expected)
{
    char text[2 * SHA256_BYTES + 1];
    hex_print(bytes_of(digest, len), text);
    assert_string_equal(text, expected);
}

static void assert_md5(const char *data, const char *expected)
{
    uint8_t out[MD5_BYTES];
    digest_md5(bytes_text(data), out);
    assert_hex(out, sizeof(out), expected);
}

static void assert_sha256(struct bytes data, const char *expected)
{
    uint8_t out[SHA256_BYTES];
    digest_sha256(data, out);
    assert_hex(out, sizeof(out), expected);
}

static void assert_hmac(struct bytes key, const char *data, const char *expected)
{
    uint8_t out[SHA256_BYTES];
    digest_hmac_sha256(key, bytes_text(data), out);
    assert_hex(out, sizeof(out), expected);
}

static void md5_gives_the_known_digests(void **state)
{
    (void)state;
    assert_md5("", "d41d8cd98f00b204e9800998ecf8427e");
    assert_md5("a", "0cc175b9c0f1b6a831c399e269772661");
    assert_md5("message digest", "f96b697d7cb7938d525a2f31aaf161d0");
    assert_md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890",
               "57edf4a22be3c955ac49da2e2107b67a");
}

static void sha256_gives_the_known_digests(void **state)
{
    (void)state;
    const char *const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_sha256(BYTES_LITERAL(""), empty);
    assert_sha256(BYTES_NONE, empty);
    assert_sha256(BYTES_LITERAL("abc"),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_sha256(BYTES_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void hmac_gives_the_known_codes(void **state)
{
    (void)state;
    uint8_t key[131];
    memset(key, 0x0b, 20);
    assert_hmac(bytes_of(key, 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_hmac(BYTES_LITERAL("Jefe"), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    assert_hmac(bytes_of(key, sizeof(key)),
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_hmac(BYTES_NONE, "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void a_key_of_exactly_one_block_is_not_hashed_first(void **state)
{
    (void)state;
    uint8_t key[65] = {0}, at_block[SHA256_BYTES], shorter[SHA256_BYTES];
    memset(key, 'k', 63);
    digest_hmac_sha256(bytes_of(key, 63), BYTES_LITERAL("data"), shorter);
    digest_hmac_sha256(bytes_of(key, 64), BYTES_LITERAL("data"), at_block);
    assert_memory_equal(shorter, at_block,
                        SHA256_BYTES); /* the 64th byte is 0, as the padding is */
    uint8_t hashed[SHA256_BYTES], longer[SHA256_BYTES], by_hash[SHA256_BYTES];
    digest_sha256(bytes_of(key, 65), hashed);
    digest_hmac_sha256(bytes_of(key, 65), BYTES_LITERAL("data"), longer);
    digest_hmac_sha256(bytes_of(hashed, sizeof(hashed)), BYTES_LITERAL("data"), by_hash);
    assert_memory_equal(longer, by_hash, SHA256_BYTES);
}

static void output_may_replace_the_key(void **state)
{
    (void)state;
    uint8_t chain[SHA256_BYTES], apart[SHA256_BYTES];
    digest_sha256(BYTES_LITERAL("seed"), chain);
    digest_hmac_sha256(bytes_of(chain, sizeof(chain)), BYTES_LITERAL("20261123"), apart);
    digest_hmac_sha256(bytes_of(chain, sizeof(chain)), BYTES_LITERAL("20261123"), chain);
    assert_memory_equal(chain, apart, sizeof(chain));
}

static void hash_much(void *arg)
{
    uint8_t *out = arg;
    for (int i = 0; i < 1000; i++) {
        uint8_t other[SHA256_BYTES];
        digest_sha256(bytes_of(&i, sizeof(i)), other);
        digest_md5(BYTES_LITERAL("message digest"), out);
    }
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    struct thread threads[4] = {0};
    uint8_t outs[4][MD5_BYTES];
    for (int i = 0; i < 4; i++)
        thread_start(&threads[i], THREAD_READER, "hasher", hash_much, outs[i]);
    for (int i = 0; i < 4; i++) {
        thread_join(&threads[i]);
        assert_hex(outs[i], MD5_BYTES, "f96b697d7cb7938d525a2f31aaf161d0");
    }
}

static void hex_reads_both_cases_and_only_whole_bytes(void **state)
{
    (void)state;
    uint8_t out[3] = {0};
    assert_true(hex_parse(BYTES_LITERAL("00aFfA"), out, 3));
    assert_memory_equal(out, "\x00\xaf\xfa", 3);
    assert_true(hex_parse(BYTES_NONE, out, 0));
    static const char *const wrong[] = {"",         "00",     "00aff",  "00affaa",
                                        "00affaaa", "00afg0", "0x00af", "00 0af",
                                        "00af:0",   "00afG0", "00af@0", "00af`0"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(hex_parse(bytes_text(wrong[i]), out, 3));
    for (int c = 0; c < 256; c++) {
        uint8_t text[2] = {'0', (uint8_t)c}, byte;
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        assert_int_equal(hex_parse(bytes_of(text, 2), &byte, 1), digit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_gives_the_known_digests),
        cmocka_unit_test(sha256_gives_the_known_digests),
        cmocka_unit_test(hmac_gives_the_known_codes),
        cmocka_unit_test(a_key_of_exactly_one_block_is_not_hashed_first),
        cmocka_unit_test(output_may_replace_the_key),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(hex_reads_both_cases_and_only_whole_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
