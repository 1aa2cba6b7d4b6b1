/* shown.c: records as bytes and as JSON. */
#include "cli/shown.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/base64.h"

#include <sluice/consumer.h>

#include <jansson.h>

bool shown_raw(FILE *to, const struct sluice_received *record)
{
    if (record->data.len > 0)
        fwrite(record->data.at, 1, record->data.len, to);
    fputc('\n', to);
    return !ferror(to);
}

static void set_text(json_t *line, const char *name, struct sluice_bytes text)
{
    /* NULL, and so left out, when it is not UTF-8 */
    json_object_set_new(line, name, json_stringn((const char *)text.at, text.len));
}

static bool set_base64(json_t *line, struct sluice_bytes data)
{
    size_t len = base64_encoded_len(data.len);
    uint8_t *text = mem_try(len + 1);
    if (text == NULL)
        return false;
    base64_encode(bytes_of(data.at, data.len), text);
    json_object_set_new(line, "data", json_stringn_nocheck((const char *)text, len));
    mem_free(text);
    return true;
}

bool shown_json(FILE *to, const char *shard_id, const struct sluice_received *record)
{
    char arrived[CLOCK_TEXT_BYTES];
    json_t *line = json_object();
    clock_print_iso((uint64_t)record->arrived_ms, arrived);
    json_object_set_new(line, "shardId", json_string(shard_id));
    json_object_set_new(line, "sequenceNumber", json_string(record->sequence_number));
    json_object_set_new(line, "subSequenceNumber",
                        json_integer((json_int_t)record->sub_sequence_number));
    set_text(line, "partitionKey", record->partition_key);
    if (record->explicit_hash_key.at)
        set_text(line, "explicitHashKey", record->explicit_hash_key);
    json_object_set_new(line, "arrived", json_string(arrived));
    bool fine = set_base64(line, record->data);
    set_text(line, "text", record->data.at ? record->data : sluice_text(""));
    fine = fine && json_dumpf(line, to, JSON_COMPACT) == 0;
    fputc('\n', to);
    json_decref(line);
    return fine && !ferror(to);
}
