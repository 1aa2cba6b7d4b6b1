/* cbor_decode_test.c: CBOR bytes to the structs of the real model: places, lengths, numbers, what
 * does not fit, what is no CBOR. Bytes are written by hand, after RFC 8949. */
#include "base/mem.h"
#include "unit/base/cmocka_all.h"
#include "wire/cbor.h"
#include "wire/model/kinesis.h"

#include <math.h>
#include <stdio.h>

static struct arena arena;
static uint8_t *body;
static struct fault fault;

/* From a block of exactly the text's size, so that a sanitizer sees whatever is read beyond it. */
static enum status decode(const struct shape *s, struct bytes text, void *out)
{
    mem_free(body);
    body = mem_must(text.len ? text.len : 1);
    if (text.len > 0)
        memcpy(body, text.at, text.len);
    fault.text[0] = '\0';
    return cbor_decode(s, body, text.len, &arena, out, &fault);
}
#define DECODE(shape, literal, out) decode(&shape_kinesis_##shape, BYTES_LITERAL(literal), out)

static void assert_view(struct bytes view, const char *text)
{
    assert_true(bytes_present(view));
    assert_int_equal(view.len, strlen(text));
    assert_memory_equal(view.at, text, view.len);
}

/* {name: value} */
static enum status decode_member(const struct shape *s, const char *name, struct bytes value,
                                 void *out)
{
    struct buf b;
    buf_init(&b, 4096);
    cbor_begin_map(&b);
    cbor_append_string(&b, bytes_text(name));
    buf_append(&b, value);
    cbor_end_map(&b);
    enum status status = decode(s, buf_view(&b), out);
    buf_fini(&b);
    return status;
}

/* ---- places and lengths ---- */

static void members_go_to_their_places(void **state)
{
    (void)state;
    struct kinesis_put_record_input in;
    assert_int_equal(DECODE(put_record_input,
                            "\xa5\x64"
                            "Data\x45hello\x67Unknown\x82\x01\xa1\x61"
                            "a\x82\xf6\xf5\x6cPartitionKey\x63k\xc3\xa9\x6aStreamName\xf6"
                            "\x69StreamARN\xf7",
                            &in),
                     OK);
    assert_view(in.data, "hello");
    assert_view(in.partition_key, "k\xc3\xa9");
    assert_false(bytes_present(in.stream_name));
    assert_false(bytes_present(in.stream_arn));
}

static void a_string_of_definite_length_is_a_view_of_the_body(void **state)
{
    (void)state;
    struct kinesis_put_record_input in;
    assert_int_equal(DECODE(put_record_input,
                            "\xa1\x64"
                            "Data\x43\xff\x00\x01",
                            &in),
                     OK);
    assert_ptr_equal(in.data.at, body + 7);
    assert_int_equal(in.data.len, 3);
    assert_int_equal(DECODE(put_record_input,
                            "\xa1\x64"
                            "Data\x40",
                            &in),
                     OK);
    assert_true(bytes_present(in.data));
    assert_int_equal(in.data.len, 0);
}

static void any_length_may_be_indefinite(void **state)
{
    (void)state;
    struct kinesis_put_records_input in;
    assert_int_equal(DECODE(put_records_input,
                            "\xbf\x7f\x63Rec\x64ords\xff\x9f"
                            "\xbf\x64"
                            "Data\x5f\x41h\x40\x44"
                            "ello\xff\x6cPartitionKey\x7f\x62\xc3\xa9\x61!\xff\xff"
                            "\xa1\x64"
                            "Data\x5f\xff"
                            "\xff\x6aStreamName\x7f\x61s\xff\xff",
                            &in),
                     OK);
    assert_int_equal(in.records.count, 2);
    assert_view(in.records.at[0].data, "hello");
    assert_view(in.records.at[0].partition_key, "\xc3\xa9!");
    assert_view(in.records.at[1].data, "");
    assert_false(bytes_present(in.records.at[1].partition_key));
    assert_view(in.stream_name, "s");
}

static void lengths_may_be_longer_than_they_need(void **state)
{
    (void)state;
    struct kinesis_delete_stream_input in;
    assert_int_equal(DECODE(delete_stream_input,
                            "\xb8\x01\x79\x00\x0aStreamName\x7b\x00\x00\x00\x00\x00\x00\x00\x01s",
                            &in),
                     OK);
    assert_view(in.stream_name, "s");
}

