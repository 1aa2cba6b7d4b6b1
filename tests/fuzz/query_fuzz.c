/* query_fuzz.c: any text as a MetadataExtractionQuery: what is taken names keys within it, and is whole: what is appended to it is seen as what it is. */
#include "delivery/process_query.h"

#include "base/must.h"

enum { TEXT_BYTES_MAX = 5120, MORE_BYTES = 16 };

static enum status scan_with(const uint8_t *data, size_t size, const char *more,
                             struct query_keys *keys)
{
    static uint8_t text[TEXT_BYTES_MAX + MORE_BYTES];
    struct fault f;
    memcpy(text, data, size);
    memcpy(text + size, more, strlen(more));
    return query_scan(bytes_of(text, size + strlen(more)), keys, &f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_keys keys, same;
    struct fault f;
    if (size > TEXT_BYTES_MAX || query_scan(bytes_of(data, size), &keys, &f) != OK)
        return 0;
    must(keys.count <= QUERY_KEYS_MAX);
    for (uint32_t i = 0; i < keys.count; i++)
        must(keys.at[i].at >= data && keys.at[i].at + keys.at[i].len <= data + size);
    must(scan_with(data, size, "\n|now", &same) == INVALID_ARGUMENT);
    must(scan_with(data, size, "\n|\"\\(now)\"", &same) == INVALID_ARGUMENT);
    must(scan_with(data, size, "\n|.now # now", &same) == OK);
    must(same.count == keys.count && same.computed == keys.computed);
    return 0;
}
