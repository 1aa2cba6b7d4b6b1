/* query_fuzz.c: any text as a MetadataExtractionQuery: what is taken names keys within it and has no word that could loop. */
#include "delivery/process_query.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_keys keys;
    struct fault f;
    if (size > 5120 || query_scan(bytes_of(data, size), &keys, &f) != OK)
        return 0;
    must(keys.count <= QUERY_KEYS_MAX);
    for (uint32_t i = 0; i < keys.count; i++)
        must(keys.at[i].at >= data && keys.at[i].at + keys.at[i].len <= data + size);
    return 0;
}
