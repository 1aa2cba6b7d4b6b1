/* event_stream_test.c: frames byte for byte, and what is no frame. The golden frames are the test
 * vectors that AWS publishes with its event-stream libraries. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"
#include "unit/base/cmocka_all.h"
#include "wire/event_stream.h"

#include <zlib.h>

#define FOO_BAR "{'foo':'bar'}"
static const uint8_t empty_frame[] = {0, 0,    0,    0x10, 0,    0,    0,    0,
                                      5, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff};
static const uint8_t payload_frame[] =
    "\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a" FOO_BAR "\xc3\x65\x39\x36";
static const uint8_t string_frame[] = "\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96"
                                      "\x0c"
                                      "content-type\x07\x00\x10"
                                      "application/json" FOO_BAR "\x8d\x9c\x08\xb1";
static const uint8_t all_types_frame[] =
    "\x00\x00\x00\xcc\x00\x00\x00\xaf\x0f\xae\x64\xca"
    "\x0a"
    "event-type\x04\x00\x00\xa0\x0c"
    "\x0c"
    "content-type\x07\x00\x10"
    "application/json"
    "\x0a"
    "bool false\x01"
    "\x09"
    "bool true\x00"
    "\x04"
    "byte\x02\xcf"
    "\x08"
    "byte buf\x06\x00\x14I'm a little teapot!"
    "\x09"
    "timestamp\x08\x00\x00\x00\x00\x00\x84\x5f\xed"
    "\x05"
    "int16\x03\x00\x2a"
    "\x05"
    "int64\x05\x00\x00\x00\x00\x02\x87\x57\xb2"
    "\x04"
    "uuid\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10" FOO_BAR
    "\xab\xa5\xf1\x0c";
/* An event as the service sends it, its sums by another program. */
static const uint8_t initial_frame[] = "\x00\x00\x00\x72\x00\x00\x00\x60\xab\x82\x0d\x9e"
                                       "\x0b:event-type\x07\x00\x10initial-response"
                                       "\x0d:content-type\x07\x00\x1a"
                                       "application/x-amz-json-1.1"
                                       "\x0d:message-type\x07\x00\x05"
                                       "event"
                                       "{}\xac\xae\x6b\x7d";

/* A string literal's bytes. */
#define GOLDEN(frame) bytes_of(frame, sizeof(frame) - 1)

static void assert_bytes(struct bytes is, struct bytes expected)
{
    assert_int_equal(is.len, expected.len);
    assert_memory_equal(is.at, expected.at, expected.len);
}

static void assert_text(struct bytes is, const char *expected)
{
    assert_non_null(is.at);
    assert_bytes(is, bytes_text(expected));
}

/* ---- writing ---- */

static void frames_are_those_of_aws(void **state)
{
    (void)state;
    struct buf out;
    struct event_stream_frame frame;
    const struct event_stream_string header = {BYTES_LITERAL("content-type"),
                                               BYTES_LITERAL("application/json")};
    buf_init(&out, 1000);
    event_stream_begin(&out, &frame, NULL, 0);
    event_stream_end(&out, &frame);
    assert_bytes(buf_view(&out), bytes_of(empty_frame, sizeof(empty_frame)));

    buf_clear(&out);
    event_stream_begin(&out, &frame, NULL, 0);
    buf_append_text(&out, FOO_BAR);
    event_stream_end(&out, &frame);
    assert_bytes(buf_view(&out), GOLDEN(payload_frame));

    buf_clear(&out);
    event_stream_begin(&out, &frame, &header, 1);
    buf_append_text(&out, FOO_BAR);
    event_stream_end(&out, &frame);
    assert_bytes(buf_view(&out), GOLDEN(string_frame));
    assert_int_equal(out.status, OK);
    buf_fini(&out);
}

static void a_frame_may_follow_another(void **state)
{
    (void)state;
    struct buf out;
    struct event_stream_frame frame;
    struct event_stream_message message;
    struct fault f;
    size_t first, second;
    buf_init(&out, 1000);
    event_stream_begin_event(&out, &frame, "initial-response", "application/x-amz-json-1.1");
    buf_append_text(&out, "{}");
    event_stream_end(&out, &frame);
    assert_bytes(buf_view(&out), GOLDEN(initial_frame));
    event_stream_begin_exception(&out, &frame, "ResourceInUseException",
                                 "application/x-amz-cbor-1.1");
    buf_append_text(&out, "\xa0");
    event_stream_end(&out, &frame);
    assert_int_equal(out.status, OK);

    assert_int_equal(event_stream_parse(buf_view(&out), &message, &first, &f), OK);
    assert_text(event_stream_string(&message, ":message-type"), "event");
    assert_text(event_stream_string(&message, ":event-type"), "initial-response");
    assert_text(event_stream_string(&message, ":content-type"), "application/x-amz-json-1.1");
    assert_null(event_stream_string(&message, ":exception-type").at);
    assert_text(message.payload, "{}");
    struct bytes rest = bytes_of(out.at + first, out.len - first);
    assert_int_equal(event_stream_parse(rest, &message, &second, &f), OK);
    assert_text(event_stream_string(&message, ":message-type"), "exception");
    assert_text(event_stream_string(&message, ":exception-type"), "ResourceInUseException");
    assert_text(event_stream_string(&message, ":content-type"), "application/x-amz-cbor-1.1");
    assert_text(message.payload, "\xa0");
    assert_int_equal(first + second, out.len);
    buf_fini(&out);
}

