/* base64_test.c: every path against a plain one, at every length, place and kind of damage. */
#include "wire/base64.h"

#include "base/mem.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

enum { LEN_MAX = 300, TEXT_MAX = 400, PLACES = 32 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const enum base64_path paths[] = {BASE64_PORTABLE, BASE64_SSSE3, BASE64_AVX2};

/* Bit by bit, as RFC 4648 tells it. */
static size_t encode_plainly(struct bytes data, uint8_t *out)
{
    size_t len = 0;
    for (size_t bit = 0; bit < data.len * 8; bit += 6) {
        unsigned six = 0;
        for (size_t i = bit; i < bit + 6; i++) {
            unsigned byte = i / 8 < data.len ? data.at[i / 8] : 0;
            six = six << 1 | (byte >> (7 - i % 8) & 1);
        }
        out[len++] = (uint8_t)letters[six];
    }
    while (len % 4)
        out[len++] = '=';
    return len;
}

/* A block of exactly that size, so that a sanitizer sees each byte read or written beyond it. */
static uint8_t *block(size_t size)
{
    return mem_must(size ? size : 1);
}

static void fill(uint8_t *at, size_t len, struct random *r)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)random_next(r);
}

static void every_path_encodes_every_length_at_every_place(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 1);
    for (size_t p = 0; p < 3; p++) {
        if (!base64_force(paths[p]))
            continue;
        assert_int_equal(base64_path(), paths[p]);
        for (size_t len = 0; len <= LEN_MAX; len++) {
            size_t place = len % PLACES, text_len = base64_encoded_len(len);
            uint8_t *data = block(place + len), *out = block(place + text_len), want[TEXT_MAX + 8];
            fill(data, place + len, &r);
            base64_encode(bytes_of(data + place, len), out + place);
            assert_int_equal(encode_plainly(bytes_of(data + place, len), want), text_len);
            assert_memory_equal(out + place, want, text_len);
            mem_free(data);
            mem_free(out);
        }
    }
}

static void check_decoding(struct bytes data, struct bytes text, size_t place, bool in_place)
{
    struct fault f;
    size_t len = 999;
    uint8_t *copy = block(place + text.len);
    uint8_t *out = in_place ? copy + place : block(text.len / 4 * 3);
    memcpy(copy + place, text.at, text.len);
    assert_int_equal(base64_decode(bytes_of(copy + place, text.len), out, &len, &f), OK);
    assert_int_equal(len, data.len);
    assert_memory_equal(out, data.at, len);
    if (!in_place)
        mem_free(out);
    mem_free(copy);
}

static void every_path_decodes_every_length_at_every_place_and_in_place(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 2);
    for (size_t p = 0; p < 3; p++) {
        if (!base64_force(paths[p]))
            continue;
        for (size_t len = 0; len <= LEN_MAX; len++) {
            uint8_t data[LEN_MAX], text[TEXT_MAX + 8];
            fill(data, len, &r);
            size_t text_len = encode_plainly(bytes_of(data, len), text);
            for (size_t place = 0; place < PLACES; place += len < 100 ? 1 : 7) {
                check_decoding(bytes_of(data, len), bytes_of(text, text_len), place, false);
                check_decoding(bytes_of(data, len), bytes_of(text, text_len), place, true);
            }
        }
    }
}

static void every_letter_has_its_value_in_every_lane(void **state)
{
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        if (!base64_force(paths[p]))
            continue;
        for (size_t at = 0; at < 64; at++) {
            uint8_t text[128], data[96], again[128];
            struct fault f;
            size_t len;
            for (size_t i = 0; i < sizeof(text); i++)
                text[i] = (uint8_t)letters[(at + i * 5) % 64];
            assert_int_equal(base64_decode(bytes_of(text, sizeof(text)), data, &len, &f), OK);
            encode_plainly(bytes_of(data, len), again);
            assert_memory_equal(text, again, sizeof(text));
        }
    }
}

