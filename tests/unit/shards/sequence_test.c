/* sequence_test.c: sequence numbers against numbers computed with big integers elsewhere (python).
 */
#include "shards/sequence.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static void numbers_are_those_of_big_integers(void **state)
{
    (void)state;
    static const struct {
        struct sequence s;
        const char *text;
    } known[] = {
        {{1700000000, 0u, 1700000000, 0, false},
         "49646437577108476416916876405825929425585429676275269634"},
        {{1700000000, 1u, 1700000005, 3, false},
         "49646437577175378652512468275251745506222989733565300786"},
        {{1764000000, 9223372036854775807u, 1764000099, 19999, false},
         "49669273540537433325591033640029716059572041910759776754"},
        {{1, 2u, 3, 4, false}, "49039857308154458371437717331643026092891848604502720578"},
        {{1793000000, 123456789u, 1793000001, 17, false},
         "49679621085986190729350161427856994727505223246464155922"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        char text[SEQUENCE_TEXT_BYTES];
        assert_int_equal(sequence_print(&known[i].s, text), strlen(known[i].text));
        assert_string_equal(text, known[i].text);
    }
}

static void what_was_printed_parses_back(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        struct sequence s = {random_next(&r) & 0xfffffffff, random_next(&r) >> 1,
                             random_next(&r) & 0xfffffffff, (uint32_t)random_next(&r) & INT32_MAX,
                             (random_next(&r) & 1) != 0};
        char text[SEQUENCE_TEXT_BYTES];
        struct sequence back;
        bool shard_known;
        size_t len = sequence_print(&s, text);
        assert_int_equal(sequence_parse(bytes_of(text, len), &back, &shard_known), OK);
        assert_true(shard_known);
        assert_true(s.created_s == back.created_s && s.place == back.place);
        assert_true(s.time_s == back.time_s && s.shard == back.shard);
        assert_true(s.behind == back.behind);
    }
}

/* Both are 56 digits, so text order is number order. */
static void a_number_behind_a_record_lies_between_it_and_the_next(void **state)
{
    (void)state;
    struct sequence record = {
        .created_s = 1700000000, .place = 5, .time_s = 1700000900, .shard = 3};
    struct sequence early = record, late = record, next = record;
    early.behind = late.behind = true;
    early.time_s = 1700000000;
    late.time_s = 1800000000;
    next.place = 6;
    next.time_s = record.time_s;
    char a[SEQUENCE_TEXT_BYTES], b[SEQUENCE_TEXT_BYTES], c[SEQUENCE_TEXT_BYTES],
        d[SEQUENCE_TEXT_BYTES];
    size_t len = sequence_print(&record, a);
    assert_int_equal(sequence_print(&early, b), len);
    assert_int_equal(sequence_print(&late, c), len);
    assert_int_equal(sequence_print(&next, d), len);
    assert_true(strcmp(a, b) < 0 && strcmp(b, c) < 0 && strcmp(c, d) < 0);
}

static void neighbours_of_a_new_stream_differ_by_the_known_step(void **state)
{
    (void)state;
    /* 16^36 + 16, as seen on AWS: 22300745198530623141535718272648361505980432 */
    char a[SEQUENCE_TEXT_BYTES], b[SEQUENCE_TEXT_BYTES];
    sequence_print(&(struct sequence){.created_s = 1700000000, .time_s = 1700000000, .shard = 0},
                   a);
    sequence_print(&(struct sequence){.created_s = 1700000000, .time_s = 1700000000, .shard = 1},
                   b);
    const char *step = "22300745198530623141535718272648361505980432";
    int carry = 0;
    char sum[SEQUENCE_TEXT_BYTES];
    size_t len = strlen(a), step_len = strlen(step);
    for (size_t i = 0; i < len; i++) {
        int digit =
            a[len - 1 - i] - '0' + carry + (i < step_len ? step[step_len - 1 - i] - '0' : 0);
        sum[len - 1 - i] = (char)('0' + digit % 10);
        carry = digit / 10;
    }
    sum[len] = '\0';
    assert_string_equal(sum, b);
}

static void what_no_stream_gave_out_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "1",
        "-5",
        "49600000000000000000000000000000000000000000000000000003",
        "99999999999999999999999999999999999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct sequence s;
        bool shard_known;
        assert_int_equal(sequence_parse(bytes_text(bad[i]), &s, &shard_known), INVALID_ARGUMENT);
    }
}

static void small_numbers_name_a_shard_and_nothing_else(void **state)
{
    (void)state;
    struct sequence s;
    bool shard_known;
    assert_int_equal(sequence_parse(BYTES_LITERAL("5"), &s, &shard_known), INVALID_ARGUMENT);
    assert_true(shard_known);
    assert_int_equal(s.shard, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_big_integers),
        cmocka_unit_test(what_was_printed_parses_back),
        cmocka_unit_test(a_number_behind_a_record_lies_between_it_and_the_next),
        cmocka_unit_test(neighbours_of_a_new_stream_differ_by_the_known_step),
        cmocka_unit_test(what_no_stream_gave_out_is_refused),
        cmocka_unit_test(small_numbers_name_a_shard_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