static void a_full_buffer_latches_and_nothing_is_written_beyond_it(void **state)
{
    (void)state;
    struct event_stream_frame frame;
    for (size_t ceiling = 0; ceiling < sizeof(payload_frame); ceiling++) {
        struct buf out;
        buf_init(&out, ceiling);
        event_stream_begin(&out, &frame, NULL, 0);
        buf_append_text(&out, FOO_BAR);
        event_stream_end(&out, &frame);
        assert_int_equal(out.status, ceiling < sizeof(payload_frame) - 1 ? TOO_LARGE : OK);
        buf_fini(&out);
    }
}

static void an_event_over_the_bound_is_not_written(void **state)
{
    (void)state;
    struct buf out;
    struct event_stream_frame frame;
    buf_init(&out, EVENT_STREAM_FRAME_BYTES_MAX + 100);
    for (size_t over = 0; over <= 1; over++) {
        buf_clear(&out);
        event_stream_begin(&out, &frame, NULL, 0);
        size_t payload = (size_t)EVENT_STREAM_FRAME_BYTES_MAX - 16 + over;
        uint8_t *to = buf_reserve(&out, payload);
        assert_non_null(to);
        memset(to, 'x', payload);
        buf_add(&out, payload);
        event_stream_end(&out, &frame);
        assert_int_equal(out.status, over == 1 ? TOO_LARGE : OK);
    }
    buf_fini(&out);
}

/* ---- reading ---- */

static void every_type_of_header_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum event_stream_type type;
        size_t len;
    } expected[] = {
        {"event-type", EVENT_STREAM_INTEGER, 4},  {"content-type", EVENT_STREAM_STRING, 16},
        {"bool false", EVENT_STREAM_FALSE, 0},    {"bool true", EVENT_STREAM_TRUE, 0},
        {"byte", EVENT_STREAM_BYTE, 1},           {"byte buf", EVENT_STREAM_BYTES, 20},
        {"timestamp", EVENT_STREAM_TIMESTAMP, 8}, {"int16", EVENT_STREAM_SHORT, 2},
        {"int64", EVENT_STREAM_LONG, 8},          {"uuid", EVENT_STREAM_UUID, 16}};
    struct event_stream_message message;
    struct event_stream_header header;
    struct fault f;
    size_t taken;
    assert_int_equal(event_stream_parse(GOLDEN(all_types_frame), &message, &taken, &f), OK);
    assert_int_equal(taken, sizeof(all_types_frame) - 1);
    assert_text(message.payload, FOO_BAR);
    struct bytes rest = message.headers;
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        assert_true(event_stream_header_next(&rest, &header));
        assert_text(header.name, expected[i].name);
        assert_int_equal(header.type, expected[i].type);
        assert_int_equal(header.value.len, expected[i].len);
    }
    assert_false(event_stream_header_next(&rest, &header));
    assert_int_equal(rest.len, 0);
    /* A value that is no string has no text. */
    assert_null(event_stream_string(&message, "byte buf").at);
    assert_text(event_stream_string(&message, "content-type"), "application/json");
}

static void a_beginning_asks_for_more(void **state)
{
    (void)state;
    struct event_stream_message message;
    struct fault f;
    size_t taken;
    struct bytes whole = GOLDEN(all_types_frame);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *block = mem_must(len == 0 ? 1 : len); /* so that a sanitizer sees its end */
        memcpy(block, whole.at, len);
        assert_int_equal(event_stream_parse(bytes_of(block, len), &message, &taken, &f), END);
        mem_free(block);
    }
}

static void any_flipped_bit_is_found(void **state)
{
    (void)state;
    struct event_stream_message message;
    struct fault f;
    size_t taken;
    uint8_t frame[sizeof(all_types_frame) - 1];
    for (size_t bit = 0; bit < sizeof(frame) * 8; bit++) {
        memcpy(frame, all_types_frame, sizeof(frame));
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(event_stream_parse(bytes_of(frame, sizeof(frame)), &message, &taken, &f),
                         CORRUPT);
    }
}

