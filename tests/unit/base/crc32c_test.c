/* crc32c_test.c: CRC-32C against the vectors of RFC 3720, and its two ways against each other. */
#include "base/crc32c_internal.h"
#include "base/digest.h"
#include "base/random.h"
#include "unit/base/cmocka_all.h"

static void assert_crc(struct bytes data, uint32_t expected)
{
    assert_int_equal(crc32c_extend(0, data), expected);
    assert_int_equal(crc32c_portable(0, data), expected);
    if (crc32c_has_fast())
        assert_int_equal(crc32c_fast(0, data), expected);
}

static void known_data_has_the_known_crc(void **state)
{
    (void)state;
    uint8_t data[32];
    assert_crc(BYTES_NONE, 0);
    assert_crc(BYTES_LITERAL("123456789"), 0xe3069283u);
    memset(data, 0, sizeof(data));
    assert_crc(bytes_of(data, sizeof(data)), 0x8a9136aau);
    memset(data, 0xff, sizeof(data));
    assert_crc(bytes_of(data, sizeof(data)), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = i;
    assert_crc(bytes_of(data, sizeof(data)), 0x46dd794eu);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = (uint8_t)(31 - i);
    assert_crc(bytes_of(data, sizeof(data)), 0x113fdb5cu);
}

static void both_ways_agree_on_any_length_and_alignment(void **state)
{
    (void)state;
    static uint8_t data[5000];
    struct random chance;
    random_seed(&chance, 3);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)random_next(&chance);
    if (!crc32c_has_fast())
        skip();
    for (size_t len = 0; len < 2500; len++) {
        struct bytes piece = bytes_of(data + len % 13, len);
        assert_int_equal(crc32c_fast(0, piece), crc32c_portable(0, piece));
    }
    assert_int_equal(crc32c_fast(77, bytes_of(data, sizeof(data))),
                     crc32c_portable(77, bytes_of(data, sizeof(data))));
}

static void pieces_extend_to_the_crc_of_the_whole(void **state)
{
    (void)state;
    static uint8_t data[1000];
    struct random chance;
    random_seed(&chance, 4);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)random_next(&chance);
    uint32_t whole = crc32c_extend(0, bytes_of(data, sizeof(data)));
    for (size_t cut = 0; cut <= sizeof(data); cut++) {
        uint32_t first = crc32c_extend(0, bytes_of(data, cut));
        assert_int_equal(crc32c_extend(first, bytes_of(data + cut, sizeof(data) - cut)), whole);
    }
}

static void any_flipped_bit_shows(void **state)
{
    (void)state;
    uint8_t data[100] = {1, 2, 3};
    uint32_t whole = crc32c_extend(0, bytes_of(data, sizeof(data)));
    for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(crc32c_extend(0, bytes_of(data, sizeof(data))), whole);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_data_has_the_known_crc),
        cmocka_unit_test(both_ways_agree_on_any_length_and_alignment),
        cmocka_unit_test(pieces_extend_to_the_crc_of_the_whole),
        cmocka_unit_test(any_flipped_bit_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
