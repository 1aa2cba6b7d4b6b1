/* process_test.c: the chain, and its steps that call nobody. */
#include "unit/delivery/process_fixture.h"

#include "base/digest.h"

#include <zlib.h>

#define TEST(name) cmocka_unit_test(name)
#define SPLIT_JSON PROCESSOR("RecordDeAggregation", PARAMETER("SubRecordType", "JSON"))
#define SPLIT_HASHES                                                                               \
    PROCESSOR("RecordDeAggregation",                                                               \
              PARAMETER("SubRecordType", "DELIMITED") "," PARAMETER("Delimiter", "IyMjIw=="))
#define DELIMIT PROCESSOR("AppendDelimiterToRecord", "")
#define INFLATE PROCESSOR("Decompression", PARAMETER("CompressionFormat", "GZIP"))
#define LOGS                                                                                       \
    INFLATE "," PROCESSOR("CloudWatchLogProcessing", PARAMETER("DataMessageExtraction", "true"))

/* ---- aggregated records ---- */

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_append_byte(b, (uint8_t)(v | 0x80));
    buf_append_byte(b, (uint8_t)v);
}

static void put_field(struct buf *b, unsigned number, struct bytes value)
{
    put_varint(b, number << 3 | 2);
    put_varint(b, value.len);
    buf_append(b, value);
}

/* `data` each, or "data-0" ..., as the KPL puts them together. */
static void aggregate_of(struct buf *out, unsigned count, struct bytes each)
{
    struct buf message, record;
    buf_init(&message, MIB(8));
    buf_init(&record, MIB(8));
    put_field(&message, 1, BYTES_LITERAL("key"));
    for (unsigned i = 0; i < count; i++) {
        char data[32];
        snprintf(data, sizeof(data), "data-%u", i);
        buf_clear(&record);
        put_varint(&record, 1 << 3);
        put_varint(&record, 0);
        put_field(&record, 3, bytes_present(each) ? each : bytes_text(data));
        put_field(&record, 4, BYTES_LITERAL("\x0a\x01t"));
        put_field(&message, 3, buf_view(&record));
    }
    uint8_t digest[MD5_BYTES];
    digest_md5(buf_view(&message), digest);
    buf_append(out, BYTES_LITERAL("\xF3\x89\x9A\xC2"));
    buf_append(out, buf_view(&message));
    buf_append(out, bytes_of(digest, sizeof(digest)));
    buf_fini(&message);
    buf_fini(&record);
}

static void aggregate(struct buf *out, unsigned count)
{
    aggregate_of(out, count, BYTES_NONE);
}

static void an_aggregated_record_of_a_kinesis_source_is_taken_apart(void **state)
{
    (void)state;
    struct chain c = {0};
    struct process_batch b;
    struct buf data;
    buf_init(&data, MIB(8));
    aggregate(&data, 700);
    chain_open(&c, CHAIN(""), true);
    assert_false(process_is_plain(c.view));
    chain_run(&c, &b, buf_view(&data));
    assert_int_equal(b.result_count, 700);
    for (uint32_t i = 0; i < 700; i++) {
        char text[32];
        snprintf(text, sizeof(text), "data-%u", i);
        assert_text(b.results[i].data, text);
        assert_int_equal(b.results[i].offset, 41);
        assert_int_equal(b.results[i].sub, i);
        assert_int_equal(b.results[i].channel, OUTPUT_MAIN);
    }
    batch_free(&b);
    buf_fini(&data);
    chain_close(&c);
}