/* A frame with these lengths and bytes and with right checksums. */
static enum status parse_made(uint32_t total, uint32_t headers, struct bytes rest)
{
    uint8_t frame[256] = {(uint8_t)(total >> 24),   (uint8_t)(total >> 16),
                          (uint8_t)(total >> 8),    (uint8_t)total,
                          (uint8_t)(headers >> 24), (uint8_t)(headers >> 16),
                          (uint8_t)(headers >> 8),  (uint8_t)headers};
    uint32_t sum = (uint32_t)crc32(0, frame, 8);
    for (int i = 0; i < 4; i++)
        frame[8 + i] = (uint8_t)(sum >> (24 - 8 * i));
    memcpy(frame + 12, rest.at, rest.len);
    sum = (uint32_t)crc32(0, frame, (uInt)(12 + rest.len));
    for (size_t i = 0; i < 4; i++)
        frame[12 + rest.len + i] = (uint8_t)(sum >> (24 - 8 * i));
    struct event_stream_message message;
    struct fault f;
    size_t taken;
    return event_stream_parse(bytes_of(frame, 16 + rest.len), &message, &taken, &f);
}

static void lengths_that_no_frame_has_are_refused(void **state)
{
    (void)state;
    struct bytes none = BYTES_LITERAL("");
    assert_int_equal(parse_made(16, 0, none), OK);
    assert_int_equal(parse_made(15, 0, none), MALFORMED);
    assert_int_equal(parse_made(0, 0, none), MALFORMED);
    assert_int_equal(parse_made(16, 1, none), MALFORMED);
    assert_int_equal(parse_made(17, 0, none), END);
    assert_int_equal(parse_made(EVENT_STREAM_FRAME_BYTES_MAX, 0, none), END);
    assert_int_equal(parse_made(EVENT_STREAM_FRAME_BYTES_MAX + 1, 0, none), TOO_LARGE);
    assert_int_equal(parse_made(UINT32_MAX, UINT32_MAX, none), TOO_LARGE);
    assert_int_equal(parse_made(MIB(1), EVENT_STREAM_HEADER_BYTES_MAX + 1, none), TOO_LARGE);
}

static void headers_that_are_broken_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct bytes headers;
        int whole; /* how many are read before the broken one */
        bool fine;
    } rows[] = {
        {BYTES_LITERAL("\1a\0"), 1, true},
        {BYTES_LITERAL("\1a\7\0\0"), 1, true},
        {BYTES_LITERAL("\0\0"), 0, false},         /* no name */
        {BYTES_LITERAL("\2a\0"), 0, false},        /* no type */
        {BYTES_LITERAL("\1a\x0a"), 0, false},      /* no such type */
        {BYTES_LITERAL("\1a\7\0"), 0, false},      /* half a length */
        {BYTES_LITERAL("\1a\7\0\2x"), 0, false},   /* half a string */
        {BYTES_LITERAL("\1a\4\0\0\0"), 0, false},  /* half a number */
        {BYTES_LITERAL("\1a\0\1b\0\1"), 2, false}, /* a third */
        {BYTES_LITERAL("\1a\7\x7f\xff"
                       "b"),
         0, false}, /* a string that is not there */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct bytes rest = rows[i].headers;
        struct event_stream_header header;
        uint32_t len = (uint32_t)rest.len;
        int whole = 0;
        assert_int_equal(parse_made(16 + len, len, rest), rows[i].fine ? OK : MALFORMED);
        while (event_stream_header_next(&rest, &header))
            whole++;
        assert_int_equal(whole, rows[i].whole);
        assert_int_equal(rest.len == 0, rows[i].fine);
    }
}

static void what_was_written_is_read_again(void **state)
{
    (void)state;
    struct random r;
    struct buf out;
    uint8_t text[300];
    random_seed(&r, 11);
    buf_init(&out, 10000);
    for (int round = 0; round < 500; round++) {
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (uint8_t)random_next(&r);
        const struct event_stream_string headers[2] = {
            {BYTES_LITERAL("first"), bytes_of(text, random_below(&r, 300))},
            {bytes_of(text, 1 + random_below(&r, 255)), BYTES_LITERAL("")}};
        struct bytes payload = bytes_of(text + 7, random_below(&r, 290));
        struct event_stream_frame frame;
        struct event_stream_message message;
        struct fault f;
        size_t taken;
        size_t before = random_below(&r, 20);
        buf_clear(&out);
        buf_append(&out, bytes_of(text, before));
        event_stream_begin(&out, &frame, headers, 2);
        buf_append(&out, payload);
        event_stream_end(&out, &frame);
        struct bytes written = bytes_of(out.at + before, out.len - before);
        assert_int_equal(event_stream_parse(written, &message, &taken, &f), OK);
        assert_int_equal(taken, written.len);
        assert_bytes(message.payload, payload);
        assert_bytes(event_stream_string(&message, "first"), headers[0].value);
    }
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_those_of_aws),
        cmocka_unit_test(a_frame_may_follow_another),
        cmocka_unit_test(a_full_buffer_latches_and_nothing_is_written_beyond_it),
        cmocka_unit_test(an_event_over_the_bound_is_not_written),
        cmocka_unit_test(every_type_of_header_is_read),
        cmocka_unit_test(a_beginning_asks_for_more),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(lengths_that_no_frame_has_are_refused),
        cmocka_unit_test(headers_that_are_broken_are_refused),
        cmocka_unit_test(what_was_written_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
