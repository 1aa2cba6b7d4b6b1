/* json_fuzz.c: any bytes as the body of any operation's request, or of its answer: decoded,
 * checked, written and decoded again, to the same text. What the decoder accepts and what
 * json_is_object accepts must agree, and all paths of base64 must.
 *
 * First byte: the operation, and whether it is the answer; second: the base64 path. */
#include "tests/fuzz/codec_fuzz.h"
#include "wire/base64.h"
#include "wire/check.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded can be written, and says the same when read again. */
static void round_trip(const struct shape *s, const void *in, struct arena *a)
{
    struct buf once, twice;
    struct fault f;
    uint64_t again[STRUCT_WORDS];
    uint8_t *block = NULL;
    buf_init(&once, ARENA_BYTES);
    buf_init(&twice, ARENA_BYTES);
    json_encode(s, in, &once);
    if (once.status == OK) {
        must(json_is_object(buf_view(&once)));
        enum status status = decode_block(json_decode, s, buf_view(&once), a, again, &f, &block);
        must(status == OK || status == TOO_LARGE);
        if (status == OK) {
            json_encode(s, again, &twice);
            must(bytes_equal(buf_view(&once), buf_view(&twice)));
        }
    }
    mem_free(block);
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct shape *s = shape_for(data[0]);
    uint64_t in[STRUCT_WORDS];
    if (!base64_force((enum base64_path)(data[1] % 3)))
        must(base64_force(BASE64_PORTABLE));
    struct bytes text = bytes_of(data + 2, size - 2);
    struct arena arena;
    struct fault f;
    uint8_t *block;
    arena_init(&arena, ARENA_BYTES);
    bool object = json_is_object(text);
    enum status status = decode_block(json_decode, s, text, &arena, in, &f, &block);
    must(status == OK || status == MALFORMED || status == TOO_LARGE);
    must(status != OK || object);
    must(status != MALFORMED || object == (f.text[0] != '\0'));
    if (status == OK) {
        status = check(s, in, &f);
        must(status == OK || (status == INVALID_VALUE && f.text[0] != '\0'));
        round_trip(s, in, &arena);
    }
    mem_free(block);
    arena_fini(&arena);
    return 0;
}
