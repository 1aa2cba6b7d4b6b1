/* rope_test.c: a text in pieces reads as the whole, from anywhere, into any room. */
#include "base/rope.h"

#include "unit/base/cmocka_all.h"

static const char text[] = "one, two, three";
static const struct bytes pieces[] = {{(const uint8_t *)text, 4},
                                      {(const uint8_t *)text + 4, 0},
                                      {(const uint8_t *)text + 4, 1},
                                      {NULL, 0},
                                      {(const uint8_t *)text + 5, sizeof(text) - 1 - 5}};
enum { LEN = sizeof(text) - 1 };

static void it_reads_as_the_whole(void **state)
{
    (void)state;
    const struct rope r = {pieces, sizeof(pieces) / sizeof(pieces[0])};
    assert_int_equal(rope_len(r), LEN);
    for (size_t from = 0; from <= LEN + 1; from++) {
        for (size_t room = 0; room <= LEN + 1; room++) {
            uint8_t got[LEN + 2];
            size_t left = from < LEN ? LEN - from : 0, n = left < room ? left : room;
            memset(got, '#', sizeof(got));
            assert_int_equal(rope_copy(r, from, got, room), n);
            assert_memory_equal(got, text + from, n);
            assert_int_equal(got[n], '#');
        }
    }
}

static void nothing_has_no_bytes(void **state)
{
    (void)state;
    uint8_t got;
    assert_int_equal(rope_len((struct rope){0}), 0);
    assert_int_equal(rope_copy((struct rope){0}, 0, &got, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reads_as_the_whole),
        cmocka_unit_test(nothing_has_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
