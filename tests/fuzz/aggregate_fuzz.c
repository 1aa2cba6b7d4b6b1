/* aggregate_fuzz.c: any bytes as an aggregated record: what is read lies within them; and what is read, written again, reads the same. */
#include "wire/aggregate.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"

static void must_lie_within(struct bytes part, struct bytes data)
{
    must(!bytes_present(part) || (part.at >= data.at && part.at + part.len <= data.at + data.len));
}

static void must_be_same(struct bytes a, struct bytes b)
{
    must(bytes_present(a) == bytes_present(b) && bytes_equal(a, b));
}

static void write_again(const struct aggregate_record *records, uint32_t count)
{
    struct aggregate_writer w = {0};
    for (uint32_t i = 0; i < count; i++)
        if (aggregate_add(&w, &records[i], SIZE_MAX / 2) != OK)
            count = i;
    size_t len = aggregate_bytes(&w);
    uint8_t *at = mem_must(len);
    aggregate_write(&w, at);
    aggregate_seal(&at, &len, 1);
    struct arena a;
    struct aggregate_record *again;
    uint32_t again_count;
    arena_init(&a, MIB(64));
    must(aggregate_read(bytes_of(at, len), count, &a, &again, &again_count) == OK);
    must(again_count == count);
    for (uint32_t i = 0; i < count; i++) {
        must_be_same(again[i].data, records[i].data);
        must_be_same(again[i].partition_key, records[i].partition_key);
        must_be_same(again[i].explicit_hash_key, records[i].explicit_hash_key);
    }
    arena_fini(&a);
    mem_free(at);
    aggregate_writer_fini(&w);
}

static void check(struct bytes data)
{
    struct arena a;
    struct aggregate_record *records;
    uint32_t count = 0;
    arena_init(&a, MIB(64));
    if (aggregate_read(data, UINT32_MAX, &a, &records, &count) == OK) {
        for (uint32_t i = 0; i < count; i++) {
            must_lie_within(records[i].data, data);
            must_lie_within(records[i].partition_key, data);
            must_lie_within(records[i].explicit_hash_key, data);
        }
        write_again(records, count);
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes given = bytes_of(data, size);
    check(given);
    /* Between the magic and the digest, which no fuzzer finds. */
    struct buf whole;
    uint8_t digest[MD5_BYTES];
    digest_md5(given, digest);
    buf_init(&whole, SIZE_MAX / 2);
    buf_append(&whole, BYTES_LITERAL("\xF3\x89\x9A\xC2"));
    buf_append(&whole, given);
    buf_append(&whole, bytes_of(digest, sizeof(digest)));
    check(buf_view(&whole));
    buf_fini(&whole);
    return 0;
}
