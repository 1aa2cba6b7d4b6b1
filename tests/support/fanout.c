/* fanout.c: see fanout.h. */
#include "support/fanout.h"

#include "base/mem.h"
#include "support/answers.h"
#include "support/log_memory.h"
#include "unit/base/cmocka_all.h"
#include "wire/base64.h"

#include <stdio.h>

const char fanout_from_start[] = "{\"Type\":\"TRIM_HORIZON\"}";
const char fanout_from_now[] = "{\"Type\":\"LATEST\"}";

int fanout_open(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    loopback_open(l);
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    json_decref(answer_ok(l, "RegisterStreamConsumer",
                          "{\"StreamARN\":\"" FANOUT_STREAM "\",\"ConsumerName\":\"a\"}"));
    json_decref(answer_ok(l, "RegisterStreamConsumer",
                          "{\"StreamARN\":\"" FANOUT_STREAM "\",\"ConsumerName\":\"b\"}"));
    *state = l;
    return 0;
}

int fanout_close(void **state)
{
    struct loopback *l = *state;
    log_memory_refuse_reads(l->service.logs, OK);
    loopback_close(l);
    mem_free(l);
    return 0;
}

char *fanout_put(struct loopback *l, int number)
{
    char json[256];
    snprintf(json, sizeof(json),
             "{\"StreamName\":\"s\",\"PartitionKey\":\"%d\",\"Data\":\"aGVsbG8=\"}", number);
    json_t *answer = answer_ok(l, "PutRecord", json);
    char *sequence = mem_strdup(json_string_value(json_object_get(answer, "SequenceNumber")));
    json_decref(answer);
    return sequence;
}

void fanout_put_many(struct loopback *l, int first, int count)
{
    for (int i = 0; i < count; i++)
        mem_free(fanout_put(l, first + i));
}

void fanout_put_large(struct loopback *l, size_t bytes)
{
    size_t len = base64_encoded_len(bytes);
    uint8_t *data = mem_must(bytes);
    struct buf json;
    buf_init(&json, len + 1024);
    buf_append_text(&json, "{\"StreamName\":\"s\",\"PartitionKey\":\"large\",\"Data\":\"");
    uint8_t *text = buf_reserve(&json, len);
    assert_non_null(text);
    base64_encode(bytes_of(data, bytes), text);
    buf_add(&json, len);
    buf_append_text(&json, "\"}");
    buf_append_byte(&json, 0);
    json_decref(answer_ok(l, "PutRecord", (const char *)json.at));
    buf_fini(&json);
    mem_free(data);
}

const json_t *fanout_records(const json_t *event)
{
    const json_t *records = json_object_get(event, "Records");
    assert_non_null(records);
    return records;
}

const char *fanout_next(const json_t *event)
{
    return json_string_value(json_object_get(event, "ContinuationSequenceNumber"));
}

char *fanout_expect(struct subscriber *s, int first, int count)
{
    char *next = NULL;
    for (int seen = 0; seen < count;) {
        json_t *event = subscriber_event(s);
        assert_non_null(event);
        const json_t *records = fanout_records(event);
        for (size_t i = 0; i < json_array_size(records); i++, seen++) {
            const json_t *r = json_array_get(records, i);
            char key[16];
            snprintf(key, sizeof(key), "%d", first + seen);
            assert_string_equal(json_string_value(json_object_get(r, "PartitionKey")), key);
            assert_string_equal(json_string_value(json_object_get(r, "Data")), "aGVsbG8=");
        }
        mem_free(next);
        assert_non_null(fanout_next(event));
        next = mem_strdup(fanout_next(event));
        json_decref(event);
    }
    return next;
}

void fanout_expect_only(struct subscriber *s, int first, int count)
{
    mem_free(fanout_expect(s, first, count));
    assert_false(subscriber_poll(s));
}

void fanout_taste(struct subscriber *s, size_t bytes)
{
    size_t got;
    while ((got = subscriber_read(s, bytes)) == 0)
        while (!s->call.ready)
            loop_run(s->call.loopback->loop);
    assert_int_equal(got, bytes);
}

char *fanout_expect_beat(struct subscriber *s)
{
    json_t *event = subscriber_event(s);
    assert_int_equal(json_array_size(fanout_records(event)), 0);
    assert_int_equal(json_integer_value(json_object_get(event, "MillisBehindLatest")), 0);
    assert_null(json_object_get(event, "ChildShards"));
    char *next = mem_strdup(fanout_next(event));
    json_decref(event);
    return next;
}
