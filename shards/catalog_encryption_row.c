/* catalog_encryption_row.c: see catalog_store.h for the rows.
 *
 *   {"on": true, "key_id": "alias/aws/kinesis", "next_epoch": 2, "starts_ms": [...], "stops_ms": [...],
 *    "data_keys": [{"epoch": 1, "master": "<key id>", "version": "<16 hex>", "made_by": "<16 hex>", "retired_ms": 0, "wrapped": "<hex>"}]}
 *
 * Nothing secret is in it: a data key is of no use without its master key. Thread: any. */
#include "shards/catalog_encryption_row.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/must.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

enum { VERSION_TEXT_BYTES = 17 };

static json_t *changes_make(const struct encryption_changes *c)
{
    json_t *times = json_array();
    for (uint32_t i = 0; i < c->count; i++)
        must(json_array_append_new(times, json_integer((json_int_t)c->at_ms[i])) == 0);
    return times;
}

static json_t *key_make(const struct data_key *key)
{
    char version[VERSION_TEXT_BYTES], made_by[VERSION_TEXT_BYTES],
        wrapped[2 * WRAPPED_KEY_BYTES + 1];
    snprintf(version, sizeof(version), "%016" PRIx64, key->master.version);
    snprintf(made_by, sizeof(made_by), "%016" PRIx64, key->made_by);
    hex_print(bytes_of(key->wrapped, WRAPPED_KEY_BYTES), wrapped);
    return json_pack("{s:I s:s s:s s:s s:I s:s}", "epoch", (json_int_t)key->epoch, "master",
                     key->master.id, "version", version, "made_by", made_by, "retired_ms",
                     (json_int_t)key->retired_ms, "wrapped", wrapped);
}

json_t *encryption_row_make(const struct stream_encryption *e)
{
    json_t *keys = json_array();
    for (uint32_t i = 0; i < e->key_count; i++)
        must(json_array_append_new(keys, key_make(&e->keys[i])) == 0);
    return json_pack("{s:b s:s s:I s:o s:o s:o}", "on", (int)e->on, "key_id", e->key_id,
                     "next_epoch", (json_int_t)e->next_epoch, "starts_ms", changes_make(&e->starts),
                     "stops_ms", changes_make(&e->stops), "data_keys", keys);
}

static bool number_read(const json_t *value, uint64_t most, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return *out <= most;
}

static bool changes_read(const json_t *times, struct encryption_changes *out)
{
    if (!json_is_array(times) || json_array_size(times) > ENCRYPTION_CHANGES_MAX)
        return false;
    out->count = (uint32_t)json_array_size(times);
    for (uint32_t i = 0; i < out->count; i++)
        if (!number_read(json_array_get(times, i), INT64_MAX, &out->at_ms[i]))
            return false;
    return true;
}

static bool version_read(const json_t *value, uint64_t *out)
{
    uint8_t bytes[sizeof(*out)];
    if (!hex_parse(bytes_text(json_string_value(value)), bytes, sizeof(bytes)))
        return false;
    *out = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        *out = *out << 8 | bytes[i];
    return true;
}

static bool key_read(const json_t *row, struct data_key *out)
{
    uint64_t epoch;
    struct bytes master = bytes_text(json_string_value(json_object_get(row, "master")));
    struct bytes wrapped = bytes_text(json_string_value(json_object_get(row, "wrapped")));
    if (!number_read(json_object_get(row, "epoch"), UINT32_MAX, &epoch) || epoch == 0 ||
        master.len == 0 || master.len >= sizeof(out->master.id) ||
        !version_read(json_object_get(row, "version"), &out->master.version) ||
        !version_read(json_object_get(row, "made_by"), &out->made_by) ||
        !number_read(json_object_get(row, "retired_ms"), INT64_MAX, &out->retired_ms) ||
        !hex_parse(wrapped, out->wrapped, WRAPPED_KEY_BYTES))
        return false;
    out->epoch = (uint32_t)epoch;
    memcpy(out->master.id, master.at, master.len);
    return true;
}

/* Epochs ascend, and the next one is above them all: E1 holds over a restart. */
static bool keys_read(const json_t *rows, struct stream_encryption *e)
{
    if (!json_is_array(rows) || json_array_size(rows) > STREAM_DATA_KEYS_MAX)
        return false;
    uint32_t last = 0;
    e->keys = mem_must((json_array_size(rows) + 1) * sizeof(*e->keys));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct data_key *key = &e->keys[e->key_count];
        if (!key_read(json_array_get(rows, i), key) || key->epoch <= last)
            return false;
        last = key->epoch;
        e->key_count++;
    }
    return last < e->next_epoch && (!e->on || e->key_count > 0);
}

bool encryption_row_read(const json_t *row, struct stream_encryption **out)
{
    struct stream_encryption *e = MEM_NEW(struct stream_encryption);
    atomic_store(&e->refs, 1);
    uint64_t next_epoch = 0;
    const char *key_id = json_string_value(json_object_get(row, "key_id"));
    e->key_id = mem_strdup(key_id ? key_id : "");
    e->on = json_is_true(json_object_get(row, "on"));
    bool fine = key_id && number_read(json_object_get(row, "next_epoch"), UINT32_MAX, &next_epoch);
    e->next_epoch = (uint32_t)next_epoch;
    fine = fine && changes_read(json_object_get(row, "starts_ms"), &e->starts) &&
           changes_read(json_object_get(row, "stops_ms"), &e->stops) &&
           keys_read(json_object_get(row, "data_keys"), e);
    if (!fine) {
        stream_encryption_unref(e);
        e = NULL;
    }
    *out = e;
    return fine;
}
