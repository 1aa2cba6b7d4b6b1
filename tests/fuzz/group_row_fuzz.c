/* group_row_fuzz.c: a stored row of a consumer group: whatever is taken for one is written down and read back as the same. */
#include "base/bytes.h"
#include "base/must.h"
#include "groups/group_json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct group_row row, again;
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    bool fine = group_row_of_json(object, &row);
    json_decref(object);
    if (!fine)
        return 0;
    json_t *written = group_row_json(&row);
    must(written && group_row_of_json(written, &again));
    must(memcmp(&row, &again, sizeof(row)) == 0);
    json_decref(written);
    return 0;
}