/* Every wrong byte at every position: refused, quoted whole, and the byte named. */
static void a_foreign_byte_is_found_wherever_it_stands(void **state)
{
    (void)state;
    enum { LEN = 132 };
    static const uint8_t wrong[] = {0,   1,   ' ', '\n', '!', '*', ',', '-', '.',  ':',  '@',
                                    '[', '`', '{', '~',  '_', '=', 127, 128, 0xab, 0xaf, 255};
    for (size_t p = 0; p < 3; p++) {
        if (!base64_force(paths[p]))
            continue;
        for (size_t at = 0; at < LEN; at++) {
            for (size_t w = 0; w < sizeof(wrong); w++) {
                if (wrong[w] == '=' && at >= LEN - 1)
                    continue;
                uint8_t text[LEN + 1] = {0};
                char want[400];
                struct fault f;
                size_t len;
                for (size_t i = 0; i < LEN; i++)
                    text[i] = (uint8_t)letters[(i * 7 + at) % 64];
                text[at] = wrong[w];
                if (wrong[w] == 0 || wrong[w] >= 128) /* printf would stop, or count characters */
                    snprintf(want, sizeof(want), "can not be converted");
                else
                    snprintf(want, sizeof(want),
                             "'%s' can not be converted to a Blob: Invalid Base64 character: '%c'",
                             (char *)text, wrong[w]);
                assert_int_equal(base64_decode(bytes_of(text, LEN), text, &len, &f), MALFORMED);
                if (wrong[w] != 0 && wrong[w] < 128)
                    assert_string_equal(f.text, want);
            }
        }
    }
}

static void refusals_are_worded_as_aws_does(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"23456", "'23456' can not be converted to a Blob: Base64 encoded length is expected a "
                  "multiple of 4 bytes but found: 5"},
        {"=+/=", "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"},
        {"+/+=", "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character "
                 "dectected"},
        {"AB==", "'AB==' can not be converted to a Blob: Invalid last non-pad Base64 character "
                 "dectected"},
        {"A===", "'A===' can not be converted to a Blob: Invalid Base64 character: '='"},
        {"====", "'====' can not be converted to a Blob: Invalid Base64 character: '='"},
        {"AA==AAAA", "'AA==AAAA' can not be converted to a Blob: Invalid Base64 character: '='"},
        {"A!==", "'A!==' can not be converted to a Blob: Invalid Base64 character: '!'"},
        {"!", "'!' can not be converted to a Blob: Base64 encoded length is expected a multiple "
              "of 4 bytes but found: 1"},
        {"AA\xc3\xa9", "'AA\xc3\xa9' can not be converted to a Blob: Invalid Base64 character: "
                       "'\xc3\xa9'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint8_t out[16];
        struct fault f;
        size_t len = 7;
        assert_int_equal(base64_decode(bytes_text(rows[i].text), out, &len, &f), MALFORMED);
        assert_string_equal(f.text, rows[i].words);
        assert_int_equal(f.status, MALFORMED);
        assert_int_equal(len, 0);
    }
}

static void a_long_text_is_quoted_in_part_and_the_reason_kept(void **state)
{
    (void)state;
    enum { LEN = 8000 };
    uint8_t *text = block(LEN);
    struct fault f;
    size_t len;
    for (size_t i = 0; i < LEN; i++)
        text[i] = (uint8_t)letters[i % 64];
    text[LEN - 2] = '!';
    assert_int_equal(base64_decode(bytes_of(text, LEN), text, &len, &f), MALFORMED);
    assert_memory_equal(f.text, "'ABCDEFGHIJKLMNOPQRSTUVWXYZabc", 30);
    assert_non_null(
        strstr(f.text, "' can not be converted to a Blob: Invalid Base64 character: '!'"));
    mem_free(text);
}

static void what_is_decoded_is_what_would_be_encoded(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 3);
    unsigned accepted = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t text[8], out[6], again[8];
        struct fault f;
        size_t len;
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] =
                (uint8_t)(i > 4 && random_below(&r, 4) == 0 ? '=' : letters[random_below(&r, 64)]);
        if (base64_decode(bytes_of(text, sizeof(text)), out, &len, &f) != OK)
            continue;
        accepted++;
        assert_int_equal(encode_plainly(bytes_of(out, len), again), sizeof(text));
        assert_memory_equal(text, again, sizeof(text));
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_encodes_every_length_at_every_place),
        cmocka_unit_test(every_path_decodes_every_length_at_every_place_and_in_place),
        cmocka_unit_test(every_letter_has_its_value_in_every_lane),
        cmocka_unit_test(a_foreign_byte_is_found_wherever_it_stands),
        cmocka_unit_test(refusals_are_worded_as_aws_does),
        cmocka_unit_test(a_long_text_is_quoted_in_part_and_the_reason_kept),
        cmocka_unit_test(what_is_decoded_is_what_would_be_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