static void what_is_not_quite_aggregated_passes_as_it_is(void **state)
{
    (void)state;
    struct chain c = {0};
    struct process_batch b;
    struct buf data;
    buf_init(&data, MIB(8));
    aggregate(&data, 3);
    chain_open(&c, CHAIN(""), true);
    for (size_t i = 0; i < data.len; i++) { /* each byte damaged; and cut off there */
        data.at[i] ^= 0x55;
        chain_run(&c, &b, buf_view(&data));
        assert_int_equal(b.result_count, 1);
        assert_true(bytes_equal(b.results[0].data, buf_view(&data)));
        batch_free(&b);
        data.at[i] ^= 0x55;
        chain_run(&c, &b, bytes_of(data.at, i));
        assert_int_equal(b.result_count, 1);
        batch_free(&b);
    }
    buf_fini(&data);
    chain_close(&c);
}

static void a_record_in_an_aggregated_one_must_have_data(void **state)
{
    (void)state;
    struct buf data, record;
    buf_init(&data, MIB(1));
    buf_init(&record, MIB(1));
    put_varint(&record, 1 << 3);
    put_varint(&record, 0);
    buf_append(&data, BYTES_LITERAL("\xF3\x89\x9A\xC2"));
    put_field(&data, 3, buf_view(&record));
    uint8_t digest[MD5_BYTES];
    digest_md5(bytes_of(data.at + 4, data.len - 4), digest);
    buf_append(&data, bytes_of(digest, sizeof(digest)));
    struct process_parts parts = {0};
    assert_int_equal(kpl_cut(NULL, buf_view(&data), &parts), MALFORMED);
    mem_free(parts.at);
    buf_fini(&data);
    buf_fini(&record);
}

static void a_direct_put_source_without_processors_is_plain(void **state)
{
    (void)state;
    struct delivery_view *v = delivery_view_of(CHAIN(""), 1, false);
    assert_true(process_is_plain(v));
    delivery_view_unref(v);
}

/* ---- split ---- */

static void assert_split(const char *config, const char *data, const char *const *parts,
                         uint32_t count)
{
    struct chain c = {0};
    struct process_batch b;
    chain_open(&c, config, false);
    chain_run(&c, &b, bytes_text(data));
    assert_int_equal(b.result_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_text(b.results[i].data, parts[i]);
        assert_int_equal(b.results[i].sub, i);
    }
    batch_free(&b);
    chain_close(&c);
}

static void consecutive_objects_become_records(void **state)
{
    (void)state;
    const char *two[] = {"{\"a\":1}", "{\"a\":{\"b\":[\"}\\\"{\"]}}"};
    assert_split(CHAIN(SPLIT_JSON), "{\"a\":1}{\"a\":{\"b\":[\"}\\\"{\"]}}", two, 2);
    assert_split(CHAIN(SPLIT_JSON), " {\"a\":1}\r\n\n{\"a\":{\"b\":[\"}\\\"{\"]}}\n", two, 2);
    const char *lines[] = {"{\"a\":1}\n", "{\"b\":2}\n"};
    assert_split(CHAIN(DELIMIT "," SPLIT_JSON), "{\"a\":1}{\"b\":2}", lines, 2);
}

static void what_is_not_objects_stays_whole(void **state)
{
    (void)state;
    static const char *const whole[] = {"[{\"a\":1},{\"b\":2}]",
                                        "{\"a\":1}x{\"b\":2}",
                                        "{\"a\":1}{\"b\":",
                                        "{\"a\":\"\\",
                                        "",
                                        "1 2",
                                        "{\"a\":1},{\"b\":2}"};
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        assert_split(CHAIN(SPLIT_JSON), whole[i], &whole[i], 1);
}

static void delimited_records_are_cut_and_empty_ones_left_out(void **state)
{
    (void)state;
    const char *parts[] = {"one", "tw#o", "three"};
    assert_split(CHAIN(SPLIT_HASHES), "one####tw#o########three####", parts, 3);
    const char *none[] = {"####"};
    assert_split(CHAIN(SPLIT_HASHES), "####", none, 1);
}