static void lists_and_maps_keep_their_order(void **state)
{
    (void)state;
    struct kinesis_create_stream_input create;
    struct kinesis_put_records_input in;
    assert_int_equal(DECODE(create_stream_input,
                            "\xa3\x64Tags\xa3\x61x\x61"
                            "1\x61y\xf6\x61x\x61"
                            "2\x6aShardCount\x03\x71StreamModeDetails\xa1\x6aStreamMode"
                            "\x69ON_DEMAND",
                            &create),
                     OK);
    assert_int_equal(create.tags.count, 2);
    assert_view(create.tags.at[0].key, "x");
    assert_view(create.tags.at[0].value, "2");
    assert_view(create.tags.at[1].key, "y");
    assert_false(bytes_present(create.tags.at[1].value));
    assert_view(create.stream_mode_details->stream_mode, "ON_DEMAND");

    for (int announced = 0; announced <= 1; announced++) {
        struct buf b;
        buf_init(&b, 100000);
        cbor_begin_map(&b);
        cbor_append_string(&b, BYTES_LITERAL("Records"));
        buf_append(&b, announced ? BYTES_LITERAL("\x99\x03\xe8") : BYTES_LITERAL("\x9f"));
        for (int i = 0; i < 1000; i++) {
            char key[16];
            snprintf(key, sizeof(key), "%d", i);
            buf_append(&b, BYTES_LITERAL("\xa1\x6cPartitionKey"));
            cbor_append_string(&b, bytes_text(key));
        }
        if (!announced)
            buf_append_byte(&b, 0xff);
        cbor_end_map(&b);
        assert_int_equal(decode(&shape_kinesis_put_records_input, buf_view(&b), &in), OK);
        assert_int_equal(in.records.count, 1000);
        for (int i = 0; i < 1000; i++) {
            char key[16];
            snprintf(key, sizeof(key), "%d", i);
            assert_view(in.records.at[i].partition_key, key);
        }
        buf_fini(&b);
    }
}

static void the_last_of_a_member_given_twice_wins(void **state)
{
    (void)state;
    struct kinesis_create_stream_input in;
    assert_int_equal(DECODE(create_stream_input,
                            "\xa4\x6aShardCount\x01\x6aShardCount\xf6\x6aStreamName\x61"
                            "a\x6aStreamName\x61"
                            "b",
                            &in),
                     OK);
    assert_false(in.shard_count.present);
    assert_view(in.stream_name, "b");
}

/* ---- numbers ---- */

static int64_t integer(struct bytes value)
{
    struct kinesis_create_stream_input in;
    assert_int_equal(decode_member(&shape_kinesis_create_stream_input, "ShardCount", value, &in),
                     OK);
    assert_true(in.shard_count.present);
    return in.shard_count.value;
}
#define INTEGER(literal) integer(BYTES_LITERAL(literal))

static int64_t long_integer(struct bytes value)
{
    struct kinesis_get_records_output out;
    assert_int_equal(
        decode_member(&shape_kinesis_get_records_output, "MillisBehindLatest", value, &out), OK);
    return out.millis_behind_latest.value;
}
#define LONG(literal) long_integer(BYTES_LITERAL(literal))

static int64_t timestamp(struct bytes value)
{
    struct kinesis_list_shards_input in;
    assert_int_equal(
        decode_member(&shape_kinesis_list_shards_input, "StreamCreationTimestamp", value, &in), OK);
    return in.stream_creation_timestamp.value;
}
#define TIMESTAMP(literal) timestamp(BYTES_LITERAL(literal))

static void integers_are_read_in_every_size(void **state)
{
    (void)state;
    assert_int_equal(INTEGER("\x00"), 0);
    assert_int_equal(INTEGER("\x17"), 23);
    assert_int_equal(INTEGER("\x18\x18"), 24);
    assert_int_equal(INTEGER("\x19\x03\xe8"), 1000);
    assert_int_equal(INTEGER("\x1a\x00\x0f\x42\x40"), 1000000);
    assert_int_equal(INTEGER("\x1b\x00\x00\x00\x00\x00\x00\x00\x05"), 5);
    assert_int_equal(INTEGER("\x20"), -1);
    assert_int_equal(INTEGER("\x39\x03\xe7"), -1000);
    assert_int_equal(INTEGER("\xc1\x05"), 5); /* a tag says nothing of an integer */
}

