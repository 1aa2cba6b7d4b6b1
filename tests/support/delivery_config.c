/* delivery_config.c: see the header. */
#include "support/delivery_config.h"

#include "base/limits.h"
#include "base/must.h"
#include "wire/json.h"

#include <stdio.h>

struct delivery_view *delivery_view_of(const char *config, uint64_t version, bool kinesis)
{
    struct arena arena;
    struct fault f = {0};
    struct firehose_create_delivery_stream_input in;
    struct delivery_view *v, values = {.number = 7, .version = version, .status = DELIVERY_ACTIVE};
    arena_init(&arena, MIB(4));
    struct bytes text = arena_copy(&arena, bytes_text(config));
    if (json_decode(&shape_firehose_create_delivery_stream_input, (uint8_t *)(uintptr_t)text.at,
                    text.len, &arena, &in, &f) != OK)
        die("%s: %s", f.text, config);
    if (kinesis) {
        in.delivery_stream_type = BYTES_LITERAL("KinesisStreamAsSource");
        in.kinesis_stream_source_configuration =
            arena_zero(&arena, sizeof(*in.kinesis_stream_source_configuration));
    }
    must(scope_set(&values.scope, BYTES_LITERAL("000000000000"), BYTES_LITERAL("eu-west-1")));
    snprintf(values.name, sizeof(values.name), "d");
    if (delivery_view_new(&values, &in, &v, &f) != OK)
        die("%s", f.text);
    arena_fini(&arena);
    return v;
}