static void more_than_five_hundred_parts_stay_whole(void **state)
{
    (void)state;
    struct buf data;
    struct process_parts parts = {0};
    buf_init(&data, MIB(1));
    for (unsigned i = 0; i < SPLIT_RECORDS_MAX; i++)
        buf_append_text(&data, "{}");
    assert_int_equal(json_cut(NULL, buf_view(&data), &parts), OK);
    assert_int_equal(parts.count, SPLIT_RECORDS_MAX);
    buf_append_text(&data, "{}");
    parts.count = 0;
    assert_int_equal(json_cut(NULL, buf_view(&data), &parts), TOO_LARGE);
    mem_free(parts.at);
    buf_append_byte(&data, 0);
    const char *whole[] = {(const char *)data.at};
    assert_split(CHAIN(SPLIT_JSON), whole[0], whole, 1);
    buf_fini(&data);
}

static void a_delimiter_may_be_configured(void **state)
{
    (void)state;
    const char *text[] = {"x|\n"};
    assert_split(CHAIN(PROCESSOR("AppendDelimiterToRecord", PARAMETER("Delimiter", "|\\\\n"))), "x",
                 text, 1);
}

/* ---- decompression ---- */

static void zip(struct buf *out, struct bytes data)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data.at, .avail_in = (uInt)data.len};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, data.len) + 64;
    z.next_out = buf_reserve(out, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_add(out, room - z.avail_out);
    deflateEnd(&z);
}

/* What comes of a record that is `data` in GZIP, less its last bytes. */
static void run_zipped(const char *config, struct bytes data, size_t less, struct process_batch *b)
{
    struct chain c = {0};
    struct buf zipped;
    buf_init(&zipped, MIB(64));
    zip(&zipped, data);
    chain_open(&c, config, false);
    chain_run(&c, b, bytes_of(zipped.at, zipped.len - less));
    buf_fini(&zipped); /* results are the arena's */
    chain_close(&c);
}

static void assert_failed(const struct process_batch *b, const char *code)
{
    assert_int_equal(b->result_count, 1);
    assert_int_equal(b->results[0].channel, OUTPUT_ERROR);
    assert_text(b->results[0].partition, "processing-failed");
    if (!holds_text(b->results[0].data, code) ||
        !holds_text(b->results[0].data,
                    "{\"attemptsMade\":1,\"arrivalTimestamp\":1700000000123,\"errorCode\""))
        fail_msg("%.*s", BYTES_ARGS(b->results[0].data));
}

static void a_compressed_record_is_opened(void **state)
{
    (void)state;
    struct process_batch b;
    run_zipped(CHAIN(INFLATE "," DELIMIT), BYTES_LITERAL("hello"), 0, &b);
    assert_int_equal(b.result_count, 1);
    assert_text(b.results[0].data, "hello\n");
    batch_free(&b);
    run_zipped(CHAIN(INFLATE), BYTES_LITERAL(""), 0, &b);
    assert_int_equal(b.results[0].data.len, 0);
    batch_free(&b);
}

static void what_is_cut_off_or_a_bomb_fails(void **state)
{
    (void)state;
    struct process_batch b;
    for (size_t less = 1; less < 25; less++) {
        run_zipped(CHAIN(INFLATE), BYTES_LITERAL("hello"), less, &b);
        assert_failed(&b, "Decompression.Failed");
        batch_free(&b);
    }
    size_t large = INFLATED_BYTES_MAX;
    uint8_t *zeros = mem_must(large + 1);
    run_zipped(CHAIN(INFLATE), bytes_of(zeros, large), 0, &b);
    assert_int_equal(b.results[0].channel, OUTPUT_MAIN);
    assert_int_equal(b.results[0].data.len, large);
    batch_free(&b);
    run_zipped(CHAIN(INFLATE), bytes_of(zeros, large + 1), 0, &b);
    assert_failed(&b, "too large");
    batch_free(&b);
    mem_free(zeros);
}

enum { BOMBS = 12, BOMB_BYTES = 10 << 20 };

