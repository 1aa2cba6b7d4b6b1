/* prefix_fuzz.c: any bytes as a prefix: refused, or expanded within bounds, twice alike. */
#include "delivery/prefix.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prefix p;
    struct fault f;
    if (size > 2048 || prefix_parse(bytes_of(data, size), &p, &f) != OK)
        return 0;
    const struct prefix_values v = {
        .time_ms = 1700000000123,
        .error_type = BYTES_LITERAL("processing-failed"),
        .partition = bytes_of("query:a\0b\0lambda:c\0d\0", 21),
        .identity = BYTES_LITERAL("identity"),
    };
    struct buf one, two;
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    enum status st = prefix_expand(&p, &v, &one, &f);
    must(prefix_expand(&p, &v, &two, &f) == st);
    must(bytes_equal(buf_view(&one), buf_view(&two)));
    must(st != OK || one.len <= PREFIX_EXPANDED_BYTES_MAX);
    buf_fini(&one);
    buf_fini(&two);
    return 0;
}
