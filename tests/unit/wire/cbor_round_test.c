/* cbor_round_test.c: every input and output of the service, with random contents, through both
 * codecs: JSON text -> struct -> CBOR -> struct -> JSON text, the same as before. The two decoders
 * thereby agree on where each member lies and what it holds. */
#include "base/mem.h"
#include "base/random.h"
#include "unit/base/cmocka_all.h"
#include "wire/cbor.h"
#include "wire/json.h"
#include "wire/model/kinesis.h"

enum { ROUNDS = 60, STRUCT_WORDS = 128, BYTES_MAX = 1 << 20, NESTED_MAX = 6 };

static struct random chance;

static bool one_in(unsigned n)
{
    return random_below(&chance, n) == 0;
}

static void random_text(struct buf *out)
{
    static const char *const pieces[] = {"a",
                                         "Z9",
                                         " ",
                                         "\\\"",
                                         "\\u0000",
                                         "\xc3\xa9",
                                         "\xf0\x9f\x98\x80",
                                         "0123456789abcdef0123456789"};
    buf_append_byte(out, '"');
    for (uint64_t n = random_below(&chance, one_in(20) ? 400 : 8); n > 0; n--)
        buf_append_text(out, pieces[random_below(&chance, sizeof(pieces) / sizeof(*pieces))]);
    buf_append_byte(out, '"');
}

static void random_blob(struct buf *out)
{
    buf_append_byte(out, '"');
    for (uint64_t n = random_below(&chance, one_in(20) ? 50000 : 30); n > 0; n--)
        buf_append_text(out, one_in(2) ? "AP+/" : "aGVs");
    buf_append_text(out, one_in(2) ? "bA==\"" : "\"");
}

static void random_number(struct buf *out, enum shape_kind kind)
{
    /* All magnitudes, so that every length of a CBOR number comes up. */
    uint64_t size = random_next(&chance) >> random_below(&chance, 64);
    if (kind == SHAPE_TIMESTAMP)
        size /= 2000000;
    if (one_in(4))
        buf_append_byte(out, '-');
    buf_append_u64(out, size);
    if (kind == SHAPE_TIMESTAMP)
        buf_append_text(out, one_in(2) ? ".25" : ".007");
}

static void random_value(struct buf *out, const struct shape *s, unsigned nested);

static void random_structure(struct buf *out, const struct shape *s, unsigned nested)
{
    bool first = true;
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < s->field_count; i++) {
        if (one_in(5))
            continue;
        buf_append_text(out, first ? "\"" : ",\"");
        buf_append_text(out, s->fields[i].name);
        buf_append_text(out, "\":");
        random_value(out, s->fields[i].shape, nested + 1);
        first = false;
    }
    buf_append_byte(out, '}');
}

/* A map's names must differ, so they are numbered. */
static void random_members(struct buf *out, const struct shape *s, unsigned nested)
{
    const struct shape *element = s->kind == SHAPE_MAP ? s->map_value : s->element;
    uint64_t count = nested > NESTED_MAX ? 0 : random_below(&chance, one_in(10) ? 60 : 4);
    buf_append_byte(out, s->kind == SHAPE_MAP ? '{' : '[');
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        if (s->kind == SHAPE_MAP)
            buf_printf(out, "\"name %u\":", (unsigned)i);
        random_value(out, element, nested + 1);
    }
    buf_append_byte(out, s->kind == SHAPE_MAP ? '}' : ']');
}

static void random_value(struct buf *out, const struct shape *s, unsigned nested)
{
    switch (s->kind) {
    case SHAPE_STRING:
        random_text(out);
        break;
    case SHAPE_BLOB:
        random_blob(out);
        break;
    case SHAPE_BOOLEAN:
        buf_append_text(out, one_in(2) ? "true" : "false");
        break;
    case SHAPE_STRUCTURE:
        random_structure(out, s, nested);
        break;
    case SHAPE_LIST:
    case SHAPE_MAP:
        random_members(out, s, nested);
        break;
    default:
        random_number(out, s->kind);
    }
}

struct bench {
    struct arena arena;
    struct buf given, json, cbor, again, cbor_again;
};

static void clear(struct bench *b)
{
    struct buf *all[] = {&b->given, &b->json, &b->cbor, &b->again, &b->cbor_again};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        buf_clear(all[i]);
    arena_reset(&b->arena);
}

static void assert_same(const struct shape *s, const struct buf *a, const struct buf *b)
{
    if (a->len != b->len || memcmp(a->at, b->at, a->len) != 0)
        fail_msg("%s: '%.*s' became '%.*s'", s->name, BYTES_ARGS(buf_view(a)),
                 BYTES_ARGS(buf_view(b)));
}

static void round_trip(struct bench *b, const struct shape *s)
{
    uint64_t first[STRUCT_WORDS], second[STRUCT_WORDS];
    struct fault f;
    clear(b);
    assert_true(s->size <= sizeof(first));
    random_structure(&b->given, s, 0);
    assert_int_equal(b->given.status, OK);
    assert_int_equal(json_decode(s, b->given.at, b->given.len, &b->arena, first, &f), OK);
    json_encode(s, first, &b->json);
    cbor_encode(s, first, &b->cbor);
    assert_int_equal(b->cbor.status, OK);
    assert_true(cbor_is_map(buf_view(&b->cbor)));
    assert_int_equal(cbor_decode(s, b->cbor.at, b->cbor.len, &b->arena, second, &f), OK);
    json_encode(s, second, &b->again);
    assert_same(s, &b->json, &b->again);
    cbor_encode(s, second, &b->cbor_again);
    assert_true(bytes_equal(buf_view(&b->cbor), buf_view(&b->cbor_again)));
}

static void what_json_holds_cbor_holds_too(void **state)
{
    (void)state;
    static struct bench b;
    arena_init(&b.arena, 16 * BYTES_MAX);
    struct buf *all[] = {&b.given, &b.json, &b.cbor, &b.again, &b.cbor_again};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        buf_init(all[i], 16 * BYTES_MAX);
    random_seed(&chance, 20131202);
    for (unsigned op = 0; op < KINESIS_OPERATIONS; op++) {
        for (int round = 0; round < ROUNDS; round++) {
            round_trip(&b, kinesis_operations[op].input);
            if (kinesis_operations[op].output != NULL)
                round_trip(&b, kinesis_operations[op].output);
        }
    }
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        buf_fini(all[i]);
    arena_fini(&b.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_json_holds_cbor_holds_too)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
