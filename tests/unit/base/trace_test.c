/* trace_test.c: diagnostic lines, read back from a pipe in stderr's place. */
#include "base/thread.h"
#include "base/trace.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>

static char said[256 * 1024];

static void listen_to(void (*run)(void *), void *arg)
{
    assert_int_equal(child_run(run, arg, said, sizeof(said)), 0);
}

static void say_as_text(void *arg)
{
    trace(TRACE_WARN, "listener", "said %s", (const char *)arg);
}

static void say_as_json(void *arg)
{
    trace_set_format(TRACE_JSON);
    say_as_text(arg);
}

static void a_text_line_has_time_level_thread_part_and_message(void **state)
{
    (void)state;
    listen_to(say_as_text, "hello");
    assert_int_equal(strlen("2026-11-23T23:58:46.123Z"), 24);
    assert_int_equal(said[23], 'Z');
    assert_string_equal(said + 24, " warn [main] listener: said hello\n");
}

static const char *field(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    assert_non_null(text);
    return text;
}

static void assert_json_says(const char *words, const char *expected)
{
    listen_to(say_as_json, (void *)(uintptr_t)words);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    json_t *line = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_int_equal(strlen(field(line, "time")), 24);
    assert_string_equal(field(line, "level"), "warn");
    assert_string_equal(field(line, "part"), "listener");
    assert_string_equal(field(line, "thread"), "main");
    assert_string_equal(field(line, "message"), expected);
    json_decref(line);
}

static void a_json_line_is_json_whatever_was_said(void **state)
{
    (void)state;
    assert_json_says("hello", "said hello");
    assert_json_says("\"quotes\" and \\", "said \"quotes\" and \\");
    assert_json_says("two\nlines\tand\x01\x1f\x7f", "said two\nlines\tand\x01\x1f\x7f");
    assert_json_says("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
                     "said caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
#define REPLACED "\xef\xbf\xbd"
    assert_json_says("\xff", "said " REPLACED);
    assert_json_says("cut \xe2\x82", "said cut " REPLACED REPLACED);
    assert_json_says("\xc0\xaf", "said " REPLACED REPLACED);              /* overlong */
    assert_json_says("\xed\xa0\x80", "said " REPLACED REPLACED REPLACED); /* a surrogate */
    assert_json_says("\xf4\x90\x80\x80", "said " REPLACED REPLACED REPLACED REPLACED);
    assert_json_says("\xc2\x9b", "said \xc2\x9b"); /* C1, escaped on the way */
    assert_null(strchr(said, (char)0x9b));
}

static void a_text_line_escapes_what_could_forge_or_steer(void **state)
{
    (void)state;
    listen_to(say_as_text, "a\nb\x1b[2J\x7f\xc2\x9b\xff \xc3\xa9");
    assert_string_equal(said + 24,
                        " warn [main] listener: said a\\x0ab\\x1b[2J\\x7f\\x9b\\xff \xc3\xa9\n");
}

static void a_long_message_is_cut_and_still_a_line(void **state)
{
    (void)state;
    static char words[20000];
    memset(words, 'x', sizeof(words) - 1);
    listen_to(say_as_text, words);
    assert_true(strlen(said) > 2000 && strlen(said) < 8192);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    memset(words, 1, sizeof(words) - 1); /* six bytes each when escaped */
    listen_to(say_as_json, words);
    assert_true(strlen(said) < 8192);
    json_t *line = json_loads(said, 0, NULL);
    assert_non_null(line);
    json_decref(line);
}

static void say_at_all_levels(void *arg)
{
    trace_set_level(*(enum trace_level *)arg);
    trace(TRACE_ERROR, "p", "e");
    trace(TRACE_WARN, "p", "w");
    trace(TRACE_INFO, "p", "i");
    trace(TRACE_DEBUG, "p", "d");
}

static unsigned lines(void)
{
    unsigned count = 0;
    for (const char *at = said; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

static void the_level_decides_what_is_said(void **state)
{
    (void)state;
    for (unsigned level = TRACE_ERROR; level <= TRACE_DEBUG; level++) {
        enum trace_level most = (enum trace_level)level;
        listen_to(say_at_all_levels, &most);
        assert_int_equal(lines(), level + 1);
    }
}

static void keep_errno(void *arg)
{
    (void)arg;
    int nowhere = open("/dev/full", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    errno = EXDEV;
    trace(TRACE_ERROR, "p", "said into the void");
    if (errno != EXDEV)
        _exit(3);
}

static void errno_is_left_as_it_was(void **state)
{
    (void)state;
    listen_to(keep_errno, NULL);
}

static void say_seldom(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++)
        TRACE_SELDOM(TRACE_WARN, "p", "again");
}

static void a_gate_lets_one_line_a_second_through(void **state)
{
    (void)state;
    int times = 1000;
    listen_to(say_seldom, &times);
    assert_in_range(lines(), 1, 2); /* 2 if a second just went by */
}

static void reopen(void *arg)
{
    (void)arg;
    static struct trace_gate gate;
    if (!trace_gate_open(&gate))
        _exit(3);
    gate.last_s -= 5; /* as if it had last opened 5 seconds ago */
    gate.dropped = 41;
    if (!trace_gate_open(&gate))
        _exit(4);
    trace(TRACE_WARN, "p", "again");
    trace(TRACE_WARN, "p", "something else");
}

static void the_next_line_tells_how_many_were_left_out(void **state)
{
    (void)state;
    listen_to(reopen, NULL);
    assert_non_null(strstr(said, "p: again (and 41 more like it)\n"));
    assert_non_null(strstr(said, "p: something else\n"));
}

static void say_a_lot(void *arg)
{
    for (int i = 0; i < 200; i++)
        trace(TRACE_INFO, "p", "%.200s", (const char *)arg);
}

static void say_from_threads(void *arg)
{
    (void)arg;
    static char words[4][201];
    struct thread threads[4] = {0};
    for (int i = 0; i < 4; i++) {
        memset(words[i], 'a' + i, 200);
        thread_start(&threads[i], THREAD_READER, "talker", say_a_lot, words[i]);
    }
    for (int i = 0; i < 4; i++)
        thread_join(&threads[i]);
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    listen_to(say_from_threads, NULL);
    assert_int_equal(lines(), 800);
    for (const char *at = said; *at != '\0'; at = strchr(at, '\n') + 1) {
        const char *words = strstr(at, "p: ") + 3;
        assert_int_equal(strcspn(words, "\n"), 200);
        char one[2] = {words[0], '\0'};
        assert_int_equal(strspn(words, one), 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_has_time_level_thread_part_and_message),
        cmocka_unit_test(a_json_line_is_json_whatever_was_said),
        cmocka_unit_test(a_text_line_escapes_what_could_forge_or_steer),
        cmocka_unit_test(a_long_message_is_cut_and_still_a_line),
        cmocka_unit_test(the_level_decides_what_is_said),
        cmocka_unit_test(errno_is_left_as_it_was),
        cmocka_unit_test(a_gate_lets_one_line_a_second_through),
        cmocka_unit_test(the_next_line_tells_how_many_were_left_out),
        cmocka_unit_test(lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
