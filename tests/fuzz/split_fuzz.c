/* split_fuzz.c: any bytes as a record that is to be taken apart: parts lie within the record, in order, and are not too many. */
#include "delivery/process_cut.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/must.h"

static void check(process_cut_fn *cut, const void *own, struct bytes data, uint32_t most)
{
    struct process_parts parts = {0};
    enum status st = cut(own, data, &parts);
    must(st == OK || st == MALFORMED || st == TOO_LARGE);
    must(parts.count <= most);
    const uint8_t *at = data.at;
    for (uint32_t i = 0; i < parts.count; i++) {
        must(parts.at[i].at >= at && parts.at[i].at + parts.at[i].len <= data.at + data.len);
        at = parts.at[i].at + parts.at[i].len;
    }
    mem_free(parts.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes delimiter = BYTES_LITERAL("\n#"), given = bytes_of(data, size);
    check(json_cut, NULL, given, SPLIT_RECORDS_MAX);
    check(delimiter_cut, &delimiter, given, SPLIT_RECORDS_MAX);
    check(kpl_cut, NULL, given, KPL_RECORDS_MAX);
    /* Behind the magic and before the digest, which no fuzzer finds. */
    struct buf whole;
    uint8_t digest[MD5_BYTES];
    digest_md5(given, digest);
    buf_init(&whole, SIZE_MAX / 2);
    buf_append(&whole, BYTES_LITERAL("\xF3\x89\x9A\xC2"));
    buf_append(&whole, given);
    buf_append(&whole, bytes_of(digest, sizeof(digest)));
    check(kpl_cut, NULL, buf_view(&whole), KPL_RECORDS_MAX);
    buf_fini(&whole);
    return 0;
}
