/* crc32c_test.c: CRC-32C against the vectors of RFC 3720, and its ways against each other. */
#include "base/crc32c_internal.h"
#include "base/digest.h"
#include "base/random.h"
#include "unit/base/cmocka_all.h"

static void assert_crc(struct bytes data, uint32_t expected)
{
    uint32_t crc;
    assert_int_equal(crc32c_extend(0, data), expected);
    for (enum crc32c_way way = 0; way < CRC32C_WAYS; way++) {
        if (crc32c_extend_by(way, 0, data, &crc))
            assert_int_equal(crc, expected);
    }
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

static void assert_like_portable(enum crc32c_way way, uint32_t before, struct bytes data)
{
    uint32_t crc, expected;
    assert_true(crc32c_extend_by(CRC32C_PORTABLE, before, data, &expected));
    assert_true(crc32c_extend_by(way, before, data, &crc));
    assert_int_equal(crc, expected);
}

/* Lengths around each number of whole lanes, steps and vectors. */
static void a_way_agrees(enum crc32c_way way)
{
    static uint8_t data[5000];
    struct random chance;
    uint32_t crc;
    if (!crc32c_extend_by(way, 0, BYTES_NONE, &crc))
        skip();
    random_seed(&chance, 3);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)random_next(&chance);
    for (size_t len = 0; len < 2500; len++)
        assert_like_portable(way, (uint32_t)random_next(&chance), bytes_of(data + len % 13, len));
    assert_like_portable(way, 77, bytes_of(data, sizeof(data)));
}

static void sse42_agrees_on_any_length_and_alignment(void **state)
{
    (void)state;
    a_way_agrees(CRC32C_SSE42);
}

static void avx512_agrees_on_any_length_and_alignment(void **state)
{
    (void)state;
    a_way_agrees(CRC32C_AVX512);
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
        cmocka_unit_test(sse42_agrees_on_any_length_and_alignment),
        cmocka_unit_test(avx512_agrees_on_any_length_and_alignment),
        cmocka_unit_test(pieces_extend_to_the_crc_of_the_whole),
        cmocka_unit_test(any_flipped_bit_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
