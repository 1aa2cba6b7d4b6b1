/* catalog_store_reshape.c: the member "reshape" of a stream's row:
 *
 *   {"target_shards": 0, "shard_metrics": 5, "recounts_ms": [1700000000000, 0, ...], "switches_ms": [0, 0]}
 *
 * Lists may be shorter or longer than ours: what is missing never happened, what is too much is the oldest and no longer counts. */
#include "shards/catalog_store_internal.h"

#include "base/must.h"

#include <stddef.h>

static json_t *times_json(const uint64_t *times_ms, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        must(json_array_append_new(list, json_integer((json_int_t)times_ms[i])) == 0);
    return list;
}

json_t *stream_reshape_json(const struct stream_reshape *r)
{
    json_t *object =
        json_pack("{s:i s:i s:o s:o}", "target_shards", (int)r->target_shards, "shard_metrics",
                  (int)r->shard_metrics, "recounts_ms", times_json(r->recounts_ms, RECOUNTS_MAX),
                  "switches_ms", times_json(r->switches_ms, MODE_SWITCHES_MAX));
    must(object);
    return object;
}

static bool read_times(const json_t *list, uint64_t *times_ms, size_t room)
{
    for (size_t i = 0; i < room && i < json_array_size(list); i++) {
        const json_t *time = json_array_get(list, i);
        if (!json_is_integer(time) || json_integer_value(time) < 0)
            return false;
        times_ms[i] = (uint64_t)json_integer_value(time);
    }
    return json_is_array(list);
}

static bool read_number(const json_t *object, const char *name, json_int_t most, uint32_t *out)
{
    const json_t *number = json_object_get(object, name);
    json_int_t value = json_integer_value(number);
    *out = (uint32_t)value;
    return json_is_integer(number) && value >= 0 && value <= most;
}

bool stream_reshape_read(const json_t *object, struct stream_reshape *out)
{
    *out = (struct stream_reshape){0};
    if (!object)
        return true;
    return read_number(object, "target_shards", STREAM_SHARDS_MAX, &out->target_shards) &&
           read_number(object, "shard_metrics", SHARD_METRICS_ALL, &out->shard_metrics) &&
           read_times(json_object_get(object, "recounts_ms"), out->recounts_ms, RECOUNTS_MAX) &&
           read_times(json_object_get(object, "switches_ms"), out->switches_ms, MODE_SWITCHES_MAX);
}
