/* cbor_encode_test.c: structs as the CBOR that AWS writes, byte for byte. */
#include "unit/base/cmocka_all.h"
#include "wire/cbor.h"
#include "wire/model/kinesis.h"

static void assert_written(const struct buf *out, struct bytes want)
{
    assert_int_equal(out->status, OK);
    assert_int_equal(out->len, want.len);
    assert_memory_equal(out->at, want.at, want.len);
}

static void an_answer_is_written_as_aws_does(void **state)
{
    (void)state;
    struct kinesis_record r = {.sequence_number = BYTES_LITERAL("49"),
                               .approximate_arrival_timestamp = {1547993530219, true},
                               .data = BYTES_LITERAL("\x00\xff"),
                               .partition_key = BYTES_LITERAL("k\xc3\xa9")};
    struct kinesis_get_records_output answer = {.records = {1, true, &r},
                                                .millis_behind_latest = {0, true}};
    struct buf out;
    buf_init(&out, 4096);
    cbor_encode(&shape_kinesis_get_records_output, &answer, &out);
    assert_written(
        &out, BYTES_LITERAL("\xbf\x67Records\x9f\xbf\x6eSequenceNumber\x62"
                            "49\x78\x1b"
                            "ApproximateArrivalTimestamp\xc1\x1b\x00\x00\x01\x68\x6b\x9a\xbf\x6b"
                            "\x64"
                            "Data\x42\x00\xff\x6cPartitionKey\x63k\xc3\xa9\xff\xff"
                            "\x72MillisBehindLatest\x00\xff"));
    buf_clear(&out);
    answer = (struct kinesis_get_records_output){.records = {0, true, NULL}};
    cbor_encode(&shape_kinesis_get_records_output, &answer, &out);
    assert_written(&out, BYTES_LITERAL("\xbf\x67Records\x9f\xff\xff"));
    buf_fini(&out);
}

static void structures_lists_and_maps_nest(void **state)
{
    (void)state;
    struct kinesis_stream_mode_details mode = {.stream_mode = BYTES_LITERAL("ON_DEMAND")};
    struct shape_pair tags[] = {{BYTES_LITERAL("a"), BYTES_LITERAL("")},
                                {BYTES_LITERAL(""), BYTES_NONE}};
    struct kinesis_create_stream_input in = {.stream_mode_details = &mode, .tags = {2, true, tags}};
    struct buf out;
    buf_init(&out, 4096);
    cbor_encode(&shape_kinesis_create_stream_input, &in, &out);
    assert_written(&out, BYTES_LITERAL("\xbf\x71StreamModeDetails\xbf\x6aStreamMode\x69ON_DEMAND"
                                       "\xff\x64Tags\xbf\x61"
                                       "a\x60\x60\xf6\xff\xff"));
    buf_clear(&out);
    struct kinesis_delete_stream_input boolean = {.enforce_consumer_deletion = {1, true}};
    cbor_encode(&shape_kinesis_delete_stream_input, &boolean, &out);
    assert_written(&out, BYTES_LITERAL("\xbf\x77"
                                       "EnforceConsumerDeletion\xf5\xff"));
    buf_fini(&out);
}

static void assert_long(int64_t value, struct bytes want)
{
    struct kinesis_get_records_output answer = {.millis_behind_latest = {value, true}};
    struct buf out;
    buf_init(&out, 100);
    cbor_encode(&shape_kinesis_get_records_output, &answer, &out);
    enum { BEFORE = 1 + 19 }; /* bf, the name */
    assert_int_equal(out.len, BEFORE + want.len + 1);
    assert_memory_equal(out.at + BEFORE, want.at, want.len);
    buf_fini(&out);
}

static void integers_take_the_shortest_form(void **state)
{
    (void)state;
    assert_long(23, BYTES_LITERAL("\x17"));
    assert_long(24, BYTES_LITERAL("\x18\x18"));
    assert_long(255, BYTES_LITERAL("\x18\xff"));
    assert_long(256, BYTES_LITERAL("\x19\x01\x00"));
    assert_long(65535, BYTES_LITERAL("\x19\xff\xff"));
    assert_long(65536, BYTES_LITERAL("\x1a\x00\x01\x00\x00"));
    assert_long(UINT32_MAX, BYTES_LITERAL("\x1a\xff\xff\xff\xff"));
    assert_long(1ll << 32, BYTES_LITERAL("\x1b\x00\x00\x00\x01\x00\x00\x00\x00"));
    assert_long(INT64_MAX, BYTES_LITERAL("\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"));
    assert_long(-1, BYTES_LITERAL("\x20"));
    assert_long(-1000, BYTES_LITERAL("\x39\x03\xe7"));
    assert_long(INT64_MIN, BYTES_LITERAL("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"));
}