static void integers_are_cut_and_clamped_as_those_of_json(void **state)
{
    (void)state;
    assert_int_equal(INTEGER("\x1a\x7f\xff\xff\xff"), INT32_MAX);
    assert_int_equal(INTEGER("\x1a\x80\x00\x00\x00"), INT32_MAX);
    assert_int_equal(INTEGER("\x3a\x7f\xff\xff\xff"), INT32_MIN);
    assert_int_equal(INTEGER("\x3a\x80\x00\x00\x00"), INT32_MIN);
    assert_int_equal(INTEGER("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), INT32_MAX);
    assert_int_equal(INTEGER("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), INT32_MIN);
    assert_int_equal(INTEGER("\xfb\x40\x0f\xff\xff\xff\xff\xff\xff"), 3);  /* 3.999.. */
    assert_int_equal(INTEGER("\xfb\xbf\xfe\x66\x66\x66\x66\x66\x66"), -1); /* -1.9 */
    assert_int_equal(INTEGER("\xf9\x7c\x00"), INT32_MAX);                  /* infinity */
    assert_int_equal(INTEGER("\xf9\xfc\x00"), INT32_MIN);
    assert_int_equal(INTEGER("\xf9\x7e\x00"), 0); /* not a number */
    assert_true(LONG("\x1b\x7f\xff\xff\xff\xff\xff\xff\xff") == INT64_MAX);
    assert_true(LONG("\x1b\x80\x00\x00\x00\x00\x00\x00\x00") == INT64_MAX);
    assert_true(LONG("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff") == INT64_MIN);
    assert_true(LONG("\x3b\xff\xff\xff\xff\xff\xff\xff\xff") == INT64_MIN);
    assert_true(LONG("\xfb\x43\xe0\x00\x00\x00\x00\x00\x00") == INT64_MAX); /* 2^63 */
    assert_true(LONG("\xfb\x7f\xef\xff\xff\xff\xff\xff\xff") == INT64_MAX);
}

static void times_are_milliseconds_with_a_tag_or_without(void **state)
{
    (void)state;
    assert_int_equal(TIMESTAMP("\xc1\x1b\x00\x00\x01\x68\x6b\x9a\xbf\x6b"), 1547993530219);
    assert_int_equal(TIMESTAMP("\x1b\x00\x00\x01\x68\x6b\x9a\xbf\x6b"), 1547993530219);
    /* 1547993531819.5 and -1.5 */
    assert_int_equal(TIMESTAMP("\xc1\xfb\x42\x76\x86\xb9\xac\x5a\xb8\x00"), 1547993531820);
    assert_int_equal(TIMESTAMP("\xc1\xf9\xbe\x00"), -2);
    assert_int_equal(TIMESTAMP("\xc1\x39\x03\xe7"), -1000);
    assert_true(TIMESTAMP("\xc1\x1b\xff\xff\xff\xff\xff\xff\xff\xff") == INT64_MAX / 1000);
    assert_true(TIMESTAMP("\xc1\x3b\xff\xff\xff\xff\xff\xff\xff\xff") == -(INT64_MAX / 1000));
}

/* The service has no doubles today; the codec has. */
static const struct shape double_shape = {
    .name = "Double", .kind = SHAPE_DOUBLE, .size = sizeof(struct opt_double)};
static const struct shape_field double_field = {
    .name = "D", .path = "d", .name_len = 1, .shape = &double_shape};
static const struct shape holder_shape = {.name = "Holder",
                                          .kind = SHAPE_STRUCTURE,
                                          .size = sizeof(struct opt_double),
                                          .fields = &double_field,
                                          .field_count = 1};

static double real(struct bytes value)
{
    struct opt_double out;
    assert_int_equal(decode_member(&holder_shape, "D", value, &out), OK);
    assert_true(out.present);
    return out.value;
}
#define REAL(literal) real(BYTES_LITERAL(literal))

static void broken_numbers_are_read_in_every_size(void **state)
{
    (void)state;
    /* RFC 8949, appendix A. */
    assert_true(REAL("\xf9\x00\x00") == 0.0 && !signbit(REAL("\xf9\x00\x00")));
    assert_true(REAL("\xf9\x80\x00") == 0.0 && signbit(REAL("\xf9\x80\x00")));
    assert_true(REAL("\xf9\x3c\x00") == 1.0);
    assert_true(REAL("\xf9\x3e\x00") == 1.5);
    assert_true(REAL("\xf9\x7b\xff") == 65504.0);
    assert_true(REAL("\xf9\x00\x01") == 5.960464477539063e-8);
    assert_true(REAL("\xf9\x04\x00") == 0.00006103515625);
    assert_true(REAL("\xf9\xc4\x00") == -4.0);
    assert_true(REAL("\xfa\x47\xc3\x50\x00") == 100000.0);
    assert_true(REAL("\xfa\x7f\x7f\xff\xff") == 3.4028234663852886e+38);
    assert_true(REAL("\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a") == 1.1);
    assert_true(REAL("\xfb\xc0\x10\x66\x66\x66\x66\x66\x66") == -4.1);
    assert_true(isinf(REAL("\xf9\x7c\x00")) && isnan(REAL("\xf9\x7e\x00")));
    assert_true(isinf(REAL("\xfa\xff\x80\x00\x00")) && isnan(REAL("\xfa\x7f\xc0\x00\x00")));
    assert_true(REAL("\x0a") == 10.0 && REAL("\x20") == -1.0);
    assert_true(REAL("\x3b\xff\xff\xff\xff\xff\xff\xff\xff") == -0x1p64);
}

/* ---- what does not fit ---- */

#define NUMBER                                                                                     \
    "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to "
#define YES_NO "class java.lang.Boolean can not be converted to "
#define TEXT   "class java.lang.String can not be converted to "
#define BINARY "class java.nio.HeapByteBuffer can not be converted to "
#define LIST   "Start of list found where not expected"
#define OBJECT "Start of structure or map found where not expected."

static void every_kind_refuses_every_other(void **state)
{
    (void)state;
    static const struct bytes values[] = {BYTES_LITERAL("\x61x"), BYTES_LITERAL("\x41x"),
                                          BYTES_LITERAL("\x01"),  BYTES_LITERAL("\xf5"),
                                          BYTES_LITERAL("\x80"),  BYTES_LITERAL("\xbf\xff")};
    enum { VALUES = sizeof(values) / sizeof(*values) };
    static const struct {
        const struct shape *shape;
        const char *member, *words[VALUES]; /* NULL: it fits */
    } rows[] = {
        {&shape_kinesis_create_stream_input,
         "StreamName",
         {NULL, BINARY "an String", NUMBER "an String", YES_NO "an String", LIST, OBJECT}},
        {&shape_kinesis_create_stream_input,
         "ShardCount",
         {TEXT "an Integer", BINARY "an Integer", NULL, YES_NO "an Integer", LIST, OBJECT}},
        {&shape_kinesis_get_records_output,
         "MillisBehindLatest",
         {TEXT "an Long", BINARY "an Long", NULL, YES_NO "an Long", LIST, OBJECT}},
        {&shape_kinesis_delete_stream_input,
         "EnforceConsumerDeletion",
         {TEXT "an Boolean", BINARY "an Boolean", NUMBER "an Boolean", NULL, LIST, OBJECT}},
        {&shape_kinesis_put_record_input,
         "Data",
         {TEXT "a Blob", NULL, NUMBER "a Blob", YES_NO "a Blob", LIST, OBJECT}},
        {&shape_kinesis_list_shards_input,
         "StreamCreationTimestamp",
         {TEXT "milliseconds since epoch", BINARY "milliseconds since epoch", NULL,
          YES_NO "milliseconds since epoch", LIST, OBJECT}},
        {&shape_kinesis_put_records_input,
         "Records",
         {"Expected list or null", "Expected list or null", "Expected list or null",
          "Expected list or null", NULL, OBJECT}},
        {&shape_kinesis_create_stream_input,
         "Tags",
         {"Expected map or null", "Expected map or null", "Expected map or null",
          "Expected map or null", LIST, NULL}},
        {&shape_kinesis_create_stream_input,
         "StreamModeDetails",
         {"Expected null", "Expected null", "Expected null", "Expected null", LIST, NULL}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (size_t v = 0; v < VALUES; v++) {
            uint64_t out[64];
            enum status status = decode_member(rows[i].shape, rows[i].member, values[v], out);
            assert_int_equal(status, rows[i].words[v] ? MALFORMED : OK);
            assert_string_equal(fault.text, rows[i].words[v] ? rows[i].words[v] : "");
        }
    }
}

static void the_first_wrong_type_is_told_and_a_later_broken_item_hides_it(void **state)
{
    (void)state;
    struct kinesis_put_records_input in;
    assert_int_equal(DECODE(put_records_input, "\xa2\x67Records\x81\x01\x6aStreamName\x80", &in),
                     MALFORMED);
    assert_string_equal(fault.text, "Expected null");
    assert_int_equal(DECODE(put_records_input, "\xa2\x67Records\x81\x01\x6aStreamName\x61", &in),
                     MALFORMED);
    assert_string_equal(fault.text, "");
    assert_int_equal(DECODE(put_records_input, "\xa1\x67Records\xa1\x61x\x82\x01", &in), MALFORMED);
    assert_string_equal(fault.text, "");
    assert_int_equal(DECODE(put_records_input, "\xa1\x6aStreamName\x01\xa0", &in), MALFORMED);
    assert_string_equal(fault.text, "");
}

/* ---- what is no CBOR, or no map ---- */

static void almost_cbor_is_refused(void **state)
{
    (void)state;
    static const struct bytes bad[] = {
        BYTES_LITERAL(""),
        BYTES_LITERAL("\x80"),              /* a list */
        BYTES_LITERAL("\x01"),              /* a number */
        BYTES_LITERAL("\xf6"),              /* null */
        BYTES_LITERAL("{}"),                /* JSON */
        BYTES_LITERAL("\xa0\xa0"),          /* two */
        BYTES_LITERAL("\xa1"),              /* no pair */
        BYTES_LITERAL("\xa1\x61x"),         /* no value */
        BYTES_LITERAL("\xbf"),              /* no end */
        BYTES_LITERAL("\xbf\x61x\xff"),     /* an end for a value */
        BYTES_LITERAL("\xa1\x61x\xff"),     /* the same */
        BYTES_LITERAL("\xa1\x01\x01"),      /* a number for a name */
        BYTES_LITERAL("\xa1\x41x\x01"),     /* bytes for a name */
        BYTES_LITERAL("\xa1\x61x\x1c"),     /* lengths 28 to 30 */
        BYTES_LITERAL("\xa1\x61x\x5d"),     /* there are not */
        BYTES_LITERAL("\xa1\x61x\x9e"),     /* at all */
        BYTES_LITERAL("\xa1\x61x\x1f"),     /* a number of indefinite length */
        BYTES_LITERAL("\xa1\x61x\x3f"),     /* another */
        BYTES_LITERAL("\xa1\x61x\xdf\x01"), /* a tag of that */
        BYTES_LITERAL("\xa1\x61x\xc1"),     /* a tag of nothing */
        BYTES_LITERAL("\xa1\x61x\xf0"),     /* a simple value without a meaning */
        BYTES_LITERAL("\xa1\x61x\xf8\x20"), /* another */
        BYTES_LITERAL("\xa1\x61x\xf9\x00"), /* half a half */
        BYTES_LITERAL("\xa1\x61x\x62x"),    /* half a text */
        BYTES_LITERAL("\xa1\x61x\x7b\xff\xff\xff\xff\xff\xff\xff\xff"),
        BYTES_LITERAL("\xa1\x61x\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        BYTES_LITERAL("\xa1\x61x\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x61x\x01"),
        BYTES_LITERAL("\xa1\x61x\x61\xff"),                 /* no UTF-8 */
        BYTES_LITERAL("\xa1\x61\xff\x01"),                  /* nor here */
        BYTES_LITERAL("\xa1\x61x\x7f\x61\xc3\x61\xa9\xff"), /* a character in two pieces */
        BYTES_LITERAL("\xa1\x61x\x7f\x41x\xff"),            /* bytes for a piece of text */
        BYTES_LITERAL("\xa1\x61x\x5f\x5f\xff\xff"),         /* pieces of pieces */
        BYTES_LITERAL("\xa1\x61x\x5f\x41x"),                /* pieces without an end */
        BYTES_LITERAL("\xa1\x61x\x5f\xc1\x41x\xff"),        /* a piece with a tag */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct kinesis_put_record_input in;
        enum status status = decode(&shape_kinesis_put_record_input, bad[i], &in);
        if (status != MALFORMED || fault.text[0] != '\0' || cbor_is_map(bad[i]))
            fail_msg("row %zu: %s %s", i, status_name(status), fault.text);
        /* The same where the member is known. */
        if (bad[i].len > 3 && memcmp(bad[i].at, "\xa1\x61x", 3) == 0) {
            struct bytes value = bytes_of(bad[i].at + 3, bad[i].len - 3);
            for (int blob = 0; blob <= 1; blob++) {
                status = decode_member(&shape_kinesis_put_record_input,
                                       blob ? "Data" : "PartitionKey", value, &in);
                assert_int_equal(status, MALFORMED);
                assert_string_equal(fault.text, "");
            }
        }
    }
    assert_true(cbor_is_map(BYTES_LITERAL("\xd9\xd9\xf7\xa1\x61x\x82\xf9\x00\x00\xf7")));
}

static void every_beginning_of_a_body_is_refused_and_read_no_further(void **state)
{
    (void)state;
    struct bytes whole = BYTES_LITERAL("\xbf\x67Records\x82\xbf\x64"
                                       "Data\x5f\x58\x02hi\xff\x6cPartitionKey\x62\xc3\xa9\xff\xa0"
                                       "\x61X\x84\x19\x03\xe8\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"
                                       "\xc1\x1a\x00\x00\x00\x01\xa1\x61y\x60\x6aStreamName\x61s"
                                       "\xff");
    struct kinesis_put_records_input in;
    for (size_t len = 0; len < whole.len; len++) {
        struct bytes part = bytes_of(whole.at, len);
        assert_int_equal(decode(&shape_kinesis_put_records_input, part, &in), MALFORMED);
        assert_string_equal(fault.text, "");
        assert_false(cbor_is_map(part));
    }
    assert_int_equal(decode(&shape_kinesis_put_records_input, whole, &in), OK);
    assert_view(in.records.at[0].data, "hi");
    assert_view(in.stream_name, "s");
}

static void depth_ends_at_the_bound(void **state)
{
    (void)state;
    for (size_t deep = CBOR_DEPTH_MAX - 2; deep <= CBOR_DEPTH_MAX + 1; deep++) {
        uint8_t text[4 * CBOR_DEPTH_MAX] = "\xa1\x61x";
        struct kinesis_put_record_input in;
        memset(text + 3, 0x81, deep - 1);
        text[3 + deep - 1] = 0x80;
        bool fits = 1 + deep <= CBOR_DEPTH_MAX;
        struct bytes all = bytes_of(text, 3 + deep);
        assert_int_equal(decode(&shape_kinesis_put_record_input, all, &in), fits ? OK : MALFORMED);
        assert_int_equal(cbor_is_map(all), fits);
    }
    /* Tags are no depth. */
    uint8_t tags[20000] = "\xa1\x61x";
    memset(tags + 3, 0xc1, sizeof(tags) - 4);
    tags[sizeof(tags) - 1] = 0x01;
    assert_true(cbor_is_map(bytes_of(tags, sizeof(tags))));
}

static void a_body_that_needs_too_much_is_too_large(void **state)
{
    (void)state;
    struct kinesis_put_records_input in;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_append(&text, BYTES_LITERAL("\xa1\x67Records\x9f"));
    for (int i = 0; i < 100000; i++)
        buf_append_byte(&text, 0xf6);
    buf_append_byte(&text, 0xff);
    assert_int_equal(decode(&shape_kinesis_put_records_input, buf_view(&text), &in), TOO_LARGE);
    assert_int_equal(fault.status, TOO_LARGE);
    buf_fini(&text);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    mem_free(body);
    body = NULL;
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(members_go_to_their_places),
        TEST(a_string_of_definite_length_is_a_view_of_the_body),
        TEST(any_length_may_be_indefinite),
        TEST(lengths_may_be_longer_than_they_need),
        TEST(lists_and_maps_keep_their_order),
        TEST(the_last_of_a_member_given_twice_wins),
        TEST(integers_are_read_in_every_size),
        TEST(integers_are_cut_and_clamped_as_those_of_json),
        TEST(times_are_milliseconds_with_a_tag_or_without),
        TEST(broken_numbers_are_read_in_every_size),
        TEST(every_kind_refuses_every_other),
        TEST(the_first_wrong_type_is_told_and_a_later_broken_item_hides_it),
        TEST(almost_cbor_is_refused),
        TEST(every_beginning_of_a_body_is_refused_and_read_no_further),
        TEST(depth_ends_at_the_bound),
        TEST(a_body_that_needs_too_much_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