/* 120 MiB in 120 KiB; and the last record is a plain one. */
static void a_batch_of_bombs_is_taken_bit_by_bit(void **state)
{
    (void)state;
    static struct process_record records[BOMBS + 1];
    struct chain c = {0};
    struct buf bomb, small;
    uint8_t *zeros = mem_must(BOMB_BYTES);
    buf_init(&bomb, MIB(64));
    buf_init(&small, MIB(1));
    zip(&bomb, bytes_of(zeros, BOMB_BYTES));
    zip(&small, BYTES_LITERAL("end"));
    for (unsigned i = 0; i <= BOMBS; i++)
        records[i] = (struct process_record){
            .offset = i, .data = i < BOMBS ? buf_view(&bomb) : buf_view(&small)};
    chain_open(&c, CHAIN(INFLATE), false);
    for (uint32_t at = 0; at <= BOMBS;) {
        struct process_batch b;
        batch_begin(&c, &b, records + at, BOMBS + 1 - at);
        assert_in_range(b.count, 1, 3);
        assert_in_range(b.arena.used, 0, MIB(40));
        batches_wait(&c);
        assert_int_equal(b.status, OK);
        assert_int_equal(b.result_count, b.count);
        for (uint32_t i = 0; i < b.count; i++, at++) {
            assert_int_equal(b.results[i].offset, at);
            assert_int_equal(b.results[i].data.len, at < BOMBS ? BOMB_BYTES : 3);
        }
        batch_free(&b);
    }
    chain_close(&c);
    buf_fini(&bomb);
    buf_fini(&small);
    mem_free(zeros);
}

/* An aggregated record is not cut, and its parts together are bounded. */
static void bombs_in_one_record_fail_from_the_one_that_is_too_much(void **state)
{
    (void)state;
    struct chain c = {0};
    struct process_batch b;
    struct buf bomb, data;
    uint8_t *zeros = mem_must(BOMB_BYTES);
    buf_init(&bomb, MIB(64));
    buf_init(&data, MIB(1));
    zip(&bomb, bytes_of(zeros, BOMB_BYTES));
    aggregate_of(&data, 10, buf_view(&bomb));
    chain_open(&c, CHAIN(INFLATE), true);
    chain_run(&c, &b, buf_view(&data));
    assert_int_equal(b.result_count, 10);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(b.results[i].channel, i < 6 ? OUTPUT_MAIN : OUTPUT_ERROR);
    assert_true(holds_text(b.results[9].data, "too large"));
    batch_free(&b);
    chain_close(&c);
    buf_fini(&bomb);
    buf_fini(&data);
    mem_free(zeros);
}

/* ---- CloudWatch Logs ---- */

static void messages_are_joined_by_newlines(void **state)
{
    (void)state;
    struct process_batch b;
    run_zipped(CHAIN(LOGS),
               BYTES_LITERAL("{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logEvents\":["
                             "{\"id\":\"1\",\"timestamp\":1,\"message\":\"a\\u00e9\"},"
                             "{\"id\":\"2\",\"timestamp\":2,\"message\":\"b\"}]}"),
               0, &b);
    assert_int_equal(b.result_count, 1);
    assert_text(b.results[0].data, "a\xc3\xa9\nb");
    batch_free(&b);
}

static void a_control_message_is_dropped(void **state)
{
    (void)state;
    struct process_batch b;
    run_zipped(CHAIN(LOGS),
               BYTES_LITERAL("{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":["
                             "{\"message\":\"CWL CONTROL MESSAGE: Checking health\"}]}"),
               0, &b);
    assert_int_equal(b.result_count, 0);
    assert_int_equal(b.dropped, 1);
    batch_free(&b);
}

static void what_is_not_of_cloudwatch_logs_fails(void **state)
{
    (void)state;
    static const char *const others[] = {"hello",
                                         "{}",
                                         "[]",
                                         "{\"messageType\":\"DATA_MESSAGE\"}",
                                         "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":7}",
                                         "{\"messageType\":\"OTHER\",\"logEvents\":[]}"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct process_batch b;
        run_zipped(CHAIN(LOGS), bytes_text(others[i]), 0, &b);
        assert_failed(&b, "CloudWatchLogProcessing.InvalidSource");
        batch_free(&b);
    }
}

