/* compress_test.c: what is made opens again, and does not depend on how it was fed. */
#include "delivery/compress.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"
#include "unit/base/cmocka_all.h"

#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { DATA_BYTES = 700001 };

/* Words that repeat, and some that never do. */
static uint8_t *data_new(void)
{
    uint8_t *data = mem_must(DATA_BYTES);
    struct random r;
    random_seed(&r, 7);
    for (size_t i = 0; i < DATA_BYTES; i++)
        data[i] =
            i / 100000 % 2 ? (uint8_t)random_next(&r) : (uint8_t)('a' + i % 17 + i / 1000 % 3);
    return data;
}

static void make(enum compression kind, const uint8_t *data, size_t len, size_t piece,
                 struct buf *out)
{
    struct compressor *c;
    struct fault f;
    buf_init(out, MIB(8));
    assert_int_equal(compressor_new(kind, BYTES_LITERAL("d"), NULL, out, &c, &f), OK);
    for (size_t at = 0; at < len; at += piece)
        compressor_feed(c, bytes_of(data + at, len - at < piece ? len - at : piece));
    compressor_finish(c);
    compressor_free(c);
    assert_int_equal(out->status, OK);
}

static void how_it_is_fed_does_not_show(void **state)
{
    (void)state;
    uint8_t *data = data_new();
    for (int kind = COMPRESSION_NONE; kind <= COMPRESSION_HADOOP_SNAPPY; kind++) {
        struct buf whole, pieces;
        make((enum compression)kind, data, DATA_BYTES, DATA_BYTES, &whole);
        for (size_t piece = 997; piece < DATA_BYTES; piece *= 9) {
            make((enum compression)kind, data, DATA_BYTES, piece, &pieces);
            assert_true(bytes_equal(buf_view(&whole), buf_view(&pieces))); /* C1 */
            buf_fini(&pieces);
        }
        buf_fini(&whole);
    }
    mem_free(data);
}

static void gzip_opens(void **state)
{
    (void)state;
    uint8_t *data = data_new(), *back = mem_must(DATA_BYTES + 1);
    struct buf out;
    make(COMPRESSION_GZIP, data, DATA_BYTES, 5000, &out);
    z_stream z = {.next_in = out.at,
                  .avail_in = (uInt)out.len,
                  .next_out = back,
                  .avail_out = DATA_BYTES + 1};
    assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, DATA_BYTES);
    assert_int_equal(z.avail_in, 0);
    assert_memory_equal(back, data, DATA_BYTES);
    (void)inflateEnd(&z);
    buf_fini(&out);
    mem_free(back);
    mem_free(data);
}

/* By unzip itself, which checks sizes, CRC and directory. */
static void zip_opens(void **state)
{
    (void)state;
    uint8_t *data = data_new();
    struct buf out, back;
    struct fault f;
    char folder[] = "/tmp/sluice-zip-XXXXXX", path[64], command[160];
    assert_non_null(mkdtemp(folder));
    make(COMPRESSION_ZIP, data, DATA_BYTES, 5000, &out);
    snprintf(path, sizeof(path), "%s/o.zip", folder);
    assert_int_equal(file_replace(path, buf_view(&out), &f), OK);
    snprintf(command, sizeof(command),
             "cd %s && python3 -m zipfile -t o.zip >/dev/null && "
             "python3 -m zipfile -e o.zip .",
             folder);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof(path), "%s/d", folder);
    buf_init(&back, MIB(1));
    assert_int_equal(file_read(path, &back, &f), OK);
    assert_true(bytes_equal(buf_view(&back), bytes_of(data, DATA_BYTES)));
    assert_int_equal(folder_remove(folder, &f), OK);
    buf_fini(&back);
    buf_fini(&out);
    mem_free(data);
}

static uint32_t number(const uint8_t *at, int bytes, bool big)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)at[big ? bytes - 1 - i : i] << (8 * i);
    return value;
}

static void snappy_frames_open(void **state)
{
    (void)state;
    uint8_t *data = data_new();
    char block[65536];
    struct buf out;
    make(COMPRESSION_SNAPPY, data, DATA_BYTES, 5000, &out);
    assert_memory_equal(out.at, "\xff\x06\x00\x00sNaPpY", 10);
    size_t at = 10, found = 0, plain = 0;
    while (at < out.len) {
        uint32_t len = number(out.at + at + 1, 3, false) - 4;
        const uint8_t *body = out.at + at + 8;
        size_t got = sizeof(block);
        if (out.at[at] == 0) {
            assert_int_equal(snappy_uncompress((const char *)body, len, block, &got), SNAPPY_OK);
        } else {
            assert_int_equal(out.at[at], 1);
            memcpy(block, body, got = len);
            plain++;
        }
        uint32_t crc = crc32c_extend(0, bytes_of(block, got));
        assert_int_equal(number(out.at + at + 4, 4, false),
                         (uint32_t)(((crc >> 15) | (crc << 17)) + 0xa282ead8u));
        assert_memory_equal(block, data + found, got);
        found += got;
        at += 8 + len;
    }
    assert_int_equal(found, DATA_BYTES);
    assert_true(plain > 0); /* what chance made is not smaller for it */
    buf_fini(&out);
    mem_free(data);
}

static void hadoops_blocks_open(void **state)
{
    (void)state;
    uint8_t *data = data_new();
    char block[65536];
    struct buf out;
    make(COMPRESSION_HADOOP_SNAPPY, data, DATA_BYTES, 5000, &out);
    size_t at = 0, found = 0;
    while (at < out.len) {
        size_t got = sizeof(block);
        uint32_t raw = number(out.at + at, 4, true), len = number(out.at + at + 4, 4, true);
        assert_int_equal(snappy_uncompress((const char *)out.at + at + 8, len, block, &got),
                         SNAPPY_OK);
        assert_int_equal(got, raw);
        assert_memory_equal(block, data + found, got);
        found += got;
        at += 8 + len;
    }
    assert_int_equal(found, DATA_BYTES);
    buf_fini(&out);
    mem_free(data);
}

static void nothing_is_an_object_too(void **state)
{
    (void)state;
    struct buf out;
    make(COMPRESSION_GZIP, NULL, 0, 1, &out);
    assert_int_equal(out.len, 20);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_it_is_fed_does_not_show),
        cmocka_unit_test(gzip_opens),
        cmocka_unit_test(zip_opens),
        cmocka_unit_test(snappy_frames_open),
        cmocka_unit_test(hadoops_blocks_open),
        cmocka_unit_test(nothing_is_an_object_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