static void doubles_are_written_whole(void **state)
{
    (void)state;
    static const struct shape number = {
        .name = "Double", .kind = SHAPE_DOUBLE, .size = sizeof(struct opt_double)};
    static const struct shape_field field = {.name = "D", .name_len = 1, .shape = &number};
    static const struct shape holder = {.name = "Holder",
                                        .kind = SHAPE_STRUCTURE,
                                        .size = sizeof(struct opt_double),
                                        .fields = &field,
                                        .field_count = 1};
    struct opt_double in = {-4.1, true};
    struct buf out;
    buf_init(&out, 100);
    cbor_encode(&holder, &in, &out);
    assert_written(&out, BYTES_LITERAL("\xbf\x61"
                                       "D\xfb\xc0\x10\x66\x66\x66\x66\x66\x66\xff"));
    buf_fini(&out);
}

static void text_that_is_not_utf8_is_mended(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    cbor_append_string(&out, BYTES_LITERAL("ok"));
    cbor_append_string(&out, BYTES_LITERAL("a\xff"
                                           "b"));
    assert_written(&out, BYTES_LITERAL("\x62ok\x7a\x00\x00\x00\x05"
                                       "a\xef\xbf\xbd"
                                       "b"));
    buf_fini(&out);
}

static void what_does_not_fit_latches(void **state)
{
    (void)state;
    struct kinesis_record r = {.sequence_number = BYTES_LITERAL("4\xff"),
                               .approximate_arrival_timestamp = {1547993530219, true},
                               .data = BYTES_LITERAL("hello"),
                               .partition_key = BYTES_LITERAL("k")};
    struct kinesis_get_records_output answer = {.records = {1, true, &r},
                                                .millis_behind_latest = {-1, true}};
    struct buf whole;
    buf_init(&whole, 4096);
    cbor_encode(&shape_kinesis_get_records_output, &answer, &whole);
    for (size_t ceiling = 0; ceiling < whole.len; ceiling++) {
        struct buf out;
        buf_init(&out, ceiling);
        cbor_encode(&shape_kinesis_get_records_output, &answer, &out);
        assert_int_equal(out.status, TOO_LARGE);
        buf_fini(&out);
    }
    buf_fini(&whole);
}

/* Blobs of 3 bytes or more are left out, two at most: with them in their places it is what is written otherwise. */
static void large_blobs_are_left_where_they_are(void **state)
{
    (void)state;
    static const char *const data[] = {"abcd", "xy", "123", "", "too many"};
    struct kinesis_put_records_request_entry entries[5] = {0};
    for (unsigned i = 0; i < 5; i++) {
        entries[i].data = bytes_text(data[i]);
        entries[i].partition_key = BYTES_LITERAL("a long key");
    }
    const struct kinesis_put_records_input in = {.records = {5, true, entries},
                                                 .stream_name = BYTES_LITERAL("stream")};
    struct cbor_blob noted[2];
    struct cbor_blobs blobs = {.bytes_min = 3, .noted = noted, .room = 2};
    struct buf whole, around, joined;
    buf_init(&whole, 4096);
    buf_init(&around, 4096);
    buf_init(&joined, 4096);
    cbor_encode(&shape_kinesis_put_records_input, &in, &whole);
    cbor_encode_around(&shape_kinesis_put_records_input, &in, &around, &blobs);
    assert_int_equal(blobs.count, 2);
    assert_ptr_equal(noted[0].data.at, data[0]);
    assert_ptr_equal(noted[1].data.at, data[2]);
    size_t from = 0;
    for (size_t i = 0; i < blobs.count; i++) {
        buf_append(&joined, bytes_of(around.at + from, noted[i].at - from));
        buf_append(&joined, noted[i].data);
        from = noted[i].at;
    }
    buf_append(&joined, bytes_of(around.at + from, around.len - from));
    assert_written(&joined, buf_view(&whole));
    buf_fini(&whole);
    buf_fini(&around);
    buf_fini(&joined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_written_as_aws_does),
        cmocka_unit_test(structures_lists_and_maps_nest),
        cmocka_unit_test(integers_take_the_shortest_form),
        cmocka_unit_test(doubles_are_written_whole),
        cmocka_unit_test(text_that_is_not_utf8_is_mended),
        cmocka_unit_test(what_does_not_fit_latches),
        cmocka_unit_test(large_blobs_are_left_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