/* ---- batches ---- */

/* F3: whatever the batches, the results are the same. */
static void results_do_not_depend_on_batches(void **state)
{
    (void)state;
    enum { RECORDS = 24 };
    struct process_record records[RECORDS];
    char texts[RECORDS][64];
    for (unsigned i = 0; i < RECORDS; i++) {
        snprintf(texts[i], sizeof(texts[i]), i % 5 ? "{\"i\":%u}\n{\"j\":%u}" : "no object %u %u",
                 i, i);
        records[i] = (struct process_record){
            .offset = 100 + i, .time_ms = 1000 + i, .data = bytes_text(texts[i])};
    }
    struct buf first;
    buf_init(&first, MIB(1));
    for (uint32_t size = 1; size <= RECORDS; size++) {
        struct chain c = {0};
        struct process_batch b[RECORDS];
        struct buf all;
        uint32_t count = 0;
        buf_init(&all, MIB(1));
        chain_open(&c, CHAIN(SPLIT_JSON "," DELIMIT), false);
        for (uint32_t at = 0; at < RECORDS; at += size)
            batch_begin(&c, &b[count++], records + at, at + size > RECORDS ? RECORDS - at : size);
        batches_wait(&c);
        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t k = 0; k < b[i].result_count; k++) {
                const struct process_result *r = &b[i].results[k];
                buf_printf(&all, "%u.%u %.*s", (unsigned)r->offset, r->sub, BYTES_ARGS(r->data));
            }
            batch_free(&b[i]);
        }
        if (size == 1)
            buf_append(&first, buf_view(&all));
        assert_true(bytes_equal(buf_view(&first), buf_view(&all)));
        buf_fini(&all);
        chain_close(&c);
    }
    buf_fini(&first);
}

static void a_chain_that_ends_gives_its_batches_back(void **state)
{
    (void)state;
    struct chain c = {0};
    struct process_batch b[3];
    const struct process_record record = {.data = BYTES_LITERAL("{}")};
    chain_open(&c, CHAIN(DELIMIT), false);
    for (int i = 0; i < 3; i++)
        batch_begin(&c, &b[i], &record, 1);
    assert_int_equal(batches_under_way, 3);
    process_free(c.process);
    c.process = NULL;
    assert_int_equal(batches_under_way, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(b[i].status, CLOSING);
        assert_int_equal(b[i].result_count, 0);
        batch_free(&b[i]);
    }
    chain_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_aggregated_record_of_a_kinesis_source_is_taken_apart),
        TEST(what_is_not_quite_aggregated_passes_as_it_is),
        TEST(a_record_in_an_aggregated_one_must_have_data),
        TEST(a_direct_put_source_without_processors_is_plain),
        TEST(consecutive_objects_become_records),
        TEST(what_is_not_objects_stays_whole),
        TEST(delimited_records_are_cut_and_empty_ones_left_out),
        TEST(more_than_five_hundred_parts_stay_whole),
        TEST(a_delimiter_may_be_configured),
        TEST(a_compressed_record_is_opened),
        TEST(what_is_cut_off_or_a_bomb_fails),
        TEST(a_batch_of_bombs_is_taken_bit_by_bit),
        TEST(bombs_in_one_record_fail_from_the_one_that_is_too_much),
        TEST(messages_are_joined_by_newlines),
        TEST(a_control_message_is_dropped),
        TEST(what_is_not_of_cloudwatch_logs_fails),
        TEST(results_do_not_depend_on_batches),
        TEST(a_chain_that_ends_gives_its_batches_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
