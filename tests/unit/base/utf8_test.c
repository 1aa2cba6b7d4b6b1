/* utf8_test.c: strict UTF-8, against every code point and every pair of bytes. */
#include "base/utf8.h"
#include "unit/base/cmocka_all.h"

/* Writes a code point by its definition; returns the length. */
static size_t encode(uint32_t point, uint8_t out[4])
{
    size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; point >>= 6)
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
    out[0] = (uint8_t)(marks[length] | point);
    return length;
}

static void every_character_is_taken_and_no_surrogate(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x110000; point++) {
        uint8_t bytes[4];
        size_t length = encode(point, bytes);
        bool surrogate = point >= 0xd800 && point <= 0xdfff;
        if (utf8_length(bytes_of(bytes, length)) != (surrogate ? 0 : length))
            fail_msg("U+%04X", point);
        for (size_t cut = 1; cut < length; cut++) {
            if (utf8_length(bytes_of(bytes, cut)) != 0)
                fail_msg("U+%04X cut to %zu bytes", point, cut);
        }
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\x80",
                                        "\xbf",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xe0\x80\x80",
                                        "\xe0\x9f\xbf",
                                        "\xf0\x80\x80\x80",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xff",
                                        "\xc3(",
                                        "\xe2\x82("};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(utf8_length(bytes_text(wrong[i])), 0);
}

static void a_text_is_valid_if_all_of_it_is(void **state)
{
    (void)state;
    assert_true(utf8_valid(BYTES_NONE));
    assert_true(utf8_valid(BYTES_LITERAL("caf\xc3\xa9 \xe2\x82\xac")));
    assert_false(utf8_valid(BYTES_LITERAL("caf\xc3\xa9\xe2\x82")));
}

static void a_text_is_valid_wherever_its_odd_bytes_stand(void **state)
{
    (void)state;
    for (size_t before = 0; before <= 20; before++) {
        for (size_t after = 0; after <= 20; after++) {
            uint8_t text[44];
            memset(text, 'a', sizeof(text));
            memcpy(text + before, "\xe2\x82\xac", 3);
            assert_true(utf8_valid(bytes_of(text, before + 3 + after)));
            text[before + 1] = 'a';
            assert_false(utf8_valid(bytes_of(text, before + 3 + after)));
        }
    }
}

static void bytes_that_are_no_text_are_replaced(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    utf8_append(&out, BYTES_LITERAL("caf\xc3\xa9"));
    utf8_append(&out, BYTES_LITERAL(" \xff!\xe2\x82"));
    utf8_append(&out, BYTES_NONE);
    struct bytes want = BYTES_LITERAL("caf\xc3\xa9 \xef\xbf\xbd!\xef\xbf\xbd\xef\xbf\xbd");
    assert_int_equal(out.len, want.len);
    assert_memory_equal(out.at, want.at, want.len);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_taken_and_no_surrogate),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(a_text_is_valid_if_all_of_it_is),
        cmocka_unit_test(a_text_is_valid_wherever_its_odd_bytes_stand),
        cmocka_unit_test(bytes_that_are_no_text_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
