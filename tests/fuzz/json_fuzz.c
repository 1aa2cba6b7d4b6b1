/* json_fuzz.c: any bytes as the body of a request: decoded, checked, written and read again, to the
 * same text. */
#include "base/mem.h"
#include "base/must.h"
#include "wire/check.h"
#include "wire/json.h"
#include "wire/model/kinesis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct shape *s, const void *in, struct buf *out)
{
    buf_init(out, 1 << 22);
    json_encode(s, in, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct shape *s = kinesis_operations[data[0] % KINESIS_OPERATIONS].input;
    uint64_t in[128], again[128];
    must(s->size <= sizeof(in));
    struct arena arena;
    struct fault f;
    arena_init(&arena, 1 << 22);
    uint8_t *body = mem_must(size);
    memcpy(body, data + 1, size - 1);
    bool object = json_is_object(bytes_of(data + 1, size - 1));
    enum status st = json_decode(s, body, size - 1, &arena, in, &f);
    must(st != OK || object);
    must(st != MALFORMED || object == (f.text[0] != '\0'));
    if (st == OK) {
        struct buf once, twice;
        if (check(s, in, &f) != OK)
            must(f.text[0]);
        encode(s, in, &once);
        uint8_t *copy = mem_must(once.len + 1);
        memcpy(copy, once.at, once.len);
        must(once.status != OK || json_decode(s, copy, once.len, &arena, again, &f) == OK);
        if (once.status == OK) {
            encode(s, again, &twice);
            must(bytes_equal(buf_view(&once), buf_view(&twice)));
            buf_fini(&twice);
        }
        mem_free(copy);
        buf_fini(&once);
    }
    mem_free(body);
    arena_fini(&arena);
    return 0;
}
