/* cbor_fuzz.c: any bytes as the body of any operation's request, or of its answer: decoded, checked,
 * written and decoded again, to the same bytes; also by way of JSON, whose codec must hold whatever
 * this one does. What the decoder accepts and what cbor_is_map accepts must agree.
 *
 * First byte: the operation, and whether it is the answer. */
#include "tests/fuzz/codec_fuzz.h"
#include "wire/cbor.h"
#include "wire/check.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was written in one form says the same when read again. */
static void read_again(decode_fn *how, const struct shape *s, const struct buf *written,
                       const struct buf *cbor, struct arena *a)
{
    struct buf twice;
    struct fault f;
    uint64_t again[STRUCT_WORDS];
    uint8_t *block = NULL;
    if (written->status != OK)
        return;
    buf_init(&twice, ARENA_BYTES);
    enum status status = decode_block(how, s, buf_view(written), a, again, &f, &block);
    must(status == OK || status == TOO_LARGE);
    if (status == OK) {
        cbor_encode(s, again, &twice);
        must(bytes_equal(buf_view(cbor), buf_view(&twice)));
    }
    mem_free(block);
    buf_fini(&twice);
}

static void round_trip(const struct shape *s, const void *in, struct arena *a)
{
    struct buf cbor, json;
    buf_init(&cbor, ARENA_BYTES);
    buf_init(&json, ARENA_BYTES);
    cbor_encode(s, in, &cbor);
    json_encode(s, in, &json);
    if (cbor.status == OK) {
        must(cbor_is_map(buf_view(&cbor)));
        read_again(cbor_decode, s, &cbor, &cbor, a);
        read_again(json_decode, s, &json, &cbor, a);
    }
    buf_fini(&cbor);
    buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct shape *s = shape_for(data[0]);
    uint64_t in[STRUCT_WORDS];
    struct bytes text = bytes_of(data + 1, size - 1);
    struct arena arena;
    struct fault f;
    uint8_t *block;
    arena_init(&arena, ARENA_BYTES);
    bool map = cbor_is_map(text);
    enum status status = decode_block(cbor_decode, s, text, &arena, in, &f, &block);
    must(status == OK || status == MALFORMED || status == TOO_LARGE);
    must(status != OK || map);
    must(status != MALFORMED || map == (f.text[0] != '\0'));
    if (status == OK) {
        status = check(s, in, &f);
        must(status == OK || (status == INVALID_VALUE && f.text[0] != '\0'));
        round_trip(s, in, &arena);
    }
    mem_free(block);
    arena_fini(&arena);
    return 0;
}
