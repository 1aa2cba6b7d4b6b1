/* time_zone_fuzz.c: any bytes as a zone's file: read or refused, and what was read answers for any instant. */
#include "delivery/time_zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t instants[] = {INT32_MIN, -1, 0, 1700000000, 4102444800, 253402300799};
    struct time_zone *z;
    struct time_zone_moment m;
    struct fault f;
    if (time_zone_parse(bytes_of(data, size), BYTES_LITERAL("Fuzz"), &z, &f) != OK)
        return 0;
    for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++)
        time_zone_at(z, instants[i], &m);
    time_zone_free(z);
    return 0;
}
